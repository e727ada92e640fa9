"""The archive's ``frequency_support``: edges of all windows of a field, and the component of one window.

Each distinct text is parsed once; the rest works on whole columns. Frequencies in Hz, noise in mJy/beam.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from vo_service.spectral import parse_frequency_support

# The right component covers at least this much of the union of its range and the row's own (ALMA-084).
_ENOUGH_OVERLAP = 0.6

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Supports:
    """Per row: the lowest and highest edge of all windows, and of the row's own window the noise in 10 km/s,
    the noise per channel and the resolution in kHz; NaN where the text or the window is unknown."""

    low: Floats
    high: Floats
    noise_10kms: Floats
    noise_native: Floats
    resolution_khz: Floats


def read_supports(texts: pa.Array, f_min: Floats, f_max: Floats) -> Supports:
    """What each row's text says, for a row whose own window reaches from ``f_min`` to ``f_max`` (Hz)."""
    coded = pc.dictionary_encode(texts)
    parsed = [parse_frequency_support(text) or () for text in coded.dictionary.to_pylist()]
    components = [
        (each.f_min, each.f_max, each.sensitivity_10kms, each.sensitivity_native, each.resolution_khz)
        for support in parsed
        for each in support
    ]
    flat = np.array(components, dtype=np.float64).reshape(-1, 5)
    counts = np.array([len(support) for support in parsed], dtype=np.int64)
    starts = np.concatenate([[0], np.cumsum(counts)])[:-1] if len(counts) else counts
    codes = pc.fill_null(coded.indices, -1).to_numpy(zero_copy_only=False)
    known = codes >= 0
    row_counts = np.zeros(len(codes), dtype=np.int64)
    row_counts[known] = counts[codes[known]]
    rows = np.repeat(np.arange(len(codes)), row_counts)
    if not len(rows):
        return Supports(*(np.full(len(codes), np.nan) for _ in range(5)))
    first = np.zeros(len(codes), dtype=np.int64)
    first[known] = starts[codes[known]]
    within = np.arange(len(rows)) - np.repeat(np.cumsum(row_counts) - row_counts, row_counts)
    picked = flat[np.repeat(first, row_counts) + within]
    low, high = _edges(rows, picked, len(codes))
    own = _own_components(rows, picked, f_min, f_max)
    return Supports(low, high, own[:, 0], own[:, 1], own[:, 2])


def _edges(rows: NDArray[np.int64], components: Floats, count: int) -> tuple[Floats, Floats]:
    low, high = np.full(count, np.inf), np.full(count, -np.inf)
    np.minimum.at(low, rows, components[:, 0])
    np.maximum.at(high, rows, components[:, 1])
    return np.where(np.isfinite(low), low, np.nan), np.where(np.isfinite(high), high, np.nan)


def _own_components(rows: NDArray[np.int64], components: Floats, f_min: Floats, f_max: Floats) -> Floats:
    """Noise in 10 km/s, noise per channel, resolution of the component that fits each row's window best."""
    overlap = np.minimum(components[:, 1], f_max[rows]) - np.maximum(components[:, 0], f_min[rows])
    union = np.maximum(components[:, 1], f_max[rows]) - np.minimum(components[:, 0], f_min[rows])
    likeness = np.where(overlap > 0, overlap, 0.0) / union
    likeness = np.where(np.isfinite(likeness), likeness, 0.0)
    order = np.lexsort((-likeness, rows))
    best = order[np.concatenate([[True], rows[order][1:] != rows[order][:-1]])]
    best = best[likeness[best] >= _ENOUGH_OVERLAP]
    own = np.full((len(f_min), 3), np.nan)
    own[rows[best]] = components[best, 2:5]
    return own
