"""Tests of many pairs at once: against the tests of single pairs, exact lattices, and other libraries."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from hypothesis import given, settings
from hypothesis import strategies as st
from spherical_geometry.polygon import SphericalPolygon
from test_sky_relations import LATITUDES, _star, points_round, regions

from vo_service import sky
from vo_service.sky import (
    Circle,
    Intersection,
    Not,
    Polygon,
    Range,
    Region,
    Shapes,
    Union,
    parse_moc,
    positions,
    unit_vectors,
)


def one_by_one(test: str, left: Sequence[Region | None], right: Sequence[Region | None]) -> list[int]:
    found = []
    for one, two in zip(left, right):
        if one is None or two is None:
            found.append(-1)
        elif test == "intersects":
            found.append(int(one.intersects(two)))
        else:
            found.append(int(one.covers(two) if test == "covers" else two.covers(one)))
    return found


@settings(max_examples=40, deadline=None)
@given(st.data(), st.floats(0, 359.9), LATITUDES, st.floats(-5.0, 1.5), st.floats(-1.0, 0.0))
def test_pairs_as_single_ones(
    data: st.DataObject, lon: float, lat: float, log_size: float, smaller: float
) -> None:
    """# ADQL-151, ADQL-160: arrays of pairs give what each pair gives by itself."""
    size = 10.0**log_size
    left = [data.draw(st.none() | regions(lon, lat, size)) for _ in range(6)]
    right = [data.draw(regions(lon, lat, size * 10.0**smaller)) for _ in range(6)]
    for test in ("intersects", "covers", "inside"):
        assert sky.test_pairs(test, left, right).tolist() == one_by_one(test, left, right)
        for alone in right[:2]:
            wanted = one_by_one(test, left, [alone] * 6)
            assert sky.test_pairs(test, left, [alone]).tolist() == wanted
            assert sky.test_pairs(test, Shapes.of(left), [alone]).tolist() == wanted


def test_wide_shapes_as_single_ones() -> None:
    """# ADQL-151: circles beyond 90 degrees, wide polygons, ranges, complements, among small shapes."""
    random = np.random.default_rng(4)
    wide: list[Region] = [
        Circle(10, 20, 120),
        Circle(10, 20, 90),
        Circle(200, -60, 179.99),
        Circle(0, 0, 180),
        Polygon(((0, -50), (100, -50), (100, 50), (0, 50))),
        Range(350, 200, -30, 70),
        Range(0, 360, 80, 90),
        Not(Circle(10, 20, 30)),
        Union((Circle(10, 20, 30), Circle(50, 20, 30))),
        Union((Circle(10, 20, 50), Not(Circle(20, 20, 10)), Not(Circle(20, 40, 5)))),
        Intersection((Circle(10, 20, 30), Circle(50, 20, 30))),
        parse_moc("1/3-9 2/4"),
    ]
    small: list[Region] = []
    for _ in range(25):
        lon, lat = random.uniform(0, 360), math.degrees(math.asin(random.uniform(-1, 1)))
        size = 10.0 ** random.uniform(-3, 1.3)
        small.append(Circle(lon, lat, size) if random.random() < 0.5 else _star(lon, lat, size, random))
        small.append(Circle(lon, lat, 0))
    for test in ("intersects", "covers", "inside"):
        for region in wide:
            wanted = one_by_one(test, [region] * len(small), small)
            assert sky.test_pairs(test, [region], small).tolist() == wanted, (test, region)


def test_sides_and_rows_without_a_shape() -> None:
    here, there = Circle(1, 1, 1), Circle(9, 9, 1)
    assert sky.test_pairs("intersects", [here, None, there], [here]).tolist() == [1, -1, 0]
    assert sky.test_pairs("intersects", [None], [here, there]).tolist() == [-1, -1]
    assert sky.test_pairs("covers", [], [here]).tolist() == []
    with pytest.raises(ValueError, match="2 and 3"):
        sky.test_pairs("covers", [here] * 2, [here] * 3)


PIECES = {  # rectilinear outlines on a lattice, and the unit squares that they hold
    "square": ((0, 0), (1, 0), (1, 1), (0, 1)),
    "block": ((0, 0), (2, 0), (2, 2), (0, 2)),
    "bar": ((0, 0), (3, 0), (3, 1), (0, 1)),
    "angle": ((0, 0), (2, 0), (2, 1), (1, 1), (1, 2), (0, 2)),
    "clamp": ((0, 0), (3, 0), (3, 2), (2, 2), (2, 1), (1, 1), (1, 2), (0, 2)),
}


