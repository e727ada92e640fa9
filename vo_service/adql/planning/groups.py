"""Grouped queries in two steps: terms and aggregates inside, what is made of them outside.

Engines know a grouped expression again in the select list and in HAVING only where it stands as it is: not
inside a subquery of one row, nor as what a lambda is called with, and both is how long values get a name
(``stepwise_sql``). Outside, terms and aggregates are plain columns, and HAVING is a WHERE.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, replace
from typing import Any

from vo_service.adql.nodes import planned
from vo_service.adql.nodes.resolved import Apply, Collected, Conversion, Reference, Truth, Value
from vo_service.adql.nodes.resolved_queries import (
    JoinedTable,
    Output,
    ResolvedQuery,
    ResolvedSelect,
    Source,
    SubqueryTable,
)
from vo_service.adql.nodes.resolved_shapes import Separation
from vo_service.adql.nodes.substitution import is_node, substituted
from vo_service.adql.planning.sides import parts_of


def in_two_steps(query: ResolvedQuery) -> ResolvedQuery:
    """The query, its groups made by an inner one where that is needed; the same rows in any case."""
    select = query.body
    if not isinstance(select, ResolvedSelect):
        return query
    made = (select.outputs, select.having, tuple(order.term for order in query.order))
    if not (select.group_by or any(isinstance(node, Collected) for node in parts_of(made))):
        return query
    if not _is_hard(select, made) or any(type(node).__module__ == planned.__name__ for node in _nodes(made)):
        return query
    alias = f"{_first_alias(select.sources)}g"
    inner, columns = _grouped(select, made, alias)
    outer = replace(
        select,
        outputs=substituted(select.outputs, columns),
        sources=(SubqueryTable(alias, ResolvedQuery(inner)),),
        where=substituted(select.having, columns),
        group_by=(),
        having=None,
    )
    return ResolvedQuery(outer, substituted(query.order, columns), query.offset)


def _is_hard(select: ResolvedSelect, made: Any) -> bool:
    """Whether something is made of a grouped expression, or tested in HAVING, that may need a name."""
    terms = [term for term in select.group_by if not isinstance(term, Reference)]
    calls = [node for node in _nodes(made) if _may_name(node) and node not in terms]
    if terms and any(node in terms for call in calls for node in _nodes(call)):
        return True
    return any(_may_name(node) for node in _nodes(select.having))


def _may_name(node: Any) -> bool:
    """Whether what a node is made of may get a name when it is written."""
    return isinstance(node, Apply | Conversion | Truth) or type(node).__module__ == Separation.__module__


def _grouped(select: ResolvedSelect, made: Any, alias: str) -> tuple[ResolvedSelect, dict[Value, Value]]:
    """The inner query, and the columns that terms and aggregates are outside of it."""
    values: dict[Value, None] = dict.fromkeys(select.group_by)
    values.update(dict.fromkeys(_aggregates(made)))
    outputs = tuple(Output(f"g{i}", f"g{i}", value) for i, value in enumerate(values, start=1))
    inner = replace(select, outputs=outputs, distinct=False, top=None, having=None)
    return inner, {each.value: Reference(alias, each.alias, each.value.facts) for each in outputs}


def _aggregates(made: Any) -> Iterator[Collected]:
    return (node for node in _nodes(made) if isinstance(node, Collected))


def _first_alias(sources: tuple[Source, ...]) -> str:
    source = sources[0]
    while isinstance(source, JoinedTable):
        source = source.left
    return source.alias


def _nodes(node: Any) -> Iterator[Any]:
    """A node and all inside it; aggregates count as one."""
    if isinstance(node, tuple):
        for part in node:
            yield from _nodes(part)
    elif is_node(node):
        yield node
        if not isinstance(node, Collected):
            for each in fields(node):
                yield from _nodes(getattr(node, each.name))
