"""Grouped expressions inside functions and in HAVING: two steps, the same rows on both engines."""

from __future__ import annotations

import math
from collections import Counter

import pytest
from value_rows import ROWS

X = ROWS["x"][:5]
Y = ROWS["y"][:5]
FLOORS = Counter(math.floor(x) for x in X)

GROUPED = [
    # ADQL-070, ADQL-071, ADQL-073: query, expected rows
    (
        "SELECT SQRT(POWER(x, 2)) AS a, COUNT(*) AS k FROM vals.row WHERE n < 5 "
        "GROUP BY POWER(x, 2) ORDER BY a",
        sorted((a, k) for a, k in Counter(abs(x) for x in X).items()),
    ),
    (
        "SELECT MOD(FLOOR(x), 3) AS a, FLOOR(x) AS f, COUNT(*) AS k FROM vals.row WHERE n < 5 "
        "GROUP BY FLOOR(x) ORDER BY f",
        sorted(((math.fmod(f, 3), float(f), k) for f, k in FLOORS.items()), key=lambda row: row[1]),
    ),
    (
        "SELECT CAST(FLOOR(x) AS VARCHAR) AS a FROM vals.row WHERE n < 5 GROUP BY FLOOR(x) "
        "HAVING SQRT(FLOOR(x)) > 0 ORDER BY a",
        sorted((str(f),) for f in FLOORS if f > 0),
    ),
    (
        "SELECT FLOOR(x) AS f, SUM(y) AS z FROM vals.row WHERE n < 5 GROUP BY FLOOR(x) "
        "HAVING ABS(SUM(y)) > 1 ORDER BY SQRT(ABS(FLOOR(x))), f",
        sorted(
            ((float(math.floor(x)), y) for x, y in zip(X, Y) if abs(y) > 1),
            key=lambda row: (abs(row[0]), row[0]),
        ),
    ),
    ("SELECT COUNT(*) AS k FROM vals.row HAVING SQRT(COUNT(*)) > 100", []),
    (
        "SELECT COUNT(*) AS k, SQRT(COUNT(*)) AS q FROM vals.row HAVING SQRT(COUNT(*)) > 1",
        [(14, math.sqrt(14))],
    ),
    (
        "SELECT FLOOR(x) AS f FROM vals.row WHERE n < 5 GROUP BY FLOOR(x) HAVING SQRT(FLOOR(x)) >= 0 "
        "UNION SELECT 77 FROM vals.row WHERE n = 1 ORDER BY f",
        [*sorted((float(f),) for f in FLOORS if f >= 0), (77.0,)],
    ),
    (
        "SELECT FLOOR(x) AS f FROM vals.row AS a WHERE n < 5 GROUP BY FLOOR(x) HAVING EXISTS "
        "(SELECT b.n FROM vals.row AS b WHERE b.n < 5 AND b.x > SQRT(FLOOR(a.x)) * 2) ORDER BY f",
        sorted((float(f),) for f in FLOORS if f >= 0 and any(x > math.sqrt(f) * 2 for x in X)),
    ),
    (
        "SELECT DISTINCT TOP 2 ABS(FLOOR(x)) AS f FROM vals.row AS a WHERE n < 5 GROUP BY FLOOR(x) "
        "HAVING ABS(FLOOR(x)) > 0 ORDER BY f DESC OFFSET 1",
        sorted(({(abs(float(f)),) for f in FLOORS if f}), reverse=True)[1:3],
    ),
    (
        "SELECT SUM(d.k) AS k FROM (SELECT SQRT(ABS(FLOOR(x))) AS r, COUNT(*) AS k FROM vals.row WHERE n < 5 "
        "GROUP BY FLOOR(x)) AS d WHERE d.r >= 1",
        [(sum(k for f, k in FLOORS.items() if abs(f) >= 1),)],
    ),
]


@pytest.mark.parametrize(("adql", "expected"), GROUPED)
def test_grouped_expressions_inside_functions(values, adql: str, expected: list[tuple[object, ...]]) -> None:
    one, other = values.ask(adql)
    assert one == other
    assert len(one) == len(expected)
    for found, wanted in zip(one, expected):
        for got, value in zip(found, wanted, strict=True):
            assert got == (pytest.approx(value, rel=1e-14) if isinstance(value, float) else value)


def test_grouping_by_columns_alone_stays_one_query(values) -> None:
    adql = "SELECT s, SQRT(SUM(x)) AS r FROM vals.row GROUP BY s HAVING COUNT(*) > 0"
    sql = values.statement(adql, "duckdb")
    assert sql.count("SELECT") == 1
