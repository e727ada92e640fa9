"""Polygons: which points they hold, against an independent winding count and themselves turned."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from vo_service.sky import Circle, Polygon, Range, RegionError, positions, unit_vectors


def winding(corners: np.ndarray, xyz: np.ndarray) -> np.ndarray:
    """Turns of the corners round each point, by summed azimuths (an oracle of its own)."""
    turns = np.zeros(len(xyz))
    for i in range(len(corners)):
        a, b = corners[i], corners[(i + 1) % len(corners)]
        at = a - (xyz @ a)[:, None] * xyz
        bt = b - (xyz @ b)[:, None] * xyz
        turns += np.arctan2(np.einsum("ij,ij->i", np.cross(at, bt), xyz), np.einsum("ij,ij->i", at, bt))
    return turns / (2.0 * np.pi)


@st.composite
def stars(draw: st.DrawFn, smallest: float = -6.0, largest: float = 1.7) -> Polygon:
    """Star-shaped polygons, mostly concave, anywhere and of any size up to 60 degrees."""
    lon = draw(st.floats(0.0, 359.999))
    lat = draw(st.sampled_from([-90.0, -89.9999, -30.0, 0.0, 0.001, 45.0, 89.99, 90.0]) | st.floats(-90, 90))
    size = 10.0 ** draw(st.floats(smallest, largest))
    count = draw(st.integers(3, 14))
    turn = draw(st.floats(0.0, 360.0))
    radii = draw(st.lists(st.floats(0.3, 1.0), min_size=count, max_size=count))
    angles = np.radians(turn + np.arange(count) * 360.0 / count)[:, None]
    if draw(st.booleans()):
        angles, radii = angles[::-1], radii[::-1]
    reach = np.radians(np.array(radii) * size)[:, None]
    centre, east = unit_vectors(lon, lat)[0], unit_vectors(lon + 90.0, 0.0)[0]
    aside = np.cos(angles) * np.cross(centre, east) + np.sin(angles) * east
    return polygon_of(np.cos(reach) * centre + np.sin(reach) * aside)


def polygon_of(corners: np.ndarray) -> Polygon:
    lon, lat = positions(corners)
    return Polygon(tuple(zip(lon.tolist(), lat.tolist())))


def rotation(seed: int) -> np.ndarray:
    """A random proper rotation."""
    turn, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    return turn * np.linalg.det(turn)


def sample(polygon: Polygon, seed: int, count: int = 200) -> np.ndarray:
    """Points in and round a polygon's cap."""
    cap = polygon.cap()
    random = np.random.default_rng(seed)
    xyz = cap.centre + random.normal(size=(count, 3)) * np.sin(min(cap.radius, 1.5)) * 0.7
    return xyz / np.linalg.norm(xyz, axis=1)[:, None]


@settings(max_examples=60, deadline=None)
@given(stars(), st.integers(0, 1000))
@example(Polygon(((0.0, 31.6), (28.1, -15.2), (331.9, -15.2))), 0)
def test_points_by_winding(polygon: Polygon, seed: int) -> None:
    """# ADQL-130: edges are great circles; ADQL-155: the order of corners does not matter."""
    xyz = sample(polygon, seed)
    corners = unit_vectors(*np.array(polygon.vertices).T)
    turns = np.abs(winding(corners, xyz))
    # corners wind round the opposite of each point too; these polygons lie in one half of the sky
    turns[xyz @ polygon.cap().centre < 0] = 0.0
    clear = np.abs(turns - np.round(turns)) < 1e-4
    assert np.array_equal(polygon.contains(xyz)[clear], np.round(turns[clear]) % 2 == 1)
    backwards = Polygon(polygon.vertices[::-1])
    assert np.array_equal(polygon.contains(xyz), backwards.contains(xyz))
    assert polygon.area() == pytest.approx(backwards.area(), rel=1e-9)


@settings(max_examples=40, deadline=None)
@given(stars(), st.integers(0, 1000))
def test_corners_and_edges_are_inside(polygon: Polygon, seed: int) -> None:
    """# ADQL-150, ADQL-243: closed sets with an allowance for rounding."""
    corners = unit_vectors(*np.array(polygon.vertices).T)
    assert polygon.contains(corners).all()
    share = np.random.default_rng(seed).uniform(size=(len(corners), 1))
    on_edges = share * corners + (1.0 - share) * np.roll(corners, -1, axis=0)
    on_edges /= np.linalg.norm(on_edges, axis=1)[:, None]
    assert polygon.contains(on_edges).all()
    assert not polygon.contains(on_edges, -4e-15).any()
    assert polygon.covers(polygon)
    assert polygon.intersects(polygon)


@settings(max_examples=40, deadline=None)
@given(stars(), st.integers(0, 1000))
def test_rotation_changes_no_verdict(polygon: Polygon, seed: int) -> None:
    turn = rotation(seed)
    turned = polygon_of(unit_vectors(*np.array(polygon.vertices).T) @ turn.T)
    xyz = sample(polygon, seed)
    clear = polygon.edges.border_distance(xyz) > 1e-14
    assert np.array_equal(polygon.contains(xyz)[clear], turned.contains(xyz @ turn.T)[clear])
    assert turned.area() == pytest.approx(polygon.area(), rel=1e-6)


