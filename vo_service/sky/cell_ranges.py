"""Sets of cells as two arrays: where half-open ranges of order-29 NESTED numbers start, and where they stop.

All functions here give sorted ranges that neither touch nor overlap, and all but `joined`, which makes them
so, take such ranges, in a time in proportion to how many there are: coverage maps have up to millions.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.int64]
Pair = tuple[Numbers, Numbers]

ORDER: Final = 29
CELLS: Final = 12 * 4**ORDER


def joined(starts: Numbers, stops: Numbers) -> Pair:
    """Ranges in any order, sorted, with those that touch or overlap made one."""
    if len(starts) == 0:
        return starts, stops
    if (starts[1:] < starts[:-1]).any():
        order = np.argsort(starts, kind="stable")
        starts, stops = starts[order], stops[order]
    reached = np.maximum.accumulate(stops)
    apart = starts[1:] > reached[:-1]
    first, last = np.concatenate([[True], apart]), np.concatenate([apart, [True]])
    return starts[first], reached[last]


def complement(starts: Numbers, stops: Numbers) -> Pair:
    """All other cells."""
    first, last = np.concatenate([[0], stops]), np.concatenate([starts, [CELLS]])
    some = first < last
    return first[some], last[some]


def common(one: Pair, other: Pair) -> Pair:
    """The cells that both have."""
    (starts, stops), (many_starts, many_stops) = sorted((one, other), key=lambda pair: len(pair[0]))
    first = np.searchsorted(many_stops, starts, side="right")
    counts = np.searchsorted(many_starts, stops, side="left") - first
    owner = np.repeat(np.arange(len(starts)), counts)
    ahead = np.cumsum(counts) - counts
    at = first[owner] + np.arange(len(owner)) - ahead[owner]
    return np.maximum(starts[owner], many_starts[at]), np.minimum(stops[owner], many_stops[at])


def spans(starts: Numbers, stops: Numbers) -> Iterator[tuple[int, Numbers, Numbers]]:
    """Order, first and one past the last number of runs of the largest cells, from order 0 on."""
    for order in range(ORDER + 1):
        shift = 2 * (ORDER - order)
        first, last = -((-starts) >> shift), stops >> shift
        some = first < last
        if some.any():
            yield order, first[some], last[some]
        # what is left before and behind each run; side by side, so that it stays sorted
        before = np.where(some, first << shift, stops)
        behind = np.where(some, last << shift, stops)
        starts = np.stack([starts, behind], axis=1).ravel()
        stops = np.stack([before, stops], axis=1).ravel()
        left = starts < stops
        if not left.any():
            return
        starts, stops = starts[left], stops[left]


def count_of_cells(starts: Numbers, stops: Numbers) -> int:
    """How many of the largest cells make these up."""
    return sum(int((last - first).sum()) for _, first, last in spans(starts, stops))


def cells_of(starts: Numbers, stops: Numbers) -> Iterator[tuple[int, Numbers]]:
    """Order and numbers of the largest cells that make these up, from order 0 on."""
    for order, first, last in spans(starts, stops):
        counts = last - first
        ahead = np.cumsum(counts) - counts
        yield order, np.repeat(first - ahead, counts) + np.arange(int(counts.sum()))


def _finest(starts: Numbers, stops: Numbers) -> int:
    """The order of the smallest of the largest cells that make these up."""
    used = int(np.bitwise_or.reduce(starts | stops, initial=0))
    lowest = (used & -used).bit_length() - 1 if used else 2 * ORDER
    return max(0, ORDER - lowest // 2)


def of_uniq(numbers: Numbers) -> Pair:
    """Orders and numbers of cells that are told as ``4 * 4**order + cell``, all of which are cells."""
    orders = (np.floor(np.log2(numbers.astype(np.float64))).astype(np.int64) >> 1) - 1
    orders -= np.left_shift(4, 2 * orders) > numbers  # where the logarithm was rounded up
    return orders, numbers - np.left_shift(4, 2 * orders)


def rough(starts: Numbers, stops: Numbers, most: int) -> Pair:
    """Ranges that hold these, of the finest cells that make no more than ``most`` of the largest ones."""
    order = _finest(starts, stops)
    while order > 0 and (len(starts) > most or count_of_cells(starts, stops) > most):
        order -= 1
        shift = 2 * (ORDER - order)
        starts, stops = joined(starts >> shift << shift, -((-stops) >> shift) << shift)
    return starts, stops
