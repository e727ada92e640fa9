"""Sets of cells of any order, as a server asks of them: does this tile meet that set?"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from hips.tiles.grid import Cells
from vo_service.sky.cell_ranges import CELLS, ORDER, joined


@dataclass(frozen=True)
class CellSet:
    """Half-open ranges of order-29 cells, ascending, that neither touch nor overlap."""

    starts: Cells
    stops: Cells

    @classmethod
    def of(cls, orders: Cells, cells: Cells) -> CellSet:
        """Cells, each of an order of its own."""
        steps = 2 * (ORDER - np.asarray(orders, dtype=np.int64))
        numbers = np.asarray(cells, dtype=np.int64)
        return cls(*joined(numbers << steps, (numbers + 1) << steps))

    @classmethod
    def union(cls, sets: Iterable[CellSet]) -> CellSet:
        """All cells of all sets."""
        many = list(sets) or [EMPTY]
        return cls(*joined(np.concatenate([s.starts for s in many]), np.concatenate([s.stops for s in many])))

    def __len__(self) -> int:
        return len(self.starts)

    @cached_property
    def _ends(self) -> tuple[list[int], list[int]]:
        return self.starts.tolist(), self.stops.tolist()

    def meets(self, order: int, cell: int) -> bool:
        """Whether any part of a cell is in the set."""
        starts, stops = self._ends
        steps = 2 * (ORDER - order)
        before = bisect_right(starts, ((cell + 1) << steps) - 1)
        return before > 0 and stops[before - 1] > cell << steps

    @property
    def sky_fraction(self) -> float:
        """Part of the sphere, 0 to 1."""
        return float((self.stops - self.starts).sum() / CELLS)


EMPTY = CellSet(np.empty(0, np.int64), np.empty(0, np.int64))
