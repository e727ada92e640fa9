"""What may stand beside GROUP BY: grouped terms, aggregates and constants (ADQL-071)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

from vo_service.adql.errors import AdqlError, Place
from vo_service.adql.nodes.kinds import Facts
from vo_service.adql.nodes.resolved import (
    Apply,
    Arithmetic,
    Collected,
    Condition,
    Conversion,
    InRange,
    OneOf,
    Reference,
    Value,
)
from vo_service.adql.nodes.resolved_queries import JoinedTable, ResolvedQuery, Source
from vo_service.adql.nodes.resolved_shapes import Point

_MODULES = (Reference.__module__, Point.__module__, ResolvedQuery.__module__)
"""Where the nodes of values, conditions and queries are defined."""
_RANDOM = ("RAND", "ivo_normal_random")


@dataclass(frozen=True, slots=True)
class Grouping:
    """The groups of one SELECT: the grouped terms, and the aliases of what it selects from.

    Columns of other aliases belong to queries inside or round this one; to this one they are constants.
    """

    terms: tuple[Value, ...]
    aliases: frozenset[str]

    def check(self, node: Value | Condition, place: Place) -> None:
        """Raise AdqlError if a column stands outside grouped terms and aggregates.

        A random number may, but not inside what speaks of it more than once: groups have no row of their own
        for it to be drawn in.
        """
        self._check(node, place)
        if _repeats_random(node):
            raise AdqlError.at(
                place,
                "beside groups no functions and no arithmetic of a random number can stand",
                "draw it in a derived table, as in (SELECT RAND() AS r FROM ...)",
            )

    def _check(self, node: Any, place: Place) -> None:
        if isinstance(node, Collected) or node in self.terms:
            return
        if isinstance(node, Reference) and node.source in self.aliases:
            raise AdqlError.at(
                place,
                f"column {node.column} is neither grouped nor inside an aggregate",
                f"add it to GROUP BY, or write MIN({node.column})",
            )
        for part in _nodes_in(node):
            self._check(part, place)

    def of(self, node: Any) -> Any:
        """The same value or condition of grouped terms: positions lose what a table stores of them again."""
        for term in self.terms:
            if node == term:
                return term  # written alike, so that the engine sees that it is grouped
        if isinstance(node, Collected):
            return node
        changes: dict[str, Any] = {}
        for each in fields(node):
            part = getattr(node, each.name)
            if each.compare and (isinstance(part, tuple) or _is_node(part)):
                changed = self._of_all(part) if isinstance(part, tuple) else self.of(part)
                if changed is not part:
                    changes[each.name] = changed
        if isinstance(node, Point) and node.vector is not None and node.vector[0].source in self.aliases:
            changes |= {"vector": None, "cell": None}
        return replace(node, **changes) if changes else node

    def _of_all(self, parts: tuple[Any, ...]) -> tuple[Any, ...]:
        changed = tuple(self.of(part) if _is_node(part) else part for part in parts)
        return changed if any(one is not other for one, other in zip(changed, parts)) else parts


def _repeats_random(node: Any) -> bool:
    """Whether something is written of a random number that engines work out more than once."""
    if isinstance(node, Collected):
        return False
    parts = list(parts_of(node))
    repeats = isinstance(node, Apply | Conversion | InRange | OneOf | Arithmetic)
    return any((repeats and _is_random(part)) or _repeats_random(part) for part in parts)


def _is_random(node: Any) -> bool:
    if isinstance(node, Collected):
        return False
    drawn = isinstance(node, Apply) and node.function in _RANDOM
    return drawn or any(_is_random(part) for part in parts_of(node))


def grouping_of(terms: tuple[Value, ...], sources: tuple[Source, ...]) -> Grouping:
    """The groups that terms make of the rows of sources."""
    aliases: set[str] = set()
    waiting = list(sources)
    while waiting:
        source = waiting.pop()
        if isinstance(source, JoinedTable):
            waiting += [source.left, source.right]
        else:
            aliases.add(source.alias)
    return Grouping(terms, frozenset(aliases))


def has_aggregate(node: Value | Condition) -> bool:
    """Whether an aggregate stands somewhere in a value or condition, subqueries not counted."""
    return isinstance(node, Collected) or any(has_aggregate(part) for part in parts_of(node))


def depends_on_rows(node: Value | Condition) -> bool:
    """Whether a value differs from row to row: of columns, aggregates, random numbers, subqueries."""
    if isinstance(node, Reference | Collected) or (isinstance(node, Apply) and node.function in _RANDOM):
        return True
    return any(isinstance(part, ResolvedQuery) or depends_on_rows(part) for part in _nodes_in(node))


def check_nesting(node: Value | Condition, place: Place) -> None:
    """Raise AdqlError if an aggregate stands inside another, as by a label in ORDER BY."""
    for part in parts_of(node):
        if isinstance(node, Collected) and has_aggregate(part):
            raise AdqlError.at(place, f"{node.function} cannot stand round another aggregate")
        check_nesting(part, place)


def parts_of(node: Any) -> Iterator[Any]:
    """The values and conditions directly inside one; not those of subqueries, which group for themselves."""
    return (part for part in _nodes_in(node) if not isinstance(part, ResolvedQuery))


def _nodes_in(node: Any) -> Iterator[Any]:
    for each in fields(node):
        if not each.compare:
            continue  # facts, and what stands for the same again
        part = getattr(node, each.name)
        for item in part if isinstance(part, tuple) else (part,):
            if _is_node(item):
                yield item


def _is_node(item: Any) -> bool:
    return is_dataclass(item) and not isinstance(item, Facts) and type(item).__module__ in _MODULES
