"""The valid part of an image as HEALPix cells, written as MOC ASCII (MOC 2.0, section 4.3.2)."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from vo_service.pixels.rings import halve
from vo_service.pixels.sky_plane import Doubles, SkyPlane, edges_of
from vo_service.pixels.valid import ValidMask
from vo_service.sky import healpix29, positions

SQUARES = 64
"""The mask is looked at in at most this many squares a side: no more than some thousand cells come of it."""
DEEPEST = 29
_NARROWEST = 0.6
"""Radians over 2**order: no HEALPix cell is narrower, those round the poles included."""


def cover_valid(mask: ValidMask, sky: SkyPlane) -> tuple[int, str] | None:
    """(order, MOC ASCII) of the cells that hold valid pixels; None where none lies on the projection.

    The order is the finest whose narrowest cells are as wide as a pixel, or as a 64th of the image where that
    is more.
    """
    cells, side = mask.cells, 1
    while max(cells.shape) > SQUARES:
        cells, side = halve(cells), 2 * side
    rows, columns = cells.shape
    half_x, half_y = np.arange(2 * columns + 1) * (side / 2.0), np.arange(2 * rows + 1) * (side / 2.0)
    grid = sky.grid(edges_of(mask, half_x, 0), edges_of(mask, half_y, 1))
    touched = np.zeros(grid.shape[:2], np.bool_)
    for dy in range(3):
        for dx in range(3):
            touched[dy : dy + 2 * rows - 1 : 2, dx : dx + 2 * columns - 1 : 2] |= cells
    vectors = grid[touched & ~np.isnan(grid).any(axis=-1)]
    if not len(vectors):
        return None
    order = _order_for(grid)
    found = np.unique(healpix29(*positions(vectors)) >> 2 * (DEEPEST - order))
    return order, write_moc(order, found)


def _order_for(grid: Doubles) -> int:
    """The finest order whose cells are all no narrower than two steps of the grid: none slips through."""
    steps = [np.linalg.norm(np.diff(grid, axis=axis), axis=-1) for axis in (0, 1)]
    widest = 2.0 * max(float(np.nanmax(step, initial=0.0)) for step in steps)
    return min(DEEPEST, max(0, math.floor(math.log2(_NARROWEST / widest)))) if widest else DEEPEST


def write_moc(order: int, cells: NDArray[np.int64]) -> str:
    """MOC ASCII of sorted distinct cells of one order (NESTED): whole groups of four become one cell of the
    order above.
    """
    words: list[str] = []
    for depth in range(order, -1, -1):
        parents, counts = np.unique(cells >> 2, return_counts=True)
        whole = parents[counts == 4] if depth else parents[:0]
        left = cells[~np.isin(cells >> 2, whole)]
        if len(left) or depth == order:
            words.append(f"{depth}/{_ranges(left)}")
        cells = whole
    return " ".join(reversed(words))


def _ranges(cells: NDArray[np.int64]) -> str:
    if not len(cells):
        return ""
    breaks = np.flatnonzero(np.diff(cells) > 1)
    first = cells[np.concatenate([[0], breaks + 1])]
    last = cells[np.concatenate([breaks, [len(cells) - 1]])]
    return " ".join(str(a) if a == b else f"{a}-{b}" for a, b in zip(first, last, strict=True))
