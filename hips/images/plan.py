"""Which tiles a tree has, and which of them are to be made: known by digests of all that they depend on."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from math import inf

import numpy as np

from hips.images.depth import Extent, leaves_of
from hips.images.engine import Wanted
from hips.images.field import Field
from hips.tiles.grid import Cells
from hips.trees.held import TileRecord

ALGORITHM = "1"
"""Goes up with every change to what is made of parts (coadds, parents, files, pictures)."""
_SIZE = 16

Before = Mapping[tuple[int, int], TileRecord]
"""The tiles of the build before, by order and cell."""


@dataclass(frozen=True, slots=True)
class Node:
    """A tile to be, with those below it. Leaves have fields, by their numbers, and others have children."""

    order: int
    cell: int
    digest: bytes
    fields: tuple[int, ...] = ()
    children: tuple[Node, ...] = ()
    unchanged: bool = False
    """Whether the build before has the same tile, and so all below it."""
    filled: bool = False
    """Whether that one holds data."""
    leaves: int = 0
    """How many leaves in it are to be made."""

    def below(self) -> Iterator[Node]:
        """All tiles that it holds, those above before those below, itself the first."""
        yield self
        for child in self.children:
            yield from child.below()


@dataclass(frozen=True, slots=True)
class Ingredients:
    """All that leaves depend on beside their fields: of the engine and of the tree."""

    engine: str
    unit: str
    transfer: str
    _known: dict[int, bytes] = field(default_factory=dict, compare=False)

    def leaf(self, order: int, cell: int, fields: tuple[int, ...], members: Sequence[Field]) -> bytes:
        """The digest of a leaf."""
        digest = blake2b(
            f"{ALGORITHM}|{self.engine}|{self.unit}|{self.transfer}|{order}/{cell}".encode(),
            digest_size=_SIZE,
        )
        for number in fields:
            if number not in self._known:
                self._known[number] = _of_field(members[number])
            digest.update(self._known[number])
        return digest.digest()


def _of_field(one: Field) -> bytes:
    text = f"{one.name}|{one.state}|{one.resolution!r}|{one.weight!r}"
    return blake2b(text.encode(), digest_size=_SIZE).digest()


def in_order(fields: Sequence[Field]) -> list[Field]:
    """Fields as they are numbered: the sharpest first, whichever way they came. Raises ValueError where two
    have the same name."""
    ordered = sorted(fields, key=lambda one: (one.resolution if one.resolution > 0.0 else inf, one.name))
    names = [one.name for one in ordered]
    twice = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []
    if twice:
        raise ValueError(
            f"more than one field is named {', '.join(twice[:3])}: a member is known by its name"
        )
    return ordered


def plan_tree(
    fields: Sequence[Field], extents: Sequence[Extent], ingredients: Ingredients, before: Before
) -> list[Node]:
    """The tiles of order 0, with all below them; ``before`` are those of the build before."""
    levels: dict[int, list[Node]] = defaultdict(list)
    for leaf in leaves_of(extents):
        digest = ingredients.leaf(leaf.order, leaf.cell, leaf.fields, fields)
        same, filled = _compare(before, leaf.order, leaf.cell, digest)
        levels[leaf.order].append(
            Node(leaf.order, leaf.cell, digest, leaf.fields, (), same, filled, leaves=0 if same else 1)
        )
    for order in range(max(levels, default=0), 0, -1):
        parents: dict[int, list[Node]] = defaultdict(list)
        for node in sorted(levels[order], key=lambda node: node.cell):
            parents[node.cell >> 2].append(node)
        levels[order - 1] += [_parent(order - 1, cell, below, before) for cell, below in parents.items()]
    return sorted(levels[0], key=lambda node: node.cell)


def _parent(order: int, cell: int, children: Sequence[Node], before: Before) -> Node:
    digest = blake2b(f"{ALGORITHM}|{order}/{cell}".encode(), digest_size=_SIZE)
    for child in children:
        digest.update(bytes([child.cell & 3]) + child.digest)
    found = digest.digest()
    same, filled = _compare(before, order, cell, found)
    leaves = sum(child.leaves for child in children)
    return Node(order, cell, found, (), tuple(children), same, filled, leaves)


def _compare(before: Before, order: int, cell: int, digest: bytes) -> tuple[bool, bool]:
    """Whether the build before has the same tile, and whether that holds data."""
    record = before.get((order, cell))
    if record is None or record.digest != digest:
        return False, False
    return True, record.filled


def contents_of(roots: Sequence[Node]) -> str:
    """One digest of all tiles: the same tree, the same text."""
    digest = blake2b(digest_size=_SIZE)
    for root in roots:
        digest.update(bytes([root.cell]) + root.digest)
    return digest.hexdigest()


def wanted_of(roots: Sequence[Node], fields: Sequence[Field]) -> list[Wanted]:
    """What an engine will be asked for: the fields of all leaves that are to be made."""
    cells: dict[int, dict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
    for root in roots:
        for node in root.below():
            if node.fields and not node.unchanged:
                for number in node.fields:
                    cells[number][node.order].append(node.cell)
    return [Wanted(fields[number], _arrays(cells[number])) for number in sorted(cells)]


def _arrays(cells: Mapping[int, list[int]]) -> dict[int, Cells]:
    return {order: np.array(sorted(numbers), dtype=np.int64) for order, numbers in sorted(cells.items())}


def tasks_of(roots: Sequence[Node], parts: int) -> Iterator[Node]:
    """Tiles to cut the tree at, so that each has at most about the given part of all leaves that are to be
    made: what lies below one is one process's work. Those above them are put together of them."""
    limit = max(1, sum(root.leaves for root in roots) // max(1, parts))
    for root in roots:
        yield from _cut(root, limit)


def _cut(node: Node, limit: int) -> Iterator[Node]:
    if node.unchanged or not node.children or node.leaves <= limit:
        yield node
        return
    for child in node.children:
        yield from _cut(child, limit)
