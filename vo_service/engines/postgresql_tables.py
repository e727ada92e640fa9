"""Snapshots in PostgreSQL: tables that are loaded once and never changed, and schemas of views over them.

A table of a snapshot is loaded under a name made of its contents into the schema ``vo_data``, in one
transaction with its indexes, so that it is there whole or not at all; snapshots that share a table share it
here. A snapshot is a set of schemas with one view a table, made in one more transaction: what reads them
never sees a snapshot in part. Nobody but the owner may look into ``vo_data``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from hashlib import blake2b
from pathlib import Path

import pyarrow as pa

from tap_schema import Table
from vo_service.engines.postgresql_session import quoted
from vo_service.store import Snapshot

DATA_SCHEMA = "vo_data"
_LAYOUT = 1  # of the tables here: types, collation, indexes; a new one loads all snapshots anew
_LONGEST_STEM = 40  # of a name; the server cuts names at 63 bytes

_TYPES: Mapping[pa.DataType, str] = {
    pa.string(): 'text COLLATE "C"',
    pa.bool_(): "boolean",
    pa.uint8(): "smallint",
    pa.int16(): "smallint",
    pa.int32(): "integer",
    pa.int64(): "bigint",
    pa.float32(): "real",
    pa.float64(): "double precision",
    pa.timestamp("us"): "timestamp",
}


def column_type(arrow_type: pa.DataType) -> str:
    """The PostgreSQL type that keeps values of an Arrow type; text sorts by code point, as DuckDB's does."""
    if pa.types.is_list(arrow_type):
        element, _, collation = _TYPES[arrow_type.value_type].partition(" COLLATE")
        return f"{element}[]" + (f" COLLATE{collation}" if collation else "")
    return _TYPES[arrow_type]


def schema_names(snapshot: Snapshot) -> dict[str, str]:
    """The schema in PostgreSQL for each schema of a snapshot.

    The name holds a digest of the manifest: a number that is used again after a writer was killed is another.
    """
    digest = blake2b(snapshot.manifest.write().encode(), digest_size=5).hexdigest()
    schemas = sorted({table.schema for table in snapshot.tables.values()})
    return {schema: f"s{snapshot.number}_{digest}_{schema}" for schema in schemas}


def data_name(snapshot: Snapshot, table: Table) -> str:
    """The name of a table by its contents: the Parquet files that its rows come from, as they lie there."""
    digest = blake2b(f"{_LAYOUT} {table.qualified}".encode(), digest_size=10)
    state = snapshot.manifest.tables.get(table.qualified)
    digest.update(repr([(column.name, str(column.arrow_type)) for column in table.stored]).encode())
    if state is not None:
        digest.update(repr(state).encode())
        for change in state.changes:
            for name in change.files:
                digest.update(_marks(snapshot.directory / "tables" / table.qualified / name))
    return f"{table.schema}_{table.name}"[:_LONGEST_STEM] + "_" + digest.hexdigest()


def _marks(file: Path) -> bytes:
    """Size and time of a file that is never changed, only linked on: two drafts of one number differ."""
    found = file.stat()
    return f"{found.st_size} {found.st_mtime_ns}".encode()


def create_statement(table: Table, name: str) -> str:
    """SQL that makes a table for the stored columns."""
    columns = ", ".join(f"{quoted(one.name)} {column_type(one.arrow_type)}" for one in table.stored)
    return f"CREATE TABLE {quoted(DATA_SCHEMA, name)} ({columns})"


def index_statements(table: Table, name: str) -> Iterator[str]:
    """SQL that makes the indexes of a table: one for each column by which queries find rows."""
    digest = name.rpartition("_")[2]
    for column in indexed_columns(table):
        index = quoted(f"{column[:_LONGEST_STEM]}_{digest}")
        yield f"CREATE INDEX {index} ON {quoted(DATA_SCHEMA, name)} ({quoted(column)})"


def indexed_columns(table: Table) -> tuple[str, ...]:
    """Columns with an index: those that a condition is fast on, by themselves or by a hidden one.

    Position and region are found by the hidden columns that stand for them.
    """
    stood_for = {*(table.position or ()), table.region}
    stored = {column.name for column in table.stored}
    wanted = [
        *table.lookup,
        *(column.name for column in table.columns if column.indexed and column.name not in stood_for),
        *table.primary_key[:1],
        *(("_hpx29",) if table.position else ()),
        *(("_footprint_id",) if table.region else ()),
        *_HIDDEN.get(table.qualified, ()),
    ]
    return tuple(dict.fromkeys(column for column in wanted if column in stored))


_HIDDEN: Mapping[str, Collection[str]] = {
    "_hidden.footprint": ("footprint_id", "hpx29", "cap_r"),
}
