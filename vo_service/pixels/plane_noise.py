"""Noise of one plane of an image away from its sources, from a bounded sample of its pixels.

The sample is a regular grid over the plane. Sources are what lies beyond 3.5 sigma either way, with three
steps of the grid round it; sigma is then taken from the rest, on both sides of zero. After correction for the
primary beam noise rises from the centre, where the sources are, to the edge: so sigma is fitted as
s exp(a r^2) of the distance r from the centre of the valid pixels (a is zero for even noise), sources are
found again by it, and what is stated is the robust deviation (1.4826 times the median of the absolute value)
that noise of that profile has over all valid pixels.

Pixels of exactly zero are no noise where there are more than a few, but what images are padded with that have
no NaN: they are left out. (They are valid pixels all the same: nothing says that they are none.) Values that
were rounded are spread over their steps first; ``steps`` has both.

Limits: emission below two or three sigma over much of the plane widens the result; a mosaic whose noise does
not follow its distance from the centre gets a value between its best and its worst. Where sources leave too
little, ``noise.estimate_rms`` answers from the distribution of the values alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from math import erf, nan, sqrt

import numpy as np
from numpy.typing import NDArray

from vo_service.pixels.decoding import Values
from vo_service.pixels.noise import MAD_TO_SIGMA, Grid, estimate_mode, estimate_rms
from vo_service.pixels.steps import even_median, find_padding, is_stepped, spread_steps

SOURCE_SIGMA = 3.5
_STEPS = (1, 2)
"""Steps of the grid by which sources are widened: three together."""
LEAST_SAMPLE = 256
"""With fewer pixels on the grid than this, or fewer left beside sources, no profile is fitted."""
_RINGS = 8
_LEVELS = 32
_LEAST_REST = 0.1
_FEW = 0.16
"""Fraction of values on one side of zero below which zero is not the middle of the noise."""
_DEVIATIONS = np.linspace(0.0, 6.0, 1201)
_WITHIN = np.array([erf(each / sqrt(2.0)) for each in _DEVIATIONS])
"""The part of a normal distribution that lies within so many sigma of its middle."""

Flags = NDArray[np.bool_]
Doubles = NDArray[np.float64]
Median = Callable[[Doubles], float]


@dataclass(slots=True)
class PlaneSample:
    """The pixels of planes that lie on the grid, gathered as rows come by, one plane after the other."""

    grid: Grid
    _values: list[Doubles] = field(default_factory=list)
    _finite: list[Flags] = field(default_factory=list)
    _profile: Distances | None = None

    def add(self, row: int, values: Values, finite: Flags) -> None:
        """Takes rows (rows, columns) of the plane, the first of which is ``row`` (from 0)."""
        start = -row % self.grid.row_step
        rows = slice(start, None, self.grid.row_step)
        columns = slice(None, None, self.grid.column_step)
        self._values.append(values[rows, columns].astype(np.float64))
        self._finite.append(finite[rows, columns].copy())

    def finish(self) -> float:
        """The noise of the plane (see ``estimate_plane_rms``), NaN where nothing came; begins a new one."""
        if not self._values:
            return nan
        values, finite = np.concatenate(self._values), np.concatenate(self._finite)
        self._values.clear()
        self._finite.clear()
        noisy = _without_padding(values, finite)
        if noisy is None:
            return nan
        if self._profile is None or not np.array_equal(noisy, self._profile.finite):
            self._profile = Distances.of(noisy, self.grid)
        return estimate_plane_rms(values, self._profile)


def _without_padding(values: Doubles, finite: Flags) -> Flags | None:
    """The finite values but those that are padding; None where they are mostly padding and too little
    is left to call it noise: a model or a mask is mostly zeros too, and what it has beside them is little or
    lies on one side.
    """
    known = values[finite]
    padding = find_padding(known)
    if not padding.any():
        return finite if len(known) else None
    rest = known[~padding]
    above = np.count_nonzero(rest > 0.0) / len(rest)
    if 2 * len(rest) < len(known) and (len(rest) < LEAST_SAMPLE or not _FEW <= above <= 1.0 - _FEW):
        return None
    kept = finite.copy()
    kept[finite] = ~padding
    return kept


@dataclass(frozen=True, slots=True)
class Distances:
    """Squared distances (1 at the farthest) of grid points (rows, columns) from the centre of the valid ones,
    the valid points (as indices of the flat grid) in the order of them, and 32 ``levels`` of distance, each
    for as many points.
    """

    finite: Flags
    square: Doubles
    order: NDArray[np.int64]
    levels: Doubles

    @classmethod
    def of(cls, finite: Flags, grid: Grid) -> Distances:
        y, x = np.nonzero(finite)
        rows = (np.arange(finite.shape[0]) - y.mean()) * grid.row_step
        columns = (np.arange(finite.shape[1]) - x.mean()) * grid.column_step
        square = rows[:, None] ** 2 + columns**2
        flat = np.flatnonzero(finite)
        flat = flat[np.argsort(square.ravel()[flat])]
        square /= max(1.0, float(square.ravel()[flat[-1]]))
        middles = (np.arange(_LEVELS) + 0.5) * len(flat) / _LEVELS
        return cls(finite, square, flat, square.ravel()[flat[middles.astype(np.int64)]])


def estimate_plane_rms(values: Doubles, distances: Distances) -> float:
    """Robust deviation of the noise on a grid of values (rows, columns), in their unit; NaN where it cannot
    be known (see ``estimate_rms``).
    """
    known = values.ravel()[distances.order]
    median: Median = _median
    if is_stepped(values[distances.finite]):
        spread = spread_steps(known)
        if spread is None:
            return nan
        known, median = spread, even_median
    if len(known) < LEAST_SAMPLE:
        return estimate_rms(known)
    middle, sigma = _middle(known, median)
    if not sigma > 0.0:
        return estimate_rms(known)
    values = np.zeros(values.shape)
    values.ravel()[distances.order] = known - middle
    local = np.full(values.shape, sigma)
    slope, level = 0.0, sigma
    for _ in range(2):
        rest = distances.order[~_find_sources(values, local).ravel()[distances.order]]
        if len(rest) < max(LEAST_SAMPLE, _LEAST_REST * len(known)):
            return estimate_rms(known)
        away, square = np.abs(values.ravel()[rest]), distances.square.ravel()[rest]
        slope = _fit_slope(away, square, median)
        even = away * np.exp(-slope * square) if slope else away
        level = MAD_TO_SIGMA * median(even)
        if not level > 0.0:
            return estimate_rms(known)
        local = level * np.exp(slope * distances.square) if slope else np.full(values.shape, level)
    return _mix(level * np.exp(slope * distances.levels)) if slope else level


def _middle(known: Doubles, median: Median) -> tuple[float, float]:
    """The middle of the noise, zero unless nearly all values lie on one side of it, and a first sigma: that
    of the side that sources reach less.
    """
    below, above = -known[known < 0.0], known[known > 0.0]
    if min(len(below), len(above)) < _FEW * len(known):
        return estimate_mode(known)
    return 0.0, MAD_TO_SIGMA * min(median(below), median(above))


def _median(values: Doubles) -> float:
    """The middle value, of an even number the upper of the two: numpy's own takes several times as long."""
    half = len(values) // 2
    return float(np.partition(values, half)[half])


