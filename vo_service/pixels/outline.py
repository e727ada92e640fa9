"""The outline of an image on the sky, from its outer pixel edges alone."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vo_service.pixels.celestial import Celestial, CelestialError

EDGE_POINTS = 16
"""Points along each edge before simplification; distortion of a field of many degrees shows well in them."""
MAXIMUM_VERTICES = 60

Turn = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""Takes unit vectors (n, 3), NaN among them, from the frame of the header into another."""


@dataclass(frozen=True, slots=True)
class Outline:
    """Outer edge of an image: unit vectors of the centre (3,) and of the vertices (n, 3), counter-clockwise
    seen from inside the sphere; ``radius`` (radians) of the smallest circle round the centre that holds the
    outline.
    """

    centre: NDArray[np.float64]
    vertices: NDArray[np.float64]
    radius: float


def trace_outline(celestial: Celestial, turn: Turn | None = None) -> Outline:
    """Outline through the outer edges of the outermost pixels, taken into another frame by ``turn``.

    At most 60 vertices, each within a tenth of a pixel of the true edge for fields of usual size.
    Raises CelestialError where the centre or more than half of the edge lie off the projection.
    """
    nx, ny = celestial.size
    border = _border_pixels(nx, ny)
    pixels = np.vstack([[[(nx + 1) / 2, (ny + 1) / 2]], border])
    sky = celestial.to_world(pixels)
    if np.isnan(sky[0]).any():
        raise CelestialError("the centre of the image lies off the sky projection", "CRPIX", None)
    vectors = unit_vectors(sky)
    if turn is not None:
        vectors = turn(vectors)
    edge = vectors[1:][~np.isnan(vectors[1:]).any(axis=1)]
    if len(edge) < max(3, len(border) // 2):
        raise CelestialError("the edge of the image lies off the sky projection", "CRPIX", None)
    radius = float(_separations(vectors[0], edge).max())
    tolerance = 0.1 * math.radians(celestial.pixel_scale())
    vertices = _simplify(edge, tolerance)
    while len(vertices) > MAXIMUM_VERTICES:
        tolerance *= 2.0
        vertices = _simplify(edge, tolerance)
    if _is_clockwise(vectors[0], vertices):
        vertices = vertices[::-1]
    return Outline(vectors[0], vertices, radius)


def unit_vectors(sky: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, 2) longitude and latitude in degrees -> (n, 3)."""
    lon, lat = np.radians(sky[:, 0]), np.radians(sky[:, 1])
    return np.column_stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])


def sky_positions(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    """(n, 3) unit vectors -> (n, 2) longitude (0 to 360) and latitude in degrees."""
    lon = np.degrees(np.arctan2(vectors[:, 1], vectors[:, 0])) % 360.0
    lat = np.degrees(np.arctan2(vectors[:, 2], np.hypot(vectors[:, 0], vectors[:, 1])))
    return np.column_stack([np.where(lon >= 360.0, 0.0, lon), lat])


def _border_pixels(nx: int, ny: int) -> NDArray[np.float64]:
    """Points round the outer pixel edges, corners included, each once."""
    step = np.linspace(0.0, 1.0, EDGE_POINTS, endpoint=False)
    low, right, top = 0.5, nx + 0.5, ny + 0.5
    bottom_edge = np.column_stack([low + step * nx, np.full_like(step, low)])
    right_edge = np.column_stack([np.full_like(step, right), low + step * ny])
    top_edge = np.column_stack([right - step * nx, np.full_like(step, top)])
    left_edge = np.column_stack([np.full_like(step, low), top - step * ny])
    return np.vstack([bottom_edge, right_edge, top_edge, left_edge])


def _separations(centre: NDArray[np.float64], vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    chord = np.linalg.norm(vectors - centre, axis=1)
    return np.asarray(2.0 * np.arcsin(np.minimum(1.0, chord / 2.0)))


def _simplify(ring: NDArray[np.float64], tolerance: float) -> NDArray[np.float64]:
    """Drops points closer than ``tolerance`` (radians) to the great circle between the kept ones beside
    them.
    """
    corners = np.arange(0, len(ring), EDGE_POINTS if len(ring) > MAXIMUM_VERTICES else 1)
    kept: list[int] = []
    for begin, end in zip(corners, [*corners[1:], len(ring)], strict=True):
        kept.extend(_keep_between(ring, int(begin), int(end), tolerance))
    return ring[kept]


def _keep_between(ring: NDArray[np.float64], begin: int, end: int, tolerance: float) -> list[int]:
    """Indices kept from ``begin`` (always) to before ``end``: the point farthest off the arc, and so on by
    halves.
    """
    if end - begin < 2:
        return [begin]
    first, last = ring[begin], ring[end % len(ring)]
    normal = np.cross(first, last)
    length = float(np.linalg.norm(normal))
    if length == 0.0:
        return [begin]
    offset = np.abs(ring[begin + 1 : end] @ (normal / length))
    far = int(offset.argmax())
    if offset[far] <= tolerance:
        return [begin]
    middle = begin + 1 + far
    return _keep_between(ring, begin, middle, tolerance) + _keep_between(ring, middle, end, tolerance)


def _is_clockwise(centre: NDArray[np.float64], ring: NDArray[np.float64]) -> bool:
    """Whether the ring turns clockwise as seen from inside the sphere (east to the left)."""
    turned = np.roll(ring, -1, axis=0)
    return float(np.cross(ring - centre, turned - centre).sum(axis=0) @ centre) < 0.0
