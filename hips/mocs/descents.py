"""From circles and polygons to the cells that each touches: downwards, by the cells of its border alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from hips.mocs.fronts import Chains, Discs, Front, Sorted
from hips.mocs.owned import Places
from hips.mocs.planes import Cells
from vo_service.sky import healpix29, positions
from vo_service.sky.cell_ranges import ORDER, Numbers
from vo_service.sky.covers import cells_beside, orders_round
from vo_service.sky.vectors import Flags, Floats

_AT_ONCE: Final = 30_000  # cells that are looked at together, about
_BORDER: Final = 12.0  # cells of a border for each that its radius is long, at most about


@dataclass(frozen=True, slots=True, eq=False)
class Touched:
    """Ranges of cells of one order, by the number of the shape; ``whole`` ones lie in it, sides and all."""

    shape: Places
    starts: Numbers
    stops: Numbers
    whole: Flags

    def numbered(self, numbers: Places) -> Touched:
        """The same, of shapes that have other numbers."""
        return Touched(numbers[self.shape], self.starts, self.stops, self.whole)

    def chosen(self, some: Flags) -> Touched:
        """Some of the ranges."""
        return Touched(self.shape[some], self.starts[some], self.stops[some], self.whole[some])

    @staticmethod
    def concatenated(parts: Sequence[Touched]) -> Touched:
        """Several, one behind the other."""
        return Touched(
            np.concatenate([part.shape for part in parts]),
            np.concatenate([part.starts for part in parts]),
            np.concatenate([part.stops for part in parts]),
            np.concatenate([part.whole for part in parts]),
        )


def cover_discs(centre: Floats, radius: Floats, order: int) -> Touched:
    """The cells of ``order`` that circles touch: unit vectors ``(n, 3)``, radii above 0 in radians, below
    `planes.WIDEST`."""
    found = _Found(order)
    for part in _parts(radius, order):
        discs = Discs.of(centre[part], radius[part])
        start = _Start.of(centre[part], radius[part], order)
        owner, cells = np.empty(0, np.intp), np.empty(0, np.int64)
        for level in start.levels(order):
            new_owner, new_cells = start.cells(level)
            owner, cells = np.concatenate([owner, new_owner]), np.concatenate([cells, new_cells])
            told = discs.look(owner, cells, level)
            found.add(part[owner], cells, level, told)
            owner, cells = np.repeat(owner[told.border], 4), _children(cells[told.border])
    return found.all()


def cover_chains(centre: Floats, radius: Floats, count: Places, corners: Floats, order: int) -> Touched:
    """The cells of ``order`` that polygons touch: caps as of circles, and ``count`` corners each, unit
    vectors one after another."""
    found = _Found(order)
    first = np.cumsum(count) - count
    for part in _parts(radius, order):
        ends = first[part[0]], first[part[-1]] + count[part[-1]]
        chains = Chains.of(centre[part], radius[part], count[part], corners[slice(*ends)])
        start = _Start.of(centre[part], radius[part], order)
        front = Front.first(chains, np.empty(0, np.intp), np.empty(0, np.int64))
        for level in start.levels(order):
            front = front.joined(Front.first(chains, *start.cells(level)))
            told, children = front.look(chains, level)
            found.add(part[front.owner], front.cells, level, told)
            front = children
    return found.all()


def _parts(radius: Floats, order: int) -> Iterator[Places]:
    """Numbers of neighbouring shapes, so many that their borders are not too long."""
    work = np.cumsum(9.0 + _BORDER * radius * 2.0**order)
    yield from (
        part
        for part in np.split(np.arange(len(radius)), np.flatnonzero(np.diff(work // _AT_ONCE)) + 1)
        if len(part)
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Start:
    """Where to begin: the order at which each shape lies in the cell of its middle and its neighbours."""

    orders: Numbers
    middles: Numbers

    @staticmethod
    def of(centre: Floats, radius: Floats, order: int) -> _Start:
        return _Start(np.minimum(orders_round(radius), order), healpix29(*positions(centre)))

    def levels(self, order: int) -> range:
        return range(int(self.orders.min()), order + 1)

    def cells(self, level: int) -> tuple[Places, Cells]:
        """Shapes that begin at this order, each with its nine cells (or eight, at some corners)."""
        mine = np.flatnonzero(self.orders == level)
        if len(mine) == 0:
            return mine, np.empty(0, np.int64)
        beside = cells_beside((self.middles[mine] >> (2 * (ORDER - level))).astype(np.uint64), level)
        some = beside >= 0
        return np.repeat(mine, some.sum(axis=1)), beside[some]


class _Found:
    """Cells of any order as they are found, as ranges of the order that is asked for."""

    def __init__(self, order: int) -> None:
        self._order = order
        none = np.empty(0, np.int64)
        self._parts = [Touched(none.astype(np.intp), none, none, none.astype(bool))]

    def add(self, shape: Places, cells: Cells, level: int, told: Sorted) -> None:
        """The whole cells, and at the last order those at the border."""
        kept = told.whole | told.border if level == self._order else told.whole
        shift = 2 * (self._order - level)
        numbers = cells[kept]
        self._parts.append(Touched(shape[kept], numbers << shift, (numbers + 1) << shift, told.whole[kept]))

    def all(self) -> Touched:
        return Touched.concatenated(self._parts)


def _children(cells: Cells) -> Cells:
    children: Cells = (cells[:, None] * 4 + np.arange(4)).ravel()
    return children
