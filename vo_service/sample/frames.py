"""Doppler shift between the spectral frames of headers and the solar system's barycentre, by astropy alone.

This is the oracle behind the truth table: frequencies are shifted by ``astropy.coordinates.SpectralCoord``
for an observer at the ALMA site. One factor per frame, direction and time; it holds for every frequency.
"""

from __future__ import annotations

import warnings
from functools import lru_cache

import astropy.units as u
from astropy.coordinates import EarthLocation, SkyCoord, SpectralCoord
from astropy.time import Time
from astropy.utils import iers

# Geocentric position of the array's reference point in metres, as CASA writes it to OBSGEO-X, -Y, -Z.
ALMA_SITE = (2_225_142.180269, -5_440_307.370349, -2_481_029.851874)
UNDATED = "2015-01-01T00:00:00"  # LSRK against the barycentre does not depend on the date


def barycentric_factor(specsys: str, ra: float, dec: float, date: str | None) -> float:
    """Factor by which a frequency in ``specsys`` is multiplied to become barycentric.

    ``ra``, ``dec`` in degrees ICRS, ``date`` an ISO time (UTC). TOPOCENT needs a date, else
    ValueError. ``BARYCENT`` gives 1. Any other frame is a ValueError.
    """
    if specsys == "BARYCENT":
        return 1.0
    if specsys not in ("LSRK", "TOPOCENT"):
        raise ValueError(f"no rule for the frame {specsys!r}: expected LSRK, TOPOCENT or BARYCENT")
    if specsys == "TOPOCENT" and date is None:
        raise ValueError("a topocentric frequency needs the time of observation")
    return _factor(specsys, ra, dec, date if specsys == "TOPOCENT" and date is not None else UNDATED)


@lru_cache(maxsize=4096)
def _factor(specsys: str, ra: float, dec: float, date: str) -> float:
    with warnings.catch_warnings(), iers.conf.set_temp("auto_download", False):
        warnings.simplefilter("ignore")
        site = EarthLocation.from_geocentric(*ALMA_SITE, unit=u.m)
        observer = site.get_itrs(obstime=Time(date, scale="utc"))
        target = SkyCoord(ra * u.deg, dec * u.deg, distance=1e6 * u.kpc, frame="icrs")
        seen = SpectralCoord(1e12 * u.Hz, observer=observer, target=target)
        barycentric = seen.with_observer_stationary_relative_to("icrs").to_value(u.Hz)
        if specsys == "TOPOCENT":
            return float(barycentric / 1e12)
        local_standard = seen.with_observer_stationary_relative_to("lsrk").to_value(u.Hz)
        return float(barycentric / local_standard)
