"""Tiles without what is blank round them: a field that is small in its tiles costs what it is large."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hips.tiles.grid import quarter_of
from hips.tiles.parents import blank_tile, halved

Values = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Trimmed:
    """The part of a tile that holds data: ``values`` (rows, columns) from ``row`` and ``column`` on."""

    row: int
    column: int
    values: Values

    @property
    def place(self) -> tuple[slice, slice]:
        """Rows and columns of the tile that it is."""
        rows, columns = self.values.shape
        return slice(self.row, self.row + rows), slice(self.column, self.column + columns)

    def whole(self) -> Values:
        """The tile, ``(512, 512)``."""
        tile = blank_tile()
        tile[self.place] = self.values
        return tile


def trimmed(values: Values) -> Trimmed | None:
    """A tile without its blank margins; None where it has no value at all."""
    valid = ~np.isnan(values)
    rows, columns = (np.flatnonzero(valid.any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return None
    part = values[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return Trimmed(int(rows[0]), int(columns[0]), np.ascontiguousarray(part))


def parent_of(children: Mapping[int, Trimmed]) -> Trimmed:
    """The tile above those of its four children that hold data, known by their cells modulo 4: means of 2 x 2
    pixels that have a value (HIPS-010)."""
    halves = [_halved(tile, *quarter_of(child)) for child, tile in children.items()]
    top, left = min(half.row for half in halves), min(half.column for half in halves)
    bottom = max(half.place[0].stop for half in halves)
    right = max(half.place[1].stop for half in halves)
    joined = Trimmed(top, left, np.full((bottom - top, right - left), np.nan, dtype=np.float32))
    for half in halves:
        rows, columns = half.values.shape
        row, column = half.row - top, half.column - left
        joined.values[row : row + rows, column : column + columns] = half.values
    return joined


def _halved(tile: Trimmed, quarter_rows: slice, quarter_columns: slice) -> Trimmed:
    """As it lies in its quarter of the parent."""
    above, before = tile.row & 1, tile.column & 1
    rows, columns = tile.values.shape
    margins = ((above, (above + rows) & 1), (before, (before + columns) & 1))
    even = np.pad(tile.values, margins, constant_values=np.float32(np.nan))
    return Trimmed(quarter_rows.start + tile.row // 2, quarter_columns.start + tile.column // 2, halved(even))
