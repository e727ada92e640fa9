"""How functions are written in the SQL of each engine: guards so that all engines agree (ADQL-100 to 119).

An emitter takes SQL expressions and a dialect. Arguments of mathematical functions arrive as doubles. What is
outside a function's domain gives NULL; NaN and infinity that came in as data pass through.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TypeAlias

from sqlglot import exp

from vo_service.adql.sql import decimals as decimals_sql
from vo_service.adql.sql import remainder as remainder_sql
from vo_service.adql.sql.nodes import (
    Sql,
    above,
    absolute,
    at_least,
    at_most,
    below,
    both,
    call,
    case,
    either,
    equal,
    finite,
    infinity,
    is_null,
    minus,
    nan,
    number,
    over,
    own,
    paren,
    plus,
    times,
    wrapped,
    zero,
)

Emitter: TypeAlias = Callable[[Sequence[exp.Expr], str], exp.Expr]

LARGEST_EXPONENT = 709.782712893384
"""ln of the largest double."""
SMALLEST_EXPONENT = -745.13
"""ln of the smallest double, as good as: below this, e to the x is 0."""
_LARGEST_POWER = 709.7827128933
"""As above, less what is lost when an exponent is multiplied by a logarithm."""
_LARGEST = 1.7976931348623157e308
_WHOLE = 4503599627370496.0  # 2**52: doubles from here on have no fraction


def named(name: str) -> Emitter:
    """The engine's function of that name, as it is."""
    return lambda arguments, dialect: call(name, *arguments)


def on_finite(name: str) -> Emitter:
    """A function that is undefined at infinity; NaN passes through."""

    def emit(arguments: Sequence[Sql], dialect: str) -> Sql:
        x = arguments[0]
        return case((finite(x), call(name, x)), (equal(x, nan()), x))

    return emit


def logarithm(name: str) -> Emitter:
    """A logarithm, NULL for 0 and below."""

    def emit(arguments: Sequence[Sql], dialect: str) -> Sql:
        x = arguments[0]
        return case((below(zero(), x), call(name, x)))

    return emit


def square_root(arguments: Sequence[Sql], dialect: str) -> Sql:
    """NULL below 0."""
    x = arguments[0]
    return case((at_least(x, zero()), call("sqrt", x)))


def arc(name: str) -> Emitter:
    """Arc sine or cosine, NULL beyond 1; NaN passes through."""

    def emit(arguments: Sequence[Sql], dialect: str) -> Sql:
        x = arguments[0]
        return case((at_most(absolute(x), number(1.0)), call(name, x)), (equal(x, nan()), x))

    return emit


def exponential(arguments: Sequence[Sql], dialect: str) -> Sql:
    """NULL where the result is beyond a double; 0 where it is too small for one."""
    x = arguments[0]
    return case(
        (below(x, number(SMALLEST_EXPONENT)), zero()),
        (at_most(x, number(LARGEST_EXPONENT)), call("exp", x)),
        (at_least(x, infinity()), x),
    )


def power(arguments: Sequence[Sql], dialect: str) -> Sql:
    """x to the y: NULL for a negative base with a fraction, 0 to a negative, and results beyond a double."""
    x, y = arguments
    # more or less of y than this changes nothing, but takes the product out of the range of doubles
    far = number(1e25)
    bounded = case(
        (below(absolute(y), number(1e-290)), zero()),
        otherwise=call("greatest", _negated(far), call("least", far, y)),
    )
    exponent = times(bounded, call("ln", absolute(x)))
    fraction = exp.NEQ(this=own(y), expression=call("trunc", y))
    return case(
        (exp.Or(this=exp.Is(this=own(x), expression=exp.Null()), expression=is_null(y)), exp.Null()),
        (both([equal(x, zero()), below(y, zero())]), exp.Null()),
        (both([below(x, zero()), fraction]), exp.Null()),
        (exp.Not(this=paren(both([finite(x), finite(y)]))), call("power", x, y)),
        (equal(x, zero()), call("power", x, y)),
        (below(number(_LARGEST_POWER), exponent), exp.Null()),
        (below(exponent, number(SMALLEST_EXPONENT)), zero()),
        otherwise=call("power", x, y),
    )


