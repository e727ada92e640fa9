"""Circles and polygons in a plane of equal areas round the middle of each: which cells lie inside, and how
much of a cell does.

The plane is Lambert's azimuthal one: areas are exact, a circle round the middle is a circle. Arcs of great
circles and the edges of cells are bent in it: they are cut into so many straight pieces that what lies
between them and the arcs is some hundred-thousandths of a shape's area at most.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np

from vo_service.sky import pair_kernels as kernels
from vo_service.sky.cell_ranges import Numbers
from vo_service.sky.cells import edges_of
from vo_service.sky.outlines import Places
from vo_service.sky.vectors import Flags, Floats, cross, dot

_FINE: Final = 4e-5
"""Part of its area that a shape may lose or win by straight pieces."""
_MOST_PIECES: Final = 64
_STRETCH: Final = 1.12
"""How much longer than on the sky a way may be in the plane, up to 50 degrees from the middle."""
_AT_ONCE: Final = 100_000  # pairs of edges
_UPRIGHT: Final = 1e-14  # an edge that rises by its extent over less than this adds nothing


class Footprints(Protocol):
    """Shapes of one kind. ``owner`` says which of them is meant, row by row."""

    @property
    def centre(self) -> Floats:
        """Unit vectors ``(n, 3)``."""
        ...

    @property
    def radius(self) -> Floats:
        """Of a circle round each, radians."""
        ...

    def sides(self, owner: Places, centres: Floats, reach: Floats) -> tuple[Flags, Flags]:
        """Which circles (unit vectors, radians) surely lie outside of their shapes, and which inside."""
        ...

    def shared(self, owner: Places, cells: Numbers, orders: Numbers) -> Floats:
        """Steradians that cells have in common with their shapes."""
        ...

    def holds(self, owner: Places, places: Floats) -> Flags:
        """Which places (unit vectors ``(n, m, 3)``) lie in the shape of their row."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Discs:
    """Circles of at most a right angle."""

    centre: Floats
    radius: Floats

    def sides(self, owner: Places, centres: Floats, reach: Floats) -> tuple[Flags, Flags]:
        away, radius = _angles(centres, self.centre[owner]), self.radius[owner]
        return away > radius + reach, away + reach < radius

    def shared(self, owner: Places, cells: Numbers, orders: Numbers) -> Floats:
        found = np.zeros(len(owner))
        for rows, pieces in _by_pieces(self.radius[owner], self.centre[owner], orders):
            mine = owner[rows]
            plane = Plane.of(self.centre[mine])
            ring = plane.places(_rings(cells[rows], orders[rows], pieces))
            found[rows] = _in_circle(ring, 2.0 * np.sin(0.5 * self.radius[mine]))
        return found

    def holds(self, owner: Places, places: Floats) -> Flags:
        return _angles(places, self.centre[owner][:, None, :]) <= self.radius[owner][:, None]


