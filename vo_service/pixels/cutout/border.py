"""How far a shape reaches in an image, by its border alone: for shapes of which the border runs wholly
inside the image and nothing odd happens to it on the way from the sky.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from vo_service.pixels.sky_plane import SkyPlane
from vo_service.sky import Region
from vo_service.sky.outlines import Outline

Doubles = NDArray[np.float64]

_NARROW: Final = math.radians(20.0)
"""Images and shapes of a larger radius may meet the rim of a projection, or themselves."""
_MOST_ARCS: Final = 64
_POINTS: Final = 129
"""Points on all arcs together at first, at least nine on each."""
_FINE: Final = 17
"""Points between the neighbours of an extreme, again and again."""
_ROUNDS: Final = 7
_MANY: Final = 1024
"""Points on all arcs of a border of which only parts lie in the image."""
_SAME: Final = 1e-11
"""Radians between a place and where its pixel leads back to."""
_UNEVEN: Final = 4.0
"""So much farther than on the sky two neighbours may lie apart in pixels, for a border that is not torn."""


def reach_of_border(plane: SkyPlane, shape: Region) -> tuple[Doubles, Doubles] | None:
    """The lowest and the highest FITS pixel coordinates (2,) of a shape (ICRS), right to some 1e-8 pixels.

    None where they cannot be told so: the shape reaches beyond the image, or one of both is wide.
    """
    border = shape.outline()
    if plane.turn is not None and plane.back is None:
        return None
    if not 0 < len(border) <= _MOST_ARCS or shape.cap().radius > _NARROW or not _is_apart(plane, shape):
        return None
    count = max(9, _POINTS // len(border))
    arcs = np.repeat(np.arange(len(border)), count)
    angles = (np.linspace(-1.0, 1.0, count) * border.half[:, None]).ravel()
    sky = border.at(arcs, angles)
    pixels = plane.pixels(sky)
    if not _is_whole(plane, sky.reshape(-1, count, 3), pixels.reshape(-1, count, 2)):
        return None
    return _extremes(plane, border, angles, 2.0 * border.half / (count - 1), pixels)


def points_of_border(plane: SkyPlane, shape: Region) -> Doubles:
    """Some FITS pixel coordinates (n, 2) within the image where the border of a shape runs, or none."""
    border = shape.outline()
    if (plane.turn is not None and plane.back is None) or not len(border):
        return np.empty((0, 2))
    count = max(2, _MANY // len(border))  # ends of arcs always: corners are what reaches out alone
    arcs = np.repeat(np.arange(len(border)), count)
    sky = border.at(arcs, (np.linspace(-1.0, 1.0, count) * border.half[:, None]).ravel())
    pixels = plane.pixels(sky)
    size = np.array(plane.celestial.size, dtype=np.float64)
    near = ((pixels >= 0.5) & (pixels <= size + 0.5)).all(axis=1)
    sky, pixels = sky[near], pixels[near]
    same = np.sqrt(np.square(plane.vectors(pixels) - sky).sum(axis=1)) < _SAME  # projections may fold
    return np.asarray(pixels[same & shape.contains(sky)])


def _extremes(
    plane: SkyPlane, border: Outline, angles: Doubles, steps: Doubles, pixels: Doubles
) -> tuple[Doubles, Doubles]:
    """Lowest and highest coordinates (2,) on a border of which as many points of each arc are known: the best
    of each arc, since any may reach farthest between its points, then the best of finer ones round it, in all
    four directions at once."""
    arc, ways = np.divmod(np.arange(4 * len(border)), 4)
    signs, axes = np.array([-1.0, -1.0, 1.0, 1.0])[ways], np.array([0, 1, 0, 1])[ways]
    values = (signs[:4] * pixels[:, axes[:4]]).reshape(len(border), -1, 4)
    best = values.argmax(axis=1).ravel()
    every = np.arange(len(arc))
    ends, middle = values[arc, best, ways], angles.reshape(len(border), -1)[arc, best]
    step = steps[arc]
    end = np.where(border.half < math.pi, border.half, math.inf)[arc]  # a whole circle has no end
    for _ in range(_ROUNDS):
        near = middle[:, None] + np.linspace(-1.0, 1.0, _FINE) * step[:, None]
        near = np.clip(near, -end[:, None], end[:, None])
        there = plane.pixels(border.at(np.repeat(arc, _FINE), near.ravel())).reshape(-1, _FINE, 2)
        found = signs[:, None] * there[every, :, axes]
        place = found.argmax(axis=1)
        middle, ends = near[every, place], np.maximum(ends, found[every, place])
        step = step * (2.0 / (_FINE - 1))
    ends = signs[:4] * ends.reshape(-1, 4).max(axis=0)
    return ends[:2], ends[2:]


def _is_apart(plane: SkyPlane, shape: Region) -> bool:
    """Whether the image is small, and none of its corners lies in the shape: what of the shape is in the
    image is then inside its border."""
    nx, ny = plane.celestial.size
    corners = [(0.5, 0.5), (nx + 0.5, 0.5), (nx + 0.5, ny + 0.5), (0.5, ny + 0.5), (nx / 2.0, ny / 2.0)]
    seen = plane.vectors(np.array(corners))
    if np.isnan(seen).any() or shape.contains(seen[:4]).any():
        return False
    chords = np.sqrt(np.square(seen[:4] - seen[4]).sum(axis=1))
    return bool(chords.max() < _NARROW)


def _is_whole(plane: SkyPlane, sky: Doubles, pixels: Doubles) -> bool:
    """Whether all points (arcs, points, ...) of a border lie inside the image, and neighbours stay so."""
    size = np.array(plane.celestial.size, dtype=np.float64)
    if not ((pixels > 0.5) & (pixels < size + 0.5)).all():
        return False
    scale = math.radians(plane.celestial.pixel_scale())
    apart = np.sqrt(np.square(np.diff(pixels, axis=1)).sum(axis=2)) * scale
    on_sky = np.sqrt(np.square(np.diff(sky, axis=1)).sum(axis=2))
    return bool((apart <= _UNEVEN * on_sky + 1e-3 * scale).all())
