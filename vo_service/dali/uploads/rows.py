"""Rows of an uploaded table as they are read: counted, kept in memory while they are few, else in a file.

The file is mapped into memory and has no name any more: what a query does not touch takes no room, and
nothing is left when the table is forgotten.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from tap_schema import Column
from vo_service.dali.multipart import new_path
from vo_service.dali.uploads.faults import UploadFault

_MEMORY_BYTES = 16 << 20
GROWTH = 16  # bytes in memory that may come of each byte sent


@dataclass(frozen=True, slots=True)
class ReadLimits:
    """How large a table may be, and where files may be made; ``check`` raises where the time is over.

    ``bytes`` is the size of the table as it is sent, and once again that of its content when unpacked.
    """

    rows: int
    bytes: int
    place: Path
    check: Callable[[], None]


@dataclass(frozen=True, slots=True)
class ReadTable:
    """A table as it was read: its columns, and rows of the same order and names."""

    columns: tuple[Column, ...]
    rows: pa.Table


class Rows:
    """Gathers the batches of one table. A context manager, which removes its file."""

    def __init__(self, names: Sequence[str], types: Sequence[pa.DataType], limits: ReadLimits) -> None:
        self._schema = pa.schema([pa.field(str(index), kind) for index, kind in enumerate(types)])
        self._names = list(names)
        self._limits = limits
        self._batches: list[pa.RecordBatch] = []
        self._path: Path | None = None
        self._writer: pa.ipc.RecordBatchFileWriter | None = None
        self._bytes = self._written = 0
        self.count = 0

    def __enter__(self) -> Rows:
        return self

    def __exit__(self, *_: object) -> None:
        if self._writer is not None:
            self._writer.close()
        if self._path is not None:
            self._path.unlink(missing_ok=True)

    def put(self, arrays: Sequence[pa.Array]) -> None:
        """Take the columns of some more rows. Raises UploadFault beyond a limit, and as ``check``."""
        self._limits.check()
        batch = pa.RecordBatch.from_arrays(list(arrays), schema=self._schema)
        self.count += batch.num_rows
        if self.count > self._limits.rows:
            raise UploadFault(f"the table has more than the {self._limits.rows} rows allowed")
        self._bytes += batch.nbytes
        self._written += batch.nbytes
        if self._written > GROWTH * self._limits.bytes:
            raise UploadFault(f"the content of the table is above {GROWTH * self._limits.bytes} bytes")
        self._batches.append(batch)
        if self._bytes > _MEMORY_BYTES:
            self._spill()

    def table(self) -> pa.Table:
        """All rows so far, under the names of the columns."""
        if self._writer is None:
            whole = pa.Table.from_batches(self._batches, self._schema)
        else:
            self._spill()
            self._writer.close()
            self._writer = None
            whole = pa.ipc.open_file(pa.memory_map(str(self._path))).read_all()
        return whole.rename_columns(self._names)

    def _spill(self) -> None:
        """Put what is in memory into the file. Raises OSError where the disk is full."""
        if self._writer is None:
            self._path = new_path(self._limits.place, "rows")
            self._writer = pa.ipc.new_file(str(self._path), self._schema)
        for batch in self._batches:
            self._writer.write_batch(batch)
        self._batches.clear()
        self._bytes = 0
