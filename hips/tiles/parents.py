"""The tile above four others (HIPS-010)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from hips.tiles.grid import WIDTH, quarter_of

Values = NDArray[np.float32]


def blank_tile() -> Values:
    """A tile without data."""
    return np.full((WIDTH, WIDTH), np.nan, dtype=np.float32)


def parent_of(children: Mapping[int, Values]) -> Values:
    """Each pixel is the mean of those of the four in a child that have a value, and blank where none has.

    ``children`` are known by their cell modulo 4; one that is not there is blank.
    """
    return put_together({child: halved(values) for child, values in children.items()})


def put_together(halves: Mapping[int, Values]) -> Values:
    """The same, of children that were halved before."""
    parent = blank_tile()
    for child, values in halves.items():
        parent[quarter_of(child)] = values
    return parent


def halved(values: Values) -> Values:
    """Means of 2 x 2 pixels that have a value, NaN where none has."""
    squares = (values[0::2, 0::2], values[0::2, 1::2], values[1::2, 0::2], values[1::2, 1::2])
    total = np.zeros(squares[0].shape, dtype=np.float64)
    count = np.zeros(squares[0].shape, dtype=np.int8)
    for square in squares:
        valid = ~np.isnan(square)
        np.add(total, square, out=total, where=valid)
        count += valid
    means = np.full(total.shape, np.nan, dtype=np.float32)
    np.divide(total, count, out=means, where=count > 0, casting="same_kind")
    return means
