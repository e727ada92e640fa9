"""From a resolved query to a plan: pixel ranges, joins by position, probes of shapes, and the row limit.

Ranges only ever narrow what is tested exactly: they are put round terms that are joined by AND at the top
of a WHERE, never under NOT or OR (ADQL-205).
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import Any, TypeVar, cast

from tap_schema import Column
from vo_service.adql.meaning.origins import Origin, origins
from vo_service.adql.meaning.shape_tests import unpacked
from vo_service.adql.nodes.planned import Bound, PairsTest, RowTest, SidedMeasure
from vo_service.adql.nodes.resolved import (
    Both,
    Condition,
    DiscTest,
    InCross,
    Near,
    PairTest,
    Reference,
    WherePresent,
)
from vo_service.adql.nodes.resolved_queries import (
    JoinedTable,
    Output,
    Resolved,
    ResolvedBody,
    ResolvedQuery,
    ResolvedSelect,
    Source,
)
from vo_service.adql.nodes.resolved_shapes import Measured
from vo_service.adql.planning.bounds import TESTS, Bounds, rows_wanted
from vo_service.adql.planning.groups import in_two_steps
from vo_service.adql.planning.matches import Matches
from vo_service.adql.planning.ranges import candidates, narrow
from vo_service.adql.planning.sides import (
    Level,
    by_probe,
    conjuncts,
    field_names,
    is_stable,
    leaves,
    only_source,
    parts_of,
    side_of,
    steady,
)

_Node = TypeVar("_Node")


@dataclass(frozen=True, slots=True)
class Plan:
    """What will be run: ``query`` with ranges in it, at most ``limit`` rows (None: all).

    ``bounds`` are what has to be counted before, lest a test be made for more pairs than may be.
    """

    query: ResolvedQuery
    common_tables: tuple[tuple[str, ResolvedQuery], ...]
    limit: int | None
    columns: tuple[Column, ...]
    warnings: tuple[str, ...]
    bounds: tuple[Bound, ...] = ()
    origins: tuple[Origin, ...] = ()
    """Of the columns, in order."""

    def has_more_parts(self, count: int) -> bool:
        """Whether there are more than so many nodes in it; each takes some hundred bytes."""
        queries = (self.query, *(query for _, query in self.common_tables))
        present = (part for part in parts_of(queries) if part is not None)
        return any(True for _ in itertools.islice(present, count, None))


def plan_query(resolved: Resolved, limit: int | None = None) -> Plan:
    """The plan of a query; ``limit`` rows at most come back, TOP notwithstanding.

    Raises AdqlError for a test of shapes that has no plan.
    """
    planner = _Planner()
    for name, query in resolved.common_tables:
        planner.add_common(name, query)
    query = planner.query(resolved.query, (), limit)
    common = tuple(planner.common.items())
    bounds = planner.bounds.found()
    return Plan(query, common, limit, resolved.columns, resolved.warnings, bounds, origins(resolved))


class _Planner:
    """Plans the queries of one statement, from outside inwards, with the scopes round each."""

    def __init__(self) -> None:
        self.common: dict[str, ResolvedQuery] = {}
        self._unstable: frozenset[str] = frozenset()
        self._numbers = itertools.count(1)
        self.bounds = Bounds()

    def add_common(self, name: str, query: ResolvedQuery) -> None:
        """Plan a common table, which the ones behind it may read."""
        self.common[name] = self.query(query, ())
        if not is_stable(query, self._unstable):
            self._unstable |= {name}

    def query(
        self, query: ResolvedQuery, outer: tuple[Level, ...], limit: int | None = None
    ) -> ResolvedQuery:
        """A query within the scopes round it, of which ``limit`` rows are wanted at most."""
        if not isinstance(query.body, ResolvedSelect):
            return replace(query, body=self._body(query.body, outer))
        select, inside = self._select(query.body, outer, rows_wanted(query, query.body, limit))
        return in_two_steps(ResolvedQuery(select, self._tested(query.order, inside), query.offset))

    def _body(self, body: ResolvedBody, outer: tuple[Level, ...]) -> ResolvedBody:
        if isinstance(body, ResolvedSelect):
            return in_two_steps(ResolvedQuery(self._select(body, outer)[0])).body
        if isinstance(body, ResolvedQuery):
            return self.query(body, outer)
        return replace(body, left=self._body(body.left, outer), right=self._body(body.right, outer))

    def _select(
        self, select: ResolvedSelect, outer: tuple[Level, ...], wanted: int | None = None
    ) -> tuple[ResolvedSelect, tuple[Level, ...]]:
        """A SELECT, and the scopes that its values are in; ``wanted`` as in `Level`, of what it puts out."""
        sources = tuple(self._source(source, outer) for source in select.sources)
        here = {leaf.alias: leaf for source in sources for leaf in leaves(source)}
        terms = [*conjuncts(select.where), *(t for source in sources for t in _held(source))]
        level = Level(here, tuple(terms), self._unstable)
        self.bounds.join(terms, here)
        inside = (*outer, level)
        matches = Matches(self._name, self.common.__getitem__)
        where = self._terms(select.where, inside, matches, frozenset(here))
        sources = tuple(self._joins(source, inside, matches, open_=True) for source in sources)
        self.bounds.pairs += matches.pairs
        changed = replace(
            select,
            outputs=self._tested(select.outputs, (*outer, replace(level, wanted=wanted))),
            where=where,
            group_by=self._tested(select.group_by, inside),
            having=None if select.having is None else self._tested(select.having, inside),
            sources=sources,
        )
        if matches.wrapped or level.kept:
            changed = replace(changed, sources=tuple(matches.joined(s, level.kept) for s in sources))
        return changed, inside

    # --- FROM ---

    def _source(self, source: Source, outer: tuple[Level, ...]) -> Source:
        """A source with its queries planned; joins come later, when the scope is known."""
        if isinstance(source, JoinedTable):
            return replace(
                source, left=self._source(source.left, outer), right=self._source(source.right, outer)
            )
        query = getattr(source, "query", None)
        return source if query is None else replace(cast(Any, source), query=self.query(query, outer))

    def _joins(self, source: Source, levels: tuple[Level, ...], matches: Matches, open_: bool) -> Source:
        """A join with its conditions planned. In the open part of a FROM, which only inner joins lead to, a
        condition of a join is as good as one of the WHERE."""
        if not isinstance(source, JoinedTable):
            return source
        inner = source.kind == "INNER"
        self.bounds.join(conjuncts(source.condition), levels[-1].leaves)
        scope = levels
        if not (inner and open_):
            own = replace(levels[-1], terms=conjuncts(source.condition))
            scope = (*levels[:-1], own)
        changeable = {"INNER": (source.left, source.right), "LEFT": (source.right,), "RIGHT": (source.left,)}
        mine = frozenset(leaf.alias for side in changeable.get(source.kind, ()) for leaf in leaves(side))
        condition = self._terms(source.condition, scope, matches, mine, by_ranges=inner)
        assert condition is not None
        left = self._joins(source.left, levels, matches, open_ and inner)
        right = self._joins(source.right, levels, matches, open_ and inner)
        return replace(source, left=left, right=right, condition=condition)

    # --- conditions ---

    def _terms(
        self,
        condition: Condition | None,
        levels: tuple[Level, ...],
        matches: Matches,
        mine: frozenset[str],
        by_ranges: bool = True,
    ) -> Condition | None:
        """The terms under an AND of which only true counts: linked, narrowed, or with their tests planned."""
        if condition is None:
            return None
        planned = []
        for term in conjuncts(condition):
            term = self._measured(term, levels)
            linked = matches.linked(term, levels, mine) if mine else None
            if linked is None:
                linked = self._tested(term, levels)
                if isinstance(linked, RowTest):
                    linked = replace(linked, selects=True)
                if by_ranges:
                    linked = narrow(linked, levels[-1].leaves)
            planned.append(linked)
        return planned[0] if len(planned) == 1 else Both(tuple(planned))

    def _tested(self, node: _Node, levels: tuple[Level, ...]) -> _Node:
        """A value or condition with its subqueries and its tests of shapes planned."""
        return cast(_Node, self._changed(node, levels))

    def _changed(self, node: Any, levels: tuple[Level, ...]) -> Any:
        if isinstance(node, tuple):
            items = [self._changed(item, levels) for item in node]
            return node if all(a is b for a, b in zip(items, node)) else tuple(items)
        if isinstance(node, ResolvedQuery):
            return self.query(node, levels)
        if isinstance(node, TESTS):
            self.bounds.note(node, levels)
        if isinstance(node, PairTest):
            return self._test(node, levels)
        if isinstance(node, Measured):
            return self._measure(node, levels)
        if type(node) is Output and type(node.value) is Reference:
            return node  # most are: all columns of a table
        changes: dict[str, Any] = {}
        for name in field_names(type(node)):
            part = getattr(node, name)
            changed = self._changed(part, levels)
            if changed is not part:
                changes[name] = changed
        return replace(node, **changes) if changes else node

    def _test(self, test: PairTest, levels: tuple[Level, ...]) -> RowTest | PairsTest:
        """A test of shapes where it is, by its rows or by its pairs."""
        place = test.place
        test = replace(test, left=self._tested(test.left, levels), right=self._tested(test.right, levels))
        one, other = only_source(test.left, place), only_source(test.right, place)
        for alias in (one, other):
            if alias is not None:
                levels = steady(alias, levels, self.common.__getitem__)
        if one is None or other is None or one == other:
            side = side_of(one or other, (test.left, test.right), levels, place)
            return RowTest(test, replace(side, terms=(*side.terms, *candidates(test))))
        left, right = side_of(one, (test.left,), levels, place), side_of(other, (test.right,), levels, place)
        return PairsTest(test, left, right)

    def _measured(self, term: Condition, levels: tuple[Level, ...]) -> Condition:
        """A term that may become a join, with the measures of its geometries planned."""
        if isinstance(term, WherePresent):
            return replace(term, condition=self._measured(term.condition, levels))
        if not isinstance(term, Near | DiscTest | InCross | PairTest):
            return term
        geometries = {name: getattr(term, name) for name in field_names(type(term))}
        return replace(term, **{name: self._tested(each, levels) for name, each in geometries.items()})

    def _measure(self, measured: Measured, levels: tuple[Level, ...]) -> Measured:
        """What only a probe can measure, with the shapes that it is to measure."""
        if isinstance(measured, SidedMeasure) or not by_probe(measured):
            return measured
        geometry = self._tested(unpacked(measured.geometry), levels)
        alias = only_source(geometry, measured.place)
        if alias is not None:
            levels = steady(alias, levels, self.common.__getitem__)
        side = side_of(alias, (geometry,), levels, measured.place)
        return SidedMeasure(measured.what, geometry, measured.facts, side)

    def _name(self) -> str:
        return f"m{next(self._numbers)}"


def _held(source: Source) -> tuple[Condition, ...]:
    """The conditions of joins that hold in every row of a FROM."""
    if isinstance(source, JoinedTable) and source.kind == "INNER":
        return (*conjuncts(source.condition), *_held(source.left), *_held(source.right))
    return ()
