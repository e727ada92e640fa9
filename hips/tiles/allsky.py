"""All tiles of order 3 in one picture (HIPS-040 to -043)."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from hips.tiles.grid import WIDTH
from hips.tiles.parents import halved

ORDER = 3
TILES = 12 * 4**ORDER
SIDE = 64
COLUMNS = math.isqrt(TILES)
ROWS = -(-TILES // COLUMNS)

Values = NDArray[np.float32]


def blank_allsky() -> Values:
    """1856 x 1728 pixels without data, rows as in a FITS file."""
    return np.full((ROWS * SIDE, COLUMNS * SIDE), np.nan, dtype=np.float32)


def place_of(cell: int) -> tuple[slice, slice]:
    """Stored rows and columns of a tile: tiles go along lines that are counted from the top (HIPS-042)."""
    line, column = divmod(cell, COLUMNS)
    row = SIDE * (ROWS - 1 - line)
    return slice(row, row + SIDE), slice(SIDE * column, SIDE * (column + 1))


def reduced(values: Values) -> Values:
    """A tile as it stands in the Allsky: means of what has a value in 8 x 8 pixels."""
    while len(values) > SIDE:
        values = halved(values)
    return values


def put(allsky: Values, cell: int, values: Values) -> None:
    """Set a tile of order 3, ``(512, 512)``, in its place."""
    assert values.shape == (WIDTH, WIDTH)
    allsky[place_of(cell)] = reduced(values)
