"""Circles wider than a hemisphere, and places opposite to a polygon: arrays, objects and an oracle."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spherical_geometry.polygon import SphericalPolygon
from test_sky_pairs import one_by_one
from test_sky_polygon import polygon_of, winding
from test_sky_relations import LATITUDES

from vo_service import sky
from vo_service.sky import Circle, Polygon, Shapes, positions, unit_vectors


def wide_star(lon: float, lat: float, size: float, random: np.random.Generator) -> Polygon:
    """A star of at most ``size`` degrees round a place."""
    count = int(random.integers(3, 9))
    turn = (random.uniform(0, 2 * np.pi) + np.arange(count) * 2 * np.pi / count)[:, None]
    reach = np.radians(size * random.uniform(0.5, 1.0, count))[:, None]
    centre, east = unit_vectors(lon, lat)[0], unit_vectors(lon + 90.0, 0.0)[0]
    aside = np.cos(turn) * np.cross(centre, east) + np.sin(turn) * east
    return polygon_of(np.cos(reach) * centre + np.sin(reach) * aside)


def opposite_of(centre: np.ndarray, spread: float, count: int, random: np.random.Generator) -> np.ndarray:
    """Places within some ``spread`` radians of the place opposite to a centre."""
    xyz = -centre + random.normal(size=(count, 3)) * spread
    return xyz / np.linalg.norm(xyz, axis=1)[:, None]


def to_border(corners: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Degrees from places to the nearest point of a border: along an edge ``a cos t + b sin t`` the cosine to
    a place is largest at one angle, or at an end."""
    nearest = np.full(len(places), -1.0)
    for start, end in zip(corners, np.roll(corners, -1, axis=0)):
        length = math.atan2(np.linalg.norm(np.cross(start, end)), start @ end)
        along = (end - start * math.cos(length)) / math.sin(length)
        best = np.arctan2(places @ along, places @ start)
        for angle in (np.zeros(len(places)), np.full(len(places), length), np.clip(best, 0.0, length)):
            points = np.cos(angle)[:, None] * start + np.sin(angle)[:, None] * along
            nearest = np.maximum(nearest, np.einsum("ij,ij->i", places, points))
    return np.degrees(np.arccos(np.clip(nearest, -1.0, 1.0)))


def places_of(xyz: np.ndarray) -> list[tuple[float, float]]:
    lon, lat = positions(xyz)
    return list(zip(lon.tolist(), lat.tolist()))


