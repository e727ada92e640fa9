"""The embedded DuckDB file of a snapshot, and the SQL that fills it from the Parquet master copy.

Names come from the published schemas and from files that the store named itself; both are quoted all the
same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from tap_schema import Table
from vo_service.store.ahead import Ahead
from vo_service.store.errors import DuplicateKey
from vo_service.store.manifest import TableState

_TYPES: Mapping[pa.DataType, str] = {
    pa.string(): "VARCHAR",
    pa.bool_(): "BOOLEAN",
    pa.uint8(): "UTINYINT",
    pa.int16(): "SMALLINT",
    pa.int32(): "INTEGER",
    pa.int64(): "BIGINT",
    pa.float32(): "FLOAT",
    pa.float64(): "DOUBLE",
    pa.timestamp("us"): "TIMESTAMP",
}
_INDEX_BYTES = 128  # memory that an index on identifiers takes for each row while it is built, amply


def quoted(*names: str) -> str:
    """An identifier of one or more parts, each in double quotes."""
    return ".".join('"' + name.replace('"', '""') + '"' for name in names)


def literal(path: Path) -> str:
    """The path of a file as an SQL string."""
    return "'" + str(path).replace("'", "''") + "'"


def duckdb_type(arrow_type: pa.DataType) -> str:
    """The DuckDB type that keeps values of an Arrow type."""
    if pa.types.is_list(arrow_type):
        return f"{_TYPES[arrow_type.value_type]}[]"
    return _TYPES[arrow_type]


def open_for_writing(path: Path, scratch: Path, memory_bytes: int) -> duckdb.DuckDBPyConnection:
    """Open or create an engine file to write to; beyond ``memory_bytes`` rows spill to ``scratch``."""
    return duckdb.connect(
        str(path),
        config={
            "memory_limit": f"{memory_bytes // 1024}KiB",
            "temp_directory": str(scratch),
            "threads": "1",  # rows arrive from a thread of their own; a second one here only costs
            "autoinstall_known_extensions": "false",
            "autoload_known_extensions": "false",
            "python_enable_replacements": "false",
        },
    )


def create_table(connection: duckdb.DuckDBPyConnection, table: Table) -> None:
    """Create an empty table with the stored columns."""
    columns = ", ".join(f"{quoted(one.name)} {duckdb_type(one.arrow_type)}" for one in table.stored)
    connection.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted(table.schema)}")
    connection.execute(f"CREATE OR REPLACE TABLE {name_of(table)} ({columns})")


def name_of(table: Table) -> str:
    """Schema and name of a table, quoted."""
    return quoted(table.schema, table.name)


def columns_of(table: Table) -> str:
    """The stored columns of a table as a select list."""
    return ", ".join(quoted(column.name) for column in table.stored)


def index_lookups(connection: duckdb.DuckDBPyConnection, table: Table, rows: int, memory_bytes: int) -> None:
    """Give each lookup column of a table its index, or take the indexes of a table that has grown too large.

    DuckDB holds a whole index in memory while it builds or changes it. It only makes queries faster: where
    ``memory_bytes`` do not hold that of ``rows`` rows, queries do without.
    """
    for column in table.lookup:
        index = quoted(f"{table.name}_{column}")
        if rows * _INDEX_BYTES <= memory_bytes:
            with suppress(duckdb.OutOfMemoryException):
                connection.execute(
                    f"CREATE INDEX IF NOT EXISTS {index} ON {name_of(table)} ({quoted(column)})"
                )
        else:
            connection.execute(f"DROP INDEX IF EXISTS {quoted(table.schema)}.{index}")


def insert_part(connection: duckdb.DuckDBPyConnection, table: Table, part: Path) -> None:
    """Add the rows of a Parquet file to a table, in their order."""
    names = columns_of(table)
    connection.execute(
        f"INSERT INTO {name_of(table)} ({names}) SELECT {names} FROM read_parquet({literal(part)})"
    )


def insert_rows(connection: duckdb.DuckDBPyConnection, table: Table, rows: Iterator[pa.RecordBatch]) -> None:
    """Add rows to a table as they come, in their order. What ``rows`` raises is raised as it is."""
    names = columns_of(table)
    with Ahead(rows) as ahead:
        reader = pa.RecordBatchReader.from_batches(table.arrow_schema(), iter(ahead))
        connection.register("arriving", reader)
        try:
            connection.execute(f"INSERT INTO {name_of(table)} ({names}) SELECT {names} FROM arriving")
        except duckdb.Error as error:
            if ahead.failure is not None:
                raise ahead.failure from error
            raise
        finally:
            connection.unregister("arriving")


def delete_removed(
    connection: duckdb.DuckDBPyConnection, table: Table, keys: Iterable[str], removed: Path
) -> int:
    """Delete the rows whose ``keys`` are in a Parquet file (null matches null); how many there were."""
    same = _same_keys("old", "gone", keys)
    found = connection.execute(
        f"DELETE FROM {name_of(table)} AS old USING "
        f"(SELECT DISTINCT * FROM read_parquet({literal(removed)})) AS gone WHERE {same}"
    ).fetchone()
    return int(found[0]) if found else 0


def key_names(connection: duckdb.DuckDBPyConnection, removed: Path) -> tuple[str, ...]:
    """The key columns of a file of removed keys."""
    described = connection.execute(f"DESCRIBE SELECT * FROM read_parquet({literal(removed)})").fetchall()
    return tuple(row[0] for row in described)


def replay(connection: duckdb.DuckDBPyConnection, table: Table, state: TableState, directory: Path) -> None:
    """Fill an empty table from its Parquet files; ``directory`` holds them."""
    for change in state.changes:
        for name in change.removed:
            delete_removed(connection, table, key_names(connection, directory / name), directory / name)
        if change.part is not None:
            insert_part(connection, table, directory / change.part)


def removed_rows(
    connection: duckdb.DuckDBPyConnection, part: Path, removed: Sequence[Path]
) -> NDArray[np.int64]:
    """Positions (from 0, sorted) of the rows of a part whose keys are in any of the files ``removed``."""
    positions = [np.empty(0, dtype=np.int64)]
    for path in removed:
        same = _same_keys("old", "gone", key_names(connection, path))
        found = connection.sql(
            f"SELECT old.file_row_number AS position "
            f"FROM read_parquet({literal(part)}, file_row_number = true) AS old "
            f"WHERE EXISTS (SELECT 1 FROM read_parquet({literal(path)}) AS gone WHERE {same})"
        ).to_arrow_table()
        positions.append(found["position"].to_numpy().astype(np.int64))
    return np.unique(np.concatenate(positions))


def check_keys(connection: duckdb.DuckDBPyConnection, table: Table, parts: Sequence[Path]) -> None:
    """Raise DuplicateKey when a row of ``parts`` shares its primary key with another row of the table."""
    keys = ", ".join(quoted(name) for name in table.primary_key)
    files = ", ".join(literal(part) for part in parts)
    found = connection.execute(
        f"SELECT {keys} FROM {name_of(table)} AS old SEMI JOIN "
        f"(SELECT {keys} FROM read_parquet([{files}])) AS new USING ({keys}) "
        f"GROUP BY {keys} HAVING count(*) > 1 ORDER BY {keys} LIMIT 3"
    ).fetchall()
    if found:
        raise DuplicateKey(table.qualified, table.primary_key, tuple(found))


def free_share(connection: duckdb.DuckDBPyConnection) -> float:
    """Which part of the file holds nothing, 0 to 1."""
    row = connection.execute(
        "SELECT total_blocks, free_blocks FROM pragma_database_size() "
        "WHERE database_name = current_database()"
    ).fetchone()
    return row[1] / row[0] if row and row[0] else 0.0


def _same_keys(left: str, right: str, keys: Iterable[str]) -> str:
    return " AND ".join(f"{left}.{quoted(key)} IS NOT DISTINCT FROM {right}.{quoted(key)}" for key in keys)
