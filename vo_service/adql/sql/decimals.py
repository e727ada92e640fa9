"""ROUND and TRUNCATE at a number of decimals that each row has of its own (ADQL-111, ADQL-112).

The rule is that for a literal. Powers of ten are read off a text, since functions for powers miss some of
them by the last bit, and each library others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sqlglot import exp

from vo_service.adql.sql import nodes as sql
from vo_service.adql.sql.nodes import Sql
from vo_service.adql.sql.stepwise import Lookup, stepwise

_MOST = 308
_LARGEST = 1.7976931348623157e308
_WHOLE = 4503599627370496.0  # 2**52: doubles from here on have no fraction
_SAFE = _LARGEST / _WHOLE


def at_decimals_of_rows(x: Sql, decimals: Sql, cut: Callable[[Sql], Sql], dialect: str) -> Sql:
    """``cut`` of x at so many decimals; NULL where their number is."""

    def scale(row: Lookup) -> Mapping[str, Sql]:
        far = exp.Literal.number(_MOST + 1)
        near = sql.call(
            "greatest", exp.Paren(this=exp.Neg(this=far)), sql.call("least", far.copy(), row("n"))
        )
        digits = sql.call("least", exp.Literal.number(_MOST), sql.call("abs", near))
        text = exp.DPipe(
            this=exp.Literal.string("1e"),
            expression=exp.Cast(this=digits, to=exp.DataType(this=exp.DType.TEXT)),
        )
        return {"scale": exp.Cast(this=exp.Paren(this=text), to=exp.DataType(this=exp.DType.DOUBLE))}

    def result(row: Lookup) -> Sql:
        number, n = row("x"), row("n")
        most = exp.Literal.number(_MOST)
        least = exp.Paren(this=exp.Neg(this=most.copy()))
        return sql.case(
            (sql.is_null(n), exp.Null()),
            (sql.above(n, most), number),
            (sql.below(sql.own(n), least), sql.case((sql.finite(number), sql.zero()), otherwise=number)),
            (sql.at_least(sql.own(n), exp.Literal.number(0)), _right_of_point(number, row("scale"), cut)),
            otherwise=_left_of_point(number, row("scale"), cut),
        )

    return stepwise(dialect, {"x": x, "n": decimals}, [scale], result)


def _right_of_point(x: Sql, scale: Sql, cut: Callable[[Sql], Sql]) -> Sql:
    # doubles from 2**52 on, seen at that scale, have no decimals to cut
    back = sql.over(cut(sql.times(x, scale)), sql.own(scale))
    limit = sql.over(sql.number(_WHOLE), sql.own(scale))
    return sql.case((sql.below(sql.absolute(x), limit), back), otherwise=x)


def _left_of_point(x: Sql, scale: Sql, cut: Callable[[Sql], Sql]) -> Sql:
    """What is far below the scale is 0; what is cut to beyond a double is NULL."""
    whole = cut(sql.over(x, scale))
    largest = sql.call("floor", sql.over(sql.number(_LARGEST), sql.own(scale)))
    beyond = [sql.finite(x), sql.above(sql.own(scale), sql.number(_SAFE))]
    beyond.append(sql.above(sql.absolute(whole), largest))
    limit = sql.times(sql.number(_WHOLE), sql.call("least", sql.own(scale), sql.number(_SAFE)))
    within = sql.either([sql.above(sql.own(scale), sql.number(_SAFE)), sql.below(sql.absolute(x), limit)])
    return sql.case(
        (sql.below(sql.absolute(x), sql.over(sql.own(scale), sql.number(4.0))), sql.zero()),
        (sql.both(beyond), exp.Null()),
        (within, sql.times(whole, sql.own(scale))),
        otherwise=x,
    )
