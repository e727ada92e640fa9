"""Which tile each row stands in: the first of a cell in its tile, the others below (HIPS-091, -092).

A branch ends with the tile that has the last row of its cell (HIPS-009).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from vo_service.sky.cell_ranges import ORDER, Numbers

FIRST: Final = 1
"""Clients begin with this order, and read all of it and of the next at once (HIPS-095)."""
WHOLE: Final = 2
"""The last order that they read all tiles of."""
LAST: Final = 13
"""Cells of 26 arcsec: rows that lie closer, all that are left, stand in one tile."""
ROWS_AT_ONCE: Final = 100
"""Rows of a tile in orders that are read as a whole: 24,000 at most."""
ROWS: Final = 400
"""Rows of a tile in the orders below, but for the last."""

Places = NDArray[np.intp]


@dataclass(frozen=True, slots=True, eq=False)
class Branches:
    """Tiles, by order and cell, and the rows in each.

    ``rows`` are the numbers of rows, tile after tile: ``first[i]`` up to ``stop[i]`` of them are those of
    tile ``i``, in their order. ``given`` rows of its cell stand in it or above it, ``total`` lie in its cell.
    """

    rows: Places
    order: Numbers
    cell: Numbers
    first: Numbers
    stop: Numbers
    given: Numbers
    total: Numbers

    @property
    def deepest(self) -> int:
        """The deepest order that has a tile; the first order at least."""
        return int(self.order.max(initial=FIRST))


def rows_of_tile(order: int) -> int:
    """How many rows a tile has where there are more; all that are left at the last order."""
    if order >= LAST:
        return np.iinfo(np.int64).max
    return ROWS_AT_ONCE if order <= WHOLE else ROWS


def place_rows(cells: Numbers) -> Branches:
    """The tiles of rows, the first to be shown first: ``cells`` are those of order 29 that they lie in."""
    everywhere = np.sort(cells)
    left = np.arange(len(cells))
    levels = []
    order = FIRST
    while len(left):
        numbers = cells[left] >> (2 * (ORDER - order))
        by_cell = np.argsort(numbers, kind="stable")
        level, kept = _level(order, left[by_cell], numbers[by_cell], everywhere)
        levels.append(level)
        left = left[by_cell][kept]
        order += 1
    return _joined(levels)


def _level(order: int, rows: Places, numbers: Numbers, everywhere: Numbers) -> tuple[Branches, Places]:
    """The tiles of one order, and which of the rows are left for the next; ``rows`` are sorted by
    ``numbers``, the cells of this order."""
    begins = np.flatnonzero(np.concatenate([[True], numbers[1:] != numbers[:-1]]))
    count = np.diff(begins, append=len(rows))
    place = np.arange(len(rows)) - np.repeat(begins, count)
    taken = place < rows_of_tile(order)
    kept = np.minimum(count, rows_of_tile(order))
    stop = np.cumsum(kept)
    cell, steps = numbers[begins], 2 * (ORDER - order)
    low, high = np.searchsorted(everywhere, cell << steps), np.searchsorted(everywhere, (cell + 1) << steps)
    total = (high - low).astype(np.int64)
    level = Branches(
        rows[taken], np.full(len(cell), order), cell, stop - kept, stop, total - (count - kept), total
    )
    return level, np.flatnonzero(~taken)


def _joined(levels: list[Branches]) -> Branches:
    none = np.empty(0, np.int64)
    ahead = np.cumsum([0, *(len(level.rows) for level in levels)])

    def together(name: str) -> Numbers:
        return np.concatenate([none, *(getattr(level, name) for level in levels)])

    behind = np.repeat(ahead[:-1], [len(level.cell) for level in levels])
    return Branches(
        together("rows").astype(np.intp),
        together("order"),
        together("cell"),
        together("first") + behind,
        together("stop") + behind,
        together("given"),
        together("total"),
    )
