"""Borders of shapes as arcs of circles, and where the borders of two shapes cross.

Every border here is made of arcs of circles on the sphere: great circles (polygon edges, meridians) or
small ones (circles, parallels). Whether two closed shapes meet, and whether one covers the other, can be
read off a handful of points: ends of arcs, crossings, and points between crossings. An arc is the part of
a circle with centre ``c`` and squared chord ``q`` (2 for a great circle) within the angle ``half`` of the
direction ``e`` in the circle's own plane; ``half`` is pi for a whole circle.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vo_service.sky.neighbours import close_pairs
from vo_service.sky.vectors import Flags, Floats, cross, dot

Places = NDArray[np.intp]

_LOOSE = 1e-9  # how far beyond the end of an arc a crossing may lie and still be looked at
_NEAR = 1e-7  # how far apart arcs may be, radians, to be looked at together
_TOUCH = 2e-14  # gap of two circles, radians, that still counts as touching (in steps of the chord)


@dataclass(frozen=True, slots=True)
class Outline:
    """Arcs (rows of ``c``, ``q``, ``e``, ``half``) and points (``(m, 3)``) of a border."""

    c: Floats
    q: Floats
    e: Floats
    half: Floats
    points: Floats

    def __len__(self) -> int:
        return len(self.q)

    def at(self, arcs: Places, angles: Floats) -> Floats:
        """Points ``(n, 3)`` on one arc each, at angles from its middle."""
        centre, middle, q = self.c[arcs], self.e[arcs], self.q[arcs]
        radius = np.sqrt(q * (1.0 - 0.25 * q))[:, None]
        round_it = np.cos(angles)[:, None] * middle + np.sin(angles)[:, None] * cross(centre, middle)
        points: Floats = (1.0 - 0.5 * q)[:, None] * centre + radius * round_it
        return points

    def angles(self, arcs: Places, xyz: Floats) -> Floats:
        """Angles from the middles of arcs of one point each that lies on the arc's circle."""
        middle = self.e[arcs]
        angles: Floats = np.arctan2(dot(xyz, cross(self.c[arcs], middle)), dot(xyz, middle))
        return angles

    def middles(self) -> Floats:
        """The middle ``(n, 3)`` of each arc."""
        return self.at(np.arange(len(self)), np.zeros(len(self)))

    def reaches(self) -> Floats:
        """Angles, radians, from the middle of each arc to its farthest point."""
        radius = np.sqrt(self.q * (1.0 - 0.25 * self.q))
        half_chord = radius * np.sin(0.5 * np.minimum(self.half, math.pi))
        reaches: Floats = 2.0 * np.arcsin(np.minimum(1.0, half_chord))
        return reaches


def no_outline(points: Floats | None = None) -> Outline:
    """A border without arcs: of the whole sky, or of a single point."""
    none = np.empty((0, 3))
    return Outline(none, np.empty(0), none, np.empty(0), none if points is None else points)


def join_outlines(outlines: list[Outline]) -> Outline:
    """All arcs and points of several borders as one."""
    return Outline(
        np.concatenate([o.c for o in outlines]),
        np.concatenate([o.q for o in outlines]),
        np.concatenate([o.e for o in outlines]),
        np.concatenate([o.half for o in outlines]),
        np.concatenate([o.points for o in outlines]),
    )


def perpendicular(axis: Floats) -> Floats:
    """Some unit vector at right angles to ``axis``."""
    other = np.zeros(3)
    other[int(np.argmin(np.abs(axis)))] = 1.0
    across = cross(axis, other)
    return across / math.sqrt(float(across @ across))


def crossings(one: Outline, two: Outline) -> Floats:
    """Points ``(n, 3)`` where arcs of the two borders cross or touch; of one border with itself, each once.

    A few points close by that are no crossings may be among them (ends of arcs are taken loosely):
    whoever asks tests each point against both shapes anyway.
    """
    kept = [np.empty((0, 3))]
    ends_one, ends_two = _ends_of_great(one), _ends_of_great(two)
    for i, j in close_pairs(one.middles(), one.reaches(), two.middles(), two.reaches(), _NEAR):
        if one is two:
            i, j = i[i < j], j[i < j]
        keep = _may_pass(one.c, i, ends_one, ends_two, j)
        i, j = i[keep], j[keep]
        keep = _may_pass(two.c, j, ends_two, ends_one, i)
        i, j = i[keep], j[keep]
        found, pair = _circle_crossings(one.c[i], one.q[i], two.c[j], two.q[j])
        kept.append(found[_within(one, i[pair], found) & _within(two, j[pair], found)])
    return np.concatenate(kept)


