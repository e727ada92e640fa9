"""Receiver bands of ALMA by frequency (the archive's edges, in hertz)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType

BANDS: Mapping[int, tuple[float, float]] = MappingProxyType(
    {
        1: (35e9, 50e9),
        2: (67e9, 116e9),
        3: (84e9, 116e9),
        4: (125e9, 163e9),
        5: (163e9, 211e9),
        6: (211e9, 275e9),
        7: (275e9, 373e9),
        8: (385e9, 500e9),
        9: (602e9, 720e9),
        10: (787e9, 950e9),
    }
)
"""Lowest and highest frequency of each band."""

# Bands 2 and 3 overlap; a frequency that both reach is band 3 unless something better is known (ALMA-090).
_ORDER = (1, 3, 2, 4, 5, 6, 7, 8, 9, 10)


def band_of(freq_hz: float) -> int | None:
    """The band that holds a frequency, None between bands. A window belongs to the band of its middle.

    Where two bands meet, the frequency of the edge belongs to the upper one.
    """
    if not math.isfinite(freq_hz):
        return None
    for number in _ORDER:
        low, high = BANDS[number]
        if low <= freq_hz < high:
            return number
    return next((number for number in _ORDER if freq_hz == BANDS[number][1]), None)
