"""ADQL 2.1: what a query means, asked on tables that every service has."""

from __future__ import annotations

import math
from collections.abc import Iterator

from conformance.evidence import refused, where_queries_work
from conformance.findings import failed, judged, not_checked
from conformance.model import Check, Finding, Level, requirement
from conformance.service import Service, rows_of

ONE_ROW = "FROM TAP_SCHEMA.tables WHERE LOWER(table_name) = 'tap_schema.tables'"


def _value(service: Service, expression: str) -> tuple[object, Finding | None]:
    """The value of an expression on one row, or the finding that it was refused."""
    answer = service.query(f"SELECT {expression} AS v {ONE_ROW}")
    if answer.status != 200:
        return None, failed(f"{expression} is refused", answer)
    rows = rows_of(answer)
    if len(rows) != 1:
        return None, not_checked("TAP_SCHEMA.tables does not list tap_schema.tables once")
    return rows[0]["v"], None


@requirement("ADQL-100", clause="ADQL 2.1, 2.3", level=Level.MUST, service="adql")
def mathematics(service: Service) -> Iterator[Finding]:
    """The mathematical functions of the core give what they should"""
    cases = {
        "LOG(100)": math.log(100),
        "LOG10(100)": 2.0,
        "ATAN2(1, 0)": math.pi / 2,
        "SIN(1)": math.sin(1),
        "DEGREES(PI())": 180.0,
        "POWER(2, 10)": 1024.0,
        "ABS(-2.5)": 2.5,
        "CEILING(1.2)": 2.0,
        "FLOOR(-1.2)": -2.0,
        "MOD(-7, 3)": -1.0,
        "ROUND(1234.567, 1)": 1234.6,
        "TRUNCATE(-1.5)": -1.0,
        "SQRT(2)": math.sqrt(2),
        "EXP(1)": math.e,
    }
    for expression, wanted in cases.items():
        value, problem = _value(service, expression)
        if problem:
            yield problem
            continue
        right = isinstance(value, int | float) and math.isclose(float(value), wanted, rel_tol=1e-12)
        yield judged(right, f"{expression} is {wanted!r} (got {value!r})")


@requirement("ADQL-015", clause="ADQL 2.1, 2.1.10", level=Level.MUST, service="adql")
def comments(service: Service) -> Iterator[Finding]:
    """Two dashes begin a comment that ends with the line"""
    answer = service.query(f"SELECT 1 AS v --2\n{ONE_ROW} -- that was all")
    yield judged(answer.status == 200 and rows_of(answer)[0]["v"] == 1, "comments stand for blanks", answer)


@requirement("ADQL-207", clause="ADQL 2.1, 2.2", level=Level.MUST, service="adql")
def top(service: Service) -> Iterator[Finding]:
    """TOP takes a whole number; TOP 0 gives the fields alone"""
    for number in (1, 0):
        answer = service.query(f"SELECT TOP {number} table_name FROM TAP_SCHEMA.tables")
        fields = [f.name for f in answer.table().fields]
        right = answer.status == 200 and fields == ["table_name"] and len(rows_of(answer)) == number
        yield judged(right, f"TOP {number} gives the field and {number} rows", answer)
    for text in ("-1", "1.5", "x"):
        yield refused(service.query(f"SELECT TOP {text} table_name FROM TAP_SCHEMA.tables"), f"TOP {text}")


@requirement("ADQL-201", clause="ADQL 2.1, 2.2.3", level=Level.MUST, service="adql")
@where_queries_work
def conditions_are_no_values(service: Service) -> Iterator[Finding]:
    """Chained comparisons and bare values are no conditions"""
    for condition in ("1 = 1 = 1", "table_index", "1 < 2 < 3"):
        answer = service.query(f"SELECT table_name FROM TAP_SCHEMA.tables WHERE {condition}")
        yield refused(answer, f"WHERE {condition}")


@requirement("ADQL-253", clause="ADQL 2.1, BNF", level=Level.MUST, service="adql")
@where_queries_work
def no_other_operators(service: Service) -> Iterator[Finding]:
    """Operators and statements that ADQL does not have are refused"""
    for query in (
        f"SELECT 7 % 2 AS v {ONE_ROW}",
        f"SELECT 1 & 1 AS v {ONE_ROW}",
        f"SELECT 0x1F AS v {ONE_ROW}",
        "SELECT 1",
        "DROP TABLE TAP_SCHEMA.tables",
        f"SELECT 1 AS v {ONE_ROW}; SELECT 2 AS v {ONE_ROW}",
    ):
        yield refused(service.query(query), repr(query))


@requirement("ADQL-254", clause="practice", level=Level.PRACTICE, service="adql")
@where_queries_work
def nothing_else_is_reachable(service: Service) -> Iterator[Finding]:
    """Tables and functions of the engine are out of reach"""
    for query in (
        "SELECT * FROM information_schema.tables",
        "SELECT * FROM pg_catalog.pg_roles",
        "SELECT * FROM duckdb_settings()",
        f"SELECT version() AS v {ONE_ROW}",
        f"SELECT pg_sleep(1) AS v {ONE_ROW}",
        'SELECT * FROM "/etc/passwd"',
        "SELECT * FROM read_csv('/etc/passwd')",
    ):
        answer = service.query(query)
        yield refused(answer, repr(query))
        yield judged(answer.status < 500, f"{query!r} is no failure of the service", answer)


@requirement("ADQL-086", clause="ADQL 2.1, 2.2.3", level=Level.MUST, service="adql")
def like_matches_case(service: Service) -> Iterator[Finding]:
    """LIKE matches the whole text and minds its case"""
    rows = rows_of(service.query("SELECT table_name FROM TAP_SCHEMA.tables"))
    name = str(rows[0]["table_name"])
    for pattern, wanted in ((name, 1), (name[:-1] + "_", None), (name.swapcase(), 0)):
        answer = service.query(
            f"SELECT COUNT(*) AS n FROM TAP_SCHEMA.tables WHERE table_name LIKE '{pattern}'"
        )
        count = rows_of(answer)[0]["n"]
        yield judged(
            count == wanted if wanted is not None else bool(count), f"LIKE {pattern!r} gives {count}", answer
        )


CHECKS: tuple[Check, ...] = (
    comments,
    like_matches_case,
    mathematics,
    conditions_are_no_values,
    top,
    no_other_operators,
    nothing_else_is_reachable,
)
