"""Areas of unions of circles, many unions at once: by the arcs of each circle that no other one covers."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

import numpy as np

from vo_service.sky.areas import triangles
from vo_service.sky.outlines import Places
from vo_service.sky.vectors import Floats, cross, dot

_PAIRS_AT_ONCE: Final = 200_000
_LONGEST: Final = math.pi / 3.0  # pieces of arcs are cut to this, so that every triangle is an ordinary one
_TURN: Final = 2.0 * math.pi
_APART: Final = 16.0  # more than a turn: keeps the angles of one circle from those of the next


def areas_of_unions(owner: Places, centre: Floats, radius: Floats, middle: Floats) -> Floats:
    """Steradians of unions of circles: ``owner[i]``, in rising order, is the union that circle ``i`` (unit
    vector, radians, at most a right angle) belongs to; ``middle`` ``(n, 3)`` are places within a right angle
    of all of each union."""
    areas = np.zeros(len(middle))
    counts = np.bincount(owner, minlength=len(middle))
    for first, last in _blocks(counts):
        mine = slice(*np.searchsorted(owner, [first, last]).tolist())
        arcs, one, two = _bare(owner[mine], centre[mine], radius[mine])
        swept = _swept(centre[mine][arcs], radius[mine][arcs], one, two, middle[owner[mine][arcs]])
        areas += np.bincount(owner[mine][arcs], swept, minlength=len(middle))
    return np.maximum(areas, 0.0)


def _blocks(counts: Places) -> Iterator[tuple[int, int]]:
    """Unions from one to before another, so many that their pairs of circles are not too many."""
    blocks = np.cumsum(counts * counts) // _PAIRS_AT_ONCE
    starts = np.flatnonzero(np.diff(blocks, prepend=-1))
    yield from zip(starts.tolist(), [*starts[1:].tolist(), len(counts)])


def _bare(owner: Places, centre: Floats, radius: Floats) -> tuple[Places, Floats, Floats]:
    """The arcs that no other circle of the union covers: of which circle, and from which angle to which."""
    i, j = _pairs(owner)
    step = centre[j] - centre[i]
    away = 2.0 * np.arcsin(np.minimum(1.0, 0.5 * np.sqrt(dot(step, step))))
    mine, other = radius[i], radius[j]
    same = (away == 0.0) & (mine == other)
    within = (away + mine <= other) & (~same | (j < i))
    meet = ~within & ~same & (away < mine + other) & (away + other > mine)
    east, north = _axes(centre)
    towards = np.arctan2(dot(step[meet], north[i[meet]]), dot(step[meet], east[i[meet]]))
    half = _half_angles(away[meet], mine[meet], other[meet])
    start = np.mod(towards - half, _TURN)
    return _gaps(len(owner), i[meet], start, start + 2.0 * half, np.unique(i[within]))


def _pairs(owner: Places) -> tuple[Places, Places]:
    """All pairs of two circles of one union, both ways round."""
    first = np.searchsorted(owner, owner)
    counts = np.searchsorted(owner, owner, side="right") - first
    i = np.repeat(np.arange(len(owner)), counts)
    j = np.arange(len(i)) + (first - (np.cumsum(counts) - counts))[i]
    return i[i != j], j[i != j]


def _gaps(
    count: int, circle: Places, start: Floats, stop: Floats, covered: Places
) -> tuple[Places, Floats, Floats]:
    """What is left of so many circles between angles that begin within the first turn; nothing of the
    ``covered``."""
    over = stop > _TURN
    every, none = np.arange(count), np.zeros(count)
    # with nothing at 0 and nothing at a full turn what is left lies between two that follow each other
    arcs = np.concatenate([circle, circle[over], covered, every, every])
    starts = np.concatenate([start, np.zeros(over.sum()), none[covered], none, none + _TURN])
    stops = np.concatenate([stop, stop[over] - _TURN, none[covered] + _TURN, none, none + _TURN])
    order = np.lexsort((starts, arcs))
    arcs, starts, stops = arcs[order], starts[order], np.minimum(stops[order], _TURN)
    reached = np.maximum.accumulate(stops + _APART * arcs) - _APART * arcs
    bare = np.flatnonzero((arcs[1:] == arcs[:-1]) & (starts[1:] > reached[:-1]))
    return arcs[bare], reached[bare], starts[bare + 1]


def _half_angles(away: Floats, mine: Floats, other: Floats) -> Floats:
    """Half of what other circles cover of circles whose borders they cross: the angle at the one centre in
    the triangle of both and a crossing, by the formula that loses no digits of small ones."""
    half = 0.5 * (away + mine + other)
    above = np.sin(half - away) * np.sin(half - mine)
    below = np.sin(half) * np.sin(half - other)
    found: Floats = 2.0 * np.arctan2(np.sqrt(np.maximum(0.0, above)), np.sqrt(np.maximum(0.0, below)))
    return found


def _axes(centre: Floats) -> tuple[Floats, Floats]:
    """Two directions at right angles to each place and each other."""
    aside = np.eye(3)[np.argmin(np.abs(centre), axis=1)]
    east = cross(aside, centre)
    east /= np.sqrt(dot(east, east))[:, None]
    return east, cross(centre, east)


def _swept(centre: Floats, radius: Floats, one: Floats, two: Floats, middle: Floats) -> Floats:
    """Areas between arcs of circles and a place each: triangles, and slivers at the arcs."""
    pieces = np.maximum(1, np.ceil((two - one) / _LONGEST)).astype(np.intp)
    rows = np.repeat(np.arange(len(one)), pieces)
    part = np.arange(len(rows)) - (np.cumsum(pieces) - pieces)[rows]
    span = (two - one)[rows] / pieces[rows]
    begin = one[rows] + part * span
    east, north = (axis[rows] for axis in _axes(centre))
    centre, radius, middle = centre[rows], radius[rows], middle[rows]
    ends = []
    for angle in (begin, begin + span):
        aside = np.cos(angle)[:, None] * east + np.sin(angle)[:, None] * north
        ends.append(np.cos(radius)[:, None] * centre + np.sin(radius)[:, None] * aside)
    sliver = span * 2.0 * np.sin(0.5 * radius) ** 2 - triangles(centre, *ends)
    return np.bincount(rows, triangles(middle, *ends) + sliver, minlength=len(pieces)).astype(np.float64)
