"""Sets of intervals on the spectral axis, and whether a redshifted line falls into them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from vo_service.spectral.frames import C

Pair = tuple[float, float]


def merge_intervals(pairs: Iterable[Sequence[float]]) -> tuple[Pair, ...]:
    """The union of closed intervals as sorted pairs that do not touch.

    The ends of a pair may come in either order. Raises ValueError for an end that is NaN.
    """
    merged: list[Pair] = []
    for low, high in sorted(_ordered(pair) for pair in pairs):
        if merged and low <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    return tuple(merged)


def support_of(windows: Iterable[Sequence[float]]) -> tuple[Pair, ...]:
    """Frequency windows (pairs in Hz) as sorted disjoint pairs of vacuum wavelength in metres.

    Raises ValueError for a frequency that is not a positive finite number.
    """
    lengths = []
    for window in windows:
        low, high = _ordered(window)
        if low <= 0.0 or not math.isfinite(high):
            raise ValueError(f"a spectral window from {low!r} to {high!r} Hz is not between 0 and infinity")
        lengths.append((C / high, C / low))
    return merge_intervals(lengths)


def line_covered(
    rest_hz: float, zmin: float | None, zmax: float | None, em_support: Sequence[float] | None
) -> bool | None:
    """Does the line fall into one of the windows for some redshift from ``zmin`` to ``zmax``?

    ``em_support`` is flat: lower and upper wavelength in metres, window after window. None in, None out. An
    empty range (zmin above zmax) holds no redshift, so the answer is False.
    """
    if zmin is None or zmax is None or em_support is None:
        return None
    low, high = _wavelengths(rest_hz, zmin, zmax)
    return low <= high and any(low <= top and bottom <= high for bottom, top in _pairs(em_support))


def line_covered_all(
    rest_hz: float, zmin: float | None, zmax: float | None, em_support: Sequence[float] | None
) -> bool | None:
    """Does the line fall into the windows for every redshift from ``zmin`` to ``zmax``?

    As :func:`line_covered`; an empty range is not covered.
    """
    if zmin is None or zmax is None or em_support is None:
        return None
    low, high = _wavelengths(rest_hz, zmin, zmax)
    windows = merge_intervals(_pairs(em_support))
    return low <= high and any(bottom <= low and high <= top for bottom, top in windows)


def _wavelengths(rest_hz: float, zmin: float, zmax: float) -> Pair:
    rest = C / rest_hz
    return rest * (1.0 + zmin), rest * (1.0 + zmax)


def _pairs(flat: Sequence[float]) -> list[Pair]:
    if len(flat) % 2:
        raise ValueError(f"a support is pairs of wavelengths, {len(flat)} numbers are not")
    return [(flat[index], flat[index + 1]) for index in range(0, len(flat), 2)]


def _ordered(pair: Sequence[float]) -> Pair:
    first, second = (float(value) for value in pair)
    if math.isnan(first) or math.isnan(second):
        raise ValueError("an interval with an end that is not a number")
    return (first, second) if first <= second else (second, first)
