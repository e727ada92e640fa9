"""How much of a map lies in unions of circles and polygons, with or without holes: many at once, by their
members.

Of a cell that one member's border crosses alone, what lies in the union is what lies in that member, which is
known well however large the cell; only where borders of members cross do cells get smaller, down to some
hundredths of the smallest of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from vo_service.sky.cell_ranges import ORDER, Numbers
from vo_service.sky.circle_unions import areas_of_unions
from vo_service.sky.covers import orders_round
from vo_service.sky.densities import CELL_SR, Density
from vo_service.sky.overlap_parts import PieceCells, areas_of, groups_of
from vo_service.sky.overlap_regions import area_of_region
from vo_service.sky.overlap_shapes import Footprints
from vo_service.sky.region import Region
from vo_service.sky.shapes import Kind, Places, Shapes
from vo_service.sky.unions import Union
from vo_service.sky.vectors import Flags, Floats

_DEEPER: Final = 8  # orders below those of a member's first cells to which uneven ones are followed
_CROSSED: Final = 6  # the same of cells with more than one border
_PAIRS_AT_ONCE: Final = 50_000
_MEMBERS_AT_ONCE: Final = 5_000
_MEMBERS_BY_ARCS: Final = 500  # of a union: all pairs of them are looked at together
_NARROW: Final = 1.5  # radians of a cap of which the area is added up from its middle


@dataclass(frozen=True, slots=True, eq=False)
class _Members:
    """Circles and simple polygons: where each is among those of its kind, and orders of cells about as large
    as each."""

    owner: Places
    is_hole: Flags
    group: Places
    place: Places
    order: Numbers
    groups: Sequence[Footprints]

    def sides(self, chosen: Places, centres: Floats, reach: Floats) -> tuple[Flags, Flags]:
        """As `Footprints.sides`."""
        outside, inside = np.zeros(len(chosen), dtype=bool), np.zeros(len(chosen), dtype=bool)
        for rows, group, place in self._by_group(chosen):
            outside[rows], inside[rows] = group.sides(place, centres[rows], reach[rows])
        return outside, inside

    def shared(self, chosen: Places, cells: Numbers, orders: Numbers) -> Floats:
        """As `Footprints.shared`."""
        found = np.zeros(len(chosen))
        for rows, group, place in self._by_group(chosen):
            found[rows] = group.shared(place, cells[rows], orders[rows])
        return found

    def holds(self, chosen: Places, places: Floats) -> Flags:
        """As `Footprints.holds`."""
        found = np.zeros(places.shape[:2], dtype=bool)
        for rows, group, place in self._by_group(chosen):
            found[rows] = group.holds(place, places[rows])
        return found

    def _by_group(self, chosen: Places) -> Iterator[tuple[Places, Footprints, Places]]:
        groups = self.group[chosen]
        for at in np.unique(groups).tolist():
            rows = np.flatnonzero(groups == at)
            yield rows, self.groups[at], self.place[chosen[rows]]


class Mosaics:
    """Unions whose members are circles of at most a right angle and polygons that surely do not cross
    themselves."""

    def __init__(self, regions: Sequence[Region | None]) -> None:
        """``rows`` are those of the regions that are such unions."""
        unions = [(row, each) for row, each in enumerate(regions) if isinstance(each, Union) and each.added]
        parts = [(row, part, False) for row, each in unions for part in dict.fromkeys(each.added)]
        parts += [(row, part, True) for row, each in unions for part in dict.fromkeys(each.holes)]
        parts.sort(key=lambda part: part[0])
        self._regions = regions
        self._shapes = Shapes.of([part for _, part, _ in parts])
        self._owner = np.array([row for row, _, _ in parts], dtype=np.intp)
        self._is_hole = np.array([is_hole for _, _, is_hole in parts], dtype=bool)
        kind, every = self._shapes.kind, np.arange(len(parts))
        self._areas = np.full(len(parts), np.nan)
        plain = every[(kind == Kind.DISC) | (kind == Kind.CHAIN)]
        self._areas[plain] = areas_of(self._shapes, plain)
        self._areas[(kind == Kind.DISC) & (self._shapes.radius > 0.5 * np.pi)] = np.nan
        odd = np.zeros(len(regions), dtype=bool)
        odd[self._owner[np.isnan(self._areas)]] = True
        self.rows: Places = np.array([row for row, _ in unions if not odd[row]], dtype=np.intp)

    def areas(self, middles: Floats, radii: Floats, check: Callable[[], None]) -> Floats:
        """Steradians of those of the rows, in caps ``(n, 3)`` and radians of all regions; NaN of others."""
        areas = np.full(len(self._regions), np.nan)
        mixed = np.zeros(len(self._regions), dtype=bool)
        mixed[self._owner[(self._shapes.kind != Kind.DISC) | self._is_hole]] = True
        counts = np.bincount(self._owner, minlength=len(self._regions))
        few = counts[self.rows] <= _MEMBERS_BY_ARCS
        by_arcs = self.rows[few & ~mixed[self.rows] & (radii[self.rows] < _NARROW)]
        place = np.full(len(self._regions), -1)
        place[by_arcs] = np.arange(len(by_arcs))
        mine = np.flatnonzero(place[self._owner] >= 0)
        centre, radius = self._shapes.centre[mine], self._shapes.radius[mine]
        check()
        areas[by_arcs] = areas_of_unions(place[self._owner[mine]], centre, radius, middles[by_arcs])
        for row in np.setdiff1d(self.rows, by_arcs).tolist():
            check()
            region = self._regions[row]
            assert region is not None
            areas[row] = area_of_region(region)
        return areas

    def beyond(
        self, cells: PieceCells, density: Density, levels: Floats, check: Callable[[], None]
    ) -> Floats:
        """What the regions hold in these cells, which no region has twice, beyond what they would if the map
        had their ``levels`` (per steradian) everywhere."""
        found = np.zeros(len(self._regions))
        counts = np.bincount(self._owner, minlength=len(self._regions))
        wanted = np.unique(cells.owner)
        blocks = np.cumsum(counts[wanted]) // _MEMBERS_AT_ONCE
        for block in np.unique(blocks).tolist():
            chosen = np.zeros(len(self._regions), dtype=bool)
            chosen[wanted[blocks == block]] = True
            members = self._members(np.flatnonzero(chosen[self._owner] & (self._areas > 0.0)))
            mine = cells.take(chosen[cells.owner])
            for each in _descend(members, mine, density, levels, check):
                found += np.bincount(each[0], each[1], minlength=len(found))
        return found

    def _members(self, rows: Places) -> _Members:
        shapes = self._shapes
        group, place = np.zeros(len(shapes), np.intp), np.zeros(len(shapes), np.intp)
        groups: list[Footprints] = []
        every = np.arange(len(shapes))
        for part, made in groups_of(shapes, every, rows, shapes.centre, shapes.radius, self._areas):
            group[part], place[part] = len(groups), np.arange(len(part))
            groups.append(made)
        orders = np.maximum(0, orders_round(shapes.radius[rows]))
        return _Members(self._owner[rows], self._is_hole[rows], group[rows], place[rows], orders, groups)


@dataclass(frozen=True, slots=True, eq=False)
class _Near:
    """Cells, which of them lie in a member that is no hole, and pairs of cells and members whose borders may
    cross them."""

    cells: PieceCells
    covered: Flags
    cell: Places
    member: Places

    def take(self, chosen: Flags) -> _Near:
        place = np.cumsum(chosen) - 1
        pairs = chosen[self.cell]
        return _Near(
            self.cells.take(chosen), self.covered[chosen], place[self.cell[pairs]], self.member[pairs]
        )

    def children(self) -> _Near:
        cell = (4 * self.cell[:, None] + np.arange(4)).ravel()
        return _Near(self.cells.children(), np.repeat(self.covered, 4), cell, np.repeat(self.member, 4))


def _descend(
    members: _Members, cells: PieceCells, density: Density, levels: Floats, check: Callable[[], None]
) -> Iterator[tuple[Places, Floats]]:
    """Regions, and what is to be added to what they hold."""
    waiting = [_first(members, cells)]
    while waiting:
        check()
        near = waiting.pop()
        if len(near.cell) > _PAIRS_AT_ONCE and len(near.cells.owner) > 1:
            low = np.arange(len(near.cells.owner)) < len(near.cells.owner) // 2
            waiting += [near.take(low), near.take(~low)]
            continue
        even, level = density.even(*near.cells.ranges())
        near = _looked_at(members, near.take(~even | (level != levels[near.cells.owner])))
        if len(near.cells.owner) == 0:
            continue
        ends = _done(members, near, density)
        done = near.take(ends)
        starts, stops = done.cells.ranges()
        more = density.amounts(starts, stops) - levels[done.cells.owner] * (stops - starts) * CELL_SR
        yield done.cells.owner, _shares(members, done) * more
        waiting.append(near.take(~ends).children())


def _first(members: _Members, cells: PieceCells) -> _Near:
    """Cells with all members of their regions."""
    starts = np.searchsorted(members.owner, cells.owner)
    counts = np.searchsorted(members.owner, cells.owner, side="right") - starts
    cell = np.repeat(np.arange(len(cells.owner)), counts)
    member = np.arange(len(cell)) + (starts - (np.cumsum(counts) - counts))[cell]
    return _Near(cells, np.zeros(len(cells.owner), dtype=bool), cell, member)


def _looked_at(members: _Members, near: _Near) -> _Near:
    """The cells that may lie in their regions, with the borders that count in them."""
    centres, reach = near.cells.circles()
    outside, inside = members.sides(near.member, centres[near.cell], reach[near.cell])
    hole, count = members.is_hole[near.member], len(near.cells.owner)
    covered, crossed = near.covered.copy(), np.zeros(count, dtype=bool)
    covered[near.cell[inside & ~hole]] = True
    crossing = ~outside & ~inside & (hole | ~covered[near.cell])
    crossed[near.cell[crossing & ~hole]] = True
    left = covered | crossed
    left[near.cell[inside & hole]] = False
    return _Near(near.cells, covered, near.cell[crossing], near.member[crossing]).take(left)


def _done(members: _Members, near: _Near, density: Density) -> Flags:
    """Which cells are not to be divided."""
    even, _ = density.even(*near.cells.ranges())
    borders = np.bincount(near.cell, minlength=len(even))
    steps = np.where(borders == 1, np.where(even, 0, _DEEPER), _CROSSED)
    deepest = np.zeros(len(even), dtype=np.int64)
    np.maximum.at(deepest, near.cell, members.order[near.member] + steps[near.cell])
    done: Flags = near.cells.orders >= np.minimum(deepest, ORDER)
    return done


def _shares(members: _Members, near: _Near) -> Floats:
    """Which part of each cell lies in the region."""
    cells, count = near.cells, len(near.cells.owner)
    shares, borders = near.covered.astype(np.float64), np.bincount(near.cell, minlength=count)
    alone = borders[near.cell] == 1
    at, member = near.cell[alone], near.member[alone]
    starts, stops = cells.take(at).ranges()
    part = members.shared(member, cells.numbers[at], cells.orders[at]) / ((stops - starts) * CELL_SR)
    shares[at] = np.where(members.is_hole[member], 1.0 - part, part)
    at, member = near.cell[~alone], near.member[~alone]
    if len(at):
        some = np.flatnonzero(borders > 1)
        places = cells.take(some).places()
        row = np.searchsorted(some, at)
        held, hole = members.holds(member, places[row]), members.is_hole[member]
        inside = np.repeat(near.covered[some, None], places.shape[1], axis=1)
        np.logical_or.at(inside, row[~hole], held[~hole])
        np.logical_and.at(inside, row[hole], ~held[hole])
        shares[some] = inside.mean(axis=1)
    return shares
