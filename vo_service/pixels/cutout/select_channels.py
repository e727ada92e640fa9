"""Which pixels of an axis an interval of its world coordinate touches."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def touched(edges: NDArray[np.float64], low: float, high: float) -> tuple[int, int] | None:
    """First pixel and the one behind the last, from 0, whose extents meet the closed interval from ``low`` to
    ``high``; None where none does.

    ``edges`` (pixels + 1) are the world coordinates of the borders between pixels, all rising or all falling.
    An interval of no width on a border takes the pixel that begins there (SODA-025). Infinities are open
    ends.
    Raises ValueError for edges that do not run in one direction, and for an interval that is none.
    """
    if not low <= high:
        raise ValueError(f"an interval goes from its lower to its upper end, not from {low} to {high}")
    if len(edges) < 2 or not np.isfinite(edges).all():
        raise ValueError("an axis has finite edges around at least one pixel")
    falling = bool(edges[0] > edges[-1])
    rising = edges[::-1] if falling else edges
    if not (np.diff(rising) > 0).all():
        raise ValueError("the edges of an axis run in one direction")
    if high < rising[0] or low > rising[-1]:
        return None
    count = len(edges) - 1
    if low == high:
        start = min(int(np.searchsorted(rising, low, side="right")) - 1, count - 1)
        stop = start + 1
    else:
        start = max(int(np.searchsorted(rising, low, side="left")) - 1, 0)
        stop = min(int(np.searchsorted(rising, high, side="right")), count)
    return (count - stop, count - start) if falling else (start, stop)
