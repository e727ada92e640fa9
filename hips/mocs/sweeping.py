"""Unions of rectangles, a range of an outer axis by a range of cells of the sky, as maps in canonical form.

The outer axis is cut into steps wherever a rectangle begins or ends; in each step the cells of all rectangles
that last through it are joined, and neighbouring steps with the same cells become one set.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np

from hips.mocs.axes import SPACE, Axis
from hips.mocs.maps import JointMap, SpaceMap
from hips.mocs.owned import Owned, Places, owners_at_once, sort_owned, stretches
from vo_service.sky.cell_ranges import Numbers

_AT_ONCE: Final = 1_000_000  # ranges of cells in steps that are sorted together
_RAW: Final = 4
"""Ranges, before equal neighbours are one, of a map that is not given up, for each number wanted."""


@dataclass(frozen=True, slots=True, eq=False)
class Rectangles:
    """Half-open ranges of deepest indices: ``lows`` to ``highs`` of the outer axis, ``starts`` to ``stops``
    of space."""

    lows: Numbers
    highs: Numbers
    starts: Numbers
    stops: Numbers

    def __len__(self) -> int:
        return len(self.lows)

    @staticmethod
    def of_map(joint: JointMap) -> Rectangles:
        """What makes up a map."""
        counts = np.bincount(joint.space_element, minlength=joint.count)
        first = (np.cumsum(counts) - counts)[joint.element]
        at = stretches(first, counts[joint.element])
        outer = np.repeat(np.arange(len(joint.starts)), counts[joint.element])
        return Rectangles(
            joint.starts[outer], joint.stops[outer], joint.space_starts[at], joint.space_stops[at]
        )

    @staticmethod
    def concatenated(parts: Sequence[Rectangles]) -> Rectangles:
        """Those of several."""
        none = np.empty(0, np.int64)
        parts = [Rectangles(none, none, none, none), *parts]
        return Rectangles(
            np.concatenate([part.lows for part in parts]),
            np.concatenate([part.highs for part in parts]),
            np.concatenate([part.starts for part in parts]),
            np.concatenate([part.stops for part in parts]),
        )

    def widened(self, axis: Axis, outer_order: int, space_order: int) -> Rectangles:
        """In cells of these orders, each once."""
        sides = (
            axis.widened(self.lows, self.highs, outer_order),
            SPACE.widened(self.starts, self.stops, space_order),
        )
        columns = np.stack([*sides[0], *sides[1]])
        sorting = np.lexsort(columns[::-1])
        columns = columns[:, sorting]
        fresh = np.concatenate([[True], (columns[:, 1:] != columns[:, :-1]).any(axis=0)])[: columns.shape[1]]
        return Rectangles(*columns[:, fresh])


@dataclass(frozen=True, slots=True, eq=False)
class _Steps:
    """Rectangles, the steps between ``marks`` that each lasts through (``first`` to before ``last``), and the
    ``bounds`` of slabs of steps."""

    pieces: Rectangles
    space_order: int
    marks: Numbers
    first: Places
    last: Places
    bounds: Places

    @staticmethod
    def of(pieces: Rectangles, space_order: int) -> _Steps:
        """Rectangles in cells of that order; their steps are put into slabs that are not too much at once."""
        marks = np.unique(np.concatenate([pieces.lows, pieces.highs]))
        first, last = np.searchsorted(marks, pieces.lows), np.searchsorted(marks, pieces.highs)
        count = max(0, len(marks) - 1)
        lasting = np.bincount(first, minlength=count + 1) - np.bincount(last, minlength=count + 1)
        work = np.cumsum(np.cumsum(lasting)[:count])
        slab = work // _AT_ONCE + np.arange(count) // owners_at_once(space_order)
        bounds = np.append(np.flatnonzero(np.diff(slab, prepend=-1)), count)
        return _Steps(pieces, space_order, marks, first, last, bounds)

    def slabs(self) -> Iterator[tuple[Owned, float]]:
        """The cells of each step, some steps at a time; and which share of all is done then."""
        shift = SPACE.shift(self.space_order)
        total, done = int((self.last - self.first).sum()), 0
        for low, high in pairwise(self.bounds.tolist()):
            some = np.flatnonzero((self.first < high) & (self.last > low))
            begin = np.maximum(self.first[some], low) - low
            count = np.minimum(self.last[some], high) - low - begin
            at = np.repeat(some, count)
            starts, stops = self.pieces.starts[at] >> shift, self.pieces.stops[at] >> shift
            done += len(at)
            yield (
                sort_owned(self.space_order, stretches(begin, count), starts, stops).behind(low),
                done / total,
            )

    def joined(self, parts: Sequence[Owned], axis: Axis, outer_order: int) -> JointMap:
        """The map of all steps; neighbours with the same cells are one set (MOC-027)."""
        cells = Owned.concatenated([Owned.empty(self.space_order), *parts])
        if len(cells) == 0:
            return JointMap.empty(axis, outer_order, self.space_order)
        first = np.flatnonzero(np.diff(cells.owner, prepend=-1))
        step = cells.owner[first]
        count = np.diff(np.append(first, len(cells)))
        before = np.maximum(np.arange(len(cells)) - np.repeat(count, count), 0)
        equal = (cells.starts == cells.starts[before]) & (cells.stops == cells.stops[before])
        same = np.logical_and.reduceat(equal, first) & (count == np.concatenate([[0], count[:-1]]))
        same[0] = False
        element = np.cumsum(~same) - 1
        lows, highs = self.marks[step], self.marks[step + 1]
        begins = ~same | (lows != np.concatenate([lows[:1], highs[:-1]]))
        begins[0] = True
        ends = np.append(begins[1:], True)
        kept = np.repeat(~same, count)
        shift = SPACE.shift(cells.order)
        return JointMap(
            axis,
            outer_order,
            cells.order,
            lows[begins],
            highs[ends],
            element[begins],
            cells.starts[kept] << shift,
            cells.stops[kept] << shift,
            np.repeat(element, count)[kept],
        )


def joined_map(rectangles: Rectangles, axis: Axis, outer_order: int, space_order: int) -> JointMap:
    """The union of rectangles, widened to cells of the orders."""
    steps = _Steps.of(rectangles.widened(axis, outer_order, space_order), space_order)
    return steps.joined([part for part, _ in steps.slabs()], axis, outer_order)


def fitted_map(rectangles: Rectangles, axis: Axis, outer_order: int, space_order: int, most: int) -> JointMap:
    """The union of rectangles at these orders, or lower ones at which it takes no more than ``most`` numbers
    (MOC-015): that of space is lowered first, then that of the outer axis, and so on in turns."""
    turn = 0
    while True:
        rectangles = rectangles.widened(axis, outer_order, space_order)
        found = _if_small(_Steps.of(rectangles, space_order), axis, outer_order, most)
        if isinstance(found, JointMap):
            return found
        if outer_order == space_order == 0:
            return joined_map(rectangles, axis, outer_order, space_order)
        # four times fewer numbers are more than one order less makes of them
        for _ in range(max(1, int(math.log(found / most, 4.0)))):
            by_space = space_order > 0 and (turn % 2 == 0 or outer_order == 0)
            space_order, outer_order = space_order - by_space, max(0, outer_order - (not by_space))
            turn += 1


def _if_small(steps: _Steps, axis: Axis, outer_order: int, most: int) -> JointMap | float:
    """The map that steps make, or where it is too large, how many numbers it takes, about."""
    parts: list[Owned] = []
    ranges = 0
    for part, done in steps.slabs():
        parts.append(part)
        ranges += len(part)
        if ranges > _RAW * most:
            return 2.0 * ranges / done
    found = steps.joined(parts, axis, outer_order)
    return found if found.volume <= most else float(found.volume)


def fitted_space(space: SpaceMap, most: int) -> SpaceMap:
    """A map of the sky at its order, or the first coarser one at which it has no more than ``most`` cells."""
    while space.cells > most and space.volume > most and space.order > 0:
        space = space.degraded(space.order - 1)
    return space


def degraded(joint: JointMap, outer_order: int, space_order: int) -> JointMap:
    """A map at coarser orders, which holds the given one; an order that is no coarser stays what it is."""
    orders = min(outer_order, joint.outer_order), min(space_order, joint.space_order)
    if orders == joint.orders:
        return joint
    return joined_map(Rectangles.of_map(joint), joint.axis, *orders)
