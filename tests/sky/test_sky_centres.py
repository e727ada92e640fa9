"""Areas and centroids of single regions and of many texts, by sums over small cells and by formulas."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
import pytest
from astropy.coordinates import SkyCoord
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from spherical_geometry.polygon import SphericalPolygon
from test_sky_polygon import polygon_of, rotation, stars
from test_sky_relations import LATITUDES, regions

from vo_service.sky import (
    Cap,
    Circle,
    Intersection,
    Not,
    Polygon,
    Range,
    Region,
    RegionError,
    Union,
    areas_and_centres,
    caps_of,
    centroid,
    measures_of,
    parse_moc,
    parse_region,
    positions,
    unit_vectors,
)
from vo_service.sky.covers import circles_of_cells


def apart_deg(one: tuple[float, float] | None, two: tuple[float, float]) -> float:
    assert one is not None
    return float(SkyCoord(*one, unit="deg").separation(SkyCoord(*two, unit="deg")).deg)


def summed(region: Region, order: int) -> tuple[tuple[float, float], float]:
    """Centroid and area, deg2, by the middles of cells that lie in a region."""
    cells = region.cover(order).flatten()
    xyz = circles_of_cells(cells, order)[0]
    held = xyz[region.contains(xyz)]
    total = held.sum(axis=0)
    lon, lat = positions(total[None, :] / np.linalg.norm(total))
    return (float(lon[0]), float(lat[0])), len(held) * math.pi / 3 / 4**order * math.degrees(1) ** 2


@settings(max_examples=40, deadline=None)
@given(st.data(), st.floats(0, 359.9), LATITUDES, st.floats(-2.0, 1.4))
def test_centroids_by_cells(data: st.DataObject, lon: float, lat: float, log_size: float) -> None:
    """# ADQL-141, ADQL-142"""
    size = 10.0**log_size
    region = data.draw(regions(lon, lat, size))
    assume(region.area() > 0.05 * size * size)  # ranges at a pole may be thinner than the cells
    order = min(26, int(math.log2(60.0 / size)) + 7)
    place, area = summed(region, order)
    assert region.area() == pytest.approx(area, rel=0.05)
    if not isinstance(region, Circle):
        assert apart_deg(centroid(region), place) < 0.02 * size


@settings(max_examples=40, deadline=None)
@given(stars(smallest=-6.0, largest=1.7), st.integers(0, 999))
def test_centroids_turn_with_the_sky(polygon: Polygon, seed: int) -> None:
    """# ADQL-141: wherever a polygon lies; as a member of a union too, by another formula."""
    turn = rotation(seed)
    turned = polygon_of(polygon.corners @ turn.T)
    place = centroid(polygon)
    assert place is not None
    there = positions(unit_vectors(*place) @ turn.T)
    size = math.degrees(polygon.cap().radius)
    assert apart_deg(centroid(turned), (float(there[0][0]), float(there[1][0]))) < 1e-8 * size + 1e-9
    assert apart_deg(centroid(Union((polygon,))), place) < 1e-5 * size + 1e-7
    assert apart_deg(centroid(Polygon(polygon.vertices[::-1])), place) < 1e-9 * size + 1e-9


@settings(max_examples=30, deadline=None)
@given(stars(smallest=-6.0, largest=-3.0))
def test_small_centroids_by_the_plane(polygon: Polygon) -> None:
    """# ADQL-141: the centroid of a small polygon by the textbook formula in its tangent plane."""
    centre = polygon.corners.mean(axis=0)
    centre /= np.linalg.norm(centre)
    other = np.eye(3)[np.argmin(np.abs(centre))]
    east = np.cross(other, centre) / np.linalg.norm(np.cross(other, centre))
    north = np.cross(centre, east)
    x, y = (polygon.corners - centre) @ east, (polygon.corners - centre) @ north
    x2, y2 = np.roll(x, -1), np.roll(y, -1)
    twice = x * y2 - x2 * y
    at = centre + (east * np.sum((x + x2) * twice) + north * np.sum((y + y2) * twice)) / (3 * np.sum(twice))
    lon, lat = positions(at[None, :])
    assert apart_deg(centroid(polygon), (float(lon[0]), float(lat[0]))) < 1e-6 * math.degrees(
        polygon.cap().radius
    )


