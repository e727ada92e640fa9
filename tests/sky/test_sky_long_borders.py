"""Borders of thousands of corners: as right as short ones, and quick; and what a polygon is checked for."""

from __future__ import annotations

import math
import time
import tracemalloc
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_sky_polygon import polygon_of
from test_sky_relations import LATITUDES

from vo_service.sky import Circle, Polygon, RegionError, Union, centroid, unit_vectors
from vo_service.sky.edges import to_edges

SECONDS = 3.0
"""Far above what is needed (some tenths), far below what a loop over pairs takes (ten and more)."""


def around(count: int, size: float, random: np.random.Generator | None = None) -> Polygon:
    """A polygon of many corners round (10, 20): close to a circle, or of spikes."""
    turn = np.arange(count)[:, None] * 2 * np.pi / count
    reach = np.radians(size * (np.ones(count) if random is None else random.uniform(0.4, 1, count)))[:, None]
    centre, east = unit_vectors(10, 20)[0], unit_vectors(100, 0)[0]
    aside = np.cos(turn) * np.cross(centre, east) + np.sin(turn) * east
    return polygon_of(np.cos(reach) * centre + np.sin(reach) * aside)


def quickly(work: Callable[[], object]) -> object:
    """The answer, which is to come soon and with little memory."""
    tracemalloc.start()
    began = time.process_time()
    found = work()
    spent, (_, most) = time.process_time() - began, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert spent < SECONDS
    assert most < 100e6
    return found


def test_measures_of_thousands_of_corners() -> None:
    """# ADQL-141, ADQL-142: AREA and CENTROID of polygons of 4,000 corners."""
    polygon = around(4000, 10.0)
    assert quickly(lambda: polygon.is_simple) is True
    assert quickly(polygon.area) == pytest.approx(Circle(10, 20, 10).area(), rel=1e-5)
    assert quickly(lambda: centroid(polygon)) == pytest.approx((10, 20), abs=1e-9)
    spiky = around(4000, 10.0, np.random.default_rng(1))
    assert quickly(lambda: spiky.is_simple) is True
    assert 0.4**2 < float(spiky.area()) / polygon.area() < 1.0
    along = np.linspace(0, 8 * math.pi, 2001)[1:-1]  # four lobes, that meet where the sine is 0
    there = [(0.0, 0.0), *((x, 5 * math.sin(x)) for x in along), (8 * math.pi, 0.0)]
    crossing = Polygon((*there, *((x, -5 * math.sin(x)) for x in along[::-1])))
    assert quickly(lambda: crossing.is_simple) is False
    under = [math.sin(math.radians(5 * abs(math.sin(x)))) for x in np.linspace(0, 8 * math.pi, 20001)]
    lobes = 2.0 * math.degrees(np.mean(under)) * 8 * math.pi
    assert quickly(crossing.area) == pytest.approx(lobes, rel=1e-4)
    assert quickly(lambda: centroid(crossing)) == pytest.approx((4 * math.pi, 0.0), abs=1e-3)


def test_relations_of_thousands_of_corners() -> None:
    """# ADQL-146, ADQL-147: two constant polygons of 2,000 corners."""
    outer, inner, aside = around(2000, 10.0), around(2000, 9.99), Circle(10, 33, 2.99)
    assert quickly(lambda: outer.covers(inner)) is True
    assert quickly(lambda: inner.covers(outer)) is False
    assert quickly(lambda: outer.covers(outer)) is True
    assert quickly(lambda: outer.intersects(inner)) is True
    assert quickly(lambda: outer.intersects(aside)) is False
    random = np.random.default_rng(2)
    one, two = around(2000, 10.0, random), around(2000, 10.0, random)
    assert quickly(lambda: one.covers(two)) is False
    assert quickly(lambda: outer.covers(two)) is True
    assert quickly(lambda: Union((outer, two)).area()) == pytest.approx(outer.area(), rel=1e-9)


@settings(max_examples=30, deadline=None)
@given(st.floats(0, 359.9), LATITUDES, st.floats(-5.0, 1.5), st.integers(0, 10**6))
def test_distance_is_that_of_the_nearest_edge(lon: float, lat: float, log_size: float, seed: int) -> None:
    """All edges, one by one; on corners, on edges and far off; unknown for an unknown place."""
    random = np.random.default_rng(seed)
    size = math.radians(10.0**log_size)
    centre = unit_vectors(lon, lat)[0]
    corners = centre + random.normal(size=(12, 3)) * size * 0.3
    polygon = polygon_of(corners / np.linalg.norm(corners, axis=1)[:, None])
    edges = polygon.edges
    xyz = np.concatenate(
        [centre + random.normal(size=(40, 3)) * size, random.normal(size=(9, 3)), edges.start, edges.middle]
    )
    xyz /= np.linalg.norm(xyz, axis=1)[:, None]
    each = [
        to_edges(
            xyz, *(np.broadcast_to(part[i], xyz.shape) for part in (edges.start, edges.end, edges.normal))
        )
        for i in range(len(edges))
    ]
    assert edges.border_distance(xyz).tolist() == np.min(each, axis=0).tolist()
    xyz[3] = np.nan
    assert np.isnan(edges.border_distance(xyz)).nonzero()[0].tolist() == [3]


@pytest.mark.parametrize("size", [1e-6, 1e-5, 1e-3, 0.1])
@pytest.mark.parametrize("place", [(30.0, 0.0), (200.0, -90.0), (300.0, 60.0)])
def test_areas_of_small_crossed_polygons(size: float, place: tuple[float, float]) -> None:
    """# ADQL-142: two triangles that meet in a point have the area of the plane, not of rounding."""
    centre, east = unit_vectors(*place)[0], unit_vectors(place[0] + 90.0, 0.0)[0]
    lattice = math.radians(size) * np.array([[0.0, 0.0], [2.0, 2.0], [2.0, 0.0], [0.0, 2.0]])
    corners = centre + lattice[:, :1] * east + lattice[:, 1:] * np.cross(centre, east)
    bow = polygon_of(corners / np.linalg.norm(corners, axis=1)[:, None])
    assert not bow.is_simple
    assert bow.area() == pytest.approx(2.0 * size * size, rel=1e-4)
    assert Union((bow,)).area() == pytest.approx(bow.area(), rel=1e-6)


def test_polygons_are_made_quickly_and_still_checked() -> None:
    """# ADQL-131, ADQL-156: what is worked out later was checked at once."""
    corners = ((9.1, 9.0), (11.0, 9.3), (11.0, 11.0), (9.0, 11.0))
    polygon = Polygon(corners)
    assert polygon._known_edges is None
    assert polygon.edges is polygon.edges
    assert polygon == Polygon(corners) and hash(polygon) == hash(Polygon(corners))
    lon = np.arange(0.0, 301.0, 20.0)
    band = [(x, 10.0) for x in lon] + [(x, -10.0) for x in lon[::-1]]
    assert Polygon(tuple(band)).area() > 5000.0
    band[3], band[4] = band[4], band[3]
    with pytest.raises(RegionError, match="cross itself"):
        Polygon(tuple(band))
    for flat in (((0, 0), (1e-9, 0), (5, 0)), ((0, 0), (120, 0), (240, 0)), ((0, 10), (180, -10), (90, 50))):
        with pytest.raises(RegionError):
            Polygon(flat)
