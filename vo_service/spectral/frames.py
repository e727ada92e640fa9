"""Spectral reference frames, and the exact way from each of them to the barycentre and back.

A frame is the velocity of an observer relative to the barycentre of the solar system. The frequency that such
an observer sees from a direction follows from the velocity towards the source with the relativistic Doppler
formula, as in astropy's ``SpectralCoord`` (FITS paper III, section 7).
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from enum import Enum
from functools import cache, lru_cache
from typing import Any

import erfa
import numpy as np
from astropy_iers_data import IERS_A_FILE
from numpy.typing import ArrayLike, NDArray

C = 299792458.0
"""Speed of light in a vacuum, m/s."""

ALMA = (2225142.180269, -5440307.370349, -2481029.851874)
"""Geocentric position of ALMA in metres (ITRF), as its own FITS headers give it in OBSGEO-X, -Y, -Z."""

# Velocity of the Sun in km/s along the ICRS axes. LSRK: 20 km/s towards 18h +30d, equinox B1900, the
# convention of radio astronomy. LSRD: (9, 12, 7) km/s in galactic axes. Both as in FITS paper III, table 12.
_SUN_LSRK = (0.28999706839034606, -17.317264789717928, 10.00141199546947)
_SUN_LSRD = (-0.6382306360182073, -14.585424483191094, 7.8011572411006815)

_MJD0 = 2400000.5
_EARTH_KNOWN = (15020.0, 88069.0)
"""MJD of the first days of 1900 and of 2100: the model of the Earth's motion (ERFA's epv00) holds between."""
_AU_PER_DAY = 149597870700.0 / 86400.0


class FrameUnknown(ValueError):
    """A conversion that cannot be made: no frame, no direction, or no time. Better than a guess."""


class Frame(Enum):
    """Frames that can be converted; the values are those of the FITS keyword SPECSYS."""

    TOPO = "TOPOCENT"
    GEO = "GEOCENTR"
    BARY = "BARYCENT"
    HELIO = "HELIOCEN"
    LSRK = "LSRK"
    LSRD = "LSRD"


_NAMES = {
    "TOPO": Frame.TOPO,
    "TOPOCENT": Frame.TOPO,
    "TOPOCENTRIC": Frame.TOPO,
    "GEO": Frame.GEO,
    "GEOCENTR": Frame.GEO,
    "GEOCENTRIC": Frame.GEO,
    "BARY": Frame.BARY,
    "BARYCENT": Frame.BARY,
    "BARYCENTRIC": Frame.BARY,
    "HEL": Frame.HELIO,
    "HELIO": Frame.HELIO,
    "HELIOCEN": Frame.HELIO,
    "HELIOCENTRIC": Frame.HELIO,
    "LSRK": Frame.LSRK,
    "LSRD": Frame.LSRD,
}


def frame_of(specsys: str | None) -> Frame | None:
    """The frame that a SPECSYS value names, in any case; None where it names none that we convert.

    A bare ``LSR`` is None: it does not say which of the two.
    """
    if specsys is None:
        return None
    return _NAMES.get(specsys.strip().upper())


@dataclass(frozen=True, slots=True)
class Pointing:
    """Where and when a spectrum was taken: direction in degrees (ICRS), time as MJD (UTC), and the geocentric
    position of the observatory in metres (ITRF)."""

    ra: float
    dec: float
    mjd: float | None = None
    site: tuple[float, float, float] | None = ALMA


def to_barycentric(freq_hz: ArrayLike, frame: Frame, pointing: Pointing | None) -> NDArray[np.float64]:
    """Frequencies (any shape) in the barycentric frame, from those in ``frame``; raises FrameUnknown."""
    return np.asarray(freq_hz, dtype=np.float64) * barycentric_factor(frame, pointing)


def from_barycentric(freq_hz: ArrayLike, frame: Frame, pointing: Pointing | None) -> NDArray[np.float64]:
    """Frequencies (any shape) in ``frame``, from barycentric ones; raises FrameUnknown."""
    return np.asarray(freq_hz, dtype=np.float64) / barycentric_factor(frame, pointing)


def barycentric_factor(frame: Frame, pointing: Pointing | None) -> float:
    """Barycentric frequency divided by the frequency in ``frame``.

    Raises FrameUnknown when the frame needs a direction, a time or a place that ``pointing`` does not have,
    or a time out of the years 1900 to 2100.
    """
    if frame is Frame.BARY:
        return 1.0
    if pointing is None or not (np.isfinite(pointing.ra) and np.isfinite(pointing.dec)):
        raise FrameUnknown(f"{frame.value} needs the direction of the source")
    beta = float(_direction(pointing.ra, pointing.dec) @ _velocity(frame, pointing)) / C
    return float(np.sqrt((1.0 - beta) / (1.0 + beta)))


def _direction(ra: float, dec: float) -> NDArray[np.float64]:
    lon, lat = np.radians(ra), np.radians(dec)
    return np.array([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])


def _velocity(frame: Frame, pointing: Pointing) -> NDArray[np.float64]:
    """Velocity of an observer at rest in ``frame``, relative to the barycentre, m/s along ICRS axes."""
    if frame is Frame.LSRK:
        return -1e3 * np.array(_SUN_LSRK)
    if frame is Frame.LSRD:
        return -1e3 * np.array(_SUN_LSRD)
    if pointing.mjd is None or not np.isfinite(pointing.mjd):
        raise FrameUnknown(f"{frame.value} needs the time of observation")
    if not _EARTH_KNOWN[0] <= pointing.mjd <= _EARTH_KNOWN[1]:
        raise FrameUnknown(
            f"{frame.value} needs the motion of the Earth, which is known from 1900 to 2100: not at "
            f"MJD {pointing.mjd:g}"
        )
    if frame is Frame.TOPO:
        if pointing.site is None:
            raise FrameUnknown(f"{frame.value} needs the position of the observatory")
        return _observatory_velocity(pointing.mjd, pointing.site)
    around_sun, around_barycentre = _earth_velocity(pointing.mjd)
    return around_barycentre if frame is Frame.GEO else around_barycentre - around_sun


def _earth_velocity(mjd: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Velocity of the Earth's centre relative to the Sun and to the barycentre, m/s."""
    tai1, tai2, _ = erfa.ufunc.utctai(_MJD0, mjd)
    tt1, tt2, _ = erfa.ufunc.taitt(tai1, tai2)
    heliocentric, barycentric, _ = erfa.ufunc.epv00(tt1, tt2)
    return (
        np.asarray(heliocentric["v"], dtype=np.float64) * _AU_PER_DAY,
        np.asarray(barycentric["v"], dtype=np.float64) * _AU_PER_DAY,
    )


