"""Rows of a test's own, in DuckDB and in PostgreSQL, and what queries make of them there."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
from plain_engines import PlainEngine

from tap_schema import Column, Table
from vo_service.adql import Resolved, parse, plan_query, resolve, write

NAN, INF = math.nan, math.inf


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

    def __init__(self, engines: tuple[PlainEngine, PlainEngine]) -> None:
        self.engines = engines
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
        for engine in self.engines:
            engine.create("given", name, pa.table(list(filled.values()), schema=schema))
        return f"given.{name}"

    def resolved(self, adql: str) -> Resolved:
        return resolve(parse(adql), self.tables)

    def written(self, adql: str, dialect: str) -> str:
        """The SQL of a query for one engine."""
        return write(plan_query(self.resolved(adql), None), dialect).sql

    def each(self, adql: str) -> Iterator[list[tuple[Any, ...]]]:
        """The rows of an answer of one engine after the other."""
        for engine in self.engines:
            yield engine.run(self.written(adql, engine.dialect))

    def ask(self, adql: str) -> list[tuple[Any, ...]]:
        """The rows of an answer: once, since both engines must give the same."""
        one, other = self.each(adql)
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


def _agree(one: Any, other: Any) -> bool:
    """The last bits of sines and roots are each engine's own."""
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(_agree(a, b) for a, b in zip(one, other))
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-13, abs_tol=1e-300) or (one != one and other != other)
    return type(one) is type(other) and one == other
