"""Sort more rows than fit in memory: sorted runs first, then one merge of them all.

DuckDB's own sort of wide rows (a hundred columns with abstracts) fails below a gigabyte of memory; here the
memory is a run while the rows come and a few megabytes a run in the merge, whatever their number. Nulls are
last.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.ipc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from vo_service.store.ahead import Ahead

_BATCH_BYTES = 512 << 10
_PIECE_BYTES = 10 << 20
_READ_ROWS = 4_096
_REPEATING = 0.4  # distinct values per row

SortKey = tuple[tuple[bool, Any], ...]


def sort_rows(rows: pa.Table, keys: Sequence[str]) -> pa.Table:
    """``rows`` in the order of ``keys``; unchanged without keys."""
    if not keys or rows.num_rows < 2:
        return rows
    whole = rows.combine_chunks()
    order = pc.sort_indices(
        whole.select(list(keys)), sort_keys=[(key, "ascending", "at_end") for key in keys]
    )
    return whole.take(order)


class Runs:
    """Rows as they come, kept as sorted runs: on disk, the last one in memory. ``place`` is a directory."""

    def __init__(self, keys: Sequence[str], place: Path, run_bytes: int) -> None:
        self.rows = 0
        self._keys = tuple(keys)
        self._place = place
        self._run_bytes = run_bytes
        self._waiting: list[pa.Table] = []
        self._waiting_bytes = 0
        self._files: list[Path] = []

    def append(self, rows: pa.Table) -> None:
        """Add rows; all tables have the same schema."""
        rows = _without_empty(rows, self._keys)
        self._waiting.append(rows)
        self._waiting_bytes += rows.nbytes
        self.rows += rows.num_rows
        if self._waiting_bytes >= self._run_bytes:
            self._write()

    def streams(self) -> list[Iterator[pa.RecordBatch]]:
        """Every run as a stream of batches in order."""
        streams = [_read_run(path) for path in self._files]
        if self._waiting:
            streams.append(iter(_in_batches(self._take_waiting())))
        return streams

    def clear(self) -> None:
        """Forget all rows and remove the files."""
        for path in self._files:
            path.unlink(missing_ok=True)
        self._files = []
        self._waiting = []
        self._waiting_bytes = 0
        self.rows = 0

    def _take_waiting(self) -> pa.Table:
        rows = sort_rows(pa.concat_tables(self._waiting, promote_options="default"), self._keys)
        self._waiting = []
        self._waiting_bytes = 0
        return rows

    def _write(self) -> None:
        path = self._place / f"run-{id(self)}-{len(self._files)}.arrow"
        self._files.append(path)
        rows = self._take_waiting()
        options = pa.ipc.IpcWriteOptions(compression="lz4")
        with (
            pa.OSFile(str(path), "wb") as sink,
            pa.ipc.new_stream(sink, rows.schema, options=options) as writer,
        ):
            for batch in _in_batches(rows):
                writer.write_batch(batch)


def read_part(path: Path, without: NDArray[np.int64] | None = None) -> Iterator[pa.RecordBatch]:
    """The rows of a Parquet file in their order, except those at the sorted positions ``without``."""
    start = 0
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(_READ_ROWS):
            end = start + batch.num_rows
            if without is not None and without.size:
                first, last = np.searchsorted(without, (start, end))
                if last > first:
                    keep = np.ones(batch.num_rows, dtype=bool)
                    keep[without[first:last] - start] = False
                    batch = batch.filter(pa.array(keep))
            start = end
            if batch.num_rows:
                yield batch


def write_merged(
    streams: Sequence[Iterator[pa.RecordBatch]], keys: Sequence[str], schema: pa.Schema, to: Path
) -> Iterator[pa.RecordBatch]:
    """Merge sorted streams into one sorted Parquet file and hand on every row group, whole, once it is there.

    The file is complete when the iterator is exhausted. Merging goes on in a thread of its own.
    """
    writer: pq.ParquetWriter | None = None
    try:
        with Ahead(merge_sorted(streams, keys)) as pieces:
            for piece in pieces:
                rows = piece.cast(schema).combine_chunks()
                if writer is None:
                    writer = _open_part(to, rows, keys)
                writer.write_table(rows, row_group_size=max(1, rows.num_rows))
                yield from rows.to_batches()
        if writer is None:
            writer = _open_part(to, schema.empty_table(), keys)
    finally:
        if writer is not None:
            writer.close()


def _open_part(to: Path, start: pa.Table, keys: Sequence[str]) -> pq.ParquetWriter:
    """A writer for rows like those of ``start``; only columns that repeat themselves there get a dictionary,
    as building one costs more than all the rest where values hardly do."""
    repeating = [
        name
        for name, values in zip(start.column_names, start.columns)
        if not pa.types.is_list(values.type)
        and pc.count_distinct(values, mode="all").as_py() <= _REPEATING * start.num_rows
    ]
    return pq.ParquetWriter(
        to,
        start.schema,
        compression="zstd",
        use_dictionary=repeating or False,
        write_statistics=list(keys),
        store_schema=False,
    )


def merge_sorted(streams: Sequence[Iterator[pa.RecordBatch]], keys: Sequence[str]) -> Iterator[pa.Table]:
    """The rows of several sorted streams in order, in pieces of some ten megabytes; without keys one stream
    after the other.

    A piece takes from every stream what is not beyond the end of the batch that was used up last: batches
    are used up in the order of their last rows, so no row that is still to come can belong before that.
    """
    if not keys or len(streams) == 1:
        yield from _gathered(batch for stream in streams for batch in stream)
        return
    heads = [head for head in (_Head(stream, keys) for stream in streams) if head.fill()]
    ends = [(head.last_key(), number) for number, head in enumerate(heads)]
    heapq.heapify(ends)
    while ends:
        size = 0
        while ends and size < _PIECE_BYTES:
            bound, number = heapq.heappop(ends)
            size += heads[number].use_up()
            if heads[number].fill():
                heapq.heappush(ends, (heads[number].last_key(), number))
        pieces = [piece for head in heads for piece in head.take_until(bound)]
        yield sort_rows(pa.concat_tables(pieces, promote_options="default"), keys)


def _gathered(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    """Batches in their order, several at a time."""
    waiting: list[pa.Table] = []
    size = 0
    for batch in batches:
        waiting.append(pa.Table.from_batches([batch]))
        size += batch.nbytes
        if size >= _PIECE_BYTES:
            yield pa.concat_tables(waiting, promote_options="default")
            waiting, size = [], 0
    if waiting:
        yield pa.concat_tables(waiting, promote_options="default")


class _Head:
    """What has been read of a sorted stream and not been handed out: whole batches that are used up, and the
    rest of the present one."""

    def __init__(self, stream: Iterator[pa.RecordBatch], keys: Sequence[str]) -> None:
        self._stream = stream
        self._keys = keys
        self._batch: pa.RecordBatch | None = None
        self._used: list[pa.Table] = []

    def fill(self) -> bool:
        """Read on when nothing is at hand; False at the end."""
        while self._batch is None or self._batch.num_rows == 0:
            self._batch = next(self._stream, None)
            if self._batch is None:
                return False
        return True

    def last_key(self) -> SortKey:
        assert self._batch is not None
        return self._key_at(self._batch.num_rows - 1)

    def use_up(self) -> int:
        """All that is left of the present batch goes out with the next piece; its size in bytes."""
        assert self._batch is not None
        batch, self._batch = self._batch, None
        self._used.append(pa.Table.from_batches([batch]))
        return int(batch.nbytes)

    def take_until(self, bound: SortKey) -> list[pa.Table]:
        """The rows that are used up, and those of the present batch whose key is not beyond ``bound``."""
        taken, self._used = self._used, []
        if self._batch is None:
            return taken
        low, high = 0, self._batch.num_rows
        while low < high:
            middle = (low + high) // 2
            if self._key_at(middle) <= bound:
                low = middle + 1
            else:
                high = middle
        if low:
            taken.append(pa.Table.from_batches([self._batch.slice(0, low)]))
            self._batch = self._batch.slice(low)
        return taken

    def _key_at(self, row: int) -> SortKey:
        assert self._batch is not None
        values = (self._batch.column(key)[row].as_py() for key in self._keys)
        return tuple((value is None, value if value is not None else 0) for value in values)


def _without_empty(rows: pa.Table, keys: Sequence[str]) -> pa.Table:
    """Columns that are null throughout become of the null type, which takes no space: of the hundred
    columns of an archive many are never filled. The merge gives them their type back."""
    nothing = pa.nulls(rows.num_rows)
    columns = {
        name: nothing if values.null_count == rows.num_rows and name not in keys else values
        for name, values in zip(rows.column_names, rows.columns)
    }
    return pa.table(columns)


def _in_batches(rows: pa.Table) -> Iterable[pa.RecordBatch]:
    size = max(64, int(_BATCH_BYTES / max(1.0, rows.nbytes / max(rows.num_rows, 1))))
    return rows.to_batches(max_chunksize=size)  # type: ignore[no-any-return]


def _read_run(path: Path) -> Iterator[pa.RecordBatch]:
    with pa.OSFile(str(path), "rb") as source, pa.ipc.open_stream(source) as reader:
        yield from reader
