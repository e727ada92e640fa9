"""Values on the way to a result get names, so that each is written, and worked out, once.

DuckDB has no scalar subquery of its own row, PostgreSQL has no lambda: the names are fields of a lambda's
argument there, columns of a derived table here. Neither moves an aggregate to another level.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from sqlglot import exp

from vo_service.adql.sql import nodes as sql
from vo_service.adql.sql.nodes import Sql

Lookup: TypeAlias = Callable[[str], Sql]
"""A value by its name, as a node of its own."""
Step: TypeAlias = Callable[[Lookup], Mapping[str, Sql]]

_AGGREGATES = frozenset(("string_agg", "array_agg", "histogram_exact"))
"""Aggregates that have no node of their own."""
_STEP = re.compile(r"_step(\d+)", re.ASCII)


def stepwise(
    dialect: str, arguments: Mapping[str, Sql], steps: Sequence[Step], result: Callable[[Lookup], Sql]
) -> Sql:
    """The result, made of values that steps name one after the other.

    Args:
        arguments: the values of the first step; the only ones that speak of the statement around.
        steps: each makes more values from those that have a name already; names are unique.

    PostgreSQL takes an aggregate without a column, such as ``COUNT(*)``, for one of the subquery that it
    stands in: values made of such a one are written out without names.
    """
    inline = dialect == "postgres" and any(is_of_all_rows(value) for value in arguments.values())
    number = 1 + max((_levels_in(value) for value in arguments.values()), default=0)
    named: dict[str, Sql] = {}
    made: list[tuple[str, Mapping[str, Sql]]] = []

    def lookup(name: str) -> Sql:
        return named[name].copy()

    for step in (lambda _: arguments, *steps):
        owner = f"_step{number + len(made)}"
        values = step(lookup)
        worth_a_name = {name: each for name, each in values.items() if not (inline or _is_leaf(each))}
        for name, value in values.items():
            named[name] = exp.column(name, table=owner, quoted=True) if name in worth_a_name else value
        if worth_a_name:
            made.append((owner, worth_a_name))
    written = result(lookup)
    return _lambdas(made, written) if dialect == "duckdb" else _subquery(made, written)


def is_of_all_rows(value: Sql) -> bool:
    """Whether an aggregate without a column stands in a value."""
    aggregates = value.find_all(exp.AggFunc, exp.Anonymous)
    return any(
        each.find(exp.Column) is None
        for each in aggregates
        if isinstance(each, exp.AggFunc) or each.name.lower() in _AGGREGATES
    )


def _is_leaf(value: Sql) -> bool:
    """Whether a value costs nothing to be written again: a column or a literal, cast or not."""
    while isinstance(value, exp.Cast | exp.Paren | exp.Neg):
        value = value.this
    return isinstance(value, exp.Column | exp.Literal | exp.Null)


def _levels_in(value: Sql) -> int:
    """The highest number of a step that a value speaks of, since it has steps of its own."""
    found = (_STEP.fullmatch(name.name) for name in value.find_all(exp.Identifier))
    return max((int(match[1]) for match in found if match), default=0)


def _lambdas(made: Sequence[tuple[str, Mapping[str, Sql]]], written: Sql) -> Sql:
    for name, values in reversed(made):
        fields = [
            exp.PropertyEQ(this=exp.to_identifier(field, quoted=True), expression=sql.own(value))
            for field, value in values.items()
        ]
        rows = exp.Array(expressions=[exp.Struct(expressions=fields)])
        body = exp.Lambda(this=written, expressions=[exp.to_identifier(name, quoted=True)])
        transformed = exp.Anonymous(this="list_transform", expressions=[rows, body])
        written = exp.Bracket(this=transformed, expressions=[exp.Literal.number(1)], offset=1)
    return written


def _subquery(made: Sequence[tuple[str, Mapping[str, Sql]]], written: Sql) -> Sql:
    if not made:
        return written
    select = exp.Select(expressions=[written])
    for index, (name, values) in enumerate(made):
        row = exp.Select(expressions=[sql.labelled(value, field) for field, value in values.items()])
        row.set(
            "offset", exp.Offset(expression=exp.Literal.number(0))
        )  # or the planner writes them out again
        alias = exp.TableAlias(this=exp.to_identifier(name, quoted=True))
        if index == 0:
            select.set("from_", exp.From(this=exp.Subquery(this=row, alias=alias)))
        else:
            lateral = exp.Lateral(this=exp.Subquery(this=row), alias=alias)
            select.append("joins", exp.Join(this=lateral, kind="CROSS"))
    return exp.Subquery(this=select)
