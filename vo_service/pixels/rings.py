"""Borders of the valid part of a mask: closed rings of corners on the grid between its cells."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vo_service.pixels.valid import Mask

MAXIMUM_CORNERS = 100_000
_STRIP = 1024

Corners = NDArray[np.float64]
"""(n, 2) x and y; the cell in column i and row j reaches from i to i + 1 and j to j + 1."""


@dataclass(frozen=True, slots=True)
class Ring:
    """A closed border, valid cells to its left. ``area`` in cells is negative for the border of a hole."""

    corners: Corners
    area: float


def trace_rings(mask: Mask) -> tuple[list[Ring], int]:
    """The borders of a mask, largest first, and the side of the squares of cells they are drawn round.

    That side is 1, unless the mask is so scattered that it has over 100,000 corners: then 2, 4 and so on,
    with a square taken as valid where any of its cells is. Cells that touch at a corner alone are joined
    there.
    """
    side = 1
    while True:
        if _count_corners(mask) <= MAXIMUM_CORNERS:
            joined = join_diagonals(mask)
            corners = _find_corners(joined)
            if len(corners) <= 2 * MAXIMUM_CORNERS:
                break
        mask, side = halve(mask), 2 * side
    rings = [Ring(side * ring.corners, side * side * ring.area) for ring in _link(corners, joined)]
    return sorted(rings, key=lambda ring: -abs(ring.area)), side


def halve(mask: Mask) -> Mask:
    """A mask of half as many rows and columns; a cell is valid where one of its four is."""
    upper = mask[1::2]
    rows = mask[::2].copy()
    rows[: len(upper)] |= upper
    right = rows[:, 1::2]
    half = rows[:, ::2].copy()
    half[:, : right.shape[1]] |= right
    return half


def join_diagonals(mask: Mask) -> Mask:
    """The mask with one cell more wherever two valid cells touch at a corner alone, so that no corner lies
    on two borders.
    """
    joined = mask.copy()
    while True:
        changed = False
        for top in range(0, len(joined) - 1, _STRIP):
            part = joined[top : top + _STRIP + 1]
            a, b, c, d = part[:-1, :-1], part[:-1, 1:], part[1:, :-1], part[1:, 1:]
            rising, falling = b & c & ~a & ~d, a & d & ~b & ~c
            if rising.any() or falling.any():
                a |= rising
                b |= falling
                changed = True
        if not changed:
            return joined


def _find_corners(mask: Mask) -> NDArray[np.int64]:
    """(n, 2) x and y of the grid points where the border turns: those with one or three valid cells round
    them; ordered by y, then x.
    """
    found = []
    for top, turns in _turns(mask):
        y, x = np.nonzero(turns)
        found.append(np.column_stack([x, y + top]))
    return np.concatenate(found)


def _count_corners(mask: Mask) -> int:
    return sum(int(np.count_nonzero(turns)) for _, turns in _turns(mask))


def _turns(mask: Mask) -> Iterator[tuple[int, Mask]]:
    """(first row, which grid points are corners) in strips of the grid."""
    rows = len(mask)
    for top in range(0, rows + 1, _STRIP):
        bottom = min(top + _STRIP, rows + 1)
        part = np.pad(mask[max(0, top - 1) : bottom], ((int(top == 0), int(bottom == rows + 1)), (1, 1)))
        across = part[:, 1:] ^ part[:, :-1]
        yield top, across[1:] ^ across[:-1]


def _link(corners: NDArray[np.int64], mask: Mask) -> list[Ring]:
    """Rings through all corners. Corners in a row of the grid are joined in pairs, and so are those in a
    column: each has one neighbour on either line.
    """
    count = len(corners)
    beside = np.arange(count) ^ 1
    down = np.lexsort((corners[:, 1], corners[:, 0]))
    above = np.empty(count, np.int64)
    above[down[0::2]], above[down[1::2]] = down[1::2], down[0::2]
    rings, seen = [], np.zeros(count, np.bool_)
    along, across = beside.tolist(), above.tolist()
    for start in range(count):
        if seen[start]:
            continue
        ring, at = [], start
        while True:
            ring.append(at)
            ring.append(along[at])
            at = across[along[at]]
            if at == start:
                break
        seen[ring] = True
        rings.append(_oriented(corners[ring], mask))
    return rings


def _oriented(corners: NDArray[np.int64], mask: Mask) -> Ring:
    """A ring in the direction that leaves valid cells to the left."""
    area = shoelace(corners)
    x, y = int(corners[:2, 0].min()), int(corners[0, 1])  # the first edge runs along a row of the grid
    valid_above = y < len(mask) and bool(mask[y, x])
    left_is_above = corners[1, 0] > corners[0, 0]
    if valid_above != left_is_above:
        corners, area = corners[::-1], -area
    return Ring(corners.astype(np.float64), area)


def shoelace(corners: NDArray[np.int64] | Corners) -> float:
    """Area within a ring, positive where it runs counter-clockwise (x to the right, y up)."""
    x, y = corners[:, 0].astype(np.float64), corners[:, 1].astype(np.float64)
    x, y = x - x[0], y - y[0]
    return 0.5 * float(np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y))
