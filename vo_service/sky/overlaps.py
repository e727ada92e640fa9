"""How much of a coverage map, or of a map of probability, lies in each of many shapes.

Where a map has one density in all cells round a shape it is that times the shape's area, and most shapes are
done with so. Of the others what differs from the density at their centres is added up, down the cells: those
outside of the shape go, of those inside all counts, of one that the shape's border crosses what is inside of
it counts once the map is even in it; else its four children are looked at.

The error is below 1e-4 of a shape's area, times the largest density round it, for circles and for polygons
that do not cross themselves; for all others (unions, ranges, wide polygons) below 2e-3. Where a map changes
along all of a shape's border within some hundredths of its size, what is uneven in the last cells is
spread evenly, and these errors are ten times as large.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from vo_service.sky import pair_kernels as kernels
from vo_service.sky.cell_ranges import ORDER, Numbers
from vo_service.sky.centres import areas_of_chains, surely_simple
from vo_service.sky.chains import Chains
from vo_service.sky.circles import SKY_DEG2
from vo_service.sky.covers import cells_about, children_of, circles_of_cells, near_circles, orders_round
from vo_service.sky.densities import CELL_SR, Density
from vo_service.sky.overlap_regions import amount_in, area_of_region
from vo_service.sky.overlap_shapes import Discs, Footprints, Rings, size_classes
from vo_service.sky.shapes import Kind, Places, Shapes
from vo_service.sky.vectors import Flags, Floats, healpix29, positions

_AT_ONCE: Final = 20_000  # shapes
_WIDE_AT_ONCE: Final = 500  # shapes of which all cells of the least order are looked at
_CELLS_AT_ONCE: Final = 100_000
_LEAST_ORDER: Final = 3  # cells of it lie in a plane well enough
_DEEPER: Final = 8  # orders below those of the first cells to which uneven ones are followed
_SKY_SR: Final = 4.0 * np.pi
_CORNERS: Final = (4, 8, 16, 32)


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
        areas[rows] = _areas(shapes, rows)
        others.append(rows[np.isnan(areas[rows])])
        rows = rows[~np.isnan(areas[rows])]
        amounts[rows] = _amounts(shapes, rows, areas[rows], density, check)
    for row in np.concatenate(others).tolist():
        check()
        region = shapes.region(row)
        if region is not None:
            areas[row], amounts[row] = area_of_region(region), amount_in(region, density)
    most = np.minimum(areas * density.highest, density.total)
    return Overlaps(areas * (SKY_DEG2 / _SKY_SR), np.clip(amounts, 0.0, most))


def _areas(shapes: Shapes, rows: Places) -> Floats:
    """Steradians of circles and polygons; NaN of polygons that may cross themselves."""
    half = np.sin(0.5 * shapes.radius[rows])
    areas: Floats = _SKY_SR * half * half
    chains = np.flatnonzero(shapes.kind[rows] == Kind.CHAIN)
    counts = shapes.count[rows[chains]]
    starts = np.cumsum(counts) - counts
    places = np.repeat(shapes.first[rows[chains]] - starts, counts) + np.arange(int(counts.sum()))
    mine = rows[chains]
    good = np.ones(len(chains), dtype=bool)
    found = Chains(shapes.corners[places], counts, shapes.centre[mine], shapes.radius[mine], good)
    simple = surely_simple(found)
    areas[chains] = np.nan
    areas[chains[simple]] = areas_of_chains(found.chosen(simple))
    return areas


def _amounts(
    shapes: Shapes, rows: Places, areas: Floats, density: Density, check: Callable[[], None]
) -> Floats:
    """What circles and polygons hold of a map; circles of more than half of the sky by what is left of it."""
    centre, radius = shapes.centre[rows], shapes.radius[rows]
    wide = (shapes.kind[rows] == Kind.DISC) & (radius > 0.5 * np.pi)
    centre, radius = np.where(wide[:, None], -centre, centre), np.where(wide, np.pi - radius, radius)
    areas = np.where(wide, _SKY_SR - areas, areas)
    around = _around(centre, radius, np.flatnonzero(areas > 0.0), density)
    amounts = around.level * areas
    for part, group in _groups(shapes, rows, np.unique(around.cells.owner), centre, radius, areas):
        mine = np.full(len(rows), -1)
        mine[part] = np.arange(len(part))
        cells = around.cells.take(mine[around.cells.owner] >= 0)
        cells = replace(cells, owner=mine[cells.owner])
        amounts[part] += _descend(group, density, around.level[part], cells, check)
    return np.where(wide, density.total - amounts, amounts)


def _groups(
    shapes: Shapes, rows: Places, left: Places, centre: Floats, radius: Floats, areas: Floats
) -> Iterator[tuple[Places, Footprints]]:
    """Those of the rows that are ``left``: the circles, and polygons of about as many corners and about one
    size together; the last corner of those with fewer comes again."""
    kind, count = shapes.kind[rows[left]], shapes.count[rows[left]]
    discs = left[kind == Kind.DISC]
    if len(discs):
        yield discs, Discs(centre[discs], radius[discs])
    chains = left[kind == Kind.CHAIN]
    kinds = np.searchsorted(_CORNERS, count[kind == Kind.CHAIN]) * 100 + size_classes(radius[chains])
    for each in np.unique(kinds).tolist():
        part = chains[kinds == each]
        stored = rows[part]
        steps = np.minimum(np.arange(_CORNERS[each // 100]), shapes.count[stored][:, None] - 1)
        corners = shapes.corners[shapes.first[stored][:, None] + steps]
        yield part, Rings.of(centre[part], radius[part], areas[part], corners)


@dataclass(frozen=True, slots=True, eq=False)
class _Cells:
    """Cells of many orders, each of the shape ``owner``."""

    owner: Places
    numbers: Numbers
    orders: Numbers

    def take(self, chosen: Flags | slice) -> _Cells:
        return _Cells(self.owner[chosen], self.numbers[chosen], self.orders[chosen])

    def ranges(self) -> tuple[Numbers, Numbers]:
        """Their cells of order 29: the first, and one past the last."""
        shift = 2 * (ORDER - self.orders)
        return self.numbers << shift, (self.numbers + 1) << shift

    def circles(self) -> tuple[Floats, Floats]:
        """Centres and radii (radians) of circles that hold them."""
        centres, reach = np.empty((len(self.owner), 3)), np.empty(len(self.owner))
        for order in np.unique(self.orders).tolist():
            rows = self.orders == order
            centres[rows], reach[rows] = circles_of_cells(self.numbers[rows].astype(np.uint64), order)
        return centres, reach

    def children(self) -> _Cells:
        numbers = children_of(self.numbers.astype(np.uint64)).astype(np.int64)
        return _Cells(np.repeat(self.owner, 4), numbers, np.repeat(self.orders + 1, 4))


@dataclass(frozen=True, slots=True, eq=False)
class _Around:
    """What a map has round circles: per steradian at their centres (``level``), and the cells, not much
    smaller than they are, that cover those round which it is not that everywhere."""

    level: Floats
    cells: _Cells


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
            other = there & ~(even & (level == levels[mine, None]))
            left = np.logical_or.reduce(other, axis=1)
            mine, cells, other = mine[left], cells[left], other[left]
            at, which = np.nonzero(other & near_circles(cells, depth, centre[mine], radius[mine]))
            parts.append((mine[at], cells[at, which], np.full(len(at), depth)))
    owner, numbers, depths = (np.concatenate(each) for each in zip(*parts))
    return _Around(levels, _Cells(owner, numbers, depths))


def _descend(
    group: Footprints, density: Density, levels: Floats, first: _Cells, check: Callable[[], None]
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
