"""What lies beside a tree and is not served: which tiles there are, of what they were made, and which fields
their pixels are from. Builders find what has changed by it, servers what must not be shown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.ipc
from numpy.typing import NDArray

from hips.tiles.grid import Cells, interleaved
from hips.trees.cell_sets import EMPTY, CellSet

TILES = "tiles.arrow"
MEMBERS = "members.arrow"
BLOCK_STEPS = 3
"""Orders from a tile to the blocks, 8 x 8, of which is known whether they hold any data."""
_BLOCKS = 1 << BLOCK_STEPS

_TILE_SCHEMA = pa.schema(
    [
        ("order", pa.uint8()),
        ("cell", pa.int64()),
        ("digest", pa.binary(16)),
        ("leaf", pa.bool_()),
        ("filled", pa.bool_()),
        ("blocks", pa.uint64()),
        ("low", pa.float32()),
        ("high", pa.float32()),
        ("bytes", pa.int64()),
        ("members", pa.list_(pa.int32())),
    ]
)
_MEMBER_SCHEMA = pa.schema(
    [("name", pa.string()), ("state", pa.string()), ("order", pa.uint8()), ("cells", pa.list_(pa.int64()))]
)


@dataclass(frozen=True, slots=True)
class TileRecord:
    """A tile that was made. ``filled``: whether it holds data, so that there are files of it. Of leaves:
    ``blocks``, a bit for each cell three orders below, in their order, that holds data; the range of values
    (NaN without any); the numbers of the ``members`` whose pixels it shows."""

    order: int
    cell: int
    digest: bytes
    leaf: bool
    filled: bool
    blocks: int
    low: float
    high: float
    bytes: int
    members: tuple[int, ...]

    def with_members(self, members: tuple[int, ...]) -> TileRecord:
        """The same tile, whose members have other numbers."""
        return replace(self, members=members)


@dataclass(frozen=True, slots=True)
class Member:
    """A field that some tile shows: its name, the state that its pixels were in, the order that it needs and
    the cells at it that it may touch."""

    name: str
    state: str
    order: int
    cells: Cells


def blocks_of(values: NDArray[np.float32]) -> int:
    """Which of the 64 cells three orders below a tile hold data, a bit each."""
    side = len(values) // _BLOCKS
    valid = ~np.isnan(values)
    rows, columns = np.nonzero(valid.reshape(_BLOCKS, side, _BLOCKS, side).any(axis=(1, 3)))
    numbers = interleaved(_BLOCKS - 1 - rows, columns)
    return int(np.bitwise_or.reduce(np.uint64(1) << numbers.astype(np.uint64), initial=np.uint64(0)))


def blocks_covered(leaves: Sequence[TileRecord]) -> CellSet:
    """Where leaves hold data."""
    orders, cells = (
        np.array([getattr(leaf, key) for leaf in leaves], dtype=np.int64) for key in ("order", "cell")
    )
    return _covered(orders, cells, np.array([leaf.blocks for leaf in leaves], dtype=np.uint64))


def write_held(directory: Path, tiles: Iterable[TileRecord], members: Sequence[Member]) -> None:
    """Write both tables. Raises OSError."""
    rows = sorted(tiles, key=lambda tile: (tile.cell << (2 * (29 - tile.order)), tile.order))
    columns = {name: [getattr(tile, name) for tile in rows] for name in _TILE_SCHEMA.names}
    _write(directory / TILES, pa.table(columns, schema=_TILE_SCHEMA))
    parts = {name: [getattr(member, name) for member in members] for name in _MEMBER_SCHEMA.names}
    _write(directory / MEMBERS, pa.table(parts, schema=_MEMBER_SCHEMA))


def _write(path: Path, table: pa.Table) -> None:
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)


def read_held(directory: Path) -> Held:
    """Both tables of a build. Raises OSError for those that are not there or broken off."""
    try:
        tables = [
            pa.ipc.open_file(pa.memory_map(str(directory / name))).read_all() for name in (TILES, MEMBERS)
        ]
    except pa.ArrowInvalid as error:
        raise OSError(f"the tables of {directory.name} cannot be read: {error}") from error
    return Held(*tables)


class Held:
    """The tables of one build. The questions of servers are answered in microseconds once one was asked."""

    def __init__(self, tiles: pa.Table, members: pa.Table) -> None:
        self._tiles, self._members = tiles.combine_chunks(), members.combine_chunks()

    def tiles(self) -> Iterator[TileRecord]:
        """All tiles, along the sky, those above before those below."""
        columns = [self._tiles[name].to_pylist() for name in _TILE_SCHEMA.names]
        for row in zip(*columns, strict=True):
            yield TileRecord(*(*row[:-1], tuple(row[-1])))

    def members(self) -> list[Member]:
        """All fields, by their numbers."""
        names, states, orders = (self._members[name].to_pylist() for name in ("name", "state", "order"))
        cells = [np.asarray(part.values) for part in self._members["cells"]]
        return [Member(*parts) for parts in zip(names, states, orders, cells, strict=True)]

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Of all members, by their numbers."""
        return tuple(self._members["name"].to_pylist())

    @cached_property
    def covered(self) -> CellSet:
        """Where there are data: what tiles, also those below leaves, there are (`Moc.fits`)."""
        return _covered(*self._leaves)

    def leaf_over(self, order: int, cell: int) -> tuple[int, int] | None:
        """The leaf, as order and cell, that a cell lies in or is; None where there is none."""
        starts, orders, cells = self._along
        if not len(starts):
            return None
        start = cell << (2 * (29 - order))
        place = int(np.searchsorted(starts, start, side="right")) - 1
        if place < 0:
            return None
        leaf = int(orders[place]), int(cells[place])
        return leaf if leaf[0] <= order and cell >> (2 * (order - leaf[0])) == leaf[1] else None

    def shown(self, names: Iterable[str]) -> CellSet:
        """Where pixels of any of these fields are: a tile of any order that meets it must not be seen by who
        must not see them."""
        wanted = set(names)
        numbers = [number for number, name in enumerate(self.names) if name in wanted]
        if not numbers:
            return EMPTY
        offsets, values = self._shown_by
        found = np.isin(values, numbers)
        rows = np.unique(np.searchsorted(offsets, np.flatnonzero(found), side="right") - 1)
        return CellSet.of(self._column("order")[rows], self._column("cell")[rows])

    @cached_property
    def _leaves(self) -> tuple[Cells, Cells, NDArray[np.uint64]]:
        """Orders, cells and blocks of leaves with data."""
        held = self._tiles["leaf"].to_numpy() & self._tiles["filled"].to_numpy()
        return self._column("order")[held], self._column("cell")[held], self._tiles["blocks"].to_numpy()[held]

    @cached_property
    def _along(self) -> tuple[Cells, Cells, Cells]:
        """Where leaves with data begin, ascending, with their orders and cells."""
        orders, cells, _ = self._leaves
        return cells << (2 * (29 - orders)), orders, cells

    @cached_property
    def _shown_by(self) -> tuple[Cells, Cells]:
        """Where the members of each tile begin among the members of all."""
        lists = self._tiles["members"].combine_chunks()
        return np.asarray(lists.offsets, dtype=np.int64), np.asarray(lists.values, dtype=np.int64)

    def _column(self, name: str) -> Cells:
        return np.asarray(self._tiles[name].to_numpy(), dtype=np.int64)


def _covered(orders: Cells, cells: Cells, blocks: NDArray[np.uint64]) -> CellSet:
    number, bit = np.nonzero(_bits(blocks))
    return CellSet.of(orders[number] + BLOCK_STEPS, (cells[number] << (2 * BLOCK_STEPS)) + bit)


def _bits(blocks: NDArray[np.uint64]) -> NDArray[np.bool_]:
    places = np.arange(_BLOCKS * _BLOCKS, dtype=np.uint64)
    return ((blocks[:, None] >> places) & np.uint64(1)).astype(np.bool_)
