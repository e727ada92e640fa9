"""Which pixels of an image a shape on the sky touches: the smallest box that holds them, and each by itself.

A pixel counts if its extent, borders included, has a point in common with the shape (SODA-040); what is
within a millionth of a pixel of that counts, too. Nothing is assumed of the projection but that it is smooth
within a few hundred pixels: parts of the image are divided until they surely lie outside, surely touch, or
cannot change the answer any more. A shape whose border runs wholly inside an image, which is what people cut
mostly, is done by its border alone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from vo_service.pixels.cutout.border import Reach, points_of_border, reach_of_border, reaches_of_borders
from vo_service.pixels.cutout.sky_parts import CLOSE, WIDEST, Parts, are_off, look, nearest
from vo_service.pixels.sky_plane import SkyPlane
from vo_service.sky import Region

Doubles = NDArray[np.float64]
Flags = NDArray[np.bool_]
Span = tuple[int, int]
SkyBox = tuple[Span, Span]

_ACROSS: Final = 24
"""Parts that a side of an image is divided into at first."""
_BLOCK: Final = 64
"""Pixels along a side of the blocks that are looked at first."""
_TOGETHER: Final = 1 << 13
"""Blocks, or pixels, that wait to be looked at together."""
_MOST: Final = 8192
_MOST_OF_A_PIXEL: Final = 16
"""Parts in doubt that are looked at, of a whole image and of one pixel."""


def sky_box(plane: SkyPlane, shape: Region) -> SkyBox | None:
    """First pixel and the one behind the last, from 0, along the first and the second celestial axis, of the
    pixels that a shape (ICRS) touches; None where there are none.
    """
    reach = reach_of_border(plane, shape)
    if reach is not None:
        return _reached(plane, reach)
    box = _Box()
    box.add_points(points_of_border(plane, shape))
    parts = _all_parts(plane)
    while len(parts):
        seen = look(plane, shape, parts)
        box.add(parts.chosen(seen.inside))
        box.add_points(parts.middle[seen.hit])
        keep = ~(seen.outside | seen.inside) & _beyond(parts, box)
        parts = parts.chosen(nearest(keep, seen.distance, np.zeros(len(parts), np.int64), _MOST))
        if parts.is_close:
            box.add_points(parts.middle)
            break
        parts = parts.quarters()
    return box.spans(plane.celestial.size)


def boxes_by_border(plane: SkyPlane, shapes: Sequence[Region]) -> dict[Region, SkyBox]:
    """The same of many shapes, of those at least whose border runs wholly inside the image."""
    reaches = reaches_of_borders(plane, shapes)
    found = ((shape, _reached(plane, reach)) for shape, reach in zip(shapes, reaches, strict=True) if reach)
    return {shape: box for shape, box in found if box is not None}


def _reached(plane: SkyPlane, reach: Reach) -> SkyBox | None:
    box = _Box()
    box.add_points(np.array(reach))
    return box.spans(plane.celestial.size)


def touching(plane: SkyPlane, shape: Region, x: Span, y: Span) -> Flags:
    """(rows, columns) of the pixels of a box: whether the shape touches them.

    Blocks of pixels are divided until they surely lie inside or outside, so that only pixels along the border
    of the shape are looked at one by one. Memory: that of the flags, and some 30 MB.
    """
    blocks = _Blocks(plane, x, y)
    blocks.met(points_of_border(plane, shape))
    waiting = list(blocks.all().portions(_TOGETHER))
    while waiting:
        parts = waiting.pop()
        if parts.sides[0] == 1.0:
            blocks.take(parts.chosen(_touched(plane, shape, parts.middle)))
            continue
        seen = look(plane, shape, parts)
        blocks.take(parts.chosen(seen.inside))
        parts = parts.chosen(~(seen.inside | seen.outside))
        is_blind = parts.blind > 0
        is_blind[is_blind] = are_off(plane, parts.chosen(is_blind))
        waiting += blocks.within(parts.chosen(~is_blind).quarters()).portions(_TOGETHER)
    return blocks.flags


def _touched(plane: SkyPlane, shape: Region, middle: Doubles) -> Flags:
    """Whether the shape touches pixels, each by itself; by their middles (n, 2)."""
    parts, owner = Parts(middle, np.ones(2), np.zeros(len(middle), np.int8)), np.arange(len(middle))
    found = np.zeros(len(middle), dtype=bool)
    while len(parts):
        seen = look(plane, shape, parts)
        found[owner[seen.hit | seen.inside]] = True
        keep = ~(seen.outside | found[owner])
        keep = nearest(keep, seen.distance, owner, _MOST_OF_A_PIXEL)
        parts, owner = parts.chosen(keep), owner[keep]
        if parts.is_close:
            found[owner] = True
            break
        parts, owner = parts.quarters(), np.repeat(owner, 4)
    return found


class _Blocks:
    """The pixels of a box as squares of a power of two of them, from its first pixel on; those at its end may
    reach beyond it."""

    def __init__(self, plane: SkyPlane, x: Span, y: Span) -> None:
        self._low = np.array([x[0], y[0]])
        self._size = np.array([x[1] - x[0], y[1] - y[0]])
        self._spans = x, y
        scale = math.radians(plane.celestial.pixel_scale())
        most = min(float(_BLOCK), float(self._size.max()), WIDEST / scale)
        self._side = 1 << max(0, math.floor(math.log2(most)))
        columns, rows = -(-self._size // self._side) * self._side
        self._flags = np.zeros((rows, columns), dtype=bool)

    @property
    def flags(self) -> Flags:
        """(rows, columns) of the box: which pixels have been taken."""
        return self._flags[: self._size[1], : self._size[0]]

    def all(self) -> Parts:
        side = self._side
        columns, rows = np.meshgrid(*(np.arange(0, length, side) for length in self._size))
        middle = np.column_stack([columns.ravel(), rows.ravel()]) + self._low + (side + 1.0) / 2.0
        return Parts(middle, np.full(2, float(side)), np.zeros(len(middle), np.int8))

    def within(self, parts: Parts) -> Parts:
        """Those that have a pixel of the box, as if never seen."""
        parts.blind[:] = 0
        return parts.chosen(np.asarray((self._starts(parts) < self._size).all(axis=1)))

    def met(self, points: Doubles) -> None:
        """Take the pixels that points lie in or on the border of."""
        self.flags[_met(points, *self._spans)] = True

    def take(self, parts: Parts) -> None:
        """Take all pixels of parts."""
        side = int(parts.sides[0])
        rows, columns = self._flags.shape
        column, row = self._starts(parts).T // side
        self._flags.reshape(rows // side, side, columns // side, side)[row, :, column, :] = True

    def _starts(self, parts: Parts) -> NDArray[np.int64]:
        """(n, 2) first pixel of each, from 0 in the box."""
        starts = parts.middle - (parts.sides + 1.0) / 2.0 - self._low
        return np.asarray(np.rint(starts), dtype=np.int64)


def _met(points: Doubles, x: Span, y: Span) -> Flags:
    """(rows, columns) of the pixels of a box: whether one of the points lies in them or on their border."""
    found = np.zeros((y[1] - y[0], x[1] - x[0]), dtype=bool)
    for across in (-CLOSE, CLOSE):
        for up in (-CLOSE, CLOSE):
            place = np.floor(points + np.array([across - 0.5, up - 0.5])).astype(np.int64)
            column, row = place[:, 0] - x[0], place[:, 1] - y[0]
            here = (column >= 0) & (column < found.shape[1]) & (row >= 0) & (row < found.shape[0])
            found[row[here], column[here]] = True
    return found


def centres_in(plane: SkyPlane, shape: Region, x: Span, y: Span) -> Flags:
    """(rows, columns) of the pixels of a box: whether their centres lie in the shape."""
    grid = plane.grid(np.arange(x[0] + 1.0, x[1] + 1.0), np.arange(y[0] + 1.0, y[1] + 1.0))
    return shape.contains(grid.reshape(-1, 3)).reshape(grid.shape[:2])


def _beyond(parts: Parts, box: _Box) -> Flags:
    """Which parts reach beyond what is known to be in the box."""
    if box.low is None or box.high is None:
        return np.ones(len(parts), dtype=bool)
    half = parts.sides / 2.0
    beyond = (parts.middle - half < box.low) | (parts.middle + half > box.high)
    return np.asarray(beyond.any(axis=1))


def _all_parts(plane: SkyPlane) -> Parts:
    """The whole image."""
    size = np.array(plane.celestial.size, dtype=np.float64)
    scale = math.radians(plane.celestial.pixel_scale())
    counts = np.clip(np.ceil(size * scale / WIDEST), np.minimum(_ACROSS, size), 4 * _ACROSS).astype(int)
    sides = size / counts
    columns, rows = np.meshgrid(*(np.arange(count) + 0.5 for count in counts))
    middle = np.column_stack([columns.ravel(), rows.ravel()]) * sides + 0.5
    return Parts(middle, sides, np.zeros(len(middle), np.int8))


class _Box:
    """What is known to be touched, in FITS pixels: whole pixels from edge to edge."""

    def __init__(self) -> None:
        self.low: Doubles | None = None
        self.high: Doubles | None = None

    def add(self, parts: Parts) -> None:
        """All pixels of which a part has more than its border."""
        if len(parts):
            half = parts.sides / 2.0
            low = np.floor((parts.middle - half).min(axis=0) + 0.5 + CLOSE) - 0.5
            high = np.ceil((parts.middle + half).max(axis=0) - 0.5 - CLOSE) + 0.5
            self._grow(low, high)

    def add_points(self, points: Doubles) -> None:
        """The pixels that points lie in, or on the border of."""
        if len(points):
            low = np.ceil(points.min(axis=0) - 0.5 - CLOSE) - 0.5
            high = np.floor(points.max(axis=0) + 0.5 + CLOSE) + 0.5
            self._grow(low, high)

    def _grow(self, low: Doubles, high: Doubles) -> None:
        self.low = low if self.low is None else np.minimum(self.low, low)
        self.high = high if self.high is None else np.maximum(self.high, high)

    def spans(self, size: tuple[int, int]) -> tuple[Span, Span] | None:
        """The pixels, from 0, of an image of that size."""
        if self.low is None or self.high is None:
            return None
        first, last = (
            (max(0, int(low - 0.5)), min(length, int(high - 0.5)))
            for low, high, length in zip(self.low, self.high, size, strict=True)
        )
        return first, last
