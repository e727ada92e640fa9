"""Solid angles of pixels, each its own: over a wide field they differ."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from vo_service.pixels.sky_plane import SkyPlane

Doubles = NDArray[np.float64]
Span = tuple[int, int]

_NODES: Final = 65
"""Pixels along a side that are measured at first."""
_CLOSE: Final = 1e-4
"""Of an area: by more, none may be wrong where areas are interpolated."""
_MANY: Final = 1 << 17
"""Pixels that are measured together."""


class PixelAreas:
    """Of the pixels of a rectangle, its spans ``x`` and ``y`` from 0 along the first and second celestial
    axis.

    Measured at some pixels of it and interpolated in between, right to 1e-4; all of them are measured where
    that does not do, and where the border of the projection runs through.
    """

    def __init__(self, plane: SkyPlane, x: Span, y: Span) -> None:
        self._plane = plane
        self._x, self._y = _nodes(x), _nodes(y)
        self._areas = _measured(plane, self._x, self._y)
        self._is_smooth = all(_bend(each) < _CLOSE for each in (self._areas, self._areas.T))

    def within(self, x: Span, y: Span) -> Doubles:
        """(rows, columns) steradians of the pixels of a part; NaN for those that are not wholly on the
        projection."""
        columns, rows = np.arange(*x, dtype=np.float64), np.arange(*y, dtype=np.float64)
        if not self._is_smooth:
            strip = max(1, _MANY // len(columns))
            strips = [rows[start : start + strip] for start in range(0, len(rows), strip)]
            return np.concatenate([_measured(self._plane, columns, each) for each in strips])
        across = np.array([np.interp(columns, self._x, row) for row in self._areas])
        if len(self._y) == 1:
            return np.repeat(across, len(rows), axis=0)
        below = np.clip(np.searchsorted(self._y, rows, side="right") - 1, 0, len(self._y) - 2)
        part = ((rows - self._y[below]) / (self._y[below + 1] - self._y[below]))[:, None]
        return np.asarray(across[below] * (1.0 - part) + across[below + 1] * part)


def _nodes(span: Span) -> Doubles:
    """Pixels from 0, the first and the last among them."""
    count = min(_NODES, span[1] - span[0])
    return np.unique(np.linspace(span[0], span[1] - 1, count).round())


def _bend(areas: Doubles) -> float:
    """How far from the truth lines between neighbouring rows may be, as a part of the area; NaN off the
    projection."""
    if len(areas) < 3:
        return float(areas.sum() * 0.0)
    return float((np.abs(np.diff(areas, 2, axis=0)) / areas[1:-1]).max() / 8.0)


def _measured(plane: SkyPlane, columns: Doubles, rows: Doubles) -> Doubles:
    """(rows, columns) steradians: half the cross product of the diagonals of each pixel, too little by some
    square of its side in radians."""
    corners = [
        plane.grid(columns + 1.0 + across, rows + 1.0 + up)
        for across, up in ((-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5))
    ]
    cross = np.cross(corners[2] - corners[0], corners[3] - corners[1])
    return np.asarray(np.sqrt(np.square(cross).sum(axis=-1)) / 2.0)
