"""Area and centroid of any region, read off the pieces of its border."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from vo_service.sky.outlines import Outline, Places, crossings, cut
from vo_service.sky.vectors import Flags, Floats, cross, dot

if TYPE_CHECKING:
    from vo_service.sky.region import Region

_ASIDE = 1e-9
_LONGEST = math.pi / 3.0  # pieces of arcs are cut to this, so that every triangle is an ordinary one
_COMMON = np.array([0.36, 0.48, 0.8])
_NARROW = 1.5  # radians of a cap within which triangles from its middle are ordinary ones
_DEG2 = (180.0 / math.pi) ** 2
_SAME = 1e-12  # radians: middles of pieces that are one
_UNEVEN = np.array([0.5377, 0.2991, 0.7883])  # a direction along which places of a lattice differ


def area_of(region: Region) -> float:
    """Square degrees of a region whose members may overlap.

    Each piece of border with the inside on one side only adds the triangle from one place to its ends,
    and the sliver between a small circle's arc and the great circle through its ends.
    """
    pieces, cap = _pieces(region), region.cap()
    if cap.radius < _NARROW:
        # triangles from the middle of a small region are small: no digits are lost, and nothing is ambiguous
        return max(0.0, float(np.sum(pieces.signs * pieces.swept(cap.centre)))) * _DEG2
    total = float(np.sum(pieces.signs * pieces.swept(_COMMON)))
    if abs(total) < 1e-20 and bool(region.contains(_COMMON[None, :])[0]):
        total = 4.0 * math.pi
    return (total if total >= -1e-13 else total + 4.0 * math.pi) * _DEG2


def moment_of(region: Region) -> Floats:
    """The sum ``(3,)`` of all places of a region, weighted by area (radians squared): it points to the
    centroid. By Stokes half the sum of ``x`` cross ``dx`` along the border.
    """
    pieces = _pieces(region)
    centre, middle, q = pieces.centre, pieces.border.e[pieces.arcs], pieces.q
    plane, radius = 1.0 - 0.5 * q, np.sqrt(q * (1.0 - 0.25 * q))
    one, two = pieces.one, pieces.two
    turned = radius * radius * (two - one)
    aside, ahead = (plane * radius * (turn(two) - turn(one)) for turn in (np.cos, np.sin))
    signs = pieces.signs
    total = (signs * turned) @ centre - (signs * ahead) @ middle
    moment: Floats = 0.5 * (total + (signs * aside) @ cross(centre, middle))
    return moment


def small_moment_of(region: Region) -> Floats | None:
    """The centroid ``(3,)`` of a region of some arcminutes, worked in the tangent plane of its cap, where it
    loses no digits; None for one without area."""
    pieces, middle = _pieces(region), region.cap().centre
    one, two = pieces.first - middle, pieces.last - middle
    triangles = 0.5 * pieces.signs * (cross(one, two) @ middle)
    area, total = float(triangles.sum()), triangles @ (one + two) / 3.0
    round_it = np.flatnonzero(pieces.q != 2.0)
    if len(round_it):
        segments, places = pieces.take(round_it).segments()
        area += float(segments.sum())
        total += segments @ (places - middle)
    return middle + total / area if area > 0.0 else None


@dataclass(frozen=True, slots=True, eq=False)
class _Pieces:
    """Pieces of the arcs of a border, ``arcs`` from the angle ``one`` to ``two``.

    ``signs`` are +1 where the inside lies to their left alone, -1 to their right, 0 where a piece is no
    border of the whole.
    """

    border: Outline
    arcs: Places
    one: Floats
    two: Floats
    signs: Floats

    def take(self, rows: Places) -> _Pieces:
        return _Pieces(self.border, self.arcs[rows], self.one[rows], self.two[rows], self.signs[rows])

    @property
    def centre(self) -> Floats:
        """Of the arcs' circles."""
        return self.border.c[self.arcs]

    @property
    def q(self) -> Floats:
        """Squared chords from there to the arcs."""
        return self.border.q[self.arcs]

    @property
    def first(self) -> Floats:
        return self.border.at(self.arcs, self.one)

    @property
    def last(self) -> Floats:
        return self.border.at(self.arcs, self.two)

    def swept(self, place: Floats) -> Floats:
        """Areas between the pieces and a place: triangles, and slivers at small circles."""
        first, last = self.first, self.last
        sliver = (self.two - self.one) * 0.5 * self.q - triangles(self.centre, first, last)
        return triangles(place, first, last) + np.where(self.q != 2.0, sliver, 0.0)

    def segments(self) -> tuple[Floats, Floats]:
        """Signed areas between arcs of small circles and their chords in the plane, and their centroids."""
        turns = self.two - self.one
        radius = np.sqrt(self.q * (1.0 - 0.25 * self.q))
        bulge = turns - np.sin(turns)
        # the centroid of a segment of a circle lies this far from the circle's centre
        thick = bulge > 1e-9
        reach = 4.0 * np.sin(0.5 * turns) ** 3 / np.where(thick, 3.0 * bulge, 1.0)
        reach = radius * np.where(thick, reach, 1.0)
        outwards = self.border.at(self.arcs, 0.5 * (self.two + self.one)) - self.centre
        outwards /= np.sqrt(dot(outwards, outwards))[:, None]
        return 0.5 * self.signs * radius * radius * bulge, self.centre + reach[:, None] * outwards


