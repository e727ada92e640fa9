"""The columns of a base table as a query sees them under an alias."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache

from tap_schema import Table
from vo_service.adql.meaning.scopes import Visible, is_exact
from vo_service.adql.nodes.coordinate_systems import OF_TABLES
from vo_service.adql.nodes.kinds import SHAPES, Facts, Kind, facts_of
from vo_service.adql.nodes.resolved import Reference, Value
from vo_service.adql.nodes.resolved_shapes import Footprint, Stored

_KEPT = 64
_KEY = Facts(Kind.BIGINT)
_WITH_OWN_FRAME = frozenset((Kind.REGION, Kind.MOC))
"""Shapes whose texts are of the frame of the tables, whoever wrote them; others of users are bare numbers."""


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known of a column without regard to a query."""

    name: str
    facts: Facts
    exact: bool
    key: str | None
    frame: str
    unlisted: bool

    def seen_as(self, alias: str) -> Visible:
        """The column under an alias."""
        return Visible(self.name, self._value(alias), self.exact, self.unlisted)

    def _value(self, alias: str) -> Value:
        reference = Reference(alias, self.name, self.facts)
        if self.key is not None:
            return Footprint(reference, Reference(alias, self.key, _KEY), self.facts)
        return Stored(reference, self.facts, self.frame) if self.facts.kind in SHAPES else reference


class _Very:
    """A table as a key of the cache: this very one, since equal ones are too long to compare."""

    __slots__ = ("table",)

    def __init__(self, table: Table) -> None:
        self.table = table

    def __hash__(self) -> int:
        return id(self.table)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Very) and other.table is self.table


def columns_of(table: Table, alias: str) -> tuple[Visible, ...]:
    """The published columns of a table, in order; a region column brings its key, a stored shape is one."""
    return tuple([known.seen_as(alias) for known in _known_of(_Very(table))])


@lru_cache(maxsize=_KEPT)
def _known_of(very: _Very) -> tuple[_Known, ...]:
    table = very.table
    known = []
    for column in table.columns:
        facts, key = facts_of(column), None
        if table.region == column.name:
            facts = replace(facts, kind=Kind.REGION)
            key = "_footprint_id" if table.has("_footprint_id") else None
        frame = "" if column.unplaced and facts.kind not in _WITH_OWN_FRAME else OF_TABLES
        known.append(_Known(column.name, facts, is_exact(column), key, frame, column.unlisted))
    return tuple(known)
