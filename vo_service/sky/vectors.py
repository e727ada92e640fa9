"""Positions as unit vectors, and the few numbers about them that every shape needs.

Longitudes and latitudes are degrees ICRS, vectors are rows of an ``(n, 3)`` array, angles in between are
radians. Closeness is measured by the chord, which keeps its precision where the cosine loses it.
"""

from __future__ import annotations

import math
from typing import Final

import cdshealpix.nested
import numpy as np
from astropy.coordinates import Latitude, Longitude
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

ALLOWANCE: Final = 4e-15
"""Rounding allowance of a closed border, as a chord (radians); 1e-9 arcsec, see ADQL-150."""


def reduce_longitude(lon: float) -> float:
    """Longitude in [0, 360); a value that is in there already comes back unchanged."""
    if 0.0 <= lon < 360.0:
        return lon + 0.0  # turns -0.0 into 0.0
    reduced = lon % 360.0
    return 0.0 if reduced >= 360.0 else reduced


def unit_vectors(lon: ArrayLike, lat: ArrayLike) -> Floats:
    """Unit vectors ``(n, 3)`` of positions in degrees; NaN and infinity give NaN.

    Longitudes are reduced first and the poles are exact, so that equal positions give equal vectors
    however they were written (ADQL-152).
    """
    lat_deg = np.atleast_1d(np.asarray(lat, dtype=np.float64))
    with np.errstate(invalid="ignore"):
        lon_rad = np.radians(np.atleast_1d(np.asarray(lon, dtype=np.float64)) % 360.0)
        lat_rad = np.radians(lat_deg)
        across, up = np.cos(lat_rad), np.sin(lat_rad)
    across[np.abs(lat_deg) == 90.0] = 0.0
    return _rows(across * np.cos(lon_rad), across * np.sin(lon_rad), up)


def _rows(x: Floats, y: Floats, z: Floats) -> Floats:
    """Columns as rows of vectors; of short columns several times faster than numpy's own."""
    rows = np.empty((*x.shape, 3))
    rows[..., 0], rows[..., 1], rows[..., 2] = x, y, z
    return rows


def vector(lon: float, lat: float) -> Floats:
    """The unit vector ``(3,)`` of one position."""
    one: Floats = unit_vectors(lon, lat)[0]
    return one


def positions(xyz: Floats) -> tuple[Floats, Floats]:
    """Longitude in [0, 360) and latitude, degrees, of vectors ``(n, 3)``."""
    lon = np.degrees(np.arctan2(xyz[:, 1], xyz[:, 0])) % 360.0
    lat = np.degrees(np.arctan2(xyz[:, 2], np.hypot(xyz[:, 0], xyz[:, 1])))
    return np.where(lon >= 360.0, 0.0, lon), lat


def mean_position(lon: ArrayLike, lat: ArrayLike) -> tuple[float, float] | None:
    """Longitude in [0, 360) and latitude, degrees, of the middle of positions: the direction of their sum.

    Positions that are all the same give exactly that one. Those with NaN or beyond a pole do not count; None
    where none is left or they lie evenly round the sphere.
    """
    lons = np.atleast_1d(np.asarray(lon, dtype=np.float64))
    (middle_lon,), (middle_lat,) = mean_positions(lons, lat, np.zeros(len(lons), dtype=np.intp), 1)
    return None if math.isnan(middle_lon) else (float(middle_lon), float(middle_lat))


def mean_positions(
    lon: ArrayLike, lat: ArrayLike, groups: NDArray[np.integer], count: int
) -> tuple[Floats, Floats]:
    """The same for many groups: ``groups`` (0 to ``count`` - 1) says whose each position is. NaN for None."""
    lons, lats = (np.atleast_1d(np.asarray(part, dtype=np.float64)) for part in (lon, lat))
    known = np.isfinite(lons) & (np.abs(lats) <= 90.0)
    lons, lats, groups = lons[known] % 360.0, lats[known] + 0.0, groups[known]
    lons[lons >= 360.0] = 0.0
    xyz = unit_vectors(lons, lats)
    total: Floats = np.stack([np.bincount(groups, part, minlength=count) for part in xyz.T], axis=1).astype(
        np.float64
    )
    middle_lon, middle_lat = positions(total)
    size = np.bincount(groups, minlength=count)
    lost = np.sqrt(dot(total, total)) <= 1e-12 * size
    middle_lon[lost] = middle_lat[lost] = np.nan
    # the first of each group stands for all where these are equal, which its sum only nearly does
    first = np.zeros(count, dtype=np.intp)
    first[groups[::-1]] = np.arange(len(groups))[::-1]
    differs = (lons != lons[first[groups]]) | (lats != lats[first[groups]])
    same = (size > 0) & (np.bincount(groups, differs, minlength=count) == 0)
    middle_lon[same], middle_lat[same] = lons[first[same]], lats[first[same]]
    return middle_lon, middle_lat


def healpix29(lon: ArrayLike, lat: ArrayLike) -> NDArray[np.int64]:
    """HEALPix cell, NESTED, order 29, of positions in degrees; -1 where there is no position."""
    lon_deg = np.atleast_1d(np.asarray(lon, dtype=np.float64))
    lat_deg = np.atleast_1d(np.asarray(lat, dtype=np.float64))
    known = np.isfinite(lon_deg) & (np.abs(lat_deg) <= 90.0)
    cells = np.full(lon_deg.shape, -1, dtype=np.int64)
    if known.any():
        found = cdshealpix.nested.lonlat_to_healpix(
            Longitude(lon_deg[known], unit="deg"), Latitude(lat_deg[known], unit="deg"), 29
        )
        cells[known] = found.astype(np.int64)
    return cells


def cross(one: Floats, two: Floats) -> Floats:
    """Cross products of rows; on many short rows several times faster than numpy's own."""
    x1, y1, z1 = one[..., 0], one[..., 1], one[..., 2]
    x2, y2, z2 = two[..., 0], two[..., 1], two[..., 2]
    return _rows(y1 * z2 - z1 * y2, z1 * x2 - x1 * z2, x1 * y2 - y1 * x2)


def dot(one: Floats, two: Floats) -> Floats:
    """Scalar products of rows."""
    products: Floats = np.einsum("...i,...i->...", one, two)
    return products


def finite_rows(xyz: Floats) -> Flags:
    """Which rows are without NaN and infinities."""
    finite: Flags = np.logical_and.reduce(np.isfinite(xyz), axis=1)
    return finite


def chord_of(angle_rad: float) -> float:
    """Length of the chord under an angle of 0 to pi."""
    return 2.0 * math.sin(0.5 * angle_rad)


def angle_of(chord: Floats) -> Floats:
    """Angle, radians, under a chord of unit vectors (right to 1e-15 below 90 degrees)."""
    half: Floats = np.minimum(1.0, 0.5 * chord)
    return 2.0 * np.arcsin(half)


def separations(xyz: Floats, centre: Floats) -> Floats:
    """Angles, radians, from every row to one vector, exact at both ends of 0 to pi."""
    near = xyz - centre
    far = xyz + centre
    halves: Floats = np.arctan2(np.sqrt(np.sum(near * near, axis=-1)), np.sqrt(np.sum(far * far, axis=-1)))
    return 2.0 * halves
