"""Pairs of caps that have a point in common, found in blocks, so that long borders need little memory."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from vo_service.sky.vectors import Flags, Floats

Places = NDArray[np.intp]

_BLOCK: Final = 60_000
"""Pairs in one step: what stays in the cache."""
_ROUNDING: Final = 4e-15
"""Of sums of products of unit vectors."""


def close_pairs(
    one: Floats, reach_one: Floats, two: Floats, reach_two: Floats, slack: float
) -> Iterator[tuple[Places, Places]]:
    """Rows of ``one`` and of ``two`` (unit vectors) that are at most the sum of their reaches apart.

    Reaches and ``slack`` are radians. A slack below 1e-7 is lost in rounding; pairs a little further apart
    may be among those found, none that is closer is left out.
    """
    if len(one) == 0 or len(two) == 0:
        return
    wide = reach_one + slack
    # the cosine of a sum is a difference of products: one more step of the scalar product
    left = np.column_stack([one, -np.cos(wide), np.sin(wide)])
    right = np.column_stack([two, np.cos(reach_two), np.sin(reach_two)]).T
    always = wide + reach_two.max() >= math.pi
    step = max(1, _BLOCK // len(two))
    for at in range(0, len(one), step):
        near: Flags = left[at : at + step] @ right >= -_ROUNDING
        near |= always[at : at + step, None]
        first, second = marked(near)
        if len(first):
            yield first + at, second


def marked(flags: Flags) -> tuple[Places, Places]:
    """Rows and columns of the flags that are set; where these are few, faster than numpy's own."""
    rows, columns = np.divmod(np.flatnonzero(flags), flags.shape[1])
    return rows, columns