def _negated(value: Sql) -> Sql:
    return exp.Paren(this=exp.Neg(this=own(value)))


def cotangent(arguments: Sequence[Sql], dialect: str) -> Sql:
    """1 / tan x; NULL where the tangent is 0, or so small that the result is beyond a double."""
    x = arguments[0]
    known = both([finite(x), at_least(absolute(call("tan", x)), number(1.0 / _LARGEST))])
    return case((known, over(number(1.0), call("tan", x))), (equal(x, nan()), x))


def to_radians(arguments: Sequence[Sql], dialect: str) -> Sql:
    """Degrees to radians; PostgreSQL takes a result too small for a double for an error."""
    x = arguments[0]
    return case((below(absolute(x), number(2e-322)), zero()), otherwise=call("radians", x))


def to_degrees(arguments: Sequence[Sql], dialect: str) -> Sql:
    """Radians to degrees; NULL where the result is beyond a double."""
    x = arguments[0]
    beyond = both([finite(x), above(absolute(x), number(math.radians(_LARGEST)))])
    return case((beyond, exp.Null()), otherwise=call("degrees", x))


def remainder(arguments: Sequence[Sql], dialect: str) -> Sql:
    """Remainder with the sign of x, exact; NULL for y = 0 and for x infinite."""
    x, y = arguments
    if dialect == "duckdb":
        value: Sql = exp.Mod(this=wrapped(x), expression=wrapped(y))  # fmod there takes the sign of y
    else:
        value = remainder_sql.exact_remainder(x, y)
    return case(
        (both([finite(x), finite(y), exp.NEQ(this=own(y), expression=zero())]), value),
        (either([equal(x, nan()), equal(y, nan())]), plus(x, y)),
        (finite(x), case((equal(absolute(y), infinity()), x))),
    )


def rounded(arguments: Sequence[Sql], dialect: str) -> Sql:
    """To n decimals, ties away from zero, written out since engines differ at ties."""
    return _at_decimals(arguments, dialect, _round_half_away)


def truncated(arguments: Sequence[Sql], dialect: str) -> Sql:
    """Cut toward zero at n decimals."""
    return _at_decimals(arguments, dialect, lambda x: call("trunc", x))


def _round_half_away(x: Sql) -> Sql:
    whole = call("trunc", x)
    fraction = minus(x, whole)
    return case(
        (at_least(fraction, number(0.5)), plus(whole, number(1.0))),
        (at_most(fraction, number(-0.5)), minus(whole, number(1.0))),
        otherwise=whole,
    )


def _at_decimals(arguments: Sequence[Sql], dialect: str, cut: Callable[[Sql], Sql]) -> Sql:
    x = arguments[0]
    decimals = _literal_integer(arguments[1]) if len(arguments) > 1 else 0
    if decimals is None:
        return decimals_sql.at_decimals_of_rows(x, arguments[1], cut, dialect)
    if decimals == 0:
        return case((below(absolute(x), number(_WHOLE)), cut(x)), otherwise=x)
    if decimals > 308:
        return own(x)
    if decimals < -308:
        return case((finite(x), zero()), otherwise=x)
    scale = float(f"1e{abs(decimals)}")
    if decimals > 0:
        # doubles from 2**52 on, seen at that scale, have no decimals to cut
        back = over(cut(times(x, number(scale))), number(scale))
        return case((below(absolute(x), number(_WHOLE / scale)), back), otherwise=x)
    return _at_tens(x, scale, cut)


