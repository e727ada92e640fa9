"""Rows of a test's own, in DuckDB and in PostgreSQL, and what queries make of them there."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import duckdb
import psycopg
import pyarrow as pa
from postgres_cluster import Database

from tap_schema import Column, Table
from vo_service.adql import Resolved, parse, plan_query, resolve, write

NAN, INF = math.nan, math.inf
_TYPES = {
    "int": "INTEGER",
    "long": "BIGINT",
    "double": "DOUBLE PRECISION",
    "char": "TEXT",
    "unicodeChar": "TEXT",
}


def text(name: str, datatype: str = "char") -> Column:
    """A column of text."""
    return Column(name, datatype, "*", None, None, None, None, "")


def number(name: str, datatype: str = "double", unit: str | None = None) -> Column:
    """A column of numbers."""
    return Column(name, datatype, None, None, unit, None, None, "")


def intervals(name: str) -> Column:
    """A column of intervals, each a flat array of pairs."""
    return Column(name, "double", "2x*", "multiinterval", "m", None, None, "")


def time(name: str) -> Column:
    """A column of times."""
    return Column(name, "char", "*", "timestamp", None, None, None, "")


class Given:
    """A table ``given.row_<n>`` on both engines for each set of columns."""

    def __init__(self, duck: duckdb.DuckDBPyConnection, postgres: psycopg.Connection) -> None:
        self.duck = duck
        self.postgres = postgres
        self.tables: dict[str, Table] = {}
        self._numbers = itertools.count()

    def rows(self, columns: Mapping[Column, Sequence[Any]]) -> str:
        """Make a table of columns and their values; its name, for FROM. Column ``n`` counts the rows."""
        name = f"row_{next(self._numbers)}"
        length = len(next(iter(columns.values())))
        filled = {number("n", "int"): list(range(length)), **columns}
        table = Table("given", name, "", None, "table", 0, tuple(filled))
        self.tables[f"given.{name}"] = table
        schema = pa.schema([column.arrow_field for column in filled])
        self.duck.register("incoming", pa.table(list(filled.values()), schema=schema))
        self.duck.execute(f'CREATE TABLE given."{name}" AS SELECT * FROM incoming')
        self.duck.unregister("incoming")
        types = ", ".join(f'"{column.name}" {_sql_type(column)}' for column in filled)
        self.postgres.execute(f'CREATE TABLE given."{name}" ({types})'.encode())
        names = ", ".join(f'"{column.name}"' for column in filled)
        with (
            self.postgres.cursor() as cursor,
            cursor.copy(f'COPY given."{name}" ({names}) FROM STDIN'.encode()) as copy,
        ):
            for row in zip(*filled.values(), strict=True):
                copy.write_row(row)
        return f"given.{name}"

    def resolved(self, adql: str) -> Resolved:
        return resolve(parse(adql), self.tables)

    def written(self, adql: str, dialect: str) -> Any:
        """The SQL of a query for one engine."""
        sql = write(plan_query(self.resolved(adql), None), dialect).sql
        return sql if dialect == "duckdb" else sql.encode()

    def ask(self, adql: str) -> list[tuple[Any, ...]]:
        """The rows of an answer: once, since both engines must give the same."""
        one = self.duck.execute(self.written(adql, "duckdb")).fetchall()
        other = self.postgres.execute(self.written(adql, "postgres")).fetchall()
        assert len(one) == len(other)
        for row, same in zip(one, other):
            assert all(_agree(a, b) for a, b in zip(row, same, strict=True)), (row, same)
        return one

    def column(self, expression: str, table: str) -> list[Any]:
        """An expression in every row, in order."""
        return [value for (value,) in self.ask(f"SELECT {expression} AS v FROM {table} ORDER BY n")]

    def facts(self, expression: str, table: str) -> Column:
        """What is said of an expression as a column."""
        return plan_query(self.resolved(f"SELECT {expression} AS v FROM {table}"), None).columns[0]


def _sql_type(column: Column) -> str:
    if column.xtype == "timestamp":
        return "TIMESTAMP"
    return _TYPES[column.datatype] + ("[]" if column.datatype == "double" and column.arraysize else "")


def _agree(one: Any, other: Any) -> bool:
    """The last bits of sines and roots are each engine's own."""
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(_agree(a, b) for a, b in zip(one, other))
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-13, abs_tol=1e-300) or (one != one and other != other)
    return type(one) is type(other) and one == other


@contextmanager
def open_given(database: Database) -> Iterator[Given]:
    """Both engines, without any table yet."""
    connection = duckdb.connect()
    connection.execute("CREATE SCHEMA given")
    with psycopg.connect(database.owner_url, autocommit=True) as other:
        other.execute("CREATE SCHEMA given")
        yield Given(connection, other)
    connection.close()
