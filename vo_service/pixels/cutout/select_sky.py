"""Which pixels of an image a shape on the sky touches: the smallest box that holds them, and each by itself.

A pixel counts if its extent, borders included, has a point in common with the shape (SODA-040); what is
within a millionth of a pixel of that counts, too. Nothing is assumed of the projection but that it is smooth
within a few hundred pixels: parts of the image are divided until they surely lie outside, surely touch, or
cannot change the answer any more. A shape whose border runs wholly inside an image, which is what people cut
mostly, is done by its border alone.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from vo_service.pixels.cutout.border import points_of_border, reach_of_border
from vo_service.pixels.sky_plane import SkyPlane
from vo_service.sky import Region

Doubles = NDArray[np.float64]
Flags = NDArray[np.bool_]
Span = tuple[int, int]

CLOSE: Final = 2.0**-20
"""Pixels. What is so near to touching a pixel is taken to touch it."""
_ACROSS: Final = 24
"""Parts that a side of an image is divided into at first."""
_WIDEST: Final = math.radians(3.0)
"""Larger parts are divided at first, since projections bend within them."""
_BEND: Final = 1.25
"""No point of a part is farther from its middle than so many times the farthest of eight on its border."""
_CUT: Final = 8.0
"""The same where not all nine are on the projection, which bends much at its rim."""
_LOST: Final = 3
"""So many times a part of which no point lies on the projection is divided before it is given up: of its
border a rim cuts off a sliver at most."""
_NINE: Final = np.array([(0, 0), (-1, -1), (0, -1), (1, -1), (1, 0), (1, 1), (0, 1), (-1, 1), (-1, 0)]) / 2.0
_MOST: Final = 8192
_MOST_OF_A_PIXEL: Final = 16
"""Parts in doubt that are looked at, of a whole image and of one pixel."""
_QUARTERS: Final = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) / 4.0


def sky_box(plane: SkyPlane, shape: Region) -> tuple[Span, Span] | None:
    """First pixel and the one behind the last, from 0, along the first and the second celestial axis, of the
    pixels that a shape (ICRS) touches; None where there are none.
    """
    box = _Box()
    reach = reach_of_border(plane, shape)
    if reach is not None:
        box.add_points(np.array(reach))
        return box.spans(plane.celestial.size)
    box.add_points(points_of_border(plane, shape))
    parts = _all_parts(plane)
    while len(parts):
        seen = _look(plane, shape, parts)
        box.add(parts.chosen(seen.inside))
        box.add_points(parts.middle[seen.hit])
        keep = ~(seen.outside | seen.inside) & parts.beyond(box)
        parts = parts.chosen(_nearest(keep, seen.distance, np.zeros(len(parts), np.int64), _MOST))
        if parts.is_close:
            box.add_points(parts.middle)
            break
        parts = parts.quarters()
    return box.spans(plane.celestial.size)


def touching(plane: SkyPlane, shape: Region, x: Span, y: Span) -> Flags:
    """(rows, columns) of the pixels of a box: whether the shape touches them. One look at all of them: hand
    in strips of large images."""
    columns, rows = np.meshgrid(np.arange(x[0], x[1]) + 1.0, np.arange(y[0], y[1]) + 1.0)
    middle = np.column_stack([columns.ravel(), rows.ravel()])
    found = _met(points_of_border(plane, shape), x, y).ravel()
    parts, owner = _Parts(middle, np.ones(2), np.zeros(len(middle), np.int8)), np.arange(len(middle))
    while len(parts):
        seen = _look(plane, shape, parts)
        found[owner[seen.hit | seen.inside]] = True
        keep = ~(seen.outside | found[owner])
        keep = _nearest(keep, seen.distance, owner, _MOST_OF_A_PIXEL)
        parts, owner = parts.chosen(keep), owner[keep]
        if parts.is_close:
            found[owner] = True
            break
        parts, owner = parts.quarters(), np.repeat(owner, 4)
    return found.reshape(rows.shape)


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


@dataclass(frozen=True, slots=True)
class _Parts:
    """Rectangles of equal ``sides`` (2,) round their middles (n, 2), in FITS pixels; ``blind`` (n,) for how
    many divisions no point of them was on the projection."""

    middle: Doubles
    sides: Doubles
    blind: NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.middle)

    @property
    def is_close(self) -> bool:
        return bool(self.sides.max() <= CLOSE)

    def chosen(self, flags: Flags) -> _Parts:
        return _Parts(self.middle[flags], self.sides, self.blind[flags])

    def beyond(self, box: _Box) -> Flags:
        """Which of them reach beyond what is known to be in the box."""
        if box.low is None or box.high is None:
            return np.ones(len(self), dtype=bool)
        half = self.sides / 2.0
        beyond = (self.middle - half < box.low) | (self.middle + half > box.high)
        return np.asarray(beyond.any(axis=1))

    def quarters(self) -> _Parts:
        middle = self.middle[:, None, :] + _QUARTERS * self.sides
        return _Parts(middle.reshape(-1, 2), self.sides / 2.0, np.repeat(self.blind, 4))


def _all_parts(plane: SkyPlane) -> _Parts:
    """The whole image."""
    size = np.array(plane.celestial.size, dtype=np.float64)
    scale = math.radians(plane.celestial.pixel_scale())
    counts = np.clip(np.ceil(size * scale / _WIDEST), np.minimum(_ACROSS, size), 4 * _ACROSS).astype(int)
    sides = size / counts
    columns, rows = np.meshgrid(*(np.arange(count) + 0.5 for count in counts))
    middle = np.column_stack([columns.ravel(), rows.ravel()]) * sides + 0.5
    return _Parts(middle, sides, np.zeros(len(middle), np.int8))


class _Box:
    """What is known to be touched, in FITS pixels: whole pixels from edge to edge."""

    def __init__(self) -> None:
        self.low: Doubles | None = None
        self.high: Doubles | None = None

    def add(self, parts: _Parts) -> None:
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


@dataclass(frozen=True, slots=True)
class _Seen:
    """Of each part: ``hit``: its middle lies in the shape; ``inside``: all of it surely does; ``outside``:
    nothing surely does. ``distance`` (radians) from its middle to the shape, pi where it is not known."""

    hit: Flags
    inside: Flags
    outside: Flags
    distance: Doubles


def _look(plane: SkyPlane, shape: Region, parts: _Parts) -> _Seen:
    points = parts.middle[:, None, :] + _NINE * parts.sides
    vectors = plane.vectors(points.reshape(-1, 2)).reshape(-1, 9, 3)
    there = ~np.isnan(vectors[:, :, 0])
    base = there.argmax(axis=1)  # the middle, where that lies on the projection
    places = np.take_along_axis(vectors, base[:, None, None], axis=1)[:, 0]
    chords = np.sqrt(np.nanmax(np.square(vectors - places[:, None, :]).sum(axis=2), axis=1, initial=0.0))
    reach = np.where(there.all(axis=1), _BEND, _CUT)
    radius = reach * 2.0 * np.arcsin(np.minimum(1.0, chords / 2.0))
    radius[there.sum(axis=1) == 1] = math.pi  # it cannot be told
    blind = ~there.any(axis=1)
    parts.blind[:] = np.where(blind, parts.blind + 1, 0)
    hit = np.zeros(len(parts), dtype=bool)
    inside, outside, away = hit.copy(), hit.copy(), np.full(len(parts), math.pi)
    seen = ~blind
    away[seen], depth = shape.distance_and_depth(places[seen])
    outside[seen] = away[seen] > radius[seen]
    inside[seen] = (depth > radius[seen]) & there[seen].all(axis=1)
    hit[there[:, 0]] = shape.contains(places[there[:, 0]])
    outside[parts.blind > _LOST] = True
    return _Seen(hit, inside, outside, away)


def _nearest(keep: Flags, distance: Doubles, owner: NDArray[np.int64], most: int) -> Flags:
    """Of the parts that are kept so many of each owner at most, those nearest to the shape: where more are
    in doubt its border runs along theirs, and one that touches is enough. Where a shape touches elsewhere, by
    a corner, points of its border have told so; of a plane without a way back (FK4) that may be missed."""
    if np.count_nonzero(keep) <= most:
        return keep
    places = np.flatnonzero(keep)
    order = places[np.lexsort((distance[places], owner[places]))]
    owners = owner[order]
    begins = np.r_[True, owners[1:] != owners[:-1]]
    rank = np.arange(len(order)) - np.maximum.accumulate(np.where(begins, np.arange(len(order)), 0))
    chosen = np.zeros(len(keep), dtype=bool)
    chosen[order[rank < most]] = True
    return chosen