def _find_sources(values: Doubles, sigma: Doubles) -> Flags:
    """What is brighter (or darker) than 3.5 sigma, and its surroundings."""
    found = np.abs(values) > SOURCE_SIGMA * sigma
    for step in _STEPS if found.any() else ():
        wider = found.copy()
        wider[step:] |= found[:-step]
        wider[:-step] |= found[step:]
        found = wider.copy()
        found[:, step:] |= wider[:, :-step]
        found[:, :-step] |= wider[:, step:]
    return found


def _fit_slope(away: Doubles, square: Doubles, median: Median) -> float:
    """a of the profile s exp(a r^2) of absolute values in the order of their squared distances; not below
    zero.
    """
    ends = [len(away) * ring // _RINGS for ring in range(_RINGS + 1)]
    medians = np.array([median(away[first:last]) for first, last in pairwise(ends)])
    if not (medians > 0.0).all():
        return 0.0
    x = np.array([square[(first + last) // 2] for first, last in pairwise(ends)])
    x -= x.sum() / _RINGS
    spread = float(x @ x)
    return max(0.0, float(x @ np.log(medians)) / spread) if spread > 0.0 else 0.0


def _mix(sigmas: Doubles) -> float:
    """1.4826 times the median of |x| where as many points have noise of each of the sigmas (sorted)."""
    tried = np.linspace(sigmas[0], sigmas[-1], 48)
    within = np.interp(tried[:, None] / (MAD_TO_SIGMA * sigmas), _DEVIATIONS, _WITHIN).sum(axis=1)
    return float(np.interp(0.5 * len(sigmas), within, tried))
