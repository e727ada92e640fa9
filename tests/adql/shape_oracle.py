"""What is right of shapes in `shape_rows`, none of it ours.

Separations by astropy, boxes in its offset frames, polygons by the angle that their border turns round a
position and by spherical-geometry.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np
from astropy.coordinates import SkyCoord, angular_separation
from shape_rows import CORNERS, Row
from spherical_geometry.polygon import SphericalPolygon

BORDER = 1e-12  # degrees: closer to a border there are only rows on it, which are inside (ADQL-150)
Place = tuple[float, float]
Circle = tuple[float, float, float]
Oracle = Callable[..., bool]

# --- what the rows hold ---


def place(lon: Any, lat: Any) -> Place | None:
    known = lon is not None and lat is not None and math.isfinite(lon) and abs(lat) <= 90.0
    return (lon, lat) if known else None


def circle(where: Place | None, radius: Any) -> Circle | None:
    known = where is not None and radius is not None and math.isfinite(radius) and radius >= 0.0
    return (*where, min(radius, 180.0)) if known and where is not None else None


def box(where: Place | None, width: Any, height: Any) -> tuple[float, ...] | None:
    known = all(side is not None and 0.0 <= side < 180.0 for side in (width, height))
    return (*where, width, height) if known and where is not None else None


def ring(row: Row) -> tuple[float, ...] | None:
    numbers = tuple(row[name] for name in CORNERS)
    if None in numbers or not all(map(math.isfinite, numbers)) or {*numbers[1::2]} == {0.0}:
        return None
    return numbers


FORMS: dict[str, tuple[str, Callable[[Row], Any]]] = {
    "POINT": ("POINT(lon, lat)", lambda row: place(row["lon"], row["lat"])),
    "other POINT": ("POINT(lon2, lat2)", lambda row: place(row["lon2"], row["lat2"])),
    "constant POINT": ("POINT(10, 20)", lambda row: (10.0, 20.0)),
    "stored POINT": ("spot", lambda row: place(row["lon"], row["lat"])),
    "CIRCLE": ("CIRCLE(lon, lat, r)", lambda row: circle(place(row["lon"], row["lat"]), row["r"])),
    "other CIRCLE": (
        "CIRCLE(POINT(lon2, lat2), r2)",
        lambda row: circle(place(row["lon2"], row["lat2"]), row["r2"]),
    ),
    "CIRCLE of constant radius": (
        "CIRCLE(spot, 5)",
        lambda row: circle(place(row["lon"], row["lat"]), 5.0),
    ),
    "constant CIRCLE": ("CIRCLE(10, 20, 40)", lambda row: (10.0, 20.0, 40.0)),
    "wide CIRCLE": ("CIRCLE(190, -20, 150)", lambda row: (190.0, -20.0, 150.0)),
    "stored CIRCLE": ("disc", lambda row: circle(place(row["lon"], row["lat"]), row["r"])),
    "BOX": ("BOX(lon, lat, w, h)", lambda row: box(place(row["lon"], row["lat"]), row["w"], row["h"])),
    "BOX of a POINT": ("BOX(spot, w, 4)", lambda row: box(place(row["lon"], row["lat"]), row["w"], 4.0)),
    "constant BOX": ("BOX(10, 20, 2, 3)", lambda row: (10.0, 20.0, 2.0, 3.0)),
    "BOX without width": ("BOX(10, 20, 0, 3)", lambda row: (10.0, 20.0, 0.0, 3.0)),
    "BOX of nothing": ("BOX(10, 20, 0, 0)", lambda row: (10.0, 20.0, 0.0, 0.0)),
    "POLYGON": (f"POLYGON({', '.join(CORNERS)})", ring),
    "POLYGON of POINTs": (
        "POLYGON(POINT(x1, y1), POINT(x2, y2), POINT(x3, y3), POINT(x4, y4))",
        ring,
    ),
    "stored POLYGON": ("ring", ring),
    "constant POLYGON": (
        "POLYGON(8, 18, 12, 18, 12, 22, 8, 22)",
        lambda row: (8.0, 18.0, 12.0, 18.0, 12.0, 22.0, 8.0, 22.0),
    ),
    "POLYGON round the pole": (
        "POLYGON(0, 70, 90, 70, 180, 70, 270, 70)",
        lambda row: (0.0, 70.0, 90.0, 70.0, 180.0, 70.0, 270.0, 70.0),
    ),
}
POINTS = ("POINT", "other POINT", "constant POINT", "stored POINT")
CIRCLES = ("CIRCLE", "other CIRCLE", "CIRCLE of constant radius", "constant CIRCLE", "stored CIRCLE")
BOXES = ("BOX", "BOX of a POINT", "constant BOX", "BOX without width", "BOX of nothing")
RINGS = ("POLYGON", "POLYGON of POINTs", "stored POLYGON", "constant POLYGON", "POLYGON round the pole")

# --- what is right ---


@cache
def apart(one: Sequence[float], other: Sequence[float]) -> float:
    """Degrees."""
    return math.degrees(float(angular_separation(*np.radians([*one[:2], *other[:2]]))))


def in_circle(point: Place, circle: Circle) -> bool:
    return apart(point, circle) <= circle[2] + BORDER


def circle_in_circle(one: Circle, other: Circle) -> bool:
    return other[2] >= 180.0 or apart(one, other) + one[2] <= other[2] + BORDER


def same(one: Place, other: Place) -> bool:
    return apart(one, other) <= BORDER


def nothing_but(circle: Circle, point: Place) -> bool:
    return circle[2] < 1e-13 and apart(circle, point) <= BORDER


def circles_meet(one: Circle, other: Circle) -> bool:
    return apart(one, other) <= one[2] + other[2] + BORDER


@cache
def in_box(point: Place, box: Sequence[float]) -> bool:
    """In the frame of the centre a box is bounded by two pairs of planes through the middle of the sphere."""
    frame = SkyCoord(box[0], box[1], unit="deg").skyoffset_frame()
    xyz = SkyCoord(*point, unit="deg").transform_to(frame).cartesian
    ahead, east, north = (float(part) for part in (xyz.x, xyz.y, xyz.z))
    halves = [math.tan(math.radians(side / 2.0)) * ahead + 1e-14 for side in box[2:]]
    return ahead > 0.0 and abs(east) <= halves[0] and abs(north) <= halves[1]


def vectors(numbers: Sequence[float]) -> np.ndarray[Any, Any]:
    lon, lat = np.radians(numbers[::2]), np.radians(numbers[1::2])
    return np.stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)], axis=1)


@cache
def in_ring(point: Place, ring: Sequence[float]) -> bool:
    """By the angle that the border turns as seen from the point; the border is inside."""
    corners, here = vectors(ring), vectors(point)[0]
    if on_border(here, corners):
        return True
    axis = np.cross(here, np.eye(3)[int(np.argmin(np.abs(here)))])
    axis /= np.linalg.norm(axis)
    bearings = np.arctan2(corners @ np.cross(here, axis), corners @ axis)
    turns = np.diff(np.append(bearings, bearings[0]))
    turned = float(np.sum((turns + np.pi) % (2.0 * np.pi) - np.pi))
    return abs(turned) > np.pi and float(here @ corners.sum(axis=0)) > 0.0


def on_border(here: np.ndarray[Any, Any], corners: np.ndarray[Any, Any]) -> bool:
    """No longer way from end to end of an edge by way of the place."""
    for a, b in zip(corners, np.roll(corners, -1, axis=0)):
        legs = [
            2.0 * math.asin(min(1.0, float(np.linalg.norm(x - y)) / 2.0))
            for x, y in ((a, here), (here, b), (a, b))
        ]
        normal = np.cross(a, b)
        if (
            abs(float(normal @ here)) < 1e-13 * float(np.linalg.norm(normal))
            and legs[0] + legs[1] - legs[2] < 1e-12
        ):
            return True
    return False


@cache
def outline(ring: tuple[float, ...]) -> np.ndarray[Any, Any]:
    """Places along the border, some thousands."""
    corners = vectors(ring)
    steps = np.linspace(0.0, 1.0, 1500)[:, None]
    sides = [a * (1.0 - steps) + b * steps for a, b in zip(corners, np.roll(corners, -1, axis=0))]
    places = np.concatenate(sides)
    return places / np.linalg.norm(places, axis=1)[:, None]


@cache
def to_border(point: Sequence[float], ring: tuple[float, ...]) -> tuple[float, float]:
    """Smallest and largest distance from the border, degrees."""
    chords = np.linalg.norm(outline(ring) - vectors(point[:2])[0], axis=1)
    found = np.degrees(2.0 * np.arcsin(np.minimum(1.0, chords / 2.0)))
    return float(found.min()), float(found.max())


def ring_meets_circle(ring: tuple[float, ...], circle: Circle) -> bool | None:
    nearest, _ = to_border(circle, ring)
    if abs(nearest - circle[2]) < 1e-3 * max(nearest, 1e-3):
        return None  # too close for the places that were looked at
    return in_ring(circle[:2], ring) or nearest < circle[2]


def ring_in_circle(ring: tuple[float, ...], circle: Circle) -> bool | None:
    """Of a circle beyond 90 degrees: the rest of the sky must not meet the polygon."""
    if circle[2] >= 180.0:
        return True
    far_side = (circle[0] + 180.0, -circle[1], 180.0 - circle[2])
    met = ring_meets_circle(ring, far_side)
    return None if met is None else not met


def sphere_polygon(ring: tuple[float, ...]) -> SphericalPolygon:
    """spherical-geometry wants to know a place inside."""
    weights = np.random.default_rng(1).dirichlet(np.ones(len(ring) // 2), 200)
    for centre in weights @ vectors(ring):
        lon, lat = math.atan2(centre[1], centre[0]), math.atan2(centre[2], math.hypot(*centre[:2]))
        if in_ring((math.degrees(lon), math.degrees(lat)), ring):
            inside = tuple(centre / np.linalg.norm(centre))
            return SphericalPolygon(np.append(vectors(ring), vectors(ring)[:1], axis=0), inside=inside)
    raise AssertionError(ring)


@cache
def rings_meet(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return one == other or bool(sphere_polygon(one).intersects_poly(sphere_polygon(other)))
