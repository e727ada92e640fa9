"""Polygons against circles and polygons: verdicts for many pairs with equal corner counts.

Both sides of a pair have caps below 40 degrees that meet, or one side is a circle of any radius. Verdicts
are 1 and 0, or ``OPEN`` where a pair has to be looked at by itself.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from vo_service.sky import pair_kernels as kernels
from vo_service.sky.relations import CLOSE
from vo_service.sky.shapes import Places, Shapes
from vo_service.sky.vectors import ALLOWANCE, Flags, Floats

Verdicts = NDArray[np.int8]

OPEN: Final = -2
AT_ONCE: Final = 100_000
"""Pairs of edges in one step."""


@dataclass(frozen=True, slots=True, eq=False)
class Chain:
    """Corners and edge normals ``(n, m, 3)`` of polygons, and the centres of their caps."""

    corners: Floats
    normals: Floats
    centres: Floats

    @staticmethod
    def of(shapes: Shapes, rows: Places) -> Chain:
        """Polygons of equal corner counts."""
        count = int(shapes.count[rows[0]])
        corners = shapes.corners[shapes.first[rows][:, None] + np.arange(count)]
        return Chain(corners, kernels.normals_of(corners), shapes.centre[rows])

    def take(self, rows: Places) -> Chain:
        return Chain(self.corners[rows], self.normals[rows], self.centres[rows])

    def repeat(self, times: int) -> Chain:
        return Chain(*(np.repeat(part, times, axis=0) for part in (self.corners, self.normals, self.centres)))

    def encloses(self, points: Floats) -> Flags:
        """Whether points (one each) are inside; near the border either."""
        return kernels.enclosed(points, self.corners, self.normals, self.centres)

    def has(self, points: Floats, slack: float) -> Flags:
        """Whether points (one each) are inside or within ``slack`` of the border."""
        return kernels.within(points, self.corners, self.normals, self.centres, slack)

    def border_distance(self, points: Floats) -> Floats:
        return kernels.to_borders(points, self.corners, self.normals)


def chain_meets_disc(chain: Chain, centres: Floats, radii: Floats) -> Flags:
    """Whether circles (radii in radians; 0 is a point) meet polygons."""
    slack = np.where(radii > 0.0, CLOSE, ALLOWANCE)
    return chain.encloses(centres) | (chain.border_distance(centres) <= radii + slack)


def chain_holds_disc(chain: Chain, centres: Floats, radii: Floats) -> Flags:
    """Whether circles lie wholly in polygons."""
    border = chain.border_distance(centres)
    point = radii == 0.0
    inside = chain.encloses(centres)
    return np.where(
        point, inside | (border <= ALLOWANCE), (inside | (border <= CLOSE)) & (border >= radii - CLOSE)
    )


def disc_holds_chain(chain: Chain, centres: Floats, radii: Floats) -> Flags:
    """Whether polygons lie wholly in circles; beyond 90 degrees, whether they stay off the rest."""
    step = chain.corners - centres[:, None, :]
    chord = np.sqrt(np.einsum("ijk,ijk->ij", step, step).max(axis=1))
    held: Flags = chord <= 2.0 * np.sin(0.5 * np.minimum(radii, math.pi)) + CLOSE
    wide = np.flatnonzero(radii > 0.5 * math.pi)
    if len(wide):
        rest, opposite = chain.take(wide), -centres[wide]
        held[wide] = ~rest.encloses(opposite) & (
            rest.border_distance(opposite) >= math.pi - radii[wide] - CLOSE
        )
    return (held & (radii > 0.0)) | (radii >= math.pi)


def chain_meets_chain(one: Chain, two: Chain) -> Flags:
    """Whether polygons meet: their borders do, or one holds a corner of the other."""
    crossing, touching = kernels.contacts(one.corners, one.normals, two.corners, two.normals, CLOSE)
    met: Flags = crossing | touching
    apart = np.flatnonzero(~met)
    if len(apart):
        ones, twos = one.take(apart), two.take(apart)
        met[apart] = ones.encloses(twos.corners[:, 0]) | twos.encloses(ones.corners[:, 0])
    return met


def chain_holds_chain(outer: Chain, inner: Chain) -> Verdicts:
    """Whether polygons lie wholly in polygons.

    A border that does not cross or touch itself encloses no hole, so that whatever has its whole border
    inside lies inside.
    """
    crossing, touching = kernels.contacts(outer.corners, outer.normals, inner.corners, inner.normals, CLOSE)
    verdicts = np.full(len(crossing), OPEN, dtype=np.int8)
    apart = np.flatnonzero(~crossing & ~touching)
    if len(apart):
        outers, inners = outer.take(apart), inner.take(apart)
        verdicts[apart] = outers.encloses(inners.corners[:, 0]) & ~inners.encloses(outers.corners[:, 0])
    if outer.corners.shape == inner.corners.shape:
        verdicts[~kernels.any_of(outer.corners != inner.corners)] = 1
    left = np.flatnonzero(verdicts == OPEN)
    if len(left):
        left = left[kernels.simple(outer.corners[left], outer.normals[left])]
    verdicts[left[~touching[left]]] = 0
    left = left[touching[left]]
    if len(left):
        verdicts[left] = _border_inside(outer.take(left), inner.take(left))
    return verdicts


def _border_inside(outer: Chain, inner: Chain) -> Flags:
    """Whether the borders of inner polygons lie in the outer ones, which do not touch themselves."""
    places = kernels.places_on(inner.corners, inner.normals, outer.corners, outer.normals)
    places = np.concatenate([inner.corners, places], axis=1)
    count, each = places.shape[:2]
    held = outer.repeat(each).has(places.reshape(-1, 3), CLOSE).reshape(count, each)
    return ~kernels.any_of(~held)
