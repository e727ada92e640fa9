"""intersects and covers of every pair of shapes, against formulas, sampling and mocpy."""

from __future__ import annotations

import math

import cdshealpix.nested
import mocpy
import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import Latitude, Longitude, SkyCoord
from hypothesis import given, settings
from hypothesis import strategies as st

from vo_service.sky import Circle, Not, Polygon, Range, Region, Union, positions, unit_vectors

LATITUDES = st.sampled_from([-90.0, -89.99, 0.0, 30.0, 89.9999, 90.0]) | st.floats(-90.0, 90.0)


def square(lon: float, lat: float, half: float) -> Polygon:
    return Polygon(
        (
            (lon - half, lat - half),
            (lon + half, lat - half),
            (lon + half, lat + half),
            (lon - half, lat + half),
        )
    )


@st.composite
def regions(draw: st.DrawFn, lon: float, lat: float, size: float) -> Region:
    """A shape of about ``size`` degrees whose middle is about ``size`` from a place."""
    seed = draw(st.integers(0, 10**6))
    random = np.random.default_rng(seed)
    near = SkyCoord(lon, lat, unit="deg").directional_offset_by(
        random.uniform(0, 360) * u.deg, random.uniform(0, 1.5) * size * u.deg
    )
    lon, lat = float(near.ra.deg), float(near.dec.deg)
    kind = draw(st.sampled_from(["circle", "polygon", "range", "union", "hole"]))
    if kind == "circle":
        return Circle(lon, lat, size * random.uniform(0.2, 1.0))
    if kind == "range":
        low, high = (
            max(-90.0, lat - size * random.uniform(0.2, 1)),
            min(90.0, lat + size * random.uniform(0.2, 1)),
        )
        width = min(170.0, size * random.uniform(0.2, 1) / max(0.05, math.cos(math.radians(lat))))
        return Range(lon - width, lon + width, low, high)
    polygon = _star(lon, lat, size, random)
    if kind == "polygon":
        return polygon
    if kind == "union":
        return Union((polygon, Circle(lon + size / 4, lat, size / 3)))
    return Union((polygon, Not(Circle(lon, lat, size / 5))))


def _star(lon: float, lat: float, size: float, random: np.random.Generator) -> Polygon:
    count = int(random.integers(3, 12))
    angle = (random.uniform(0, 2 * np.pi) + np.arange(count) * 2 * np.pi / count)[:, None]
    reach = np.radians(size * random.uniform(0.3, 1.0, count))[:, None]
    centre, east = unit_vectors(lon, lat)[0], unit_vectors(lon + 90.0, 0.0)[0]
    corners = np.cos(reach) * centre + np.sin(reach) * (
        np.cos(angle) * np.cross(centre, east) + np.sin(angle) * east
    )
    lons, lats = positions(corners)
    return Polygon(tuple(zip(lons.tolist(), lats.tolist())))


def points_round(region: Region, count: int, seed: int) -> np.ndarray:
    cap = region.cap()
    radius = min(cap.radius, math.pi)
    random = np.random.default_rng(seed)
    axis = cap.centre
    east = np.cross(axis, [0.6, 0.0, 0.8]) if abs(axis[0]) < 0.5 else np.cross(axis, [0.0, 0.6, 0.8])
    east /= np.linalg.norm(east)
    reach = radius * np.sqrt(random.uniform(0, 1, count))[:, None]
    angle = random.uniform(0, 2 * np.pi, count)[:, None]
    return np.cos(reach) * axis + np.sin(reach) * (
        np.cos(angle) * east + np.sin(angle) * np.cross(axis, east)
    )


@settings(max_examples=100, deadline=None)
@given(st.data(), st.floats(0, 359.9), LATITUDES, st.floats(-4.0, 1.5))
def test_relations_agree_with_points(data: st.DataObject, lon: float, lat: float, log_size: float) -> None:
    """# ADQL-146, ADQL-147, ADQL-151: a common point means they meet; a point outside means not covered."""
    size = 10.0**log_size
    one, two = data.draw(regions(lon, lat, size)), data.draw(regions(lon, lat, size))
    xyz = np.concatenate([points_round(one, 500, 1), points_round(two, 500, 2)])
    in_one, in_two = one.contains(xyz), two.contains(xyz)
    meets = one.intersects(two)
    assert meets == two.intersects(one)
    if (in_one & in_two).any():
        assert meets
    if (one.contains(xyz, -1e-12) & ~two.contains(xyz, 1e-12)).any():
        assert not two.covers(one)
    if two.covers(one):
        assert meets
        assert one.area() <= two.area() * (1 + 1e-7)
    if not meets:
        cover_one, cover_two = _moc(one, size), _moc(two, size)
        common = cover_one.intersection(cover_two)
        if not common.empty():
            # only border cells may be common: those near both regions
            order = common.max_order
            cells = common.flatten()
            lon_c, lat_c = mocpy_centres(cells, order)
            centres = unit_vectors(lon_c, lat_c)
            assert (one.distance(centres) < 1.2 / 2**order).all()
            assert (two.distance(centres) < 1.2 / 2**order).all()


