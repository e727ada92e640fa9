"""Candidate lines of a peak spectrum, and the catalogue lines that they may be: hints, and no more than that.

A peak spectrum has, per channel, the highest pixel of a plane and the plane's noise. Two things lift it above
zero where there is no line. The highest of many beams of noise stands several sigma high; and continuum left
in the cube stands as high as it is bright. Both are read off the spectrum itself: without a line the ratio of
peak and noise is taken as the highest of n normal deviates, shifted. n and shift follow from the median and
the spread below it, which lines don't touch until they fill about half of the spectrum; where a bright line
fills more, the lowest channels serve instead. A line that leaves no channel free is not told from continuum.
What each channel's ratio is worth then is a probability, and so is what neighbouring channels are worth
together (Fisher's sum, with the channels' correlation by Brown's method), corrected for all the runs looked
at.

Emission alone is searched: the highest pixel of a plane doesn't know of absorption. A single channel is no
line, however high, since nothing tells it from interference.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vo_service.spectral.frames import C
from vo_service.spectral.lines import LINES, Line

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

FALSE_ALARM = 0.002
"""Chance that a spectrum of noise alone has any candidate, as far as the model of the noise holds."""

FEWEST_CHANNELS = 32
"""With fewer usable channels the noise of a spectrum isn't known well enough to find anything in it."""

TOLERANCE_KMS = 100.0
"""How far beyond a candidate's edges a catalogue line may lie: the motions that a redshift doesn't tell."""

_WIDTHS = (1, 2, 4, 8, 16, 32, 64)  # channels that are looked at together
_MEMBER = -math.log(0.01)  # worth, as -ln p, of a channel that belongs to a line on its own evidence
_SUPPORT = -math.log(0.2)  # of one at the edge of a run whose evidence lies in the whole
_OUTLIER = -math.log(0.002)  # beyond it a channel says nothing about the noise
_NEUTRAL = 1.0  # mean worth of a channel of noise
_ALONE = 0.002  # chance below which the other channels of a run are no noise
_LAGS = 32
_WIDEST = 3.0  # spread of the ratios that noise can have, corrected for the primary beam or not
_HIGHEST = 12.0  # ratio that noise can have, likewise
_SHARES = (0.7, 0.5, 0.35, 0.25, 0.18)
_AROUND = 8  # channels to each side that a channel's noise is compared with
_CAUTION = 2.5  # standard errors by which the spread is taken larger than it came out


@dataclass(frozen=True, slots=True)
class Candidate:
    """A run of channels where something stands above the noise.

    ``first`` and ``last`` are indices into the spectrum, both inclusive. ``low_hz`` and ``high_hz`` are the
    outer edges of these channels, ``centre_hz`` their centre weighted by the excess over the noise, all in
    the frame of the spectrum's frequencies; ``width_kms`` is the distance of the edges. ``snr`` is the
    highest peak over noise, less the continuum. ``false_alarm`` is the chance that noise alone has as much
    anywhere in such a spectrum.
    """

    first: int
    last: int
    low_hz: float
    high_hz: float
    centre_hz: float
    width_kms: float
    snr: float
    false_alarm: float


@dataclass(frozen=True, slots=True)
class Identification:
    """A catalogue line that a candidate may be: where it would be seen, and how fast the candidate recedes
    (positive) from there, in km/s by the radio definition."""

    line: Line
    sky_hz: float
    offset_kms: float


def find_candidates(
    frequency_hz: ArrayLike,
    peak: ArrayLike,
    rms: ArrayLike,
    *,
    false_alarm: float = FALSE_ALARM,
    min_width: int = 2,
    gap: int = 2,
) -> tuple[Candidate, ...]:
    """Candidate emission lines of a peak spectrum, by channel.

    ``frequency_hz`` (n,) rises or falls throughout; ``peak`` and ``rms`` (n,) are in one unit, whichever. A
    channel where one of them isn't finite, or the noise not positive, is left out. Runs up to ``gap``
    channels apart are joined, those of fewer than ``min_width`` channels dropped. Raises ValueError for
    arrays of different lengths, frequencies that aren't positive and in order, and senseless limits.
    """
    frequency, ratio = _checked(frequency_hz, peak, rms)
    if not 0.0 < false_alarm < 1.0 or min_width < 1 or gap < 0:
        raise ValueError("false_alarm lies between 0 and 1, min_width is at least 1, gap at least 0")
    if np.count_nonzero(np.isfinite(ratio)) < FEWEST_CHANNELS:
        return ()
    noise = _Noise.of(ratio)
    worth = noise.worth(ratio)
    sums = _Sums.of(worth)
    found = (
        _candidate(frequency, ratio, noise, first, last, chance)
        for first, last, chance in _runs(worth, sums, false_alarm, gap)
        if min_width == 1 or (last - first + 1 >= min_width and _is_shared(worth[first : last + 1], sums))
    )
    return tuple(sorted(found, key=lambda one: one.first))


