"""Longitude-latitude boxes: two meridians and two parallels, as RANGE_S2D and DALI's range mean them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from vo_service.sky.caps import WHOLE_SKY, Cap, make_cap
from vo_service.sky.errors import RegionError
from vo_service.sky.outlines import Outline, join_outlines, no_outline
from vo_service.sky.region import Region, number
from vo_service.sky.vectors import (
    ALLOWANCE,
    Flags,
    Floats,
    chord_of,
    reduce_longitude,
    separations,
    unit_vectors,
    vector,
)


@dataclass(frozen=True, slots=True)
class Range(Region):
    """All positions from ``lon1`` eastwards to ``lon2`` and from ``lat1`` up to ``lat2``, borders included.

    ``lon1`` > ``lon2`` leads across longitude 0; a difference of 360 degrees or more is the whole round.
    """

    lon1: float
    lon2: float
    lat1: float
    lat2: float

    def __post_init__(self) -> None:
        values = (self.lon1, self.lon2, self.lat1, self.lat2)
        text = "range " + " ".join(map(str, values))
        if not all(math.isfinite(value) for value in values):
            raise RegionError(text, -1, "finite numbers")
        if not -90.0 <= self.lat1 <= self.lat2 <= 90.0:
            raise RegionError(text, -1, "latitudes from -90 to 90 degrees, the lower one first")
        if self.lon2 - self.lon1 >= 360.0:
            lon1, lon2 = 0.0, 360.0
        else:
            lon1, lon2 = reduce_longitude(self.lon1), reduce_longitude(self.lon2)
            if lon2 == 0.0 and lon1 > 0.0:
                lon2 = 360.0
        for name, value in zip(("lon1", "lon2", "lat1", "lat2"), (lon1, lon2, self.lat1, self.lat2)):
            object.__setattr__(self, name, float(value))

    @property
    def width(self) -> float:
        """Extent in longitude, degrees, 0 to 360."""
        return self.lon2 - self.lon1 if self.lon2 >= self.lon1 else self.lon2 - self.lon1 + 360.0

    def cap(self) -> Cap:
        if self.width >= 180.0:
            return self._polar_cap()
        return self._local_cap()

    def _polar_cap(self) -> Cap:
        """Round the pole nearer to the box."""
        north = self.lat1 + self.lat2 >= 0.0
        reach = 90.0 - self.lat1 if north else 90.0 + self.lat2
        if reach >= 180.0:
            return WHOLE_SKY
        return make_cap(np.array([0.0, 0.0, 1.0 if north else -1.0]), math.radians(reach))

    def _local_cap(self) -> Cap:
        """Round the middle: the farthest point of each parallel lies at a corner or on the mid meridian."""
        middle = self.lon1 + 0.5 * self.width
        centre = vector(middle, 0.5 * (self.lat1 + self.lat2))
        lon = [self.lon1, self.lon2, self.lon1, self.lon2, middle, middle]
        lat = [self.lat1, self.lat1, self.lat2, self.lat2, self.lat1, self.lat2]
        lon += [self.lon1, self.lon2]
        lat += [min(max(0.0, self.lat1), self.lat2)] * 2
        return make_cap(centre, float(separations(unit_vectors(lon, lat), centre).max()))

    def contains(self, xyz: Floats, slack: float = ALLOWANCE) -> Flags:
        across = np.hypot(xyz[:, 0], xyz[:, 1])
        lat = np.arctan2(xyz[:, 2], across)
        inside = (lat >= math.radians(self.lat1) - slack) & (lat <= math.radians(self.lat2) + slack)
        if self.width >= 360.0:
            return inside
        return inside & (self._beyond_meridians(xyz, across) <= slack)

    def _beyond_meridians(self, xyz: Floats, across: Floats) -> Floats:
        """Angles to the nearer of the two meridians, negative between them; 0 at the poles."""
        half = math.radians(0.5 * self.width)
        middle = math.radians(self.lon1 + 0.5 * self.width)
        # In the frame of the mid meridian: turn of the point against the half width.
        x = xyz[:, 0] * math.cos(middle) + xyz[:, 1] * math.sin(middle)
        y = np.abs(xyz[:, 1] * math.cos(middle) - xyz[:, 0] * math.sin(middle))
        turn = np.arctan2(y, x) - half
        beyond: Floats = np.where(
            across == 0.0, 0.0, np.sin(np.clip(turn, -math.pi / 2, math.pi / 2)) * across
        )
        return beyond

    def distance(self, xyz: Floats) -> Floats:
        across = np.hypot(xyz[:, 0], xyz[:, 1])
        lat = np.arctan2(xyz[:, 2], across)
        away = np.maximum(math.radians(self.lat1) - lat, lat - math.radians(self.lat2))
        away = np.maximum(away, 0.0)
        if self.width < 360.0:
            away = np.maximum(away, np.maximum(self._beyond_meridians(xyz, across), 0.0))
        return away

    def depth(self, xyz: Floats) -> Floats:
        across = np.hypot(xyz[:, 0], xyz[:, 1])
        lat = np.arctan2(xyz[:, 2], across)
        inside: Floats = np.full(len(xyz), math.pi)
        if self.lat1 > -90.0:
            inside = np.minimum(inside, lat - math.radians(self.lat1))
        if self.lat2 < 90.0:
            inside = np.minimum(inside, math.radians(self.lat2) - lat)
        if self.width < 360.0:
            inside = np.minimum(inside, -self._beyond_meridians(xyz, across))
        return np.maximum(inside, 0.0)

    def outline(self) -> Outline:
        parts = [self._parallel(lat) for lat in {self.lat1, self.lat2} if abs(lat) < 90.0]
        if self.width < 360.0:
            parts += [self._meridian(self.lon1), self._meridian(self.lon2)]
        corners = unit_vectors([self.lon1, self.lon2] * 2, [self.lat1, self.lat1, self.lat2, self.lat2])
        return join_outlines([*parts, no_outline(corners)])

    def _parallel(self, lat: float) -> Outline:
        """As a circle round the nearer pole."""
        pole = np.array([[0.0, 0.0, 1.0 if lat >= 0.0 else -1.0]])
        chord = chord_of(math.radians(90.0 - abs(lat)))
        middle = math.radians(self.lon1 + 0.5 * self.width)
        direction = np.array([[math.cos(middle), math.sin(middle), 0.0]])
        half = np.array([math.radians(0.5 * self.width)])
        return Outline(pole, np.array([chord * chord]), direction, half, np.empty((0, 3)))

    def _meridian(self, lon: float) -> Outline:
        normal = unit_vectors(lon + 90.0, 0.0)
        middle = unit_vectors(lon, 0.5 * (self.lat1 + self.lat2))
        half = np.array([math.radians(0.5 * (self.lat2 - self.lat1))])
        return Outline(normal, np.array([2.0]), middle, half, np.empty((0, 3)))

    def area(self) -> float:
        low, high = math.radians(self.lat1), math.radians(self.lat2)
        height = 2.0 * math.sin(0.5 * (high - low)) * math.cos(0.5 * (high + low))
        return self.width * height * 180.0 / math.pi

    @property
    def middle(self) -> tuple[float, float]:
        """Longitude and latitude halfway."""
        return reduce_longitude(self.lon1 + 0.5 * self.width), 0.5 * (self.lat1 + self.lat2)

    def moment(self) -> Floats:
        """The sum ``(3,)`` of all places, weighted by area (radians squared)."""
        low, high, width = math.radians(self.lat1), math.radians(self.lat2), math.radians(self.width)
        height, twice = math.sin(high - low), high + low
        across = math.sin(0.5 * width) * ((high - low) + math.cos(twice) * height)
        up = 0.5 * width * math.sin(twice) * height
        middle = vector(self.middle[0], 0.0)
        return across * middle + up * np.array([0.0, 0.0, 1.0])

    def stcs_words(self, frame: str) -> str:
        first, last = f"{number(self.lon1)} {number(self.lat1)}", f"{number(self.lon2)} {number(self.lat2)}"
        return f"PositionInterval{frame} {first} {last}"

    def to_dali(self) -> str:
        return f"range {' '.join(number(v) for v in (self.lon1, self.lon2, self.lat1, self.lat2))}"
