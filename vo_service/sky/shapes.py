"""Many shapes as columns: what tests of pairs by arrays need, without an object for each shape.

Circles and polygons of usual size are numbers; everything else (ranges, unions, maps, wide or thin
polygons) is kept as a region. A row may be no shape at all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
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
from vo_service.sky.kept import keep_short
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
        rows.add_regions(enumerate(kept))
        return rows.shapes(lambda row: kept[row])

    @staticmethod
    def of_circles(lon: ArrayLike, lat: ArrayLike, radius: ArrayLike) -> Shapes:
        """Circles of degrees, one a row.

        A row is no shape where one of its numbers is missing (NULL, None, NaN), infinite, or out of its
        range: a latitude beyond a pole, a radius below 0. Any longitude is reduced; radii of 180 and more
        are the whole sky, 0 is a point.
        """
        lons, lats, radii = (_numbers(part) for part in (lon, lat, radius))
        known = np.isfinite(lons) & (np.abs(lats) <= 90.0) & (radii >= 0.0) & np.isfinite(radii)
        rows = _Rows(len(lons))
        at = np.flatnonzero(known)
        rows.put_circles(at, lons[at], lats[at], radii[at])

        def make(row: int) -> Region | None:
            return Circle(float(lons[row]), float(lats[row]), float(radii[row])) if known[row] else None

        return rows.shapes(make)

    @staticmethod
    def of_polygons(lon: ArrayLike, lat: ArrayLike, offsets: ArrayLike) -> Shapes:
        """Polygons of the corners from ``offsets[i]`` to ``offsets[i + 1]``, degrees.

        Any number of corners will do, and a ring may end with its first corner again; corners that repeat
        the one before are dropped. A row is no shape where its corners make no ``Polygon``: none at all (a
        NULL), a coordinate that is missing (NULL, None, NaN), infinite or beyond a pole, fewer than three,
        all on one great circle, neighbours opposite on the sky.
        """
        lon, lat, offsets = _numbers(lon), _numbers(lat), np.asarray(offsets, dtype=np.intp)

        @lru_cache(maxsize=10_000)
        def make(row: int) -> Region | None:
            part = slice(offsets[row], offsets[row + 1])
            return _polygon(lon[part], lat[part])

        rows = _Rows(len(offsets) - 1)
        rows.put_polygons(np.arange(len(offsets) - 1), lon, lat, offsets, make)
        return rows.shapes(make)

    @staticmethod
    def of_texts(texts: pa.Array | pa.ChunkedArray) -> Shapes:
        """Shapes of STC-S or DALI texts, read as ``parse_region`` does.

        A row is no shape where its text is null or no region.
        """
        texts = texts.cast(pa.string())
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
        rows.add_regions((row, make(row)) for row in plain.others.tolist())
        return rows.shapes(make)


def _numbers(values: ArrayLike) -> Floats:
    """Doubles, with NaN for whatever is missing or infinite."""
    numbers = np.ma.filled(np.ma.asarray(values, dtype=np.float64), np.nan)
    return np.where(np.isfinite(numbers), numbers, np.nan)


@keep_short(10_000)
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

    def add_regions(self, regions: Iterable[tuple[int, Region | None]]) -> None:
        """Rows and their regions, each as the kind that it is best kept as."""
        circles: list[tuple[int, float, float, float]] = []
        chains: list[tuple[int, Polygon]] = []
        for row, region in regions:
            if isinstance(region, Circle):
                circles.append((row, region.lon, region.lat, region.radius))
            elif isinstance(region, Polygon) and _is_small(region):
                chains.append((row, region))
            elif region is not None:
                self.add_region(row, region)
        if circles:
            rows, lon, lat, radius = (np.array(part) for part in zip(*circles))
            self.put_circles(rows, lon, lat, radius)
        if chains:
            self.add_chains(np.array([row for row, _ in chains]), [polygon for _, polygon in chains])

    def add_region(self, row: int, region: Region) -> None:
        cap = region.cap()
        self.kind[row], self.centre[row], self.radius[row] = Kind.REGION, cap.centre, cap.radius

    def put_circles(self, rows: Places, lon: Floats, lat: Floats, radius: Floats) -> None:
        known = np.isfinite(lon) & (np.abs(lat) <= 90.0) & (radius >= 0.0) & np.isfinite(radius)
        rows = rows[known]
        self.kind[rows] = Kind.DISC
        self.centre[rows] = unit_vectors(lon[known], lat[known])
        self.radius[rows] = np.minimum(np.pi, np.radians(radius[known]))

    def add_chains(self, rows: Places, polygons: Sequence[Polygon]) -> None:
        chains = [polygon.corners for polygon in polygons]
        caps = [polygon.cap() for polygon in polygons]
        self._put_chains(
            rows,
            np.array([[cap.x, cap.y, cap.z] for cap in caps]),
            np.array([cap.radius for cap in caps]),
            np.array([len(chain) for chain in chains]),
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
