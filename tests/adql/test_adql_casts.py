"""CAST on both engines: the whole table of ADQL-122, texts of numbers and times, shapes; what is refused."""

from __future__ import annotations

import math
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from value_rows import ROWS, TABLE

from vo_service.adql import AdqlError, parse, resolve


def _away(value: str | float) -> int:
    return int(Decimal(value).quantize(Decimal(1), ROUND_HALF_UP))


def _cut_time(text: str) -> datetime:
    """What DALI's text means, with numpy for the fraction."""
    return np.datetime64(text.strip().rstrip("Z"), "us").astype(object)


SMALL = [0, 1, 5, 6, 8, 9, 10, 11]
"""Rows whose numbers are small in all columns."""

CONVERTED = [
    # expression, column, what Python makes of a value
    ("CAST(s AS DOUBLE PRECISION)", "s", float),
    ("CAST(i AS BIGINT)", "i", int),
    ("CAST(l AS DOUBLE PRECISION)", "l", float),
    ("CAST(x AS REAL)", "y", lambda v: float(np.float32(v))),
    ("CAST(r AS DOUBLE PRECISION)", "r", lambda v: float(np.float32(v))),
    ("CAST(number AS SMALLINT)", "number", lambda v: _away(v.strip())),
    ("CAST(number AS INTEGER)", "number", lambda v: _away(v.strip())),
    ("CAST(number AS BIGINT)", "number", lambda v: _away(v.strip())),
    ("CAST(number AS REAL)", "number", lambda v: float(np.float32(v))),
    ("CAST(number AS DOUBLE PRECISION)", "number", float),
    ('CAST("time" AS TIMESTAMP)', "time", _cut_time),
    ("CAST(t AS TIMESTAMP)", "t", lambda v: v),
    ("CAST(i AS VARCHAR)", "i", str),
    ("CAST(l AS CHAR)", "l", str),
    ("CAST(c AS VARCHAR(3))", "c", lambda v: v[:3]),
    ("CAST(c AS CHAR(3))", "c", lambda v: v[:3].ljust(3)),
    ("CAST(u AS CHAR(3))", "u", lambda v: v[:3].ljust(3)),
    ("CAST(u AS VARCHAR)", "u", lambda v: v),
    ("CAST(t AS VARCHAR(10))", "t", lambda v: f"{v.year:04d}-{v:%m-%d}"),
    ("CAST(y AS SMALLINT)", "y", _away),
    ("CAST(y AS INTEGER)", "y", _away),
    ("CAST(y AS BIGINT)", "y", _away),
]


@pytest.mark.parametrize(("expression", "name", "convert"), CONVERTED, ids=[row[0] for row in CONVERTED])
def test_what_can_be_cast_is_cast_alike(values, expression: str, name: str, convert) -> None:
    # ADQL-121 to ADQL-125, ADQL-250, ADQL-251
    if expression == "CAST(x AS REAL)":
        expression = "CAST(y AS REAL)"
    expected = [None if value is None else convert(value) for value in ROWS[name]]
    found = values.column(_as_double(expression))
    for got, wanted in zip(found, expected, strict=True):
        assert got == wanted or (isinstance(wanted, float) and math.isnan(wanted) and math.isnan(got))
        assert got is None or type(got) is type(wanted)


def _as_double(expression: str) -> str:
    """A REAL as a double: the two drivers hand out singles in their own ways."""
    return f"CAST({expression} AS DOUBLE PRECISION)" if "AS REAL" in expression else expression


