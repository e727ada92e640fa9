"""Maps in a file, a row each: Arrow's file format, which is read where it lies on the disk.

A row has columns of its own (what it is called, its digest) and the words of three maps.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa

from hips.mocs.axes import FREQUENCY, TIME
from hips.mocs.maps import JointMap, SpaceMap
from hips.mocs.units import Maps

_WORDS: Final = pa.large_list(pa.int64())
_MAPS: Final = pa.schema(
    [
        ("space_order", pa.int8()),
        ("space", _WORDS),
        ("time_order", pa.int8()),
        ("time_space_order", pa.int8()),
        ("time", _WORDS),
        ("frequency_order", pa.int8()),
        ("frequency_space_order", pa.int8()),
        ("frequency", _WORDS),
    ]
)
UNITS: Final = pa.schema(
    [
        ("project", pa.string()),
        ("bands", pa.string()),
        ("year", pa.int32()),
        ("rows", pa.int64()),
        ("told", pa.list_(pa.string())),
        ("digest", pa.binary()),
    ]
)
NAMES: Final = pa.schema([("kind", pa.string()), ("name", pa.string()), ("digest", pa.binary())])
_WORDS_AT_ONCE: Final = 1_000_000
_ROWS_AT_ONCE: Final = 1_000


class ShelfWriter:
    """Rows that are being written; they come to the file some at a time."""

    def __init__(self, writer: pa.RecordBatchFileWriter, columns: pa.Schema) -> None:
        self._writer = writer
        self._columns = columns
        self._rows: list[tuple[Mapping[str, Any], Maps]] = []
        self._words = 0

    def add(self, row: Mapping[str, Any], maps: Maps) -> None:
        """One more row, with a value for each column of the shelf. Raises OSError."""
        self._rows.append((row, maps))
        self._words += 2 * maps.space.moc.count + maps.time.volume + maps.frequency.volume
        if self._words >= _WORDS_AT_ONCE or len(self._rows) >= _ROWS_AT_ONCE:
            self.flush()

    def flush(self) -> None:
        """Write what has come so far. Raises OSError."""
        if not self._rows:
            return
        names = self._columns.names
        own = {name: [row[name] for row, _ in self._rows] for name in names}
        maps = [maps for _, maps in self._rows]
        columns = [
            *(pa.array(own[name], self._columns.field(name).type) for name in names),
            *_columns_of(maps),
        ]
        schema = pa.unify_schemas([self._columns, _MAPS])
        self._writer.write_batch(pa.record_batch(columns, schema=schema))
        self._rows, self._words = [], 0


def _columns_of(maps: Sequence[Maps]) -> list[pa.Array]:
    def orders(values: list[int]) -> pa.Array:
        return pa.array(values, pa.int8())

    return [
        orders([each.space.order for each in maps]),
        _lists([each.space.words for each in maps]),
        orders([each.time.outer_order for each in maps]),
        orders([each.time.space_order for each in maps]),
        _lists([each.time.words for each in maps]),
        orders([each.frequency.outer_order for each in maps]),
        orders([each.frequency.space_order for each in maps]),
        _lists([each.frequency.words for each in maps]),
    ]


def _lists(parts: list[np.ndarray[Any, np.dtype[np.int64]]]) -> pa.Array:
    offsets = np.concatenate([[0], np.cumsum([len(part) for part in parts])])
    values = np.concatenate([np.empty(0, np.int64), *parts])
    return pa.LargeListArray.from_arrays(pa.array(offsets, pa.int64()), pa.array(values))


@contextmanager
def written_shelf(path: Path, columns: pa.Schema) -> Iterator[ShelfWriter]:
    """A file of maps that is complete behind the block. Raises OSError."""
    with (
        pa.OSFile(str(path), "wb") as file,
        pa.ipc.new_file(file, pa.unify_schemas([columns, _MAPS])) as writer,
    ):
        shelf = ShelfWriter(writer, columns)
        yield shelf
        shelf.flush()


class Shelf:
    """A file of maps that is read. Its rows stay readable when the file is removed."""

    def __init__(self, path: Path, columns: pa.Schema) -> None:
        """Raises OSError and `pyarrow.ArrowInvalid` for what is no such file."""
        self._table = pa.ipc.open_file(pa.memory_map(str(path))).read_all()
        self.columns = self._table.select(columns.names)

    def __len__(self) -> int:
        return int(self._table.num_rows)

    def space(self, row: int) -> SpaceMap:
        """The map of space of a row."""
        return SpaceMap.of_words(self._order("space_order", row), self._words("space", row))

    def time(self, row: int) -> JointMap:
        """The map of space and time of a row."""
        orders = self._order("time_order", row), self._order("time_space_order", row)
        return JointMap.of_words(TIME, *orders, self._words("time", row))

    def frequency(self, row: int) -> JointMap:
        """The map of space and frequency of a row."""
        orders = self._order("frequency_order", row), self._order("frequency_space_order", row)
        return JointMap.of_words(FREQUENCY, *orders, self._words("frequency", row))

    def maps(self, row: int) -> Maps:
        """All three."""
        return Maps(self.space(row), self.time(row), self.frequency(row))

    def _order(self, column: str, row: int) -> int:
        return int(self._table[column][row].as_py())

    def _words(self, column: str, row: int) -> np.ndarray[Any, np.dtype[np.int64]]:
        words: np.ndarray[Any, np.dtype[np.int64]] = self._table[column][row].values.to_numpy()
        return words
