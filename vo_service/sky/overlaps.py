"""How much of a coverage map, or of a map of probability, lies in each of many shapes.

Where a map has one density in all cells round a shape it is that times the shape's area, and most shapes are
done with so. Of the others what differs from the density at their centres is added up, down the cells: those
outside of the shape go, of those inside all counts, of one that the shape's border crosses what is inside of
it counts once the map is even in it; else its four children are looked at.

Unions of circles and polygons are worked out so by their members, regions of any other kind one by one, by
places in the cells on their borders.

The error is below 1e-4 of a shape's area, times the largest density round it, for circles and for polygons
that do not cross themselves; for all others (unions, ranges, wide polygons) below 2e-3, however far their
parts lie from each other, unless they are some hundred times longer than wide. Where a map changes
along all of a shape's border within some hundredths of its size, what is uneven in the last cells is
spread evenly, and these errors are ten times as large.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from vo_service.sky import pair_kernels as kernels
from vo_service.sky.cell_ranges import ORDER
from vo_service.sky.circles import SKY_DEG2
from vo_service.sky.covers import cells_about, near_circles, orders_round
from vo_service.sky.densities import CELL_SR, Density
from vo_service.sky.overlap_parts import SKY_SR, PieceCells, areas_of, groups_of
from vo_service.sky.overlap_regions import amount_beyond, area_of_region
from vo_service.sky.overlap_shapes import Footprints
from vo_service.sky.overlap_unions import Mosaics
from vo_service.sky.shapes import Kind, Places, Shapes
from vo_service.sky.vectors import Floats, healpix29, positions

_AT_ONCE: Final = 20_000  # shapes
_REGIONS_AT_ONCE: Final = 500
_WIDE_AT_ONCE: Final = 500  # shapes of which all cells of the least order are looked at
_CELLS_AT_ONCE: Final = 100_000
_LEAST_ORDER: Final = 3  # cells of it lie in a plane well enough
_DEEPER: Final = 8  # orders below those of the first cells to which uneven ones are followed


@dataclass(frozen=True, slots=True, eq=False)
class Overlaps:
    """Of each shape its area (square degrees), and the amount of what a map has in it (square degrees of a
    coverage map, probability); NaN for what is no shape."""

    areas: Floats
    amounts: Floats


def _go_on() -> None:
    pass


def overlaps(shapes: Shapes, density: Density, check: Callable[[], None] = _go_on) -> Overlaps:
    """The overlaps of shapes with a map. ``check`` is called now and then, and ends it by what it raises."""
    areas, amounts = np.full(len(shapes), np.nan), np.full(len(shapes), np.nan)
    is_plain = (shapes.kind == Kind.DISC) | (shapes.kind == Kind.CHAIN)
    others = [np.flatnonzero(shapes.kind == Kind.REGION)]
    for rows in kernels.parts(np.flatnonzero(is_plain), _AT_ONCE):
        check()
        areas[rows] = areas_of(shapes, rows)
        others.append(rows[np.isnan(areas[rows])])
        rows = rows[~np.isnan(areas[rows])]
        amounts[rows] = _amounts(shapes, rows, areas[rows], density, check)
    for rows in kernels.parts(np.concatenate(others), _REGIONS_AT_ONCE):
        areas[rows], amounts[rows] = _regions(shapes, rows, density, check)
    most = np.minimum(areas * density.highest, density.total)
    return Overlaps(areas * (SKY_DEG2 / SKY_SR), np.clip(amounts, 0.0, most))


def _regions(
    shapes: Shapes, rows: Places, density: Density, check: Callable[[], None]
) -> tuple[Floats, Floats]:
    """Areas (steradians) of regions of any kind, and what they hold of a map."""
    regions = [shapes.region(row) for row in rows.tolist()]
    centre, radius = shapes.centre[rows], shapes.radius[rows]
    mosaics = Mosaics(regions)
    areas = mosaics.areas(centre, radius, check)
    for at in np.flatnonzero(np.isnan(areas)).tolist():
        check()
        region = regions[at]
        if region is not None:
            areas[at] = area_of_region(region)
    around = _around(centre, radius, np.flatnonzero(areas > 0.0), density)
    amounts = around.level * areas
    by_members = np.isin(around.cells.owner, mosaics.rows)
    amounts += mosaics.beyond(around.cells.take(by_members), density, around.level, check)
    for at in np.unique(around.cells.owner[~by_members]).tolist():
        region = regions[at]
        if region is not None:
            amounts[at] += amount_beyond(region, areas[at], density, around.level[at], check)
    return areas, amounts


def _amounts(
    shapes: Shapes, rows: Places, areas: Floats, density: Density, check: Callable[[], None]
) -> Floats:
    """What circles and polygons hold of a map; circles of more than half of the sky by what is left of it."""
    centre, radius = shapes.centre[rows], shapes.radius[rows]
    wide = (shapes.kind[rows] == Kind.DISC) & (radius > 0.5 * np.pi)
    centre, radius = np.where(wide[:, None], -centre, centre), np.where(wide, np.pi - radius, radius)
    areas = np.where(wide, SKY_SR - areas, areas)
    around = _around(centre, radius, np.flatnonzero(areas > 0.0), density)
    amounts = around.level * areas
    for part, group in groups_of(shapes, rows, np.unique(around.cells.owner), centre, radius, areas):
        mine = np.full(len(rows), -1)
        mine[part] = np.arange(len(part))
        cells = around.cells.take(mine[around.cells.owner] >= 0)
        cells = replace(cells, owner=mine[cells.owner])
        amounts[part] += _descend(group, density, around.level[part], cells, check)
    return np.where(wide, density.total - amounts, amounts)


@dataclass(frozen=True, slots=True, eq=False)
class _Around:
    """What a map has round circles: per steradian, where that is the same everywhere round one, else 0
    (``level``), and the cells, not much smaller than they are, that cover those round which it is not that
    everywhere."""

    level: Floats
    cells: PieceCells


def _around(centre: Floats, radius: Floats, rows: Places, density: Density) -> _Around:
    """For these rows; the level of others is 0."""
    orders, middles = orders_round(radius[rows]), healpix29(*positions(centre[rows]))
    levels = np.zeros(len(radius))
    levels[rows] = density.even(middles, middles + 1)[1]
    parts = [(rows[:0], rows[:0], rows[:0])]
    for order in np.unique(orders).tolist():
        some = np.flatnonzero(orders == order)
        for these in kernels.parts(some, _AT_ONCE if order >= _LEAST_ORDER else _WIDE_AT_ONCE):
            mine = rows[these]
            if order >= _LEAST_ORDER:
                depth, (cells, there) = order, cells_about(middles[these], order)
            else:
                depth = _LEAST_ORDER
                cells = np.broadcast_to(np.arange(12 * 4**depth), (len(mine), 12 * 4**depth))
                there = np.ones(cells.shape, dtype=bool)
            shift = 2 * (ORDER - depth)
            even, level = density.even(cells << shift, (cells + 1) << shift)
            left = np.logical_or.reduce(there & ~(even & (level == levels[mine, None])), axis=1)
            # from 0 on: what is wrong with a region's border must not count as much as the middle's peak
            levels[mine[left]] = 0.0
            other = there & ~(even & (level == 0.0))
            mine, cells, other = mine[left], cells[left], other[left]
            at, which = np.nonzero(other & near_circles(cells, depth, centre[mine], radius[mine]))
            parts.append((mine[at], cells[at, which], np.full(len(at), depth)))
    owner, numbers, depths = (np.concatenate(each) for each in zip(*parts))
    return _Around(levels, PieceCells(owner, numbers, depths))


def _descend(
    group: Footprints, density: Density, levels: Floats, first: PieceCells, check: Callable[[], None]
) -> Floats:
    """What shapes hold of these cells beyond what they would if the map had their ``levels`` everywhere."""
    amounts = np.zeros(len(levels))
    waiting = [(first, 0)]
    while waiting:
        check()
        near, step = waiting.pop()
        if len(near.owner) > _CELLS_AT_ONCE:
            half = len(near.owner) // 2
            waiting += [(near.take(slice(half)), step), (near.take(slice(half, None)), step)]
            continue
        even, level = density.even(*near.ranges())
        other = ~even | (level != levels[near.owner])
        near, even = near.take(other), even[other]
        if len(near.owner) == 0:
            continue
        outside, inside = group.sides(near.owner, *near.circles())
        whole = near.take(inside)
        starts, stops = whole.ranges()
        more = density.amounts(starts, stops) - levels[whole.owner] * (stops - starts) * CELL_SR
        amounts += np.bincount(whole.owner, more, minlength=len(amounts))
        ends = even | (near.orders == ORDER) | (step == _DEEPER)
        border = near.take(ends & ~inside & ~outside)
        starts, stops = border.ranges()
        mean = density.amounts(starts, stops) / ((stops - starts) * CELL_SR) - levels[border.owner]
        shared = group.shared(border.owner, border.numbers, border.orders)
        amounts += np.bincount(border.owner, mean * shared, minlength=len(amounts))
        waiting.append((near.take(~ends & ~inside & ~outside).children(), step + 1))
    return amounts
