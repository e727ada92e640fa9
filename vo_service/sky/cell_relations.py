"""Whether a coverage map and a shape have a point in common, by descent into cells.

Cells of the map that lie far from the shape go, cells of which a point lies in it decide, and the others are
looked at in four parts each, until the shape's border is as good as straight within a cell. What is then left
touches to within about one cell of order 29.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from vo_service.sky.cell_ranges import ORDER
from vo_service.sky.cells import Cells, edges_of
from vo_service.sky.covers import children_of, circles_of_cells
from vo_service.sky.outlines import Outline, crossings
from vo_service.sky.vectors import Flags, Floats, dot

if TYPE_CHECKING:
    from vo_service.sky.region import Region

_AT_ONCE: Final = 4096
_INSIDE: Final = -1e-14
_TOLERANCE: Final = 2e-9  # radians: about the width of a cell of order 29
_STEPS: Final = 4  # places looked at along each edge of a cell
_BEND: Final = 3.0  # an edge of a cell bends by at most this, and this over the distance from the pole


class Common(Enum):
    """What a map and a shape have in common."""

    NOTHING = auto()
    BORDER = auto()
    POINTS = auto()


def common_of(cells: Iterable[tuple[int, NDArray[np.int64]]], region: Region) -> Common:
    """What cells (orders and numbers) and a region have in common.

    The cells nearest to the region are followed first, so that a common point is found soon.
    """
    shape = _Shape.of(region)
    waiting = [(order, numbers.astype(np.uint64)) for order, numbers in cells]
    found = Common.NOTHING
    while waiting:
        order, numbers = waiting.pop()
        if len(numbers) > _AT_ONCE:
            waiting.append((order, numbers[_AT_ONCE:]))
            numbers = numbers[:_AT_ONCE]
        centres, reach = circles_of_cells(numbers, order)
        if region.contains(centres, _INSIDE).any():
            return Common.POINTS
        away = region.distance(centres)
        near = np.flatnonzero(away <= reach)
        near = near[np.argsort(away[near], kind="stable")]
        numbers, centres = numbers[near], centres[near]
        straight = shape.straight_in(centres, order)
        if straight.any():
            edges = _edges_of(numbers[straight], centres[straight], order)
            if region.contains(edges.inner, _INSIDE).any():
                return Common.POINTS
            if order == ORDER or region.contains(edges.outer).any():
                found = Common.BORDER
        if not straight.all():
            waiting.append((order + 1, children_of(numbers[~straight])))
    return found


@dataclass(frozen=True, slots=True)
class _Shape:
    """Corners of a shape's border, and how much the border bends between them (one over radians)."""

    corners: Floats
    bend: float

    @staticmethod
    def of(region: Region) -> _Shape:
        border: Outline = region.outline()
        radius = np.sqrt(border.q * (1.0 - 0.25 * border.q))
        bend = float(np.max(np.abs(1.0 - 0.5 * border.q) / radius, initial=0.0))
        return _Shape(np.concatenate([border.points, crossings(border, border)]), bend)

    def straight_in(self, centres: Floats, order: int) -> Flags:
        """Which cells are so small that the places along their edges tell whether they meet the shape."""
        if order == ORDER:
            return np.ones(len(centres), dtype=bool)
        width = 1.1 / 2.0**order
        from_pole = np.hypot(centres[:, 0], centres[:, 1])
        bend = self.bend + _BEND + _BEND / np.maximum(from_pole - width, 1e-300)
        small: Flags = (width / _STEPS) ** 2 * bend / 8.0 <= 0.5 * _TOLERANCE
        small &= from_pole > 2.0 * width
        if not small.any() or len(self.corners) == 0:
            return small
        near = math.cos(width) - 1e-15  # at the finest orders some cells farther off count as near, too
        far: Flags = (centres @ self.corners.T).max(axis=1) < near
        return small & far


@dataclass(frozen=True, slots=True)
class _EdgePlaces:
    """Places along the edges of cells, moved a little into them and out of them."""

    inner: Floats
    outer: Floats


def _edges_of(cells: Cells, centres: Floats, order: int) -> _EdgePlaces:
    if order == ORDER:
        return _EdgePlaces(np.empty((0, 3)), np.empty((0, 3)))
    edges = edges_of(cells, order, _STEPS)
    inwards = centres[:, None, :] - edges
    inwards /= np.sqrt(dot(inwards, inwards))[:, :, None]
    moved = []
    for step in (_TOLERANCE, -_TOLERANCE):
        places = (edges + step * inwards).reshape(-1, 3)
        moved.append(places / np.sqrt(dot(places, places))[:, None])
    return _EdgePlaces(moved[0], moved[1])