def squares(outline: Sequence[tuple[int, int]]) -> set[tuple[int, int]]:
    """Unit squares inside a rectilinear outline, by counting edges to their right."""
    held = set()
    for x in range(4):
        for y in range(4):
            crossed = 0
            for (x1, y1), (x2, y2) in zip(outline, [*outline[1:], outline[0]]):
                crossed += x1 == x2 and x1 > x + 0.5 and min(y1, y2) < y + 0.5 < max(y1, y2)
            if crossed % 2:
                held.add((x, y))
    return held


@settings(max_examples=40, deadline=None)
@given(st.floats(0, 359.9), LATITUDES, st.floats(-6.0, 0.8), st.integers(0, 10**6))
def test_shared_edges_and_corners(lon: float, lat: float, log_size: float, seed: int) -> None:
    """# ADQL-150, ADQL-243: what touches or fits on a lattice of great circles is known exactly."""
    random = np.random.default_rng(seed)
    step = math.radians(10.0**log_size)
    centre, east = unit_vectors(lon, lat)[0], unit_vectors(lon + 90.0, 0.0)[0]
    names = random.choice(list(PIECES), (2, 30))
    shifts = random.integers(-2, 3, (2, 30, 2))

    def placed(name: str, shift: np.ndarray) -> tuple[Polygon, set[tuple[int, int]], set[tuple[int, int]]]:
        lattice = np.array(PIECES[name]) + shift
        corners = centre + step * (lattice[:, :1] * east + lattice[:, 1:] * np.cross(centre, east))
        lons, lats = positions(corners)
        held = {(x + shift[0], y + shift[1]) for x, y in squares(PIECES[name])}
        points = {(x + dx, y + dy) for x, y in held for dx in (0, 1) for dy in (0, 1)}
        return Polygon(tuple(zip(lons.tolist(), lats.tolist()))), held, points

    left, right = ([placed(*each) for each in zip(*side)] for side in zip(names, shifts))
    ones, twos = [each[0] for each in left], [each[0] for each in right]
    wanted = [int(bool(one[2] & two[2])) for one, two in zip(left, right)]
    assert sky.test_pairs("intersects", ones, twos).tolist() == wanted
    wanted = [int(two[1] <= one[1]) for one, two in zip(left, right)]
    assert sky.test_pairs("covers", ones, twos).tolist() == wanted
    assert sky.test_pairs("covers", ones, ones).tolist() == [1] * 30


@settings(max_examples=40, deadline=None)
@given(st.floats(0, 359.9), LATITUDES, st.floats(-3.0, 1.0), st.integers(0, 10**6))
def test_polygons_against_spherical_geometry(lon: float, lat: float, log_size: float, seed: int) -> None:
    """# ADQL-151: polygons that clearly meet or clearly do not."""
    random = np.random.default_rng(seed)
    size = 10.0**log_size
    near = SkyCoord(lon, lat, unit="deg").directional_offset_by(
        random.uniform(0, 360, 4) * u.deg, random.uniform(0, 2.0, 4) * size * u.deg
    )
    ones = [_star(lon, lat, size, random) for _ in range(4)]
    twos = [_star(float(at.ra.deg), float(at.dec.deg), size, random) for at in near]
    centres = [(float(at.ra.deg), float(at.dec.deg)) for at in near]
    found = sky.test_pairs("intersects", ones, twos)
    for one, two, centre, verdict in zip(ones, twos, centres, found):
        theirs = [oracle(one, (lon, lat)), oracle(two, centre)]
        assert theirs[0].intersects_poly(theirs[1]) == bool(verdict)
        rounding = 1e-5 if size > 0.1 else 1e-3  # the judge's, whose angles are differences of large ones
        assert theirs[0].area() * math.degrees(1) ** 2 == pytest.approx(one.area(), rel=rounding)


def oracle(polygon: Polygon, inside: tuple[float, float]) -> SphericalPolygon:
    lon, lat = np.array([*polygon.vertices, polygon.vertices[0]]).T
    return SphericalPolygon.from_lonlat(lon, lat, center=inside, degrees=True)


