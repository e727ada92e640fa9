"""Which members of unions are near enough to a shape that an exact test is worth it, and the tests of those
until one of them tells.

Of some 100,000 shapes and a union of 500 members nearly all pairs are far from each other. Shapes are put
in blocks of neighbours: what is far from a block is far from all of it, and of what is left the caps are
compared. Caps stand as balls round unit vectors, for which neither an angle nor a cosine is needed:
``2 sin((a + b) / 2)`` is never more than ``2 sin(a / 2) + 2 sin(b / 2)``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from vo_service.sky.shapes import Places, Shapes
from vo_service.sky.vectors import Flags, Floats, healpix29, positions

_BLOCK: Final = 128  # shapes
_FEW: Final = 8  # shapes that are not worth blocks of their own
_PAIRS: Final = 200_000  # at a time, about
_SLACK: Final = 1e-12  # of squared chords: far above their rounding and any allowance of the exact tests


@dataclass(frozen=True, slots=True, eq=False)
class Balls:
    """Caps as balls: unit vectors ``centre`` ``(n, 3)``, and the chord ``reach`` of their radii."""

    centre: Floats
    reach: Floats

    @staticmethod
    def of(shapes: Shapes) -> Balls:
        """The caps of shapes, none of which is unknown."""
        return Balls(shapes.centre, 2.0 * np.sin(0.5 * np.minimum(shapes.radius, np.pi)))

    def take(self, rows: Places) -> Balls:
        return Balls(self.centre[rows], self.reach[rows])


@dataclass(frozen=True, slots=True, eq=False)
class Near:
    """Pairs of a shape and a member that may touch. All pairs of a shape stand together, those first whose
    caps lie the most in each other."""

    shape: Places
    member: Places

    def where(self, chosen: Flags) -> Near:
        """Some of the pairs."""
        return Near(self.shape[chosen], self.member[chosen])

    def turned(self) -> Near:
        """The other way round: of each shape that pair first whose caps lie the least in each other."""
        return Near(self.shape[::-1], self.member[::-1])


def near_pairs(shapes: Balls, members: Balls, first: Places, count: Places) -> Iterator[Near]:
    """The pairs of each shape with the ``count`` members from ``first`` on, some shapes at a time; shapes
    without any are left out."""
    waiting: list[tuple[Places, Places, Floats]] = []
    for found in _found(shapes, members, first, count):
        waiting.append(found)
        if sum(len(shape) for shape, _, _ in waiting) >= _PAIRS:
            yield _sorted(waiting)
            waiting = []
    if waiting:
        yield _sorted(waiting)


def any_of_shapes(near: Near, test: Callable[[Places, Places], Flags]) -> Places:
    """Shapes for which a test is true of one of their pairs: pairs are tested (as arrays of shapes and of
    members) until one is, ever more of a shape at once."""
    starts = np.flatnonzero(np.diff(near.shape, prepend=-1))
    stops = np.append(starts[1:], len(near.shape))
    told = [np.empty(0, dtype=np.intp)]
    step = 1
    while len(starts):
        counts = np.minimum(stops - starts, step)
        pairs = _stretches(starts, counts)
        passed = np.repeat(np.arange(len(starts)), counts)[test(near.shape[pairs], near.member[pairs])]
        is_told = np.zeros(len(starts), dtype=bool)
        is_told[passed] = True
        told.append(near.shape[starts[is_told]])
        starts = starts + counts
        left = ~is_told & (starts < stops)
        starts, stops, step = starts[left], stops[left], 2 * step
    return np.concatenate(told)


def _found(
    shapes: Balls, members: Balls, first: Places, count: Places
) -> Iterator[tuple[Places, Places, Floats]]:
    """Shapes, members, and how far the balls of each pair are from touching, as squares."""
    rows = np.flatnonzero(count)  # of an empty stretch ``first`` is that of another
    order = rows[np.lexsort((healpix29(*positions(shapes.centre[rows])), first[rows]))]
    few: list[Places] = []
    for group in np.split(order, np.flatnonzero(np.diff(first[order])) + 1):
        if len(group) < _FEW:
            few.append(group)
            continue
        own = np.arange(first[group[0]], first[group[0]] + count[group[0]])
        for at in range(0, len(group), _BLOCK):
            yield _of_block(shapes, members, group[at : at + _BLOCK], own)
    if few:
        yield from _one_by_one(shapes, members, np.concatenate(few), first, count)


def _of_block(shapes: Balls, members: Balls, rows: Places, own: Places) -> tuple[Places, Places, Floats]:
    """Pairs of neighbouring shapes with the members of their union."""
    block, theirs = shapes.take(rows), members.take(own)
    middle = block.centre[len(rows) // 2]
    room = np.max(_lengths(block.centre - middle) + block.reach)
    own = own[~(_lengths(theirs.centre - middle) > room + theirs.reach + _SLACK)]
    theirs = members.take(own)
    squared = 2.0 - 2.0 * (block.centre @ theirs.centre.T)
    beyond = squared - (block.reach[:, None] + theirs.reach) ** 2
    row, column = np.nonzero(~(beyond > _SLACK))
    return rows[row], own[column], beyond[row, column]


def _one_by_one(
    shapes: Balls, members: Balls, rows: Places, first: Places, count: Places
) -> Iterator[tuple[Places, Places, Floats]]:
    """The same of shapes that share their unions with few others."""
    ends = np.cumsum(count[rows])
    for part in np.split(rows, np.flatnonzero(np.diff(ends // _PAIRS)) + 1):
        shape, member = np.repeat(part, count[part]), _stretches(first[part], count[part])
        step = shapes.centre[shape] - members.centre[member]
        beyond = np.einsum("ij,ij->i", step, step) - (shapes.reach[shape] + members.reach[member]) ** 2
        near = ~(beyond > _SLACK)
        yield shape[near], member[near], beyond[near]


def _stretches(first: Places, count: Places) -> Places:
    """The numbers from ``first[i]`` on, ``count[i]`` of them, one stretch after another."""
    ahead = np.cumsum(count) - count
    found: Places = np.arange(int(count.sum())) + np.repeat(first - ahead, count)
    return found


def _sorted(found: list[tuple[Places, Places, Floats]]) -> Near:
    shape, member, beyond = (np.concatenate(parts) for parts in zip(*found))
    order = np.lexsort((beyond, shape))
    return Near(shape[order], member[order])


def _lengths(steps: Floats) -> Floats:
    lengths: Floats = np.sqrt(np.einsum("ij,ij->i", steps, steps))
    return lengths
