"""Points in regions, against the package regions and spherical-geometry."""

from __future__ import annotations

import math

import numpy as np
from astropy import units as u
from astropy.coordinates import SkyCoord
from hypothesis import given, settings
from hypothesis import strategies as st
from regions import CircleSphericalSkyRegion, PolygonSphericalSkyRegion, RangeSphericalSkyRegion
from spherical_geometry.polygon import SphericalPolygon
from test_sky_relations import LATITUDES, _star, points_round

from vo_service.sky import Circle, Polygon, Range, Region, positions, unit_vectors


def places_round(region: Region, seed: int, count: int = 60) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Unit vectors, longitudes and latitudes of places in and round a region, none on its border."""
    xyz = points_round(region, count, seed)
    random = np.random.default_rng(seed)
    xyz = np.concatenate([xyz, xyz[: count // 3] + random.normal(size=(count // 3, 3)) * 0.3])
    xyz /= np.linalg.norm(xyz, axis=1)[:, None]
    xyz = xyz[region.contains(xyz, 1e-9) == region.contains(xyz, -1e-9)]
    lon, lat = positions(xyz)
    return unit_vectors(lon, lat), lon, lat


@settings(max_examples=30, deadline=None)
@given(st.floats(0, 359.9), LATITUDES, st.floats(-3.0, 1.5), st.integers(0, 10**6))
def test_polygons(lon: float, lat: float, log_size: float, seed: int) -> None:
    """# ADQL-130, ADQL-240: concave ones, over poles and longitude 0."""
    star = _star(lon, lat, 10.0**log_size, np.random.default_rng(seed))
    xyz, lons, lats = places_round(star, seed)
    found = star.contains(xyz)
    closed = np.array([*star.vertices, star.vertices[0]]).T
    judge = SphericalPolygon.from_lonlat(*closed, center=(lon, lat), degrees=True)
    assert [judge.contains_lonlat(a, b, degrees=True) for a, b in zip(lons, lats)] == found.tolist()


@settings(max_examples=30, deadline=None)
@given(st.floats(0, 359.9), LATITUDES, st.floats(0.001, 60.0), st.integers(3, 7), st.integers(0, 99))
def test_convex_polygons(lon: float, lat: float, size: float, count: int, seed: int) -> None:
    """# ADQL-130, ADQL-242"""
    round_it = np.linspace(0, 360, count, endpoint=False) * u.deg
    corners = SkyCoord(lon, lat, unit="deg").directional_offset_by(round_it, size * u.deg)
    shape = Polygon(tuple(zip(corners.ra.deg.tolist(), corners.dec.deg.tolist())))
    xyz, lons, lats = places_round(shape, seed)
    judge = PolygonSphericalSkyRegion(SkyCoord(corners.ra[::-1], corners.dec[::-1]))  # it minds the order
    assert judge.contains(SkyCoord(lons, lats, unit="deg")).tolist() == shape.contains(xyz).tolist()


@settings(max_examples=30, deadline=None)
@given(st.floats(0, 359.9), LATITUDES, st.floats(0.001, 179.0), st.integers(0, 99))
def test_circles(lon: float, lat: float, radius: float, seed: int) -> None:
    """# ADQL-137, ADQL-239: beyond 90 degrees too."""
    circle = Circle(lon, lat, radius)
    xyz, lons, lats = places_round(circle, seed)
    judge = CircleSphericalSkyRegion(SkyCoord(lon, lat, unit="deg"), radius * u.deg)
    assert judge.contains(SkyCoord(lons, lats, unit="deg")).tolist() == circle.contains(xyz).tolist()


@settings(max_examples=30, deadline=None)
@given(st.floats(0, 359), st.floats(1, 179), st.floats(-89, 80), st.floats(1, 60), st.integers(0, 99))
def test_ranges(lon: float, width: float, low: float, height: float, seed: int) -> None:
    """Across longitude 0 too; wider ones than half the sky are more than the judge can."""
    high = min(89.0, low + height)
    box = Range(lon, lon + width, low, high)
    xyz, lons, lats = places_round(box, seed)
    judge = RangeSphericalSkyRegion(
        frame="icrs",
        longitude_range=[lon, math.fmod(lon + width, 360.0)] * u.deg,
        latitude_range=[low, high] * u.deg,
    )
    assert judge.contains(SkyCoord(lons, lats, unit="deg")).tolist() == box.contains(xyz).tolist()
