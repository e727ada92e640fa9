"""Which box of pixels a shape wants, by many points of both: astropy says where those lie."""

from __future__ import annotations

import math

import numpy as np
from drawn_shapes import Shape, Sky, angle_between
from numpy.typing import NDArray

Doubles = NDArray[np.float64]
Span = tuple[int, int]

CLOSE = 1e-3
"""Pixels: what is so near to touching may be kept or not."""
SUB = 6
"""Steps across a pixel in which it is looked at."""
MOST = 240
"""Steps across an image."""


def check_box(sky: Sky, size: Span, spans: tuple[Span, Span] | None, shape: Shape) -> None:
    """All that a shape touches of an image of that size is in the box, and each of the four sides of the box
    touches the shape (SODA-040); None for no box: then nothing touches. Counted from 0."""
    low, high = touched_in(sky, size, shape)
    if spans is None:
        assert np.isinf(low).all(), "something of the shape lies in the image"
        return
    for axis, (start, stop) in enumerate(spans):
        assert low[axis] >= start + 0.5 - 1e-6 and high[axis] <= stop + 0.5 + 1e-6
    check_least(sky, spans, shape)


def touched_in(sky: Sky, size: Span, shape: Shape) -> tuple[Doubles, Doubles]:
    """The lowest and the highest pixel coordinates (2,) at which points of a shape were found in an image;
    infinite where none was."""
    points = sky.pixels(shape.points)
    points = points[((points >= 0.5) & (points <= np.array(size) + 0.5)).all(axis=1)]
    x, y = np.meshgrid(*(np.linspace(0.5, length + 0.5, min(SUB * length, MOST) + 1) for length in size))
    inside = shape.distance(sky.vectors(x, y)) <= 0.0
    points = np.concatenate([points, np.column_stack([x[inside], y[inside]])])
    return points.min(axis=0, initial=math.inf), points.max(axis=0, initial=-math.inf)


def check_least(sky: Sky, spans: tuple[Span, Span], shape: Shape) -> None:
    """Each outer row and column of a box touches the shape, give or take `CLOSE`."""
    for axis in (0, 1):
        for start in {spans[axis][0], spans[axis][1] - 1}:
            strip = [list(span) for span in spans]
            strip[axis] = [start, start + 1]
            assert nearest(sky, np.array(strip) + 0.5, shape) <= CLOSE, (axis, start)


def nearest(sky: Sky, strip: Doubles, shape: Shape) -> float:
    """How many pixels a shape is away from a strip [[x0, x1], [y0, y1]] of an image: the nearest of many
    points, and of finer ones round those."""
    steps = 1.0 / SUB
    x, y = np.meshgrid(*(np.linspace(low, high, round((high - low) / steps) + 1) for low, high in strip))
    points = np.column_stack([x.ravel(), y.ravel()])
    around = np.stack(np.meshgrid(*[np.linspace(-1.0, 1.0, 5)] * 2), axis=-1).reshape(-1, 2)
    for _ in range(16):
        away = shape.distance(sky.vectors(points[:, 0], points[:, 1]))
        away[np.isnan(away)] = math.inf
        best = np.argsort(away)[:16]
        if away[best[0]] <= 0.0:
            return 0.0
        middle = points[best[0]]
        points = (points[best][:, None, :] + steps * around).reshape(-1, 2)
        points = np.clip(points, strip[:, 0], strip[:, 1])
        steps *= 0.5
    beside = sky.vectors(middle[0] + 0.01 * around[:, 0], middle[1] + 0.01 * around[:, 1])
    sizes = angle_between(beside, beside[len(around) // 2]) / (0.01 * np.hypot(*around.T) + 1e-300)
    sizes[len(around) // 2] = np.nan
    return float(away[best[0]] / np.nanmax(sizes))
