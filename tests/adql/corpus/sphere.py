"""Shapes on the sphere for the oracle: brute force in plain trigonometry, with nothing of the service's.

Shapes are ``('point', lon, lat)``, ``('circle', lon, lat, r)``, ``('polygon', ((lon, lat), ...))``,
``('union', shapes)``, ``('not', shape)`` in degrees. A polygon is the side that is smaller.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np

Vector = tuple[float, float, float]
Shape = tuple[Any, ...]
SLACK = 4e-13  # degrees, the allowance of ADQL-150 and a little


@lru_cache(maxsize=20_000)
def vector(lon: float, lat: float) -> Vector:
    """Unit vector; exact at the poles and round the clock."""
    lon = math.fmod(lon, 360.0)
    if abs(lat) == 90:
        return (0.0, 0.0, math.copysign(1.0, lat))
    a, b = math.radians(lon), math.radians(lat)
    return (math.cos(a) * math.cos(b), math.sin(a) * math.cos(b), math.sin(b))


def _cross(a: Vector, b: Vector) -> Vector:
    return (a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0])


def _dot(a: Vector, b: Vector) -> float:
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def _norm(a: Vector) -> float:
    return math.hypot(*a)


def arc(a: Vector, b: Vector) -> float:
    """Degrees between two unit vectors, exact for near and for opposite ones."""
    difference = (a[0] - b[0], a[1] - b[1], a[2] - b[2])
    total = (a[0] + b[0], a[1] + b[1], a[2] + b[2])
    return math.degrees(2 * math.atan2(_norm(difference), _norm(total)))


def separation(lon1: float, lat1: float, lon2: float, lat2: float) -> float:
    """Great-circle distance in degrees."""
    return arc(vector(lon1, lat1), vector(lon2, lat2))


@lru_cache(maxsize=4096)
def corners(polygon: Shape) -> tuple[Vector, ...]:
    """Vertices without repeated ones."""
    found = [vector(lon, lat) for lon, lat in polygon[1]]
    kept = [v for i, v in enumerate(found) if arc(v, found[i - 1]) > 1e-12]
    return tuple(kept)


def edges(polygon: Shape) -> list[tuple[Vector, Vector]]:
    found = corners(polygon)
    return [(found[i], found[(i + 1) % len(found)]) for i in range(len(found))]


def from_edge(p: Vector, edge: tuple[Vector, Vector]) -> float:
    """Degrees from a position to the nearest place of a great-circle arc."""
    a, b = edge
    normal = _cross(a, b)
    size = _norm(normal)
    height = _dot(p, normal) / size
    foot = tuple(p[k] - height * normal[k] / size for k in range(3))
    ahead, behind = _dot(_cross(a, foot), normal), _dot(_cross(foot, b), normal)  # type: ignore[arg-type]
    if ahead >= 0 and behind >= 0:
        return abs(math.degrees(math.atan2(height, _norm(foot))))  # type: ignore[arg-type]
    return min(arc(p, a), arc(p, b))


def cross_each_other(one: tuple[Vector, Vector], other: tuple[Vector, Vector]) -> bool:
    """Whether the insides of two arcs meet in one place."""
    n, m = _cross(*one), _cross(*other)
    sides = (_dot(other[0], n), _dot(other[1], n), _dot(one[0], m), _dot(one[1], m))
    if not (sides[0] * sides[1] < 0 and sides[2] * sides[3] < 0):
        return False
    line = _cross(n, m)
    return any(
        _dot(_cross(a, v), k) > 0 and _dot(_cross(v, b), k) > 0
        for v in (line, (-line[0], -line[1], -line[2]))
        for a, b, k in [(*one, n)]
        if _dot(_cross(other[0], v), m) > 0 and _dot(_cross(v, other[1]), m) > 0
    )


@lru_cache(maxsize=4096)
def _outside(polygon: Shape) -> Vector:
    """A place that is surely on the larger side: the antipode of the middle, turned off the beaten track."""
    middle = np.sum(np.array(corners(polygon)), axis=0)
    inside = -middle / np.linalg.norm(middle)
    turned = inside + np.array([1.3e-3, -2.1e-3, 0.7e-3])
    return tuple(float(v) for v in turned / np.linalg.norm(turned))  # type: ignore[return-value]


def in_polygon(p: Vector, polygon: Shape) -> bool:
    """Even-odd from a place on the larger side, edges inside; for polygons that fit into a hemisphere."""
    sides = edges(polygon)
    if any(from_edge(p, side) <= SLACK for side in sides):
        return True
    walk = (p, _outside(polygon))
    return sum(cross_each_other(walk, side) for side in sides) % 2 == 1


def holds(shape: Shape, lon: float, lat: float) -> bool:
    """Whether a shape holds a position, its border included."""
    return _holds(shape, vector(lon, lat))


def _holds(shape: Shape, p: Vector) -> bool:
    kind = shape[0]
    if kind == "point":
        return arc(p, vector(shape[1], shape[2])) <= SLACK
    if kind == "circle":
        return shape[3] >= 180 or arc(p, vector(shape[1], shape[2])) <= shape[3] + SLACK
    if kind == "polygon":
        return in_polygon(p, shape)
    if kind == "union":
        return any(_holds(member, p) for member in shape[1])
    raise ValueError(f"no oracle for {kind}")


def box(lon: float, lat: float, width: float, height: float) -> Shape:
    """The polygon of a BOX: corners at (+-tan(w/2), +-tan(h/2)) in the tangent plane (ADQL-138)."""
    centre = np.array(vector(lon, lat))
    a, b = math.radians(lon), math.radians(lat)
    east = np.array([-math.sin(a), math.cos(a), 0.0])
    north = np.array([-math.cos(a) * math.sin(b), -math.sin(a) * math.sin(b), math.cos(b)])
    x, y = math.tan(math.radians(width / 2)), math.tan(math.radians(height / 2))
    found = []
    for i, j in ((-1, -1), (1, -1), (1, 1), (-1, 1)):
        v = centre + i * x * east + j * y * north
        found.append(
            (math.degrees(math.atan2(v[1], v[0])) % 360, math.degrees(math.asin(v[2] / _norm(tuple(v)))))
        )
    return ("polygon", tuple(found))


def polygon(*numbers: float) -> Shape:
    return ("polygon", tuple(zip(numbers[::2], numbers[1::2], strict=True)))


def circle(lon: float, lat: float, radius: float) -> Shape:
    return ("circle", lon, lat, radius)


def meet(one: Shape, other: Shape) -> bool:
    """Whether two closed shapes share a place."""
    if one[0] == "union":
        return any(meet(member, other) for member in one[1])
    if other[0] == "union":
        return meet(other, one)
    if not _near(one, other):
        return False
    order = ("point", "circle", "polygon")
    if order.index(one[0]) > order.index(other[0]):
        one, other = other, one
    if one[0] == "point":
        return holds(other, one[1], one[2])
    if one[0] == "circle":
        centre = vector(one[1], one[2])
        if other[0] == "circle":
            return arc(centre, vector(other[1], other[2])) <= one[3] + other[3] + SLACK
        if in_polygon(centre, other):
            return True
        return min(from_edge(centre, side) for side in edges(other)) <= one[3] + SLACK
    if any(in_polygon(v, other) for v in corners(one)) or any(in_polygon(v, one) for v in corners(other)):
        return True
    return any(cross_each_other(a, b) for a in edges(one) for b in edges(other))


@lru_cache(maxsize=4096)
def _reach(shape: Shape) -> tuple[Vector, float]:
    """A centre, and degrees from it beyond which nothing of the shape is."""
    if shape[0] == "polygon":
        middle = np.sum(np.array(corners(shape)), axis=0)
        centre: Vector = tuple(float(v) for v in middle / np.linalg.norm(middle))  # type: ignore[assignment]
        return centre, max(arc(v, centre) for v in corners(shape))
    return vector(shape[1], shape[2]), shape[3] if shape[0] == "circle" else 0.0


def _near(one: Shape, other: Shape) -> bool:
    """Whether two shapes can meet at all."""
    (a, r), (b, s) = _reach(one), _reach(other)
    return arc(a, b) <= r + s + 1e-6


def lies_in(inner: Shape, outer: Shape) -> bool:
    """Whether ``inner`` lies wholly in ``outer``; unions outside only where one member has it all."""
    if inner[0] == "union":
        return all(lies_in(member, outer) for member in inner[1])
    if outer[0] == "union":
        return any(lies_in(inner, member) for member in outer[1])
    if inner[0] == "point":
        return holds(outer, inner[1], inner[2])
    if outer[0] == "point":
        return inner[0] == "circle" and inner[3] == 0 and holds(outer, inner[1], inner[2])
    if outer[0] == "circle":
        return _lies_in_circle(inner, outer)
    if inner[0] == "circle":
        centre = vector(inner[1], inner[2])
        near = min(from_edge(centre, side) for side in edges(outer))
        return in_polygon(centre, outer) and near >= inner[3] - SLACK
    if not all(in_polygon(v, outer) for v in corners(inner)):
        return False
    return not any(cross_each_other(a, b) for a in edges(inner) for b in edges(outer))


def _lies_in_circle(inner: Shape, outer: Shape) -> bool:
    if outer[3] >= 180:
        return True
    centre = vector(outer[1], outer[2])
    if inner[0] == "circle":
        return arc(vector(inner[1], inner[2]), centre) + inner[3] <= outer[3] + SLACK
    if outer[3] < 90:
        return all(arc(v, centre) <= outer[3] + SLACK for v in corners(inner))
    hole = ("circle", (outer[1] + 180) % 360, -outer[2], 180 - outer[3] - 1e-9)
    return not meet(hole, inner)


def area(shape: Shape) -> float:
    """Square degrees."""
    square = math.degrees(1) ** 2
    if shape[0] == "point":
        return 0.0
    if shape[0] == "circle":
        return 4 * math.pi * math.sin(math.radians(min(shape[3], 180)) / 2) ** 2 * square
    if shape[0] == "union":
        return sum(area(member) for member in shape[1])
    found = corners(shape)
    total = sum(_excess(found[0], found[i], found[i + 1]) for i in range(1, len(found) - 1))
    total = abs(total) % (4 * math.pi)
    return min(total, 4 * math.pi - total) * square


def _excess(a: Vector, b: Vector, c: Vector) -> float:
    """Signed spherical excess of a triangle (van Oosterom and Strackee)."""
    triple = _dot(a, _cross(b, c))
    return 2 * math.atan2(triple, 1 + _dot(a, b) + _dot(b, c) + _dot(c, a))


def apart(values: Sequence[Shape], minimum: float) -> bool:
    """Whether centres of circles lie further than ``minimum`` degrees from each other."""
    return all(
        separation(a[1], a[2], b[1], b[2]) > minimum for i, a in enumerate(values) for b in values[i + 1 :]
    )
