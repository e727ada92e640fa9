"""The plane of an image on the sky in ICRS, and the solid angle of parts of it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from vo_service.pixels.celestial import Celestial
from vo_service.pixels.outline import Turn, sky_positions, unit_vectors
from vo_service.pixels.valid import ValidMask

BLOCKS = 128
"""Pieces a side of the image is cut into for its solid angle: pixels of one piece are taken as equal."""
_DEG2 = (180.0 / math.pi) ** 2

Doubles = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class SkyPlane:
    """Pixel coordinates (FITS, the first is 1) to ICRS; ``turn`` leads there from the header's frame (None
    where that is ICRS itself), ``back`` the other way; without it there is none back to pixels."""

    celestial: Celestial
    turn: Turn | None
    back: Turn | None = None

    def vectors(self, pixels: Doubles) -> Doubles:
        """(n, 2) pixel coordinates -> (n, 3) unit vectors, NaN off the projection."""
        vectors = unit_vectors(self.celestial.to_world(pixels))
        return vectors if self.turn is None else self.turn(vectors)

    def positions(self, pixels: Doubles) -> Doubles:
        """(n, 2) pixel coordinates -> (n, 2) right ascension and declination in degrees, NaN off the
        projection.
        """
        return sky_positions(self.vectors(pixels))

    def pixels(self, vectors: Doubles) -> Doubles:
        """(n, 3) unit vectors -> (n, 2) pixel coordinates, NaN off the projection. Only where there is no
        turn, or a way back."""
        if self.back is not None:
            vectors = self.back(vectors)
        return self.celestial.to_pixels(sky_positions(vectors))

    def grid(self, x: Doubles, y: Doubles) -> Doubles:
        """(rows, columns, 3) unit vectors of all pairs of pixel coordinates."""
        columns, rows = np.meshgrid(x, y)
        found = self.vectors(np.column_stack([columns.ravel(), rows.ravel()]))
        return found.reshape(len(y), len(x), 3)


def edges_of(mask: ValidMask, cells: NDArray[np.int64] | Doubles, axis: int) -> Doubles:
    """Pixel coordinates of lines between cells, counted from 0; ``axis`` 0 is x, 1 is y."""
    length = (mask.shape.columns, mask.shape.rows)[axis]
    return np.asarray(np.minimum(cells * float(mask.step), length) + 0.5)


def solid_angle(mask: ValidMask, sky: SkyPlane) -> float:
    """Solid angle of the valid cells in square degrees; what lies off the projection counts nothing."""
    rows, columns = mask.cells.shape
    x, y = _cuts(columns), _cuts(rows)
    by_column = (mask.cells[low:high].sum(axis=0, dtype=np.int64) for low, high in pairwise(y))
    counts = np.array([np.add.reduceat(strip, x[:-1]) for strip in by_column])
    cells = np.outer(np.diff(y), np.diff(x))
    corners = sky.grid(edges_of(mask, x, 0), edges_of(mask, y, 1))
    areas = _quadrangles(corners)
    total = float(np.nansum(areas * counts / cells))
    seen = ~np.isnan(corners[..., 0])
    partly = seen[:-1, :-1] | seen[:-1, 1:] | seen[1:, :-1] | seen[1:, 1:]
    for row, column in zip(*np.nonzero(np.isnan(areas) & partly & (counts > 0)), strict=True):
        total += _by_cell(mask, sky, x[column : column + 2], y[row : row + 2])
    return total * _DEG2


def _cuts(length: int) -> NDArray[np.int64]:
    return np.unique(np.linspace(0, length, min(length, BLOCKS) + 1).round().astype(np.int64))


def _by_cell(mask: ValidMask, sky: SkyPlane, x: NDArray[np.int64], y: NDArray[np.int64]) -> float:
    """A piece that the border of the projection runs through, in radians squared."""
    across, up = np.arange(x[0], x[1] + 1), np.arange(y[0], y[1] + 1)
    areas = _quadrangles(sky.grid(edges_of(mask, across, 0), edges_of(mask, up, 1)))
    return float(np.nansum(areas * mask.cells[y[0] : y[1], x[0] : x[1]]))


def _quadrangles(corners: Doubles) -> Doubles:
    """Solid angles (rows - 1, columns - 1) between neighbouring points of a grid (rows, columns, 3)."""
    a, b, c, d = corners[:-1, :-1], corners[:-1, 1:], corners[1:, 1:], corners[1:, :-1]
    return np.asarray(_triangles(a, b, c) + _triangles(a, c, d))


def _triangles(a: Doubles, b: Doubles, c: Doubles) -> Doubles:
    volume = np.abs(np.einsum("ijk,ijk->ij", a, np.cross(b - a, c - a)))
    below = 1.0 + (a * b).sum(axis=-1) + (b * c).sum(axis=-1) + (c * a).sum(axis=-1)
    return np.asarray(2.0 * np.arctan2(volume, below))