@settings(max_examples=60, deadline=None)
@given(st.floats(0, 359.9), LATITUDES, st.floats(-5.0, 1.0), st.integers(0, 10**6), st.floats(-5.0, 1.4))
def test_close_to_an_edge(lon: float, lat: float, log_size: float, seed: int, log_radius: float) -> None:
    """# ADQL-150: points and circles a billionth of a radian off an edge are told from those on it."""
    random = np.random.default_rng(seed)
    polygon = _star(lon, lat, 10.0**log_size, random)
    corners = polygon.corners
    at = int(random.integers(len(corners)))
    start, end = corners[at], corners[(at + 1) % len(corners)]
    share = random.uniform(0.2, 0.8)
    place = share * start + (1 - share) * end
    place /= np.linalg.norm(place)
    normal = np.cross(start, end - start)
    normal /= np.linalg.norm(normal)
    if polygon.contains((place + 1e-8 * normal)[None, :])[0]:
        normal = -normal  # outwards
    step = 1e-9
    beside = np.array([place, place + step * normal, place - step * normal])
    points = [Circle(*(float(part[0]) for part in positions(each[None, :])), 0.0) for each in beside]
    assert sky.test_pairs("covers", [polygon], points).tolist() == [1, 0, 1]
    assert sky.test_pairs("intersects", [polygon], points).tolist() == [1, 0, 1]
    reach = min(math.radians(10.0**log_radius), 1.2)
    away = math.cos(reach) * place + math.sin(reach) * normal
    if polygon.edges.border_distance(away[None, :])[0] < reach - 1e-13 or polygon.contains(away[None, :])[0]:
        return  # another edge is nearer
    lons, lats = positions(away[None, :])
    radii = np.degrees([reach, reach + step, reach - step])
    circles = [Circle(float(lons[0]), float(lats[0]), float(radius)) for radius in radii]
    assert sky.test_pairs("intersects", circles, [polygon]).tolist() == [1, 1, 0]


@settings(max_examples=40, deadline=None)
@given(st.data(), st.floats(0, 359.9), LATITUDES, st.floats(-4.0, 1.5), st.integers(0, 999))
def test_pairs_against_dense_points(
    data: st.DataObject, lon: float, lat: float, log_size: float, seed: int
) -> None:
    """A common point means that they meet, one outside that it is not covered."""
    size = 10.0**log_size
    left, right = ([data.draw(regions(lon, lat, size)) for _ in range(3)] for _ in range(2))
    meets, held = sky.test_pairs("intersects", left, right), sky.test_pairs("inside", left, right)
    for one, two, met, inside in zip(left, right, meets, held):
        xyz = np.concatenate([points_round(one, 400, seed), points_round(two, 400, seed + 1)])
        if (one.contains(xyz) & two.contains(xyz)).any():
            assert met
        if (one.contains(xyz, -1e-12) & ~two.contains(xyz, 1e-12)).any():
            assert not inside


def test_self_crossing_and_retraced_borders() -> None:
    """# ADQL-156: even-odd holes, and a hole reached by a bridge that is walked twice."""
    star = Polygon(
        tuple((5 * math.cos(math.radians(a)), 5 * math.sin(math.radians(a))) for a in range(90, 810, 144))
    )
    ring = Polygon(((0, 0), (6, 0), (6, 6), (0, 6), (0, 2), (2, 2), (2, 4), (4, 4), (4, 2), (2, 2), (0, 2)))
    for region, hole, solid in (
        (star, Circle(0, 0, 0.5), Circle(0, 3.5, 0.2)),
        (ring, Circle(3, 3, 0.5), Circle(5, 3, 0.5)),
    ):
        pairs = [hole, solid, Circle(60, 60, 1), region]
        assert sky.test_pairs("intersects", [region], pairs).tolist() == [0, 1, 0, 1]
        assert sky.test_pairs("covers", [region], pairs).tolist() == [0, 1, 0, 1]
    across_bridge = Polygon(((0.5, 1.5), (1.5, 1.5), (1.5, 2.5), (0.5, 2.5)))
    assert sky.test_pairs("covers", [ring], [across_bridge]).tolist() == [1]