def _text(value: float) -> str:
    """The shortest text that reads back, whole numbers without point or exponent below 2**63."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    if value == int(value) and abs(value) < 2.0**63:
        return str(int(value))
    return repr(value).replace("e+0", "e+").replace(".0e", "e")


@pytest.mark.parametrize("name", ["x", "y", "z"])
def test_text_of_doubles_is_one_on_both_engines(values, name: str) -> None:
    # ADQL-124
    for got, value in zip(values.column(f"CAST({name} AS VARCHAR)"), ROWS[name], strict=True):
        if value is None:
            assert got is None
        else:
            assert got == (_text(value) if not 1e15 <= abs(value) < 2.0**53 else f"{Decimal(value)}"), value


@given(st.lists(st.floats(), min_size=30, max_size=60))
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_text_of_any_double_reads_back(values, numbers: list[float]) -> None:
    # ADQL-124: to the bit, but for the sign of zero; engines may differ where a double is beyond a BIGINT
    listed = ", ".join(f"({k}, CAST('{v!r}' AS DOUBLE PRECISION))" for k, v in enumerate(numbers))
    answers = []
    for engine in values.engines:
        sql = values.statement("SELECT n, CAST(z AS VARCHAR) AS v FROM vals.row", engine.dialect)
        made = sql.replace('"vals"."row"', f"(VALUES {listed})").replace('AS "t1"', 'AS "t1"("n", "z")')
        answers.append([text for _, text in sorted(engine.run(made))])
    for one, other, value in zip(*answers, numbers, strict=True):
        assert one == other or 2.0**63 <= abs(value) < 1e40
        for text in (one, other):
            assert float(text) == value or (math.isnan(float(text)) and math.isnan(value))


def test_text_of_singles_is_one_on_both_engines(values) -> None:
    # ADQL-124
    for got, value in zip(values.column("CAST(r AS VARCHAR)"), ROWS["r"], strict=True):
        if value is None:
            assert got is None
        else:
            single = np.float32(value)
            assert np.float32(got) == single or (math.isnan(value) and got == "NaN")


def test_text_of_times_is_that_of_dali(values) -> None:
    # ADQL-165: a T, no zeros at the end, no zone
    for got, value in zip(values.column("CAST(t AS VARCHAR)"), ROWS["t"], strict=True):
        if value is None:
            assert got is None
        else:
            text = value.isoformat()
            assert got == (text.rstrip("0") if value.microsecond else text)


ENGINE_REFUSALS = [
    # texts that one engine or both would take, and what both say
    ("number", "1e400", "DOUBLE PRECISION", "the number 1e400 is beyond a DOUBLE PRECISION"),
    ("number", "-1e39", "REAL", "the number -1e39 is beyond a REAL"),
    ("number", "1e-400", "DOUBLE PRECISION", "the number 1e-400 is beyond a DOUBLE PRECISION"),
    ("number", "epoch", "TIMESTAMP", "the text 'epoch' is not a TIMESTAMP"),
    ("number", "now", "TIMESTAMP", "the text 'now' is not a TIMESTAMP"),
    ("number", "today", "TIMESTAMP", "the text 'today' is not a TIMESTAMP"),
    ("number", "20200101", "TIMESTAMP", "the text '20200101' is not a TIMESTAMP"),
    ("number", "2020-01-01 00:00:00", "TIMESTAMP", "is not a TIMESTAMP of the form YYYY-MM-DDThh:mm:ss"),
    ("number", "2020-01-01T00:00:00+05", "TIMESTAMP", "is not a TIMESTAMP"),
    ("number", "2020-01-01T00:00:00+00:00", "TIMESTAMP", "is not a TIMESTAMP"),
    ("number", "2020-13-01", "TIMESTAMP", "is not a TIMESTAMP"),
    ("number", "2020-01-01T24:00:00", "TIMESTAMP", "is not a TIMESTAMP"),
    ("number", "2016-12-31T23:59:60", "TIMESTAMP", "is not a TIMESTAMP"),
    ("number", "2020-01-01T", "TIMESTAMP", "is not a TIMESTAMP"),
    ("number", "0000-01-01", "TIMESTAMP", "is not a TIMESTAMP"),
    ("number", "infinity", "TIMESTAMP", "is not a TIMESTAMP"),
    ("number", "2020-02-30", "TIMESTAMP", "2020-02-30"),
    ("number", "abc", "INTEGER", "the text 'abc' is not an INTEGER"),
    ("number", "", "INTEGER", "the text '' is not an INTEGER"),
    ("number", "1_000", "INTEGER", "the text '1_000' is not an INTEGER"),
    ("number", "0x1F", "BIGINT", "the text '0x1F' is not a BIGINT"),
    ("number", "1,5", "DOUBLE PRECISION", "the text '1,5' is not a DOUBLE PRECISION"),
    ("number", "1e", "REAL", "the text '1e' is not a REAL"),
    ("number", "true", "SMALLINT", "the text 'true' is not a SMALLINT"),
    ("number", "1 2", "DOUBLE PRECISION", "the text '1 2' is not a DOUBLE PRECISION"),
    ("number", "it's", "DOUBLE PRECISION", "the text 'it's' is not a DOUBLE PRECISION"),
    ("number", "1\n1", "INTEGER", "the text '1\n1' is not an INTEGER"),
    ("number", "\u00a01", "INTEGER", "the text '\u00a01' is not an INTEGER"),
    ("number", "1\u2003", "DOUBLE PRECISION", "the text '1\u2003' is not a DOUBLE PRECISION"),
    ("number", "\u30002020-01-01", "TIMESTAMP", "is not a TIMESTAMP"),
    ("lonlat", "\u00a01 2", "POINT", "is not a POINT"),
    ("number", "99999", "SMALLINT", "SMALLINT"),
    ("number", "1e30", "BIGINT", "BIGINT"),
    ("lonlat", "1 2 3", "POINT", "the text '1 2 3' is not a POINT"),
    ("lonlat", "1,2", "POINT", "the text '1,2' is not a POINT"),
    ("lonlat", "1 2", "CIRCLE", "the text '1 2' is not a CIRCLE"),
    ("lonlat", "1 2 3 4", "POLYGON", "the text '1 2 3 4' is not a POLYGON"),
]


@pytest.mark.parametrize(("name", "text", "target", "words"), ENGINE_REFUSALS)
def test_texts_of_rows_that_say_no_such_value(values, name: str, text: str, target: str, words: str) -> None:
    # ADQL-124, ADQL-125, ADQL-126: the same texts on both engines, and the reason shows the text
    for engine in values.engines:
        sql = values.statement(f"SELECT CAST({name} AS {target}) AS v FROM vals.row", engine.dialect)
        escaped = text.replace("'", "''")
        made = sql.replace('"vals"."row"', f"(SELECT '{escaped}' AS {name})")
        with pytest.raises(Exception) as caught:
            engine.run(made)
        assert words in str(caught.value.reason), caught.value


CONSTANTS = [
    # ADQL-121 to ADQL-126: expression, column of the error (after "SELECT "), words
    ("CAST('epoch' AS TIMESTAMP)", 6, "'epoch' is no time"),
    ("CAST('2020-01-01 00:00:00' AS TIMESTAMP)", 6, "a T stands between day and time"),
    ("CAST('2020-02-30' AS TIMESTAMP)", 6, "is no time"),
    ("CAST('2016-12-31T23:59:60' AS TIMESTAMP)", 6, "leap second"),
    ("CAST('abc' AS INTEGER)", 6, "'abc' is no number"),
    ("CAST('1_0' AS DOUBLE PRECISION)", 6, "'1_0' is no number"),
    ("CAST('nan' AS INTEGER)", 6, "'nan' is no number"),
    ("CAST(70000 AS SMALLINT)", 6, "70000 is beyond SMALLINT"),
    ("CAST('9223372036854775808' AS BIGINT)", 6, "is beyond BIGINT"),
    ("CAST(1e300 AS REAL)", 6, "is beyond REAL"),
    ("CAST(x AS TIMESTAMP)", 1, "a number cannot be cast to TIMESTAMP"),
    ("CAST(t AS INTEGER)", 1, "a time cannot be cast to INTEGER"),
    ("CAST(t AS DOUBLE PRECISION)", 1, "a time cannot be cast to DOUBLE PRECISION"),
    ("CAST(p AS VARCHAR)", 1, "a POINT cannot be cast to VARCHAR"),
    ("CAST(a AS VARCHAR)", 1, "an array cannot be cast to VARCHAR"),
    ("CAST(o AS POINT)", 1, "an interval cannot be cast to POINT"),
    ("CAST(x AS POINT)", 1, "a number cannot be cast to POINT"),
    ("CAST(CIRCLE(1, 2, 3) AS POINT)", 1, "a geometry cannot be cast to POINT"),
    ("CAST('1' AS POINT)", 6, "1 number makes no POINT"),
    ("CAST('1 2 3' AS POINT)", 6, "3 numbers make no POINT"),
    ("CAST('1 91' AS POINT)", 6, "is no POINT"),
    ("CAST('1 2' AS CIRCLE)", 6, "2 numbers make no CIRCLE"),
    ("CAST('1 2 -3' AS CIRCLE)", 6, "is no CIRCLE"),
    ("CAST('1 2 3 4 5' AS POLYGON)", 6, "5 numbers make no POLYGON"),
    ("CAST('0 0 1 0 2 0' AS POLYGON)", 6, "is no POLYGON"),
    ("CAST('Circle 1 2 3' AS POLYGON)", 6, "is no POLYGON"),
    ("CAST('somewhere' AS POINT)", 6, "is no POINT"),
    ("CAST('a' AS CHAR(70000))", 1, "CHAR(70000) pads every text"),
]


@pytest.mark.parametrize(("expression", "column", "words"), CONSTANTS, ids=[row[0] for row in CONSTANTS])
def test_constants_that_cannot_be_cast(expression: str, column: int, words: str) -> None:
    with pytest.raises(AdqlError) as caught:
        resolve(parse(f"SELECT {expression} FROM vals.row"), {"vals.row": TABLE})
    assert words in str(caught.value)
    assert (caught.value.line, caught.value.column) == (1, column + 7)


def test_a_point_of_text_is_a_point(values) -> None:
    # ADQL-126, ADQL-157
    expected = [None if text is None else [float(word) for word in text.split()] for text in ROWS["lonlat"]]
    assert values.column("CAST(lonlat AS POINT)") == expected
    assert values.column("CAST('1 2' AS POINT)", "WHERE n = 0") == [[1.0, 2.0]]
    assert values.column("CAST('1 2 0.5' AS CIRCLE)", "WHERE n = 0") == [[1.0, 2.0, 0.5]]
    assert values.column("CAST('0 0 4 0 4 4' AS POLYGON)", "WHERE n = 0") == [[0.0, 0.0, 4.0, 0.0, 4.0, 4.0]]
    assert values.column("COORD2(CAST(lonlat AS POINT))")[:3] == [2.0, -20.5, 90.0]
    near = "DISTANCE(CAST(lonlat AS POINT), POINT(10, 20)) < 1"
    assert values.column("n", f"WHERE {near}") == [5]
    inside = "1 = CONTAINS(CAST(lonlat AS POINT), CAST('0 0 40 0 40 60 0 60' AS POLYGON))"
    found = values.column("n", f"WHERE {inside}")
    assert 5 in found and 1 not in found and 12 not in found


def test_null_casts_to_anything(values) -> None:
    # ADQL-092, ADQL-122
    for target in ("SMALLINT", "REAL", "VARCHAR(3)", "CHAR(4)", "TIMESTAMP", "POINT", "CIRCLE", "POLYGON"):
        assert values.column(f"CAST(NULL AS {target})", "WHERE n = 0") == [None]


@pytest.mark.parametrize("number", ["2.5", "-2.5", "0.5", "-0.5", "1.4999999999999998", "4503599627370497.0"])
def test_rounding_is_to_nearest_and_away_from_zero_at_ties(values, number: str) -> None:
    # ADQL-123
    wanted = _away(number)
    assert values.column(f"CAST(z * 0 + {number} AS BIGINT)", "WHERE n = 3") == [wanted]
    assert values.column(f"CAST({number} AS BIGINT)", "WHERE n = 3") == [wanted]
    assert values.column(f"CAST('{number}' AS BIGINT)", "WHERE n = 3") == [wanted]