def identify(
    candidate: Candidate,
    redshift: float | None,
    lines: Iterable[Line] = LINES,
    tolerance_kms: float = TOLERANCE_KMS,
) -> tuple[Identification, ...]:
    """The lines that at this redshift lie within the candidate's edges or ``tolerance_kms`` from them, those
    nearest to its centre first.

    None without a redshift: it is never guessed from the candidate. The redshift is of the frame that the
    candidate's frequencies are in. Raises ValueError for a redshift of -1 or less and a negative tolerance.
    """
    if not tolerance_kms >= 0.0:
        raise ValueError(f"tolerance of {tolerance_kms} km/s: it is zero or more")
    if redshift is None or math.isnan(redshift):
        return ()
    if redshift <= -1.0 or math.isinf(redshift):
        raise ValueError(f"redshift {redshift}: it is a number above -1")
    allowance = tolerance_kms * 1e3 / C
    low, high = candidate.low_hz * (1.0 - allowance), candidate.high_hz * (1.0 + allowance)
    near = [
        Identification(one, sky, (1.0 - candidate.centre_hz / sky) * C / 1e3)
        for one in lines
        if low <= (sky := one.rest_hz / (1.0 + redshift)) <= high
    ]
    return tuple(sorted(near, key=lambda one: (abs(one.offset_kms), one.line.name)))


def _checked(frequency_hz: ArrayLike, peak: ArrayLike, rms: ArrayLike) -> tuple[Floats, Floats]:
    """Frequencies, and the ratios of peak and noise, NaN where there is none."""
    frequency, high, noise = (np.asarray(values, dtype=np.float64) for values in (frequency_hz, peak, rms))
    if frequency.ndim != 1 or not frequency.shape == high.shape == noise.shape:
        shapes = ", ".join(str(values.shape) for values in (frequency, high, noise))
        raise ValueError(f"frequency, peak and rms are one-dimensional and of one length, not {shapes}")
    if not np.all(np.isfinite(frequency) & (frequency > 0.0)):
        raise ValueError("a channel's frequency isn't a positive number of hertz")
    steps = np.diff(frequency)
    if not (np.all(steps > 0.0) or np.all(steps < 0.0)):
        raise ValueError("the frequencies neither rise nor fall from channel to channel throughout")
    usable = np.isfinite(high) & np.isfinite(noise) & (noise > 0.0)
    noise = _steadied(np.where(usable, noise, np.nan))
    with np.errstate(over="ignore"):
        ratio = np.divide(high, noise, out=np.full(high.shape, np.nan), where=usable)
    ratio[~np.isfinite(ratio)] = np.nan
    return frequency, ratio


def _steadied(noise: Floats) -> Floats:
    """The noise, nowhere below the median of its surroundings: that of a plane of few beams comes out far too
    small now and then, and any peak over it too large."""
    known = np.flatnonzero(np.isfinite(noise))
    if known.size == 0:
        return noise
    padded = np.pad(noise[known], _AROUND, mode="reflect" if known.size > _AROUND else "edge")
    surroundings = np.median(np.lib.stride_tricks.sliding_window_view(padded, 2 * _AROUND + 1), axis=1)
    steadied = noise.copy()
    steadied[known] = np.maximum(noise[known], surroundings)
    return steadied


@dataclass(frozen=True, slots=True)
class _Noise:
    """How the ratio is spread without a line: as ``shift`` plus ``scale`` times the highest of ``n`` normal
    deviates."""

    n: float
    shift: float
    scale: float

    @classmethod
    def of(cls, ratio: Floats) -> _Noise:
        known = np.sort(ratio[np.isfinite(ratio)])
        low, middle, channels = _lower_half(known)
        # a spread that came out too small by chance would make everything significant
        spread = (middle - low) * (1.0 + _CAUTION * 0.8 / math.sqrt(channels))
        n = float(np.exp(np.interp(-spread, -_SPREADS, np.log(_NUMBERS))))
        scale = max(1.0, spread / float(_SPREADS[0]))
        return cls(n, middle - scale * _highest_of(n, 0.5), scale)

    def worth(self, ratio: Floats) -> Floats:
        """-ln of the chance that noise gives the ratio or more; the mean of noise where there is none."""
        deviates = (ratio - self.shift) / self.scale
        return np.array([_NEUTRAL if math.isnan(x) else _log_chance(x, self.n) for x in deviates.tolist()])