def _at_tens(x: Sql, scale: float, cut: Callable[[Sql], Sql]) -> Sql:
    """Left of the point: what is far below the scale is 0; what is cut to beyond a double is NULL."""
    whole = cut(over(x, number(scale)))
    branches = [(below(absolute(x), number(scale / 4.0)), zero())]
    if scale > _LARGEST / _WHOLE:
        most = float(math.floor(_LARGEST / scale))
        branches.append((both([finite(x), above(absolute(whole), number(most))]), exp.Null()))
    limit = min(_WHOLE * scale, math.inf)
    branches.append((below(absolute(x), number(limit)), times(whole, number(scale))))
    return case(*branches, otherwise=x)


def _literal_integer(value: Sql) -> int | None:
    if isinstance(value, exp.Paren | exp.Neg):
        whole = _literal_integer(value.this)
        return -whole if whole is not None and isinstance(value, exp.Neg) else whole
    return int(value.name) if isinstance(value, exp.Literal) else None


def random_number(arguments: Sequence[Sql], dialect: str) -> Sql:
    """A new number from 0 to 1 for every row; the seed has no meaning."""
    return call("random")


def pi(arguments: Sequence[Sql], dialect: str) -> Sql:
    """The number pi."""
    return call("pi")


def line_some(arguments: Sequence[Sql], dialect: str) -> Sql:
    """1 if a window [lo, hi] of the flat array meets [rest (1 + zmin), rest (1 + zmax)], else 0."""
    return _windows(
        arguments, dialect, lambda lo, hi, first, last: both([at_most(lo, last), at_least(hi, first)])
    )


def line_all(arguments: Sequence[Sql], dialect: str) -> Sql:
    """1 if one window holds [rest (1 + zmin), rest (1 + zmax)] whole, else 0; windows are disjoint."""
    return _windows(
        arguments, dialect, lambda lo, hi, first, last: both([at_most(lo, first), at_least(hi, last)])
    )


def _windows(arguments: Sequence[Sql], dialect: str, holds: Callable[[Sql, Sql, Sql, Sql], Sql]) -> Sql:
    rest, zmin, zmax, support = arguments
    first = times(rest, plus(number(1.0), zmin))
    last = times(rest, plus(number(1.0), zmax))
    known = both([exp.Not(this=is_null(zmin)), exp.Not(this=is_null(zmax)), exp.Not(this=is_null(support))])
    found = _any_window(support, dialect, lambda lo, hi: holds(lo, hi, first, last))
    return case(
        (exp.Not(this=paren(known)), exp.Null()),
        # NaN, which engines sort above all numbers, is in no window
        (both([at_most(zmin, zmax), at_most(zmax, infinity()), found]), exp.Literal.number(1)),
        otherwise=exp.Literal.number(0),
    )


def _any_window(support: Sql, dialect: str, test: Callable[[Sql, Sql], Sql]) -> Sql:
    """Whether the test holds for one of the pairs of a flat array."""
    one, two = exp.Literal.number(1), exp.Literal.number(2)
    i = exp.column("i", quoted=True)
    low, high = _element(support, i), _element(support, plus(i, one))
    if dialect == "duckdb":
        indices = call("range", one, plus(call("len", support), one), two)
        body = exp.Lambda(this=test(low, high), expressions=[exp.to_identifier("i", quoted=True)])
        passing = exp.Anonymous(this="list_filter", expressions=[indices, body])
        return below(exp.Literal.number(0), call("len", passing))
    indices = call("generate_series", one, call("array_length", support, one), two)
    alias = exp.TableAlias(
        this=exp.to_identifier("g", quoted=True), columns=[exp.to_identifier("i", quoted=True)]
    )
    rows = exp.Select(expressions=[own(one)]).from_(exp.Table(this=indices, alias=alias), copy=False)
    rows.set("where", exp.Where(this=test(low, high)))
    return exp.Exists(this=rows)


def _element(array: Sql, index: Sql) -> Sql:
    """One element of an array, counted from 1."""
    return exp.Bracket(this=own(array), expressions=[own(index)], offset=1)
