"""Whether two regions meet, and whether one holds the other: exact for every pair of shapes.

Both regions are closed. If their common part is not empty, it has a corner: an end of an arc, a crossing of
the two borders, or, where no borders cross, any point of either border. So a handful of points decides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from vo_service.sky.outlines import Outline, crossings, cut
from vo_service.sky.vectors import Floats, dot

if TYPE_CHECKING:
    from vo_service.sky.region import Region

CLOSE: Final = 1e-14
"""Rounding of computed crossings and of positions, radians (2e-9 arcsec)."""

_ASIDE = 1e-9  # step off a border that two regions share, to see on which side each lies
_ANYWHERE = np.array([[0.36, 0.48, 0.8], [-0.48, 0.36, -0.8]])


def meet(one: Region, two: Region) -> bool:
    """Whether the regions share a point; touching counts."""
    if not one.cap().meets(two.cap()):
        return False
    border_one, border_two = one.outline(), two.outline()
    if _any_in(border_two.points, one, two) or _any_in(border_one.points, two, one):
        return True
    own = np.concatenate([crossings(border_one, border_one), crossings(border_two, border_two)])
    both = crossings(border_one, border_two)
    return _any_in(np.concatenate([both, own, _ANYWHERE]), one, two)


def _any_in(xyz: Floats, one: Region, two: Region) -> bool:
    """Whether a point lies in both regions."""
    if len(xyz) == 0:
        return False
    inside = xyz[one.contains(xyz, CLOSE)]
    return len(inside) > 0 and bool(two.contains(inside, CLOSE).any())


def holds_all(outer: Region, inner: Region) -> bool:
    """Whether ``inner`` lies wholly in ``outer``.

    Looks for a point of ``inner`` outside ``outer``: on the border of ``inner``, on a piece of the border
    of ``outer`` that runs inside ``inner``, or beside a border that both share.
    """
    border_in, border_out = inner.outline(), outer.outline()
    # Ends of arcs that belong to the inner region (those in holes or under other members do not).
    ends = border_in.points[inner.contains(border_in.points, CLOSE)]
    if not outer.contains(ends, CLOSE).all():
        return False
    cuts = np.concatenate(
        [
            crossings(border_in, border_out),
            crossings(border_in, border_in),
            crossings(border_out, border_out),
            border_in.points,
            border_out.points,
        ]
    )
    of_inner, beside_inner = pieces(border_in, cuts)
    of_inner = of_inner[inner.contains(of_inner, CLOSE)]
    of_outer, beside_outer = pieces(border_out, cuts)
    of_outer = of_outer[inner.contains(of_outer, -CLOSE)]
    if not (outer.contains(of_inner, CLOSE).all() and outer.contains(of_outer, CLOSE).all()):
        return False
    beside = np.concatenate([beside_inner, beside_outer, _ANYWHERE])
    beside = beside[inner.contains(beside, -CLOSE)]
    return bool(outer.contains(beside, CLOSE).all())


def pieces(border: Outline, cuts: Floats) -> tuple[Floats, Floats]:
    """The middle of every piece of the border between cuts, and a point on either side of each."""
    none = np.empty(0)
    arcs, stops = cut(border, cuts, none.astype(np.intp), none)
    inner = np.flatnonzero(arcs[1:] == arcs[:-1])
    arcs = arcs[inner]
    middles = border.at(arcs, 0.5 * (stops[inner + 1] + stops[inner]))
    outward = middles * (1.0 - 0.5 * border.q[arcs])[:, None] - border.c[arcs]
    outward /= np.sqrt(dot(outward, outward))[:, None]
    beside = np.concatenate([middles + _ASIDE * outward, middles - _ASIDE * outward])
    return middles, beside / np.sqrt(dot(beside, beside))[:, None]
