"""Named values inside expressions: written once, told apart when nested, and no hindrance to aggregates."""

from __future__ import annotations

import pytest
from sqlglot import exp
from udf_rows import Given, number

from vo_service.adql.sql import nodes as sql
from vo_service.adql.sql.stepwise import Lookup, stepwise

DIALECTS = ("duckdb", "postgres")


def _column(name: str) -> exp.Expr:
    return exp.column(name, quoted=True)


def _squared(value: exp.Expr, dialect: str) -> exp.Expr:
    """The square of one more than a value, in two steps."""

    def step(row: Lookup) -> dict[str, exp.Expr]:
        return {"b": sql.plus(row("a"), sql.number(1.0))}

    return stepwise(dialect, {"a": value}, [step], lambda row: sql.times(row("b"), row("b")))


def _run(given: Given, value: exp.Expr, dialect: str, rest: str) -> list[tuple]:
    (engine,) = (each for each in given.engines if each.dialect == dialect)
    return engine.run(f"SELECT {value.sql(dialect, identify=True)} AS v FROM {rest}")


@pytest.mark.parametrize("dialect", DIALECTS)
def test_steps_inside_steps(given: Given, dialect: str) -> None:
    # ADQL-160: what a function is given may have steps of its own, with the same names
    table = given.rows({number("x"): [1.0, 2.0, None]})
    value = _column("x")
    for _ in range(3):
        value = _squared(value, dialect)
    expected = [(((x + 1) ** 2 + 1) ** 2 + 1) ** 2 for x in (1.0, 2.0)]
    assert _run(given, value, dialect, f"{table} ORDER BY n") == [(expected[0],), (expected[1],), (None,)]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_steps_of_aggregates_and_groups(given: Given, dialect: str) -> None:
    # ADQL-071
    table = given.rows({number("x"): [1.0, 2.0, 2.0, 6.0], number("g", "int"): [0, 0, 1, 1]})
    mean = exp.Avg(this=_column("x"))
    assert _run(given, _squared(mean, dialect), dialect, table) == [(14.0625,)]
    assert _run(given, exp.Max(this=_squared(_column("x"), dialect)), dialect, table) == [(49.0,)]
    grouped = _squared(_column("x"), dialect)
    text = grouped.sql(dialect, identify=True)
    rows = _run(given, grouped, dialect, f"{table} GROUP BY {text} ORDER BY {text}")
    assert rows == [(4.0,), (9.0,), (49.0,)]
    # an aggregate that names no column must not become one of a subquery
    for everything, expected in ((exp.Count(this=exp.Star()), 25.0), (exp.Sum(this=sql.number(0.5)), 9.0)):
        value = _squared(_squared(exp.Paren(this=sql.plus(everything, sql.number(0.0))), dialect), dialect)
        assert _run(given, value, dialect, table) == [((expected + 1.0) ** 2,)]


@pytest.mark.parametrize("dialect", DIALECTS)
def test_size_grows_with_the_number_of_steps(dialect: str) -> None:
    # ADQL-257: not with two to the power of it
    value = _column("x")
    sizes = []
    for _ in range(8):
        value = _squared(sql.call("sqrt", value), dialect)
        sizes.append(len(value.sql(dialect, identify=True)))
    assert sizes[7] - sizes[6] < 1.2 * (sizes[2] - sizes[1])


@pytest.mark.parametrize("dialect", DIALECTS)
def test_columns_and_literals_need_no_name(dialect: str) -> None:
    # an engine knows a column for what it is: its statistics, its index
    written = stepwise(
        dialect,
        {"a": sql.as_double(_column("x")), "b": sql.number(-2.0)},
        [],
        lambda row: sql.plus(row("a"), row("b")),
    )
    text = written.sql(dialect, identify=True)
    assert "_step" not in text
    assert "SELECT" not in text
    assert '"x"' in text


@pytest.mark.parametrize("dialect", DIALECTS)
def test_steps_speak_of_columns_named_by_steps_around(given: Given, dialect: str) -> None:
    # ADQL-160: columns are texts to the writer, and a step inside must not take the name of the one around
    table = given.rows({number("x"): [1.0, 2.0, 3.0]})

    def inner(row: Lookup) -> exp.Expr:
        around = exp.Var(this=row("a").sql(dialect, identify=True))
        arguments = {"a": around, "b": sql.plus(around, sql.number(1.0))}
        return stepwise(dialect, arguments, [], lambda of: sql.times(of("b"), sql.plus(of("a"), of("b"))))

    value = stepwise(dialect, {"a": sql.plus(_column("x"), sql.number(0.0))}, [], inner)
    assert _run(given, value, dialect, f"{table} ORDER BY n") == [(6.0,), (15.0,), (28.0,)]


def test_a_step_hands_on_what_is_spoken_of_behind_it(given: Given) -> None:
    # ADQL-257: by names alone too, and nothing else
    table = given.rows({number("x"): [1.0, 2.0, 3.0]})
    steps = [
        lambda row: {
            "b": row("a"),
            "c": sql.plus(row("a"), sql.number(1.0)),
            "unused": sql.times(row("a"), row("a")),
        },
        lambda row: {"d": sql.times(row("c"), row("c"))},
    ]

    def result(row: Lookup) -> exp.Expr:
        return sql.plus(sql.as_double(row("b")), row("d"))

    for dialect in DIALECTS:
        value = stepwise(dialect, {"a": sql.plus(_column("x"), sql.number(0.0))}, steps, result)
        assert _run(given, value, dialect, f"{table} ORDER BY n") == [(5.0,), (11.0,), (19.0,)]
        assert ("unused" in value.sql(dialect)) == (dialect == "postgres")
