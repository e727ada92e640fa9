"""A table of values that are hard on expressions, the same in DuckDB and in PostgreSQL, and a way to ask.

It stands beside the published tables: its columns have all types, and units where tests want some.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa
from plain_engines import EngineError, PlainEngine

from tap_schema import Column, Table
from vo_service.adql import parse, plan_query, resolve, write

NAN, INF = float("nan"), float("inf")


def _column(name: str, datatype: str, unit: str | None = None, **more: Any) -> Column:
    ucd = more.pop("ucd", None)
    return Column(name, datatype, more.get("arraysize"), more.get("xtype"), unit, ucd, None, f"The {name}.")


TABLE = Table(
    "vals",
    "row",
    "Values.",
    None,
    "table",
    0,
    (
        _column("n", "int"),
        _column("x", "double", "deg", ucd="pos.eq.ra;meta.main"),
        _column("y", "double", "s", ucd="time.duration"),
        _column("z", "double"),
        _column("r", "float", "arcsec"),
        _column("s", "short"),
        _column("i", "int", "m", ucd="phys.size"),
        _column("l", "long"),
        _column("c", "char", arraysize="*", ucd="meta.id"),
        _column("u", "unicodeChar", arraysize="*", ucd="meta.title"),
        _column("number", "char", arraysize="*"),
        _column("time", "char", arraysize="*"),
        _column("t", "char", arraysize="*", xtype="timestamp", ucd="time.epoch"),
        _column("lonlat", "char", arraysize="*"),
        _column("p", "double", "deg", arraysize="2", xtype="point", ucd="pos.eq"),
        _column("a", "double", "m", arraysize="2x*"),
        _column("o", "double", "d", arraysize="2", xtype="interval"),
        _column("v", "double", "km/s"),
    ),
)

TABLES = {"vals.row": TABLE}

ROWS: dict[str, list[Any]] = {
    "x": [0.0, 1.0, -1.0, 2.5, -2.5, 0.1, 1e300, -1e-300, 123.456, NAN, INF, -INF, None, 57.25],
    "y": [1.0, 3.0, -2.0, 0.5, 2.0, 0.0, 2.0, 10.0, -7.0, 1.0, 2.0, 3.0, 1.0, None],
    "z": [
        1000000000000000.0,
        1e16,
        1000000000000000.1,
        1e-05,
        0.0001,
        1.5e-100,
        -0.0,
        12345678.9,
        9007199254740992.0,
        -1234567.0,
        1e22,
        -1000000000000000.0,
        None,
        0.30000000000000004,
    ],
    "r": [0.5, 1.5, -2.5, 1234567.5, 15000000.0, -1e6, 1e10, 1e-7, 3.25e38, NAN, INF, -INF, None, 0.1],
    "s": [0, 1, -1, 32767, -32768, 5, 7, -7, 2, 3, 4, 6, None, 8],
    "i": [0, 1, -1, 2147483647, -2147483648, 5, 7, -7, 2, 3, 4, 6, None, 8],
    "l": [0, 1, -1, 9223372036854775807, -9223372036854775807, 5, 7, -7, 2, 3, 4, 6, None, 8],
    "c": ["", "a", "A b", "%", "_", "\\", "it's", "{}?%s:x", "--", "$1", "ab\ncd", " pad ", None, "zz"],
    "u": ["straße", "ÀÉ", "àé", "Ǆ", "ŉ", "İı", "Σς", "ﬁ", "日本", "Ünï", "ÿ", "ß", None, "𝔸𐐀"],
    "number": [
        "1",
        " 2 ",
        "-3",
        "+4",
        "5.5",
        "6e2",
        ".5",
        "-7.25",
        "8.",
        "-2.5",
        "0009",
        "1E-3",
        None,
        "2.5",
    ],
    "time": [
        "2020-01-02",
        "2020-01-02T03:04:05",
        "2020-01-02T03:04:05Z",
        "2020-01-02T03:04:05.1",
        "2020-01-02T03:04:05.123456789Z",
        "1999-12-31T23:59:59.9999999",
        " 2000-02-29 ",
        "0001-01-01",
        "9999-12-31T23:59:59",
        "1858-11-17",
        "2020-01-02T00:00:00.000",
        "1969-07-20T20:17:40",
        None,
        "2024-02-29T12:00:00.5",
    ],
    "t": [
        datetime(2020, 1, 2),
        datetime(2020, 1, 2, 3, 4, 5),
        datetime(2020, 1, 2, 3, 4, 5, 500000),
        datetime(1999, 12, 31, 23, 59, 59, 999999),
        datetime(1858, 11, 17),
        datetime(20, 1, 1),
        datetime(1970, 1, 1),
        datetime(2024, 2, 29, 12),
        datetime(9999, 12, 31),
        datetime(2000, 1, 1, 12),
        datetime(2019, 6, 1),
        datetime(2019, 6, 1, 0, 0, 0, 10),
        None,
        datetime(2015, 3, 4, 5, 6, 7, 890000),
    ],
    "lonlat": [
        "1 2",
        "370 -20.5",
        " 0 90 ",
        "1e1 +.5",
        "359.9  -90",
        "10 20",
        "1. 2.",
        "-0 0",
        "3 4",
        "5 6",
        "7 8",
        "9 10",
        None,
        "11 12",
    ],
    "p": [
        [1.0, 2.0],
        [359.5, -20.5],
        [0.0, 90.0],
        None,
        [10.0, 20.0],
        [5.0, -5.0],
        None,
        [180.0, 0.0],
        [270.0, 45.0],
        [0.0, 0.0],
        [90.0, 0.0],
        [359.9, -89.9],
        None,
        [11.0, 12.0],
    ],
    "a": [[1.0, 2.0], [], None, [1.0, 2.0, 3.0, 4.0], *([[0.5, 0.75]] * 10)],
    "o": [[1.0, 2.0], None, [-INF, INF], *([[0.5, 0.75]] * 11)],
    "v": [float(k) for k in range(14)],
}
ROWS["n"] = list(range(len(ROWS["x"])))


@dataclass(frozen=True)
class Values:
    """The table on both engines."""

    engines: tuple[PlainEngine, PlainEngine]

    def statement(self, adql: str, dialect: str) -> str:
        return write(plan_query(resolve(parse(adql), TABLES)), dialect).sql

    def ask(self, adql: str) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
        """The rows of each engine."""
        one, other = (engine.run(self.statement(adql, engine.dialect)) for engine in self.engines)
        return one, other

    def columns(self, *expressions: str) -> tuple[Column, ...]:
        """The columns that a select list declares."""
        adql = f"SELECT {', '.join(expressions)} FROM vals.row"
        return plan_query(resolve(parse(adql), TABLES)).columns

    def warnings(self, expression: str) -> tuple[str, ...]:
        return plan_query(resolve(parse(f"SELECT {expression} FROM vals.row"), TABLES)).warnings

    def column(self, expression: str, where: str = "") -> list[Any]:
        """An expression in all rows, in order: once, since both engines must say the same."""
        one, other = self.ask(f"SELECT {expression} AS v FROM vals.row {where} ORDER BY n")
        assert [_comparable(row) for row in one] == [_comparable(row) for row in other]
        return [value for (value,) in one]

    def reasons(self, expression: str, where: str = "") -> list[str | None]:
        """Why each engine refuses an expression."""
        found: list[str | None] = []
        for engine in self.engines:
            try:
                engine.run(self.statement(f"SELECT {expression} AS v FROM vals.row {where}", engine.dialect))
            except EngineError as error:
                found.append(error.reason)
            else:
                raise AssertionError(f"{engine.dialect} answered")
        return found


def _comparable(row: Sequence[Any]) -> list[Any]:
    """Values whose equality is that of the engines, types included; NaN equals itself."""
    return [(type(value).__name__, repr(value)) for value in row]


def open_values(engines: tuple[PlainEngine, PlainEngine]) -> Values:
    """Both engines with the table."""
    schema = pa.schema([column.arrow_field for column in TABLE.columns])
    rows = pa.table({column.name: ROWS[column.name] for column in TABLE.columns}, schema=schema)
    for engine in engines:
        engine.create(TABLE.schema, TABLE.name, rows)
    return Values(engines)
