"""Regions as HEALPix cells: coverage maps and the ranges a plan asks an index for.

A cell is kept while the distance from its centre to the region is less than the largest distance from a
centre to a corner at that order. Both sides err towards keeping, so a cover is never too small.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import cdshealpix.nested
import numpy as np
from astropy.coordinates import Angle, Latitude, Longitude
from numpy.typing import NDArray

from vo_service.sky.cell_ranges import CELLS, ORDER, Numbers, Pair, joined
from vo_service.sky.cells import Cells, cell_of, middles_of
from vo_service.sky.kept import keep_short
from vo_service.sky.vectors import Flags, Floats, healpix29, positions

if TYPE_CHECKING:
    import mocpy

    from vo_service.sky.region import Region

_REACH = 1.08  # centre to corner at order k is at most this over 2**k (1.0690 in the limit, 0.841 at order 0)
_NARROWEST = 0.6  # no cell of order k is narrower than this over 2**k (0.69 in the limit)
_ROUNDING = 1e-12
_CELLS_WANTED = 40  # refine the border until there are about that many cells
_RANGES_AT_MOST = 48
_CELLS_AT_MOST = 20_000
_CONE_CELLS = 8.0  # cells at the border of a cone are about a tenth of its radius wide


def moc_of(region: Region, order: int) -> mocpy.MOC:
    """Coverage of a region at ``order``; cells wholly inside stay at the order where that is first seen."""
    import mocpy  # here alone: it brings matplotlib, which no query waits for

    depth, cells = first_cells(region, 0.0, order)
    kept: list[tuple[int, Cells]] = []
    while True:
        whole, border = _sort_cells(region, cells, depth, 0.0)
        kept.append((depth, whole))
        if depth == order or len(border) == 0:
            kept.append((depth, border))
            break
        depth, cells = depth + 1, children_of(border)
    ipix = np.concatenate([part for _, part in kept])
    depths = np.concatenate([np.full(len(part), at, dtype=np.uint8) for at, part in kept])
    if len(ipix) == 0:
        return mocpy.MOC.new_empty(order)
    return mocpy.MOC.from_healpix_cells(ipix, depths, max_depth=order)


def ranges_of(region: Region, inflate: float) -> list[tuple[int, int]]:
    """Half-open ranges of order-29 cells that hold every point within ``inflate`` radians of the region."""
    depth, cells = first_cells(region, inflate, ORDER)
    # Two orders at once: small enough still, and half the rounds.
    for _ in range(min(2, ORDER - depth)):
        depth, cells = depth + 1, children_of(cells)
    parts: list[tuple[int, Cells]] = []
    while True:
        whole, border = _sort_cells(region, cells, depth, inflate)
        done = depth == ORDER or len(border) == 0 or len(border) > _CELLS_WANTED
        parts += [(depth, whole), (depth, border)] if done else [(depth, whole)]
        if done:
            return _merge(parts)
        depth, cells = depth + 1, children_of(border)


@keep_short(256)
def kept_ranges_of(region: Region, inflate: float) -> tuple[tuple[int, int], ...]:
    """The same, kept for the regions that were asked for last."""
    return tuple(ranges_of(region, inflate))


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


def first_cells(region: Region, inflate: float, deepest: int) -> tuple[int, Cells]:
    """Cells to begin with: that of the cap's centre and its neighbours, all wider than the cap."""
    cap = region.cap()
    radius = cap.radius + inflate + _ROUNDING
    if radius > _NARROWEST or deepest == 0:
        return 0, np.arange(12, dtype=np.uint64)
    depth = min(deepest, int(math.log2(_NARROWEST / radius)))
    middle = np.array([cell_of(cap.centre, depth)], dtype=np.uint64)
    around = np.unique(cdshealpix.nested.neighbours(middle, depth, num_threads=1))
    return depth, around[around >= 0].astype(np.uint64)


def _sort_cells(region: Region, cells: Cells, depth: int, inflate: float) -> tuple[Cells, Cells]:
    """Cells wholly inside the (inflated) region, and those that may meet its border; the rest goes."""
    centres, reach = circles_of_cells(cells, depth)
    away, inside = region.distance_and_depth(centres)
    whole = inside > reach
    return cells[whole], cells[~whole & (away <= inflate + reach)]


def circles_of_cells(cells: Cells, order: int) -> tuple[Floats, float]:
    """Centres ``(n, 3)`` of cells and the radius, radians, of circles that hold them."""
    return middles_of(cells, order), _REACH / 2.0**order + _ROUNDING


def moc_of_ranges(ranges: NDArray[np.int64], order: int) -> mocpy.MOC:
    """Coverage at ``order`` of half-open ranges of order-29 cells, never too small."""
    import mocpy  # here alone, as above

    if len(ranges) == 0:
        return mocpy.MOC.new_empty(order)
    return mocpy.MOC.from_depth29_ranges(order, ranges.astype(np.uint64))