def test_centroids_that_are_known() -> None:
    """# ADQL-141"""
    assert centroid(Circle(370, 20, 5)) == (10.0, 20.0)
    assert centroid(Circle(12, -3, 0)) == (12.0, -3.0) and centroid(Circle(12, -3, 150)) == (12.0, -3.0)
    octant = Polygon(((0, 0), (90, 0), (0, 90)))
    assert apart_deg(centroid(octant), (45.0, math.degrees(math.asin(1 / math.sqrt(3))))) < 1e-9
    assert apart_deg(centroid(Range(0, 90, 0, 90)), (45.0, math.degrees(math.asin(1 / math.sqrt(3))))) < 1e-9
    assert apart_deg(centroid(Polygon(((10, 80), (100, 80), (190, 80), (280, 80)))), (0.0, 90.0)) < 1e-9
    assert apart_deg(centroid(Polygon(((359, -1), (1, -1), (1, 1), (359, 1)))), (0.0, 0.0)) < 1e-9
    assert apart_deg(centroid(Not(octant)), (225.0, -math.degrees(math.asin(1 / math.sqrt(3))))) < 1e-9
    assert apart_deg(centroid(parse_moc("0/0-3")), (0.0, 90.0)) < 1e-9
    assert centroid(Range(0, 360, -90, 90)) is None and centroid(Range(0, 360, -5, 5)) is None
    assert centroid(Range(10, 10, 5, 5)) == (10.0, 5.0)
    assert centroid(Not(Circle(0, 0, 180))) is None
    ring = Union((Circle(30, 40, 2), Not(Circle(30, 40, 1))))
    assert apart_deg(centroid(ring), (30.0, 40.0)) < 1e-9
    pair = Union((Circle(0, 0, 1), Circle(10, 0, 1)))
    assert apart_deg(centroid(pair), (5.0, 0.0)) < 1e-9
    crossing = Polygon(((0, -1), (4, 1), (4, -1), (0, 1)))
    assert apart_deg(centroid(crossing), (2.0, 0.0)) < 1e-3


def test_intersections() -> None:
    """# ADQL-140, ADQL-142: what circles and polygons have in common."""
    lens = parse_region("Intersection ICRS (Circle 0 0 2 Circle 2 0 2)")
    assert isinstance(lens, Intersection)
    assert lens.area() == pytest.approx(2 * 4 * (math.pi / 3 - math.sqrt(3) / 4), rel=2e-3)
    assert apart_deg(centroid(lens), (1.0, 0.0)) < 1e-9
    assert lens.contains(unit_vectors([1, -1, 3], [0, 0, 0])).tolist() == [True, False, False]
    assert lens.intersects(Circle(-1, 0, 1.0001)) and not lens.intersects(Circle(-1, 0, 0.999))
    assert Circle(0, 0, 2).covers(lens) and Circle(2, 0, 2).covers(lens) and not lens.covers(Circle(0, 0, 2))
    assert lens.covers(Circle(1, 0, 1)) and not lens.covers(Circle(1, 0, 1.001))
    assert parse_region(lens.to_stcs()) == lens
    cut = parse_region("Intersection (Polygon 0 0 4 0 4 4 0 4 Not (Circle 2 2 1))")
    assert cut.area() == pytest.approx(
        Polygon(((0, 0), (4, 0), (4, 4), (0, 4))).area() - Circle(2, 2, 1).area()
    )
    assert not cut.intersects(Circle(2, 2, 0.99)) and cut.intersects(Circle(2, 2, 1))
    nothing = Intersection((Circle(0, 0, 1), Circle(9, 0, 1)))
    assert nothing.area() == 0.0 and centroid(nothing) is None
    assert not nothing.intersects(Circle(0, 0, 180)) and Circle(70, 70, 1).covers(nothing)
    with pytest.raises(RegionError, match="DALI"):
        lens.to_dali()


