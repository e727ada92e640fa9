"""Cells as they are seen in the planes that touch the sphere at the middles of footprints.

In such a plane (gnomonic projection) great circles are straight lines, and a circle round the middle stays a
circle, with the tangent of its radius. The sides of cells are no great circles, but nearly: a cell lies
within the four half-planes of its corners, each moved outwards by a *slack*.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from vo_service.sky.cells import places_in
from vo_service.sky.vectors import ALLOWANCE, Floats, cross

Places = NDArray[np.intp]
Cells = NDArray[np.int64]

WIDEST: Final = 0.15
"""Radians: larger footprints, with the cells round them, do not fit into a plane."""

_SIDE: Final = math.sqrt(math.pi / 3.0)  # of a cell of order 0, as a square of its area
# How far sides bend outwards, over squared sides, in planes up to 2.5 cells away: 0.16 / (1 + 1 / t) was
# the worst of some 100,000 cells of each order, t the angle to the pole; beside the poles 0.08 of a side.
_BEND: Final = 0.25
_BEND_AT_POLE: Final = 0.12
# Corners from the south on round the cell, and a place inside that no round coordinates have.
_EAST: Final = np.array([0.0, 1.0, 1.0, 0.0, 0.46371])
_WEST: Final = np.array([0.0, 0.0, 1.0, 1.0, 0.52913])


@dataclass(frozen=True, slots=True, eq=False)
class Planes:
    """Planes that touch at ``middle`` ``(n, 3)``, with axes ``east`` and ``north``: right angles all."""

    middle: Floats
    east: Floats
    north: Floats

    @staticmethod
    def at(middle: Floats) -> Planes:
        """Planes at unit vectors; which way their axes point does not matter."""
        least = np.eye(3)[np.argmin(np.abs(middle), axis=1)]
        east = cross(least, middle)
        east /= np.sqrt(np.einsum("ij,ij->i", east, east))[:, None]
        return Planes(middle, east, cross(middle, east))

    def take(self, rows: Places) -> Planes:
        """Some of the planes, in this order."""
        return Planes(self.middle[rows], self.east[rows], self.north[rows])

    def seen(self, xyz: Floats) -> tuple[Floats, Floats, Floats]:
        """Coordinates of unit vectors ``(n, m, 3)``, each row in its plane; and how much larger squares are
        there than on the sphere, at most, for each row."""
        ahead = np.einsum("ijk,ik->ij", xyz, self.middle)
        x = np.einsum("ijk,ik->ij", xyz, self.east) / ahead
        y = np.einsum("ijk,ik->ij", xyz, self.north) / ahead
        return x, y, 1.0 / ahead.min(axis=1) ** 2


@dataclass(frozen=True, slots=True, eq=False)
class Outlines:
    """Cells in planes: corners ``x, y`` ``(n, 4)``; a place inside, ``inner_x, inner_y``; unit normals of the
    sides ``out_x, out_y`` that point outwards, which begin at the corners; their distances ``away`` from the
    middle of the plane, negative where that is within; and the ``slack`` ``(n,)``.
    """

    x: Floats
    y: Floats
    inner_x: Floats
    inner_y: Floats
    out_x: Floats
    out_y: Floats
    away: Floats
    slack: Floats


def outlines(cells: Cells, order: int, planes: Planes) -> Outlines:
    """Cells of one order, each in its plane."""
    places = places_in(cells.astype(np.uint64), order, _EAST, _WEST)
    seen_x, seen_y, larger = planes.seen(places)
    x, y = seen_x[:, :4], seen_y[:, :4]
    along_x, along_y = _next(x) - x, _next(y) - y
    length = np.hypot(along_x, along_y)
    out_x, out_y = along_y / length, -along_x / length
    from_pole = np.hypot(places[:, 4, 0], places[:, 4, 1])
    side = _SIDE / 2.0**order
    bend = np.minimum(_BEND_AT_POLE * side, _BEND * side * side * (1.0 + 1.0 / from_pole))
    return Outlines(
        x,
        y,
        seen_x[:, 4],
        seen_y[:, 4],
        out_x,
        out_y,
        out_x * x + out_y * y,
        larger * bend + ALLOWANCE,
    )


def _next(values: Floats) -> Floats:
    """Of each corner that of the next."""
    turned: Floats = values[:, [1, 2, 3, 0]]
    return turned
