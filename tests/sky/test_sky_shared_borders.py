"""Areas of unions whose members share borders, or are the same, against closed forms."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from vo_service.sky import Circle, Not, Polygon, Region, Union, centroid, unit_vectors

DEG2 = (180.0 / math.pi) ** 2
PLACES = [(0.0, 0.0), (359.9, 45.0), (123.4, -90.0), (200.0, 89.0)]
Corners = tuple[tuple[float, float], ...]


def cap_area(radius: float) -> float:
    return 2.0 * math.pi * (1.0 - math.cos(math.radians(radius))) * DEG2


def excess(corners: Corners) -> float:
    """Area of a convex polygon: what its angles have more than those in a plane (Girard)."""
    xyz = [unit_vectors(*corner)[0] for corner in corners]
    total = 0.0
    for before, here, after in zip([xyz[-1], *xyz], xyz, [*xyz[1:], xyz[0]]):
        one, two = np.cross(here, before), np.cross(here, after)
        total += math.atan2(float(np.linalg.norm(np.cross(one, two))), float(one @ two))
    return (total - (len(xyz) - 2) * math.pi) * DEG2


def square(lon: float, lat: float, width: float, height: float) -> Corners:
    return (lon, lat), (lon + width, lat), (lon + width, lat + height), (lon, lat + height)


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("radius", [0.001, 1.0, 30.0, 89.0, 120.0])
def test_the_same_circle_again_adds_nothing(place: tuple[float, float], radius: float) -> None:
    """# ADQL-142"""
    circle = Circle(*place, radius)
    for count in (2, 3, 5):
        assert Union((circle,) * count).area() == pytest.approx(cap_area(radius), rel=1e-9)
    nested = Union((Circle(*place, radius * 0.5), circle, Circle(*place, radius * 0.9), circle))
    assert nested.area() == pytest.approx(cap_area(radius), rel=1e-9)
    ring = Union((circle, circle, Not(Circle(*place, radius * 0.5)), Not(Circle(*place, radius * 0.5))))
    assert ring.area() == pytest.approx(cap_area(radius) - cap_area(radius * 0.5), rel=1e-9)


POLYGONS = {
    "triangle": ((10.0, 20.0), (11.0, 20.0), (10.5, 21.0)),
    "square": square(359.5, -0.5, 1.0, 1.0),
    "octant": ((0.0, 0.0), (90.0, 0.0), (0.0, 90.0)),
    "round a pole": ((0.0, 80.0), (100.0, 81.0), (180.0, 82.0), (270.0, 80.0)),
    "small": square(150.0, 2.0, 0.001, 0.001),
}


@pytest.mark.parametrize("corners", POLYGONS.values(), ids=POLYGONS)
def test_the_same_polygon_again_adds_nothing(corners: Corners) -> None:
    """# ADQL-142: from another corner, and the other way round, too."""
    wanted = excess(corners)
    assert Polygon(corners).area() == pytest.approx(wanted, rel=1e-6)
    others = [Polygon(corners), Polygon((*corners[1:], corners[0])), Polygon(corners[::-1])]
    for members in itertools.product(others, repeat=2):
        assert Union(members).area() == pytest.approx(wanted, rel=1e-6)
    union = Union(tuple(others))
    assert union.area() == pytest.approx(wanted, rel=1e-6)
    assert centroid(union) == pytest.approx(centroid(Polygon(corners)), abs=1e-6)


AREAS: dict[str, tuple[tuple[Corners, ...], float]] = {
    "two octants": (
        (((0, 0), (90, 0), (0, 90)), ((90, 0), (180, 0), (0, 90))),
        4.0 * math.pi * DEG2 / 4,
    ),
    "an edge, in one direction and the other": (
        (((0, 0), (1, 0), (0, 1)), ((0, 0), (0, 1), (-1, 0))),
        2 * excess(((0, 0), (1, 0), (0, 1))),
    ),
    "a part of an edge": (
        (square(0, 0, 1, 3), ((1, 0.5), (2, 1), (1, 1.5))),
        excess(square(0, 0, 1, 3)) + excess(((1, 0.5), (2, 1), (1, 1.5))),
    ),
    "nested, with a corner in common": (
        (square(0, 0, 2, 2), ((0, 0), (1, 0), (0, 1))),
        excess(square(0, 0, 2, 2)),
    ),
    "nested, with a part of an edge in common": (
        (square(0, 0, 2, 2), ((0.5, 0), (1.5, 0), (1, 1))),
        excess(square(0, 0, 2, 2)),
    ),
    "nested, apart": ((square(0, 0, 4, 4), square(1, 1, 1, 1)), excess(square(0, 0, 4, 4))),
    "overlapping, with parts of two edges in common": (
        (((0, 0), (2, 0), (0, 90)), ((1, 0), (3, 0), (0, 90))),
        excess(((0, 0), (3, 0), (0, 90))),
    ),
    "two octants, one of them twice": (
        (((0, 0), (90, 0), (0, 90)), ((0, 0), (90, 0), (0, -90)), ((0, 0), (90, 0), (0, 90))),
        4.0 * math.pi * DEG2 / 4,
    ),
}


@pytest.mark.parametrize(("members", "wanted"), AREAS.values(), ids=AREAS)
def test_stretches_that_members_share_count_once(members: tuple[Corners, ...], wanted: float) -> None:
    """# ADQL-142: whatever the order is, and twice each."""
    shapes = [Polygon(corners) for corners in members]
    for order in itertools.permutations(shapes):
        assert Union(order).area() == pytest.approx(wanted, rel=1e-8)
        assert Union((*order, *order)).area() == pytest.approx(wanted, rel=1e-8)


def test_circles_beside_polygons_that_come_twice() -> None:
    """# ADQL-142"""
    polygon, circle = Polygon(square(10, 10, 1, 1)), Circle(50, 10, 2)
    members: tuple[Region, ...] = (polygon, circle, polygon, circle)
    assert Union(members).area() == pytest.approx(polygon.area() + cap_area(2), rel=1e-9)