@settings(max_examples=30, deadline=None)
@given(stars(smallest=-1.5, largest=1.5))
def test_areas_against_spherical_geometry(polygon: Polygon) -> None:
    """# ADQL-142"""
    place = polygon.cap().centre
    lon, lat = np.array([*polygon.vertices, polygon.vertices[0]]).T
    inside = [float(part[0]) for part in positions(_inside(polygon)[None, :])]
    judge = SphericalPolygon.from_lonlat(lon, lat, center=tuple(inside), degrees=True)
    assert polygon.area() == pytest.approx(judge.area() * math.degrees(1) ** 2, rel=1e-4)
    assert np.isfinite(place).all()


def _inside(polygon: Polygon) -> np.ndarray:
    corners = polygon.corners
    for one in range(len(corners)):
        middle = corners[one - 1] + corners[one] + corners[(one + 1) % len(corners)]
        middle /= np.linalg.norm(middle)
        if polygon.contains(middle[None, :], -1e-9)[0]:
            return middle
    raise AssertionError("an ear of a polygon holds its middle")


def test_many_texts_as_single_ones() -> None:
    """# ADQL-141, ADQL-142: the columns of footprints are those of their regions."""
    random = np.random.default_rng(8)
    texts: list[str | None] = [
        None,
        "nonsense",
        "Circle ICRS 359.5 -89.5 2",
        "Circle ICRS 1 2 200",
        "Circle ICRS 1 2 0",
        "Polygon ICRS 359 -1 1 -1 1 1 359 1",
        "Polygon ICRS 359 -1 1 -1 1 1 359 1 359 -1",
        "Polygon ICRS 0 0 10 10 10 0 0 10",
        "Polygon ICRS 0 0 10 0 10 10 5 2 0 10",
        "Polygon ICRS 0 0 6 0 6 6 0 6 0 2 2 2 2 4 4 4 4 2 2 2 0 2",
        "Polygon ICRS 0 0 10 0 20 0",
        "Polygon ICRS 0 -50 100 -50 100 50 0 50",
        "Polygon ICRS 10 80 100 80 190 80 280 80",
        "Union ICRS ( Polygon 10 10 12 10 11 12 Circle 0 0 1 )",
        "Polygon ICRS 10 10 12 10 11 12 Not (Circle 11 10.5 .1)",
        "PositionInterval ICRS 0 -10 360 10",
    ]
    for _ in range(150):
        lon, lat, size = random.uniform(0, 360), random.uniform(-89, 89), 10 ** random.uniform(-6, 1.3)
        count = int(random.integers(3, 10))
        angle = np.sort(random.uniform(0, 2 * np.pi, count))
        reach = size * random.uniform(0.2, 1.0, count)
        corners = np.column_stack(
            [
                lon + reach * np.cos(angle) / np.cos(np.radians(lat)),
                np.clip(lat + reach * np.sin(angle), -90, 90),
            ]
        )
        texts.append("Polygon ICRS " + " ".join(f"{v:.9f}" for v in corners.ravel()))
    array = pa.chunked_array([texts[:20], texts[20:]], pa.string())
    found = measures_of(array)
    assert np.isfinite(found["r"]).tolist() == caps_of(array)["ok"].tolist()
    for at, text in enumerate(texts):
        values = [found[name][at] for name in ("r", "area", "lon", "lat")]
        try:
            region = None if text is None else parse_region(text)
        except RegionError:
            region = None
        if region is None:
            assert np.isnan(values).all()
            continue
        place = centroid(region)
        cap = Cap(found["x"][at], found["y"][at], found["z"][at], found["r"][at])
        reach = np.linalg.norm(region.outline().points - cap.centre, axis=1)
        assert cap.radius >= math.pi / 2 or (reach <= 2 * math.sin(cap.radius / 2)).all()
        assert values[1] == pytest.approx(region.area(), rel=1e-7), text
        if place is None:
            assert np.isnan(values[2:]).all()
        else:
            assert apart_deg(place, (values[2], values[3])) < 1e-10 + 1e-7 * values[0], text
    only = areas_and_centres(array)
    assert list(only) == ["area", "lon", "lat"] and np.array_equal(only["lat"], found["lat"], equal_nan=True)
    assert len(measures_of(pa.array([], pa.string()))["area"]) == 0
