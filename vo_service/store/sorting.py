"""Sort more rows than fit in memory: sorted runs first, then one merge of them all.

DuckDB's own sort of wide rows (a hundred columns with abstracts) fails below a gigabyte of memory; here the
memory is a run while the rows come and a few megabytes a run in the merge, whatever their number. Nulls are
last.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.ipc
import pyarrow.parquet as pq
from numpy.typing import NDArray

_BATCH_BYTES = 2 << 20
_GROUP_ROWS = 32_768
_READ_ROWS = 4_096

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
        rows = sort_rows(pa.concat_tables(self._waiting), self._keys)
        self._waiting = []
        self._waiting_bytes = 0
        return rows

    def _write(self) -> None:
        path = self._place / f"run-{id(self)}-{len(self._files)}.arrow"
        self._files.append(path)
        rows = _without_empty(self._take_waiting(), self._keys)
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
    """Merge sorted streams into one sorted Parquet file and hand every batch on once it is written.

    The file is complete when the iterator is exhausted.
    """
    waiting: list[pa.Table] = []
    options = {"compression": "zstd", "write_statistics": list(keys), "store_schema": False}
    with pq.ParquetWriter(to, schema, **options) as writer:
        for piece in merge_sorted(streams, keys):
            waiting.append(piece.cast(schema))
            if sum(one.num_rows for one in waiting) >= _GROUP_ROWS:
                yield from _write_group(writer, waiting)
                waiting = []
        yield from _write_group(writer, waiting)


def _write_group(writer: pq.ParquetWriter, pieces: Sequence[pa.Table]) -> Iterator[pa.RecordBatch]:
    if pieces:
        group = pa.concat_tables(pieces)
        writer.write_table(group, row_group_size=2 * _GROUP_ROWS)
        yield from group.to_batches()


def merge_sorted(streams: Sequence[Iterator[pa.RecordBatch]], keys: Sequence[str]) -> Iterator[pa.Table]:
    """The rows of several sorted streams in order, in pieces; one stream after the other without keys.

    Each step takes from every stream what is not beyond the last row at hand of any of them: no row that is
    still to come can belong before those.
    """
    if not keys or len(streams) == 1:
        for stream in streams:
            for batch in stream:
                yield pa.Table.from_batches([batch])
        return
    heads = [_Head(stream, keys) for stream in streams]
    while heads := [head for head in heads if head.fill()]:
        bound = min(head.last_key() for head in heads)
        pieces = [piece for head in heads if (piece := head.take_until(bound)) is not None]
        tables = [pa.Table.from_batches([piece]) for piece in pieces]
        yield sort_rows(pa.concat_tables(tables, promote_options="default"), keys)


class _Head:
    """The part of a sorted stream that has been read and not been used."""

    def __init__(self, stream: Iterator[pa.RecordBatch], keys: Sequence[str]) -> None:
        self._stream = stream
        self._keys = keys
        self._batch: pa.RecordBatch | None = None

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

    def take_until(self, bound: SortKey) -> pa.RecordBatch | None:
        """Rows whose key is not beyond ``bound``."""
        assert self._batch is not None
        low, high = 0, self._batch.num_rows
        while low < high:
            middle = (low + high) // 2
            if self._key_at(middle) <= bound:
                low = middle + 1
            else:
                high = middle
        if low == 0:
            return None
        taken = self._batch.slice(0, low)
        self._batch = self._batch.slice(low)
        return taken

    def _key_at(self, row: int) -> SortKey:
        assert self._batch is not None
        values = (self._batch.column(key)[row].as_py() for key in self._keys)
        return tuple((value is None, value if value is not None else 0) for value in values)


def _without_empty(rows: pa.Table, keys: Sequence[str]) -> pa.Table:
    """Columns that are null throughout become of the null type, which takes no space: of the hundred
    columns of an archive many are never filled. The merge gives them their type back."""
    for index, column in enumerate(rows.columns):
        if column.null_count == rows.num_rows and rows.schema.names[index] not in keys:
            rows = rows.set_column(index, rows.schema.names[index], pa.nulls(rows.num_rows))
    return rows


def _in_batches(rows: pa.Table) -> Iterable[pa.RecordBatch]:
    size = max(64, int(_BATCH_BYTES / max(1.0, rows.nbytes / max(rows.num_rows, 1))))
    return rows.to_batches(max_chunksize=size)  # type: ignore[no-any-return]


def _read_run(path: Path) -> Iterator[pa.RecordBatch]:
    with pa.OSFile(str(path), "rb") as source, pa.ipc.open_stream(source) as reader:
        yield from reader
