"""Polygons against points and polygons, many pairs of equal corner counts at a time.

Arrays of ``(n, m, 3)`` hold the ``m`` corners of ``n`` polygons with caps below 40 degrees. Every sign that
decides is taken from differences of neighbouring places, so that it is right down to rounding.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from vo_service.sky.edges import to_edges
from vo_service.sky.vectors import Flags, Floats, cross

Places = NDArray[np.intp]

DECISIVE: Final = 1e-14  # sines of distances beyond the rounding of places and of the edges through them
_SAME: Final = 1e-12  # edges of one border that are this close count as touching


def after(corners: Floats) -> Floats:
    """The next corner of each corner."""
    return np.roll(corners, -1, axis=1)


def normals_of(corners: Floats) -> Floats:
    """Unit normals ``(n, m, 3)`` of the edges from each corner to the next."""
    normals = cross(corners, after(corners) - corners)
    scaled: Floats = normals / np.sqrt(np.einsum("ijk,ijk->ij", normals, normals))[:, :, None]
    return scaled


def heights(points: Floats, corners: Floats, normals: Floats) -> Floats:
    """Sines ``(n, p, m)`` of the distances of points ``(n, p, 3)`` from the edges' great circles, left
    positive."""
    found: Floats = np.einsum(
        "ipmk,imk->ipm", points[:, :, None, :] - corners[:, None, :, :], normals, optimize=False
    )
    return found


def enclosed(points: Floats, corners: Floats, normals: Floats, centres: Floats) -> Flags:
    """Which points ``(n, 3)`` lie inside, by the edges that a ray away from the cap's centre crosses.

    The ray ends opposite the centre. For a point nearly there edges behind the centre would count: beyond a
    right angle, which no cap here reaches, a point is outside whatever its count.
    """
    sides = np.einsum("imk,imk->im", points[:, None, :] - corners, normals)
    across = cross(centres, points - centres)
    length = np.sqrt(np.einsum("ij,ij->i", across, across))
    at_centre = length < 1e-300
    if at_centre.any():
        other = np.eye(3)[np.argmin(np.abs(centres[at_centre]), axis=1)]
        across[at_centre] = cross(centres[at_centre], other)
        length[at_centre] = np.sqrt(np.einsum("ij,ij->i", across[at_centre], across[at_centre]))
    across /= length[:, None]
    left = np.einsum("imk,ik->im", corners - points[:, None, :], across) >= 0.0
    next_left = np.roll(left, -1, axis=1)
    crossed = (left & ~next_left & (sides < 0.0)) | (~left & next_left & (sides > 0.0))
    ahead = np.einsum("ij,ij->i", points, centres) > 0.0
    inside: Flags = ahead & (np.count_nonzero(crossed, axis=1) % 2 == 1)
    return inside


def to_borders(points: Floats, corners: Floats, normals: Floats) -> Floats:
    """Angles, radians, from points ``(n, 3)`` to the borders of one polygon each."""
    count, edges = corners.shape[:2]
    flat = (count * edges, 3)
    each = np.broadcast_to(points[:, None, :], corners.shape).reshape(flat)
    found = to_edges(each, corners.reshape(flat), after(corners).reshape(flat), normals.reshape(flat))
    nearest: Floats = found.reshape(count, edges).min(axis=1)
    return nearest


def within(points: Floats, corners: Floats, normals: Floats, centres: Floats, slack: float) -> Flags:
    """Which points ``(n, 3)`` lie inside or within ``slack`` of the border."""
    inside = enclosed(points, corners, normals, centres)
    sides = np.einsum("imk,imk->im", points[:, None, :] - corners, normals)
    close = np.flatnonzero((np.abs(sides) <= slack).any(axis=1))
    if len(close):
        inside[close] |= to_borders(points[close], corners[close], normals[close]) <= slack
    return inside


def contacts(
    one: Floats, normals_one: Floats, two: Floats, normals_two: Floats, slack: float
) -> tuple[Flags, Flags]:
    """Pairs of which two edges cross beyond doubt, and pairs of which a corner touches the other's border.

    Borders of neither have nothing in common: of edges that cross in doubt one has an end at the other.
    """
    of_two = heights(two, one, normals_one)  # (n, corner of two, edge of one)
    of_one = heights(one, two, normals_two)  # (n, corner of one, edge of two)
    between_two, between_one = _straddles(of_two), _straddles(of_one)
    crossing = any_of(between_two & between_one.transpose(0, 2, 1))
    touching = _touch(of_two, two, one, normals_one, slack) | _touch(of_one, one, two, normals_two, slack)
    return crossing, touching


def any_of(flags: Flags) -> Flags:
    """Whether any flag of a row ``(n, ...)`` is set."""
    found: Flags = np.logical_or.reduce(flags.reshape(len(flags), -1), axis=1)
    return found


def _straddles(sines: Floats) -> Flags:
    """``(n, p, m)``: whether the edge from corner p to the next passes the great circle of edge m."""
    sign = (sines > DECISIVE).astype(np.int8) - (sines < -DECISIVE)
    passes: Flags = sign * np.roll(sign, -1, axis=1) < 0
    return passes


def _touch(sines: Floats, points: Floats, corners: Floats, normals: Floats, slack: float) -> Flags:
    found = np.zeros(len(sines), dtype=bool)
    pair, point, edge = np.nonzero(np.abs(sines) <= slack)
    if len(pair):
        ends = (edge + 1) % corners.shape[1]
        away = to_edges(points[pair, point], corners[pair, edge], corners[pair, ends], normals[pair, edge])
        found[pair[away <= slack]] = True
    return found


def simple(corners: Floats, normals: Floats) -> Flags:
    """Which polygons surely neither cross nor touch themselves."""
    count = corners.shape[1]
    sines = heights(corners, corners, normals)
    straddles = _straddles(sines)
    crossing = any_of(straddles & straddles.transpose(0, 2, 1))
    corner, edge = np.indices((count, count))
    own = (corner == edge) | (corner == (edge + 1) % count)
    return ~crossing & ~_touch(np.where(own, 1.0, sines), corners, corners, normals, _SAME)


def places_on(inner: Floats, normals_in: Floats, outer: Floats, normals_out: Floats) -> Floats:
    """Places ``(n, p, 3)`` on the border of ``inner``: one between any two places where it may leave
    ``outer`` (crossings of the edges' great circles and corners of ``outer``)."""
    count, edges = inner.shape[:2]
    tangents = cross(normals_in, inner)
    length = np.arctan2(
        np.einsum("ijk,ijk->ij", after(inner), tangents), np.einsum("ijk,ijk->ij", after(inner), inner)
    )
    lines = cross(normals_in[:, :, None, :], normals_out[:, None, :, :])
    middle = inner + after(inner)
    lines *= np.where(np.einsum("ijmk,ijk->ijm", lines, middle) < 0.0, -1.0, 1.0)[..., None]
    ends = np.broadcast_to(outer[:, None, :, :], (count, edges, *outer.shape[1:]))
    cuts = np.concatenate([lines, ends], axis=2)
    angles = np.arctan2(np.einsum("ijmk,ijk->ijm", cuts, tangents), np.einsum("ijmk,ijk->ijm", cuts, inner))
    both = np.stack([np.zeros_like(length), length], axis=2)
    turns = np.concatenate([both, np.clip(angles, 0.0, length[:, :, None])], axis=2)
    turns.sort(axis=2)
    turns = 0.5 * (turns[:, :, 1:] + turns[:, :, :-1])[..., None]
    places = np.cos(turns) * inner[:, :, None, :] + np.sin(turns) * tangents[:, :, None, :]
    flat: Floats = places.reshape(count, -1, 3)
    return flat


def chord_within(apart: Floats, opposite: Floats, limit: Floats, slack: float) -> Flags:
    """Whether an angle is at most ``limit`` (radians), from squared chords to a place and its antipode."""
    half = 0.5 * np.clip(limit, -math.pi, math.pi)
    near = 2.0 * np.sin(half) + slack
    far = 2.0 * np.cos(half) - slack
    small = (near >= 0.0) & (apart <= near * near)
    large = (far <= 0.0) | (opposite >= far * far)
    found: Flags = np.where(limit <= 0.5 * math.pi, small, large)
    return found


def parts(rows: Places, size: int) -> Iterator[Places]:
    """Rows, so many at once."""
    for at in range(0, len(rows), size):
        yield rows[at : at + size]


def groups(rows: Places, at_once: int, *counts: Places) -> Iterator[Places]:
    """Rows with equal counts, so many at once that their product of counts stays below a limit."""
    if len(rows) == 0:
        return
    key = np.zeros(len(rows), dtype=np.intp)
    for each in counts:
        key = key * 1000 + each[rows]
    order = np.argsort(key, kind="stable")
    for part in np.split(rows[order], np.flatnonzero(np.diff(key[order])) + 1):
        size = math.prod(int(each[part[0]]) for each in counts)
        yield from parts(part, max(1, at_once // size))
