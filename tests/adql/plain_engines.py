"""DuckDB and PostgreSQL for tables of a test's own, asked with the SQL that `adql.write` makes.

No snapshot, no service: what a test puts in stands beside nothing else. The published sky is asked through
`engines_under_test`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Protocol

import duckdb
import psycopg
import pyarrow as pa

from vo_service.engines import duckdb_reasons, postgresql_reasons

NOTHING: Mapping[str, pa.Table] = MappingProxyType({})


class EngineError(Exception):
    """What an engine said; ``reason`` is what the service makes of it for users."""

    def __init__(self, reason: str | None, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class PlainEngine(Protocol):
    """One engine. ``run`` raises EngineError."""

    dialect: str

    def create(self, schema: str, name: str, rows: pa.Table) -> None:
        """A table of these rows."""

    def run(self, sql: str, handed: Mapping[str, pa.Table] = NOTHING) -> list[tuple[Any, ...]]:
        """The rows of a statement that may read the tables handed with it."""


@dataclass(frozen=True)
class PlainDuckDB:
    """In memory."""

    connection: duckdb.DuckDBPyConnection
    dialect: str = "duckdb"

    def create(self, schema: str, name: str, rows: pa.Table) -> None:
        self.connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{schema}"')
        self.connection.register("incoming", rows)
        self.connection.execute(f'CREATE TABLE "{schema}"."{name}" AS SELECT * FROM incoming')
        self.connection.unregister("incoming")

    def run(self, sql: str, handed: Mapping[str, pa.Table] = NOTHING) -> list[tuple[Any, ...]]:
        for name, rows in handed.items():
            self.connection.register(name, rows)
        try:
            return self.connection.execute(sql).fetchall()
        except duckdb.Error as error:
            raise EngineError(duckdb_reasons.reason_of(str(error)), str(error)) from error
        finally:
            for name in handed:
                self.connection.unregister(name)


@dataclass(frozen=True)
class PlainPostgreSQL:
    """In a database of its own."""

    connection: psycopg.Connection[Any]
    dialect: str = "postgres"

    def create(self, schema: str, name: str, rows: pa.Table) -> None:
        self.connection.execute(f'CREATE SCHEMA IF NOT EXISTS "{schema}"'.encode())
        self._fill(f'"{schema}"."{name}"', rows, "")

    def run(self, sql: str, handed: Mapping[str, pa.Table] = NOTHING) -> list[tuple[Any, ...]]:
        try:
            with self.connection.transaction():
                for name, rows in handed.items():
                    self._fill(f'"{name}"', rows, "TEMP")
                found = self.connection.execute(sql.encode()).fetchall()
                for name in handed:
                    self.connection.execute(f'DROP TABLE "{name}"'.encode())
        except psycopg.Error as error:
            raise EngineError(postgresql_reasons.reason_of(str(error)), str(error)) from error
        return found

    def _fill(self, name: str, rows: pa.Table, temporary: str) -> None:
        columns = ", ".join(f'"{field.name}" {_TYPES[field.type]}' for field in rows.schema)
        self.connection.execute(f"CREATE {temporary} TABLE {name} ({columns})".encode())
        with self.connection.cursor() as cursor, cursor.copy(f"COPY {name} FROM STDIN".encode()) as copy:
            for row in zip(*(column.to_pylist() for column in rows.columns)):
                copy.write_row(row)


_TYPES = {
    pa.bool_(): "boolean",
    pa.int16(): "smallint",
    pa.int32(): "integer",
    pa.int64(): "bigint",
    pa.float32(): "real",
    pa.float64(): "double precision",
    pa.string(): "text",
    pa.timestamp("us"): "timestamp",
    pa.list_(pa.float64()): "double precision[]",
    pa.null(): "double precision",
}


@contextmanager
def plain_duckdb() -> Iterator[PlainDuckDB]:
    """DuckDB, closed afterwards."""
    connection = duckdb.connect()
    yield PlainDuckDB(connection)
    connection.close()


@contextmanager
def plain_postgresql(url: str) -> Iterator[PlainPostgreSQL]:
    """PostgreSQL at an address, closed afterwards."""
    with psycopg.connect(url, autocommit=True) as connection:
        yield PlainPostgreSQL(connection)
