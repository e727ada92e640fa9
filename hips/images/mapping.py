"""Which place of an image each pixel of a tile is: exact at some pixels, polynomials between them.

Inside a tile the way from its pixels to those of an image is smooth nearly everywhere, so a few exact
places tell all others. Where it is not (the parallels at 41.8 degrees, where the grid of cells has a bend,
borders of projections, the other side of the sky) all places are computed.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from hips.tiles.grid import WIDTH, pixel_vectors
from vo_service.pixels.sky_plane import SkyPlane

TOLERANCE = 5e-4
"""Of a pixel of the image: how far an interpolated place may be off."""
_NODES = (4, 8, 16)
_CHECKS = 9
"""Pixels along each side at which interpolated places are compared with exact ones, none of them a node."""

Doubles = NDArray[np.float64]


class Mapping:
    """From the pixels of one tile to those of one image, which count from 0 at the middle of the first."""

    def __init__(self, sky: SkyPlane, order: int, cell: int) -> None:
        self._sky, self._order, self._cell = sky, order, cell
        self._known: Doubles | None = None
        checks = self._exact(_check_places(), _check_places())
        self.corners = checks
        """Exact places ``(2, 9, 9)``, x and y, evenly over the tile out to its corners."""
        if np.isfinite(checks).all():
            for count in _NODES:
                known = self._exact(_node_places(count), _node_places(count))
                if np.isfinite(known).all() and _off(known, count, checks) < TOLERANCE:
                    self._known = known
                    break

    @property
    def smooth(self) -> bool:
        """Whether all of the tile has a place that polynomials give."""
        return self._known is not None

    def places(self, rows: slice, columns: slice) -> Doubles:
        """x and y ``(2, rows, columns)`` of pixels of the tile; NaN where they have no place in the image's
        projection."""
        if self._known is None:
            every = np.arange(WIDTH, dtype=np.float64)
            return self._exact(every[rows], every[columns])
        count = self._known.shape[1]
        weights = _weights(count)
        return _combined(weights[rows], self._known, weights[columns])

    def _exact(self, rows: Doubles, columns: Doubles) -> Doubles:
        vectors = pixel_vectors(self._order, self._cell, rows, columns)
        pixels = self._sky.pixels(vectors.reshape(-1, 3)) - 1.0
        return np.ascontiguousarray(pixels.T).reshape(2, len(rows), len(columns))


@lru_cache(maxsize=8)
def _node_places(count: int) -> Doubles:
    """Chebyshev's points over the tile, edges of pixels included."""
    angles = np.pi * (np.arange(count) + 0.5) / count
    return (WIDTH - 1) / 2.0 - WIDTH / 2.0 * np.cos(angles)


@lru_cache(maxsize=1)
def _check_places() -> Doubles:
    return np.linspace(-0.5, WIDTH - 0.5, _CHECKS)


@lru_cache(maxsize=8)
def _weights(count: int) -> Doubles:
    """What each node counts ``(512, nodes)`` at each pixel along a side."""
    return _weights_at(count, np.arange(WIDTH, dtype=np.float64))


@lru_cache(maxsize=8)
def _check_weights(count: int) -> Doubles:
    return _weights_at(count, _check_places())


def _weights_at(count: int, places: Doubles) -> Doubles:
    scaled = [(part + 0.5) / (WIDTH / 2.0) - 1.0 for part in (_node_places(count), places)]
    nodes, wanted = (np.polynomial.chebyshev.chebvander(part, count - 1) for part in scaled)
    return np.asarray(np.linalg.solve(nodes.T, wanted.T).T)


def _off(known: Doubles, count: int, exact: Doubles) -> float:
    weights = _check_weights(count)
    return float(np.abs(_combined(weights, known, weights) - exact).max())


def _combined(down: Doubles, known: Doubles, across: Doubles) -> Doubles:
    """Sums over nodes along both sides. Not by matrix products, whose threads get in each other's way where
    several processes are at work, and whose last bits depend on how many there are."""
    half = np.einsum("ij,ajk->aik", down, known)
    return np.asarray(np.einsum("aik,kj->aij", half, np.ascontiguousarray(across.T)))