def test_shapes_of_columns() -> None:
    """# ADQL-131, ADQL-134, ADQL-156: texts and numbers that make no shape are unknown."""
    texts = [
        "Circle ICRS 10 10 1",
        "Polygon ICRS 9 9 11 9 11 11 9 11 9 9",
        "Union ICRS ( Circle 10 10 1 Circle 50 10 1 )",
        None,
        "nonsense",
        "Polygon ICRS 0 0 10 0 20 0",
        "Polygon ICRS 0 -50 100 -50 100 50 0 50",
    ]
    shapes = Shapes.of_texts(pa.array(texts))
    assert sky.test_pairs("covers", shapes, [Circle(10, 10, 0.5)]).tolist() == [1, 1, 1, -1, -1, -1, 1]
    circles = Shapes.of_circles([10, 370, 10, 10, np.nan, 10], [10, 10, 95, 10, 10, 10], [1, 1, 1, -1, 1, 0])
    assert sky.test_pairs("covers", circles, [Circle(10, 10, 0)]).tolist() == [1, 1, -1, -1, -1, 1]
    values = np.array(
        [
            9,
            9,
            11,
            9,
            11,
            11,
            9,
            11,
            9,
            9,
            11,
            9,
            0,
            0,
            180,
            0,
            90,
            50,
            9,
            9,
            np.nan,
            9,
            11,
            11,
            9,
            95,
            9,
            9,
            11,
            9.0,
        ]
    )
    polygons = Shapes.of_polygons(values[::2], values[1::2], np.array([0, 4, 6, 6, 9, 12, 15]))
    assert sky.test_pairs("covers", polygons, [Circle(10, 10, 0.5)]).tolist() == [1, -1, -1, -1, -1, -1]
    assert polygons.region(0) == Polygon(((9, 9), (11, 9), (11, 11), (9, 11)))
    assert len(polygons.take(np.array([0, 0]))) == 2


def test_columns_with_gaps_and_long_rings() -> None:
    """# ADQL-131, ADQL-156: NULLs of every kind, infinities, closed rings, and more than 32 corners."""
    here = [Circle(10, 10, 0)]
    gaps = [[10, None, 10, np.inf, 10], pa.array([10, None, 10, np.inf, 10.0])]
    gaps.append(np.ma.masked_array([10, 10, 10, np.inf, 10], [0, 1, 0, 0, 0]))
    for lon in gaps:
        circles = Shapes.of_circles(lon, [10, 10, 90.1, 10, 10], [1, 1, 1, 1, 180])
        assert sky.test_pairs("covers", circles, here).tolist() == [1, -1, -1, -1, 1]
        assert [circles.region(row) is None for row in range(5)] == [False, True, True, True, False]
    turn = np.radians(np.arange(0, 360, 4))
    ring = [*zip(10 + np.cos(turn), 10 + np.sin(turn))]
    square = [(9, 9), (11, 9), (11, 11), (9, 11)]
    rows = [
        ring,
        [*ring, ring[0]],
        square,
        [*square, square[0]],
        [],
        [*square, (np.inf, 9)],
        [(9, -91), *square],
    ]
    rows += [[(369, 9), (11, 9), (11, 11), (9, 11), (9, 11), (9, 9)], square[:2], [*square[:2], square[0]]]
    flat = np.array([corner for row in rows for corner in row], dtype=float)
    polygons = Shapes.of_polygons(pa.array(flat[:, 0]), flat[:, 1], np.cumsum([0, *map(len, rows)]))
    wanted = [1, 1, 1, 1, -1, -1, -1, 1, -1, -1]
    assert sky.test_pairs("covers", polygons, here).tolist() == wanted
    assert [polygons.region(row) is not None for row in range(10)] == [each == 1 for each in wanted]
    assert polygons.region(1) == polygons.region(0) and polygons.region(7) == Polygon(tuple(square))


def test_texts_of_every_spelling() -> None:
    """# ADQL-131: DALI texts, other kinds of columns, and numbers beyond a double."""
    texts = ["circle 10 10 1", None, "POLYGON 9 9 11 9 11 11 9 11", " ", "Polygon ICRS 1e400 1 2 2 3 1"]
    texts += ["Polygon ICRS 9 9 11 95 9 11", "Circle ICRS 10 10 -1", "range 9 11 9 11"]
    for column in (
        pa.array(texts, pa.large_string()),
        pa.array(texts).dictionary_encode(),
        pa.chunked_array([texts[:3], texts[3:]]),
    ):
        found = sky.test_pairs("covers", Shapes.of_texts(column), [Circle(10, 10, 0)])
        assert found.tolist() == [1, -1, 1, -1, -1, -1, -1, 1]
    assert sky.test_pairs("covers", Shapes.of_texts(pa.nulls(2)), [Circle(10, 10, 0)]).tolist() == [-1, -1]
