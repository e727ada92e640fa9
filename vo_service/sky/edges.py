"""Great-circle edges of a polygon: which points they enclose, and how far points are from them.

Which side a point lies on is decided by counting the edges that a great-circle ray from it crosses, up to a
place known to be outside. Every sign that decides is taken from differences of neighbouring points where it
is close to zero, so that it is right down to the rounding of the positions themselves.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from vo_service.sky.caps import WHOLE_SKY, Cap, cap_of_points
from vo_service.sky.outlines import perpendicular
from vo_service.sky.vectors import Flags, Floats, cross, dot

_REFINE = 1e-13  # signs of products below this are worked out again from differences
_CHUNK = 1_000_000  # point-edge pairs at once
_FLAT = 1e-14  # radians from one great circle at which a polygon has no inside


@dataclass(frozen=True, slots=True)
class Edges:
    """The closed chain of edges ``start[i]`` to ``end[i]``.

    ``normal`` are unit normals of the edges' planes, ``middle`` and ``half`` the middle of each edge and half
    its length. ``signed`` is the area, radians squared, of the smaller side: positive where it lies
    to the left of the edges. ``references`` are places of known side for chains wider than a hemisphere.
    """

    start: Floats
    end: Floats
    normal: Floats
    middle: Floats
    half: Floats
    cap: Cap
    signed: float
    references: tuple[tuple[Floats, bool], ...]

    def __len__(self) -> int:
        return len(self.start)

    @property
    def counter_clockwise(self) -> bool:
        """Whether the corners run counter-clockwise as seen from inside the sphere."""
        return self.signed < 0.0

    def contain(self, xyz: Floats, slack: float) -> Flags:
        """Which points are inside or within ``slack`` of an edge (a negative slack leaves those out)."""
        step = max(1, _CHUNK // len(self))
        parts = [self._contain(xyz[i : i + step], slack) for i in range(0, len(xyz), step)]
        return np.concatenate(parts)

    def _contain(self, xyz: Floats, slack: float) -> Flags:
        sides = self._sides(xyz)
        inside = self._inside_by_reference(xyz, sides) if self.references else self._inside(xyz, sides)
        close = np.flatnonzero((np.abs(sides) <= abs(slack) + 1e-15).any(axis=1))
        if len(close):
            on_border = close[self._border_distance(xyz[close]) <= abs(slack)]
            inside[on_border] = slack > 0.0
        return inside

    def _sides(self, xyz: Floats) -> Floats:
        """Sines of the distances ``(n, m)`` from the points to the edges' great circles, left positive."""
        sides = xyz @ self.normal.T
        point, edge = np.nonzero(np.abs(sides) < _REFINE)
        sides[point, edge] = np.einsum("ij,ij->i", xyz[point] - self.start[edge], self.normal[edge])
        return sides

    def _inside(self, xyz: Floats, sides: Floats) -> Flags:
        """For chains within a hemisphere: rays lead away from the cap's centre, to its far side."""
        centre = self.cap.centre
        across = cross(centre, xyz - centre)
        length = np.sqrt(np.einsum("ij,ij->i", across, across))
        at_centre = length < 1e-300
        across[at_centre], length[at_centre] = perpendicular(centre), 1.0
        left = self._left_of_rays(xyz, across / length[:, None])
        next_left = np.roll(left, -1, axis=1)
        crossed = (left & ~next_left & (sides < 0.0)) | (~left & next_left & (sides > 0.0))
        odd: Flags = np.count_nonzero(crossed, axis=1) % 2 == 1
        return odd

    def _inside_by_reference(self, xyz: Floats, sides: Floats) -> Flags:
        """For wider chains: arcs lead to a place of known side that is not in line with the point."""
        places = np.stack([place for place, _ in self.references])
        known = np.array([inside for _, inside in self.references])
        choice = np.argmin(np.abs(xyz @ places.T), axis=1)
        across = cross(xyz, places[choice])
        across /= np.sqrt(np.einsum("ij,ij->i", across, across))[:, None]
        left = self._left_of_rays(xyz, across)
        next_left = np.roll(left, -1, axis=1)
        there = (places @ self.normal.T)[choice]
        crossed = (left & ~next_left & (sides < 0.0) & (there > 0.0)) | (
            ~left & next_left & (sides > 0.0) & (there < 0.0)
        )
        inside: Flags = (np.count_nonzero(crossed, axis=1) % 2 == 1) ^ known[choice]
        return inside

    def _left_of_rays(self, xyz: Floats, across: Floats) -> Flags:
        left = across @ self.start.T
        point, corner = np.nonzero(np.abs(left) < _REFINE)
        left[point, corner] = np.einsum("ij,ij->i", across[point], self.start[corner] - xyz[point])
        found: Flags = left >= 0.0
        return found

    def border_distance(self, xyz: Floats) -> Floats:
        """Angles, radians, from the points to the nearest edge."""
        step = max(1, _CHUNK // len(self))
        parts = [self._border_distance(xyz[i : i + step]) for i in range(0, len(xyz), step)]
        return np.concatenate(parts) if parts else np.empty(0)

    def _border_distance(self, xyz: Floats) -> Floats:
        from_start = xyz[:, None, :] - self.start[None]
        from_end = xyz[:, None, :] - self.end[None]
        # the point is beside an edge where it is ahead of its start and behind its end
        beside = xyz @ cross(self.normal, self.start).T >= 0.0
        beside &= xyz @ cross(self.normal, self.end).T <= 0.0
        to_plane = np.abs(np.einsum("ijk,jk->ij", from_start, self.normal))
        to_end = 0.5 * np.sqrt(np.minimum(dot(from_start, from_start), dot(from_end, from_end)))
        nearest = np.where(
            beside, np.arcsin(np.minimum(1.0, to_plane)), 2.0 * np.arcsin(np.minimum(1.0, to_end))
        )
        found: Floats = nearest.min(axis=1)
        return found


def make_edges(corners: Floats) -> Edges:
    """Edges round ``corners`` (unit vectors ``(m, 3)``, neighbours distinct).

    Raises:
        ValueError: with what would be right, where the corners enclose nothing.
    """
    start, end = corners, np.roll(corners, -1, axis=0)
    total, along = start + end, end - start
    opposite = np.sqrt(np.einsum("ij,ij->i", total, total))
    length = np.sqrt(np.einsum("ij,ij->i", along, along))
    if (opposite < 1e-9).any():
        raise ValueError("neighbouring corners that are not opposite on the sky")
    if _on_one_great_circle(corners):
        raise ValueError("corners that are not all on one great circle")
    normal = cross(start, along)
    normal /= np.sqrt(np.einsum("ij,ij->i", normal, normal))[:, None]
    middle, half = total / opposite[:, None], np.arctan2(length, opposite)
    cap = cap_of_points(corners)
    signed = _signed_area(start, end, cap)
    edges = Edges(start, end, normal, middle, half, cap, signed, ())
    if cap != WHOLE_SKY:
        return edges
    if crosses_itself(edges):
        raise ValueError("a border that does not cross itself, since it reaches over more than a hemisphere")
    return replace(edges, references=_references(edges))


def _on_one_great_circle(corners: Floats) -> bool:
    across = cross(corners[0], corners - corners[0])
    length = np.sqrt(np.einsum("ij,ij->i", across, across))
    widest = int(np.argmax(length))
    if length[widest] == 0.0:
        return True
    heights = (corners - corners[0]) @ (across[widest] / length[widest])
    return bool(np.abs(heights).max() <= _FLAT)


def _signed_area(start: Floats, end: Floats, cap: Cap) -> float:
    """Sum of signed triangles with a common corner; in (-2 pi, 2 pi], the smaller side's."""
    common = cap.centre if cap != WHOLE_SKY else _generic_place(start, end)
    one, two = start - common, end - common
    volume = cross(one, two) @ common
    below = 1.0 + np.einsum("ij,ij->i", start, end) + end @ common + start @ common
    total = float(np.sum(2.0 * np.arctan2(volume, below)))
    return math.remainder(total, 4.0 * math.pi)


def _spiral(count: int) -> Floats:
    """Places spread over the sphere, none of them special."""
    height = 1.0 - (2.0 * np.arange(count) + 1.0) / count
    turn = np.arange(count) * math.pi * (3.0 - math.sqrt(5.0)) + 0.1
    across = np.sqrt(1.0 - height * height)
    return np.stack([across * np.cos(turn), across * np.sin(turn), height], axis=1)


def _generic_place(start: Floats, end: Floats) -> Floats:
    """A place whose opposite is far from all edges, so that no triangle with it is undefined."""
    places = _spiral(60)
    middle = start + end
    middle /= np.sqrt(np.einsum("ij,ij->i", middle, middle))[:, None]
    nearest = np.min([(1.0 + places @ part.T).min(axis=1) for part in (start, end, middle)], axis=0)
    chosen: Floats = places[int(np.argmax(nearest))]
    return chosen


def _references(edges: Edges) -> tuple[tuple[Floats, bool], ...]:
    """Three places off all edges' great circles and off each other's axis, each with its side."""
    places = _spiral(60)
    order = np.argsort(-np.abs(places @ edges.normal.T).min(axis=1))
    chosen: list[Floats] = []
    for index in order:
        if all(abs(float(places[index] @ other)) < 0.9 for other in chosen):
            chosen.append(places[index])
        if len(chosen) == 3:
            break
    beside, inside = _place_beside(edges)
    found = []
    for place in chosen:
        probe = replace(edges, references=((place, False),))
        parity = bool(probe._inside_by_reference(beside, probe._sides(beside))[0])
        found.append((place, parity != inside))
    return tuple(found)


def _place_beside(edges: Edges) -> tuple[Floats, bool]:
    """A place just left of the longest edge, and whether that is inside."""
    longest = int(np.argmax(edges.half))
    others = [i for i in range(len(edges)) if i != longest]
    kept = replace(
        edges,
        start=edges.start[others],
        end=edges.end[others],
        normal=edges.normal[others],
        middle=edges.middle[others],
        half=edges.half[others],
    )
    middle = edges.middle[longest][None, :]
    step = 0.1 * min(1e-2, float(kept.border_distance(middle)[0]))
    beside = middle + step * edges.normal[longest]
    return beside / np.sqrt(np.einsum("ij,ij->i", beside, beside))[:, None], edges.signed > 0.0


def crosses_itself(edges: Edges) -> bool:
    """Whether two edges that are no neighbours share a point, or a corner is visited twice."""
    count = len(edges)
    if count == 3:
        return False
    one, two = np.triu_indices(count, 2)
    keep = ~((one == 0) & (two == count - 1))
    one, two = one[keep], two[keep]
    s = np.einsum("ij,ij->i", edges.normal[one], edges.start[two] - edges.start[one])
    t = np.einsum("ij,ij->i", edges.normal[one], edges.end[two] - edges.start[one])
    u = np.einsum("ij,ij->i", edges.normal[two], edges.start[one] - edges.start[two])
    v = np.einsum("ij,ij->i", edges.normal[two], edges.end[one] - edges.start[two])
    together = (
        np.einsum("ij,ij->i", edges.middle[one], edges.middle[two])
        > np.cos(np.minimum(math.pi, edges.half[one] + edges.half[two])) - 1e-12
    )
    return bool(((s * t <= 0.0) & (u * v <= 0.0) & (s * u <= 0.0) & together).any())
