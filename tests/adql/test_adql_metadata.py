"""Data type, unit, UCD and xtype of every kind of expression: one row a rule, none of it from an engine."""

from __future__ import annotations

import pytest
from value_rows import TABLE

from vo_service.adql import parse, plan_query, resolve

DEG, M, S = "deg", "m", "s"
FACTS = [
    # ADQL-058, ADQL-094, ADQL-100, ADQL-161: expression, datatype, arraysize, xtype, unit, UCD
    ("x", "double", None, None, DEG, "pos.eq.ra;meta.main"),
    ("x AS other", "double", None, None, DEG, "pos.eq.ra;meta.main"),
    ("(x)", "double", None, None, DEG, "pos.eq.ra;meta.main"),
    ("+x", "double", None, None, DEG, "pos.eq.ra;meta.main"),
    ("-x", "double", None, None, DEG, None),
    ("-s", "short", None, None, None, None),
    ("x + x", "double", None, None, DEG, None),
    ("x + 1", "double", None, None, DEG, None),
    ("1 - x", "double", None, None, DEG, None),
    ("x + y", "double", None, None, None, None),
    ("x + z", "double", None, None, None, None),
    ("i + i", "int", None, None, M, None),
    ("s + i", "int", None, None, None, None),
    ("s + s", "short", None, None, None, None),
    ("i + l", "long", None, None, None, None),
    ("i + 2147483648", "long", None, None, M, None),
    ("i + 1.0", "double", None, None, M, None),
    ("r + r", "double", None, None, "arcsec", None),
    ("r + i", "double", None, None, None, None),
    ("x * 2", "double", None, None, DEG, None),
    ("2 * x", "double", None, None, DEG, None),
    ("x * (1 + 2)", "double", None, None, DEG, None),
    ("x / 3600.", "double", None, None, DEG, None),
    ("1 / y", "double", None, None, "s**-1", None),
    ("x * y", "double", None, None, "deg.s", None),
    ("x / y", "double", None, None, "deg.s**-1", None),
    ("x / x", "double", None, None, None, None),
    ("x * z", "double", None, None, None, None),
    ("z / x", "double", None, None, None, None),
    ("i / i", "int", None, None, None, None),
    ("i * i", "int", None, None, "m**2", None),
    ("ABS(x)", "double", None, None, DEG, "pos.eq.ra;meta.main"),
    ("ABS(i)", "double", None, None, M, "phys.size"),
    ("ROUND(x, 2)", "double", None, None, DEG, "pos.eq.ra;meta.main"),
    ("TRUNCATE(x)", "double", None, None, DEG, "pos.eq.ra;meta.main"),
    ("CEILING(x)", "double", None, None, DEG, None),
    ("FLOOR(x)", "double", None, None, DEG, None),
    ("MOD(x, 360)", "double", None, None, DEG, None),
    ("SQRT(x)", "double", None, None, None, None),
    ("SQRT(x * x)", "double", None, None, DEG, None),
    ("POWER(x, 2)", "double", None, None, "deg**2", None),
    ("POWER(x, -1)", "double", None, None, "deg**-1", None),
    ("POWER(x, 0.5)", "double", None, None, None, None),
    ("POWER(x, y)", "double", None, None, None, None),
    ("EXP(x)", "double", None, None, None, None),
    ("LOG(x)", "double", None, None, None, None),
    ("LOG10(x)", "double", None, None, None, None),
    ("SIN(x)", "double", None, None, None, None),
    ("COT(x)", "double", None, None, None, None),
    ("ASIN(x)", "double", None, None, "rad", None),
    ("ACOS(x)", "double", None, None, "rad", None),
    ("ATAN(x)", "double", None, None, "rad", None),
    ("ATAN2(x, y)", "double", None, None, "rad", None),
    ("RADIANS(x)", "double", None, None, "rad", None),
    ("DEGREES(x)", "double", None, None, DEG, None),
    ("PI()", "double", None, None, None, None),
    ("RAND()", "double", None, None, None, None),
    ("COUNT(*)", "long", None, None, None, "meta.number"),
    ("COUNT(x)", "long", None, None, None, "meta.number"),
    ("COUNT(DISTINCT p)", "long", None, None, None, "meta.number"),
    ("SUM(i)", "long", None, None, M, None),
    ("SUM(s)", "long", None, None, None, None),
    ("SUM(x)", "double", None, None, DEG, None),
    ("SUM(r)", "double", None, None, "arcsec", None),
    ("AVG(i)", "double", None, None, M, "phys.size;stat.mean"),
    ("AVG(x)", "double", None, None, DEG, "pos.eq.ra;stat.mean"),
    ("AVG(z)", "double", None, None, None, None),
    ("MIN(s)", "short", None, None, None, None),
    ("MIN(i)", "int", None, None, M, "phys.size;stat.min"),
    ("MAX(r)", "float", None, None, "arcsec", None),
    ("MAX(t)", "char", "*", "timestamp", None, "time.epoch;stat.max"),
    ("MIN(u)", "unicodeChar", "*", None, None, "meta.title;stat.min"),
    ("MIN(c)", "char", "*", None, None, "meta.id;stat.min"),
    ("COALESCE(x, x)", "double", None, None, DEG, "pos.eq.ra;meta.main"),
    ("COALESCE(x, 0)", "double", None, None, DEG, "pos.eq.ra;meta.main"),
    ("COALESCE(x, y)", "double", None, None, None, None),
    ("COALESCE(i, l)", "long", None, None, None, None),
    ("COALESCE(NULL, i)", "int", None, None, M, "phys.size"),
    ("COALESCE(c, u)", "unicodeChar", "*", None, None, None),
    ("COALESCE(c, 'none')", "char", "*", None, None, "meta.id"),
    ("COALESCE(t, t)", "char", "*", "timestamp", None, "time.epoch"),
    ("COALESCE(p, POINT(1, 2))", "double", "2", "point", DEG, "pos.eq"),
    ("COALESCE(NULL, NULL)", "char", "*", None, None, None),
    ("CAST(x AS REAL)", "float", None, None, DEG, "pos.eq.ra;meta.main"),
    ("CAST(i AS SMALLINT)", "short", None, None, M, "phys.size"),
    ("CAST(x AS INTEGER)", "int", None, None, DEG, "pos.eq.ra;meta.main"),
    ("CAST(x AS BIGINT)", "long", None, None, DEG, "pos.eq.ra;meta.main"),
    ("CAST(i AS DOUBLE PRECISION)", "double", None, None, M, "phys.size"),
    ("CAST(x AS VARCHAR)", "char", "*", None, None, None),
    ("CAST(x AS CHAR)", "char", "*", None, None, None),
    ("CAST(u AS VARCHAR(7))", "unicodeChar", "7*", None, None, None),
    ("CAST(c AS CHAR(7))", "char", "7", None, None, None),
    ("CAST(c AS INTEGER)", "int", None, None, None, None),
    ("CAST(c AS TIMESTAMP)", "char", "*", "timestamp", None, None),
    ("CAST(t AS TIMESTAMP)", "char", "*", "timestamp", None, "time.epoch"),
    ("CAST(t AS VARCHAR)", "char", "*", None, None, None),
    ("CAST(NULL AS REAL)", "float", None, None, None, None),
    ("CAST('1 2' AS POINT)", "double", "2", "point", DEG, "pos.eq"),
    ("CAST(lonlat AS POINT)", "double", "2", "point", DEG, "pos.eq"),
    ("CAST(lonlat AS CIRCLE)", "double", "3", "circle", DEG, None),
    ("CAST(lonlat AS POLYGON)", "double", "*", "polygon", DEG, None),
    ("IN_UNIT(x, 'arcsec')", "double", None, None, "arcsec", "pos.eq.ra;meta.main"),
    ("POINT(x, z)", "double", "2", "point", DEG, "pos.eq"),
    ("POINT(1, 2)", "double", "2", "point", DEG, "pos.eq"),
    ("CIRCLE(x, z, 1)", "double", "3", "circle", DEG, None),
    ("CIRCLE(1, 2, 3)", "double", "3", "circle", DEG, None),
    ("POLYGON(x, z, 1, 2, 3, 4)", "double", "*", "polygon", DEG, None),
    ("BOX(1, 2, 3, 4)", "double", "*", "polygon", DEG, None),
    ("REGION('Circle 1 2 3')", "char", "*", "adql:REGION", None, None),
    ("MOC('4/30-33')", "char", "*", "moc", None, None),
    ("p", "double", "2", "point", DEG, "pos.eq"),
    ("DISTANCE(p, POINT(1, 2))", "double", None, None, DEG, "pos.angDistance"),
    ("AREA(CIRCLE(x, z, 1))", "double", None, None, "deg2", "phys.angArea"),
    ("CONTAINS(p, CIRCLE(1, 2, 3))", "int", None, None, None, None),
    ("INTERSECTS(p, CIRCLE(1, 2, 3))", "int", None, None, None, None),
    ("COORD1(POINT(400, 2))", "double", None, None, DEG, None),
    ("UPPER(u)", "unicodeChar", "*", None, None, "meta.title"),
    ("LOWER(c)", "char", "*", None, None, "meta.id"),
    ("c || u", "unicodeChar", "*", None, None, None),
    ("c || 'x'", "char", "*", None, None, None),
    ("c || 'é'", "unicodeChar", "*", None, None, None),
    ("'é'", "unicodeChar", "*", None, None, None),
    ("'e'", "char", "*", None, None, None),
    ("NULL", "char", "*", None, None, None),
    ("1", "int", None, None, None, None),
    ("2147483648", "long", None, None, None, None),
    ("9223372036854775808", "double", None, None, None, None),
    ("1.", "double", None, None, None, None),
    ("1e0", "double", None, None, None, None),
    ("line_frequency('CO(2-1)')", "double", None, None, "Hz", "em.freq;em.line"),
    ("a", "double", "2x*", None, M, None),
    ("o", "double", "2", "interval", "d", None),
]