def inside_of(corners: np.ndarray, middle: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Places round which the corners run as often, and in the same sense, as round one in the middle (round
    what is opposite they run in the other)."""
    here = np.round(winding(corners, middle[None, :]))
    found: np.ndarray = np.round(winding(corners, places)) == here
    return found


SIZES = st.floats(5.0, 39.0) | st.floats(39.0, 85.0)
SPREADS = st.sampled_from([0.0, 1e-9, 1e-3, 0.1, 0.4, 1.0])


@pytest.mark.parametrize(("radius", "meets", "holds"), [(146, 0, 0), (147, 0, 0), (147.5, 1, 0), (175, 1, 0)])
def test_edges_behind_the_centre_do_not_count(radius: float, meets: int, holds: int) -> None:
    """# ADQL-151: the nearest corner is 147.2 degrees from the circle's centre."""
    low = -14.477512185929918
    polygon = Polygon(((0.0, 30.0), (26.565051177077986, low), (333.434948822922, low)))
    circle = Circle(175.66712604792846, 2.4976190449198996, radius)
    assert sky.test_pairs("intersects", [circle], [polygon]).tolist() == [meets]
    assert sky.test_pairs("intersects", [polygon], [circle]).tolist() == [meets]
    assert sky.test_pairs("inside", [circle], [polygon]).tolist() == [holds]
    assert sky.test_pairs("covers", [polygon], [circle]).tolist() == [holds]


@settings(max_examples=30, deadline=None)
@given(st.floats(0, 359.9), LATITUDES, SIZES, SPREADS, st.integers(0, 10**6))
def test_circles_of_the_far_side(lon: float, lat: float, size: float, spread: float, seed: int) -> None:
    """# ADQL-151, ADQL-160: radii of 90 to 179 degrees, at random and close to where the verdict turns."""
    random = np.random.default_rng(seed)
    polygon = wide_star(lon, lat, size, random)
    corners = polygon.corners
    centres = opposite_of(unit_vectors(lon, lat)[0], spread, 12, random)
    middle = unit_vectors(lon, lat)[0]
    inside = inside_of(corners, middle, centres)
    away, far = to_border(corners, centres), to_border(corners, -centres)
    radii = random.uniform(90.0, 179.0, 12)
    steps = np.array([1e-4, -1e-4, 1.0, -1.0])
    radii[:4] = np.clip(away[:4] + steps, 90.0, 179.0)
    radii[4:8] = np.clip(180.0 - far[4:8] + steps, 90.0, 179.0)
    circles = [Circle(*place, radius) for place, radius in zip(places_of(centres), radii.tolist())]
    meets = (inside | (away <= radii)).tolist()
    # a wide circle holds what stays off the small circle opposite
    opposite_inside = inside_of(corners, middle, -centres)
    held = (~opposite_inside & (far >= 180.0 - radii)).tolist()
    one, many = [polygon] * 12, Shapes.of(circles)
    for test, wanted in (("intersects", meets), ("inside", held), ("covers", [False] * 12)):
        assert sky.test_pairs(test, one, circles).tolist() == wanted
        assert sky.test_pairs(test, [polygon], many).tolist() == wanted
        assert one_by_one(test, one, circles) == wanted
    for test, wanted in (("intersects", meets), ("covers", held), ("inside", [False] * 12)):
        assert sky.test_pairs(test, circles, one).tolist() == wanted


@settings(max_examples=30, deadline=None)
@given(st.floats(0, 359.9), LATITUDES, SIZES, SPREADS, st.integers(0, 10**6))
def test_points_of_the_far_side(lon: float, lat: float, size: float, spread: float, seed: int) -> None:
    """# ADQL-151: places opposite to a polygon, and places all over the sphere."""
    random = np.random.default_rng(seed)
    polygon = wide_star(lon, lat, size, random)
    xyz = np.concatenate(
        [
            opposite_of(unit_vectors(lon, lat)[0], spread, 20, random),
            opposite_of(unit_vectors(lon, lat)[0], 3.0, 20, random),
        ]
    )
    xyz = xyz[to_border(polygon.corners, xyz) > 1e-4]
    points = [Circle(*place, 0.0) for place in places_of(xyz)]
    inside = inside_of(polygon.corners, unit_vectors(lon, lat)[0], xyz).tolist()
    lons, lats = np.array([*polygon.vertices, polygon.vertices[0]]).T
    judge = SphericalPolygon.from_lonlat(lons, lats, center=(lon, lat), degrees=True)
    # the judge draws an arc from its centre to the place: to the very opposite place there is no one arc
    judged = xyz @ unit_vectors(lon, lat)[0] > -1.0 + 1e-12
    told = [judge.contains_lonlat(*place, degrees=True) for place in places_of(xyz[judged])]
    assert told == np.array(inside, bool)[judged].tolist()
    for test in ("intersects", "covers"):
        assert sky.test_pairs(test, [polygon], points).tolist() == inside
        assert one_by_one(test, [polygon] * len(points), points) == inside


@settings(max_examples=30, deadline=None)
@given(st.floats(0, 359.9), LATITUDES, st.floats(0.001, 39.0), st.integers(0, 10**6), st.floats(-6.0, 0.0))
def test_reaching_the_far_side(lon: float, lat: float, size: float, seed: int, log_spread: float) -> None:
    """# ADQL-150: a wide circle that ends a billionth of a radian short of a corner misses it."""
    random = np.random.default_rng(seed)
    polygon = wide_star(lon, lat, size, random)
    centre = opposite_of(unit_vectors(lon, lat)[0], 10.0**log_spread, 1, random)
    gaps = 2.0 * np.arcsin(0.5 * np.linalg.norm(polygon.corners + centre, axis=1))
    reach = math.pi - gaps.max()
    nearest = polygon.corners[int(gaps.argmax())]
    if to_border(polygon.corners, centre)[0] < math.degrees(reach) - 1e-5 or centre[0] @ nearest > -0.1:
        return  # an edge is nearer than the corners
    ((at_lon, at_lat),) = places_of(centre)
    circles = [Circle(at_lon, at_lat, math.degrees(reach + step)) for step in (1e-9, -1e-9)]
    assert sky.test_pairs("intersects", circles, [polygon]).tolist() == [1, 0]
    assert sky.test_pairs("intersects", [polygon], circles).tolist() == [1, 0]
