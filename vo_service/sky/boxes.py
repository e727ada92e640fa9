"""Boxes: polygons round a centre; without a width or a height, pieces of a great circle (ADQL-138)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from vo_service.sky.caps import Cap, make_cap
from vo_service.sky.circles import Circle
from vo_service.sky.errors import RegionError
from vo_service.sky.outlines import Outline
from vo_service.sky.polygons import Polygon
from vo_service.sky.region import Region, number
from vo_service.sky.vectors import ALLOWANCE, Flags, Floats, positions, separations, vector


@dataclass(frozen=True, slots=True)
class FlatBox(Region):
    """All points of the arm of a box, ``width`` along its own east or ``height`` along its own north.

    One of the two is 0, the other above 0 and below 180 degrees; a box without both is a circle of radius 0.

    Raises:
        RegionError: other sides, or a centre that is no position.
    """

    lon: float
    lat: float
    width: float
    height: float

    def __post_init__(self) -> None:
        text = f"box {self.lon} {self.lat} {self.width} {self.height}"
        if not (math.isfinite(self.lon) and abs(self.lat) <= 90.0):
            raise RegionError(text, -1, "a finite longitude and a latitude from -90 to 90 degrees")
        if min(self.width, self.height) != 0.0 or not 0.0 < self.width + self.height < 180.0:
            raise RegionError(text, -1, "one side of 0 and one above 0 and below 180 degrees")

    @property
    def _half(self) -> float:
        return math.radians(0.5 * (self.width + self.height))

    def _axes(self) -> tuple[Floats, Floats]:
        """The centre, and the direction of the arm there."""
        centre = vector(self.lon, self.lat)
        east = vector(self.lon + 90.0, 0.0)
        return centre, east if self.width > 0.0 else np.cross(centre, east)

    def _normal(self) -> Floats:
        return np.cross(*self._axes())

    def _ends(self) -> Floats:
        centre, arm = self._axes()
        turns = np.array([[self._half], [-self._half]])
        ends: Floats = np.cos(turns) * centre + np.sin(turns) * arm
        return ends

    def cap(self) -> Cap:
        return make_cap(vector(self.lon, self.lat), self._half)

    def contains(self, xyz: Floats, slack: float = ALLOWANCE) -> Flags:
        if slack < 0.0:
            return np.zeros(len(xyz), dtype=bool)
        centre, arm = self._axes()
        ahead, along = xyz @ centre, np.abs(xyz @ arm)
        between = along * math.cos(self._half) <= ahead * math.sin(self._half) + slack
        on_it: Flags = (np.abs(xyz @ self._normal()) <= slack) & (ahead > 0.0) & between
        return on_it

    def distance(self, xyz: Floats) -> Floats:
        centre, arm = self._axes()
        beside = np.abs(xyz @ arm) * math.cos(self._half) <= (xyz @ centre) * math.sin(self._half)
        to_plane = np.arcsin(np.minimum(1.0, np.abs(xyz @ self._normal())))
        to_ends = np.min([separations(xyz, end) for end in self._ends()], axis=0)
        return np.where(beside & (xyz @ centre > 0.0), to_plane, to_ends)

    def depth(self, xyz: Floats) -> Floats:
        return np.zeros(len(xyz))

    def outline(self) -> Outline:
        centre = vector(self.lon, self.lat)
        half = np.array([self._half])
        return Outline(self._normal()[None, :], np.array([2.0]), centre[None, :], half, self._ends())

    def area(self) -> float:
        return 0.0

    def stcs_words(self, frame: str) -> str:
        return f"Box{frame} {' '.join(map(number, (self.lon, self.lat, self.width, self.height)))}"

    def to_dali(self) -> str:
        """A polygon that runs there and back."""
        lons, lats = positions(self._ends())
        there, back = (f"{number(lon)} {number(lat)}" for lon, lat in zip(lons, lats))
        return f"polygon {there} {there} {back} {back}"


def make_box(lon: float, lat: float, width: float, height: float) -> Region:
    """A box round a position, degrees; without any sides the position itself.

    Raises:
        RegionError: sides below 0 or from 180 degrees on, or a centre that is no position.
    """
    if not (0.0 <= width < 180.0 and 0.0 <= height < 180.0):
        raise RegionError(f"box {lon} {lat} {width} {height}", -1, "sides of 0 or more, below 180 degrees")
    if width == height == 0.0:
        return Circle(lon, lat, 0.0)
    if width == 0.0 or height == 0.0:
        return FlatBox(lon, lat, width, height)
    return Polygon(box_corners(lon, lat, width, height))


def box_corners(lon: float, lat: float, width: float, height: float) -> tuple[tuple[float, float], ...]:
    """The corners of a box, degrees, to the north-east first: in the plane that touches the sphere at the
    centre they are half a side's tangent away. Raises RegionError for a centre that is no position."""
    Circle(lon, lat, 0.0)
    centre, east = vector(lon, lat), vector(lon + 90.0, 0.0)
    x = math.tan(math.radians(width / 2.0)) * east
    y = math.tan(math.radians(height / 2.0)) * np.cross(centre, east)
    lons, lats = positions(centre + np.stack([x + y, y - x, -x - y, x - y]))
    return tuple(zip(lons.tolist(), lats.tolist()))