def orders_round(radii: Floats) -> NDArray[np.int64]:
    """Orders at which a circle lies in the cell of its centre and that one's neighbours; -1 if at none."""
    orders = np.floor(np.log2(_NARROWEST / (radii + _ROUNDING))).astype(np.int64)
    limited: NDArray[np.int64] = np.clip(orders, -1, ORDER - 2)
    return limited


def cells_about(middles: Numbers, order: int) -> tuple[NDArray[np.int64], Flags]:
    """The cells of an order that places are in, and their neighbours ``(n, 9)``; where a corner has no cell
    the flag is not set. They cover circles round the places of which this is one of the orders above.

    ``middles`` are the cells of order 29 of the places."""
    around = cells_beside((middles >> 2 * (ORDER - order)).astype(np.uint64), order)
    return np.maximum(around, 0), around >= 0


def cells_round(centres: Floats, radii: Floats, order: int) -> tuple[NDArray[np.int64], int, Flags]:
    """Cells ``(n, m)`` that cover circles of one of the orders above, two orders finer; that order; and which
    cells are near enough to have a point of the circle."""
    around, there = cells_about(healpix29(*positions(centres)), order)
    fine = (around[:, :, None] << 4) + np.arange(16)
    cells = fine.reshape(len(centres), 16 * around.shape[1])
    near = near_circles(cells, order + 2, centres, radii)
    return cells, order + 2, near & np.repeat(there, 16, axis=1)


def near_circles(cells: NDArray[np.int64], order: int, centres: Floats, radii: Floats) -> Flags:
    """Which cells ``(n, m)`` may have a point of the circle of their row."""
    middles, reach = circles_of_cells(cells.ravel().astype(np.uint64), order)
    step = middles.reshape(*cells.shape, 3) - centres[:, None, :]
    chord = np.sqrt(np.einsum("ijk,ijk->ij", step, step))
    near: Flags = chord <= 2.0 * np.sin(0.5 * np.minimum(math.pi, radii + reach))[:, None]
    return near


def widened(starts: Numbers, stops: Numbers, reach: float) -> Pair:
    """Ranges that hold all places within ``reach`` (radians) of cells: these and their neighbours, of an
    order at which cells are wider than that, and not too many."""
    if reach + _ROUNDING >= _NARROWEST:
        return np.array([0]), np.array([CELLS])
    order = min(ORDER, int(math.log2(_NARROWEST / (reach + _ROUNDING))))
    cells = cells_of(starts, stops, order)
    while cells is None:
        order -= 1
        cells = cells_of(starts, stops, order)
    around = np.unique(cells_beside(cells, order))
    around, shift = around[around >= 0], 2 * (ORDER - order)
    return joined(around << shift, (around + 1) << shift)


def cells_of(starts: Numbers, stops: Numbers, order: int) -> Cells | None:
    """The cells of an order that ranges touch; None where there are too many."""
    shift = 2 * (ORDER - order)
    first, last = joined(starts >> shift, -((-stops) >> shift))
    counts = last - first
    if order > 0 and int(counts.sum()) > _CELLS_AT_MOST:
        return None
    before = np.cumsum(counts) - counts
    return (np.repeat(first - before, counts) + np.arange(int(counts.sum()))).astype(np.uint64)


def cells_beside(cells: Cells, order: int) -> NDArray[np.int64]:
    """Each cell and its neighbours ``(n, 9)``; -1 where a corner has none."""
    return np.asarray(cdshealpix.nested.neighbours(cells, order, num_threads=1), dtype=np.int64)


def children_of(cells: Cells) -> Cells:
    """The four cells of the next order in each."""
    children = cells[:, None] * np.uint64(4) + np.arange(4, dtype=np.uint64)
    return children.ravel().astype(np.uint64)


def _merge(parts: list[tuple[int, Cells]]) -> list[tuple[int, int]]:
    """Sorted disjoint ranges of cells of several orders; where there are too many, narrow gaps are closed."""
    shifts = np.concatenate([np.full(len(cells), 2 * (ORDER - depth)) for depth, cells in parts])
    numbers = np.concatenate([cells for _, cells in parts]).astype(np.int64)
    order = np.argsort(numbers << shifts)
    return few_ranges((numbers << shifts)[order], ((numbers + 1) << shifts)[order])


def few_ranges(starts: NDArray[np.int64], stops: NDArray[np.int64]) -> list[tuple[int, int]]:
    """Sorted ranges joined where they touch and, if they are too many, over their narrowest gaps."""
    if len(starts) == 0:
        return []
    gaps = starts[1:] - stops[:-1]
    wide = gaps > 0
    if np.count_nonzero(wide) >= _RANGES_AT_MOST:
        wide = gaps > np.sort(gaps)[-_RANGES_AT_MOST]
    first = np.concatenate([[True], wide])
    last = np.concatenate([wide, [True]])
    return [(int(a), int(b)) for a, b in zip(starts[first], stops[last])]
