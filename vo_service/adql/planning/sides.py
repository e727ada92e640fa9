"""What each source of a FROM contributes to a test, and which of the query's conditions narrow it down.

A condition narrows a side if it stands under the same AND as the test, names no other source, and gives the
same answer whenever it is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, TypeAlias, cast

from vo_service.adql.errors import AdqlError, Place
from vo_service.adql.meaning.shape_regions import keys as keys_of_shape
from vo_service.adql.meaning.shape_tests import unpacked
from vo_service.adql.nodes import planned, resolved, resolved_queries, resolved_shapes
from vo_service.adql.nodes.planned import KeptTable, LinkedTable, MeasuredTable, Side
from vo_service.adql.nodes.resolved import (
    Apply,
    Both,
    Collected,
    Condition,
    Constant,
    DiscTest,
    InCross,
    Near,
    PairTest,
    Reference,
    Value,
)
from vo_service.adql.nodes.resolved_queries import (
    BaseTable,
    JoinedTable,
    NamedTable,
    ResolvedQuery,
    ResolvedSelect,
    Source,
    SubqueryTable,
)
from vo_service.adql.nodes.resolved_shapes import Footprint, Geometry, Measured, Ring, Stored
from vo_service.adql.planning.ranges import narrow, of_test

_VOLATILE = frozenset(("RAND", "ivo_normal_random"))
_LEAVES = (BaseTable, SubqueryTable, NamedTable, LinkedTable, KeptTable, MeasuredTable)
Leaf: TypeAlias = BaseTable | SubqueryTable | NamedTable | LinkedTable | KeptTable | MeasuredTable


@dataclass(frozen=True, slots=True)
class Level:
    """The sources of one FROM by their aliases, and the terms that hold for all rows that matter here."""

    leaves: Mapping[str, Leaf]
    terms: tuple[Condition, ...]
    unstable: frozenset[str] = frozenset()
    """Common tables that could differ from one reading to the next."""
    kept: dict[str, KeptTable] = field(default_factory=dict)
    """Sources that are to be read once, for whoever writes this FROM."""
    wanted: int | None = None
    """How many rows at most are looked at, where that is only those which come back; None: all."""


def keys(geometry: Geometry) -> tuple[Value, ...]:
    """The values of a row that determine its geometry; of a footprint its key, where it has one."""
    if isinstance(geometry, Footprint) and geometry.key is not None:
        return (geometry.key,)
    return keys_of_shape(geometry)


def leaves(source: Source) -> Iterator[Leaf]:
    """The sources under joins."""
    if isinstance(source, JoinedTable):
        yield from leaves(source.left)
        yield from leaves(source.right)
    else:
        yield source


def joins(sources: tuple[Source, ...]) -> list[JoinedTable]:
    """All joins of a FROM, also those inside joins."""
    found: list[JoinedTable] = []
    waiting = list(sources)
    while waiting:
        source = waiting.pop()
        if isinstance(source, JoinedTable):
            found.append(source)
            waiting += [source.left, source.right]
    return found


def conjuncts(condition: Condition | None) -> tuple[Condition, ...]:
    """The terms that are joined by AND."""
    if condition is None:
        return ()
    if isinstance(condition, Both):
        return tuple(term for each in condition.terms for term in conjuncts(each))
    return (condition,)


def sources_of(node: object) -> frozenset[str]:
    """The aliases of the sources outside of a value or condition that it refers to."""
    used: set[str] = set()
    defined: set[str] = set()
    for part in parts_of(node):
        if isinstance(part, Reference):
            used.add(part.source)
        elif isinstance(part, _LEAVES):
            defined.add(part.alias)
    return frozenset(used - defined)


def parts_of(node: object) -> Iterator[object]:
    """A node of the resolved tree and all nodes in it."""
    waiting = [node]
    while waiting:
        part = waiting.pop()
        if isinstance(part, tuple):
            waiting.extend(part)
            continue
        yield part
        waiting.extend([getattr(part, name) for name in field_names(type(part))])


def field_names(kind: type[object]) -> tuple[str, ...]:
    """The fields in which a node of the resolved tree has other nodes; none for what only describes."""
    known = _fields.get(kind)
    if known is None:
        if kind.__module__ not in _TREES or kind in (Reference, Constant):
            known = ()
        else:
            known = tuple(each.name for each in fields(cast(Any, kind)) if each.name not in _PLAIN)
        _fields[kind] = known
    return known


_fields: dict[type[object], tuple[str, ...]] = {}
_TREES = frozenset(module.__name__ for module in (planned, resolved, resolved_queries, resolved_shapes))
_PLAIN = frozenset(("facts", "table", "region", "frame", "test", "name", "alias", "place", "side"))


def side_of(
    alias: str | None,
    geometries: tuple[Geometry, ...],
    levels: tuple[Level, ...],
    place: Place | None = None,
) -> Side:
    """What the source of that alias contributes; ``levels`` are the scopes from outside inwards.

    Raises AdqlError, at ``place``, for shapes of aggregates.
    """
    if any(isinstance(part, Collected) for geometry in geometries for part in parts_of(keys(geometry))):
        raise _refused(place, "a shape of aggregates cannot be tested", "aggregate in a derived table")
    if alias is None:
        return Side(None, (), geometries)
    level = next(level for level in reversed(levels) if alias in level.leaves)
    terms = tuple(
        term
        for every in level.terms
        if sources_of(every) == {alias} and (term := _narrowing(every, level)) is not None
    )
    return Side(level.leaves[alias], terms, geometries)


def by_probe(measured: Measured) -> bool:
    """Whether a measure has neither a closed form nor a stored footprint that it is kept of."""
    geometry = unpacked(measured.geometry)
    if isinstance(geometry, Footprint):
        return geometry.key is None
    return isinstance(geometry, Ring | Stored)


def only_source(geometry: Geometry, place: Place | None = None) -> str | None:
    """The one source that a geometry is made of, None for a constant.

    Raises AdqlError, at ``place``, where its parts come of several.
    """
    found = sources_of(keys(geometry))
    if len(found) > 1:
        raise _refused(
            place,
            "a shape with parts of several tables cannot be tested",
            "make it in a derived table that joins them",
        )
    return next(iter(found), None)


def is_stable(node: object, unstable: frozenset[str]) -> bool:
    """Whether a source or condition is the same whenever it is read on one snapshot."""
    if isinstance(node, KeptTable):
        return True
    for part in parts_of(node):
        if isinstance(part, NamedTable) and part.name in unstable:
            return False
        if isinstance(part, ResolvedSelect) and part.top is not None:
            return False
        if isinstance(part, ResolvedQuery) and part.offset:
            return False
        if _is_volatile(part):
            return False
    return True


def steady(
    alias: str, levels: tuple[Level, ...], common: Callable[[str], ResolvedQuery]
) -> tuple[Level, ...]:
    """The levels with the source of that alias as one that can be read twice.

    ``common`` gives the query of a common table.
    """
    for index, level in enumerate(levels):
        source = level.leaves.get(alias)
        if source is None or is_stable(source, level.unstable):
            continue
        assert isinstance(source, SubqueryTable | NamedTable)
        query = source.query if isinstance(source, SubqueryTable) else common(source.name)
        level.kept[alias] = KeptTable(alias, query)
        changed = replace(level, leaves={**level.leaves, alias: level.kept[alias]})
        levels = (*levels[:index], changed, *levels[index + 1 :])
    return levels


def _narrowing(term: Condition, level: Level) -> Condition | None:
    """What a term of the query says of the rows of a side before any probe has answered, if anything."""
    if isinstance(term, PairTest) and not _waits(of_test(term)):
        return of_test(term)
    return None if _waits(term) or not is_stable(term, level.unstable) else narrow(term, level.leaves)


def _waits(node: object) -> bool:
    """Whether a node cannot be written, or not in a side, before a probe has answered."""
    return any(_needs_probe(part) or _is_pair(part) for part in parts_of(node))


def _needs_probe(part: object) -> bool:
    """Whether a node cannot be written before a probe has answered, which may be the one that asks."""
    return isinstance(part, PairTest) or (isinstance(part, Measured) and by_probe(part))


def _is_pair(part: object) -> bool:
    """Whether a condition is one between positions of two sources, which a subquery may have."""
    return isinstance(part, Near | DiscTest | InCross) and len(sources_of(part)) > 1


def _is_volatile(part: object) -> bool:
    return isinstance(part, Apply) and part.function in _VOLATILE


def _refused(place: Place | None, message: str, hint: str) -> AdqlError:
    return AdqlError.at(place or Place(1, 1), message, hint)
