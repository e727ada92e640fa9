"""The archive's ``frequency_support``: edges of all windows of a field, and the component of one window.

Texts in the archive's usual spelling are read as whole columns, any other goes through
``parse_frequency_support``, once for each distinct text. Frequencies in Hz, noise in mJy/beam.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from vo_service.spectral import C, merge_intervals, parse_frequency_support

# The right component covers at least this much of the union of its range and the row's own (ALMA-084).
_ENOUGH_OVERLAP = 0.6

Floats = NDArray[np.float64]

_NUMBER = r"[0-9]+(?:\.[0-9]+)?"
_USUAL = (
    rf"^\[(?P<low>{_NUMBER})\.\.(?P<high>{_NUMBER})GHz, ?(?P<width>{_NUMBER})kHz,"
    rf" ?(?P<line>{_NUMBER})(?P<line_prefix>[um]?)Jy/beam@10km/s,"
    rf" ?(?P<native>{_NUMBER})(?P<native_prefix>[um]?)Jy/beam@native, ?[A-Z]+(?: [A-Z]+)*\]$"
)
_RANGE = re.compile(rf"\[\s*({_NUMBER})\.\.({_NUMBER})\s*GHz")
# A range that was read off the text has its outermost edges to the last bits; no other comes as near.
_SAME_EDGE = 1e-12
_PREFIXES = pa.array(["u", "m", ""])
_MILLIJANSKY = np.array([1e-3, 1.0, 1e3])


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
    flat, counts = _components(coded.dictionary)
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


def _components(texts: pa.Array) -> tuple[Floats, NDArray[np.int64]]:
    """All components of all texts, rows of low, high, noise in 10 km/s, noise per channel, resolution; and
    how many of them are each text's, none where it cannot be read."""
    parts = pc.split_pattern(texts, " U ")
    counts = pc.list_value_length(parts).to_numpy().astype(np.int64)
    fields = pc.extract_regex(pc.list_flatten(parts), _USUAL)
    owners = np.repeat(np.arange(len(texts)), counts)
    unusual = np.zeros(len(texts), dtype=bool)
    unusual[owners[pc.is_null(fields).to_numpy(zero_copy_only=False)]] = True
    flat = _read_fields(fields)
    if not unusual.any():
        return flat, counts
    odd = np.flatnonzero(unusual)
    pieces: list[Floats] = []
    for text in texts.take(pa.array(odd)).to_pylist():
        found = parse_frequency_support(text) or ()
        pieces.append(
            np.array(
                [
                    (one.f_min, one.f_max, one.sensitivity_10kms, one.sensitivity_native, one.resolution_khz)
                    for one in found
                ],
                dtype=np.float64,
            ).reshape(-1, 5)
        )
    usual = ~unusual[owners]
    owners = np.concatenate([owners[usual], np.repeat(odd, [len(piece) for piece in pieces])])
    order = np.argsort(owners, kind="stable")
    counts = np.bincount(owners, minlength=len(texts))
    return np.concatenate([flat[usual], *pieces])[order], counts


def _read_fields(fields: pa.StructArray) -> Floats:
    """The five numbers of each component; NaN for one that was not matched."""

    def values(name: str) -> Floats:
        read: Floats = pc.struct_field(fields, name).cast(pa.float64()).to_numpy(zero_copy_only=False)
        return read

    def noise(name: str, prefix: str) -> Floats:
        which = pc.index_in(pc.struct_field(fields, prefix), _PREFIXES).fill_null(0).to_numpy()
        millijansky: Floats = values(name) * _MILLIJANSKY[which]
        return millijansky

    return np.column_stack(
        [
            values("low") * 1e9,
            values("high") * 1e9,
            noise("line", "line_prefix"),
            noise("native", "native_prefix"),
            values("width"),
        ]
    )


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


def window_edges(text: str) -> list[tuple[float, float]]:
    """The edges in Hz of all windows in a text of any form met, older ones without noise; none if one of
    them cannot be read."""
    found = [(float(low) * 1e9, float(high) * 1e9) for low, high in _RANGE.findall(text)]
    whole = len(found) == text.count("[") and all(0 < low <= high for low, high in found)
    return found if whole else []


def spanned_windows(
    texts: pa.Array, em_min: Floats, em_max: Floats, asked: NDArray[np.bool_]
) -> dict[int, list[float]]:
    """Rows (of those ``asked`` about) whose range is that of several windows with gaps between: the edges of
    these in m, in rising order, two for each window."""
    spanned: dict[int, list[float]] = {}
    known: dict[str, list[float]] = {}
    for row in np.flatnonzero(asked & np.isfinite(em_min)):
        text = texts[int(row)].as_py()
        if text is None:
            continue
        if text not in known:
            merged = merge_intervals([(C / high, C / low) for low, high in window_edges(text)])
            known[text] = [edge for pair in merged for edge in pair] if len(merged) > 1 else []
        edges = known[text]
        if edges and np.allclose((edges[0], edges[-1]), (em_min[row], em_max[row]), rtol=_SAME_EDGE, atol=0):
            spanned[int(row)] = edges
    return spanned
