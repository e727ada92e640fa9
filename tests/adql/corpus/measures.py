"""Geometry, time, lines and coverage maps on values, by astropy, mocpy, cdshealpix and plain trigonometry."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import datetime
from functools import cache
from typing import Any

import astropy.units as u
from astropy.coordinates import Latitude, Longitude, SkyCoord
from astropy.time import Time
from cdshealpix.nested import lonlat_to_healpix
from corpus import sphere
from corpus.nullable import NULL, Nullable, plain
from corpus.uploads import MOC_TEXT
from mocpy import MOC


def dist(lon1: Any, lat1: Any, lon2: Any, lat2: Any) -> Nullable:
    """DISTANCE in degrees; NULL beyond the poles."""
    values = [plain(v) for v in (lon1, lat1, lon2, lat2)]
    if any(v is None or not math.isfinite(v) for v in values) or max(abs(values[1]), abs(values[3])) > 90:
        return NULL
    return Nullable(sphere.separation(*values))


def inside(lon: Any, lat: Any, shape: sphere.Shape | None) -> Nullable:
    """CONTAINS(POINT(lon, lat), shape) = 1."""
    a, b = plain(lon), plain(lat)
    if a is None or b is None or shape is None or not math.isfinite(a) or not abs(b) <= 90:
        return NULL
    return Nullable(sphere.holds(shape, a, b))


def _tested(test: Callable[[sphere.Shape, sphere.Shape], bool], one: Any, other: Any) -> Nullable:
    return NULL if one is None or other is None else Nullable(test(one, other))


def meets(one: sphere.Shape | None, other: sphere.Shape | None) -> Nullable:
    """INTERSECTS = 1."""
    return _tested(sphere.meet, one, other)


def within(inner: sphere.Shape | None, outer: sphere.Shape | None) -> Nullable:
    """CONTAINS(inner, outer) = 1."""
    return _tested(sphere.lies_in, inner, outer)


def flag(condition: Nullable | bool) -> Any:
    """A condition as CONTAINS gives it: 1, 0 or NULL."""
    value = plain(condition)
    return None if value is None else int(value)


def disc(lon: Any, lat: Any, radius: Any) -> sphere.Shape | None:
    values = [plain(v) for v in (lon, lat, radius)]
    if any(v is None or not math.isfinite(v) for v in values) or abs(values[1]) > 90 or values[2] < 0:
        return None
    return ("circle", *values)


def area(shape: sphere.Shape | None) -> float | None:
    return None if shape is None else sphere.area(shape)


def galactic(lon: float, lat: float) -> tuple[float, float]:
    place = SkyCoord(lon * u.deg, lat * u.deg, frame="icrs").galactic
    return float(place.l.deg), float(place.b.deg)


@cache
def from_galactic(lon: float, lat: float) -> tuple[float, float]:
    """The ICRS position of galactic coordinates."""
    place = SkyCoord(lon * u.deg, lat * u.deg, frame="galactic").icrs
    return float(place.ra.deg), float(place.dec.deg)


def text_of(value: Any) -> Any:
    """A moment as DALI writes it (ADQL-165)."""
    value = plain(value)
    if isinstance(value, datetime):
        text = value.isoformat(timespec="microseconds")
        return text.rstrip("0").rstrip(".") if "." in text else text
    return value


@cache
def _moc(text: str) -> MOC:
    return MOC.from_str(text)


def in_moc(lon: Any, lat: Any, text: str = MOC_TEXT) -> Nullable:
    """Whether a coverage map holds a position, by mocpy."""
    a, b = plain(lon), plain(lat)
    if a is None or b is None:
        return NULL
    return Nullable(bool(_moc(text).contains_lonlat(a * u.deg, b * u.deg)))


def cell(order: int, lon: Any, lat: Any) -> Nullable:
    """NESTED number of the cell of a position, by cdshealpix."""
    a, b = plain(lon), plain(lat)
    if a is None or b is None:
        return NULL
    return Nullable(int(lonlat_to_healpix(Longitude(a, u.deg), Latitude(b, u.deg), order)[0]))


def covered(rest_hz: float, low: Any, high: Any, windows: Any, *, whole: bool = False) -> Nullable:
    """Whether a line at some (or all) redshifts of a range falls into one of the windows."""
    a, b, pairs = plain(low), plain(high), plain(windows)
    if a is None or b is None or pairs is None:
        return NULL
    first, last = (299792458.0 / rest_hz * (1 + z) for z in (a, b))
    edges = list(zip(pairs[::2], pairs[1::2], strict=True))
    if a > b:
        return Nullable(False)
    if whole:
        return Nullable(any(lo <= first and last <= hi for lo, hi in edges))
    return Nullable(any(lo <= last and first <= hi for lo, hi in edges))


def julian(moment: Any) -> float | None:
    """Julian date by astropy."""
    value = plain(moment)
    return None if value is None else float(Time(value, scale="tai").jd)


MOC_AREA = _moc(MOC_TEXT).sky_fraction * 4 * math.pi * math.degrees(1) ** 2