def _lower_half(known: Floats) -> tuple[float, float, float]:
    """16 % and 50 % quantile of the channels without a line, and the number of these channels.

    They are all channels, unless those spread far wider than noise does: lines then reach over more than
    half of them, and the lowest are taken, as few as it needs for a spread that noise can have. That is
    more than there are without a line, so the spread comes out too large rather than too small. Where even
    the lowest stand higher than noise does it is continuum that varies, and no channel is without it.
    """
    low, middle = (float(value) for value in np.quantile(known, (_LOWER, 0.5)))
    everything = low, middle, float(known.size)
    if middle - low <= _WIDEST:
        return everything
    for share in _SHARES:
        low, middle = (float(value) for value in np.quantile(known, (share * _LOWER, share * 0.5)))
        if middle - low <= _WIDEST and middle <= _HIGHEST and share * known.size >= FEWEST_CHANNELS / 2:
            return low, middle, share * known.size
    return everything


_LOWER = NormalDist().cdf(-1.0)
_NUMBERS: Floats = np.geomspace(1.0, 1e7, 57)


def _highest_of(n: float, quantile: float) -> float:
    """A quantile of the highest of n normal deviates."""
    return -NormalDist().inv_cdf(-math.expm1(math.log(quantile) / n))


_SPREADS: Floats = np.array([_highest_of(n, 0.5) - _highest_of(n, _LOWER) for n in _NUMBERS.tolist()])


def _log_chance(x: float, n: float) -> float:
    """-ln of the chance that the highest of n normal deviates is x or more."""
    if x > 25.0:  # the tail itself is no longer a number of the machine soon after
        return 0.5 * x * x + math.log(x * math.sqrt(2.0 * math.pi)) - math.log(n)
    tail = 0.5 * math.erfc(x / math.sqrt(2.0))
    if tail >= 1.0:
        return 0.0
    chance = -math.expm1(n * math.log1p(-tail))
    return -math.log(chance) if chance > 0.0 else 0.0


@dataclass(frozen=True, slots=True)
class _Sums:
    """How sums of the worth of neighbouring channels are spread in noise: as gamma distributions, of which
    ``shapes`` has shape and scale by number of channels."""

    shapes: tuple[tuple[int, float, float], ...]
    tests: int

    @classmethod
    def of(cls, worth: Floats) -> _Sums:
        widths = [width for width in _WIDTHS if width == 1 or 8 * width <= worth.size]
        correlation = _correlation(worth)
        shapes = []
        for width in widths:
            lags = np.arange(1, min(width, _LAGS + 1))
            variance = width + 2.0 * float(np.sum((width - lags) * correlation[lags - 1]))
            shapes.append((width, width * width / variance, variance / width))
        return cls(tuple(shapes), worth.size * len(widths))

    def chance(self, total: float, shape: float, scale: float) -> float:
        """ln of how often noise gives such a sum or more anywhere in the spectrum."""
        return _log_gamma_tail(shape, total / scale) + math.log(self.tests)


