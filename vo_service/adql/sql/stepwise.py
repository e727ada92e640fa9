"""Values on the way to a result get names, so that each is written, and worked out, once.

DuckDB has no scalar subquery of its own row, PostgreSQL has no lambda: the names are fields of a lambda's
argument there, columns of a derived table here. Neither moves an aggregate to another level. Lambdas follow
each other and do not stand inside each other, since each level of them would double what planning costs: a
step hands on what is spoken of behind it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import islice
from typing import TypeAlias

from sqlglot import exp

from vo_service.adql.sql import nodes as sql
from vo_service.adql.sql.nodes import Sql

Lookup: TypeAlias = Callable[[str], Sql]
"""A value by its name, as a node of its own."""
Step: TypeAlias = Callable[[Lookup], Mapping[str, Sql]]

_LONG = 60
"""Nodes of SQL beyond which an expression is not repeated."""
_AGGREGATES = frozenset(("string_agg", "array_agg", "histogram_exact"))
"""Aggregates that have no node of their own."""
_Made: TypeAlias = tuple[str, Mapping[str, Sql]]
"""The name of a step, and the values that it makes by their names."""
_STEP = re.compile(r"_step(\d+)", re.ASCII)


def stepwise(
    dialect: str,
    arguments: Mapping[str, Sql],
    steps: Sequence[Step],
    result: Callable[[Lookup], Sql],
    row: Sql | None = None,
) -> Sql:
    """The result, made of values that steps name one after the other.

    Args:
        arguments: the values of the first step; the only ones that speak of the statement around.
        steps: each makes more values from those that have a name already; names are unique.
        row: a condition on the row around. Where a value is random, without a column in it, PostgreSQL would
            work it out once for all rows: this makes it another one in each.

    PostgreSQL takes an aggregate without a column, such as ``COUNT(*)``, for one of the subquery that it
    stands in: values made of such a one are written out without names.
    """
    inline = dialect == "postgres" and any(is_of_all_rows(value) for value in arguments.values())
    number = 1 + max((_levels_in(value) for value in arguments.values()), default=0)
    named: dict[str, Sql] = {}
    made: list[_Made] = []

    def lookup(name: str) -> Sql:
        return named[name].copy()

    for step in (lambda _: arguments, *steps):
        owner = f"_step{number + len(made)}"
        values = step(lookup)
        chained = frozenset(owner for owner, _ in made) if dialect == "duckdb" else frozenset()
        worth_a_name = {
            name: each for name, each in values.items() if not (inline or _is_leaf(each, chained))
        }
        named |= {name: value for name, value in values.items() if name not in worth_a_name}
        if not worth_a_name:
            continue
        handed_on = [name for _, earlier in made for name in earlier] if dialect == "duckdb" else []
        named |= {name: _field(owner, name) for name in (*worth_a_name, *handed_on)}
        made.append((owner, worth_a_name))
    written = result(lookup)
    return _lambdas(made, written) if dialect == "duckdb" else _subquery(made, written, row)


def is_of_all_rows(value: Sql) -> bool:
    """Whether an aggregate without a column stands in a value."""
    aggregates = value.find_all(exp.AggFunc, exp.Anonymous)
    return any(
        each.find(exp.Column, exp.Var) is None
        for each in aggregates
        if isinstance(each, exp.AggFunc) or each.name.lower() in _AGGREGATES
    )


def is_long(value: Sql) -> bool:
    """Whether a value has so many nodes that it is not to be written twice."""
    return next(islice(value.walk(), _LONG, None), None) is not None


def _is_leaf(value: Sql, chained: frozenset[str]) -> bool:
    """Whether a value costs nothing to be written again: a column or a literal, cast or not.

    What speaks of the steps ``chained`` does: it has to be handed on.
    """
    while isinstance(value, exp.Cast | exp.Paren | exp.Neg):
        value = value.this
    if isinstance(value, exp.Column):
        return value.table not in chained
    return isinstance(value, exp.Var | exp.Literal | exp.Null)


def _levels_in(value: Sql) -> int:
    """The highest number of a step that a value speaks of, since it has steps of its own."""
    names = value.find_all(exp.Identifier, exp.Var)
    return max((int(number) for name in names for number in _STEP.findall(name.name)), default=0)


def _field(owner: str, name: str) -> Sql:
    return exp.column(name, table=owner, quoted=True)


def _fields_of(owner: str, values: Iterable[Sql]) -> set[str]:
    """The fields of a step that values speak of."""
    return {column.name for value in values for column in value.find_all(exp.Column) if column.table == owner}


def _lambdas(made: Sequence[_Made], written: Sql) -> Sql:
    if not made:
        return written
    rows: Sql | None = None
    for (owner, _), values in zip([("", {}), *made], _structs(made, written)):
        row = _struct(values)
        rows = exp.Array(expressions=[row]) if rows is None else _transformed(rows, owner, row)
    assert rows is not None
    found = _transformed(rows, made[-1][0], written)
    return exp.Bracket(this=found, expressions=[exp.Literal.number(1)], offset=1)


def _structs(made: Sequence[_Made], written: Sql) -> list[Mapping[str, Sql]]:
    """What each step gives the one behind it: its own values, and of those before it what is used later."""
    asked = _fields_of(made[-1][0], [written])
    structs: list[Mapping[str, Sql]] = []
    for index in reversed(range(len(made))):
        values = made[index][1]
        own = {name: value for name, value in values.items() if name in asked} or dict(values)
        earlier = sorted(asked - own.keys())
        former = made[index - 1][0]
        structs.append({name: _field(former, name) for name in earlier} | own)
        asked = set(earlier) | _fields_of(former, own.values())
    return structs[::-1]


def _struct(values: Mapping[str, Sql]) -> Sql:
    fields = [
        exp.PropertyEQ(this=exp.to_identifier(name, quoted=True), expression=sql.own(value))
        for name, value in values.items()
    ]
    return exp.Struct(expressions=fields)


def _transformed(rows: Sql, owner: str, row: Sql) -> Sql:
    body = exp.Lambda(this=row, expressions=[exp.to_identifier(owner, quoted=True)])
    return exp.Anonymous(this="list_transform", expressions=[rows, body])


def is_random(value: Sql) -> bool:
    """Whether a value is another one each time it is written, and worked out."""
    return any(call.name.lower() == "random" for call in value.find_all(exp.Anonymous))


def _subquery(made: Sequence[_Made], written: Sql, around: Sql | None) -> Sql:
    if not made:
        return written
    select = exp.Select(expressions=[written])
    for index, (name, values) in enumerate(made):
        row = exp.Select(expressions=[sql.labelled(value, field) for field, value in values.items()])
        nothing: Sql = exp.Literal.number(0)
        if around is not None and index == 0:
            nothing = sql.paren(sql.case((around, nothing), otherwise=exp.Literal.number(0)))
        # without an OFFSET the planner would write the values out again
        row.set("offset", exp.Offset(expression=nothing))
        alias = exp.TableAlias(this=exp.to_identifier(name, quoted=True))
        if index == 0:
            select.set("from_", exp.From(this=exp.Subquery(this=row, alias=alias)))
        else:
            lateral = exp.Lateral(this=exp.Subquery(this=row), alias=alias)
            select.append("joins", exp.Join(this=lateral, kind="CROSS"))
    return exp.Subquery(this=select)
