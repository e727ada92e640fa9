"""Many shapes as columns: what tests of pairs by arrays need, without an object for each shape.

Circles and polygons of usual size are numbers; everything else (ranges, unions, maps, wide or thin
polygons) is kept as a region. A row may be no shape at all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import ArrayLike, NDArray

from vo_service.sky.bulk import plain_texts
from vo_service.sky.chains import closed_chains
from vo_service.sky.circles import Circle
from vo_service.sky.errors import RegionError
from vo_service.sky.polygons import Polygon
from vo_service.sky.region import Region
from vo_service.sky.stcs import parse_region
from vo_service.sky.vectors import Floats, unit_vectors

Places = NDArray[np.intp]

WIDE: Final = np.radians(40.0)
"""Polygons with larger caps are kept as regions: any two smaller ones that meet lie in one hemisphere."""
MANY_CORNERS: Final = 32


class Kind(IntEnum):
    """How a row is kept."""

    NOTHING = 0
    DISC = 1
    CHAIN = 2
    REGION = 3


@dataclass(frozen=True, slots=True, eq=False)
class Shapes:
    """Rows of shapes.

    ``kind`` as above; ``centre`` ``(n, 3)`` and ``radius`` (radians) are the circle itself or the cap of the
    rest; the corners of a chain are ``count`` rows of ``corners`` from ``first`` on. ``source`` is the row
    that ``make`` builds the region from.
    """

    kind: NDArray[np.int8]
    centre: Floats
    radius: Floats
    first: Places
    count: Places
    corners: Floats
    source: Places
    make: Callable[[int], Region | None]

    def __len__(self) -> int:
        return len(self.kind)

    def take(self, rows: Places) -> Shapes:
        """These rows, in this order."""
        return Shapes(
            self.kind[rows],
            self.centre[rows],
            self.radius[rows],
            self.first[rows],
            self.count[rows],
            self.corners,
            self.source[rows],
            self.make,
        )

    def region(self, row: int) -> Region | None:
        """One row as a region."""
        return self.make(int(self.source[row]))

    @staticmethod
    def of(regions: Sequence[Region | None]) -> Shapes:
        """Shapes of regions; None where there is none."""
        kept = list(regions)
        rows = _Rows(len(kept))
        chains: list[Polygon] = []
        places: list[int] = []
        for row, region in enumerate(kept):
            if isinstance(region, Circle):
                rows.circles.append((row, region.lon, region.lat, region.radius))
            elif isinstance(region, Polygon) and _is_small(region):
                chains.append(region)
                places.append(row)
            elif region is not None:
                rows.add_region(row, region)
        rows.add_circles()
        rows.add_chains(np.array(places, dtype=np.intp), chains)
        return rows.shapes(lambda row: kept[row])

    @staticmethod
    def of_circles(lon: ArrayLike, lat: ArrayLike, radius: ArrayLike) -> Shapes:
        """Circles of degrees; no shape where a number is missing or out of its range."""
        lons, lats, radii = (np.asarray(part, dtype=np.float64) for part in (lon, lat, radius))
        known = np.isfinite(lons) & (np.abs(lats) <= 90.0) & (radii >= 0.0) & np.isfinite(radii)
        rows = _Rows(len(lons))
        at = np.flatnonzero(known)
        rows.put_circles(at, lons[at], lats[at], radii[at])

        def make(row: int) -> Region | None:
            return Circle(float(lons[row]), float(lats[row]), float(radii[row])) if known[row] else None

        return rows.shapes(make)

    @staticmethod
    def of_polygons(lon: Floats, lat: Floats, offsets: Places) -> Shapes:
        """Polygons of the corners from ``offsets[i]`` to ``offsets[i + 1]``, degrees; no shape where these
        make none (NaN among them, fewer than three, flat, opposite neighbours)."""

        @lru_cache(maxsize=10_000)
        def make(row: int) -> Region | None:
            part = slice(offsets[row], offsets[row + 1])
            return _polygon(lon[part], lat[part])

        rows = _Rows(len(offsets) - 1)
        rows.put_polygons(np.arange(len(offsets) - 1), lon, lat, offsets, make)
        return rows.shapes(make)

    @staticmethod
    def of_texts(texts: pa.Array | pa.ChunkedArray) -> Shapes:
        """Shapes of STC-S texts; no shape where the text is null or cannot be read."""
        array = texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts
        rows = _Rows(len(array))

        def make(row: int) -> Region | None:
            return _read(array[row].as_py())

        plain = plain_texts(array)
        if len(plain.circles):
            rows.put_circles(plain.circles, *plain.circle_values.T)
        if len(plain.polygons):
            rows.put_polygons(
                plain.polygons,
                plain.polygon_values[::2],
                plain.polygon_values[1::2],
                plain.polygon_offsets // 2,
                make,
            )
        for row in plain.others.tolist():
            region = make(row)
            if region is not None:
                rows.add_region(row, region)
        return rows.shapes(make)


@lru_cache(maxsize=10_000)
def _read(text: str | None) -> Region | None:
    if text is None:
        return None
    try:
        return parse_region(text)
    except RegionError:
        return None


def _polygon(lon: Floats, lat: Floats) -> Region | None:
    try:
        return Polygon(tuple(zip(lon.tolist(), lat.tolist())))
    except RegionError:
        return None


def _is_small(polygon: Polygon) -> bool:
    return polygon.cap().radius < WIDE and len(polygon.vertices) <= MANY_CORNERS


class _Rows:
    """Columns of shapes that are being filled."""

    def __init__(self, count: int) -> None:
        self.kind = np.zeros(count, dtype=np.int8)
        self.centre = np.full((count, 3), np.nan)
        self.radius = np.full(count, np.nan)
        self.first = np.zeros(count, dtype=np.intp)
        self.count = np.zeros(count, dtype=np.intp)
        self.corners: list[Floats] = []
        self.filled = 0
        self.circles: list[tuple[int, float, float, float]] = []

    def add_region(self, row: int, region: Region) -> None:
        cap = region.cap()
        self.kind[row], self.centre[row], self.radius[row] = Kind.REGION, cap.centre, cap.radius

    def add_circles(self) -> None:
        if self.circles:
            rows, lon, lat, radius = (np.array(part) for part in zip(*self.circles))
            self.put_circles(rows, lon, lat, radius)

    def put_circles(self, rows: Places, lon: Floats, lat: Floats, radius: Floats) -> None:
        known = np.isfinite(lon) & (np.abs(lat) <= 90.0) & (radius >= 0.0) & np.isfinite(radius)
        rows = rows[known]
        self.kind[rows] = Kind.DISC
        self.centre[rows] = unit_vectors(lon[known], lat[known])
        self.radius[rows] = np.minimum(np.pi, np.radians(radius[known]))

    def add_chains(self, rows: Places, polygons: Sequence[Polygon]) -> None:
        if polygons:
            chains = [polygon.corners for polygon in polygons]
            caps = [polygon.cap() for polygon in polygons]
            counts = np.array([len(chain) for chain in chains])
            self._put_chains(
                rows,
                np.array([[cap.x, cap.y, cap.z] for cap in caps]),
                np.array([cap.radius for cap in caps]),
                counts,
                np.concatenate(chains),
            )

    def put_polygons(
        self, rows: Places, lon: Floats, lat: Floats, offsets: Places, make: Callable[[int], Region | None]
    ) -> None:
        """Polygons by arrays; those that need a careful look one by one."""
        chains = closed_chains(lon, lat, offsets)
        good = chains.good & (chains.radius < WIDE) & (chains.counts <= MANY_CORNERS)
        kept = chains.chosen(good)
        self._put_chains(rows[good], kept.centre, kept.radius, kept.counts, kept.corners)
        for row in rows[~good].tolist():
            region = make(row)
            if region is not None:
                self.add_region(row, region)

    def _put_chains(
        self, rows: Places, centre: Floats, radius: Floats, counts: Places, corners: Floats
    ) -> None:
        self.kind[rows], self.centre[rows], self.radius[rows] = Kind.CHAIN, centre, radius
        self.first[rows] = self.filled + np.cumsum(counts) - counts
        self.count[rows] = counts
        self.corners.append(corners)
        self.filled += len(corners)

    def shapes(self, make: Callable[[int], Region | None]) -> Shapes:
        corners = np.concatenate([np.empty((0, 3)), *self.corners])
        return Shapes(
            self.kind,
            self.centre,
            self.radius,
            self.first,
            self.count,
            corners,
            np.arange(len(self.kind)),
            make,
        )
