"""Area and centroid of any region, read off the pieces of its border."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from vo_service.sky.outlines import Outline, angles_of_cuts, crossings
from vo_service.sky.vectors import Floats, cross

if TYPE_CHECKING:
    from vo_service.sky.region import Region

_ASIDE = 1e-9
_LONGEST = math.pi / 3.0  # pieces of arcs are cut to this, so that every triangle is an ordinary one
_COMMON = np.array([0.36, 0.48, 0.8])


def area_of(region: Region) -> float:
    """Square degrees of a region whose members may overlap.

    Each piece of border with the inside on one side only adds the triangle from a fixed place to its ends,
    and the sliver between a small circle's arc and the great circle through its ends.
    """
    border = region.outline()
    total = 0.0
    for arc, stops, signs in _pieces(region, border):
        total += float(np.sum(signs * _swept(border, arc, border.at(arc, stops), np.diff(stops))))
    if abs(total) < 1e-20 and bool(region.contains(_COMMON[None, :])[0]):
        total = 4.0 * math.pi
    return (total if total >= -1e-13 else total + 4.0 * math.pi) * (180.0 / math.pi) ** 2


def moment_of(region: Region) -> Floats:
    """The sum ``(3,)`` of all places of a region, weighted by area (radians squared): it points to the
    centroid. By Stokes half the sum of ``x`` cross ``dx`` along the border.
    """
    border = region.outline()
    total = np.zeros(3)
    for arc, stops, signs in _pieces(region, border):
        centre, middle = border.c[arc], border.e[arc]
        aside = cross(centre, middle)
        plane = 1.0 - 0.5 * float(border.q[arc])
        radius = math.sqrt(float(border.q[arc]) * (1.0 - 0.25 * float(border.q[arc])))
        turned = float(np.sum(signs * np.diff(stops)))
        sine = float(np.sum(signs * np.diff(np.sin(stops))))
        cosine = float(np.sum(signs * np.diff(np.cos(stops))))
        total += radius * (radius * turned * centre + plane * (cosine * aside - sine * middle))
    return 0.5 * total


def small_moment_of(region: Region) -> Floats | None:
    """The centroid ``(3,)`` of a region of some arcminutes, worked in the tangent plane of its cap, where it
    loses no digits; None for one without area."""
    border, middle = region.outline(), region.cap().centre
    area, total = 0.0, np.zeros(3)
    for arc, stops, signs in _pieces(region, border):
        points = border.at(arc, stops) - middle
        one, two = points[:-1], points[1:]
        triangles = 0.5 * signs * (cross(one, two) @ middle)
        area += float(triangles.sum())
        total += triangles @ (one + two) / 3.0
        if border.q[arc] != 2.0:
            turns = np.diff(stops)
            radius = math.sqrt(float(border.q[arc]) * (1.0 - 0.25 * float(border.q[arc])))
            bulge = turns - np.sin(turns)
            segments = 0.5 * signs * radius * radius * bulge
            # the centroid of a segment of a circle lies this far from the circle's centre
            thick = bulge > 1e-9
            reach = 4.0 * np.sin(0.5 * turns) ** 3 / np.where(thick, 3.0 * bulge, 1.0)
            reach = radius * np.where(thick, reach, 1.0)
            outwards = border.at(arc, 0.5 * (stops[1:] + stops[:-1])) - border.c[arc]
            outwards /= np.sqrt(np.einsum("ij,ij->i", outwards, outwards))[:, None]
            area += float(segments.sum())
            total += segments @ (border.c[arc] - middle + reach[:, None] * outwards)
    return middle + total / area if area > 0.0 else None


def _pieces(region: Region, border: Outline) -> Iterator[tuple[int, Floats, Floats]]:
    """The arcs of a border, where each is cut, and the sign of each piece: +1 where the inside lies to its
    left alone, -1 to its right, 0 where it is no border of the whole."""
    cuts = np.concatenate([crossings(border, border), border.points])
    seen = np.empty((0, 3))
    for arc in range(len(border)):
        stops = _stops(border, arc, cuts)
        middles = border.at(arc, 0.5 * (stops[1:] + stops[:-1]))
        yield arc, stops, _signs(region, border, arc, middles) * _unseen(middles, seen)
        seen = np.concatenate([seen, middles])


def _stops(border: Outline, arc: int, cuts: Floats) -> Floats:
    half = float(border.half[arc])
    even = np.linspace(-half, half, max(2, math.ceil(2.0 * half / _LONGEST) + 1))
    found = np.clip(angles_of_cuts(border, arc, cuts), -half, half)
    stops = np.unique(np.concatenate([even, found]))
    apart: Floats = stops[np.concatenate([[True], np.diff(stops) > 1e-13])]
    return apart


def _unseen(middles: Floats, seen: Floats) -> Floats:
    """0 for pieces that an earlier arc has given already (members that share a stretch of border)."""
    if len(seen) == 0:
        return np.ones(len(middles))
    gaps = np.abs(middles[:, None, :] - seen[None, :, :]).max(axis=2).min(axis=1)
    fresh: Floats = (gaps > 1e-12).astype(np.float64)
    return fresh


def _signs(region: Region, border: Outline, arc: int, middles: Floats) -> Floats:
    """+1 where only the side towards the arc's centre is inside (its left), -1 for the other, else 0."""
    towards = border.c[arc] - middles * float(1.0 - 0.5 * border.q[arc])
    towards /= np.sqrt(np.einsum("ij,ij->i", towards, towards))[:, None]
    left = region.contains(middles + _ASIDE * towards, 0.0)
    right = region.contains(middles - _ASIDE * towards, 0.0)
    return left.astype(np.float64) - right.astype(np.float64)


def _swept(border: Outline, arc: int, points: Floats, turns: Floats) -> Floats:
    one, two = points[:-1], points[1:]
    centre = border.c[arc]
    sliver = turns * 0.5 * border.q[arc] - _triangles(centre, one, two)
    return _triangles(_COMMON, one, two) + (sliver if border.q[arc] != 2.0 else 0.0)


def _triangles(corner: Floats, one: Floats, two: Floats) -> Floats:
    """Signed areas, radians squared, of triangles with a common corner."""
    volume = cross(one - corner, two - corner) @ corner
    below = 1.0 + np.einsum("ij,ij->i", one, two) + two @ corner + one @ corner
    halves: Floats = np.arctan2(volume, below)
    return 2.0 * halves
