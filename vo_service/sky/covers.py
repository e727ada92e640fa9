"""Regions as HEALPix cells: coverage maps and the ranges a plan asks an index for.

A cell is kept while the distance from its centre to the region is less than the largest distance from a
centre to a corner at that order. Both sides err towards keeping, so a cover is never too small.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import cdshealpix.nested
import numpy as np
from astropy.coordinates import Angle, Latitude, Longitude
from numpy.typing import NDArray

from vo_service.sky.vectors import positions, unit_vectors

if TYPE_CHECKING:
    import mocpy

    from vo_service.sky.region import Region

Cells = NDArray[np.uint64]

ORDER: Final = 29
_REACH = 1.08  # centre to corner at order k is at most this over 2**k (1.0690 in the limit, 0.841 at order 0)
_NARROWEST = 0.6  # no cell of order k is narrower than this over 2**k (0.69 in the limit)
_ROUNDING = 1e-12
_CELLS_WANTED = 40  # refine the border until there are about that many cells
_RANGES_AT_MOST = 48
_CONE_CELLS = 8.0  # cells at the border of a cone are about a tenth of its radius wide


def moc_of(region: Region, order: int) -> mocpy.MOC:
    """Coverage of a region at ``order``; cells wholly inside stay at the order where that is first seen."""
    import mocpy  # here alone: it brings matplotlib, which no query waits for

    depth, cells = _first_cells(region, 0.0, order)
    kept: list[tuple[int, Cells]] = []
    while True:
        whole, border = _sort_cells(region, cells, depth, 0.0)
        kept.append((depth, whole))
        if depth == order or len(border) == 0:
            kept.append((depth, border))
            break
        depth, cells = depth + 1, _children(border)
    ipix = np.concatenate([part for _, part in kept])
    depths = np.concatenate([np.full(len(part), at, dtype=np.uint8) for at, part in kept])
    if len(ipix) == 0:
        return mocpy.MOC.new_empty(order)
    return mocpy.MOC.from_healpix_cells(ipix, depths, max_depth=order)


def ranges_of(region: Region, inflate: float) -> list[tuple[int, int]]:
    """Half-open ranges of order-29 cells that hold every point within ``inflate`` radians of the region."""
    depth, cells = _first_cells(region, inflate, ORDER)
    # Two orders at once: small enough still, and half the rounds.
    for _ in range(min(2, ORDER - depth)):
        depth, cells = depth + 1, _children(cells)
    parts: list[tuple[int, Cells]] = []
    while True:
        whole, border = _sort_cells(region, cells, depth, inflate)
        done = depth == ORDER or len(border) == 0 or len(border) > _CELLS_WANTED
        parts += [(depth, whole), (depth, border)] if done else [(depth, whole)]
        if done:
            return _merge(parts)
        depth, cells = depth + 1, _children(border)


def ranges_of_cone(lon: float, lat: float, radius_rad: float) -> list[tuple[int, int]]:
    """Half-open ranges of order-29 cells that hold every point of a cone (degrees; up to a right angle).

    A tenth of a millisecond, where the general descent takes several: cones are what is asked most.
    """
    radius = radius_rad + _ROUNDING
    depth = min(ORDER, max(0, int(math.log2(_CONE_CELLS / radius))))
    cells, depths, _ = cdshealpix.nested.cone_search(
        Longitude(lon, unit="deg"),
        Latitude(lat, unit="deg"),
        Angle(math.degrees(radius), unit="deg"),
        depth,
        depth_delta=min(2, ORDER - depth),
    )
    return _merge([(int(one), cells[depths == one]) for one in np.unique(depths)])


def _first_cells(region: Region, inflate: float, deepest: int) -> tuple[int, Cells]:
    """Cells to begin with: that of the cap's centre and its neighbours, all wider than the cap."""
    cap = region.cap()
    radius = cap.radius + inflate + _ROUNDING
    if radius > _NARROWEST or deepest == 0:
        return 0, np.arange(12, dtype=np.uint64)
    depth = min(deepest, int(math.log2(_NARROWEST / radius)))
    lon, lat = positions(cap.centre[None, :])
    middle = cdshealpix.nested.lonlat_to_healpix(
        Longitude(lon, unit="deg"), Latitude(lat, unit="deg"), depth, num_threads=1
    )
    around = np.unique(cdshealpix.nested.neighbours(middle, depth, num_threads=1))
    return depth, around[around >= 0].astype(np.uint64)


def _sort_cells(region: Region, cells: Cells, depth: int, inflate: float) -> tuple[Cells, Cells]:
    """Cells wholly inside the (inflated) region, and those that may meet its border; the rest goes."""
    lon, lat = cdshealpix.nested.healpix_to_lonlat(cells, depth, num_threads=1)
    centres = unit_vectors(lon.deg, lat.deg)
    reach = _REACH / 2.0**depth + _ROUNDING
    meets = region.distance(centres) <= inflate + reach
    cells, centres = cells[meets], centres[meets]
    whole = region.depth(centres) > reach
    return cells[whole], cells[~whole]


def _children(cells: Cells) -> Cells:
    children = cells[:, None] * np.uint64(4) + np.arange(4, dtype=np.uint64)
    return children.ravel().astype(np.uint64)


def _merge(parts: list[tuple[int, Cells]]) -> list[tuple[int, int]]:
    """Sorted disjoint ranges of cells of several orders; where there are too many, narrow gaps are closed."""
    shifts = np.concatenate([np.full(len(cells), 2 * (ORDER - depth)) for depth, cells in parts])
    numbers = np.concatenate([cells for _, cells in parts]).astype(np.int64)
    order = np.argsort(numbers << shifts)
    starts, stops = (numbers << shifts)[order], ((numbers + 1) << shifts)[order]
    gaps = starts[1:] - stops[:-1]
    wide = gaps > 0
    if np.count_nonzero(wide) >= _RANGES_AT_MOST:
        wide = gaps > np.sort(gaps)[-_RANGES_AT_MOST]
    first = np.concatenate([[True], wide])
    last = np.concatenate([wide, [True]])
    return [(int(a), int(b)) for a, b in zip(starts[first], stops[last])]
