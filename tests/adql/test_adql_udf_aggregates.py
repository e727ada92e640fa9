"""Aggregates and statistics of the catalogue against numpy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from udf_rows import INF, NAN, Given, number, text

from vo_service.adql import AdqlError

GROUPS = [0, 0, 0, 1, 1, 2, 2, 3, None, 0]
TEXTS = ["b", None, "B", None, None, "", "x", "é", "z", "a"]


def _grouped(given: Given) -> str:
    return given.rows(
        {number("g", "int"): GROUPS, text("c", "unicodeChar"): TEXTS, text("d"): ["d"] * len(TEXTS)}
    )


def test_texts_in_one(given: Given) -> None:
    # ADQL-181: NULLs leave no trace, nothing but NULLs is NULL, empty texts count
    table = _grouped(given)
    rows = given.ask(f"SELECT g, ivo_string_agg(c, ', ') AS s FROM {table} GROUP BY g ORDER BY g")
    assert rows == [(0, "B, a, b"), (1, None), (2, ", x"), (3, "é"), (None, "z")]
    assert given.ask(f"SELECT ivo_string_agg(c, '') AS s FROM {table} WHERE n > 99") == [(None,)]
    assert given.ask(f"SELECT ivo_string_agg(c || d, ' <//> ') AS s FROM {table} WHERE g = 0") == [
        ("Bd <//> ad <//> bd",)
    ]
    assert given.ask(f"SELECT ivo_string_agg('x', ',') AS s FROM {table} WHERE g = 0") == [("x,x,x,x",)]
    long = given.facts("ivo_string_agg(c, ',')", table)
    assert (long.datatype, long.arraysize) == ("unicodeChar", "*")
    assert given.facts("ivo_string_agg(d, ',')", table).datatype == "char"


def test_texts_in_one_in_having_and_order_by(given: Given) -> None:
    # ADQL-071, ADQL-181: an aggregate stands where SUM may stand
    table = _grouped(given)
    rows = given.ask(
        f"SELECT g FROM {table} GROUP BY g HAVING ivo_string_agg(c, '') LIKE '%B%' "
        "ORDER BY ivo_string_agg(c, '')"
    )
    assert rows == [(0,)]


def _histogram(values: list[float | None], lower: float, upper: float, bins: int) -> list[int]:
    known = np.array([NAN if value is None else value for value in values], dtype=float)
    below = (known < lower) | np.isnan(known)
    inside = known[(known >= lower) & (known <= upper)]
    counts, _ = np.histogram(inside, bins=bins, range=(lower, upper))
    return [int(below.sum()), *counts.tolist(), int((known > upper).sum())]


VALUES = [
    0.0,
    1.0,
    2.5,
    3.0,
    None,
    -1.0,
    99.0,
    NAN,
    INF,
    -INF,
    3.0000000001,
    2.9999999999,
    -0.0,
    1e308,
    1.5,
    0.75,
]


@pytest.mark.parametrize(
    ("lower", "upper", "bins"),
    [
        (0.0, 3.0, 3),
        (0.0, 3.0, 4),
        (-1.0, 1.0, 1),
        (2.0, 1e290, 2),
        (-1e290, 1e290, 9999),
        (-5.5, -0.5, 10),
        (0.0, 0.5, 64),
        (0, 4, 10000),
    ],
)
def test_histograms(given: Given, lower: float, upper: float, bins: int) -> None:
    # ADQL-185
    table = given.rows({number("x"): VALUES, number("g", "int"): [index % 3 for index in range(len(VALUES))]})
    call = f"ivo_histogram(x, {lower!r}, {upper!r}, {bins})"
    assert given.ask(f"SELECT {call} AS h FROM {table}") == [(_histogram(VALUES, lower, upper, bins),)]
    grouped = given.ask(f"SELECT g, {call} AS h FROM {table} GROUP BY g ORDER BY g")
    assert grouped == [(g, _histogram(VALUES[g::3], lower, upper, bins)) for g in range(3)]
    column = given.facts(call, table)
    assert (column.datatype, column.arraysize, column.unit) == ("int", f"{bins + 2}", None)


def test_histogram_of_no_rows(given: Given) -> None:
    # ADQL-185
    table = given.rows({number("x"): VALUES})
    assert given.ask(f"SELECT ivo_histogram(x, 0, 1, 2) AS h FROM {table} WHERE n < 0") == [([0, 0, 0, 0],)]
    assert given.ask(f"SELECT ivo_histogram(x, 0, 1, 2) AS h FROM {table} WHERE n < 0 GROUP BY n") == []


def test_histogram_of_a_table(engine_under_test) -> None:
    # ADQL-185: of an expression, with limits that are expressions
    rows = engine_under_test.ask("SELECT s_dec, s_resolution FROM ivoa.obscore").rows
    answer = engine_under_test.ask(
        "SELECT ivo_histogram(s_dec + 0.5, -180 / 2, 45 * 2.0, 9 * 2), "
        "ivo_histogram(LOG10(s_resolution), -1, 0.5, 7) FROM ivoa.obscore"
    )
    decs = _histogram([None if dec is None else dec + 0.5 for dec, _ in rows], -90, 90, 18)
    logs = _histogram([None if size is None else math.log10(size) for _, size in rows], -1, 0.5, 7)
    assert answer.rows == [(decs, logs)]
    assert sum(decs) == sum(logs) == 400
    assert min(len(set(decs)), len(set(logs))) > 3


def test_normal_deviates(given: Given) -> None:
    # ADQL-186: mean, width and tails, new in every row and call
    count = 20000
    table = given.rows({number("x"): [0.0] * count})
    for rows in given.each(f"SELECT ivo_normal_random(10, 5), ivo_normal_random(10, 5) FROM {table}"):
        one, other = np.array(rows, dtype=float).T
        for deviates in (one, other):
            assert len(np.unique(deviates)) == count
            assert deviates.mean() == pytest.approx(10, abs=0.25)
            assert deviates.std() == pytest.approx(5, rel=0.04)
            beyond_two = np.mean(np.abs(deviates - 10) > 10)
            assert 0.035 < beyond_two < 0.057
            assert np.abs(deviates - 10).max() > 15
        assert abs(np.corrcoef(one, other)[0, 1]) < 0.04


def test_normal_deviates_without_width(given: Given) -> None:
    # ADQL-186
    table = given.rows(
        {number("mu"): [1.0, 2.0, None, 4.0, 5.0], number("sigma"): [0.0, -1.0, 1.0, None, 0.0]}
    )
    assert given.column("ivo_normal_random(mu, sigma)", table) == [1.0, None, None, None, 5.0]


REFUSED = {
    "ivo_normal_random(0, -1)": (29, "the standard deviation -1 is negative"),
    "ivo_normal_random(0, 'a')": (29, "takes a number here"),
    "ivo_histogram(x, 0, 1, 0)": (31, "a histogram has 1 to 10000 bins, not 0"),
    "ivo_histogram(x, 0, 1, 10001)": (31, "a histogram has 1 to 10000 bins, not 10001"),
    "ivo_histogram(x, 1, 1, 5)": (28, "the upper limit 1 is not above the lower one, 1"),
    "ivo_histogram(x, 2, 1, 5)": (28, "the upper limit 1 is not above the lower one, 2"),
    "ivo_histogram(x, 0, 1e300, 5)": (28, "the limit 1e+300 is beyond 1e+290"),
    "ivo_histogram(x, x, 1, 5)": (25, "constants"),
    "ivo_histogram(x, 0, 1, n)": (31, "constants"),
    "ivo_histogram(x, 0, NULL, 5)": (28, "constants"),
    "ivo_histogram(x, 0, 1, 2.5)": (31, "takes an integer here"),
    "ivo_histogram(c, 0, 1, 2)": (22, "takes a number here"),
    "ivo_histogram(5, 0, 1, 2)": (22, "a histogram is one of values of a column"),
    "ivo_histogram(NULL, 0, 1, 2)": (22, "a histogram is one of values of a column"),
    "ivo_histogram(RAND(), 0, 1, 2)": (22, "a histogram is one of values of a column"),
    "ivo_histogram(x, 0, 1)": (8, "does not take 3 arguments"),
    "ivo_histogram(SUM(x), 0, 1, 2)": (22, "SUM cannot stand inside another aggregate"),
    "SUM(ivo_string_agg(c, ','))": (12, "cannot stand inside another aggregate"),
    "ivo_string_agg(c, c)": (26, "takes a string in single quotes here"),
    "ivo_string_agg(x, ',')": (23, "takes text here"),
    "ivo_string_agg(DISTINCT c, ',')": (23, "DISTINCT"),
}


@pytest.mark.parametrize("call", REFUSED)
def test_refused_at_its_place(given: Given, call: str) -> None:
    # ADQL-172, ADQL-181, ADQL-185, ADQL-186
    table = given.rows({number("x"): [1.0], text("c"): ["a"]})
    column, words = REFUSED[call]
    with pytest.raises(AdqlError) as caught:
        given.resolved(f"SELECT {call} FROM {table}")
    assert words in str(caught.value)
    assert caught.value.column == column


def test_aggregates_stand_where_aggregates_may(given: Given) -> None:
    # ADQL-067, ADQL-181, ADQL-185
    table = given.rows({number("x"): [1.0], text("c"): ["a"]})
    for query, at in {
        f"SELECT x FROM {table} WHERE ivo_string_agg(c, ',') = 'a'": "ivo_string_agg",
        f"SELECT x, ivo_string_agg(c, ',') FROM {table}": "x,",
        f"SELECT COUNT(*) FROM {table} GROUP BY ivo_string_agg(c, ',')": "ivo_string_agg",
        f"SELECT x FROM {table} ORDER BY ivo_string_agg(c, ',')": "ivo_string_agg",
    }.items():
        with pytest.raises(AdqlError) as caught:
            given.resolved(query)
        assert query[caught.value.column - 1 :].startswith(at), query
