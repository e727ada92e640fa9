"""Random numbers inside expressions: one number a row wherever the expression speaks of it (ADQL-110)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from engines_under_test import UnderTest
from udf_rows import Given, number

ROWS = 10_000


@pytest.fixture(scope="module")
def many(given: Given) -> str:
    """A table of many rows."""
    return given.rows({number("x"): [float(n) for n in range(ROWS)]})


WITHIN: list[tuple[str, Callable[[Any], bool], int]] = [
    # expression, what holds in every row, how many values there are at least
    ("ROUND(RAND()*10)", lambda v: v in range(11), 11),
    ("ROUND(RAND(), 1)", lambda v: round(v * 10.0) in range(11), 11),
    ("TRUNCATE(RAND()*1000, -2)", lambda v: v in range(0, 1000, 100), 10),
    ("CAST(RAND()*10 AS INTEGER)", lambda v: v in range(11), 11),
    ("CAST(CAST(RAND()*10 AS VARCHAR) AS INTEGER)", lambda v: v in range(11), 11),
    ("MOD(RAND()*10, 3)", lambda v: 0.0 <= v < 3.0, 9000),
    ("SQRT(RAND() - 0.5)", lambda v: v is None or 0.0 <= v <= 0.7072, 4000),
    ("LOG(RAND() - 0.5)", lambda v: v is None or v <= -0.69, 4000),
    ("ASIN(RAND()*2)", lambda v: v is None or 0.0 <= v <= 1.6, 4000),
    ("EXP(RAND()*1500)", lambda v: v is None or 1.0 <= v < float("inf"), 4000),
    ("POWER(RAND() - 0.5, 0.5)", lambda v: v is None or 0.0 <= v <= 0.7072, 4000),
    ("1 / ROUND(RAND())", lambda v: v is None or v == 1.0, 2),
    ("6 / CAST(RAND()*2 AS INTEGER)", lambda v: v in (None, 6, 3), 3),
    ("COT(RAND() - 0.5)", lambda v: v is not None and abs(v) > 1.8, 9000),
    ("SQRT(SQRT(SQRT(SQRT(RAND()))))", lambda v: 0.0 <= v <= 1.0, 9000),
    ("ROUND(ivo_normal_random(RAND(), 0))", lambda v: v in (0.0, 1.0), 2),
    ("ROUND(ivo_normal_random(0, 1))", lambda v: v == int(v) and abs(v) < 10.0, 5),
    ("CAST(RAND() AS VARCHAR)", lambda v: 0.0 <= float(v) <= 1.0, 9000),
    ("ROUND(x + RAND()) - x", lambda v: v in (0.0, 1.0), 2),
    ("COALESCE(SQRT(RAND() - 0.5), -1)", lambda v: v == -1.0 or 0.0 <= v <= 0.7072, 4000),
]


@pytest.mark.parametrize(("expression", "holds", "at_least"), WITHIN, ids=[case[0] for case in WITHIN])
def test_functions_of_a_random_number_see_one_number(
    given: Given, many: str, expression: str, holds: Callable[[Any], bool], at_least: int
) -> None:
    # ADQL-110, ADQL-186: the SQL of functions speaks of its argument several times
    for rows in given.each(f"SELECT {expression} AS v FROM {many}"):
        assert len(rows) == ROWS
        assert all(holds(v) for (v,) in rows), [v for (v,) in rows if not holds(v)][:3]
        assert len({v for (v,) in rows}) >= at_least


CONDITIONS = [
    # condition, the share of rows that meet it
    ("RAND()*3 BETWEEN 1 AND 2", 1 / 3),
    ("NOT RAND()*3 BETWEEN 1 AND 2", 2 / 3),
    ("ROUND(RAND()*3 + 0.5) IN (1, x - x + 2)", 2 / 3),
    ("ROUND(RAND()*3 + 0.5) NOT IN (1, x - x + 2)", 1 / 3),
    ("ROUND(RAND()*3 + 0.5) = 1", 1 / 3),
    ("ivo_nocasematch(CAST(ROUND(RAND()) AS VARCHAR), '1%') = 1", 1 / 2),
    ("ivo_nocasematch(CAST(RAND() AS VARCHAR), '%1%') = 5", 0.0),
    ("ivo_nocasematch(CAST(RAND() AS VARCHAR), '%1%') < 5", 1.0),
]


@pytest.mark.parametrize(("condition", "share"), CONDITIONS)
def test_conditions_see_one_number(given: Given, many: str, condition: str, share: float) -> None:
    # ADQL-084, ADQL-085, ADQL-110: engines make two comparisons of BETWEEN, and one of each item of IN
    for ((count,),) in given.each(f"SELECT COUNT(*) AS v FROM {many} WHERE {condition}"):
        assert abs(count - share * ROWS) < 250


def test_random_numbers_below_joins_aggregates_and_order(given: Given, many: str) -> None:
    # ADQL-110
    joined = f"SELECT ROUND(RAND()*10) AS v FROM {many} AS a LEFT JOIN {many} AS b ON a.n = b.n AND b.n < 5"
    inner = f"SELECT v FROM (SELECT ROUND(RAND()*10) AS v FROM {many}) AS q WHERE v BETWEEN 0 AND 10"
    common = f"WITH w AS (SELECT RAND()*10 AS r FROM {many}) SELECT ROUND(r) AS v FROM w"
    for adql in (joined, inner, common):
        for rows in given.each(adql):
            assert len(rows) == ROWS and {v for (v,) in rows} == set(range(11))
    for ((lowest, highest, distinct),) in given.each(
        f"SELECT MIN(ROUND(RAND()*10)), MAX(ROUND(RAND()*10)), COUNT(DISTINCT ROUND(RAND()*10)) FROM {many}",
    ):
        assert (lowest, highest, distinct) == (0.0, 10.0, 11)
    for rows in given.each(f"SELECT TOP 100 ROUND(RAND()*10) AS v FROM {many} ORDER BY v DESC"):
        assert [v for (v,) in rows] == [10.0] * len(rows)
    for rows in given.each(f"SELECT DISTINCT ROUND(RAND()*10) AS v FROM {many} ORDER BY v"):
        assert [v for (v,) in rows] == list(range(11))
    for rows in given.each(f"SELECT RAND() AS v, COUNT(*) AS c FROM {many} GROUP BY MOD(x, 7)"):
        assert len(rows) == 7
    for ((n,),) in given.each(
        f"SELECT COUNT(*) FROM {many} AS a WHERE EXISTS (SELECT b.n FROM {many} AS b "
        "WHERE b.n = a.n AND ROUND(RAND()*10) BETWEEN 0 AND 10)",
    ):
        assert n == ROWS


REFUSED = [
    ("POINT(RAND()*360, 0)", 8),
    ("DISTANCE(s_ra, s_dec, 1, RAND())", 8),
    ("AREA(CIRCLE(s_ra, s_dec, ivo_normal_random(1, 0.1)))", 8),
    ("ivo_histogram(s_ra * RAND(), 0, 1, 2)", 8),
    ("ivo_string_agg(CAST(RAND() AS VARCHAR), ',')", 8),
    ("COUNT(*), ROUND(RAND())", 18),
    ("COUNT(*), RAND() * 2", 18),
]


def test_arithmetic_beside_groups_is_called_by_its_name(refusal: Any) -> None:
    # ADQL-071: comparing a random number alone is no arithmetic
    error = refusal(
        "SELECT COUNT(*) AS n FROM ivoa.obscore GROUP BY calib_level HAVING COUNT(*) > RAND() * 10"
    )
    assert "arithmetic of a random number" in error.message and error.column == 77


@pytest.mark.parametrize(("expression", "column"), REFUSED)
def test_what_cannot_draw_once_is_refused(refusal: Any, expression: str, column: int) -> None:
    # ADQL-110, ADQL-185: no wrong number, but the place and the cure
    error = refusal(f"SELECT {expression} FROM ivoa.obscore")
    assert (error.line, error.column) == (1, column)
    assert "random" in error.message and "derived table" in (error.hint or "")


def test_groups_of_random_numbers_are_refused(refusal: Any) -> None:
    # ADQL-071: the groups and what is selected would be drawn apart
    error = refusal("SELECT COUNT(*) FROM ivoa.obscore GROUP BY ROUND(RAND()*10)")
    assert "derived table" in (error.hint or "")


@pytest.mark.parametrize(
    "source",
    [
        "ivoa.obscore AS a JOIN ivoa.obscore AS b "
        "ON DISTANCE(POINT(a.s_ra, a.s_dec), POINT(b.s_ra, b.s_dec)) < 0.5",
        "ivoa.obscore AS a JOIN ivoa.obscore AS b ON 1 = INTERSECTS(a.s_region, b.s_region)",
        "(SELECT s_region, RAND() AS r FROM ivoa.obscore) AS a JOIN ivoa.obscore AS b "
        "ON 1 = INTERSECTS(a.s_region, CIRCLE(b.s_ra, b.s_dec, 1))",
        "ivoa.obscore AS a JOIN holdings.dataset AS b USING (obs_publisher_did)",
        "ivoa.obscore AS a FULL JOIN holdings.dataset AS b ON a.obs_id = b.obs_id",
        "(SELECT obs_id FROM ivoa.obscore UNION SELECT obs_id FROM ivoa.obscore) AS a",
    ],
)
def test_rows_of_every_kind_of_source_draw_for_themselves(engine_under_test: UnderTest, source: str) -> None:
    # ADQL-110: matches, kept tables, joins and set operations
    rows = engine_under_test.ask(f"SELECT ROUND(RAND()*10) AS v FROM {source}").rows
    assert {v for (v,) in rows} <= set(range(11))
    assert len(rows) < 100 or len({v for (v,) in rows}) == 11
    everything = engine_under_test.ask(f"SELECT COUNT(*) AS n FROM {source}").rows
    within = engine_under_test.ask(
        f"SELECT COUNT(*) AS n FROM {source} WHERE ROUND(RAND()*10) BETWEEN 0 AND 10"
    )
    assert within.rows == everything
