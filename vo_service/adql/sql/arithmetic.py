"""Products and quotients of doubles beyond the range of a double: NULL where too large, 0 where too small.

That is the rule of functions (ADQL-119), and infinity that came in as data passes through as there. DuckDB
gives infinity, which is made NULL. PostgreSQL ends the statement, for results too small as well: there the
numbers are looked at before. The tests work with powers of two and so lose no digit; what is within the last
bit of the largest double counts as beyond it.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from sqlglot import exp

from vo_service.adql.sql.nodes import (
    Sql,
    above,
    absolute,
    at_least,
    at_most,
    below,
    both,
    case,
    equal,
    finite,
    infinity,
    number,
    over,
    times,
    zero,
)

_LARGEST = 1.7976931348623157e308
_HALF_OF_SMALLEST = Fraction(1, 2**1075)
_DOWN, _UP = 2.0**-600, 2.0**600
_BEYOND = 2.0**424 * (1 - 2.0**-53)  # of 2**1024, scaled down
_BELOW = 2.0**-475  # of 2**-1075, scaled up


def without_overflow(result: Sql, operands: Sequence[Sql]) -> Sql:
    """A result of DuckDB; NULL where it is infinite and no operand is. NaN passes through."""
    infinite = equal(absolute(result), infinity())
    return case((both([infinite, *(finite(each) for each in operands)]), exp.Null()), otherwise=result)


def product(x: Sql, y: Sql) -> Sql:
    """x * y for PostgreSQL."""
    one, other = absolute(x), absolute(y)
    huge = [above(one, number(1.0)), above(other, number(1.0)), finite(x), finite(y)]
    huge.append(at_least(times(one, number(_DOWN)), over(number(_BEYOND), other)))
    tiny = [below(one, number(1.0)), below(other, number(1.0)), above(one, zero()), above(other, zero())]
    tiny.append(at_most(times(one, number(_UP)), over(number(_BELOW), other)))
    return case((both(huge), exp.Null()), (both(tiny), zero()), otherwise=times(x, y))


def quotient(x: Sql, y: Sql) -> Sql:
    """x / y for PostgreSQL; NULL for y = 0."""
    one, other = absolute(x), absolute(y)
    huge = [above(one, number(2.0**-100)), below(other, number(1.0)), above(other, zero()), finite(x)]
    huge.append(at_least(times(one, number(_DOWN)), times(number(_BEYOND), other)))
    tiny = [below(one, number(1.0)), above(other, number(1.0)), above(one, zero()), finite(y)]
    tiny.append(at_most(times(one, number(_UP)), times(number(_BELOW), other)))
    none = (equal(y, zero()), exp.Null())
    return case(none, (both(huge), exp.Null()), (both(tiny), zero()), otherwise=over(x, y))


def product_with(x: Sql, factor: float) -> Sql:
    """x times a literal, for PostgreSQL."""
    return _with(x, Fraction(abs(factor)), times(x, number(factor)))


def quotient_by(x: Sql, divisor: float) -> Sql:
    """x over a literal that is not 0, for PostgreSQL."""
    return _with(x, 1 / Fraction(abs(divisor)), over(x, number(divisor)))


def _with(x: Sql, factor: Fraction, plain: Sql) -> Sql:
    size = absolute(x)
    if factor > 1:
        huge = both([finite(x), above(size, number(float(Fraction(_LARGEST) / factor)))])
        return case((huge, exp.Null()), otherwise=plain)
    smallest = float(_HALF_OF_SMALLEST / factor) if factor else 0.0
    if not smallest:
        return plain
    tiny = both([above(size, zero()), at_most(size, number(smallest))])
    return case((tiny, zero()), otherwise=plain)
