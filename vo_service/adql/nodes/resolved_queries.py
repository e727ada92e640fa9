"""Sources and queries made of resolved values and conditions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from tap_schema import Column, Table
from vo_service.adql.nodes.kinds import Facts, Kind
from vo_service.adql.nodes.planned import KeptTable, LinkedTable, MeasuredTable
from vo_service.adql.nodes.resolved import (
    Condition,
    Value,
)
from vo_service.adql.nodes.systems import facts_as_column

# --- sources ---


@dataclass(frozen=True, slots=True)
class BaseTable:
    """A published table under an alias."""

    alias: str
    table: Table


@dataclass(frozen=True, slots=True)
class SubqueryTable:
    """A derived table under an alias."""

    alias: str
    query: ResolvedQuery


@dataclass(frozen=True, slots=True)
class NamedTable:
    """A common table under an alias; ``name`` is that of its definition in the statement."""

    alias: str
    name: str


@dataclass(frozen=True, slots=True)
class JoinedTable:
    """INNER LEFT RIGHT FULL join on a condition."""

    kind: str
    left: Source
    right: Source
    condition: Condition


Source: TypeAlias = (
    BaseTable | SubqueryTable | NamedTable | JoinedTable | LinkedTable | KeptTable | MeasuredTable
)

# --- queries ---


@dataclass(frozen=True, slots=True)
class Output:
    """One column of a result: the name users see, the name unique in the statement, the value.

    An ``exact`` one was written in double quotes, and answers to that very spelling only (ADQL-007).
    """

    name: str
    alias: str
    value: Value
    exact: bool = False


@dataclass(frozen=True, slots=True)
class ResolvedSelect:
    """One SELECT."""

    outputs: tuple[Output, ...]
    sources: tuple[Source, ...]
    distinct: bool
    top: int | None
    where: Condition | None
    group_by: tuple[Value, ...]
    having: Condition | None

    @property
    def columns(self) -> tuple[tuple[str, str, Facts], ...]:
        """Name, alias and facts of each output column."""
        return tuple((out.name, out.alias, facts_as_column(out.value)) for out in self.outputs)

    @property
    def exact(self) -> frozenset[str]:
        """Aliases of the output columns that answer to their very spelling only."""
        return frozenset(output.alias for output in self.outputs if output.exact)


@dataclass(frozen=True, slots=True)
class ResolvedOperation:
    """UNION, EXCEPT, INTERSECT."""

    operator: str
    keep_all: bool
    left: ResolvedBody
    right: ResolvedBody
    columns: tuple[tuple[str, str, Facts], ...]

    @property
    def exact(self) -> frozenset[str]:
        """As of a SELECT; names are those of the left side."""
        return self.left.exact


@dataclass(frozen=True, slots=True)
class Order:
    """A sort term: the value, or an output column by its alias."""

    term: Value | str
    kind: Kind
    descending: bool


@dataclass(frozen=True, slots=True)
class ResolvedQuery:
    """Body, order, offset."""

    body: ResolvedBody
    order: tuple[Order, ...] = ()
    offset: int | None = None

    @property
    def columns(self) -> tuple[tuple[str, str, Facts], ...]:
        """Name, alias and facts of each output column."""
        return self.body.columns

    @property
    def exact(self) -> frozenset[str]:
        """As of a SELECT."""
        return self.body.exact


ResolvedBody: TypeAlias = ResolvedSelect | ResolvedOperation | ResolvedQuery


@dataclass(frozen=True, slots=True)
class Resolved:
    """A whole query, ready to be planned. ``warnings`` are for the user."""

    query: ResolvedQuery
    common_tables: tuple[tuple[str, ResolvedQuery], ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[Column, ...]:
        """The output columns with type, unit, UCD."""
        return tuple(facts.as_column(name) for name, _, facts in self.query.columns)
