"""Aggregates and statistics of the IVOA catalogue (ADQL-181, ADQL-185, ADQL-186)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from sqlglot import exp

from vo_service.adql.errors import shown
from vo_service.adql.functions.forms import Called, Form, Function
from vo_service.adql.nodes.grouping import parts_of
from vo_service.adql.nodes.kinds import Facts, Kind
from vo_service.adql.nodes.resolved import Apply, Constant, Reference, Value
from vo_service.adql.sql import nodes as sql
from vo_service.adql.sql.nodes import Sql

MOST_BINS = 10000
_SMALLEST, _LARGEST = 1e-290, 1e290
"""Between these, products with numbers of this module stay in the range of doubles."""


def _joined_text(arguments: Sequence[Sql], dialect: str) -> Sql:
    """Sorted by code point, so that the same rows give the same text on every engine."""
    delimiter = arguments[1]
    text = sql.cast(arguments[0], Kind.TEXT)  # a text of the query has no type, and cannot be sorted by
    by: Sql = sql.own(text)
    if dialect == "postgres":
        by = exp.Collate(this=sql.paren(text), expression=exp.to_identifier("C", quoted=True))
    ordered = exp.Order(this=sql.own(delimiter), expressions=[exp.Ordered(this=by, nulls_first=False)])
    return exp.Anonymous(this="string_agg", expressions=[sql.own(text), ordered])


def _text_facts(arguments: tuple[Value, ...]) -> Facts:
    datatype = "unicodeChar" if "unicodeChar" in {value.facts.datatype for value in arguments} else "char"
    return Facts(Kind.TEXT, datatype=datatype, arraysize="*")


def _histogram(called: Called) -> Value:
    """A histogram whose limits and number of bins are known; the answer has a fixed length."""
    if not _depends_on_rows(called.arguments[0]):
        raise called.refuse(0, "a histogram is one of values of a column")
    limits = tuple(_constant(called, index) for index in (1, 2))
    bins = _constant(called, 3)
    if not limits[0] < limits[1]:
        raise called.refuse(
            2, f"the upper limit {shown(limits[1])} is not above the lower one, {shown(limits[0])}"
        )
    for index, limit in enumerate(limits, start=1):
        if abs(limit) > _LARGEST:
            raise called.refuse(index, f"the limit {shown(limit)} is beyond {_LARGEST:g}")
    if not 1 <= bins <= MOST_BINS:
        raise called.refuse(3, f"a histogram has 1 to {MOST_BINS} bins, not {shown(bins)}")
    facts = Facts(Kind.ARRAY, None, "meta.number", datatype="int", arraysize=f"{int(bins) + 2}")
    known = (Constant(limit, Facts(Kind.DOUBLE)) for limit in limits)
    return Apply(
        "ivo_histogram", (called.arguments[0], *known, Constant(int(bins), Facts(Kind.INTEGER))), facts
    )


def _depends_on_rows(value: Any) -> bool:
    return isinstance(value, Reference) or any(_depends_on_rows(part) for part in parts_of(value))


def _constant(called: Called, index: int) -> float:
    number = called.number(called.arguments[index])
    if number is None or math.isnan(number):
        raise called.refuse(index, "the limits and the number of bins are constants")
    return number


def _counts(arguments: Sequence[Sql], dialect: str) -> Sql:
    """How many values of the group fall below, into each bin, and above; NULL and NaN count as below."""
    value, lower, upper, bins = arguments
    number = _bin(value, lower, upper, bins)
    last = sql.plus(bins, exp.Literal.number(1))
    return _counts_of_map(number, last) if dialect == "duckdb" else _counts_of_array(number, last)


def _bin(value: Sql, lower: Sql, upper: Sql, bins: Sql) -> Sql:
    """The place of a value in the array, from 0; the upper limit itself belongs to the last bin."""
    count, width = sql.as_double(bins), sql.minus(upper, lower)
    steps = sql.times(sql.minus(value, lower), count)
    place = sql.plus(sql.call("floor", sql.over(steps, width)), sql.number(1.0))
    inside = sql.case(
        # where the quotient could be too small for a double, which is an error for one engine
        (sql.below(sql.own(steps), sql.own(width)), _one()),
        otherwise=_whole(sql.call("least", sql.own(count), place)),
    )
    return sql.case(
        (sql.both([sql.at_least(value, lower), sql.at_most(value, upper)]), inside),
        (sql.both([sql.above(value, upper), sql.at_most(value, sql.infinity())]), sql.plus(bins, _one())),
        otherwise=exp.Literal.number(0),
    )


def _counts_of_map(number: Sql, last: Sql) -> Sql:
    """DuckDB counts values of a list, zeros included; of no rows there is no list."""
    places = sql.call("range", exp.Literal.number(0), sql.plus(last, _one()))
    counts = sql.call("map_values", sql.call("histogram_exact", number, places))
    integers = exp.DataType(this=exp.DType.ARRAY, expressions=[exp.DataType(this=exp.DType.INT)], nested=True)
    name = [exp.to_identifier("_bin", quoted=True)]
    zeros = exp.Lambda(this=_whole(exp.Literal.number(0)), expressions=name)
    nothing = sql.call("list_transform", sql.own(places), zeros)
    return exp.Coalesce(this=exp.Cast(this=counts, to=integers), expressions=[nothing])


def _counts_of_array(number: Sql, last: Sql) -> Sql:
    """PostgreSQL collects the numbers of the bins, then counts them; a bin without any is 0."""
    place, collected = exp.column("i", table="_bins", quoted=True), exp.column("i", table="_all", quoted=True)
    everything = _aliased(sql.call("unnest", exp.ArrayAgg(this=number)), "_all")
    counted = exp.Select(expressions=[collected, sql.labelled(exp.Count(this=exp.Star()), "n")])
    counted.set("from_", exp.From(this=everything))
    counted.set("group", exp.Group(expressions=[collected.copy()]))
    alias = exp.TableAlias(this=exp.to_identifier("_counted", quoted=True))
    same = sql.equal(exp.column("i", table="_counted", quoted=True), place)
    found = exp.column("n", table="_counted", quoted=True)
    count = _whole(exp.Coalesce(this=found, expressions=[exp.Literal.number(0)]))
    ordered = exp.Order(this=count, expressions=[exp.Ordered(this=place.copy(), nulls_first=False)])
    select = exp.Select(expressions=[exp.ArrayAgg(this=ordered)])
    bins = _aliased(sql.call("generate_series", exp.Literal.number(0), last), "_bins")
    select.set("from_", exp.From(this=bins))
    select.append("joins", exp.Join(this=exp.Subquery(this=counted, alias=alias), side="LEFT", on=same))
    return exp.Subquery(this=select)


def _aliased(rows: Sql, name: str) -> Sql:
    """A function that gives rows of one column ``i``, under a name."""
    columns = [exp.to_identifier("i", quoted=True)]
    return exp.Table(
        this=rows, alias=exp.TableAlias(this=exp.to_identifier(name, quoted=True), columns=columns)
    )


def _one() -> Sql:
    return exp.Literal.number(1)


def _whole(value: Sql) -> Sql:
    return exp.Cast(this=value, to=exp.DataType(this=exp.DType.INT))


def _normal_random(called: Called) -> Value:
    sigma = called.number(called.arguments[1])
    if sigma is not None and sigma < 0.0:
        raise called.refuse(1, f"the standard deviation {shown(sigma)} is negative")
    return Apply("ivo_normal_random", called.arguments, Facts(Kind.DOUBLE))


def _random_deviate(arguments: Sequence[Sql], dialect: str) -> Sql:
    """Of two even ones, by Box and Muller; a negative deviation gives NULL."""
    mean, deviation = arguments
    even = sql.minus(sql.number(1.0), sql.call("random"))  # from above 0 to 1: the logarithm is finite
    length = sql.call("sqrt", sql.times(sql.number(-2.0), sql.call("ln", even)))
    turn = sql.call("cos", sql.times(sql.number(2.0 * math.pi), sql.call("random")))
    deviate = sql.plus(mean, sql.times(deviation, sql.times(length, turn)))
    largest = sql.number(_LARGEST)
    usable = [sql.at_least(deviation, sql.zero()), sql.at_most(deviation, largest)]
    return sql.case(
        (sql.above(sql.absolute(mean), sql.own(largest)), exp.Null()),
        (
            sql.both([sql.at_least(deviation, sql.zero()), sql.below(deviation, sql.number(_SMALLEST))]),
            mean,
        ),
        (sql.both(usable), deviate),
    )


FUNCTIONS_OF_AGGREGATES: tuple[Function, ...] = (
    Function(
        "ivo_string_agg",
        (Form(("text", "literal_text"), Kind.TEXT),),
        "The texts of a group in one, with the delimiter between them, sorted; NULLs leave no trace, and the "
        "answer is NULL where nothing else is there.",
        _joined_text,
        None,
        declared="ivo_string_agg(expression VARCHAR, delimiter VARCHAR) -> VARCHAR",
        aggregate=True,
        facts=_text_facts,
    ),
    Function(
        "ivo_histogram",
        (Form(("number", "number", "number", "integer"), Kind.ARRAY, _histogram),),
        "How many values of a group are below lower (or NULL), in each of nbins equal bins from lower to "
        "upper, and above upper: an array of nbins + 2 counts. The limits and nbins are constants, nbins at "
        f"most {MOST_BINS}; a value equal to upper is in the last bin.",
        _counts,
        None,
        declared="ivo_histogram(val DOUBLE PRECISION, lower DOUBLE PRECISION, upper DOUBLE PRECISION, "
        "nbins INTEGER) -> INTEGER[]",
        aggregate=True,
    ),
    Function(
        "ivo_normal_random",
        (Form(("number", "number"), Kind.DOUBLE, _normal_random),),
        "A random number of the normal distribution with that mean and standard deviation, new in every row.",
        _random_deviate,
        None,
        declared="ivo_normal_random(mu DOUBLE PRECISION, sigma DOUBLE PRECISION) -> DOUBLE PRECISION",
    ),
)
