"""Rows of small archives, and which pixels of order 12 their footprints touch, point by point."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import astropy.units as u
import cdshealpix.nested
import numpy as np
import pyarrow as pa
from astropy.coordinates import Latitude, Longitude, SkyCoord

from hips.trees.description import Description

ORDER = 12
_STEPS = 60
_PIXEL = np.radians(0.02)
"""More than a pixel is wide from its middle to its farthest corner."""
_BORDER = np.radians(0.02 / 3600.0)
"""What lies closer to a border than this may be told to either side by points alone."""


@dataclass(frozen=True)
class Look:
    """A row. ``corners`` make a convex polygon, ``radius`` (degrees) round the position a circle."""

    ra: float | None
    dec: float | None
    radius: float | None = None
    corners: tuple[tuple[float, float], ...] = ()
    bands: str | None = "6"
    seconds: float | None = 60.0
    text: str | None = None
    """Instead of that of the footprint."""
    day: float = 0.0
    """Times and wavelengths follow from it."""
    observation: str | None = None

    @property
    def region(self) -> str | None:
        if self.text is not None:
            return self.text
        if self.corners:
            return "Polygon ICRS " + " ".join(f"{ra!r} {dec!r}" for ra, dec in self.corners)
        return None if self.radius is None else f"Circle ICRS {self.ra!r} {self.dec!r} {self.radius!r}"


def batches_of(looks: Sequence[Look], size: int = 4, region: str = "seen") -> list[pa.RecordBatch]:
    """The rows as they come out of a store."""
    days = np.array([look.day for look in looks], dtype=float)
    table = pa.table(
        {
            region: pa.array([look.region for look in looks], pa.string()),
            "s_ra": pa.array([look.ra for look in looks], pa.float64()),
            "s_dec": pa.array([look.dec for look in looks], pa.float64()),
            "band_list": pa.array([look.bands for look in looks], pa.string()),
            "t_exptime": pa.array([look.seconds for look in looks], pa.float64()),
            "obs_id": pa.array([look.observation for look in looks], pa.string()),
            "t_min": 57000.0 + days,
            "t_max": 57000.5 + days,
            "em_min": 1e-3 + 1e-5 * days,
            "em_max": 1.1e-3 + 1e-5 * days,
        }
    )
    return table.to_batches(max_chunksize=size)


def describe(name: str) -> Description:
    """What is true of all trees of the archive."""
    return Description(
        creator_did=f"ivo://example.org/hips/{name}",
        title="Example",
        text="",
        unit="",
        progenitors=("ivo://example.org/ivoa.obscore",),
    )


def cells_near(ra: float, dec: float, degrees: float) -> np.ndarray:
    """All pixels with their middles within so many degrees, and some more."""
    cells, _, _ = cdshealpix.nested.cone_search(
        Longitude(ra, "deg"), Latitude(dec, "deg"), (degrees + 0.05) * u.deg, ORDER, flat=True
    )
    return np.asarray(cells, dtype=np.int64)


def outlines(cells: np.ndarray) -> np.ndarray:
    """Unit vectors ``(n, points, 3)`` along the edges of pixels."""
    lon, lat = cdshealpix.nested.vertices(cells.astype(np.uint64), ORDER, step=_STEPS)
    return np.moveaxis(SkyCoord(lon, lat).cartesian.xyz.value, 0, -1)


def touched(look: Look) -> tuple[set[int], set[int]]:
    """Pixels that a footprint touches, and those of which that cannot be told by points."""
    if not look.corners and look.radius is None:
        return {pixel_at(look.ra, look.dec)}, set()
    corners = list(look.corners) or [(look.ra, look.dec)]
    middle = SkyCoord(*vectors(corners).mean(axis=0), representation_type="cartesian").spherical
    ra, dec = middle.lon.deg, middle.lat.deg
    reach = look.radius or max(separation((ra, dec), corner) for corner in corners)
    cells = cells_near(ra, dec, reach)
    lon, lat = cdshealpix.nested.healpix_to_lonlat(cells.astype(np.uint64), ORDER)
    deep = inside_by(look, vectors(zip(lon.deg, lat.deg)))
    inside, outside = deep > _PIXEL, deep < -_PIXEL
    near = cells[~inside & ~outside]
    depth = inside_by(look, outlines(near)).max(axis=1)
    holds = np.isin(near, [pixel_at(*corner) for corner in corners])
    unsure = near[(np.abs(depth) < _BORDER) & ~holds]
    return {*cells[inside].tolist(), *near[(depth >= 0.0) | holds].tolist()}, set(unsure.tolist())


def inside_by(look: Look, points: np.ndarray) -> np.ndarray:
    """How far points lie within the border of a footprint (radians), below 0 outside."""
    if look.corners:
        corners = vectors(look.corners)
        normals = np.cross(corners, np.roll(corners, -1, axis=0))
        normals /= np.linalg.norm(normals, axis=1)[:, None]
        if (normals @ corners.mean(axis=0)).min() < 0.0:
            normals = -normals
        return np.arcsin(np.clip(points @ normals.T, -1.0, 1.0)).min(axis=-1)
    chord = np.linalg.norm(points - vectors([(look.ra, look.dec)])[0], axis=-1)
    return np.radians(look.radius) - 2.0 * np.arcsin(np.clip(chord / 2.0, 0.0, 1.0))


def vectors(places: Iterable[tuple[float, float]]) -> np.ndarray:
    lon, lat = np.radians(np.array(list(places))).T
    return np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=-1)


def separation(one: tuple[float, float], two: tuple[float, float]) -> float:
    return float(SkyCoord(*one, unit="deg").separation(SkyCoord(*two, unit="deg")).deg)


def pixel_at(ra: float, dec: float) -> int:
    return int(cdshealpix.nested.lonlat_to_healpix(Longitude(ra, "deg"), Latitude(dec, "deg"), ORDER)[0])


def place_of(pixel: int) -> tuple[int, int]:
    """Row and column of a pixel in the FITS tile of order 3 that holds it, by the rule of HIPS-020."""
    within = pixel & ((1 << 18) - 1)
    east = sum((within >> 2 * bit & 1) << bit for bit in range(9))
    west = sum((within >> 2 * bit + 1 & 1) << bit for bit in range(9))
    return 511 - east, west
