"""Which tiles an image touches: never too few, a few too many along its edge."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cdshealpix.nested
import numpy as np
from astropy.coordinates import Latitude, Longitude
from numpy.typing import NDArray

from hips.tiles.grid import Cells
from vo_service.pixels.sky_plane import SkyPlane
from vo_service.sky.covers import cells_beside, orders_round
from vo_service.sky.vectors import positions

_STEP = 16
"""Pixels along a piece that is looked at first."""
_PIECES = 1 << 14
"""Pieces that an image is cut into at first, at most."""
_BLOCK = 1 << 16
_SMALLEST = 0.125
"""Of a pixel: pieces that are still too large for the order then are taken with all that lies round them."""
_MARGIN = 1.25
"""By how much a piece may bulge over the circle through its corners."""
_CORNERS = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0], [0.5, 0.5]])

Doubles = NDArray[np.float64]
Flags = NDArray[np.bool_]


def touched_cells(sky: SkyPlane, size: tuple[int, int], order: int) -> Cells:
    """Cells at ``order``, ascending, that hold any point of an image of ``size`` (x, y) pixels; none where it
    has no place on the sky.

    The image is cut into pieces, each of which lies in a circle; the circle lies in the cell of its middle at
    some order and in the neighbours of that cell. Pieces that are too large for the order, or at a border of
    the projection, are cut further.
    """
    low, side = _first_pieces(size)
    found = [np.empty(0, np.int64)]
    while len(low):
        last = max(side) <= _SMALLEST
        pieces = _look(sky, low, side, size)
        done = (pieces.orders > order) | (last & (pieces.orders >= 0))
        for at in np.unique(pieces.orders[done]):
            found.append(_round(pieces.middles[done & (pieces.orders == at)], int(at), order))
        further = pieces.seen & ~done
        if max(side) <= 1.0:  # what the border of the projection runs through is taken point by point
            torn = further & ~pieces.whole
            points = _places(sky, low[torn], side, size).reshape(-1, 3)
            found.append(_round(points[np.isfinite(points[:, 0])], order, order))
            further &= pieces.whole
        if last:
            break
        low, side = _cut(low[further | _beside_border(low, side, pieces.seen)], side)
    return np.unique(np.concatenate(found))


@dataclass(frozen=True, slots=True)
class _Pieces:
    """Of each piece: whether all of it and any of it has a place, its middle ``(n, 3)``, and the order at
    which it lies in the cell of its middle and those beside; -1 where there is none."""

    whole: Flags
    seen: Flags
    middles: Doubles
    orders: Cells


def _first_pieces(size: tuple[int, int]) -> tuple[Doubles, tuple[float, float]]:
    step = max(_STEP, math.ceil(math.sqrt(size[0] * size[1] / _PIECES)))
    counts = [max(1, math.ceil(length / step)) for length in size]
    side = size[0] / counts[0], size[1] / counts[1]
    x, y = np.meshgrid(np.arange(counts[0]) * side[0], np.arange(counts[1]) * side[1])
    return np.column_stack([x.ravel(), y.ravel()]) + 0.5, side


def _look(sky: SkyPlane, low: Doubles, side: tuple[float, float], size: tuple[int, int]) -> _Pieces:
    blocks = []
    for at in range(0, len(low), _BLOCK):
        places = _places(sky, low[at : at + _BLOCK], side, size)
        known = np.isfinite(places[..., 0])
        whole, middle = known.all(axis=1), places[:, 4]
        orders = np.full(len(places), -1, dtype=np.int64)
        chords = np.sqrt(((places[whole, :4] - middle[whole, None]) ** 2).sum(axis=-1)).max(axis=1)
        orders[whole] = orders_round(_MARGIN * 2.0 * np.arcsin(np.minimum(1.0, 0.5 * chords)))
        blocks.append((whole, known.any(axis=1), middle, orders))
    return _Pieces(*(np.concatenate(parts) for parts in zip(*blocks, strict=True)))


def _places(sky: SkyPlane, low: Doubles, side: tuple[float, float], size: tuple[int, int]) -> Doubles:
    """Unit vectors ``(pieces, 5, 3)`` of the corners and the middle of pieces."""
    pixels = low[:, None, :] + _CORNERS * np.array(side)
    pixels = np.minimum(pixels, np.array(size) + 0.5)
    return sky.vectors(pixels.reshape(-1, 2)).reshape(len(low), 5, 3)


def _round(places: Doubles, at: int, order: int) -> Cells:
    """Cells at ``order`` of those at order ``at`` that hold places, and of the cells beside these."""
    if not len(places):
        return np.empty(0, np.int64)
    lon, lat = positions(places)
    held = cdshealpix.nested.lonlat_to_healpix(
        Longitude(lon, unit="deg"), Latitude(lat, unit="deg"), at, num_threads=1
    )
    cells = np.unique(cells_beside(np.unique(held), at))
    cells = cells[cells >= 0]
    if at >= order:
        return np.unique(cells >> (2 * (at - order)))
    steps = 2 * (order - at)
    return ((cells[:, None] << steps) + np.arange(1 << steps)).ravel()


def _beside_border(low: Doubles, side: tuple[float, float], seen: Flags) -> Flags:
    """Pieces off the projection beside some that are not: its border may run through them."""
    lost = ~seen
    if not lost.any() or lost.all() or max(side) <= 1.0:
        return np.zeros(len(low), dtype=np.bool_)
    place = np.round((low - 0.5) / np.array(side)).astype(np.int64)
    stride = int(place[:, 1].max()) + 3
    number = (place[:, 0] + 1) * stride + place[:, 1] + 1
    around = np.array([dx * stride + dy for dx in (-1, 0, 1) for dy in (-1, 0, 1)])
    near = np.unique((number[~lost][:, None] + around).ravel())
    return lost & np.isin(number, near)


def _cut(low: Doubles, side: tuple[float, float]) -> tuple[Doubles, tuple[float, float]]:
    half = side[0] / 2.0, side[1] / 2.0
    steps = _CORNERS[:4] * np.array(half)
    return (low[:, None, :] + steps).reshape(-1, 2), half
