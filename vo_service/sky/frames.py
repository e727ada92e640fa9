"""Frames of the sky as rotations to ICRS (ADQL-133, ADQL-178).

Rotations only: no E-terms of aberration, no proper motions. Names are those of the IVOA vocabulary of
reference frames. The equinoxes are fixed: FK5 and ECLIPTIC J2000, FK4 B1950.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache

import numpy as np
from numpy.typing import ArrayLike

from vo_service.sky.circles import Circle
from vo_service.sky.errors import RegionError
from vo_service.sky.polygons import Polygon
from vo_service.sky.region import Region
from vo_service.sky.unions import Not, Union
from vo_service.sky.vectors import Floats, positions, unit_vectors

ICRS = "ICRS"
_MAS = math.radians(1.0 / 3600e3)
_ARCSEC = math.radians(1.0 / 3600.0)

_FK5_AT_ICRS = (-19.9 * _MAS, 9.1 * _MAS, -22.9 * _MAS)
"""How the axes of FK5 (J2000) lie in ICRS: eta, xi, and the origin of right ascension."""
_GALACTIC_POLE = (192.8594812065348, 27.12825118085622, 122.9319185680026)
"""The pole of 1958 in FK5 (J2000), degrees, and the galactic longitude of the celestial pole."""
_SUPERGALACTIC_POLE = (47.37, 6.32, 90.0)
"""In galactic degrees; the zero of longitude is where the two planes meet, at galactic longitude 137.37."""
_ECLIPTIC_AT_ICRS = (-0.052928 * _ARCSEC, 84381.412819 * _ARCSEC, -0.041775 * _ARCSEC)
"""Angles of IAU 2006 between ICRS and the mean ecliptic and equinox of J2000: gamma, phi, psi."""
_FK4_TO_FK5 = (
    (0.9999256794956877, -0.0111814832204662, -0.0048590038153592),
    (0.0111814832391717, 0.9999374848933135, -0.0000271625947142),
    (0.0048590037723143, -0.0000271702937440, 0.9999881946023742),
)
"""Positions of B1950 in FK4 without E-terms to J2000 in FK5 (Murray 1989, equation 28)."""


class UnknownFrame(ValueError):
    """A name that is none of ``FRAMES``; names are case-sensitive."""


def _about(axis: int, angle_rad: float) -> Floats:
    """The matrix that gives components on axes turned by an angle about one of them."""
    cosine, sine = math.cos(angle_rad), math.sin(angle_rad)
    one, other = (axis + 1) % 3, (axis + 2) % 3
    turned = np.eye(3)
    turned[one, one] = turned[other, other] = cosine
    turned[one, other], turned[other, one] = sine, -sine
    return turned


def _towards_pole(lon: float, lat: float, zero: float) -> Floats:
    """Onto axes with their pole at (lon, lat), where the old pole has the longitude ``zero``; degrees."""
    return (
        _about(2, math.radians(180.0 - zero))
        @ _about(1, math.radians(90.0 - lat))
        @ _about(2, math.radians(lon))
    )


def _fk5() -> Floats:
    eta, xi, origin = _FK5_AT_ICRS
    from_icrs: Floats = _about(0, -eta) @ _about(1, xi) @ _about(2, origin)
    return from_icrs.T


def _galactic() -> Floats:
    return _fk5() @ _towards_pole(*_GALACTIC_POLE).T


def _supergalactic() -> Floats:
    return _galactic() @ _towards_pole(*_SUPERGALACTIC_POLE).T


def _ecliptic() -> Floats:
    gamma, phi, psi = _ECLIPTIC_AT_ICRS
    to_ecliptic: Floats = _about(2, -psi) @ _about(0, phi) @ _about(2, gamma)
    return to_ecliptic.T


def _fk4() -> Floats:
    to_fk5 = np.array(_FK4_TO_FK5, dtype=np.float64)
    to_icrs: Floats = _fk5() @ to_fk5
    return to_icrs


_MATRICES: dict[str, Callable[[], Floats]] = {
    ICRS: lambda: np.eye(3),
    "FK5": _fk5,
    "FK4": _fk4,
    "GALACTIC": _galactic,
    "SUPER_GALACTIC": _supergalactic,
    "ECLIPTIC": _ecliptic,
}
FRAMES: tuple[str, ...] = tuple(_MATRICES)
"""The names that ``matrix`` knows."""


@cache
def matrix(name: str) -> Floats:
    """The 3x3 rotation of unit vectors in a frame of ``FRAMES`` to ICRS; read-only. Raises UnknownFrame."""
    if name not in _MATRICES:
        raise UnknownFrame(f"unknown frame '{name}'")
    found: Floats = _MATRICES[name]()
    found.flags.writeable = False
    return found


@cache
def rotation(from_frame: str, to_frame: str) -> Floats:
    """The 3x3 rotation of unit vectors from one frame to another. Raises UnknownFrame."""
    turned: Floats = np.eye(3) if from_frame == to_frame else matrix(to_frame).T @ matrix(from_frame)
    turned.flags.writeable = False
    return turned


def galactic(lon: ArrayLike, lat: ArrayLike) -> tuple[Floats, Floats]:
    """Galactic longitude and latitude, degrees, of ICRS positions in degrees."""
    lon_deg, lat_deg = positions(unit_vectors(lon, lat) @ rotation(ICRS, "GALACTIC").T)
    return lon_deg, lat_deg


def turn_position(lon: float, lat: float, turning: Floats) -> tuple[float, float]:
    """A position, degrees, after a rotation; longitude in [0, 360)."""
    lons, lats = positions(unit_vectors(lon, lat) @ turning.T)
    return float(lons[0]), float(lats[0])


def turn_region(region: Region, turning: Floats) -> Region:
    """A region after a rotation.

    Raises:
        RegionError: a shape that is tied to its frame, such as a range of longitude and latitude.
    """
    match region:
        case Circle():
            return Circle(*turn_position(region.lon, region.lat, turning), region.radius)
        case Polygon():
            return Polygon(tuple(turn_position(lon, lat, turning) for lon, lat in region.vertices))
        case Union():
            return Union(tuple(turn_region(member, turning) for member in region.members))
        case Not():
            return Not(turn_region(region.region, turning))
    raise RegionError(
        region.to_stcs(), -1, "a circle, a polygon, or a union of them: others cannot be turned"
    )
