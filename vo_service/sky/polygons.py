"""Polygons with great-circle edges: always the smaller side, whatever the order of the corners."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from vo_service.sky.areas import area_of
from vo_service.sky.caps import WHOLE_SKY, Cap, cap_of_points, surely_narrow
from vo_service.sky.edges import Edges, check_corners, crosses_itself, make_edges
from vo_service.sky.errors import RegionError
from vo_service.sky.outlines import Outline
from vo_service.sky.region import Region, number
from vo_service.sky.vectors import ALLOWANCE, Flags, Floats, finite_rows, reduce_longitude, unit_vectors

Position = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Polygon(Region):
    """A closed polygon of three or more corners ``(lon, lat)``, concave ones too.

    The last corner joins the first. Corners that repeat their predecessor are dropped (ADQL-156). Of the two
    sides of the border the smaller one is meant (ADQL-155); one that crosses itself is read by the
    even-odd rule.

    Raises:
        RegionError: fewer than three distinct corners, neighbours opposite on the sky, all corners on one
            great circle, or a border that crosses itself and reaches over a hemisphere.
    """

    vertices: tuple[Position, ...]
    corners: Floats = field(init=False, repr=False, compare=False)
    """The vertices as unit vectors ``(n, 3)``."""
    _known_cap: Cap | None = field(default=None, init=False, repr=False, compare=False)
    _known_edges: Edges | None = field(default=None, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        corners = _clean(self.vertices)
        object.__setattr__(self, "vertices", corners)
        lon_lat = np.array(corners)
        object.__setattr__(self, "corners", unit_vectors(lon_lat[:, 0], lon_lat[:, 1]))
        try:
            check_corners(self.corners)
            if not surely_narrow(self.corners):
                # a border that may reach over a hemisphere is looked through at once
                object.__setattr__(self, "_known_edges", make_edges(self.corners, self.cap()))
        except ValueError as error:
            raise RegionError(_text(corners), -1, str(error)) from error

    @property
    def size(self) -> int:
        return 2 * len(self.vertices)

    def cap(self) -> Cap:
        cap = self._known_cap
        if cap is None:
            cap = cap_of_points(self.corners)
            object.__setattr__(self, "_known_cap", cap)
        return cap

    @property
    def edges(self) -> Edges:
        """The border; worked out when it is asked for first."""
        edges = self._known_edges
        if edges is None:
            edges = make_edges(self.corners, self.cap())
            object.__setattr__(self, "_known_edges", edges)
        return edges

    def contains(self, xyz: Floats, slack: float = ALLOWANCE) -> Flags:
        found = np.zeros(len(xyz), dtype=bool)
        near = np.flatnonzero(self._near_cap(xyz))
        if len(near):
            found[near] = self.edges.contain(xyz[near], slack)
        return found

    def _near_cap(self, xyz: Floats) -> Flags:
        cap = self.cap()
        if cap == WHOLE_SKY:
            return finite_rows(xyz)
        return xyz @ cap.centre >= math.cos(min(math.pi, cap.radius + 1e-7)) - 1e-14

    def distance(self, xyz: Floats) -> Floats:
        return self.distance_and_depth(xyz)[0]

    def depth(self, xyz: Floats) -> Floats:
        return self.distance_and_depth(xyz)[1]

    def distance_and_depth(self, xyz: Floats) -> tuple[Floats, Floats]:
        border, inside = self.edges.border_distance(xyz), self.contains(xyz)
        return np.where(inside, 0.0, border), np.where(inside, border, 0.0)

    def outline(self) -> Outline:
        edges = self.edges
        return Outline(edges.normal, np.full(len(edges), 2.0), edges.middle, edges.half, edges.start)

    @property
    def is_simple(self) -> bool:
        """Whether the border does not cross itself."""
        return not crosses_itself(self.edges)

    def area(self) -> float:
        if not self.is_simple:
            return area_of(self)
        return abs(self.edges.signed) * (180.0 / math.pi) ** 2

    def stcs_words(self, frame: str) -> str:
        return f"Polygon{frame} {_numbers(self.vertices)}"

    def to_dali(self) -> str:
        """DALI order: counter-clockwise seen from inside the sphere (VOT-147)."""
        corners = self.vertices if self.edges.counter_clockwise else self.vertices[::-1]
        return f"polygon {_numbers(corners)}"


def _numbers(corners: tuple[Position, ...]) -> str:
    return " ".join(number(value) for corner in corners for value in corner)


def _text(corners: tuple[Position, ...]) -> str:
    return "polygon " + " ".join(f"{lon} {lat}" for lon, lat in corners)


def _clean(vertices: tuple[Position, ...]) -> tuple[Position, ...]:
    """Checked corners without those that repeat the one before."""
    corners: list[Position] = []
    for lon, lat in vertices:
        if not (math.isfinite(lon) and math.isfinite(lat) and abs(lat) <= 90.0):
            expected = f"corners with finite longitudes and latitudes from -90 to 90 degrees, not {lon} {lat}"
            raise RegionError(_text(tuple(vertices)), -1, expected)
        corner = (reduce_longitude(float(lon)), float(lat))
        if not corners or not _same(corner, corners[-1]):
            corners.append(corner)
    while len(corners) > 1 and _same(corners[0], corners[-1]):
        corners.pop()
    if len(set(corners)) < 3:
        raise RegionError(_text(tuple(vertices)), -1, "three or more distinct corners")
    return tuple(corners)


def _same(one: Position, two: Position) -> bool:
    return one == two or (abs(one[1]) == 90.0 and one[1] == two[1])
