"""Samples of pixels that were rounded to steps, as integers and tile-compressed floats are, or padded with
zeros where there is no value.

The median of rounded values is one of the steps, so noise would be stated in whole steps too. Values that are
equal are spread here over the step that they stand for, in the way of a normal distribution: between the
middles to the next values on either side, evenly on the scale of normal scores. That is exact for normal
noise whatever the step, and leaves the brightness of single pixels what it is.

Noise that was not rounded nearly never has a value of exactly zero: zeros are padding then. In rounded noise
as many are genuine as the numbers at the next two steps on either side foretell.
"""

from __future__ import annotations

from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Flags = NDArray[np.bool_]
Doubles = NDArray[np.float64]

FEW_ZEROS = 0.001
"""Fraction of zeros that harms nothing."""
_REPEATED = 2
"""Values of a rounded sample occur that often on average."""
_ASKED = 1024
_MOST_AT_ONE = 0.4
_LEAST_BESIDE = 0.005
"""Where one value is that of more of the sample than the first, less than the second on one side of it says
that the sample is no rounded noise, but a mask or a model."""
_NEAREST = 100
_SCORES = np.linspace(0.05, 1.2, 24)
_PARTS = np.array([2.0 * NormalDist().cdf(score) - 1.0 for score in _SCORES])
_MEDIAN_SCORE = NormalDist().inv_cdf(0.75)
_TABLE = np.linspace(-6.0, 6.0, 2401)
_BELOW = np.array([NormalDist().cdf(score) for score in _TABLE])


def is_stepped(known: Doubles) -> bool:
    """Whether values (one-dimensional, in stored order) were rounded: on average each of them occurs twice or
    more. A thousand from their middle are asked.
    """
    first = max(0, len(known) // 2 - _ASKED // 2)
    asked = np.sort(known[first : first + _ASKED])
    return len(asked) >= _REPEATED * (1 + int(np.count_nonzero(asked[1:] != asked[:-1])))


def find_padding(known: Doubles) -> Flags:
    """Which values (one-dimensional, in stored order) are zeros that stand for no value. Of rounded noise as
    many zeros are left as it has of its own, scattered over the sample; none are found where only a few are
    zero, or all.
    """
    zero: Flags = known == 0.0
    count = int(np.count_nonzero(zero))
    if count <= FEW_ZEROS * len(known) or count == len(known):
        return np.zeros(len(known), np.bool_)
    others = np.sort(np.abs(known[~zero]))
    genuine = _genuine_zeros(others) if is_stepped(known[~zero]) else 0
    if genuine:
        places = np.flatnonzero(zero)
        zero[np.random.default_rng(0).permutation(places)[:genuine]] = False
    return zero


def _genuine_zeros(others: Doubles) -> int:
    """How many zeros rounded noise has whose other values have these (sorted) sizes. The logarithm of a
    normal distribution is a parabola: the numbers at the first two steps tell that at zero.
    """
    nearest = float(others[len(others) // _NEAREST])
    near = others[: np.searchsorted(others, 1.5 * nearest)]
    step = float(near[len(near) // 2])
    edges = [0.5 * step, 1.5 * step, 2.5 * step]
    first, second, third = (int(each) for each in np.searchsorted(others, edges))
    once, twice = (second - first) / 2.0, max(1.0, third - second) / 2.0
    return int(once ** (4.0 / 3.0) / twice ** (1.0 / 3.0) + 0.5)


def spread_steps(known: Doubles) -> Doubles | None:
    """The values (one-dimensional) with equal ones spread over their steps, in their order; None where they
    are no noise: one value is that of nearly half of them and others lie on one side of it only.
    """
    order = np.random.default_rng(0).permutation(len(known))
    order = order[np.argsort(known[order])]
    ordered = known[order]
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    levels, ends = ordered[starts], np.append(starts[1:], len(known))
    counts = ends - starts
    if len(levels) < 3:
        return None
    most = int(counts.argmax())
    beside = min(starts[most], len(known) - ends[most])
    if counts[most] > _MOST_AT_ONE * len(known) and beside < _LEAST_BESIDE * len(known):
        return None
    inner = levels[1:] / 2.0 + levels[:-1] / 2.0
    first, last = _score(starts / len(known)), _score(ends / len(known))
    score = _score((np.arange(len(known)) + 0.5) / len(known))
    with np.errstate(over="ignore", invalid="ignore"):  # the largest numbers there are stay what they are
        low = np.concatenate([[2.0 * levels[0] - inner[0]], inner])
        high = np.concatenate([inner, [2.0 * levels[-1] - inner[-1]]])
        slope = (high - low) / (last - first)
        spread = np.repeat(low - slope * first, counts) + np.repeat(slope, counts) * score
    tied = np.repeat(counts > 1, counts) & np.isfinite(spread)
    found = np.empty(len(known))
    found[order] = np.where(tied, spread, ordered)
    return found


def _score(below: Doubles) -> Doubles:
    """The place, in sigma, below which a part of a normal distribution lies; at most 6 either way."""
    return np.interp(below, _BELOW, _TABLE)


def even_median(sizes: Doubles) -> float:
    """The median of sizes of normal noise as several of its quantiles tell it: where the sample holds
    several sets of steps, as rows that were compressed one by one, it does not snap to any.
    """
    ordered = np.sort(sizes)
    found = ordered[(_PARTS * len(ordered)).astype(np.int64)]
    return float(found.sum() * (_MEDIAN_SCORE / _SCORES.sum()))
