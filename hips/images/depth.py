"""How deep a tree goes where: tiles are made no deeper than some field there needs (HIPS-009)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from hips.tiles.grid import Cells

Held = list[tuple[int, int, int]]
"""Fields by number, each with the part of its cells that lies in a node."""


@dataclass(frozen=True, slots=True)
class Extent:
    """The order that a field needs, and the cells at it that it may touch, ascending."""

    order: int
    cells: Cells


@dataclass(frozen=True, slots=True)
class Leaf:
    """A tile with none below it, and the numbers of the fields that may touch it, ascending."""

    order: int
    cell: int
    fields: tuple[int, ...]


def leaves_of(extents: Sequence[Extent]) -> Iterator[Leaf]:
    """The leaves of the tree of all fields, along the sky.

    A node is a leaf if no field that touches it needs more; else those of its four children that any field
    touches are nodes. Below its own order a field is taken to touch all children of a cell that it touches.
    """
    for base in range(12):
        held = [(number, *_within(extent, 0, base)) for number, extent in enumerate(extents)]
        yield from _visit(extents, 0, base, [one for one in held if one[1] < one[2]])


def _within(extent: Extent, order: int, cell: int) -> tuple[int, int]:
    steps = 2 * (extent.order - order)
    low, high = np.searchsorted(extent.cells, [cell << steps, (cell + 1) << steps])
    return int(low), int(high)


def _visit(extents: Sequence[Extent], order: int, cell: int, held: Held) -> Iterator[Leaf]:
    if not held:
        return
    if all(extents[number].order <= order for number, _, _ in held):
        yield Leaf(order, cell, tuple(number for number, _, _ in held))
        return
    children: list[Held] = [[], [], [], []]
    for number, low, high in held:
        extent = extents[number]
        if extent.order <= order:
            for child in children:
                child.append((number, low, high))
            continue
        steps = 2 * (extent.order - order - 1)
        ends = [((4 * cell + child) << steps) for child in range(5)]
        cuts = (low + np.searchsorted(extent.cells[low:high], ends)).tolist()
        for child, (first, last) in zip(children, pairwise(cuts), strict=True):
            if first < last:
                child.append((number, first, last))
    for place, child in enumerate(children):
        yield from _visit(extents, order + 1, 4 * cell + place, child)
