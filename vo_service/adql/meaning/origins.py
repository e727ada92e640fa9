"""Which columns of a result are columns of published tables, values and all, whatever they are called there.

A computed value has no origin. That of a column which several tables share by a join or a set operation is
all of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeAlias

from vo_service.adql.nodes.resolved import Coalesce, Reference, Value
from vo_service.adql.nodes.resolved_queries import (
    BaseTable,
    JoinedTable,
    NamedTable,
    Resolved,
    ResolvedBody,
    ResolvedOperation,
    ResolvedQuery,
    ResolvedSelect,
    Source,
    SubqueryTable,
)

Origin: TypeAlias = frozenset[tuple[str, str]]
"""Names ``schema.table`` and names of columns there; empty for what is computed."""

_COMPUTED: Origin = frozenset()
_Seen = Mapping[str, Origin]  # the output columns of a query by their aliases


def origins(resolved: Resolved) -> tuple[Origin, ...]:
    """The origin of each output column, in order."""
    known: dict[str, _Seen] = {}
    for name, query in resolved.common_tables:
        known[name] = _seen(query, known)
    return _of_body(resolved.query, known)


def _seen(query: ResolvedQuery, known: Mapping[str, _Seen]) -> _Seen:
    return {alias: found for (_, alias, _), found in zip(query.columns, _of_body(query, known))}


def _of_body(body: ResolvedBody, known: Mapping[str, _Seen]) -> tuple[Origin, ...]:
    match body:
        case ResolvedSelect():
            sources = {leaf.alias: leaf for source in body.sources for leaf in _leaves(source)}
            inside = {
                alias: _seen(leaf.query, known)
                for alias, leaf in sources.items()
                if isinstance(leaf, SubqueryTable)
            }
            return tuple(_of_value(output.value, sources, inside, known) for output in body.outputs)
        case ResolvedQuery():
            return _of_body(body.body, known)
        case ResolvedOperation():
            left, right = _of_body(body.left, known), _of_body(body.right, known)
            if body.operator != "UNION":  # what is left of the rows of the left side
                return left
            return tuple(one | other if one and other else _COMPUTED for one, other in zip(left, right))


_Leaf = BaseTable | SubqueryTable | NamedTable


def _leaves(source: Source) -> Iterator[_Leaf]:
    if isinstance(source, JoinedTable):
        yield from _leaves(source.left)
        yield from _leaves(source.right)
    elif isinstance(source, _Leaf):
        yield source


def _of_value(
    value: Value, sources: Mapping[str, _Leaf], inside: Mapping[str, _Seen], known: Mapping[str, _Seen]
) -> Origin:
    if isinstance(value, Coalesce):  # as the columns of a full join are merged
        parts = [_of_value(part, sources, inside, known) for part in value.arguments]
        return frozenset().union(*parts) if all(parts) else _COMPUTED
    if type(value) is not Reference:
        return _COMPUTED
    match sources.get(value.source):
        case BaseTable(table=table):
            return frozenset(((table.qualified, value.column),))
        case NamedTable(name=name):
            return known[name].get(value.column, _COMPUTED)
        case SubqueryTable(alias=alias):
            return inside[alias].get(value.column, _COMPUTED)
        case _:  # of a query round this one
            return _COMPUTED
