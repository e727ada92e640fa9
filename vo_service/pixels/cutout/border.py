"""How far a shape reaches in an image, by its border alone: for shapes of which the border runs wholly
inside the image and nothing odd happens to it on the way from the sky.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from vo_service.pixels.sky_plane import SkyPlane
from vo_service.sky import Region
from vo_service.sky.outlines import Outline, join_outlines

Doubles = NDArray[np.float64]
Reach = tuple[Doubles, Doubles]

_NARROW: Final = math.radians(20.0)
"""Images and shapes of a larger radius may meet the rim of a projection, or themselves."""
_MOST_ARCS: Final = 64
_POINTS: Final = 129
"""Points on all arcs together at first, at least nine on each."""
_FINE: Final = 17
"""Points between the neighbours of an extreme, again and again."""
_ROUNDS: Final = 7
_SETTLED: Final = 1e-9
"""Pixels that the border may bend away between two points: about its extent, times the square of the part of
its arc that lies between them."""
_SIGNS: Final = np.array([-1.0, -1.0, 1.0, 1.0])
_TOGETHER: Final = 256
"""Borders that are looked at together."""
_MANY: Final = 1024
"""Points on all arcs of a border of which only parts lie in the image."""
_SAME: Final = 1e-11
"""Radians between a place and where its pixel leads back to."""
_UNEVEN: Final = 4.0
"""So much farther than on the sky two neighbours may lie apart in pixels, for a border that is not torn."""


def reach_of_border(plane: SkyPlane, shape: Region) -> Reach | None:
    """The lowest and the highest FITS pixel coordinates (2,) of a shape (ICRS), right to some 1e-8 pixels.

    None where they cannot be told so: the shape reaches beyond the image, or one of both is wide.
    """
    return reaches_of_borders(plane, (shape,))[0]


def reaches_of_borders(plane: SkyPlane, shapes: Sequence[Region]) -> list[Reach | None]:
    """The same of many shapes, at little more cost than of one."""
    reaches: list[Reach | None] = [None] * len(shapes)
    if plane.turn is not None and plane.back is None:
        return reaches
    corners = _corners(plane)
    if corners is None:
        return reaches
    alike: dict[int, list[tuple[int, Outline]]] = {}
    for place, shape in enumerate(shapes):
        border = shape.outline()
        is_fit = 0 < len(border) <= _MOST_ARCS and shape.cap().radius <= _NARROW
        if is_fit and not shape.contains(corners).any():
            alike.setdefault(len(border), []).append((place, border))
    for arcs, borders in alike.items():
        for start in range(0, len(borders), _TOGETHER):
            together = borders[start : start + _TOGETHER]
            found = _reaches(plane, join_outlines([border for _, border in together]), arcs)
            for (place, _), reach in zip(together, found, strict=True):
                reaches[place] = reach
    return reaches


def _reaches(plane: SkyPlane, borders: Outline, arcs: int) -> list[Reach | None]:
    """Those of borders of so many arcs each, which lie one behind the other."""
    count = max(9, _POINTS // arcs)
    angles = (np.linspace(-1.0, 1.0, count) * borders.half[:, None]).ravel()
    sky = borders.at(np.repeat(np.arange(len(borders)), count), angles)
    pixels = plane.pixels(sky)
    whole = _are_whole(plane, sky.reshape(-1, arcs, count, 3), pixels.reshape(-1, arcs, count, 2))
    if not whole.any():
        return [None] * len(whole)
    ends = _extremes(plane, borders, angles, 2.0 * borders.half / (count - 1), pixels)
    by_border = _SIGNS * ends.reshape(-1, arcs, 4).max(axis=1)
    return [
        (four[:2], four[2:]) if is_whole else None for four, is_whole in zip(by_border, whole, strict=True)
    ]


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


def _extremes(plane: SkyPlane, border: Outline, angles: Doubles, steps: Doubles, pixels: Doubles) -> Doubles:
    """How far each arc of which as many points are known reaches down and up both axes (arcs, 4), downwards
    with the sign changed: the best of each arc, since any may reach farthest between its points, then the
    best of finer ones round it, in all four directions at once."""
    arc, ways = np.divmod(np.arange(4 * len(border)), 4)
    signs, axes = _SIGNS[ways], np.array([0, 1, 0, 1])[ways]
    values = (signs[:4] * pixels[:, axes[:4]]).reshape(len(border), -1, 4)
    best = values.argmax(axis=1).ravel()
    every = np.arange(len(arc))
    ends, middle = values[arc, best, ways], angles.reshape(len(border), -1)[arc, best]
    step = steps[arc]
    end = np.where(border.half < math.pi, border.half, math.inf)[arc]  # a whole circle has no end
    extents = np.ptp(pixels.reshape(len(border), -1, 2), axis=1).max(axis=1)[arc]
    for _ in range(_ROUNDS):
        if not (extents * np.square(step) >= _SETTLED * np.square(border.half[arc])).any():
            break
        near = middle[:, None] + np.linspace(-1.0, 1.0, _FINE) * step[:, None]
        near = np.clip(near, -end[:, None], end[:, None])
        there = plane.pixels(border.at(np.repeat(arc, _FINE), near.ravel())).reshape(-1, _FINE, 2)
        found = signs[:, None] * there[every, :, axes]
        place = found.argmax(axis=1)
        middle, ends = near[every, place], np.maximum(ends, found[every, place])
        step = step * (2.0 / (_FINE - 1))
    by_arc: Doubles = ends.reshape(-1, 4)
    return by_arc


def _corners(plane: SkyPlane) -> Doubles | None:
    """The corners of a small image (4, 3), None of a large one. Where none of them lies in a shape, what of
    the shape is in the image is inside its border."""
    nx, ny = plane.celestial.size
    corners = [(0.5, 0.5), (nx + 0.5, 0.5), (nx + 0.5, ny + 0.5), (0.5, ny + 0.5), (nx / 2.0, ny / 2.0)]
    seen = plane.vectors(np.array(corners))
    if np.isnan(seen).any():
        return None
    chords = np.sqrt(np.square(seen[:4] - seen[4]).sum(axis=1))
    return seen[:4] if chords.max() < _NARROW else None


def _are_whole(plane: SkyPlane, sky: Doubles, pixels: Doubles) -> NDArray[np.bool_]:
    """Of which borders all points (borders, arcs, points, ...) lie inside the image, and neighbours stay
    so."""
    size = np.array(plane.celestial.size, dtype=np.float64)
    within = ((pixels > 0.5) & (pixels < size + 0.5)).all(axis=(1, 2, 3))
    scale = math.radians(plane.celestial.pixel_scale())
    apart = np.sqrt(np.square(np.diff(pixels, axis=2)).sum(axis=3)) * scale
    on_sky = np.sqrt(np.square(np.diff(sky, axis=2)).sum(axis=3))
    even: NDArray[np.bool_] = (apart <= _UNEVEN * on_sky + 1e-3 * scale).all(axis=(1, 2))
    return within & even
