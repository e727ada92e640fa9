"""Values on both engines: integers, doubles, NULL of no type, aggregates, times, what is passed on."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from value_rows import ROWS, TABLE

from vo_service.adql import AdqlError, parse, resolve

SMALL = "WHERE n BETWEEN 5 AND 13"
"""Rows whose integers are small, the NULL among them."""


def _refused(expression: str) -> AdqlError:
    with pytest.raises(AdqlError) as caught:
        resolve(parse(f"SELECT {expression} FROM vals.row"), {"vals.row": TABLE})
    return caught.value


# --- arithmetic ---

INTEGERS: list[tuple[str, Callable[..., int | None]]] = [
    ("s + 1", lambda s, i, k: s + 1),
    ("s + s", lambda s, i, k: s + s),
    ("s * i - l", lambda s, i, k: s * i - k),
    ("i / 2", lambda s, i, k: int(i / 2)),
    ("-i / 2", lambda s, i, k: int(-i / 2)),
    ("l / s", lambda s, i, k: int(k / s)),
    ("i / 0", lambda s, i, k: None),
    ("i * 3000000000", lambda s, i, k: i * 3000000000),
]


@pytest.mark.parametrize(("expression", "expected"), INTEGERS, ids=[e for e, _ in INTEGERS])
def test_integers_stay_integers(values, expression: str, expected) -> None:
    # ADQL-093, ADQL-094, ADQL-095
    rows = list(zip(ROWS["s"], ROWS["i"], ROWS["l"]))[5:]
    wanted = [None if None in row else expected(*row) for row in rows]
    assert values.column(expression, SMALL) == wanted


def test_a_smallint_and_an_integer_literal_make_an_integer(values) -> None:
    # ADQL-094: one engine takes 1 for a SMALLINT, and overflows
    assert values.column("s + 1", "WHERE n = 3") == [32768]
    assert values.column("s * 2 - 1", "WHERE n = 4") == [-65537]


OVERFLOWS = [
    # ADQL-094: constants, refused at the operator before any engine sees them
    ("2147483647 + 1", 12, "2147483648 is beyond INTEGER", "BIGINT"),
    ("9223372036854775807 + 1", 21, "9223372036854775808 is beyond BIGINT", "DOUBLE PRECISION"),
    ("1 + 2147483647 * 2", 16, "4294967294 is beyond INTEGER", "BIGINT"),
    ("-9223372036854775807 - 2", 22, "-9223372036854775809 is beyond BIGINT", "DOUBLE PRECISION"),
    ("CAST(32767 AS SMALLINT) + CAST(1 AS SMALLINT)", 25, "32768 is beyond SMALLINT", "BIGINT"),
    ("1e308 * 10", 7, "the result of * is beyond the range of a double", ""),
    ("1e308 / 1e-10", 7, "the result of / is beyond the range of a double", ""),
]


@pytest.mark.parametrize(
    ("expression", "column", "message", "hint"), OVERFLOWS, ids=[o[0] for o in OVERFLOWS]
)
def test_constants_beyond_their_type_are_refused(
    expression: str, column: int, message: str, hint: str
) -> None:
    error = _refused(expression)
    assert (error.line, error.column, error.message) == (1, column + 7, message)
    assert hint in (error.hint or "")


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("2147483647 + CAST(1 AS BIGINT)", 2147483648),
        ("2147483647 + 0", 2147483647),
        ("2147483648 - 1", 2147483647),
        ("-2147483647 - 1", -2147483648),
        ("9223372036854775806 + 1", 9223372036854775807),
        ("2147483647 + 1.", 2147483648.0),
        ("1e-200 * 1e-200", 0.0),
        ("1e-308 / 1e300", 0.0),
    ],
)
def test_constants_within_their_type_are_worked_out(values, expression: str, value: float) -> None:
    # ADQL-094
    found = values.column(expression, "WHERE n = 0")
    assert found == [value] and type(found[0]) is type(value)


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("i + 1", "beyond an INTEGER"),
        ("l * 2", "beyond a BIGINT"),
        ("s + s", "beyond a SMALLINT"),
        ("-s", "a number is beyond"),
        ("CAST(i AS SMALLINT)", "beyond a SMALLINT"),
        ("CAST(x AS BIGINT)", "beyond a BIGINT"),
    ],
)
def test_integers_of_rows_that_overflow_end_the_query_with_a_reason(
    values, expression: str, words: str
) -> None:
    # ADQL-094, ADQL-124
    for reason in values.reasons(expression):
        assert reason is not None and words in reason


def test_sums_beyond_a_bigint_end_the_query_with_a_reason(values) -> None:
    # ADQL-069
    twice = "(SELECT l FROM vals.row UNION ALL SELECT l FROM vals.row WHERE l > 0) AS d"
    for engine in values.engines:
        with pytest.raises(Exception) as caught:
            engine.run(values.statement(f"SELECT SUM(l) AS v FROM {twice}", engine.dialect))
        assert "beyond a BIGINT" in str(caught.value.reason)


DOUBLES = [
    "x + y",
    "x - y",
    "x * y",
    "x / y",
    "x * 2",
    "z / 3",
    "x * y + z",
    "-x",
    "1 / z",
    "x / 0",
    "i + 0.5",
]


@pytest.mark.parametrize("expression", DOUBLES)
def test_doubles_are_numpys(values, expression: str) -> None:
    # ADQL-091, ADQL-094, ADQL-095: IEEE but for a division by 0, which is NULL
    columns = {
        name: np.array([np.nan if v is None else v for v in ROWS[name]], dtype=float) for name in "xyzi"
    }
    nulls = np.zeros(len(ROWS["x"]), dtype=bool)
    for name in "xyzi":
        if name in expression:
            nulls |= [v is None for v in ROWS[name]]
    with np.errstate(all="ignore"):
        expected = np.asarray(eval(expression, {}, columns), dtype=float)
    divisor = expression.split("/")[-1].strip() if "/" in expression else None
    if divisor is not None:
        nulls |= np.asarray(eval(divisor, {}, columns)) == 0
    for got, wanted, null in zip(values.column(expression), expected, nulls, strict=True):
        assert (got is None) == null
        assert null or got == wanted or (math.isnan(got) and math.isnan(wanted))


EXTREMES = st.sampled_from([0.0, -0.0, 1.0, -1.0, 5e-324, -1e-310, 1e-200, 1e-160, 1e160, -1e200, 1.7e308])
ANY = st.one_of(st.floats(), EXTREMES)


@given(st.lists(st.tuples(ANY, ANY), min_size=30, max_size=60), st.sampled_from("*/"))
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_products_beyond_a_double_are_null_and_below_are_zero(
    values, pairs: list[tuple[float, float]], sign: str
) -> None:
    # ADQL-095, ADQL-119, ADQL-220: one engine gives infinity, the other ends the statement
    listed = ", ".join(
        f"({k}, CAST('{a!r}' AS DOUBLE PRECISION), CAST('{b!r}' AS DOUBLE PRECISION))"
        for k, (a, b) in enumerate(pairs)
    )
    compute = {"*": np.multiply, "/": np.divide}[sign]
    for engine in values.engines:
        sql = values.statement(
            f"SELECT n, x {sign} z AS v, x {sign} -2e-5 AS w FROM vals.row", engine.dialect
        )
        made = sql.replace('"vals"."row"', f"(VALUES {listed})").replace('AS "t1"', 'AS "t1"("n", "x", "z")')
        for index, found, scaled in sorted(engine.run(made)):
            a, b = pairs[index]
            with np.errstate(all="ignore"):
                wanted, by_literal = float(compute(a, b)), float(compute(a, -2e-5))
            if (sign == "/" and b == 0.0) or (math.isinf(wanted) and math.isfinite(a) and math.isfinite(b)):
                assert found is None
            else:
                assert found == wanted or (math.isnan(found) and math.isnan(wanted)), (a, b)
            if math.isinf(by_literal) and math.isfinite(a):
                assert scaled is None
                continue
            # at the very edge of the smallest doubles, a literal factor may cut one off
            assert scaled == pytest.approx(by_literal, rel=0, abs=1e-323, nan_ok=True) or scaled == by_literal


# --- NULL of no type ---


def test_null_takes_the_type_of_what_it_stands_beside(values) -> None:
    # ADQL-092, ADQL-252
    inner = "(SELECT NULL AS q FROM vals.row WHERE n = 1) AS d"
    one, other = values.ask(
        f"SELECT q + 1 AS a, q || 'x' AS b, COALESCE(q, 5) AS c, COALESCE(q, 'a') AS d, -q AS e, "
        f"ABS(q) AS f, q / 0 AS g, CAST(q AS REAL) AS h, UPPER(q) AS i FROM {inner}"
    )
    assert one == other == [(None, None, 5, "a", None, None, None, None, None)]
    everywhere = "(SELECT NULL AS q, n FROM vals.row) AS d"
    for condition in (
        "q = 1",
        "q = 'a'",
        "NOT q = 1",
        "q IN (1, 2)",
        "q BETWEEN 1 AND 2",
        "q LIKE 'a'",
        "q < n",
    ):
        assert values.ask(f"SELECT COUNT(*) AS k FROM {everywhere} WHERE {condition}") == ([(0,)], [(0,)])
    assert values.ask(f"SELECT COUNT(*) AS k FROM {everywhere} WHERE q IS NULL") == ([(14,)], [(14,)])
    one, other = values.ask(f"SELECT q, COUNT(*) AS k FROM {everywhere} GROUP BY q")
    assert one == other == [(None, 14)]
    one, other = values.ask(
        "SELECT MIN(NULL) AS a, SUM(NULL) AS b, COUNT(NULL) AS c, AVG(NULL) AS d FROM vals.row"
    )
    assert one == other == [(None, None, 0, None)]


@pytest.mark.parametrize("name", ["i", "x", "t", "c", "p"])
def test_null_in_a_set_operation_takes_the_type_of_the_other_side(values, name: str) -> None:
    # ADQL-063
    for adql in (
        f"SELECT NULL AS v FROM vals.row WHERE n = 1 UNION ALL SELECT {name} FROM vals.row WHERE n = 1",
        f"SELECT {name} AS v FROM vals.row WHERE n = 1 UNION ALL SELECT NULL FROM vals.row WHERE n = 1",
    ):
        one, other = values.ask(adql)
        assert sorted(one, key=str) == sorted(other, key=str)
        assert {str(v) for (v,) in one} == {"None", str(ROWS[name][1])}


def test_coalesce_takes_the_first_that_is_known(values) -> None:
    # ADQL-127
    for got, r, x, i in zip(
        values.column("COALESCE(i, x, -1)"), ROWS["i"], ROWS["x"], range(14), strict=True
    ):
        assert isinstance(got, float)
        wanted = next(v for v in (r, x, -1.0) if v is not None)
        assert got == wanted, i
    points = values.column("COALESCE(p, POINT(1, 2))")
    assert points == [p if p is not None else [1.0, 2.0] for p in ROWS["p"]]
    assert values.column("COALESCE(c)") == ROWS["c"]
    assert "COALESCE takes values of one type, not a number, text" in _refused("COALESCE(x, c)").message
    assert "COALESCE takes values of one type" in _refused("COALESCE(t, c)").message
    assert "COALESCE takes values of one type" in _refused("COALESCE(p, CIRCLE(1, 2, 3))").message


# --- aggregates ---


def test_aggregates_are_numpys_and_have_the_types_declared(values) -> None:
    # ADQL-068, ADQL-069, ADQL-226
    one, other = values.ask(
        "SELECT COUNT(*) AS a, COUNT(s) AS b, SUM(s) AS c, AVG(s) AS d, SUM(l) AS e, AVG(l) AS f, "
        f"MIN(i) AS g, MAX(r) AS h, COUNT(DISTINCT y) AS i, SUM(DISTINCT y) AS j, "
        f"AVG(y) AS k FROM vals.row {SMALL}"
    )
    assert [tuple(map(type, row)) for row in one] == [tuple(map(type, row)) for row in other]
    known = {name: [v for v in ROWS[name][5:] if v is not None] for name in ("s", "l", "i", "y")}
    expected = (
        9,
        8,
        sum(known["s"]),
        np.mean(known["s"]),
        sum(known["l"]),
        np.mean(known["l"]),
        min(known["i"]),
        math.inf,
        len(set(known["y"])),
        sum(set(known["y"])),
        np.mean(known["y"]),
    )
    for row in (one[0], other[0]):
        assert isinstance(row[2], int) and isinstance(row[3], float) and isinstance(row[4], int)
        # NaN sorts above infinity, so the largest of a column with one is NaN
        assert math.isnan(row[7])
        assert [*row[:7], *row[8:]] == pytest.approx([*expected[:7], *expected[8:]], rel=1e-14)


def test_only_count_takes_geometries_and_what_is_opaque(values) -> None:
    # ADQL-069, ADQL-163
    one, other = values.ask(
        "SELECT COUNT(p) AS a, COUNT(a) AS b, COUNT(o) AS c, COUNT(DISTINCT p) AS d, "
        "COUNT(DISTINCT POINT(x, y)) AS e, COUNT(CIRCLE(x, y, 1)) AS f FROM vals.row"
    )
    positions = {(x % 360, y) for x, y in zip(ROWS["x"], ROWS["y"]) if x is not None and y is not None}
    positions = {(lon, lat) for lon, lat in positions if math.isfinite(lon) and abs(lat) <= 90}
    assert one == other
    assert one[0][:4] == (11, 13, 13, len({tuple(p) for p in ROWS["p"] if p is not None}))
    assert one[0][4] == len(positions) and one[0][5] == 9
    for call in ("MIN(p)", "SUM(p)", "MAX(a)", "AVG(o)", "MIN(o)", "SUM(c)", "AVG(t)"):
        assert "does not take" in _refused(call).message, call


@pytest.mark.parametrize(
    ("expression", "column"),
    [
        ("o + 1", 1),
        ("o || 'x'", 1),
        ("UPPER(o)", 7),
        ("ABS(a)", 5),
        ("CAST(o AS VARCHAR)", 1),
        ("IN_UNIT(o, 's')", 9),
        ("-a", 2),
        ("SQRT(p)", 6),
    ],
)
def test_no_function_or_operator_takes_an_interval_or_an_array(expression: str, column: int) -> None:
    # ADQL-163
    error = _refused(expression)
    assert (error.line, error.column) == (1, column + 7)


@pytest.mark.parametrize(
    "condition", ["o = o", "o < a", "a IN (a)", "a BETWEEN a AND a", "o LIKE 'x'", "p = p"]
)
def test_no_predicate_but_is_null_takes_an_interval_or_an_array(values, condition: str) -> None:
    # ADQL-083, ADQL-163
    with pytest.raises(AdqlError):
        resolve(parse(f"SELECT n FROM vals.row WHERE {condition}"), {"vals.row": TABLE})
    assert values.column("n", "WHERE o IS NULL") == [1]
    assert values.column("n", "WHERE a IS NULL OR p IS NULL") == [2, 3, 6, 12]


# --- times ---


@pytest.mark.parametrize("sign", ["<", "<=", "=", "<>", ">", ">="])
@pytest.mark.parametrize("text", ["2020-01-02", "2019-06-01T00:00:00.00001Z", "1858-11-17T00:00:00"])
def test_times_compare_as_times(values, sign: str, text: str) -> None:
    # ADQL-083, ADQL-161, ADQL-251
    compare = {"<": "lt", "<=": "le", "=": "eq", "<>": "ne", ">": "gt", ">=": "ge"}[sign]
    limit = np.datetime64(text.rstrip("Z"), "us").astype(object)
    wanted = [n for n, t in enumerate(ROWS["t"]) if t is not None and getattr(operator, compare)(t, limit)]
    assert values.column("n", f"WHERE t {sign} '{text}'") == wanted
    assert values.column("n", f"WHERE t {sign} CAST('{text}' AS TIMESTAMP)") == wanted
    mirrored = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}.get(sign, sign)
    assert values.column("n", f"WHERE '{text}' {mirrored} t") == wanted


def test_times_take_no_arithmetic() -> None:
    # ADQL-161
    assert "is a number, not a time" in _refused("t + 1").message
    assert "takes a number here, not a time" in _refused("ABS(t)").message
    assert "is text, not a time" in _refused("t || 'x'").message


# --- geometries ---


def test_a_point_column_is_a_point(values) -> None:
    # ADQL-157, ADQL-161, ADQL-166
    assert values.column("p") == ROWS["p"]
    assert values.column("COORD1(p)")[:4] == [1.0, 359.5, 0.0, None]
    assert values.column("n", "WHERE 1 = CONTAINS(p, CIRCLE(10, 20, 9))") == [4, 13]
    assert values.column("n", "WHERE DISTANCE(p, POINT(0, 0)) <= 0") == [9]