def mocpy_centres(cells: np.ndarray, order: int) -> tuple[np.ndarray, np.ndarray]:
    lon, lat = cdshealpix.nested.healpix_to_lonlat(cells, order)
    return lon.deg, lat.deg


def _moc(region: Region, size: float) -> mocpy.MOC:
    return region.cover(min(29, max(0, int(math.log2(60.0 / size)) + 4)))


@settings(max_examples=150, deadline=None)
@given(st.floats(0, 359.9), LATITUDES, st.floats(0, 359.9), LATITUDES, st.floats(0, 180), st.floats(0, 180))
def test_circles_by_separation(
    lon1: float, lat1: float, lon2: float, lat2: float, r1: float, r2: float
) -> None:
    """# ADQL-151: circles meet at r1 + r2, one holds the other at r1 - r2, on a sphere of 360 degrees."""
    apart = SkyCoord(lon1, lat1, unit="deg").separation(SkyCoord(lon2, lat2, unit="deg")).deg
    one, two = Circle(lon1, lat1, r1), Circle(lon2, lat2, r2)
    if abs(apart - r1 - r2) > 1e-9:
        assert one.intersects(two) == (apart < r1 + r2)
    if abs(apart + r2 - r1) > 1e-9 and (r1 < 180 or r2 < 180):
        assert one.covers(two) == (apart + r2 < r1 or r1 >= 180.0)


@pytest.mark.parametrize("radius", [1e-9, 1e-7, 1e-5, 1 / 3600, 0.1, 13.0, 45.0, 89.0])
def test_touching_circles(radius: float) -> None:
    """# ADQL-150, ADQL-243: circles that touch meet; ones a milli-arcsecond's millionth apart do not."""
    one = Circle(0, 0, radius)
    gap = 1e-11 if radius > 1e-8 else 1e-12
    assert one.intersects(Circle(2 * radius, 0, radius))
    assert not one.intersects(Circle(2 * radius + 2 * gap, 0, radius))
    assert one.covers(Circle(radius / 2, 0, radius / 2))
    assert not one.covers(Circle(radius / 2, 0, radius / 2 + 2 * gap))


def test_polygon_and_circle_of_more_than_a_hemisphere() -> None:
    """# ADQL-151: with all corners inside a large circle the polygon may still reach out of it."""
    hole = Not(Circle(0, 0, 1))
    square_round_hole = square(0, 0, 3)
    wide = Circle(180, 0, 179)
    assert not wide.covers(square_round_hole)
    assert wide.contains(unit_vectors(*np.array(square_round_hole.vertices).T)).all()
    assert not hole.covers(square_round_hole)
    assert wide.covers(square(20, 0, 3)) and hole.covers(square(20, 0, 3))
    assert wide.intersects(square_round_hole)
    assert not wide.intersects(square(0, 0, 0.5))
    assert Circle(0, 0, 1).covers(square(0, 0, 0.5))


def test_hole_of_a_union() -> None:
    """# ALMA-113: a point in the hole is not contained."""
    ring = Union((square(10, 10, 2), Not(square(10, 10, 1))))
    assert ring.contains(unit_vectors([10, 11.5], [10, 10])).tolist() == [False, True]
    assert not ring.intersects(Circle(10, 10, 0.5))
    assert ring.intersects(Circle(10, 10, 1.0))
    assert not ring.covers(Circle(10, 10, 1.5))
    assert ring.covers(Circle(11.5, 10, 0.4))
    assert square(10, 10, 2).covers(ring) and not ring.covers(square(10, 10, 2))
    assert ring.area() == pytest.approx(square(10, 10, 2).area() - square(10, 10, 1).area(), rel=1e-6)
    assert Union((square(10, 10, 2), Not(Circle(40, 0, 1)))).covers(square(10, 10, 2))


