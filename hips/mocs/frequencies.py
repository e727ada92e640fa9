"""Wavelengths of observations as cells of the axis of frequencies (MOC-011): Hz at the barycentre, a
logarithmic scale from 1e-18 to 1e38 Hz.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from hips.mocs.axes import FREQUENCY
from hips.mocs.owned import Places, stretches
from vo_service.sky.cell_ranges import Numbers, Pair
from vo_service.sky.vectors import Flags, Floats
from vo_service.spectral import C

PADDING: Final = 1e-4
"""Share of a frequency, 30 km/s, at both ends where its frame is not known (MOC-014)."""

_LOWEST: Final = 1e-17  # Hz: within what the axis has, padding and rounding included
_HIGHEST: Final = 1e37
_DECADES: Final = 56.0
_BEFORE: Final = 18.0


@dataclass(frozen=True, slots=True, eq=False)
class Windows:
    """Intervals of frequency in Hz, and the row each belongs to, ascending."""

    row: Places
    low: Floats
    high: Floats


def windows_of(support: pa.Array, em_min: Floats, em_max: Floats, frame_is_known: Flags) -> Windows:
    """The windows of rows: pairs of wavelengths in metres where there are any, else from ``em_min`` to
    ``em_max`` (vacuum). What is no wavelength is left out; the ends of a pair may come in either order."""
    counts = pc.fill_null(pc.list_value_length(support), 0).to_numpy(zero_copy_only=False).astype(np.intp)
    pairs = np.where(counts % 2 == 0, counts // 2, 0)
    flat = pc.list_flatten(support).to_numpy(zero_copy_only=False).astype(np.float64)
    first = 2 * stretches(np.zeros(len(pairs), dtype=np.intp), pairs) + np.repeat(
        np.cumsum(counts) - counts, pairs
    )
    hull = np.flatnonzero(pairs == 0)
    row = np.concatenate([np.repeat(np.arange(len(pairs)), pairs), hull])
    one = np.concatenate([flat[first], em_min[hull]])
    two = np.concatenate([flat[first + 1], em_max[hull]])
    shortest, longest = np.fmin(one, two), np.fmax(one, two)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        low, high = C / longest, C / shortest
        known = (low >= _LOWEST) & (high <= _HIGHEST)
    padding = np.where(frame_is_known[row], 0.0, PADDING)
    low, high = low * (1.0 - padding), high * (1.0 + padding)
    sorting = np.argsort(row[known], kind="stable")
    return Windows(row[known][sorting], low[known][sorting], high[known][sorting])


def ranges_of_frequencies(low: Floats, high: Floats) -> Pair:
    """Half-open ranges of cells of order 51 of intervals in Hz; a cell more at both ends, for rounding."""
    return _cells(low) - 1, _cells(high) + 2


def frequency_of(index: float) -> float:
    """Hz at which a cell of order 51 begins."""
    return float(10.0 ** (index / FREQUENCY.size * _DECADES - _BEFORE))


def _cells(hz: Floats) -> Numbers:
    cells: Numbers = np.floor((np.log10(hz) + _BEFORE) / _DECADES * float(FREQUENCY.size)).astype(np.int64)
    return cells
