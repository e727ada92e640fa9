"""Every function of the table against its numpy reference, on the engine, with NULL, NaN and infinity."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlglot import exp
from value_rows import ROWS

from vo_service.adql import FUNCTIONS, AdqlError, parse, write
from vo_service.adql.language.signatures import CALL_FORMS
from vo_service.adql.language.words import RESERVED
from vo_service.adql.sql import nodes as sql
from vo_service.spectral import line

VALUES = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.5,
    -0.5,
    1.5,
    2.5,
    -2.5,
    0.49999999999999994,
    2.675,
    1234.5,
    -1999.0,
    1e-300,
    1e300,
    709.0,
    710.0,
    -745.0,
    -800.0,
    4503599627370497.0,
    1e17,
    57.29577951308232,
    3.0,
    -3.0,
    5e-324,
    -1e-310,
    1.7e308,
    -745.14,
    9007199254740994.0,
    math.nan,
    math.inf,
    -math.inf,
]
PAIRS = [
    (x, y)
    for x in (0.0, 1.0, -8.0, 2.5, 1e200, math.nan, -7.0, 7.0, 10.0, 0.5, math.inf, -math.inf, 2.0, 1e17)
    for y in (0.0, 1 / 3, 2.0, -3.0, 400.0, 3.0, -0.5, math.inf, -math.inf, math.nan, 1024.0, -1075.0, 1e-300)
]


def _column(name: str) -> exp.Column:
    return exp.column(name, quoted=True)


def _run(
    values, make: Callable[[str], exp.Expr], rows: list[tuple[float | None, ...]], names: str
) -> Iterator[list[float | None]]:
    """What each engine makes of an expression over columns of those names."""

    def literal(value: float | None) -> str:
        return "CAST(NULL AS DOUBLE PRECISION)" if value is None else f"CAST('{value!r}' AS DOUBLE PRECISION)"

    listed = ", ".join(f"({i}, {', '.join(literal(v) for v in row)})" for i, row in enumerate(rows))
    for engine in values.engines:
        text = make(engine.dialect).sql(dialect=engine.dialect, identify=True)
        query = f"SELECT {text} FROM (VALUES {listed}) AS v(i, {', '.join(names)}) ORDER BY i"
        yield [value for (value,) in engine.run(query)]


def _agree(found: float | None, expected: float, arguments: tuple[float, ...]) -> bool:
    if math.isnan(expected):
        # NaN that came in passes through, all other undefined results are NULL
        return (found is None or math.isnan(found)) if any(map(math.isnan, arguments)) else found is None
    return found == pytest.approx(expected, rel=1e-13, abs=1e-300)


ONE = [f for f in FUNCTIONS.values() if f.forms[0].arguments == ("number",) and f.reference is not None]
TWO = [
    f for f in FUNCTIONS.values() if f.forms[0].arguments == ("number", "number") and f.reference is not None
]


@pytest.mark.parametrize("function", ONE, ids=lambda f: f.name)
def test_functions_of_one_number(values, function) -> None:
    # ADQL-100 to ADQL-106, ADQL-108, ADQL-109, ADQL-113 to ADQL-119, ADQL-220
    rows: list[tuple[float | None, ...]] = [(v,) for v in VALUES] + [(None,)]
    for found in _run(values, lambda dialect: function.emit([_column("x")], dialect), rows, "x"):
        assert found[-1] is None
        for value, got in zip(VALUES, found[:-1], strict=True):
            if function.name in ("SIN", "COS", "TAN", "COT") and not abs(value) < 1e15:
                continue  # the argument is further from exact than a period
            assert _agree(got, float(function.reference(value)), (value,)), (function.name, value, got)


@pytest.mark.parametrize("function", TWO, ids=lambda f: f.name)
def test_functions_of_two_numbers(values, function) -> None:
    # ADQL-106, ADQL-108, ADQL-118, ADQL-119
    rows: list[tuple[float | None, ...]] = [*PAIRS, (None, 1.0), (1.0, None)]
    arguments = [_column("x"), _column("y")]
    for found in _run(values, lambda dialect: function.emit(arguments, dialect), rows, "xy"):
        assert found[-2:] == [None, None]
        for pair, got in zip(PAIRS, found[:-2], strict=True):
            if function.name == "MOD" and pair[1] == 0.0:
                assert got is None or math.isnan(pair[0])
                continue
            assert _agree(got, float(function.reference(*pair)), pair), (function.name, pair, got)


@pytest.mark.parametrize("name", ["ROUND", "TRUNCATE"])
@pytest.mark.parametrize("decimals", [2, 1, -1, -3, 15, -307, -308, 308, -400, 400])
def test_decimals(values, name: str, decimals: int) -> None:
    # ADQL-111, ADQL-112, ADQL-221, ADQL-222
    function = FUNCTIONS[name]
    digits = exp.Literal.number(decimals)
    rows: list[tuple[float | None, ...]] = [(v,) for v in VALUES]
    for found in _run(values, lambda dialect: function.emit([_column("x"), digits], dialect), rows, "x"):
        for value, got in zip(VALUES, found, strict=True):
            expected = float(function.reference(value, decimals))
            assert _agree(got, expected, (value,)), (value, got, expected)


@given(st.lists(st.tuples(st.floats(allow_subnormal=True), st.floats()), min_size=20, max_size=60))
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_remainders_are_exact(values, pairs: list[tuple[float, float]]) -> None:
    # ADQL-106, ADQL-224: both engines against C's fmod, to the last bit
    emit = FUNCTIONS["MOD"].emit
    arguments = [_column("x"), _column("y")]
    for found in _run(values, lambda dialect: emit(arguments, dialect), list(pairs), "xy"):
        for (x, y), got in zip(pairs, found, strict=True):
            expected = float(np.fmod(x, y)) if math.isfinite(x) and y != 0 else math.nan
            if math.isnan(expected):
                assert got is None or math.isnan(got)
            else:
                assert got == expected, (x, y)


@pytest.mark.parametrize("depth", [3, 12, 28])
@pytest.mark.parametrize("name", ["SQRT", "ROUND", "EXP"])
def test_nested_calls_grow_with_their_number_only(values, name: str, depth: int) -> None:
    # ADQL-257: arguments are written several times over by guards, unless they are long
    expression = f"{name}(" * depth + "ABS(x)" + ")" * depth
    found = values.column(expression)
    for value, got in zip(ROWS["x"], found, strict=True):
        expected: float | None = None if value is None else abs(value)
        for _ in range(depth):
            if expected is not None:
                result = float(FUNCTIONS[name].reference(expected))
                expected = None if math.isnan(result) and not math.isnan(expected) else result
        same = got is expected is None or got == pytest.approx(expected, rel=1e-12, nan_ok=True)
        assert same, (value, got, expected)
    assert len(values.statement(f"SELECT {expression} AS v FROM vals.row", "postgres")) < 3000 * depth


@pytest.mark.parametrize("dialect", ["duckdb", "postgres"])
@pytest.mark.parametrize(
    "inside",
    ["CONTAINS(POINT({}, z), CIRCLE(1, 2, 3))", "DISTANCE({}, z, 1, 2)", "COORD1(POINT({}, z))"],
)
def test_nested_geometries_grow_with_their_number_only(values, inside: str, dialect: str) -> None:
    # ADQL-257
    expression, sizes = "x", []
    for _ in range(4):
        expression = inside.format(expression)
        sizes.append(len(values.statement(f"SELECT {expression} AS v FROM vals.row", dialect)))
    assert sizes[3] < 2 * sizes[2] < 8 * sizes[0] + 8000


def test_nested_geometries_mean_the_same(values) -> None:
    # ADQL-145, ADQL-257: against the formula in numpy, three times over
    def away(lon: float, lat: float, lon2: float, lat2: float) -> float:
        a, b, c, d = np.radians([lon, lat, lon2, lat2])
        half = np.sin((d - b) / 2) ** 2 + np.cos(b) * np.cos(d) * np.sin((c - a) / 2) ** 2
        return float(np.degrees(2 * np.arcsin(np.sqrt(half))))

    one, other = values.ask(
        "SELECT DISTANCE(DISTANCE(DISTANCE(y, y, 1, 2), y, 1, 2), y, 3, 4) AS v FROM vals.row "
        "WHERE n < 13 ORDER BY n"
    )
    wanted = [away(away(away(y, y, 1, 2), y, 1, 2), y, 3, 4) for y in ROWS["y"][:13]]
    assert [v for (v,) in one] == pytest.approx(wanted, rel=1e-12)
    assert [v for (v,) in other] == pytest.approx(wanted, rel=1e-12)


KNOWN = [
    ("LOG(100)", math.log(100)),
    ("ATAN2(1, 0)", math.pi / 2),
    ("ATAN2(0, 0)", 0.0),
    ("SIN(90)", math.sin(90)),
    ("COT(1)", 1 / math.tan(1)),
    ("MOD(-7, 3)", -1.0),
    ("MOD(7, -3)", 1.0),
    ("MOD(5.5, 2)", 1.5),
    ("ROUND(1234.5, -2)", 1200.0),
    ("TRUNCATE(-1.5)", -1.0),
    ("TRUNCATE(1999, -3)", 1000.0),
    ("ROUND(2.5)", 3.0),
    ("ROUND(-2.5)", -3.0),
    ("7/2", 3),
    ("-7/2", -3),
    ("7/2.", 3.5),
    ("1/3600", 0),
    ("2 * -3", -6),
    ("-2 * 3 - -1", -5),
    ("1/0", None),
    ("1/0.", None),
    ("LOG(0)", None),
    ("SQRT(-1)", None),
    ("ACOS(2)", None),
    ("POWER(10, 400)", None),
    ("EXP(1000)", None),
    ("POWER(-8, 0.5)", None),
    ("POWER(0, -1)", None),
    ("PI()", math.pi),
    ("ABS(-3)", 3.0),
    ("1e3", 1000.0),
    ("2147483648", 2147483648),
    ("CAST(3.7 AS INTEGER)", 4),
    ("CAST(-2.5 AS INTEGER)", -3),
    ("CAST('abcdef' AS VARCHAR(3))", "abc"),
    ("CAST('ab' AS CHAR(4))", "ab  "),
    ("CAST(' 12 ' AS INTEGER)", 12),
    ("CAST(CAST('2020-01-02T03:04:05' AS TIMESTAMP) AS VARCHAR)", "2020-01-02T03:04:05"),
    ("COALESCE(NULL, 2.5, 1)", 2.5),
    ("COALESCE(NULL, NULL)", None),
    ("'a' || 'b' || ''", "ab"),
    ("'a' || u", None),
    ("LOWER('ÀB')", "àb"),
    ("UPPER('àb')", "ÀB"),
    ("(NULL) + 1", None),
    ("AREA(CIRCLE(0, 0, 90))", 2 * math.pi * (180 / math.pi) ** 2),
    ("AREA(POINT(1, 2))", 0.0),
    ("COORD1(POINT(370, 2))", 370.0),
    ("COORD2(CENTROID(CIRCLE(1, 2, 3)))", 2.0),
    ("COORDSYS(POINT('ICRS', 1, 2))", "ICRS"),
    ("CONTAINS(POINT(360, 0), CIRCLE(0, 0, 0.1))", 1),
    ("CONTAINS(CIRCLE(0, 0, 1), CIRCLE(0, 0, 2))", 1),
    ("INTERSECTS(CIRCLE(0, 0, 1), CIRCLE(2, 0, 1))", 1),
    ("INTERSECTS(CIRCLE(0, 0, 1), CIRCLE(3, 0, 1))", 0),
    ("line_frequency('CO(2-1)')", line("CO(2-1)").rest_hz),
]


@pytest.mark.parametrize(("expression", "expected"), KNOWN)
def test_known_answers(values, expression: str, expected: object) -> None:
    # ADQL-093 to ADQL-096, ADQL-101 to ADQL-119, ADQL-219 to ADQL-224, ADQL-250, ADQL-252; row 12 is NULL
    found = values.column(expression, "WHERE n = 12")
    if isinstance(expected, float):
        assert found == [pytest.approx(expected, rel=1e-14, abs=0)]
        assert isinstance(found[0], float)
    else:
        assert found == [expected]
        assert type(found[0]) is type(expected)


@pytest.mark.parametrize("dialect", ["duckdb", "postgres"])
@pytest.mark.parametrize("expression", [expression for expression, _ in KNOWN])
def test_every_expression_is_written_for_both_engines(sky, expression: str, dialect: str) -> None:
    expression = expression.replace(" u", " target_name")
    text = write(sky.plan(f"SELECT {expression} FROM ivoa.obscore"), dialect).sql
    assert "--" not in text


def test_random_numbers_differ_by_row(sky) -> None:
    # ADQL-110, ADQL-225
    found = sky.ask("SELECT RAND() AS a, RAND(5) AS b FROM ivoa.obscore ORDER BY a").to_pylist()
    values = [row["a"] for row in found]
    assert len(set(values)) > 300 and values == sorted(values)
    assert all(0.0 <= row["b"] <= 1.0 for row in found)


def test_overflow_of_a_cast_is_an_error(sky) -> None:
    # ADQL-124, ADQL-250
    import duckdb

    with pytest.raises(duckdb.Error):
        sky.column("SELECT CAST(calib_level * 0 + 70000 AS SMALLINT) FROM ivoa.obscore")


def test_the_table_and_the_grammar_agree() -> None:
    reserved = {name for name in FUNCTIONS if name.isupper()}
    assert reserved <= set(CALL_FORMS) <= RESERVED["2.1"]
    for name in reserved:
        counts = CALL_FORMS[name][0]
        assert counts == frozenset(len(form.arguments) for form in FUNCTIONS[name].forms), name
    assert all(function.doc for function in FUNCTIONS.values())


# --- spectral lines ---


@pytest.mark.parametrize(
    ("zmin", "zmax"), [("0", "0.1"), ("0.02", "0.02"), ("0", "2"), ("0.3", "0.2"), ("0.25", "0.28")]
)
@pytest.mark.parametrize("name", ["line_covered", "line_covered_all"])
def test_line_coverage_equals_numpy(sky, name: str, zmin: str, zmax: str) -> None:
    rest_hz = line("CO(2-1)").rest_hz
    found = sky.ask(
        f"SELECT obs_id, {name}('CO(2-1)', {zmin}, {zmax}, em_support) AS c FROM ivoa.obscore"
    ).to_pylist()
    got = {int(row["obs_id"]): row["c"] for row in found}
    for index, support in enumerate(sky.rows["em_support"].to_pylist()):
        expected = FUNCTIONS[name].reference(rest_hz, float(zmin), float(zmax), support)
        assert (None if expected is None else int(expected)) == got[index]
    if (zmin, zmax) == ("0.25", "0.28"):
        assert set(got.values()) == {None, 0, 1}


def test_line_coverage_of_columns_and_unknown_redshifts(sky) -> None:
    rows = sky.ask(
        "SELECT line_covered('CO(2-1)', s_fov, s_fov + 0.01, em_support) AS c, s_fov, em_support "
        "FROM ivoa.obscore"
    ).to_pylist()
    rest_hz = line("CO(2-1)").rest_hz
    for row in rows:
        z = row["s_fov"]
        zmax = None if z is None else z + 0.01
        expected = FUNCTIONS["line_covered"].reference(rest_hz, z, zmax, row["em_support"])
        assert row["c"] == (None if expected is None else int(expected))
    assert {row["c"] for row in rows} == {None, 0, 1}


def test_an_unknown_line_names_close_ones(sky) -> None:
    with pytest.raises(AdqlError, match=r"did you mean .*CO\(2-1\)") as caught:
        sky.plan("SELECT obs_id FROM ivoa.obscore WHERE line_covered('CO(2-11)', 0, 1, em_support) = 1")
    assert (caught.value.line, caught.value.column) == (1, 52)


def test_postgres_reads_windows_with_a_subquery(sky) -> None:
    text = write(
        sky.plan("SELECT line_covered('CO(2-1)', 0, 1, em_support) FROM ivoa.obscore"), "postgres"
    ).sql
    assert "GENERATE_SERIES" in text.upper() and '"em_support"[' in text


def test_numbers_are_never_decimals() -> None:
    # ADQL-094
    assert sql.number(0.1).sql("duckdb") == "CAST(0.1e0 AS DOUBLE)"
    assert parse("SELECT 1.5 FROM t")
    assert np.isinf(float("1e400"))


@pytest.mark.parametrize(
    ("expression", "column", "message"),
    [
        ("CAST(1e30 AS INTEGER)", 13, "1e+30 is beyond INTEGER"),
        ("CAST(-32768.5 AS SMALLINT)", 13, "-32768.5 is beyond SMALLINT"),
        ("CAST(POWER(10, 30) AS BIGINT)", 13, "1e+30 is beyond BIGINT"),
        ("CAST(1e300 AS REAL)", 13, "1e+300 is beyond REAL"),
        ("1 + CAST('abc' AS INTEGER)", 17, "'abc' is no number"),
    ],
)
def test_a_constant_that_cannot_be_converted_is_refused_at_its_place(
    refusal, expression: str, column: int, message: str
) -> None:
    error = refusal(f"SELECT {expression} AS v FROM ivoa.obscore")
    assert (error.line, error.column, error.message) == (1, column, message)


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("CAST(32767.4 AS SMALLINT)", 32767),
        ("CAST(-32768.4 AS SMALLINT)", -32768),
        ("CAST(9223372036854775807 AS BIGINT)", 9223372036854775807),
        ("CAST('12' AS INTEGER)", 12),
        ("CAST(' 1.5 ' AS DOUBLE PRECISION)", 1.5),
        ("CAST(POWER(10, 400) AS INTEGER)", None),
    ],
)
def test_a_constant_within_its_type_is_converted(sky, expression: str, value: object) -> None:
    assert sky.column(f"SELECT TOP 1 {expression} AS v FROM ivoa.obscore") == [value]


@pytest.mark.parametrize("base", ["10", "10.0", "calib_level * 0 + 10"])
def test_a_power_beyond_a_double_is_null_and_not_the_end_of_the_statement(sky, base: str) -> None:
    # ADQL-109
    found = sky.ask(f"SELECT POWER({base}, 400) AS p, POWER({base}, 2) AS q FROM ivoa.obscore")
    assert set(found["p"].to_pylist()) == {None}
    assert {value for value in found["q"].to_pylist() if value is not None} == {100.0}
    assert sky.column(f"SELECT COUNT(*) AS n FROM ivoa.obscore WHERE POWER({base}, 400) > 0") == [0]