def test_wider_than_a_hemisphere() -> None:
    """A band of 300 degrees round the equator: the smaller side, though no hemisphere holds it."""
    lon = np.arange(0.0, 301.0, 2.0)
    there = [(x, 10.0) for x in lon]
    back = [(x, -10.0) for x in lon[::-1]]
    random = np.random.default_rng(3)
    xyz = random.normal(size=(4000, 3))
    xyz /= np.linalg.norm(xyz, axis=1)[:, None]
    band = Range(0.0, 300.0, -10.0, 10.0)
    near_border = band.contains(xyz, 0.01) != band.contains(xyz, -0.01)
    for vertices in (there + back, (there + back)[::-1]):
        polygon = Polygon(tuple(vertices))
        found = polygon.contains(xyz)
        assert np.array_equal(found[~near_border], band.contains(xyz)[~near_border])
        assert polygon.area() == pytest.approx(band.area(), rel=1e-3)
        assert polygon.contains(unit_vectors(*np.array(vertices).T)).all()
        assert not polygon.covers(Circle(330, 0, 5))
        assert polygon.covers(Circle(150, 0, 5))
        assert polygon.intersects(Circle(150, 0, 1)) and not polygon.intersects(Circle(150, 40, 1))


def test_over_pole_and_longitude_zero() -> None:
    pole = Polygon(((0, 85), (90, 85), (180, 85), (270, 85)))
    assert pole.contains(unit_vectors([0, 12, 45], [90, 89, 80])).tolist() == [True, True, False]
    zero = Polygon(((359, -1), (1, -1), (1, 1), (359, 1)))
    assert zero.contains(unit_vectors([0, 360, 359.5, 180], [0, 0, 0.5, 0])).tolist() == [
        True,
        True,
        True,
        False,
    ]


def test_concave_notch() -> None:
    notched = Polygon(((0, 0), (10, 0), (10, 10), (5, 2), (0, 10)))
    assert notched.contains(unit_vectors([5, 2, 8], [5, 2, 2])).tolist() == [False, True, True]


def test_self_crossing_is_even_odd() -> None:
    """# ADQL-156"""
    bow = Polygon(((0, 0), (10, 10), (10, 0), (0, 10)))
    assert bow.contains(unit_vectors([1, 9, 5, 5], [5, 5, 1, 9])).tolist() == [True, True, False, False]
    assert bow.area() == pytest.approx(50.0, rel=0.02)
    pentagram = [(90 + 144 * i) for i in range(5)]
    star = Polygon(tuple((180 + 5 * np.cos(np.radians(a)), 5 * np.sin(np.radians(a))) for a in pentagram))
    assert not star.contains(unit_vectors(180, 0))[0]
    random = np.random.default_rng(1)
    lon, lat = random.uniform(174, 186, 200000), random.uniform(-6, 6, 200000)
    share = star.contains(unit_vectors(lon, lat)).mean()
    assert star.area() == pytest.approx(share * 144, rel=0.03)


@pytest.mark.parametrize(
    ("vertices", "expected"),
    [
        (((0, 0), (1, 1)), "three or more distinct"),
        (((0, 0), (1, 1), (0, 0), (1, 1)), "three or more distinct"),
        (((0, 0), (10, 0), (20, 0)), "one great circle"),
        (((5, 0), (5, 10), (5, 20), (5, -20)), "one great circle"),
        (((0, 0), (180, 0), (90, 50)), "opposite"),
        (((0, 0), (1, 91), (2, 0)), "latitudes"),
        (((0, 0), (float("nan"), 1), (2, 0)), "finite"),
        (((10, 90), (20, 90), (30, 90), (40, 0)), "three or more distinct"),
    ],
)
def test_degenerate_is_refused(vertices: tuple[tuple[float, float], ...], expected: str) -> None:
    """# ADQL-156, ADQL-131"""
    if expected == "three or more distinct" and vertices[0][1] == 90:
        with pytest.raises(RegionError):
            Polygon(vertices)
        return
    with pytest.raises(RegionError, match=expected):
        Polygon(vertices)


def test_repeated_corners_are_dropped() -> None:
    """# ADQL-156"""
    plain = Polygon(((0, 0), (1, 0), (1, 1)))
    assert Polygon(((0, 0), (0, 0), (1, 0), (1, 1), (360, 0))) == plain
    assert hash(plain) == hash(Polygon(((0, 0), (1, 0), (1, 1), (0, 0))))


@settings(max_examples=40, deadline=None)
@given(stars(smallest=-5.2, largest=-2.4))
def test_area_against_planar_limit(polygon: Polygon) -> None:
    """# ADQL-142: the excess of tiny polygons is the shoelace area in the tangent plane."""
    corners = unit_vectors(*np.array(polygon.vertices).T)
    cap = polygon.cap()
    east = (
        np.cross([0.0, 0.0, 1.0], cap.centre) if abs(cap.z) < 0.9 else np.cross([1.0, 0.0, 0.0], cap.centre)
    )
    east /= np.linalg.norm(east)
    x, y = (corners - cap.centre) @ east, (corners - cap.centre) @ np.cross(cap.centre, east)
    plane = 0.5 * abs(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1)))
    assert polygon.area() == pytest.approx(plane * np.degrees(1) ** 2, rel=1e-6)


def test_real_orientation_of_dali_text() -> None:
    """# VOT-147, ALMA-111: counter-clockwise from inside, that is east to the left."""
    seen_from_inside = Polygon(((0, 0), (0, 1), (1, 1), (1, 0)))
    assert seen_from_inside.to_dali() == "polygon 0 0 0 1 1 1 1 0"
    assert Polygon(((1, 0), (1, 1), (0, 1), (0, 0))).to_dali() == "polygon 0 0 0 1 1 1 1 0"