@lru_cache(maxsize=4096)
def _observatory_velocity(mjd: float, site: tuple[float, float, float]) -> NDArray[np.float64]:
    """Velocity of a place on the Earth relative to the barycentre, m/s: orbit plus rotation.

    Both come from astropy's way from ITRS to ICRS, so that the numbers are those that any client gets with
    ``SpectralCoord`` and ``EarthLocation.get_itrs``. That way turns the velocity of rotation by the
    aberration, 5 cm/s at most or 2 parts in ten thousand million: less than any file tells of its frame.
    """
    from astropy import units  # all of these take half a second to load, which only this frame needs
    from astropy.coordinates import ICRS, ITRS, CartesianDifferential, CartesianRepresentation
    from astropy.time import Time
    from astropy.utils import iers

    at_rest = CartesianDifferential(0.0, 0.0, 0.0, unit=units.m / units.s)
    place = CartesianRepresentation(*(site * units.m), differentials=at_rest)
    with (
        warnings.catch_warnings(),
        iers.earth_orientation_table.set(_orientation_table()),
        iers.conf.set_temp("auto_max_age", None),
        # Outside the table UT1 is taken for UTC: a second of rotation is under 4 cm/s.
        iers.conf.set_temp("iers_degraded_accuracy", "ignore"),
    ):
        warnings.simplefilter("ignore")  # dates far ahead are "dubious years": leap seconds aren't known yet
        observer = ITRS(place, obstime=Time(mjd, format="mjd", scale="utc")).transform_to(ICRS())
    velocity: NDArray[np.float64] = observer.velocity.d_xyz.to_value(units.m / units.s)
    velocity.flags.writeable = False
    return velocity


@cache
def _orientation_table() -> Any:
    """UT1-UTC and polar motion, from the table that comes with astropy's data: nothing is fetched."""
    from astropy.utils import iers

    return iers.IERS_A.open(IERS_A_FILE)
