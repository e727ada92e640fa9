"""How much of a coverage map, or of a map of probability, lies in each of many shapes.

Where a map has one density in all cells round a shape it is that times the shape's area, and most shapes are
done with so. The others are followed down the cells: those outside of the shape go, of those inside all
counts, of one that the shape's border crosses what is inside of it counts once the map is even in it; else
its four children are looked at.

The error is below 1e-4 of a shape's area, times the largest density round it, for circles and for polygons
that do not cross themselves; for all others (unions, ranges, wide polygons) below 2e-3. Where a map changes
along all of a shape's border within some hundredths of its size, what is uneven in the last cells is
spread evenly, and these errors are ten times as large.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
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
from vo_service.sky.vectors import Flags, Floats

_AT_ONCE: Final = 20_000  # shapes
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
    for rows in kernels.parts(np.flatnonzero(shapes.kind == Kind.DISC), _AT_ONCE):
        check()
        areas[rows], amounts[rows] = _of_discs(shapes.centre[rows], shapes.radius[rows], density)
    others = [np.flatnonzero(shapes.kind == Kind.REGION)]
    for rows in kernels.parts(np.flatnonzero(shapes.kind == Kind.CHAIN), _AT_ONCE):
        check()
        chains = _chains_of(shapes, rows)
        simple = surely_simple(chains)
        others.append(rows[~simple])
        rows = rows[simple]
        areas[rows] = areas_of_chains(chains.chosen(simple))
        for part, rings in _rings_of(shapes, rows, areas):
            amounts[part] = _amounts(rings, density)
    for row in np.concatenate(others).tolist():
        check()
        region = shapes.region(row)
        if region is not None:
            areas[row], amounts[row] = area_of_region(region), amount_in(region, density)
    most = np.minimum(areas * density.highest, density.total)
    return Overlaps(areas * (SKY_DEG2 / _SKY_SR), np.clip(amounts, 0.0, most))


def _of_discs(centre: Floats, radius: Floats, density: Density) -> tuple[Floats, Floats]:
    """Areas (steradians) and amounts of circles; of more than half of the sky by what is left of it."""
    wide = radius > 0.5 * np.pi
    discs = Discs(np.where(wide[:, None], -centre, centre), np.where(wide, np.pi - radius, radius))
    amounts = _amounts(discs, density)
    return np.where(wide, _SKY_SR - discs.area, discs.area), np.where(wide, density.total - amounts, amounts)


def _chains_of(shapes: Shapes, rows: Places) -> Chains:
    counts = shapes.count[rows]
    starts = np.cumsum(counts) - counts
    places = np.repeat(shapes.first[rows] - starts, counts) + np.arange(int(counts.sum()))
    good = np.ones(len(rows), dtype=bool)
    return Chains(shapes.corners[places], counts, shapes.centre[rows], shapes.radius[rows], good)


def _rings_of(shapes: Shapes, rows: Places, areas: Floats) -> Iterator[tuple[Places, Rings]]:
    """Polygons of about as many corners and about one size together; the last corner of those with fewer
    comes again."""
    corners = np.searchsorted(_CORNERS, shapes.count[rows])
    kinds = corners * 100 + size_classes(shapes.radius[rows])
    for kind in np.unique(kinds).tolist():
        part = rows[kinds == kind]
        steps = np.minimum(np.arange(_CORNERS[kind // 100]), shapes.count[part][:, None] - 1)
        ends = shapes.corners[shapes.first[part][:, None] + steps]
        yield part, Rings.of(shapes.centre[part], shapes.radius[part], areas[part], ends)


def _amounts(group: Footprints, density: Density) -> Floats:
    """What shapes of one kind hold of a map."""
    amounts = np.zeros(len(group.radius))
    rows = np.flatnonzero(group.area > 0.0)
    if len(rows) == 0:
        return amounts
    near = _first_cells(group, rows)
    even, level = density.even(*near.ranges())
    begins = np.flatnonzero(np.diff(near.owner, prepend=-1))
    first = np.repeat(level[begins], np.diff(begins, append=len(level)))
    alike = np.logical_and.reduceat(even & (level == first), begins)
    done = near.owner[begins[alike]]
    amounts[done] = level[begins[alike]] * group.area[done]
    is_left = np.ones(len(amounts), dtype=bool)
    is_left[done] = False
    _descend(group, density, near.take(is_left[near.owner]), amounts)
    return amounts


@dataclass(frozen=True, slots=True, eq=False)
class _Cells:
    """Cells of many orders, each of the shape ``owner``."""

    owner: Places
    numbers: Numbers
    orders: Numbers

    def take(self, chosen: Flags) -> _Cells:
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


def _first_cells(group: Footprints, rows: Places) -> _Cells:
    """Cells that cover shapes, about as wide as these, or narrower; those of a shape side by side."""
    orders = orders_round(group.radius[rows])
    parts = []
    for order in np.unique(orders).tolist():
        mine = rows[orders == order]
        centres, radii = group.centre[mine], group.radius[mine]
        if order >= _LEAST_ORDER:
            cells, near = cells_about(centres, radii, order)
        else:
            order = _LEAST_ORDER
            cells = np.broadcast_to(np.arange(12 * 4**order), (len(mine), 12 * 4**order))
            near = near_circles(cells, order, centres, radii)
        at, which = np.nonzero(near)
        parts.append((mine[at], cells[at, which], np.full(len(at), order)))
    owner, numbers, depths = (np.concatenate(each) for each in zip(*parts))
    sorting = np.argsort(owner, kind="stable")
    return _Cells(owner[sorting], numbers[sorting], depths[sorting])


def _descend(group: Footprints, density: Density, near: _Cells, amounts: Floats) -> None:
    """Add to ``amounts`` what shapes hold of these cells, in which the map is not even."""

    def add(owner: Places, values: Floats) -> None:
        amounts[:] += np.bincount(owner, values, minlength=len(amounts))

    for step in range(_DEEPER + 1):
        even, level = density.even(*near.ranges())
        some = ~even | (level > 0.0)
        near, even, level = near.take(some), even[some], level[some]
        if len(near.owner) == 0:
            return
        outside, inside = group.sides(near.owner, *near.circles())
        whole = near.take(inside)
        add(whole.owner, density.amounts(*whole.ranges()))
        ends = even | (near.orders == ORDER) | (step == _DEEPER)
        border = near.take(ends & ~inside & ~outside)
        starts, stops = border.ranges()
        mean = density.amounts(starts, stops) / ((stops - starts) * CELL_SR)
        add(border.owner, mean * group.shared(border.owner, border.numbers, border.orders))
        near = near.take(~ends & ~inside & ~outside).children()
