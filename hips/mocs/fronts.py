"""Footprints that are circles or chains of corners, and the cells that they touch, from coarse to fine.

A *front* is cells that a footprint's border runs through; the next order looks at their children alone.
Footprints are closed: what only touches the border counts. The inside of a chain is what its edges enclose
an odd number of times, as in `vo_service.sky.polygons`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from hips.mocs.owned import Places, stretches
from hips.mocs.planes import Cells, Outlines, Planes, outlines
from vo_service.sky.vectors import Flags, Floats

_OUTSIDE: Final = (6.4142, 4.1713)
"""A place outside of all chains, in units of their radii; chains lie within 1.01 of the middle."""


@dataclass(frozen=True, slots=True, eq=False)
class Sorted:
    """Of the cells that were looked at those that lie in the footprint, and those that its border touches."""

    whole: Flags
    border: Flags


@dataclass(frozen=True, slots=True, eq=False)
class Discs:
    """Circles: planes at their centres and tangents of their radii."""

    planes: Planes
    tangent: Floats

    @staticmethod
    def of(centre: Floats, radius: Floats) -> Discs:
        """Circles round unit vectors; radii in radians, below `planes.WIDEST`."""
        return Discs(Planes.at(centre), np.tan(radius))

    def look(self, owner: Places, cells: Cells, order: int) -> Sorted:
        """Cells of one order, each against the circle of its owner."""
        seen = outlines(cells, order, self.planes.take(owner))
        reach, give = self.tangent[owner], 2.0 * seen.slack
        holds_middle = (seen.away >= -seen.slack[:, None]).all(axis=1)
        near = holds_middle | (_to_sides(seen) <= reach + give)
        farthest = np.sqrt((seen.x * seen.x + seen.y * seen.y).max(axis=1))
        whole = farthest + give <= reach
        return Sorted(whole, near & ~whole)


def _to_sides(seen: Outlines) -> Floats:
    """Distances from the middles of the planes to the nearest sides of the cells."""
    along_x, along_y = -seen.out_y, seen.out_x
    length = np.hypot(seen.x - seen.x[:, [1, 2, 3, 0]], seen.y - seen.y[:, [1, 2, 3, 0]])
    at = np.clip(-(seen.x * along_x + seen.y * along_y), 0.0, length)
    near: Floats = np.hypot(seen.x + at * along_x, seen.y + at * along_y).min(axis=1)
    return near


@dataclass(frozen=True, slots=True, eq=False)
class Chains:
    """Polygons: planes at the middles of their caps, and edges, from ``first[i]`` on ``count[i]`` of them.

    An edge leads from its corner ``x, y`` to that of the edge ``end`` after it.
    """

    planes: Planes
    tangent: Floats
    first: Places
    count: Places
    x: Floats
    y: Floats
    end: Places

    @staticmethod
    def of(centre: Floats, radius: Floats, count: Places, corners: Floats) -> Chains:
        """Polygons with corners (unit vectors) one after another, in caps of radii below `planes.WIDEST`."""
        planes = Planes.at(centre)
        x, y, _ = planes.take(np.repeat(np.arange(len(count)), count)).seen(corners[:, None, :])
        first = np.cumsum(count) - count
        end = np.arange(1, len(corners) + 1)
        end[first + count - 1] = first
        return Chains(planes, np.tan(radius), first, count, x[:, 0], y[:, 0], end)


@dataclass(frozen=True, slots=True, eq=False)
class Front:
    """Cells of one order that are to be looked at, each for the chain ``owner``.

    Of each cell: a place ``from_x, from_y`` near it or in its parent and whether that is ``inside`` the
    chain; and the edges that may touch it or pass between that place and the cell: ``edge`` of the cell
    ``at``, ascending.
    """

    owner: Places
    cells: Cells
    from_x: Floats
    from_y: Floats
    inside: Flags
    at: Places
    edge: Places

    @staticmethod
    def first(chains: Chains, owner: Places, cells: Cells) -> Front:
        """Cells round chains, with all edges."""
        size = chains.tangent[owner]
        count = chains.count[owner]
        return Front(
            owner,
            cells,
            _OUTSIDE[0] * size,
            _OUTSIDE[1] * size,
            np.zeros(len(owner), dtype=bool),
            np.repeat(np.arange(len(owner)), count),
            stretches(chains.first[owner], count),
        )

    def joined(self, other: Front) -> Front:
        """Both, the other one's cells behind."""
        return Front(
            np.concatenate([self.owner, other.owner]),
            np.concatenate([self.cells, other.cells]),
            np.concatenate([self.from_x, other.from_x]),
            np.concatenate([self.from_y, other.from_y]),
            np.concatenate([self.inside, other.inside]),
            np.concatenate([self.at, other.at + len(self.owner)]),
            np.concatenate([self.edge, other.edge]),
        )

    def look(self, chains: Chains, order: int) -> tuple[Sorted, Front]:
        """What became of the cells, and the children of those that the border touches."""
        seen = outlines(self.cells, order, chains.planes.take(self.owner))
        touching = _touching(seen, chains, self.at, self.edge)
        crossed = self._crossed(seen, chains)
        inside = self.inside ^ (np.bincount(self.at[crossed], minlength=len(self.owner)) % 2 == 1)
        border = np.zeros(len(self.owner), dtype=bool)
        border[self.at[touching]] = True
        kept = np.flatnonzero(border)
        return Sorted(inside & ~border, border), self._children(seen, inside, kept, touching)

    def _crossed(self, seen: Outlines, chains: Chains) -> Flags:
        """Which edges pass between the known place and the one inside the cell.

        Each sign is worked out in one way alone wherever it is needed, so that a corner or a place on a line
        counts for one side of it.
        """
        at, edge = self.at, self.edge
        last = chains.end[edge]
        from_x, from_y = self.from_x[at], self.from_y[at]
        to_x, to_y = seen.inner_x[at], seen.inner_y[at]
        way_x, way_y = to_x - from_x, to_y - from_y
        begins = way_x * (chains.y[edge] - from_y) - way_y * (chains.x[edge] - from_x) > 0.0
        ends = way_x * (chains.y[last] - from_y) - way_y * (chains.x[last] - from_x) > 0.0
        step_x, step_y = chains.x[last] - chains.x[edge], chains.y[last] - chains.y[edge]
        before = step_x * (from_y - chains.y[edge]) - step_y * (from_x - chains.x[edge]) > 0.0
        behind = step_x * (to_y - chains.y[edge]) - step_y * (to_x - chains.x[edge]) > 0.0
        crossed: Flags = (begins != ends) & (before != behind)
        return crossed

    def _children(self, seen: Outlines, inside: Flags, kept: Places, touching: Flags) -> Front:
        """The next order: four cells for each that is kept, with the edges that touched it."""
        parent = np.repeat(kept, 4)
        place = np.zeros(len(self.owner), dtype=np.intp)
        place[kept] = np.arange(len(kept))
        at, edge = place[self.at[touching]], self.edge[touching]
        count = np.bincount(at, minlength=len(kept))
        first = np.cumsum(count) - count
        return Front(
            self.owner[parent],
            (self.cells[kept, None] * 4 + np.arange(4)).ravel(),
            seen.inner_x[parent],
            seen.inner_y[parent],
            inside[parent],
            np.repeat(np.arange(len(parent)), np.repeat(count, 4)),
            edge[stretches(np.repeat(first, 4), np.repeat(count, 4))],
        )


