"""Circles on the sphere: cones of a radius round a position."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from vo_service.sky import covers, relations
from vo_service.sky.caps import WHOLE_SKY, Cap, make_cap
from vo_service.sky.errors import RegionError
from vo_service.sky.outlines import Outline, no_outline, perpendicular
from vo_service.sky.region import Region, number
from vo_service.sky.vectors import ALLOWANCE, Flags, Floats, chord_of, reduce_longitude, separations, vector

_POINT = 1e-13  # degrees: far below the rounding of positions, where a circle has no border left
SKY_DEG2 = 4.0 * math.pi * (180.0 / math.pi) ** 2


@dataclass(frozen=True, slots=True)
class Circle(Region):
    """All points within ``radius`` degrees of a position, border included.

    A radius of 0 is the point itself, one of 180 or more the whole sky (ADQL-137).
    """

    precedence: ClassVar[int] = 1

    lon: float
    lat: float
    radius: float

    def __post_init__(self) -> None:
        text = f"circle {self.lon} {self.lat} {self.radius}"
        if not (math.isfinite(self.lon) and math.isfinite(self.lat) and abs(self.lat) <= 90.0):
            raise RegionError(text, -1, "a finite longitude and a latitude from -90 to 90 degrees")
        if not (math.isfinite(self.radius) and self.radius >= 0.0):
            raise RegionError(text, -1, "a radius of 0 degrees or more")
        object.__setattr__(self, "lon", reduce_longitude(float(self.lon)))
        object.__setattr__(self, "lat", float(self.lat))
        object.__setattr__(self, "radius", float(self.radius))

    @property
    def centre(self) -> Floats:
        """The centre as a unit vector ``(3,)``."""
        return vector(self.lon, self.lat)

    def cap(self) -> Cap:
        if self.radius >= 180.0:
            return WHOLE_SKY
        return make_cap(vector(self.lon, self.lat), math.radians(self.radius))

    def contains(self, xyz: Floats, slack: float = ALLOWANCE) -> Flags:
        if self.radius >= 180.0:
            return np.ones(len(xyz), dtype=bool)
        centre = vector(self.lon, self.lat)
        if self.radius > 90.0:
            # From the far side, where the chord keeps its digits.
            gap = _chords(xyz, -centre)
            return gap >= chord_of(math.radians(180.0 - self.radius)) - slack
        return _chords(xyz, centre) <= chord_of(math.radians(self.radius)) + slack

    def intersects(self, other: Region) -> bool:
        if isinstance(other, Circle):
            widest = max(self.radius, other.radius)
            return widest >= 180.0 or self._within(other, self.radius + other.radius)
        if other.precedence > self.precedence:
            return other.intersects(self)
        if self.radius == 0.0:
            return bool(other.contains(self.centre[None, :])[0])
        return relations.meet(self, other)

    def lies_in(self, shape: Region) -> bool:
        if isinstance(shape, Circle):
            return shape.radius >= 180.0 or self._within(shape, shape.radius - self.radius)
        if self.radius == 0.0:
            return bool(shape.contains(self.centre[None, :])[0])
        return relations.holds_all(shape, self)

    def _within(self, other: Circle, limit: float) -> bool:
        """Whether the centres are at most ``limit`` degrees apart, with the allowance of a border; beyond 90
        degrees from the far side, where the chord keeps its digits."""
        if limit <= 90.0:
            near = chord_of(math.radians(limit)) + ALLOWANCE
            return near >= 0.0 and math.dist(self.centre, other.centre) <= near
        far = chord_of(math.radians(180.0 - min(180.0, limit))) - ALLOWANCE
        return math.dist(self.centre, -other.centre) >= far

    def hpx29_ranges(self, inflate_radius_rad: float = 0.0) -> list[tuple[int, int]]:
        radius = math.radians(self.radius) + inflate_radius_rad
        if radius > math.pi / 2:
            return list(covers.kept_ranges_of(self, inflate_radius_rad))
        return covers.ranges_of_cone(self.lon, self.lat, radius)

    def distance(self, xyz: Floats) -> Floats:
        away = separations(xyz, vector(self.lon, self.lat)) - math.radians(min(self.radius, 180.0))
        return np.maximum(away, 0.0)

    def depth(self, xyz: Floats) -> Floats:
        if self.radius >= 180.0:
            return np.full(len(xyz), math.pi)
        inside = math.radians(self.radius) - separations(xyz, vector(self.lon, self.lat))
        return np.maximum(inside, 0.0)

    def outline(self) -> Outline:
        centre = vector(self.lon, self.lat)
        if self.radius >= 180.0:
            return no_outline()
        if self.radius < _POINT:
            return no_outline(centre[None, :])
        if self.radius > 90.0:
            centre = -centre
        chord = chord_of(math.radians(min(self.radius, 180.0 - self.radius)))
        middle = perpendicular(centre)
        arc = Outline(
            centre[None, :],
            np.array([chord * chord]),
            middle[None, :],
            np.array([math.pi]),
            np.empty((0, 3)),
        )
        return Outline(arc.c, arc.q, arc.e, arc.half, arc.middles())

    def area(self) -> float:
        half = math.sin(math.radians(min(self.radius, 180.0)) / 2.0)
        return SKY_DEG2 * half * half

    def stcs_words(self, frame: str) -> str:
        return f"Circle{frame} {number(self.lon)} {number(self.lat)} {number(self.radius)}"

    def to_dali(self) -> str:
        return f"circle {number(self.lon)} {number(self.lat)} {number(self.radius)}"


def _chords(xyz: Floats, centre: Floats) -> Floats:
    step = xyz - centre
    lengths: Floats = np.sqrt(np.einsum("ij,ij->i", step, step))
    return lengths