@pytest.mark.parametrize("row", FACTS, ids=[row[0] for row in FACTS])
def test_facts_of_expressions(row: tuple[str, str, str | None, str | None, str | None, str | None]) -> None:
    # ADQL-058, ADQL-064, ADQL-069, ADQL-094, ADQL-120, ADQL-128, ADQL-161, ADQL-166
    column = plan_query(resolve(parse(f"SELECT {row[0]} FROM vals.row"), {"vals.row": TABLE})).columns[0]
    found = (column.datatype, column.arraysize, column.xtype, column.unit, column.ucd)
    assert found == row[1:]


SETS = [
    # left, right, datatype, arraysize, unit, UCD: types fit both sides, all else is the left's
    ("x", "y", "double", None, DEG, "pos.eq.ra;meta.main"),
    ("i", "x", "double", None, M, "phys.size"),
    ("s", "l", "long", None, None, None),
    ("l", "s", "long", None, None, None),
    ("r", "i", "double", None, "arcsec", None),
    ("NULL", "i", "int", None, None, None),
    ("i", "NULL", "int", None, M, "phys.size"),
    ("c", "u", "unicodeChar", "*", None, "meta.id"),
    ("CAST(c AS VARCHAR(3))", "c", "char", "*", None, None),
    ("NULL", "t", "char", "*", None, None),
    ("NULL", "NULL", "char", "*", None, None),
]


