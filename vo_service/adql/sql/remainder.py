"""The exact remainder of two doubles for an engine that has none: PostgreSQL.

``x - y * trunc(x / y)`` rounds three times, and is no remainder at all where the quotient has more than 53
bits. Here both numbers become integers times one power of two, of which the engine's exact numbers have the
remainder.
"""

from __future__ import annotations

from sqlglot import exp

from vo_service.adql.sql.nodes import (
    Sql,
    absolute,
    as_double,
    below,
    both,
    call,
    case,
    equal,
    minus,
    number,
    own,
    plus,
    times,
    zero,
)
from vo_service.adql.sql.stepwise import Lookup, stepwise

_EXACT = 2.0**53  # whole numbers below this are exact as doubles and as integers
_BITS = 60  # of the integers: more than a double has, fewer than a BIGINT
_LN_2 = 0.6931471805599453


def exact_remainder(x: Sql, y: Sql) -> Sql:
    """The remainder, with the sign of x, of finite numbers of which y is not 0; NULL comes of NULL."""
    return stepwise(
        "postgres",
        {"x": x, "y": y},
        [
            lambda of: {"ax": absolute(of("x")), "ay": absolute(of("y"))},
            lambda of: {"kx": _exponent(of("ax")), "ky": _exponent(of("ay"))},
            lambda of: {"k": call("least", of("kx"), of("ky"))},
            lambda of: {"hx": _integer(of("ax"), of("kx")), "hy": _integer(of("ay"), of("ky"))},
        ],
        _result,
    )


def _exponent(size: Sql) -> Sql:
    """An integer k for which size / 2**k is a whole number of at most 62 bits."""
    two_log = exp.Div(this=call("ln", size), expression=number(_LN_2), typed=True)
    return case(
        (equal(size, zero()), exp.Literal.number(0)),
        # the logarithm of the largest doubles is rounded up, and 2**1024 is no double
        otherwise=_whole(
            minus(call("least", call("floor", two_log), number(1023.0)), number(float(_BITS))), exp.DType.INT
        ),
    )


def _integer(size: Sql, exponent: Sql) -> Sql:
    """size / 2**exponent, exact: in two steps, since neither power of two need be a double."""
    half = exp.Div(
        this=exp.Paren(this=exp.Neg(this=own(exponent))), expression=exp.Literal.number(2), typed=True
    )
    other = minus(exp.Paren(this=exp.Neg(this=own(exponent))), exp.Paren(this=half.copy()))
    scaled = times(times(size, _power(exp.Paren(this=half))), _power(other))
    return _whole(scaled, exp.DType.BIGINT)


def _result(of: Lookup) -> Sql:
    small = both([below(of(name), number(_EXACT)) for name in ("ax", "ay")])
    whole = both([equal(of(name), call("trunc", of(name))) for name in ("ax", "ay")])
    quick = as_double(call("mod", _whole(of("ax"), exp.DType.BIGINT), _whole(of("ay"), exp.DType.BIGINT)))
    numerator, divisor = (_shifted(of(f"h{name}"), minus(of(f"k{name}"), of("k"))) for name in "xy")
    # of the smallest doubles 2**k itself is none
    exact = times(as_double(call("mod", numerator, divisor)), number(2.0**-_BITS))
    slow = times(exact, _power(plus(of("k"), exp.Literal.number(_BITS))))
    size = case((both([small, whole]), quick), (below(of("ax"), of("ay")), of("ax")), otherwise=slow)
    return case((below(of("x"), zero()), exp.Neg(this=exp.Paren(this=size))), otherwise=size.copy())


def _shifted(integer: Sql, bits: Sql) -> Sql:
    """integer * 2**bits in exact numbers; bits is 0 or more."""
    numeric = exp.DataType(this=exp.DType.DECIMAL)
    power = call(
        "power", exp.Cast(this=exp.Literal.number(2), to=numeric), exp.Cast(this=own(bits), to=numeric.copy())
    )
    return times(exp.Cast(this=own(integer), to=numeric.copy()), call("trunc", power))


def _power(exponent: Sql) -> Sql:
    return call("power", number(2.0), as_double(own(exponent)))


def _whole(value: Sql, kind: exp.DType) -> Sql:
    return exp.Cast(this=own(value), to=exp.DataType(this=kind))
