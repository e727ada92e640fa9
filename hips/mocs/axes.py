"""The axes of coverage maps (MOC 2.0, sections 3 and 4): how deep they go, and their cells in numbers.

Indices are those of the deepest order of an axis; a cell of order ``k`` is ``2 ** (bits * (deepest - k))`` of
them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from vo_service.sky.cell_ranges import Numbers, Pair

Places = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Axis:
    """One dimension: its letter in texts, its word in MOCDIM, its deepest order, bits of an index from one
    order to the next, and the number of cells at order 0."""

    letter: str
    word: str
    deepest: int
    bits: int
    roots: int

    @property
    def size(self) -> int:
        """How many indices there are at the deepest order."""
        return self.roots << (self.bits * self.deepest)

    def shift(self, order: int) -> int:
        """Bits from an index of the deepest order to that of the cell of ``order``."""
        return self.bits * (self.deepest - order)

    def widened(self, starts: Numbers, stops: Numbers, order: int) -> Pair:
        """Ranges that begin and end with cells of ``order``, and hold these."""
        shift = self.shift(order)
        return starts >> shift << shift, -((-stops) >> shift) << shift


SPACE: Final = Axis("s", "SPACE", 29, 2, 12)
TIME: Final = Axis("t", "TIME", 61, 1, 2)
FREQUENCY: Final = Axis("f", "FREQUENCY", 51, 1, 2)


@dataclass(frozen=True, slots=True, eq=False)
class Runs:
    """Runs of the largest cells that make up ranges: whose, their order, the first and one past the last."""

    owner: Places
    order: Places
    first: Numbers
    last: Numbers


def largest_cells(axis: Axis, owner: Places, starts: Numbers, stops: Numbers) -> Runs:
    """Sorted ranges of several owners as runs of cells (MOC-020): by owner, then order, then number."""
    found: list[tuple[Places, Places, Numbers, Numbers]] = []
    for order in range(axis.deepest + 1):
        shift = axis.shift(order)
        first, last = -((-starts) >> shift), stops >> shift
        some = first < last
        if some.any():
            found.append((owner[some], np.full(int(some.sum()), order), first[some], last[some]))
        before = np.where(some, first << shift, stops)
        behind = np.where(some, last << shift, stops)
        owner = np.repeat(owner, 2)
        starts, stops = np.stack([starts, behind], axis=1).ravel(), np.stack([before, stops], axis=1).ravel()
        left = starts < stops
        owner, starts, stops = owner[left], starts[left], stops[left]
        if len(starts) == 0:
            break
    if not found:
        none = np.empty(0, np.int64)
        return Runs(none.astype(np.intp), none.astype(np.intp), none, none)
    owners, orders, firsts, lasts = (np.concatenate(column) for column in zip(*found))
    sorting = np.lexsort((firsts, orders, owners))
    return Runs(owners[sorting], orders[sorting], firsts[sorting], lasts[sorting])