def test_members_that_share_an_edge_cover_what_lies_across() -> None:
    """Two halves cover a square over their common edge; with a gap they do not."""
    left = Polygon(((0, 0), (1, 0), (1, 2), (0, 2)))
    right = Polygon(((1, 0), (2, 0), (2, 2), (1, 2)))
    apart = Polygon(((1.0001, 0), (2, 0), (2, 2), (1.0001, 2)))
    across = Polygon(((0.5, 0.5), (1.5, 0.5), (1.5, 1.5), (0.5, 1.5)))
    assert Union((left, right)).covers(across)
    assert not Union((left, apart)).covers(across)
    assert Union((left, right)).area() == pytest.approx(left.area() + right.area(), rel=1e-9)


def test_complements() -> None:
    square_here = square(30, 30, 1)
    outside = Not(square_here)
    assert outside.intersects(square_here)
    assert not outside.covers(square_here) and not square_here.covers(outside)
    assert outside.area() + square_here.area() == pytest.approx(4 * math.pi * np.degrees(1) ** 2)
    assert not outside.intersects(Circle(30, 30, 0.5))
    assert Circle(0, 0, 180).covers(outside) and Circle(0, 0, 180).intersects(outside)
    assert Circle(10, 10, 180).covers(Circle(0, 0, 180))
    assert not Circle(0, 0, 179).covers(Circle(0, 0, 180))


def test_ranges() -> None:
    across_zero = Range(359, 1, -1, 1)
    assert across_zero.width == 2.0
    assert across_zero.contains(unit_vectors([0, 359.5, 2, 180], [0, 0, 0, 0])).tolist() == [
        True,
        True,
        False,
        False,
    ]
    assert across_zero.contains(unit_vectors([359, 1, 359, 0], [-1, 1, 1, 1])).all()
    assert across_zero.intersects(Circle(1.5, 0, 0.5)) and not across_zero.intersects(Circle(1.5, 0, 0.49))
    assert across_zero.covers(Circle(0, 0, 0.9998)) and not across_zero.covers(Circle(0, 0, 1.0001))
    cap = Range(0, 360, 80, 90)
    assert cap.contains(unit_vectors([0, 77], [90, 80])).all()
    assert cap.area() == pytest.approx(Circle(0, 90, 10).area())
    assert cap.intersects(Polygon(((10, 70), (20, 70), (15, 85))))
    assert cap.covers(Circle(0, 90, 10)) and Circle(0, 90, 10).covers(cap)
    # the bulge of a parallel: great circles between its points run poleward of it
    assert not Range(0, 60, 0, 60).covers(Polygon(((0, 60), (60, 60), (30, 10))))
    assert Range(0, 60, 0, 70).covers(Polygon(((0, 60), (60, 60), (30, 10))))


@settings(max_examples=60, deadline=None)
@given(st.data(), st.floats(0, 359.9), LATITUDES, st.floats(-4.0, 1.5), st.integers(0, 99))
def test_distance_and_depth_bound_from_below(
    data: st.DataObject, lon: float, lat: float, log_size: float, seed: int
) -> None:
    """Stepping less than the distance stays outside; less than the depth stays inside."""
    region = data.draw(regions(lon, lat, 10.0**log_size))
    xyz = points_round(region, 300, seed)
    random = np.random.default_rng(seed)
    away, inside = region.distance(xyz), region.depth(xyz)
    step = random.normal(size=xyz.shape)
    step -= np.einsum("ij,ij->i", step, xyz)[:, None] * xyz
    step /= np.linalg.norm(step, axis=1)[:, None]
    reach = 0.999 * np.maximum(away, inside)[:, None]
    moved = np.cos(reach) * xyz + np.sin(reach) * step
    clear = reach[:, 0] > 1e-12
    assert not region.contains(moved)[clear & (away > 0)].any()
    assert region.contains(moved)[clear & (inside > 0)].all()
    cap = region.cap()
    held = xyz[region.contains(xyz)]
    apart = SkyCoord(*[np.atleast_1d(x) for x in positions(held)], unit="deg").separation(
        SkyCoord(*positions(cap.centre[None, :]), unit="deg")
    )
    assert (apart.rad <= cap.radius + 1e-14).all()


def test_cover_against_mocpy() -> None:
    """A cone against mocpy at high order: same cells within one cell of the border."""
    circle = Circle(204.2538, -29.8658, 0.3)
    theirs = mocpy.MOC.from_cone(
        lon=Longitude(circle.lon * u.deg),
        lat=Latitude(circle.lat * u.deg),
        radius=circle.radius * u.deg,
        max_depth=12,
    )
    ours = circle.cover(12)
    assert ours.sky_fraction == pytest.approx(theirs.sky_fraction, rel=0.2)
    assert not ours.intersection(theirs).empty()
