"""Spectral reference frames, and the exact way from each of them to the barycentre and back.

A frame is the velocity of an observer relative to the barycentre of the solar system. The frequency that such
an observer sees from a direction follows from the velocity towards the source with the relativistic Doppler
formula, as in astropy's ``SpectralCoord`` (FITS paper III, section 7).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from functools import cache

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

    Raises FrameUnknown when the frame needs a direction, a time or a place that ``pointing`` does not have.
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


def _observatory_velocity(mjd: float, site: tuple[float, float, float]) -> NDArray[np.float64]:
    """Velocity of a place on the Earth relative to the barycentre, m/s: orbit plus rotation."""
    longitude, latitude, height, _ = erfa.ufunc.gc2gd(1, np.array(site))
    dut1, polar_x, polar_y = _earth_orientation(mjd)
    # No air and no refraction: they bend the path of light and leave velocities alone.
    observer, _, _ = erfa.ufunc.apco13(
        _MJD0, mjd, dut1, longitude, latitude, height, polar_x, polar_y, 0.0, 0.0, 0.0, 1.0
    )
    return np.asarray(observer["v"], dtype=np.float64) * C


@cache
def _orientation_table() -> tuple[NDArray[np.float64], ...]:
    """MJD, UT1-UTC in seconds and polar motion in radians, from the table that comes with astropy's data."""
    from astropy.utils import iers  # brings astropy.table, which only a conversion needs

    table = iers.IERS_A.open(IERS_A_FILE)
    return (
        np.asarray(table["MJD"].to_value("d"), dtype=np.float64),
        np.asarray(table["UT1_UTC"].to_value("s"), dtype=np.float64),
        np.asarray(table["PM_x"].to_value("rad"), dtype=np.float64),
        np.asarray(table["PM_y"].to_value("rad"), dtype=np.float64),
    )


def _earth_orientation(mjd: float) -> tuple[float, float, float]:
    """UT1-UTC and polar motion at a time.

    Outside the table the values at its ends serve: under a second of rotation is under 4 cm/s, or 0.1 parts
    in a thousand million of the frequency.
    """
    days, dut1, polar_x, polar_y = _orientation_table()
    place = int(np.clip(np.searchsorted(days, mjd, side="right") - 1, 0, len(days) - 2))
    part = float(np.clip((mjd - days[place]) / (days[place + 1] - days[place]), 0.0, 1.0))
    step = dut1[place + 1] - dut1[place]
    # UT1-UTC jumps by a second where UTC has a leap second; within the day before it runs on smoothly.
    step -= round(step)
    return (
        float(dut1[place] + part * step),
        float(polar_x[place] + part * (polar_x[place + 1] - polar_x[place])),
        float(polar_y[place] + part * (polar_y[place + 1] - polar_y[place])),
    )
