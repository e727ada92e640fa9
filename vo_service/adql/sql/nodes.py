"""Nodes of SQL as all writers of this room put them together: what is an operator stands in parentheses.

A node stands in one tree only; ``own`` copies the one that stands somewhere already.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TypeAlias

from sqlglot import exp

from vo_service.adql.nodes.kinds import Kind

Sql: TypeAlias = exp.Expr

TYPES = {
    Kind.SMALLINT: exp.DType.SMALLINT,
    Kind.INTEGER: exp.DType.INT,
    Kind.BIGINT: exp.DType.BIGINT,
    Kind.REAL: exp.DType.FLOAT,
    Kind.DOUBLE: exp.DType.DOUBLE,
    Kind.TEXT: exp.DType.TEXT,
    Kind.TIMESTAMP: exp.DType.TIMESTAMP,
}
"""How engines call the types of single values."""
INTEGER_TYPES = frozenset((exp.DType.SMALLINT, exp.DType.INT, exp.DType.BIGINT))


def number(value: float) -> Sql:
    """A double literal that no engine reads as a decimal."""
    text = repr(float(value))
    negative = text.startswith("-")
    text = text.removeprefix("-")
    if text in ("inf", "nan"):
        special = exp.Literal.string(("-" if negative else "") + ("Infinity" if text == "inf" else "NaN"))
        return as_double(special)
    if "e" not in text:
        text += "e0"
    literal = as_double(exp.Literal.number(text))
    return exp.Paren(this=exp.Neg(this=literal)) if negative else literal


def bare(value: float) -> Sql:
    """A finite double beside another one, as an operand of it: both engines take it for one as it stands."""
    text = repr(abs(float(value)))
    literal = exp.Literal.number(text if "e" in text else f"{text}e0")
    return exp.Paren(this=exp.Neg(this=literal)) if math.copysign(1.0, value) < 0.0 else literal


def without_dust(value: Sql) -> Sql:
    """A number beside angles: 0 where it is so small that its square would be no double, an error for one
    engine. What is above 1e-84 stays as it is."""
    return minus(plus(value, bare(1e-100)), bare(1e-100))


def own(node: Sql) -> Sql:
    """The node itself if nobody has it yet, else a copy: a node stands in one tree only."""
    return node if node.parent is None else node.copy()


def as_double(value: Sql) -> Sql:
    """CAST to double precision."""
    return exp.Cast(this=own(value), to=exp.DataType(this=exp.DType.DOUBLE))


def cast(value: Sql, kind: Kind) -> Sql:
    """CAST to the type of a single value."""
    return exp.Cast(this=own(value), to=exp.DataType(this=TYPES[kind]))


def call(name: str, *arguments: Sql) -> Sql:
    """A function of the engine by its own name."""
    node = exp.Anonymous(this=name)
    for argument in arguments:
        node.append("expressions", own(argument))
    return node


def labelled(value: Sql, name: str) -> Sql:
    """``value AS "name"``"""
    return exp.Alias(this=own(value), alias=exp.to_identifier(name, quoted=True))


def paren(value: Sql) -> Sql:
    """The value in parentheses."""
    return exp.Paren(this=own(value))


def case(*branches: tuple[Sql, Sql], otherwise: Sql | None = None) -> Sql:
    """CASE WHEN ... THEN ...; NULL otherwise."""
    node = exp.Case()
    for when, then in branches:
        branch = exp.If(this=own(when))
        branch.set("true", own(then))
        node.append("ifs", branch)
    if otherwise is not None:
        node.set("default", own(otherwise))
    return node


def binary(kind: type[exp.Binary], left: Sql, right: Sql) -> Sql:
    """An operator between two values; both sides in parentheses where they are operators themselves."""
    node = kind(this=wrapped(left))
    node.set("expression", wrapped(right))
    return node


def wrapped(value: Sql) -> Sql:
    """In parentheses where it is an operator itself."""
    return (
        paren(value)
        if isinstance(value, exp.Binary | exp.Neg | exp.Not | exp.Between | exp.In)
        else own(value)
    )


def plus(left: Sql, right: Sql) -> Sql:
    """left + right"""
    return binary(exp.Add, left, right)


def minus(left: Sql, right: Sql) -> Sql:
    """left - right"""
    return binary(exp.Sub, left, right)


def times(left: Sql, right: Sql) -> Sql:
    """left * right"""
    return binary(exp.Mul, left, right)


def over(left: Sql, right: Sql) -> Sql:
    """left / right between doubles."""
    node = exp.Div(this=wrapped(left), typed=True)
    node.set("expression", wrapped(right))
    return node


def at_most(left: Sql, right: Sql) -> Sql:
    """left <= right"""
    return binary(exp.LTE, left, right)


def at_least(left: Sql, right: Sql) -> Sql:
    """left >= right"""
    return binary(exp.GTE, left, right)


def below(left: Sql, right: Sql) -> Sql:
    """left < right"""
    return binary(exp.LT, left, right)


def above(left: Sql, right: Sql) -> Sql:
    """left > right"""
    return binary(exp.GT, left, right)


def equal(left: Sql, right: Sql) -> Sql:
    """left = right"""
    return binary(exp.EQ, left, right)


def both(terms: Sequence[Sql]) -> Sql:
    """AND over the terms, each in parentheses."""
    return _chain(exp.And, terms)


def either(terms: Sequence[Sql]) -> Sql:
    """OR over the terms, each in parentheses."""
    return _chain(exp.Or, terms)


def _chain(kind: type[exp.Connector], terms: Sequence[Sql]) -> Sql:
    parts = [paren(term) if isinstance(term, exp.Connector) else own(term) for term in terms]
    chain = parts[0]
    for part in parts[1:]:
        chain = kind(this=chain, expression=part)
    return chain


def nan() -> Sql:
    """Not a number."""
    return number(math.nan)


def infinity() -> Sql:
    """Beyond all doubles."""
    return number(math.inf)


def zero() -> Sql:
    """0 as a double."""
    return number(0.0)


def absolute(value: Sql) -> Sql:
    """Absolute value."""
    return call("abs", value)


def finite(value: Sql) -> Sql:
    """Whether a double is neither NaN nor infinite; NaN sorts above infinity on both engines."""
    return below(absolute(value), infinity())


def is_null(value: Sql) -> Sql:
    """value IS NULL"""
    return exp.Is(this=own(value), expression=exp.Null())


def cut(written: exp.Query, order: list[exp.Ordered], offset: int | None, top: int | None) -> exp.Query:
    """ORDER BY, OFFSET and LIMIT behind a query."""
    if order:
        written.set("order", exp.Order(expressions=order))
    if top is not None:
        written.set("limit", exp.Limit(expression=exp.Literal.number(top)))
    if offset:
        written.set("offset", exp.Offset(expression=exp.Literal.number(offset)))
    return written
