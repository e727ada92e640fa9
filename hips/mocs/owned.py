"""Ranges of cells that belong to owners: footprints, or the steps of an axis.

Three arrays: whose each half-open range of cells is, where it starts, where it stops. Sorted by owner and
start; ranges of one owner neither touch nor overlap.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from vo_service.sky.cell_ranges import CELLS, ORDER, Numbers, Pair, joined

Places = NDArray[np.intp]

_ROOM: Final = 1 << 62  # numbers of cells times owners: what one 64-bit key has room for


@dataclass(frozen=True, slots=True, eq=False)
class Owned:
    """Cells of one order, a range a row."""

    order: int
    owner: Places
    starts: Numbers
    stops: Numbers

    def __len__(self) -> int:
        return len(self.owner)

    @staticmethod
    def empty(order: int) -> Owned:
        """Nothing at all."""
        none = np.empty(0, np.int64)
        return Owned(order, none.astype(np.intp), none, none)

    @staticmethod
    def concatenated(parts: Sequence[Owned]) -> Owned:
        """Several of one order, one behind the other; owners ascend from each to the next."""
        return Owned(
            parts[0].order,
            np.concatenate([part.owner for part in parts]),
            np.concatenate([part.starts for part in parts]),
            np.concatenate([part.stops for part in parts]),
        )

    def behind(self, count: int) -> Owned:
        """The same, of owners that have so many others before them."""
        return Owned(self.order, self.owner + count, self.starts, self.stops)

    def degraded(self, order: int) -> Owned:
        """The cells of a coarser order that hold these; the same where the order is no coarser."""
        if order >= self.order:
            return self
        shift = 2 * (self.order - order)
        return sort_owned(order, self.owner, self.starts >> shift, -((-self.stops) >> shift))

    def of(self, rows: Places) -> Owned:
        """The cells of some owners, some perhaps several times, numbered by their place in ``rows`` now."""
        first = np.searchsorted(self.owner, rows, side="left")
        count = np.searchsorted(self.owner, rows, side="right") - first
        at = stretches(first, count)
        return Owned(self.order, np.repeat(np.arange(len(rows)), count), self.starts[at], self.stops[at])

    def ranges(self) -> Pair:
        """All cells together, whoever they belong to, as ranges of order 29."""
        shift = 2 * (ORDER - self.order)
        starts, stops = joined(self.starts, self.stops)
        return starts << shift, stops << shift


def owners_at_once(order: int) -> int:
    """How many owners `sort_owned` can tell apart at an order, at least one."""
    return max(1, _ROOM // _span(order))


def sort_owned(order: int, owner: Places, starts: Numbers, stops: Numbers) -> Owned:
    """Ranges in any order, sorted and joined; owners are numbers from 0 on, below `owners_at_once`."""
    first, last = _joined_keys(order, owner, starts, stops)
    return _of_keys(order, first, last)


def without(owned: Owned, taken: Owned) -> Owned:
    """What is left of each owner's cells without those that are taken from it; both of one order."""
    if len(taken) == 0 or len(owned) == 0:
        return owned
    span = _span(owned.order)
    starts, stops = owned.owner * span + owned.starts, owned.owner * span + owned.stops
    gone, back = taken.owner * span + taken.starts, taken.owner * span + taken.stops
    marks = np.unique(np.concatenate([starts, stops, gone, back]))
    left = _within(marks[:-1], starts, stops) & ~_within(marks[:-1], gone, back)
    return _of_keys(owned.order, *joined(marks[:-1][left], marks[1:][left]))


def stretches(first: Places, count: Places) -> Places:
    """The numbers from ``first[i]`` on, ``count[i]`` of them, one stretch after another."""
    ahead = np.cumsum(count) - count
    found: Places = np.arange(int(count.sum())) + np.repeat(first - ahead, count)
    return found


def _span(order: int) -> int:
    """One more than there are cells, so that ranges of two owners never touch."""
    return (CELLS >> (2 * (ORDER - order))) + 1


def _joined_keys(order: int, owner: Places, starts: Numbers, stops: Numbers) -> Pair:
    ahead = owner.astype(np.int64) * _span(order)
    return joined(ahead + starts, ahead + stops)


def _of_keys(order: int, first: Numbers, last: Numbers) -> Owned:
    span = _span(order)
    owner = first // span
    return Owned(order, owner.astype(np.intp), first - owner * span, last - owner * span)


def _within(marks: Numbers, starts: Numbers, stops: Numbers) -> NDArray[np.bool_]:
    place = np.searchsorted(starts, marks, side="right") - 1
    found: NDArray[np.bool_] = (place >= 0) & (marks < stops[np.maximum(place, 0)])
    return found
