"""Footprints that are drawn: everywhere on the sky, thin and wide, with places on them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

Doubles = NDArray[np.float64]

# where cells look different: poles, the equator, the border of the polar caps, corners of base cells
LATITUDES = st.one_of(
    st.floats(-90.0, 90.0),
    st.sampled_from([-90.0, 90.0, 0.0, 41.8103148957786, -41.8103148957786, 89.999, -89.9]),
)
LONGITUDES = st.one_of(st.floats(0.0, 359.999), st.sampled_from([0.0, 45.0, 90.0, 180.0, 359.9999]))


@dataclass(frozen=True)
class Drawn:
    """A polygon: corners in degrees, size in radians, and places on its edges and inside, unit vectors."""

    lon: Doubles
    lat: Doubles
    size: float
    places: Doubles

    @property
    def text(self) -> str:
        pairs = zip(self.lon.tolist(), self.lat.tolist())
        return "Polygon ICRS " + " ".join(f"{lon!r} {lat!r}" for lon, lat in pairs)


def vectors(lon: Doubles | float, lat: Doubles | float) -> Doubles:
    lon, lat = np.radians(lon), np.radians(lat)
    return np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=-1)


def degrees(xyz: Doubles) -> tuple[Doubles, Doubles]:
    lat = np.degrees(np.arctan2(xyz[..., 2], np.hypot(xyz[..., 0], xyz[..., 1])))
    return np.degrees(np.arctan2(xyz[..., 1], xyz[..., 0])) % 360.0, lat


def around(lon: float, lat: float, x: Doubles, y: Doubles) -> Doubles:
    """Unit vectors at offsets (tangents) from a place."""
    middle = vectors(lon, lat)
    east = np.array([-np.sin(np.radians(lon)), np.cos(np.radians(lon)), 0.0])
    north = np.cross(middle, east)
    found = middle + x[..., None] * east + y[..., None] * north
    return found / np.linalg.norm(found, axis=-1, keepdims=True)


@st.composite
def polygons(draw: st.DrawFn, log_size: st.SearchStrategy[float]) -> Drawn:
    """Star-shaped polygons of 3 to 9 corners, some of them a thousand times longer than wide."""
    random = np.random.default_rng(draw(st.integers(0, 2**31)))
    lon, lat, size = draw(LONGITUDES), draw(LATITUDES), 10.0 ** draw(log_size)
    thin = draw(st.sampled_from([1.0, 1.0, 0.03, 0.001]))
    count = draw(st.integers(3, 9))
    turns = 2.0 * np.pi * (np.arange(count) + random.uniform(0.0, 0.45, count)) / count
    reach = random.uniform(0.4, 1.0, count)
    x, y = reach * np.cos(turns), thin * reach * np.sin(turns)
    spin = random.uniform(0.0, 2.0 * np.pi)
    x, y = x * np.cos(spin) - y * np.sin(spin), x * np.sin(spin) + y * np.cos(spin)
    corners = around(lon, lat, size * x, size * y)
    shares = np.concatenate([[0.0], random.random(60)])[:, None, None]
    edges = (corners * (1.0 - shares) + np.roll(corners, -1, axis=0) * shares).reshape(-1, 3)
    inner = edges + random.random((len(edges), 1)) * (
        vectors(lon, lat) - edges
    )  # seen from the middle: inside
    places = np.concatenate([edges, inner])
    lons, lats = degrees(corners)
    return Drawn(lons, lats, size, places / np.linalg.norm(places, axis=1)[:, None])