@pytest.mark.parametrize("row", SETS, ids=[f"{row[0]} UNION {row[1]}" for row in SETS])
@pytest.mark.parametrize("operator", ["UNION", "EXCEPT ALL", "INTERSECT"])
def test_facts_of_set_operations(row: tuple[str, ...], operator: str) -> None:
    # ADQL-063, ADQL-064
    adql = f"SELECT {row[0]} FROM vals.row {operator} SELECT {row[1]} FROM vals.row"
    column = plan_query(resolve(parse(adql), {"vals.row": TABLE})).columns[0]
    assert (column.datatype, column.arraysize, column.unit, column.ucd) == row[2:]
    assert column.xtype == ("timestamp" if "t" in row[:2] else None)


def test_columns_keep_their_description_through_derived_tables() -> None:
    # ADQL-058
    adql = "WITH w AS (SELECT x AS a FROM vals.row) SELECT a, a + 1 FROM (SELECT a FROM w) AS d"
    kept, made = plan_query(resolve(parse(adql), {"vals.row": TABLE})).columns
    assert (kept.name, kept.unit, kept.ucd, kept.description) == ("a", DEG, "pos.eq.ra;meta.main", "The x.")
    assert (made.unit, made.ucd, made.description) == (DEG, None, "")


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("x + y", "a sum of deg and s has no unit"),
        ("x - z", "a difference of deg and a number without a unit has no unit"),
        ("x + 1", None),
        ("z + z", None),
        ("x * y", None),
        ("1/3600", "1/3600 divides integers and gives 0"),
    ],
)
def test_sums_of_different_units_have_a_warning(expression: str, words: str | None) -> None:
    plan = plan_query(resolve(parse(f"SELECT {expression} FROM vals.row"), {"vals.row": TABLE}))
    assert any(words in warning for warning in plan.warnings) if words else not plan.warnings


def test_engines_give_what_the_columns_declare(values) -> None:
    # ADQL-069, ADQL-094, ADQL-161
    checked = 0
    types = {"short": int, "int": int, "long": int, "float": float, "double": float, "char": str}
    for expression, datatype, arraysize, xtype, *_ in FACTS:
        if expression.startswith(
            ("COUNT", "SUM", "AVG", "MIN", "MAX", "RAND", "CAST(c AS", "CAST(lonlat AS C")
        ):
            continue
        if expression.startswith("CAST(lonlat AS POLYGON") or " AS other" in expression:
            continue
        found = [v for v in values.column(expression, "WHERE n = 1") if v is not None]
        wanted = list if arraysize and datatype == "double" else types.get(datatype, str)
        checked += len(found)
        for value in found:
            assert xtype == "timestamp" or isinstance(value, wanted), expression
    assert checked > len(FACTS) / 2
