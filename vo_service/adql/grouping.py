"""What may stand beside GROUP BY: grouped terms, aggregates and constants (ADQL-071)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any

from vo_service.adql.errors import AdqlError, Place
from vo_service.adql.kinds import Facts
from vo_service.adql.resolved import (
    Collected,
    Condition,
    Reference,
    Value,
)
from vo_service.adql.resolved_queries import ResolvedQuery
from vo_service.adql.resolved_shapes import Point

_MODULES = (Reference.__module__, Point.__module__)
"""Where the nodes of values and conditions are defined."""


def has_aggregate(node: Value | Condition) -> bool:
    """Whether an aggregate stands somewhere in a value or condition."""
    return isinstance(node, Collected) or any(has_aggregate(part) for part in parts_of(node))


def check_grouped(node: Value | Condition, terms: tuple[Value, ...], place: Place) -> None:
    """Raise AdqlError if a column stands outside grouped terms and aggregates."""
    if isinstance(node, Collected) or node in terms:
        return
    if isinstance(node, Reference):
        raise AdqlError.at(
            place,
            f"column {node.column} is neither grouped nor inside an aggregate",
            f"add it to GROUP BY, or write MIN({node.column})",
        )
    for part in parts_of(node):
        check_grouped(part, terms, place)


def parts_of(node: Any) -> Iterator[Any]:
    """The values and conditions directly inside one; not those of subqueries, which group for themselves."""
    for each in fields(node):
        if not each.compare:
            continue  # facts, and what stands for the same again
        part = getattr(node, each.name)
        for item in part if isinstance(part, tuple) else (part,):
            if is_dataclass(item) and not isinstance(item, Facts | ResolvedQuery) and _is_node(item):
                yield item


def _is_node(item: Any) -> bool:
    return type(item).__module__ in _MODULES