def _ends_of_great(outline: Outline) -> Floats:
    """Both ends ``(2, n, 3)`` of arcs of great circles up to half round; NaN for all others."""
    rows = np.arange(len(outline))
    ends = np.stack([outline.at(rows, -outline.half), outline.at(rows, outline.half)])
    ends[:, (outline.q != 2.0) | (outline.half > 0.5 * math.pi)] = np.nan
    return ends


def _may_pass(centres: Floats, arcs: Places, ends: Floats, others: Floats, other_arcs: Places) -> Flags:
    """Whether arcs may have a point on the great circles of others: not both ends on one side of these."""
    normal = centres[arcs]
    first, last = (dot(normal, each[other_arcs]) for each in others)
    apart = ((first > _LOOSE) & (last > _LOOSE)) | ((first < -_LOOSE) & (last < -_LOOSE))
    may: Flags = ~apart | np.isnan(ends[0, arcs, 0])
    return may


def _within(outline: Outline, arcs: Places, xyz: Floats) -> Flags:
    q = outline.q[arcs]
    radius = np.sqrt(q * (1.0 - 0.25 * q))
    along = np.einsum("ij,ij->i", xyz, outline.e[arcs])
    inside: Flags = along >= radius * (np.cos(np.minimum(outline.half[arcs], math.pi)) - _LOOSE) - _LOOSE
    return inside


def _circle_crossings(c1: Floats, q1: Floats, c2: Floats, q2: Floats) -> tuple[Floats, Places]:
    """Both crossings of each pair of circles, and the pair each belongs to.

    Worked from the smaller circle of a pair, in chords: then tiny circles lose no digits.
    """
    swap = (q2 < q1)[:, None]
    small, large = np.where(swap, c2, c1), np.where(swap, c1, c2)
    qs, ql = np.minimum(q1, q2), np.maximum(q1, q2)
    # The same circle seen from the other pole: take the pole of the large one that is nearer.
    flip = np.einsum("ij,ij->i", small, large) < 0.0
    large = np.where(flip[:, None], -large, large)
    ql = np.where(flip, 4.0 - ql, ql)
    apart = large - small
    square = np.einsum("ij,ij->i", apart, apart)
    along = -0.5 * square  # apart . small
    side = apart - along[:, None] * small
    side_length = np.sqrt(np.einsum("ij,ij->i", side, side))
    usable = side_length > 1e-15
    safe = np.where(usable, side_length, 1.0)
    beta = (0.5 * (qs - ql) - along * (1.0 - 0.5 * qs)) / safe
    radius2 = qs * (1.0 - 0.25 * qs)
    gamma2 = radius2 - beta * beta
    meets = usable & (gamma2 >= -2.0 * _TOUCH * (np.sqrt(radius2) + _TOUCH))
    pair = np.flatnonzero(meets)
    gamma = np.sqrt(np.maximum(gamma2[pair], 0.0))[:, None]
    unit_side = side[pair] / safe[pair, None]
    third = cross(small[pair], unit_side)
    base = (1.0 - 0.5 * qs[pair, None]) * small[pair] + beta[pair, None] * unit_side
    found = np.concatenate([base + gamma * third, base - gamma * third])
    found /= np.sqrt(np.einsum("ij,ij->i", found, found))[:, None]
    return found, np.concatenate([pair, pair])


def cut(border: Outline, cuts: Floats, arcs: Places, angles: Floats) -> tuple[Places, Floats]:
    """Where arcs are cut: at their ends, at ``angles`` of ``arcs``, and at those ``cuts`` (places) on them.

    Arcs and angles, in the order of both; no angle of an arc comes twice.
    """
    rows = np.arange(len(border))
    owners, stops = [rows, rows, arcs], [-border.half, border.half, angles]
    for arc, place in close_pairs(border.middles(), border.reaches(), cuts, np.zeros(len(cuts)), _NEAR):
        off = cuts[place] - border.c[arc]
        q = border.q[arc]
        # d(chord^2) = 2 chord d(chord): points within some 1e-12 of the circle
        near = np.abs(dot(off, off) - q) <= 2.0 * np.sqrt(q) * 1e-12 + 1e-24
        arc, place = arc[near], place[near]
        owners.append(arc)
        stops.append(np.clip(border.angles(arc, cuts[place]), -border.half[arc], border.half[arc]))
    owner, stop = np.concatenate(owners), np.concatenate(stops)
    order = np.lexsort((stop, owner))
    owner, stop = owner[order], stop[order]
    fresh = np.ones(len(owner), dtype=bool)
    fresh[1:] = (owner[1:] != owner[:-1]) | (stop[1:] != stop[:-1])
    return owner[fresh], stop[fresh]