@dataclass(frozen=True, slots=True, eq=False)
class Rings:
    """Polygons that do not cross themselves, in caps below 40 degrees.

    ``ring`` ``(n, m, 2)`` are their corners in their planes, counter-clockwise, the last one as often as it
    takes; ``lost`` is the true area over that of the ring.
    """

    centre: Floats
    radius: Floats
    ring: Floats
    lost: Floats

    @staticmethod
    def of(centre: Floats, radius: Floats, area: Floats, corners: Floats) -> Rings:
        """``corners`` are unit vectors ``(n, m, 3)`` of polygons of about one size (`size_classes`)."""
        pieces = 2 ** int(size_classes(radius).max())
        shares = (np.arange(pieces) / pieces)[None, None, :, None]
        places = (
            corners[:, :, None, :] * (1.0 - shares) + np.roll(corners, -1, axis=1)[:, :, None, :] * shares
        )
        places /= np.sqrt(dot(places, places))[..., None]
        ring = Plane.of(centre).places(places.reshape(len(corners), -1, 3))
        signed = _signed_areas(ring)
        ring[signed < 0.0] = ring[signed < 0.0, ::-1]
        return Rings(centre, radius, ring, area / np.abs(signed))

    def sides(self, owner: Places, centres: Floats, reach: Floats) -> tuple[Flags, Flags]:
        place = Plane.of(self.centre[owner]).places(centres[:, None, :])[:, 0, :]
        ring = self.ring[owner]
        border, inside = _to_ring(place, ring), _in_ring(place, ring)
        far = border > _STRETCH * reach
        outside = _angles(centres, self.centre[owner]) > self.radius[owner] + reach
        return outside | (far & ~inside), far & inside & ~outside

    def shared(self, owner: Places, cells: Numbers, orders: Numbers) -> Floats:
        found = np.zeros(len(owner))
        for rows, pieces in _by_pieces(self.radius[owner], self.centre[owner], orders):
            for part in kernels.parts(rows, max(1, _AT_ONCE // (4 * pieces * self.ring.shape[1]))):
                mine = owner[part]
                ring = Plane.of(self.centre[mine]).places(_rings(cells[part], orders[part], pieces))
                found[part] = _common_areas(self.ring[mine], ring) * self.lost[mine]
        return found

    def holds(self, owner: Places, places: Floats) -> Flags:
        each = places.shape[1]
        flat = Plane.of(self.centre[owner]).places(places).reshape(-1, 2)
        rows, found = np.arange(len(flat)), np.zeros(len(flat), dtype=bool)
        for part in kernels.parts(rows, max(1, _AT_ONCE // self.ring.shape[1])):
            found[part] = _in_ring(flat[part], self.ring[owner[part // each]])
        return found.reshape(-1, each)


def size_classes(radius: Floats) -> Numbers:
    """Logarithms (to base 2) of the number of straight pieces that edges of polygons are cut into."""
    bent = radius / math.sqrt(8.0 * _FINE)
    classes: Numbers = np.ceil(np.log2(np.clip(bent, 1.0, _MOST_PIECES))).astype(np.int64)
    return classes


@dataclass(frozen=True, slots=True, eq=False)
class Plane:
    """Planes that touch the sphere at ``centre`` ``(n, 3)``, with two axes each."""

    centre: Floats
    east: Floats
    north: Floats

    @staticmethod
    def of(centre: Floats) -> Plane:
        aside = np.eye(3)[np.argmin(np.abs(centre), axis=1)]
        east = cross(aside, centre)
        east /= np.sqrt(dot(east, east))[:, None]
        return Plane(centre, east, cross(centre, east))

    def places(self, xyz: Floats) -> Floats:
        """``(n, m, 2)``: where unit vectors ``(n, m, 3)`` lie in the plane of their row."""
        step = xyz - self.centre[:, None, :]
        # the cosine is 1 less half the squared chord
        below = 2.0 - 0.5 * dot(step, step)
        scale = np.sqrt(2.0 / np.maximum(below, 1e-300))
        x = np.einsum("imk,ik->im", step, self.east)
        y = np.einsum("imk,ik->im", step, self.north)
        return np.stack([x * scale, y * scale], axis=-1)


def _angles(one: Floats, two: Floats) -> Floats:
    step = one - two
    half: Floats = np.minimum(1.0, 0.5 * np.sqrt(dot(step, step)))
    return 2.0 * np.arcsin(half)


def _by_pieces(radius: Floats, centre: Floats, orders: Numbers) -> list[tuple[Places, int]]:
    """Rows by the number of straight pieces that an edge of their cells is cut into, a power of two.

    An edge is an arc whose radius is about 1, or the distance from the pole.
    """
    width = 1.1 / 2.0**orders
    curved = np.maximum(
        1.0, 1.0 / np.maximum(np.hypot(centre[:, 0], centre[:, 1]), np.minimum(radius, width))
    )
    wanted = width * np.sqrt(curved / (12.0 * _FINE * np.maximum(radius, 1e-12)))
    powers = np.clip(np.ceil(np.log2(np.maximum(1.0, wanted))), 0, math.log2(_MOST_PIECES)).astype(int)
    return [(np.flatnonzero(powers == power), 2 ** int(power)) for power in np.unique(powers)]


def _rings(cells: Numbers, orders: Numbers, pieces: int) -> Floats:
    """Unit vectors ``(n, 4 * pieces, 3)`` along the borders of cells."""
    found = np.empty((len(cells), 4 * pieces, 3))
    for order in np.unique(orders).tolist():
        rows = orders == order
        found[rows] = edges_of(cells[rows].astype(np.uint64), order, pieces)
    return found


def _in_circle(ring: Floats, radius: Floats) -> Floats:
    """Areas that polygons ``(n, m, 2)`` have in common with circles round the origin of their planes.

    Each edge adds the part of the triangle to the origin that lies in the circle: a triangle where the edge
    is inside, sectors where it is outside.
    """
    one, two = ring, np.roll(ring, -1, axis=1)
    along = two - one
    square = radius[:, None] ** 2
    a = np.maximum(_scalar(along, along), 1e-300)
    b, c = _scalar(one, along), _scalar(one, one) - square
    root = np.sqrt(np.maximum(0.0, b * b - a * c))
    first = np.clip((-b - root) / a, 0.0, 1.0)[..., None]
    last = np.clip((-b + root) / a, 0.0, 1.0)[..., None]
    enter, leave = one + first * along, one + last * along
    inside = _across(enter, leave)
    sectors = _turn(one, enter) + _turn(leave, two)
    found: Floats = np.abs(0.5 * (inside + square * sectors).sum(axis=1))
    return found


def _common_areas(ring: Floats, other: Floats) -> Floats:
    """Areas that polygons ``(n, m, 2)`` have in common with polygons ``(n, k, 2)``, both of which do not
    cross themselves; the first ones are counter-clockwise.

    A polygon is the sum of what lies below its edges, with signs; two of them share the sum of what lies
    below one edge of each.
    """
    floor = np.minimum(ring[..., 1].min(axis=1), other[..., 1].min(axis=1))
    x1, y1 = ring[..., 0][:, :, None], (ring[..., 1] - floor[:, None])[:, :, None]
    x2, y2 = other[..., 0][:, None, :], (other[..., 1] - floor[:, None])[:, None, :]
    a1, b1, c1, d1 = x1, np.roll(x1, -1, axis=1), y1, np.roll(y1, -1, axis=1)
    a2, b2, c2, d2 = x2, np.roll(x2, -1, axis=2), y2, np.roll(y2, -1, axis=2)
    low = np.maximum(np.minimum(a1, b1), np.minimum(a2, b2))
    high = np.minimum(np.maximum(a1, b1), np.maximum(a2, b2))
    width = np.maximum(0.0, high - low)
    slope1, slope2 = _slope(a1, b1, c1, d1), _slope(a2, b2, c2, d2)
    p0, p1 = c1 + (low - a1) * slope1, c1 + (high - a1) * slope1
    q0, q1 = c2 + (low - a2) * slope2, c2 + (high - a2) * slope2
    e0, e1 = p0 - q0, p1 - q1
    above0, above1 = np.maximum(e0, 0.0), np.maximum(e1, 0.0)
    # the mean of what lies of the one line above the other
    spread = np.abs(e0) + np.abs(e1)
    mixed = (above0 * above0 + above1 * above1) / np.where(spread > 0.0, 2.0 * spread, 1.0)
    mean = np.where(e0 * e1 < 0.0, mixed, 0.5 * (above0 + above1))
    signs = _sense(a1, b1, c1, d1) * _sense(a2, b2, c2, d2)
    found: Floats = (signs * width * (0.5 * (p0 + p1) - mean)).sum(axis=(1, 2))
    return np.abs(found)


def _sense(a: Floats, b: Floats, c: Floats, d: Floats) -> Floats:
    """1 for edges that lead on in x, -1 for those that lead back, 0 for upright ones."""
    run = b - a
    sense: Floats = np.sign(run) * (np.abs(run) > _UPRIGHT * np.abs(d - c))
    return sense


def _slope(a: Floats, b: Floats, c: Floats, d: Floats) -> Floats:
    run = b - a
    slope: Floats = (d - c) / np.where(np.abs(run) > _UPRIGHT * np.abs(d - c), run, 1.0)
    return slope


def _signed_areas(ring: Floats) -> Floats:
    signed: Floats = 0.5 * _across(ring, np.roll(ring, -1, axis=1)).sum(axis=1)
    return signed


def _in_ring(place: Floats, ring: Floats) -> Flags:
    """Which places ``(n, 2)`` lie in their polygons ``(n, m, 2)``: by the edges that a ray crosses."""
    one, two = ring, np.roll(ring, -1, axis=1)
    x, y = place[:, None, 0], place[:, None, 1]
    spans = (one[..., 1] > y) != (two[..., 1] > y)
    rise = two[..., 1] - one[..., 1]
    meets = one[..., 0] + (y - one[..., 1]) * (two[..., 0] - one[..., 0]) / np.where(rise == 0.0, 1.0, rise)
    odd: Flags = np.count_nonzero(spans & (x < meets), axis=1) % 2 == 1
    return odd


def _to_ring(place: Floats, ring: Floats) -> Floats:
    """Distances of places ``(n, 2)`` from the borders of their polygons."""
    along = np.roll(ring, -1, axis=1) - ring
    step = place[:, None, :] - ring
    share = _scalar(step, along) / np.maximum(_scalar(along, along), 1e-300)
    rest = step - np.clip(share, 0.0, 1.0)[..., None] * along
    nearest: Floats = np.sqrt(_scalar(rest, rest).min(axis=1))
    return nearest


def _scalar(one: Floats, two: Floats) -> Floats:
    return one[..., 0] * two[..., 0] + one[..., 1] * two[..., 1]


def _across(one: Floats, two: Floats) -> Floats:
    return one[..., 0] * two[..., 1] - one[..., 1] * two[..., 0]


def _turn(one: Floats, two: Floats) -> Floats:
    """The angle from one direction to another."""
    turn: Floats = np.arctan2(_across(one, two), _scalar(one, two))
    return turn