def _pieces(region: Region) -> _Pieces:
    """The border of a region in pieces; a stretch that members share counts once."""
    border = region.outline()
    cuts = np.concatenate([crossings(border, border), border.points])
    arcs, stops = cut(border, cuts, *_even_stops(border))
    apart = np.ones(len(arcs), dtype=bool)
    apart[1:] = (arcs[1:] != arcs[:-1]) | (np.diff(stops) > 1e-13)
    arcs, stops = arcs[apart], stops[apart]
    at = np.flatnonzero(arcs[1:] == arcs[:-1])
    arcs, one, two = arcs[at], stops[at], stops[at + 1]
    middles = border.at(arcs, 0.5 * (one + two))
    signs = _signs(region, border, arcs, middles)
    signs[_seen_before(arcs, middles)] = 0.0
    return _Pieces(border, arcs, one, two, signs)


def _even_stops(border: Outline) -> tuple[Places, Floats]:
    """Arcs and angles that cut long arcs evenly."""
    counts = np.maximum(1, np.ceil(2.0 * border.half / _LONGEST)).astype(np.intp)
    arcs = np.repeat(np.arange(len(border)), counts)
    step = np.arange(len(arcs)) - (np.cumsum(counts) - counts)[arcs]
    return arcs, border.half[arcs] * (2.0 * step / counts[arcs] - 1.0)


def _seen_before(arcs: Places, middles: Floats) -> Flags:
    """Pieces that an earlier arc has given already (members that share a stretch of border)."""
    along = middles @ _UNEVEN
    order = np.argsort(along)
    along, arcs, middles = along[order], arcs[order], middles[order]
    seen = np.zeros(len(arcs), dtype=bool)
    near = np.arange(len(arcs))
    for shift in range(1, len(arcs)):
        near = near[near + shift < len(arcs)]
        near = near[along[near + shift] - along[near] <= 2.0 * _SAME]
        if len(near) == 0:
            break
        other = near + shift
        same = np.abs(middles[near] - middles[other]).max(axis=1) <= _SAME
        seen[near[same & (arcs[other] < arcs[near])]] = True
        seen[other[same & (arcs[near] < arcs[other])]] = True
    found = np.empty_like(seen)
    found[order] = seen
    return found


def _signs(region: Region, border: Outline, arcs: Places, middles: Floats) -> Floats:
    """+1 where only the side towards the arc's centre is inside (its left), -1 for the other, else 0."""
    towards = border.c[arcs] - middles * (1.0 - 0.5 * border.q[arcs])[:, None]
    towards /= np.sqrt(dot(towards, towards))[:, None]
    left = region.contains(middles + _ASIDE * towards, 0.0)
    right = region.contains(middles - _ASIDE * towards, 0.0)
    return left.astype(np.float64) - right.astype(np.float64)


def triangles(corner: Floats, one: Floats, two: Floats) -> Floats:
    """Signed areas, radians squared, of triangles with a corner in common or with one each."""
    volume = dot(cross(one - corner, two - corner), np.broadcast_to(corner, one.shape))
    below = 1.0 + dot(one, two) + dot(two + one, np.broadcast_to(corner, one.shape))
    halves: Floats = np.arctan2(volume, below)
    return 2.0 * halves
