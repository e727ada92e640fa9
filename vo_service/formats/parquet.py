"""Parquet with the metadata of a VOTable in its footer (IVOA note "Parquet in the VO", VOParquet 1.0).

Row groups leave as they are made. The footer, without which there is no file, holds a VOTable document
without DATA: columns with units and UCDs, INFOs, OVERFLOW where rows were cut.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import pyarrow as pa
import pyarrow.parquet as pq

from vo_service.formats.columns import arrow_type, conform
from vo_service.formats.description import Outcome, TableDescription
from vo_service.formats.encoder import Encoder
from vo_service.formats.fields import unique_names
from vo_service.formats.votable import metadata_votable

_GROUP_ROWS: Final = 131072
_GROUP_BYTES: Final = 32 << 20  # of a row group in memory, before it is written
_VERSION_KEY: Final = "IVOA.VOTable-Parquet.version"
_CONTENT_KEY: Final = "IVOA.VOTable-Parquet.content"
_VERSION: Final = "1.0"


class _Sink:
    """A file that is taken away as it is written."""

    closed = False

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._written = 0

    def write(self, data: bytes) -> int:
        self._parts.append(bytes(data))
        self._written += len(data)
        return len(data)

    def tell(self) -> int:
        return self._written

    def flush(self) -> None:
        """Nothing waits here."""

    def taken(self) -> bytes:
        """What was written since the last call."""
        written = b"".join(self._parts)
        self._parts.clear()
        return written


class ParquetEncoder(Encoder):
    """One table as a Parquet file. Columns keep their Arrow types; times are timestamps without a zone (UTC).

    After an error there is no footer, so that nobody takes a part for the whole.
    """

    def begin(self, table: TableDescription) -> Iterator[bytes]:
        self._table = table
        names = unique_names(table.columns)
        self._schema = pa.schema(
            [pa.field(name, arrow_type(column)) for column, name in zip(table.columns, names)]
        )
        self._sink = _Sink()
        self._writer = pq.ParquetWriter(pa.PythonFile(self._sink, mode="w"), self._schema)
        self._waiting: list[pa.RecordBatch] = []
        self._waiting_rows = 0
        self._waiting_bytes = 0
        yield self._sink.taken()

    def rows(self, batch: pa.RecordBatch) -> Iterator[bytes]:
        rows = pa.RecordBatch.from_arrays(conform(batch, self._table.columns), schema=self._schema)
        self._waiting.append(rows)
        self._waiting_rows += rows.num_rows
        self._waiting_bytes += pa.ipc.get_record_batch_size(rows)
        if self._waiting_rows >= _GROUP_ROWS or self._waiting_bytes >= _GROUP_BYTES:
            self._write_group()
            yield self._sink.taken()

    def _write_group(self) -> None:
        if self._waiting_rows:
            group = pa.Table.from_batches(self._waiting, self._schema)
            self._writer.write_table(group, row_group_size=self._waiting_rows)
        self._waiting = []
        self._waiting_rows = self._waiting_bytes = 0

    def end(self, outcome: Outcome) -> Iterator[bytes]:
        if outcome.status == "ERROR":
            return
        self._write_group()
        content = metadata_votable(self._table, outcome).decode("utf-8")
        self._writer.add_key_value_metadata({_VERSION_KEY: _VERSION, _CONTENT_KEY: content})
        self._writer.close()
        yield self._sink.taken()
