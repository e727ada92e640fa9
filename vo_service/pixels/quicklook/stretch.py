"""From values to places on a scale of colours, and the marks of that scale.

Limits leave out a few pixels that are wild, and no others: a point source may be one pixel. Brightness
goes by the inverse hyperbolic sine about a zero: linear within a few times the noise, logarithmic beyond, so
that noise, faint wings and the peak can be seen in one picture, and the same on both sides of zero. Zero is
that of the data where they scatter round it, else (the peak over channels, bright fields) their median.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vo_service.pixels.decoding import Values
from vo_service.pixels.quicklook.words import Kind

FEW = 5
"""Pixels at either end that a scale of brightness leaves out where they are wild, fewer than a source has."""
WILD = 1000.0
"""Times farther from the median than the next few that no source is: a broken pixel, a fit that diverged."""
DETECTED = 5.0
"""Times the noise that something has to stand above zero for the picture not to be one of noise."""
SOFT = 5.0
"""Times the noise within which the scale of brightness is about linear."""
DARKEST = 2.5
"""Times the noise below zero where a scale of brightness begins, if nothing lower means anything."""
_NEGATIVE = 0.1  # of the highest value: what the lowest has to be, if it is to mean something
_SOFTEST = 1e-6  # of the scale: the least that is linear
_UNSTEADY = 0.1  # of the range of velocities: what neighbours differ by at most
_FEWEST = 25  # pixels that tell a range of velocities
_TO_SIGMA = 1.4826  # of a median absolute deviation

Doubles = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Stretch:
    """``low`` and ``high`` are the ends of the scale; ``soft`` is the width of its linear part about
    ``zero``, None where it is linear throughout."""

    low: float
    high: float
    zero: float = 0.0
    soft: float | None = None

    def scaled(self, values: Values | Doubles) -> Doubles:
        """Places on the scale from 0 to 1, beyond it 0 and 1; NaN stays. One value alone is in the middle."""
        bottom, top = self._bent(np.array([self.low, self.high]))
        bent = self._bent(np.asarray(values, dtype=np.float64))
        if not top > bottom:
            return np.where(np.isnan(bent), np.nan, 0.5)
        return np.asarray(np.clip((bent - bottom) / (top - bottom), 0.0, 1.0))

    def _bent(self, values: Doubles) -> Doubles:
        return values if self.soft is None else np.arcsinh((values - self.zero) / self.soft)


def stretch_of(values: Values, kind: Kind) -> Stretch:
    """The scale for a map (rows, columns), which must have a number in it."""
    return _MAKERS[kind](np.asarray(values, dtype=np.float64))


def _brightness(values: Doubles) -> Stretch:
    known = values[np.isfinite(values)]
    low, median, high = _ends(known)
    noise = _spread(known, median)
    if noise == 0.0:
        return Stretch(low, high)
    zero = 0.0 if low < 0.0 < high and abs(median) < noise else median
    if low < 0.0 < high and zero == 0.0 and max(high, -low) < DETECTED * noise:
        edge = max(high, -low)
        return Stretch(-edge, edge)
    if zero - low < max(DETECTED * noise, _NEGATIVE * (high - zero)):
        low = max(low, zero - DARKEST * noise)
    return Stretch(low, high, zero, max(SOFT * noise, _SOFTEST * (high - low)))


def _ends(known: Doubles) -> tuple[float, float, float]:
    """Low end, median and high end."""
    median = float(np.median(known))
    away = min(FEW, len(known) // 200)
    ranks = [0, away, len(known) - 1 - away, len(known) - 1]
    lowest, low, high, highest = (float(part) for part in np.partition(known, ranks)[ranks])
    return _end(lowest, low, median), median, _end(highest, high, median)


def _end(last: float, before: float, median: float) -> float:
    is_wild = before != median and abs(last - median) > WILD * abs(before - median)
    return before if is_wild else last


def _signed(values: Doubles) -> Stretch:
    known = values[np.isfinite(values)]
    edge = _ends(np.abs(known))[2]
    noise = _spread(known, float(np.median(known)))
    soft = max(SOFT * noise, _SOFTEST * edge) if 0.0 < SOFT * noise < edge else None
    return Stretch(-edge, edge, 0.0, soft)


def _velocity(values: Doubles) -> Stretch:
    known = values[np.isfinite(values)]
    steady = _steady(values, _UNSTEADY * float(np.ptp(np.percentile(known, (5.0, 95.0)))))
    if max(_FEWEST, 0.01 * len(known)) <= len(steady) < 0.7 * len(known):
        known = steady
    middle = float(np.median(known))
    edge = float(np.percentile(np.abs(known - middle), 99.0))
    return Stretch(middle - edge, middle + edge)


def _plain(values: Doubles) -> Stretch:
    known = values[np.isfinite(values)]
    low, high = (float(part) for part in np.percentile(known, (0.5, 99.5)))
    return Stretch(0.0 if 0.0 < low < 0.5 * high else low, high)


def _steady(values: Doubles, most: float) -> Doubles:
    """The values of pixels around which (7 x 7) none is blank and no two differ by more than ``most``: those
    of a source, and not of noise, which jump between both ends of the band and would widen the scale.
    """
    high, low = values, values
    for axis in (0, 1):
        high, low = _around(high, axis, np.maximum), _around(low, axis, np.minimum)
    return values[high - low <= most]


def _around(values: Doubles, axis: int, choose: np.ufunc) -> Doubles:
    """Of each value and its three neighbours on either side along an axis the highest, or the lowest."""
    padding = [(3, 3) if each == axis else (0, 0) for each in (0, 1)]
    padded = np.pad(values, padding, constant_values=np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(padded, 7, axis=axis)
    return np.asarray(choose.reduce(windows, axis=-1))


_MAKERS = {
    Kind.BRIGHTNESS: _brightness,
    Kind.SIGNED: _signed,
    Kind.VELOCITY: _velocity,
    Kind.PLAIN: _plain,
}


def _spread(known: Doubles, median: float) -> float:
    """Standard deviation by the median absolute deviation; where more than half of the pixels have one
    value (models, masked maps), that of the others."""
    away = np.abs(known - median)
    spread = _TO_SIGMA * float(np.median(away))
    if spread == 0.0 and away.any():
        spread = _TO_SIGMA * float(np.median(away[away > 0.0]))
    return spread