def _touching(seen: Outlines, chains: Chains, at: Places, edge: Places) -> Flags:
    """Which edges have a point within all four half-planes of their cell, moved outwards by the slack."""
    limit = seen.away + seen.slack[:, None]
    left = np.arange(len(at))  # edges that may still touch
    enters, leaves = np.zeros(len(at)), np.ones(len(at))  # which share of each is within the sides so far
    x, y, last = chains.x[edge], chains.y[edge], chains.end[edge]
    last_x, last_y = chains.x[last], chains.y[last]
    for side in range(4):
        out_x, out_y, most = seen.out_x[at, side], seen.out_y[at, side], limit[at, side]
        one = out_x * x + out_y * y - most
        two = out_x * last_x + out_y * last_y - most
        with np.errstate(divide="ignore", invalid="ignore"):
            share = one / (one - two)
        enters = np.where((one > 0.0) & (share > enters), share, enters)
        leaves = np.where((two > 0.0) & (share < leaves), share, leaves)
        some = np.flatnonzero((np.minimum(one, two) <= 0.0) & (enters <= leaves))
        left, at, enters, leaves = left[some], at[some], enters[some], leaves[some]
        x, y, last_x, last_y = x[some], y[some], last_x[some], last_y[some]
    touching = np.zeros(len(edge), dtype=bool)
    touching[left] = True
    return touching
