"""Noise of a sample of pixels by the distribution of their values alone, wherever they lie.

A normal distribution is fitted to the lower side of the sample (up to a little above its peak), which
emission hardly reaches: unbiased to 2 % with up to 30 % of the pixels covered by emission that is bright
against the noise. Where the upper side agrees with that fit, nearly the whole sample is used instead, which
scatters less where a beam of many pixels leaves few independent ones.

Limits: emission everywhere below about two sigma cannot be told from noise; absorption beyond three sigma is
cut off, other absorption over much of the plane widens the result.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, erf, exp, nan, pi, sqrt

import numpy as np
from numpy.typing import NDArray

from vo_service.pixels.decoding import Values

SAMPLE_PIXELS = 16384
LEAST_SAMPLE_PIXELS = 4096
_ALL_SAMPLES = 1 << 24
LEAST_PIXELS = 16
"""With fewer pixels than this no noise is stated."""
_LOWER = 3.0
_NARROW = 0.75
_WIDE = 3.0
_EXCESS = 0.025
"""Fraction of the sample that may lie above one sigma beyond what a normal distribution puts there."""
_ROUNDS = 200
_PRECISION = 1e-4
MAD_TO_SIGMA = 1.482602218505602


@dataclass(frozen=True, slots=True)
class Grid:
    """Every ``row_step``-th row and ``column_step``-th column of a plane."""

    row_step: int
    column_step: int

    @classmethod
    def for_planes(cls, columns: int, rows: int, planes: int) -> Grid:
        """A grid of at most 16384 pixels a plane; of cubes of more than 1024 planes fewer, down to 4096, so
        that noise does not take longer than reading.
        """
        limit = max(LEAST_SAMPLE_PIXELS, min(SAMPLE_PIXELS, _ALL_SAMPLES // planes))
        return cls.over(columns, rows, limit)

    @classmethod
    def over(cls, columns: int, rows: int, limit: int = SAMPLE_PIXELS) -> Grid:
        """The densest nearly square grid of at most ``limit`` pixels."""
        row_step = column_step = 1
        while ceil(rows / row_step) * ceil(columns / column_step) > limit:
            if rows / row_step >= columns / column_step:
                row_step += 1
            else:
                column_step += 1
        return cls(row_step, column_step)


def estimate_rms(values: Values) -> float:
    """Standard deviation of the noise in ``values`` (finite, one-dimensional), in their unit.

    NaN where it cannot be known: fewer than 16 values, or at least half of them equal (a model, a mask, a map
    filled with zeros).
    """
    return estimate_mode(values)[1]


def estimate_mode(values: Values) -> tuple[float, float]:
    """The middle of the noise in ``values`` and its standard deviation, as ``estimate_rms`` has it."""
    if len(values) < LEAST_PIXELS:
        return nan, nan
    ordered = np.sort(values)
    offset, scale = _rough(ordered)
    if scale == 0.0:
        return offset, nan
    sample = _Sample.of((ordered.astype(np.float64) - offset) / scale)
    narrow = _fit(sample, 0.0, 1.0, _NARROW)
    if narrow is None:
        return offset, scale
    mean, sigma = narrow
    above = 1.0 - np.searchsorted(sample.ordered, mean + sigma) / len(values)
    if above - (1.0 - _below(1.0)) < _EXCESS:
        mean, sigma = _fit(sample, mean, sigma, _WIDE) or narrow
    return offset + mean * scale, sigma * scale


def _rough(ordered: Values) -> tuple[float, float]:
    """Median and its absolute deviation as a sigma, of sorted values."""
    middle = ordered[len(ordered) // 2]
    deviation = np.abs(ordered - middle)
    half = len(ordered) // 2
    return float(middle), MAD_TO_SIGMA * float(np.partition(deviation, half)[half])


@dataclass(frozen=True, slots=True)
class _Sample:
    """Sorted values with running sums, so that the moments of any range cost nothing."""

    ordered: NDArray[np.float64]
    sums: NDArray[np.float64]
    squares: NDArray[np.float64]

    @classmethod
    def of(cls, ordered: NDArray[np.float64]) -> _Sample:
        # outliers of any size would eat up the precision of the running sums: no fit reaches beyond these
        inner = ordered[np.searchsorted(ordered, -30.0) : np.searchsorted(ordered, 30.0)]
        zero = np.zeros(1)
        return cls(
            inner,
            np.concatenate([zero, np.cumsum(inner)]),
            np.concatenate([zero, np.cumsum(inner * inner)]),
        )

    def moments(self, low: float, high: float) -> tuple[int, float, float]:
        """Count, mean and standard deviation of the values from ``low`` to below ``high``."""
        first, last = (int(i) for i in np.searchsorted(self.ordered, (low, high)))
        count = last - first
        if count < 2:
            return count, nan, nan
        mean = float(self.sums[last] - self.sums[first]) / count
        square = float(self.squares[last] - self.squares[first]) / count
        return count, mean, sqrt(max(0.0, square - mean * mean))


def _fit(sample: _Sample, mean: float, sigma: float, upper: float) -> tuple[float, float] | None:
    """Mean and sigma of the normal distribution whose part from -3 to ``upper`` sigma has the moments that
    the sample has there; None where the search runs empty.
    """
    shift, shrink = _cut_moments(-_LOWER, upper)
    for _ in range(_ROUNDS):
        count, middle, spread = sample.moments(mean - _LOWER * sigma, mean + upper * sigma)
        if count < LEAST_PIXELS // 2 or not spread > 0.0:
            return None
        last_mean, last_sigma = mean, sigma
        sigma = spread / shrink
        mean = middle - shift * sigma
        if max(abs(sigma - last_sigma), abs(mean - last_mean)) < _PRECISION * sigma:
            break
    return mean, sigma


def _cut_moments(low: float, high: float) -> tuple[float, float]:
    """Mean and standard deviation of the standard normal distribution cut off at both ends."""
    inside = _below(high) - _below(low)
    mean = (_density(low) - _density(high)) / inside
    return mean, sqrt(1.0 + (low * _density(low) - high * _density(high)) / inside - mean * mean)


def _below(x: float) -> float:
    return 0.5 * (1.0 + erf(x / sqrt(2.0)))


def _density(x: float) -> float:
    return exp(-0.5 * x * x) / sqrt(2.0 * pi)
