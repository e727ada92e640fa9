"""A published snapshot, as readers see it: a number, an engine file, rows as Arrow."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa

from tap_schema import Table
from vo_service.store.disk import disk_errors
from vo_service.store.engine_file import duckdb_type, literal, quoted
from vo_service.store.errors import StoreError
from vo_service.store.manifest import ENGINE_FILE, Manifest, lacking

_BATCH_ROWS = 50_000


@dataclass(frozen=True, slots=True)
class Snapshot:
    """An immutable numbered state of all tables."""

    number: int
    directory: Path
    manifest: Manifest
    tables: Mapping[str, Table]

    @property
    def engine_file(self) -> Path:
        """The DuckDB file that queries run on."""
        return self.directory / ENGINE_FILE

    @property
    def lacks(self) -> tuple[str, ...]:
        """Tables and columns (``schema.table`` and ``schema.table.column``) that are stored today and that
        this snapshot, of another version of this software, does not have, or has with another type."""
        return tuple(lack for name, table in self.tables.items() for lack in lacking(table, self._held(name)))

    def _held(self, table: str) -> Mapping[str, str] | None:
        """Columns of a table with their Arrow types, None where there is no such table."""
        state = self.manifest.tables.get(table)
        return None if state is None else dict(state.columns)

    def count_rows(self, table: str) -> int:
        """Number of rows of ``schema.table``, from the manifest."""
        state = self.manifest.tables.get(table)
        return state.rows if state else 0

    def read(
        self,
        table: str,
        columns: Sequence[str] | None = None,
        where: str | None = None,
        params: Sequence[object] = (),
    ) -> pa.Table:
        """Rows of ``schema.table`` in memory; ``where`` is a condition in DuckDB's SQL, ``?`` for ``params``.

        Stored columns only (hidden ones too), all of them by default. Raises StoreError.
        """
        batches = list(self.read_batches(table, columns, where, params))
        return pa.Table.from_batches(batches, schema=schema_of(self.tables, table, columns))

    def read_batches(
        self,
        table: str,
        columns: Sequence[str] | None = None,
        where: str | None = None,
        params: Sequence[object] = (),
        batch_rows: int = _BATCH_ROWS,
    ) -> Iterator[pa.RecordBatch]:
        """The same as :meth:`read` in a stream of batches.

        What an older version of this software did not store yet is not there: no rows, or nulls.
        """
        held = self._held(table)
        if held is None and table in self.tables:
            return
        with _attached(self.engine_file) as connection:
            yield from stream_rows(connection, self.tables, table, columns, where, params, batch_rows, held)


def schema_of(tables: Mapping[str, Table], table: str, columns: Sequence[str] | None) -> pa.Schema:
    """Arrow schema of some stored columns of a table; raises StoreError for names that are not stored."""
    if table not in tables:
        raise StoreError(f"there is no table {table}")
    full = tables[table].arrow_schema()
    if columns is None:
        return full
    unknown = [name for name in columns if name not in full.names]
    if unknown:
        raise StoreError(f"{table} has no stored column {', '.join(unknown)}")
    return pa.schema([full.field(name) for name in columns])


def stream_rows(
    connection: duckdb.DuckDBPyConnection,
    tables: Mapping[str, Table],
    table: str,
    columns: Sequence[str] | None,
    where: str | None,
    params: Sequence[object],
    batch_rows: int,
    held: Collection[str] | None = None,
) -> Iterator[pa.RecordBatch]:
    """Rows of a table of the connection's database, with exactly the published Arrow types.

    ``held`` names the columns that the database has, all by default; the others are null.
    """
    schema = schema_of(tables, table, columns)
    names = ", ".join(quoted(field.name) for field in schema)
    condition = f" WHERE {where}" if where else ""
    statement = f"SELECT {names} FROM {_source(tables[table], held)}{condition}"
    with disk_errors(f"reading {table}"):
        for batch in connection.sql(statement, params=list(params)).to_arrow_reader(batch_rows):
            yield batch.cast(schema) if batch.schema != schema else batch


def _source(table: Table, held: Collection[str] | None) -> str:
    """What rows are read from: the table, with nulls for columns that it does not have."""
    nulls = [
        f"CAST(NULL AS {duckdb_type(column.arrow_type)}) AS {quoted(column.name)}"
        for column in table.stored
        if held is not None and column.name not in held
    ]
    name = quoted(table.schema, table.name)
    return f"(SELECT *, {', '.join(nulls)} FROM {name})" if nulls else name


@contextmanager
def _attached(engine_file: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """The engine file attached to a database of its own in memory: DuckDB refuses to open one file twice in a
    process with different settings, and the query engine has its own."""
    with disk_errors(f"opening snapshot {engine_file.parent.name}"):
        connection = duckdb.connect(":memory:", config={"python_enable_replacements": "false"})
        try:
            connection.execute(f"ATTACH {literal(engine_file)} AS snapshot (READ_ONLY)")
            connection.execute("USE snapshot")
            yield connection
        finally:
            connection.close()
