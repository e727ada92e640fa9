"""From a resolved query to a plan: pixel ranges for positions in constant regions, and the row limit.

Ranges only ever narrow what is tested exactly: they are put round terms that are joined by AND at the top
of a WHERE, never under NOT or OR (ADQL-205).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from tap_schema import Column
from vo_service.adql.constants import constant_number
from vo_service.adql.resolve_geometry import constant_position
from vo_service.adql.resolved import (
    Both,
    Condition,
    Either,
    FootprintTest,
    InRegion,
    Narrowed,
    Near,
    Negation,
    OneOfQuery,
    Selected,
    SomeRow,
)
from vo_service.adql.resolved_queries import (
    JoinedTable,
    Resolved,
    ResolvedBody,
    ResolvedOperation,
    ResolvedQuery,
    ResolvedSelect,
    Source,
    SubqueryTable,
)
from vo_service.sky import Circle, Region

_WIDEST = math.radians(60.0)
"""Caps beyond this radius are not looked up by pixels: the ranges would let most rows through."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What will be run: ``query`` with ranges in it, at most ``limit`` rows (None: all)."""

    query: ResolvedQuery
    common_tables: tuple[tuple[str, ResolvedQuery], ...]
    limit: int | None
    columns: tuple[Column, ...]
    warnings: tuple[str, ...]


def plan_query(resolved: Resolved, limit: int | None = None) -> Plan:
    """The plan of a query; ``limit`` rows at most come back, TOP notwithstanding."""
    common = tuple((name, _plan_query(query)) for name, query in resolved.common_tables)
    return Plan(_plan_query(resolved.query), common, limit, resolved.columns, resolved.warnings)


def _plan_query(query: ResolvedQuery) -> ResolvedQuery:
    return replace(query, body=_plan_body(query.body))


def _plan_body(body: ResolvedBody) -> ResolvedBody:
    if isinstance(body, ResolvedQuery):
        return _plan_query(body)
    if isinstance(body, ResolvedOperation):
        return replace(body, left=_plan_body(body.left), right=_plan_body(body.right))
    return _plan_select(body)


def _plan_select(select: ResolvedSelect) -> ResolvedSelect:
    where = None if select.where is None else _narrow(_plan_condition(select.where))
    having = None if select.having is None else _plan_condition(select.having)
    sources = tuple(_plan_source(source) for source in select.sources)
    return replace(select, where=where, having=having, sources=sources)


def _plan_source(source: Source) -> Source:
    if isinstance(source, SubqueryTable):
        return replace(source, query=_plan_query(source.query))
    if isinstance(source, JoinedTable):
        condition = _plan_condition(source.condition)
        if source.kind == "INNER":
            condition = _narrow(condition)
        return replace(
            source, left=_plan_source(source.left), right=_plan_source(source.right), condition=condition
        )
    return source


def _plan_condition(condition: Condition) -> Condition:
    """The same condition with its subqueries planned."""
    match condition:
        case Both() | Either():
            return replace(condition, terms=tuple(_plan_condition(term) for term in condition.terms))
        case Negation():
            return Negation(_plan_condition(condition.condition))
        case OneOfQuery() | SomeRow():
            return replace(condition, query=_plan_query(condition.query))
    return condition


def _narrow(condition: Condition) -> Condition:
    """Ranges round the terms that need them."""
    if isinstance(condition, Both):
        return Both(tuple(_narrow(term) for term in condition.terms))
    if isinstance(condition, FootprintTest):
        return Selected(condition)
    if isinstance(condition, InRegion):
        return _narrowed(condition, condition.region)
    if isinstance(condition, Near):
        for here, there in ((condition.one, condition.other), (condition.other, condition.one)):
            centre, radius = constant_position(there), constant_number(condition.radius)
            if here.cell is not None and centre is not None and radius is not None and 0.0 <= radius <= 180.0:
                return _narrowed(condition, Circle(*centre, radius), here_is=condition.one is here)
    return condition


def _narrowed(condition: InRegion | Near, region: Region, here_is: bool = True) -> Condition:
    point = (
        condition.point if isinstance(condition, InRegion) else condition.one if here_is else condition.other
    )
    if point.cell is None or region.cap().radius > _WIDEST:
        return condition
    ranges = tuple(region.hpx29_ranges())
    return Narrowed(point.cell, ranges, condition)