def _correlation(worth: Floats) -> Floats:
    """Correlation of noise channels at lags 1, 2, ..., zero from the first lag on that shows none."""
    result = np.zeros(_LAGS)
    quiet = worth < _OUTLIER
    if np.count_nonzero(quiet) < 2:
        return result
    centred = np.where(quiet, worth - worth[quiet].mean(), 0.0)
    variance = float(np.mean(centred[quiet] ** 2))
    for lag in range(1, min(_LAGS, worth.size // 2) + 1):
        pairs = int(np.count_nonzero(quiet[lag:] & quiet[:-lag]))
        if not pairs or not variance:
            break
        value = float(np.sum(centred[lag:] * centred[:-lag])) / pairs / variance
        if value < 2.0 / math.sqrt(pairs):
            break
        result[lag - 1] = min(value, 1.0)
    return result


def _log_gamma_tail(shape: float, x: float) -> float:
    """ln of the upper tail of a gamma distribution of unit scale; 0 in its bulk, where it doesn't matter."""
    if x <= shape + 1.0:
        return 0.0
    # Legendre's continued fraction from the front by Lentz' method; it converges fast above shape + 1
    b = x + 1.0 - shape
    c, d = math.inf, 1.0 / b
    fraction = d
    for i in range(1, 300):
        a = -i * (i - shape)
        b += 2.0
        d = 1.0 / (a * d + b)
        c = b + a / c
        fraction *= c * d
        if abs(c * d - 1.0) < 1e-12:
            break
    return shape * math.log(x) - x - math.lgamma(shape) + math.log(fraction)


def _runs(worth: Floats, sums: _Sums, false_alarm: float, gap: int) -> Iterator[tuple[int, int, float]]:
    """First and last channel and false alarm of every run that noise wouldn't give, the clearest first."""
    left = worth.copy()
    while True:
        chance, start, width = _clearest(left, sums)
        if chance >= math.log(false_alarm):
            return
        first, last = _extent(left, start, start + width - 1, gap, sums, false_alarm)
        yield first, last, math.exp(chance)
        # the wings of a line are no line of their own
        before, behind = _grown(left > _SUPPORT, first, last, gap)
        left[before : behind + 1] = _NEUTRAL


def _clearest(worth: Floats, sums: _Sums) -> tuple[float, int, int]:
    """ln of the false alarm, start and width of the channels that noise would give least often."""
    running = np.concatenate(([0.0], np.cumsum(worth)))
    best = (math.inf, 0, 1)
    for width, shape, scale in sums.shapes:
        totals = running[width:] - running[:-width]
        start = int(np.argmax(totals))
        best = min(best, (sums.chance(float(totals[start]), shape, scale), start, width))
    return best


def _extent(
    worth: Floats, first: int, last: int, gap: int, sums: _Sums, false_alarm: float
) -> tuple[int, int]:
    """The line that a clear window shows: the run around its highest channel where that is enough by itself,
    else all of the window that supports it."""
    top = first + int(np.argmax(worth[first : last + 1]))
    run = _grown(worth > _MEMBER, top, top, gap)
    inside = worth[run[0] : run[1] + 1]
    width, shape, scale = max(one for one in sums.shapes if one[0] <= inside.size)
    enough = float(np.sort(inside)[-width:].sum())
    if sums.chance(enough, shape, scale) < math.log(false_alarm):
        return run
    supporting = first + np.flatnonzero(worth[first : last + 1] > _SUPPORT)
    return _grown(worth > _MEMBER, int(supporting[0]), int(supporting[-1]), gap)


def _is_shared(inside: Floats, sums: _Sums) -> bool:
    """Whether a run shows something without its highest channel too: next to a spike there may be a channel
    of noise that is high by chance."""
    others = np.delete(inside, int(np.argmax(inside)))
    width, shape, scale = max(one for one in sums.shapes if one[0] <= others.size)
    return _log_gamma_tail(shape, float(np.sort(others)[-width:].sum()) / scale) < math.log(_ALONE)


def _grown(member: Bools, first: int, last: int, gap: int) -> tuple[int, int]:
    """A range with all members added that are no more than ``gap`` other channels off."""
    grew = True
    while grew:
        below = np.flatnonzero(member[max(0, first - gap - 1) : first])
        above = np.flatnonzero(member[last + 1 : last + gap + 2])
        grew = below.size > 0 or above.size > 0
        if below.size:
            first = max(0, first - gap - 1) + int(below[0])
        if above.size:
            last = last + 1 + int(above[-1])
    return first, last


def _candidate(
    frequency: Floats, ratio: Floats, noise: _Noise, first: int, last: int, chance: float
) -> Candidate:
    middle = noise.shift + noise.scale * _highest_of(noise.n, 0.5)
    inside = slice(first, last + 1)
    weight = np.nan_to_num(np.clip(ratio[inside] - middle, 0.0, None))
    centre = float(np.average(frequency[inside], weights=weight))
    between = 0.5 * (frequency[1:] + frequency[:-1])
    outer = 1.5 * frequency[[0, -1]] - 0.5 * frequency[[1, -2]]
    edges = np.concatenate((outer[:1], between, outer[1:]))
    low, high = sorted((float(edges[first]), float(edges[last + 1])))
    return Candidate(
        first=first,
        last=last,
        low_hz=low,
        high_hz=high,
        centre_hz=centre,
        width_kms=(high - low) / centre * C / 1e3,
        snr=float(np.nanmax(ratio[inside])) - max(0.0, noise.shift),
        false_alarm=chance,
    )
