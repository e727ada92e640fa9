"""Parts of an image in pixels, and how they lie to a shape on the sky: surely inside, surely outside, or in
doubt.

Nothing is assumed of the projection but that it is smooth within a few hundred pixels.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from vo_service.pixels.sky_plane import SkyPlane
from vo_service.sky import Region

Doubles = NDArray[np.float64]
Flags = NDArray[np.bool_]

CLOSE: Final = 2.0**-20
"""Pixels. What is so near to touching a pixel is taken to touch it."""
WIDEST: Final = math.radians(3.0)
"""Larger parts are divided at first, since projections bend within them."""
_BEND: Final = 1.25
"""No point of a part is farther from its middle than so many times the farthest of eight on its border."""
_CUT: Final = 8.0
"""The same where not all nine are on the projection, which bends much at its rim."""
_LOST: Final = 3
"""So many times a part of which no point lies on the projection is divided before it is given up: of its
border a rim cuts off a sliver at most."""
_NINE: Final = np.array([(0, 0), (-1, -1), (0, -1), (1, -1), (1, 0), (1, 1), (0, 1), (-1, 1), (-1, 0)]) / 2.0
_QUARTERS: Final = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) / 4.0
_TOGETHER: Final = 1 << 14
"""Parts that are looked at together: nine places on the sky are held of each."""


@dataclass(frozen=True, slots=True)
class Parts:
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

    def chosen(self, flags: Flags) -> Parts:
        return Parts(self.middle[flags], self.sides, self.blind[flags])

    def portions(self, most: int) -> Iterator[Parts]:
        """The same, at most so many at a time; what is noted of those is noted of these."""
        for start in range(0, len(self), most):
            here = slice(start, start + most)
            yield Parts(self.middle[here], self.sides, self.blind[here])

    def quarters(self) -> Parts:
        middle = self.middle[:, None, :] + _QUARTERS * self.sides
        return Parts(middle.reshape(-1, 2), self.sides / 2.0, np.repeat(self.blind, 4))


@dataclass(frozen=True, slots=True)
class Seen:
    """Of each part: ``hit``: its middle lies in the shape; ``inside``: all of it surely does; ``outside``:
    nothing surely does. ``distance`` (radians) from its middle to the shape, pi where it is not known."""

    hit: Flags
    inside: Flags
    outside: Flags
    distance: Doubles


def look(plane: SkyPlane, shape: Region, parts: Parts) -> Seen:
    """How parts lie to a shape, and how long each has been blind."""
    seen = [_look(plane, shape, some) for some in parts.portions(_TOGETHER)]
    if len(seen) == 1:
        return seen[0]
    return Seen(
        np.concatenate([each.hit for each in seen]),
        np.concatenate([each.inside for each in seen]),
        np.concatenate([each.outside for each in seen]),
        np.concatenate([each.distance for each in seen]),
    )


def _look(plane: SkyPlane, shape: Region, parts: Parts) -> Seen:
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
    return Seen(hit, inside, outside, away)


def nearest(keep: Flags, distance: Doubles, owner: NDArray[np.int64], most: int) -> Flags:
    """Of the parts that are kept so many of each owner at most, those nearest to the shape: where more are
    in doubt its border runs along theirs, and one that touches is enough. Where a shape touches elsewhere, by
    a corner, points of its border have told so; of a plane without a way back that may be missed."""
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


def are_off(plane: SkyPlane, parts: Parts) -> Flags:
    """Whether blind parts, of which the border of the projection cuts off a sliver at most, lie wholly off
    it: where it did, it would reach into the same parts twice as large."""
    points = parts.middle[:, None, :] + 2.0 * _NINE * parts.sides
    vectors = plane.vectors(points.reshape(-1, 2)).reshape(-1, 9, 3)
    return np.asarray(np.isnan(vectors[:, :, 0]).all(axis=1))
