"""Shapes on the sky with distances of their own, and where astropy puts the pixels of an image."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from astropy.coordinates import ICRS, SkyCoord
from astropy.io import fits
from astropy.wcs.utils import wcs_to_celestial_frame
from cut_files import wcs_of
from numpy.typing import NDArray

from vo_service.sky import Circle, Polygon, Range, Region

Doubles = NDArray[np.float64]
Distance = Callable[[Doubles], Doubles]
Place = tuple[float, float]


def vector_of(lon: float | Doubles, lat: float | Doubles) -> Doubles:
    """Unit vectors of degrees."""
    lon, lat = np.radians(lon), np.radians(lat)
    return np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=-1)


def position_of(vectors: Doubles) -> tuple[Doubles, Doubles]:
    """Degrees of unit vectors."""
    lat = np.degrees(np.arctan2(vectors[..., 2], np.hypot(vectors[..., 0], vectors[..., 1])))
    return np.degrees(np.arctan2(vectors[..., 1], vectors[..., 0])) % 360.0, lat


def angle_between(vectors: Doubles, other: Doubles) -> Doubles:
    """Radians, right for small ones and for large ones."""
    across = np.linalg.norm(np.cross(vectors, other), axis=-1)
    return np.arctan2(across, (vectors * other).sum(axis=-1))


class Sky:
    """The celestial axes of a header by astropy alone: FITS pixels to unit vectors in ICRS, and back."""

    def __init__(self, header: fits.Header) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            wcs = wcs_of(header).celestial
            self._frame = wcs_to_celestial_frame(wcs)
        self._wcs = wcs.wcs

    def vectors(self, x: Doubles, y: Doubles) -> Doubles:
        """NaN off the projection."""
        pixels = np.column_stack([np.ravel(x), np.ravel(y)]).astype(np.float64)
        world = self._wcs.p2s(pixels, 1)["world"]
        lon, lat = world[:, self._wcs.lng], world[:, self._wcs.lat]
        there = np.isfinite(lon) & np.isfinite(lat)
        found = np.full((len(pixels), 3), np.nan)
        if there.any():
            seen = SkyCoord(lon[there], lat[there], unit="deg", frame=self._frame).transform_to(ICRS())
            found[there] = vector_of(seen.ra.deg, seen.dec.deg)
        return found.reshape(*np.shape(x), 3)

    def pixels(self, vectors: Doubles) -> Doubles:
        """(n, 2) pixels of (n, 3) vectors, NaN for those that do not come back from there."""
        lon, lat = position_of(vectors)
        seen = SkyCoord(lon, lat, unit="deg").transform_to(self._frame).spherical
        world = np.empty((len(vectors), 2))
        world[:, self._wcs.lng], world[:, self._wcs.lat] = seen.lon.deg, seen.lat.deg
        found = self._wcs.s2p(world, 1)["pixcrd"]
        back = self.vectors(found[:, 0], found[:, 1])
        found[~(angle_between(back, vectors) < 1e-10)] = np.nan
        return np.asarray(found)


@dataclass(frozen=True)
class Shape:
    """``region`` is what is asked for, ``distance`` (radians) how far points are from it, by sines and
    cosines alone; ``points`` (n, 3) lie in it and on its border."""

    region: Region
    distance: Distance
    points: Doubles


def circle(place: Place, radius: float) -> Shape:
    centre = vector_of(*place)
    east, north = axes_at(centre)
    angles = np.linspace(0.0, 2.0 * math.pi, 721)
    rings = [
        math.cos(part) * centre
        + math.sin(part) * (np.outer(np.cos(angles), north) + np.outer(np.sin(angles), east))
        for part in math.radians(radius) * np.array([0.0, 0.5, 0.9, 1.0])
    ]
    return Shape(
        Circle(*place, radius),
        lambda xyz: np.maximum(angle_between(xyz, centre) - math.radians(radius), 0.0),
        np.concatenate(rings),
    )


def star(place: Place, corners: list[tuple[float, float]]) -> Shape:
    """A polygon round a place, concave too: (angle, distance) of its corners in degrees, by angle, with less
    than half a turn between neighbours. It is the triangles between the place and its edges."""
    centre = vector_of(*place)
    east, north = axes_at(centre)
    ends = []
    for angle, reach in corners:
        turned, far = math.radians(angle), math.radians(reach)
        ends.append(
            math.cos(far) * centre + math.sin(far) * (math.cos(turned) * north + math.sin(turned) * east)
        )
    edges = [(ends[number - 1], ends[number]) for number in range(len(ends))]

    def distance(xyz: Doubles) -> Doubles:
        inside = np.zeros(xyz.shape[:-1], dtype=bool)
        for one, other in edges:
            normals = np.array([np.cross(centre, one), np.cross(one, other), np.cross(other, centre)])
            sign = np.sign(normals[0] @ other)
            inside |= (sign * (xyz @ normals.T) >= 0.0).all(axis=-1) & (xyz @ centre > 0.0)
        border = np.min([distance_to_arc(xyz, one, other) for one, other in edges], axis=0)
        return np.where(inside, 0.0, border)

    steps = np.linspace(0.0, 1.0, 101)[:, None]
    border = np.concatenate([(1.0 - steps) * one + steps * other for one, other in edges])
    points = np.concatenate([border, 0.5 * (border + centre)])
    points /= np.linalg.norm(points, axis=1)[:, None]
    lon, lat = position_of(np.array(ends))
    return Shape(Polygon(tuple(zip(lon.tolist(), lat.tolist(), strict=True))), distance, points)


def lon_lat_range(west: float, east: float, south: float, north: float) -> Shape:
    """Between two meridians and two parallels."""
    width = min(east - west, 360.0)
    corners = vector_of(np.array([west, west, east, east]), np.array([south, north, south, north]))

    def distance(xyz: Doubles) -> Doubles:
        lon, lat = position_of(xyz)
        between = ((lon - west) % 360.0 <= width) | (width >= 360.0)
        beyond = np.radians(np.maximum(np.maximum(south - lat, lat - north), 0.0))
        sides = [distance_to_arc(xyz, corners[2 * side], corners[2 * side + 1]) for side in (0, 1)]
        return np.minimum(np.where(between, beyond, math.pi), np.min(sides, axis=0))

    along = np.linspace(0.0, 1.0, 301)
    lon, lat = west + width * along, south + (north - south) * along
    lons = [lon, lon, lon, np.full(301, west), np.full(301, east)]
    lats = [np.full(301, south), np.full(301, north), np.full(301, 0.5 * (south + north)), lat, lat]
    points = vector_of(np.concatenate(lons), np.concatenate(lats))
    return Shape(Range(west, east, south, north), distance, points)


def axes_at(centre: Doubles) -> tuple[Doubles, Doubles]:
    """Two directions at right angles to a vector."""
    east = np.cross([0.3, -0.2, 0.9], centre)
    east /= np.linalg.norm(east)
    return east, np.cross(centre, east)


def distance_to_arc(xyz: Doubles, one: Doubles, other: Doubles) -> Doubles:
    """Radians to the shorter arc of a great circle between two points."""
    ends = np.minimum(angle_between(xyz, one), angle_between(xyz, other))
    normal = np.cross(one, other)
    size = float(np.linalg.norm(normal))
    if size < 1e-15:
        return ends
    normal /= size
    beside = (np.cross(normal, one) * xyz).sum(axis=-1) >= 0.0
    beside &= (np.cross(other, normal) * xyz).sum(axis=-1) >= 0.0
    return np.where(beside, np.minimum(np.abs(np.arcsin(np.clip(xyz @ normal, -1.0, 1.0))), ends), ends)
