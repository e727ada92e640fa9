"""What overlaps are worked out of: cells of many orders, and circles and polygons in groups of one kind."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from vo_service.sky.cell_ranges import ORDER, Numbers
from vo_service.sky.cells import Cells, places_in
from vo_service.sky.centres import areas_of_chains, surely_simple
from vo_service.sky.chains import Chains
from vo_service.sky.covers import children_of, circles_of_cells
from vo_service.sky.overlap_shapes import Discs, Footprints, Rings, size_classes
from vo_service.sky.shapes import Kind, Places, Shapes
from vo_service.sky.vectors import Flags, Floats

SKY_SR: Final = 4.0 * np.pi
_CORNERS: Final = (4, 8, 16, 32)
_PLACES: Final = (
    34,
    21,
)  # so many places in a cell on the border, so far from each other that no two of them
# are in line with an edge of the cell: borders run along those


def spread_in(cells: Cells, order: int) -> Floats:
    """Unit vectors ``(n, m, 3)`` of places spread evenly in each cell."""
    count, step = _PLACES
    east = (np.arange(count) + 0.5) / count
    return places_in(cells, order, east, (east * step) % 1.0)


def areas_of(shapes: Shapes, rows: Places) -> Floats:
    """Steradians of circles and polygons; NaN of polygons that may cross themselves."""
    half = np.sin(0.5 * shapes.radius[rows])
    areas: Floats = SKY_SR * half * half
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


def groups_of(
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
class PieceCells:
    """Cells of many orders, each of the shape ``owner``."""

    owner: Places
    numbers: Numbers
    orders: Numbers

    def take(self, chosen: Flags | Places | slice) -> PieceCells:
        return PieceCells(self.owner[chosen], self.numbers[chosen], self.orders[chosen])

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

    def places(self) -> Floats:
        """Of each some places, spread evenly: unit vectors ``(n, m, 3)``."""
        found = np.empty((len(self.owner), _PLACES[0], 3))
        for order in np.unique(self.orders).tolist():
            rows = self.orders == order
            found[rows] = spread_in(self.numbers[rows].astype(np.uint64), order)
        return found

    def children(self) -> PieceCells:
        numbers = children_of(self.numbers.astype(np.uint64)).astype(np.int64)
        return PieceCells(np.repeat(self.owner, 4), numbers, np.repeat(self.orders + 1, 4))
