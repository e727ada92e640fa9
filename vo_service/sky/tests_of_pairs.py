"""Tests of many pairs of regions at once.

Circles, and polygons of up to 32 corners and 40 degrees, are tested by arrays, some microseconds a pair;
other regions are held against the caps and corners of all their partners first. Only what is then left is
tested pair by pair.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from vo_service.sky import pair_kernels as kernels
from vo_service.sky.caps import SLACK
from vo_service.sky.near_pairs import Balls, any_of_shapes, near_pairs
from vo_service.sky.pair_chains import (
    AT_ONCE,
    OPEN,
    Chain,
    Verdicts,
    chain_holds_chain,
    chain_holds_disc,
    chain_meets_chain,
    chain_meets_disc,
    disc_holds_chain,
)
from vo_service.sky.region import Region
from vo_service.sky.relations import CLOSE
from vo_service.sky.shapes import Kind, Places, Shapes
from vo_service.sky.unions import Union
from vo_service.sky.vectors import ALLOWANCE, Flags, Floats, positions

Test = Literal["intersects", "covers", "inside"]
Regions = Sequence[Region | None] | Shapes

UNKNOWN: Final = -1
_SHARED: Final = 3  # pairs from which on a region is worth a look at all its partners
_UNIONS_AT_ONCE: Final = 20_000


def _go_on() -> None:
    pass


def test_pairs(test: Test, left: Regions, right: Regions, check: Callable[[], None] = _go_on) -> Verdicts:
    """1 where a pair passes, 0 where not, -1 where a side is unknown.

    ``intersects``: the two share a point; ``covers``: the right one lies wholly in the left; ``inside``: the
    left one lies wholly in the right. A side of one region is held against all of the other side.

    ``check`` is called before each pair that takes long, and ends the test by what it raises.

    Raises:
        ValueError: sides of different lengths, neither of them one.
    """
    one, two = (side if isinstance(side, Shapes) else Shapes.of(side) for side in (left, right))
    count = max(len(one), len(two)) if len(one) and len(two) else 0
    if {len(one), len(two)} - {1, count}:
        raise ValueError(f"sides of {len(one)} and {len(two)} regions: expected equal lengths or one")
    if test == "inside":
        one, two = two, one
    pairs = _Pairs(_stretched(one, count), _stretched(two, count), test != "intersects", check)
    return pairs.settle()


def _stretched(side: Shapes, count: int) -> Shapes:
    return side if len(side) == count else side.take(np.zeros(count, dtype=np.intp))


@dataclass(slots=True)
class _Pairs:
    """Pairs under test: whether ``one`` meets ``two``, or holds it where ``holds``."""

    one: Shapes
    two: Shapes
    holds: bool
    check: Callable[[], None] = _go_on

    def settle(self) -> Verdicts:
        verdicts = np.full(len(self.one), OPEN, dtype=np.int8)
        verdicts[(self.one.kind == Kind.NOTHING) | (self.two.kind == Kind.NOTHING)] = UNKNOWN
        self._by_circles(verdicts)
        self._discs_and_chains(verdicts)
        self._chains(verdicts)
        self._by_members(verdicts)
        self._by_shared_regions(verdicts)
        for row in np.flatnonzero(verdicts == OPEN).tolist():
            self.check()
            one, two = self.one.region(row), self.two.region(row)
            if one is not None and two is not None:
                verdicts[row] = one.covers(two) if self.holds else one.intersects(two)
        return verdicts

    def take(self, rows: Places) -> _Pairs:
        return _Pairs(self.one.take(rows), self.two.take(rows), self.holds, self.check)

    def _open(self, verdicts: Verdicts, one: Kind, two: Kind) -> Places:
        return np.flatnonzero((verdicts == OPEN) & (self.one.kind == one) & (self.two.kind == two))

    def _by_circles(self, verdicts: Verdicts) -> None:
        """Circles among themselves, and whatever caps decide."""
        one, two = self.one, self.two
        near, far = one.centre - two.centre, one.centre + two.centre
        near2, far2 = np.einsum("ij,ij->i", near, near), np.einsum("ij,ij->i", far, far)
        apart = 2.0 * np.arctan2(np.sqrt(near2), np.sqrt(far2))
        numbers = (two.kind == Kind.DISC) | (two.kind == Kind.CHAIN)
        is_open = verdicts == OPEN
        # an inner region may be empty, and then its cap tells nothing
        verdicts[is_open & (apart > one.radius + two.radius + SLACK) & (numbers | (not self.holds))] = 0
        inside = numbers & (one.kind == Kind.DISC) & (apart + two.radius + SLACK <= one.radius)
        verdicts[is_open & inside] = 1
        discs = is_open & (one.kind == Kind.DISC) & (two.kind == Kind.DISC)
        reach = one.radius - two.radius if self.holds else one.radius + two.radius
        passes = kernels.chord_within(near2, far2, reach, ALLOWANCE) | (one.radius >= np.pi)
        if not self.holds:
            passes |= two.radius >= np.pi
        verdicts[discs] = passes[discs]

    def _discs_and_chains(self, verdicts: Verdicts) -> None:
        for rows in kernels.groups(self._open(verdicts, Kind.DISC, Kind.CHAIN), AT_ONCE, self.two.count):
            test = disc_holds_chain if self.holds else chain_meets_disc
            verdicts[rows] = test(Chain.of(self.two, rows), self.one.centre[rows], self.one.radius[rows])
        for rows in kernels.groups(self._open(verdicts, Kind.CHAIN, Kind.DISC), AT_ONCE, self.one.count):
            test = chain_holds_disc if self.holds else chain_meets_disc
            verdicts[rows] = test(Chain.of(self.one, rows), self.two.centre[rows], self.two.radius[rows])

    def _chains(self, verdicts: Verdicts) -> None:
        test = chain_holds_chain if self.holds else chain_meets_chain
        rows = self._open(verdicts, Kind.CHAIN, Kind.CHAIN)
        for part in kernels.groups(rows, AT_ONCE, self.one.count, self.two.count):
            verdicts[part] = test(Chain.of(self.one, part), Chain.of(self.two, part))

    def _by_members(self, verdicts: Verdicts) -> None:
        """Unions by their members: whether one of them meets the other side, or all lie inside it."""
        if self.holds:
            self._by_outer_members(verdicts)
        for side, other in ((self.one, self.two), (self.two, self.one)):
            if self.holds and side is self.one:
                continue
            rows = np.flatnonzero((verdicts == OPEN) & (side.kind == Kind.REGION))
            for part in kernels.parts(rows, _UNIONS_AT_ONCE):
                unions, mine, which = _unions(side, part)
                if len(mine) == 0:
                    continue
                added, partners = _Members.of(unions, which, False), other.take(mine)
                if self.holds:
                    verdicts[mine[added.all_held(partners, self.check)]] = 1
                    continue
                met = added.any_met(partners, self.check)
                verdicts[mine[~met]] = 0
                mine, which = mine[met], which[met]
                holes = _Members.of(unions, which, True).any_met(other.take(mine), self.check)
                verdicts[mine[~holes]] = 1

    def _by_outer_members(self, verdicts: Verdicts) -> None:
        """What meets no member of a union does not lie in it, unless it is empty."""
        shapes = (self.two.kind == Kind.DISC) | (self.two.kind == Kind.CHAIN)
        rows = np.flatnonzero((verdicts == OPEN) & (self.one.kind == Kind.REGION) & shapes)
        for part in kernels.parts(rows, _UNIONS_AT_ONCE):
            unions, mine, which = _unions(self.one, part)
            if len(mine):
                members = _Members.of(unions, which, False)
                verdicts[mine[~members.any_met(self.two.take(mine), self.check)]] = 0

    def _by_shared_regions(self, verdicts: Verdicts) -> None:
        """Regions that many pairs share, against the caps, centres and corners of their partners."""
        for side, other in ((self.one, self.two), (self.two, self.one)):
            rows = np.flatnonzero((verdicts == OPEN) & (side.kind == Kind.REGION))
            order = np.argsort(side.source[rows], kind="stable")
            changes = np.flatnonzero(np.diff(side.source[rows][order])) + 1
            for part in np.split(rows[order], changes):
                if len(part) < _SHARED:
                    continue
                region = side.region(int(part[0]))
                if region is None:
                    continue
                if self.holds and side is self.two:
                    verdicts[part] = _held_points(region, other.take(part))
                else:
                    verdicts[part] = _against(region, other.take(part), self.holds)


def _against(region: Region, partners: Shapes, holds: bool) -> Verdicts:
    """Whether one region meets, or holds, its partners, as far as their caps and corners tell."""
    verdicts = np.full(len(partners), OPEN, dtype=np.int8)
    discs, chains = partners.kind == Kind.DISC, partners.kind == Kind.CHAIN
    shapes = np.flatnonzero(discs | chains)
    centres, radii = partners.centre[shapes], partners.radius[shapes]
    found = np.full(len(shapes), OPEN, dtype=np.int8)
    apart, inside = region.against_caps(centres, radii)
    found[inside] = 1
    found[apart] = 0
    point = np.flatnonzero(discs[shapes] & (radii == 0.0))
    found[point] = region.contains(centres[point], ALLOWANCE)
    left = np.flatnonzero(found == OPEN)
    found[left] = _by_places(region, partners.take(shapes[left]), holds)
    verdicts[shapes] = found
    return verdicts


def _by_places(region: Region, partners: Shapes, holds: bool) -> Verdicts:
    """Whether one region meets circles and polygons, or holds them, as far as their centres and corners
    tell."""
    found = np.full(len(partners), OPEN, dtype=np.int8)
    places, owner = _corners(partners)
    held = region.contains(places, CLOSE)
    discs = partners.kind == Kind.DISC
    centres = np.zeros(len(partners), dtype=bool)
    centres[discs] = region.contains(partners.centre[discs], CLOSE)
    if holds:
        found[(np.bincount(owner, ~held, minlength=len(found)) > 0) | (discs & ~centres)] = 0
    else:
        found[(np.bincount(owner, held, minlength=len(found)) > 0) | centres] = 1
    return found


def _corners(shapes: Shapes) -> tuple[Floats, Places]:
    """All corners of chains, and the row that each belongs to."""
    owner = np.repeat(np.arange(len(shapes)), shapes.count)
    ahead = np.cumsum(shapes.count) - shapes.count
    return shapes.corners[shapes.first[owner] + np.arange(len(owner)) - ahead[owner]], owner


def _held_points(region: Region, outer: Shapes) -> Verdicts:
    """0 where a few places of a region are not all in the outer shapes."""
    places = region.places()
    verdicts = np.full(len(outer), OPEN, dtype=np.int8)
    if len(places):
        lon, lat = positions(places)
        points = Shapes.of_circles(lon, lat, np.zeros(len(lon)))
        rows, which = np.divmod(np.arange(len(outer) * len(points)), len(points))
        held = _Pairs(outer.take(rows), points.take(which), True).settle()
        verdicts[(held.reshape(len(outer), -1) == 0).any(axis=1)] = 0
    return verdicts


@dataclass(frozen=True, slots=True, eq=False)
class _Members:
    """Members of unions: ``count`` rows of ``shapes`` from ``first`` on for each union."""

    shapes: Shapes
    first: Places
    count: Places

    @staticmethod
    def of(unions: Sequence[Union], which: Places, holes: bool) -> _Members:
        """Members (the holes or the others) of ``unions[which[i]]``."""
        members = [union.holes if holes else union.added for union in unions]
        counts = np.array([len(each) for each in members], dtype=np.intp)
        firsts = np.cumsum(counts) - counts
        flat = [region for each in members for region in each]
        return _Members(Shapes.of(flat), firsts[which], counts[which])

    def any_met(self, partners: Shapes, check: Callable[[], None]) -> Flags:
        """Whether a member of each union meets its partner."""

        def meets(partner: Places, member: Places) -> Flags:
            passed: Flags = self._verdicts(partners, partner, member, False, check) == 1
            return passed

        met = np.zeros(len(partners), dtype=bool)
        balls = Balls.of(self.shapes)
        for near in near_pairs(Balls.of(partners), balls, self.first, self.count):
            met[any_of_shapes(near, meets)] = True
        return met

    def all_held(self, partners: Shapes, check: Callable[[], None]) -> Flags:
        """Whether all members of each union lie in its partner."""

        def stands_out(partner: Places, member: Places) -> Flags:
            out: Flags = self._verdicts(partners, partner, member, True, check) != 1
            return out

        held = np.zeros(len(partners), dtype=bool)
        balls = Balls.of(self.shapes)
        # a region may be empty, and then its cap tells nothing
        balls = Balls(balls.centre, np.where(self.shapes.kind == Kind.REGION, np.inf, balls.reach))
        for near in near_pairs(Balls.of(partners), balls, self.first, self.count):
            touched = np.bincount(near.shape, minlength=len(partners)) == self.count
            held[touched] = True
            near = near.where(touched[near.shape])
            held[any_of_shapes(near.turned(), stands_out)] = False
        return held

    def _verdicts(
        self, partners: Shapes, partner: Places, member: Places, holds: bool, check: Callable[[], None]
    ) -> Verdicts:
        return _Pairs(partners.take(partner), self.shapes.take(member), holds, check).settle()


def _unions(side: Shapes, rows: Places) -> tuple[list[Union], Places, Places]:
    """Distinct unions with members that are no holes; the rows that are one, and which one each is."""
    sources, first, which = np.unique(side.source[rows], return_index=True, return_inverse=True)
    unions: list[Union] = []
    number = np.full(len(sources), -1, dtype=np.intp)
    for at, row in enumerate(rows[first].tolist()):
        region = side.region(row)
        if isinstance(region, Union) and region.added:
            number[at] = len(unions)
            unions.append(region)
    mine = number[which] >= 0
    return unions, rows[mine], number[which][mine]
