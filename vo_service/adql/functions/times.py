"""Times and intervals of the IVOA catalogue (ADQL-179, ADQL-180, ADQL-187)."""

from __future__ import annotations

from collections.abc import Sequence

from sqlglot import exp

from vo_service.adql.functions.forms import Form, Function
from vo_service.adql.nodes.kinds import Kind
from vo_service.adql.sql import nodes as sql
from vo_service.adql.sql.functions import Emitter
from vo_service.adql.sql.nodes import Sql

_MICROSECONDS_OF_DAY = 86400e6
_JD_OF_1970 = 2440587.5
_MJD_OF_1970 = 40587.0


def _days_since(epoch_of_1970: float) -> Emitter:
    def emit(arguments: Sequence[Sql], dialect: str) -> Sql:
        days = sql.over(sql.as_double(_microseconds(arguments[0], dialect)), sql.number(_MICROSECONDS_OF_DAY))
        return sql.plus(sql.number(epoch_of_1970), days)

    return emit


def _microseconds(time: Sql, dialect: str) -> Sql:
    """Whole microseconds since 1970, which both engines store."""
    typed = sql.cast(time, Kind.TIMESTAMP)  # a NULL of the query has no type
    if dialect == "duckdb":
        return sql.call("epoch_us", typed)
    seconds = exp.Extract(this=exp.var("EPOCH"), expression=typed)
    whole = sql.times(seconds, exp.Literal.number(1000000))
    return exp.Cast(this=exp.Paren(this=whole), to=exp.DataType(this=exp.DType.BIGINT))


def _overlaps(arguments: Sequence[Sql], dialect: str) -> Sql:
    """1 if two closed intervals meet, else 0; one that ends before it begins meets nothing."""
    a1, b1, a2, b2 = arguments
    known = sql.both([sql.at_most(value, sql.infinity()) for value in arguments])  # neither NULL nor NaN
    pairs = ((a1, b1), (a2, b2), (a1, b2), (a2, b1))
    meet = sql.both([sql.at_most(low, high) for low, high in pairs])
    one, zero = exp.Literal.number(1), exp.Literal.number(0)
    return sql.case((known, sql.case((meet, one), otherwise=zero)))


FUNCTIONS_OF_TIME: tuple[Function, ...] = (
    Function(
        "ivo_to_jd",
        (Form(("time",), Kind.DOUBLE),),
        "Julian date of a time; its time scale is left as it is.",
        _days_since(_JD_OF_1970),
        None,
        "d",
        "ivo_to_jd(d TIMESTAMP) -> DOUBLE PRECISION",
        ucd="time.epoch",
    ),
    Function(
        "ivo_to_mjd",
        (Form(("time",), Kind.DOUBLE),),
        "Modified Julian date (JD - 2400000.5) of a time; its time scale is left as it is.",
        _days_since(_MJD_OF_1970),
        None,
        "d",
        "ivo_to_mjd(d TIMESTAMP) -> DOUBLE PRECISION",
        ucd="time.epoch",
    ),
    Function(
        "ivo_interval_overlaps",
        (Form(("integer",) * 4, Kind.INTEGER), Form(("number",) * 4, Kind.INTEGER)),
        "1 if the intervals from a1 to b1 and from a2 to b2 meet, end points included, else 0; an interval "
        "whose end is below its begin meets nothing; NULL where an argument is.",
        _overlaps,
        None,
        declared="ivo_interval_overlaps(a1 DOUBLE PRECISION, b1 DOUBLE PRECISION, a2 DOUBLE PRECISION, "
        "b2 DOUBLE PRECISION) -> INTEGER",
    ),
)
