"""Times of observations as cells of the axis of time: microseconds of TCB since JD 0 (MOC-006, MOC-007).

Times of holdings are UTC on the Earth. Their scale is converted; the place is not, since that would need the
direction and the observatory of each row: intervals are padded by the light time instead (MOC-009).
"""

from __future__ import annotations

import warnings
from typing import Final

import numpy as np
from astropy.time import Time
from erfa import ErfaWarning

from vo_service.sky.cell_ranges import Numbers, Pair
from vo_service.sky.vectors import Flags, Floats

PADDING_SECONDS: Final = 520
"""At both ends: the Earth is never farther from the barycentre than 512 light seconds. The rest is far above
what the conversion neglects: a day's drift of the scales (1.4 ms), and the length of a day with a leap second
(1 s)."""

_MICROSECONDS: Final = 1_000_000
_DAY: Final = 86_400 * _MICROSECONDS
_JD_OF_MJD: Final = 2_400_000 * _DAY + _DAY // 2
_FARTHEST_MJD: Final = 2_300_000.0  # either way: what is beyond is no date of an observation
_EPOCH: Final = np.datetime64("1858-11-17")


def known_times(t_min: Floats, t_max: Floats) -> tuple[Floats, Floats]:
    """The ends of intervals in MJD, the earlier first; where one is not known both are the other; NaN where
    none is."""
    ends = np.stack([t_min, t_max])
    ends[~(np.abs(ends) <= _FARTHEST_MJD)] = np.nan
    low, high = np.fmin(ends[0], ends[1]), np.fmax(ends[0], ends[1])
    return low, high


def ranges_of_times(low: Floats, high: Floats) -> Pair:
    """Half-open ranges of cells of order 61 of intervals in MJD (UTC, no NaN), padded."""
    padding = PADDING_SECONDS * _MICROSECONDS
    return _barycentric(low) - padding, _barycentric(high) + padding + 1


def mjd_of(microseconds: Numbers) -> Floats:
    """Cells of order 61 as MJD in UTC, where they begin; no padding is taken off."""
    days, rest = np.divmod(microseconds, _DAY)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ErfaWarning)
        found: Floats = Time(days.astype(np.float64), rest / _DAY, format="jd", scale="tcb").utc.mjd
    return found


def years_of(mjd: Floats) -> tuple[Numbers, Flags]:
    """Calendar years of times in MJD, and where they are known."""
    known = np.abs(mjd) <= _FARTHEST_MJD
    days = np.floor(np.where(known, mjd, 0.0)).astype(np.int64).astype("timedelta64[D]")
    years = (_EPOCH + days).astype("datetime64[Y]").astype(np.int64) + 1970
    return years, known


def _barycentric(mjd: Floats) -> Numbers:
    """Microseconds of TCB since JD 0: the difference of the scales is that of the beginning of the day."""
    days, place = np.unique(np.floor(mjd), return_inverse=True)
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", ErfaWarning
        )  # UTC before 1960, and leap seconds that are not known yet
        found = Time(days, format="mjd", scale="utc").tcb
    halves = np.rint(found.jd1 * 2.0).astype(np.int64)
    begin = halves * (_DAY // 2) + np.rint(found.jd2 * _DAY).astype(np.int64)
    later = begin - (days.astype(np.int64) * _DAY + _JD_OF_MJD)
    microseconds: Numbers = np.rint(mjd * _DAY).astype(np.int64) + _JD_OF_MJD + later[place.ravel()]
    return microseconds
