"""Great-circle edges of a polygon: which points they enclose, and how far points are from them.

Which side a point lies on is decided by counting the edges that a great-circle ray from it crosses, up to a
place known to be outside. Every sign that decides is taken from differences of neighbouring points where it
is close to zero, so that it is right down to the rounding of the positions themselves.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from vo_service.sky.caps import WHOLE_SKY, Cap
from vo_service.sky.neighbours import Places, close_pairs, marked
from vo_service.sky.outlines import perpendicular
from vo_service.sky.vectors import Flags, Floats, cross, dot

_REFINE = 1e-13  # signs of products below this are worked out again from differences
_CHUNK = 60_000  # point-edge pairs at once: what stays in the cache
_CLOSE = 2e-6  # radians: how far apart edges may be by their caps to be looked at together
_ROUGHLY = 1e-14  # difference of cosines beyond which the larger distance is told from the smaller
_OPPOSITE = 1e-9  # radians from the opposite place within which neighbours make no edge
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
        inside = self._inside_by_reference(xyz) if self.references else self._inside(xyz)
        # whatever is that close to an edge is as close to the edge's great circle
        point, edge = marked(np.abs(xyz @ self.normal.T) <= abs(slack) + 1e-15)
        for at in range(0, len(point), _CHUNK):
            points, edges = point[at : at + _CHUNK], edge[at : at + _CHUNK]
            away = to_edges(xyz[points], self.start[edges], self.end[edges], self.normal[edges])
            inside[points[away <= abs(slack)]] = slack > 0.0
        return inside

    def _inside(self, xyz: Floats) -> Flags:
        """For chains within a hemisphere: rays lead away from the cap's centre, to its far side."""
        centre = self.cap.centre
        across = cross(centre, xyz - centre)
        length = np.sqrt(np.einsum("ij,ij->i", across, across))
        at_centre = length < 1e-300
        across[at_centre], length[at_centre] = perpendicular(centre), 1.0
        point, _, _ = self._crossed(xyz, across / length[:, None])
        odd: Flags = np.bincount(point, minlength=len(xyz)) % 2 == 1
        return odd

    def _inside_by_reference(self, xyz: Floats) -> Flags:
        """For wider chains: arcs lead to a place of known side that is not in line with the point."""
        places = np.stack([place for place, _ in self.references])
        known = np.array([inside for _, inside in self.references])
        choice = np.argmin(np.abs(xyz @ places.T), axis=1)
        across = cross(xyz, places[choice])
        across /= np.sqrt(np.einsum("ij,ij->i", across, across))[:, None]
        point, edge, side = self._crossed(xyz, across)
        there = dot(places[choice[point]], self.normal[edge])
        between = point[((side < 0.0) & (there > 0.0)) | ((side > 0.0) & (there < 0.0))]
        inside: Flags = (np.bincount(between, minlength=len(xyz)) % 2 == 1) ^ known[choice]
        return inside

    def _crossed(self, xyz: Floats, across: Floats) -> tuple[Places, Places, Floats]:
        """Points with the edges that pass their rays' great circles (of normals ``across``) ahead, and on
        which side of the edges the points are (sines, left positive)."""
        left = across @ self.start.T
        point, corner = marked(np.abs(left) < _REFINE)
        left[point, corner] = dot(across[point], self.start[corner] - xyz[point])
        is_left = left >= 0.0
        point, edge = marked(is_left != np.roll(is_left, -1, axis=1))
        side = dot(xyz[point] - self.start[edge], self.normal[edge])
        ahead = np.where(is_left[point, edge], side < 0.0, side > 0.0)
        return point[ahead], edge[ahead], side[ahead]

    def border_distance(self, xyz: Floats) -> Floats:
        """Angles, radians, from the points to the nearest edge."""
        step = max(1, _CHUNK // len(self))
        parts = [self._border_distance(xyz[i : i + step]) for i in range(0, len(xyz), step)]
        return np.concatenate(parts) if parts else np.empty(0)

    def _border_distance(self, xyz: Floats) -> Floats:
        """Roughly to all edges, and exactly to those that may be the nearest."""
        # the point is beside an edge where it is ahead of its start and behind its end
        beside = xyz @ cross(self.normal, self.start).T >= 0.0
        beside &= xyz @ cross(self.normal, self.end).T <= 0.0
        to_start = xyz @ self.start.T
        nearness = np.maximum(to_start, xyz @ self.end.T)
        height = xyz @ self.normal.T
        np.copyto(nearness, np.sqrt(np.maximum(0.0, 1.0 - height * height)), where=beside)
        point, edge = marked(nearness >= nearness.max(axis=1, keepdims=True) - _ROUGHLY)
        away = to_edges(xyz[point], self.start[edge], self.end[edge], self.normal[edge])
        first = np.flatnonzero(np.diff(point, prepend=-1))
        found = np.full(len(xyz), np.nan)
        found[point[first]] = np.minimum.reduceat(away, first) if len(first) else np.nan
        return found


def to_edges(points: Floats, starts: Floats, ends: Floats, normals: Floats) -> Floats:
    """Angles, radians, from points ``(n, 3)`` to one edge each."""
    from_start, from_end = points - starts, points - ends
    beside = dot(from_start, cross(normals, starts)) >= 0.0
    beside &= dot(from_end, cross(normals, ends)) <= 0.0
    height = np.abs(dot(from_start, normals))
    to_start, to_end = dot(from_start, from_start), dot(from_end, from_end)
    near = np.minimum(to_start, to_end)
    corner = 2.0 * np.arcsin(np.minimum(1.0, 0.5 * np.sqrt(near)))
    far = np.flatnonzero(near > 2.0)
    if len(far):
        # beyond a right angle the chord to the opposite place keeps its digits
        nearer = np.where((to_start <= to_end)[far, None], starts[far], ends[far])
        rest = points[far] + nearer
        corner[far] = math.pi - 2.0 * np.arcsin(np.minimum(1.0, 0.5 * np.sqrt(dot(rest, rest))))
    nearest: Floats = np.where(beside, np.arcsin(np.minimum(1.0, height)), corner)
    return nearest


def check_corners(corners: Floats) -> None:
    """Whether corners (unit vectors ``(m, 3)``, neighbours distinct) enclose something.

    Raises:
        ValueError: with what would be right.
    """
    total = corners + _following(corners)
    if (dot(total, total) < _OPPOSITE**2).any():
        raise ValueError("neighbouring corners that are not opposite on the sky")
    if _on_one_great_circle(corners):
        raise ValueError("corners that are not all on one great circle")


def make_edges(corners: Floats, cap: Cap) -> Edges:
    """Edges round corners that have been checked, within their cap.

    Raises:
        ValueError: for a border that crosses itself and has the whole sky as its cap.
    """
    start, end = corners, _following(corners)
    total, along = start + end, end - start
    opposite, length = np.sqrt(dot(total, total)), np.sqrt(dot(along, along))
    normal = cross(start, along)
    normal /= np.sqrt(dot(normal, normal))[:, None]
    middle, half = total / opposite[:, None], np.arctan2(length, opposite)
    signed = _signed_area(start, end, cap)
    edges = Edges(start, end, normal, middle, half, cap, signed, ())
    if cap != WHOLE_SKY:
        return edges
    if crosses_itself(edges):
        raise ValueError("a border that does not cross itself, since it reaches over more than a hemisphere")
    return replace(edges, references=_references(edges))


def _following(corners: Floats) -> Floats:
    """The next corner of each."""
    return np.concatenate([corners[1:], corners[:1]])


def _on_one_great_circle(corners: Floats) -> bool:
    across = cross(corners[0], corners - corners[0])
    squares = dot(across, across)
    widest = int(squares.argmax())
    length = math.sqrt(squares[widest])
    if length == 0.0:
        return True
    heights = (corners - corners[0]) @ across[widest]
    return bool(np.abs(heights).max() <= _FLAT * length)


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
        parity = bool(probe._inside_by_reference(beside)[0])
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
    start, end, normal = edges.start, edges.end, edges.normal
    for one, two in close_pairs(edges.middle, edges.half, edges.middle, edges.half, _CLOSE):
        keep = (two > one + 1) & (two - one < count - 1)
        one, two = one[keep], two[keep]
        s = dot(normal[one], start[two] - start[one])
        keep = s * dot(normal[one], end[two] - start[one]) <= 0.0
        one, two, s = one[keep], two[keep], s[keep]
        u = dot(normal[two], start[one] - start[two])
        passing = (u * dot(normal[two], end[one] - start[two]) <= 0.0) & (s * u <= 0.0)
        one, two = one[passing], two[passing]
        reach = np.cos(np.minimum(math.pi, edges.half[one] + edges.half[two])) - 1e-12
        if (dot(edges.middle[one], edges.middle[two]) > reach).any():
            return True
    return False
