"""Which part of the sky each pixel of a tile is (HIPS-002, -004, -006, -020).

A tile is a cell of the NESTED scheme, and its pixels are the cells nine orders below. Arrays lie as in FITS
tiles: ``(row, column)``, the first stored row first; a picture is the same array with its rows turned round.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from vo_service.sky.cells import places_in

WIDTH = 512
"""Pixels along each side of a tile, in every tree."""
STEPS = 9
"""Orders from a tile to its pixels."""
DEEPEST = 29 - STEPS
SHALLOWEST = 3
"""No tree ends above: clients begin with this order, and its Allsky (HIPS-008, -040)."""
_CELL_DEGREES = math.degrees(math.sqrt(math.pi / 3.0))
_ROUNDING = 1e-9

Cells = NDArray[np.int64]
Doubles = NDArray[np.float64]


def order_for(pixel_degrees: float) -> int:
    """The first order whose pixels are not larger than those of the data (HIPS-006), within 3 and 20.

    Raises ValueError for a side that is no positive number of degrees.
    """
    if not (math.isfinite(pixel_degrees) and pixel_degrees > 0.0):
        raise ValueError(f"the side of a pixel is {pixel_degrees} degrees; it must be above 0")
    steps = math.ceil(math.log2(pixel_side(0) / pixel_degrees) - _ROUNDING)
    return min(DEEPEST, max(SHALLOWEST, steps))


def pixel_side(order: int) -> float:
    """Degrees along the side of a square of the area of a tile's pixel."""
    return _CELL_DEGREES / (WIDTH << order)


def pixel_vectors(order: int, cell: int, rows: Doubles, columns: Doubles) -> Doubles:
    """Unit vectors ``(rows, columns, 3)`` of places in a tile, ICRS; whole numbers are middles of pixels."""
    north_east = (WIDTH - 0.5 - np.asarray(rows, dtype=np.float64)) / WIDTH
    north_west = (np.asarray(columns, dtype=np.float64) + 0.5) / WIDTH
    shape = len(north_east), len(north_west)
    east = np.broadcast_to(north_east[:, None], shape).ravel()
    west = np.broadcast_to(north_west, shape).ravel()
    return places_in(np.array([cell], dtype=np.uint64), order, east, west).reshape(*shape, 3)


def pixel_cells(order: int, cell: int, rows: Cells, columns: Cells) -> Cells:
    """Cells, nine orders below the tile, of pixels."""
    return (np.int64(cell) << (2 * STEPS)) + interleaved(WIDTH - 1 - np.asarray(rows), np.asarray(columns))


def interleaved(east: Cells, west: Cells) -> Cells:
    """Numbers of cells inside a cell, of their places to the north-east (even bits) and the north-west (odd
    bits); up to 16 bits each."""
    return _spread(np.asarray(east, dtype=np.int64)) | (_spread(np.asarray(west, dtype=np.int64)) << 1)


def _spread(numbers: Cells) -> Cells:
    found = numbers
    for shift, mask in ((8, 0x00FF00FF), (4, 0x0F0F0F0F), (2, 0x33333333), (1, 0x55555555)):
        found = (found | (found << shift)) & mask
    return found


def place_in_base_cell(order: int, cell: int) -> tuple[int, int, int]:
    """(base cell, steps to the north-east, steps to the north-west) of a cell."""
    within = cell & ((1 << (2 * order)) - 1)
    east = sum(((within >> (2 * bit)) & 1) << bit for bit in range(order))
    west = sum(((within >> (2 * bit + 1)) & 1) << bit for bit in range(order))
    return cell >> (2 * order), east, west


def quarter_of(child: int) -> tuple[slice, slice]:
    """(rows, columns) that one of the four children (cell modulo 4) takes of its parent."""
    half = WIDTH // 2
    row = 0 if child & 1 else half
    column = half if child & 2 else 0
    return slice(row, row + half), slice(column, column + half)


def place_below(order: int, cell: int, below: int, within: int) -> tuple[slice, slice]:
    """(rows, columns) of the pixels of tile ``(order, cell)`` that hold tile ``(below, within)``: a square of
    512 / 2**(below - order) pixels, one where that is less. Raises ValueError for a tile that is not in it.
    """
    steps = below - order
    if steps < 0 or within >> (2 * steps) != cell:
        raise ValueError(f"tile {below}/{within} does not lie in tile {order}/{cell}")
    depth = min(steps, STEPS)
    _, east, west = place_in_base_cell(depth, (within >> (2 * (steps - depth))) & ((1 << (2 * depth)) - 1))
    side = WIDTH >> depth
    row = WIDTH - side * (east + 1)
    return slice(row, row + side), slice(side * west, side * (west + 1))
