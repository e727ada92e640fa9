"""FROM: tables, derived tables, joins, and the columns that come into sight by them (ADQL-037 to 049)."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace

from tap_schema import Table
from vo_service.adql import tree
from vo_service.adql.errors import AdqlError
from vo_service.adql.kinds import Facts, Kind, facts_of, widest
from vo_service.adql.names import Names
from vo_service.adql.resolve_conditions import ConditionResolver
from vo_service.adql.resolved import (
    Both,
    Coalesce,
    Compare,
    Condition,
    Reference,
    Value,
)
from vo_service.adql.resolved_queries import (
    BaseTable,
    JoinedTable,
    NamedTable,
    ResolvedQuery,
    Source,
    SubqueryTable,
)
from vo_service.adql.resolved_shapes import (
    Footprint,
)
from vo_service.adql.scopes import Exposed, Scope, Visible, find_column, find_table, is_exact, means

_NOTHING = Scope([], [])


@dataclass(frozen=True, slots=True)
class CommonName:
    """A common table that can be selected from."""

    name: tree.Name
    statement_name: str
    query: ResolvedQuery


@dataclass(frozen=True, slots=True)
class Frame:
    """A source with what it brings into sight: tables for qualified names, columns in the order of ``*``."""

    source: Source
    tables: tuple[Exposed, ...]
    columns: tuple[Visible, ...]


class TableResolver(ConditionResolver):
    """Resolves FROM clauses and stars."""

    def __init__(self, tables: Mapping[str, Table], names: Names | None) -> None:
        super().__init__(tables, names)
        self.base_tables: dict[str, Table] = {}
        self.common: list[CommonName] = []
        self.defining: tree.Name | None = None
        self._aliases = 0

    @abstractmethod
    def query(self, node: tree.Query, outer: Scope | None) -> ResolvedQuery:
        """A select expression."""

    def add_common(self, name: tree.Name, statement_name: str, query: ResolvedQuery) -> None:
        """Make a common table known to what follows."""
        self.common.append(CommonName(name, statement_name, query))

    def from_clause(
        self, nodes: tuple[tree.TableExpression, ...], outer: Scope | None
    ) -> tuple[tuple[Source, ...], Scope]:
        """The sources of one FROM and the scope they make."""
        frames = [self._frame(node, outer) for node in nodes]
        tables = [table for frame in frames for table in frame.tables]
        _check_distinct_names(tables, nodes[0])
        columns = [visible for frame in frames for visible in frame.columns]
        return tuple(frame.source for frame in frames), Scope(tables, columns, outer)

    def star(self, node: tree.Star, scope: Scope) -> tuple[Visible, ...]:
        """The columns of ``*`` or ``table.*``; hidden columns are never among them."""
        if not node.parts:
            return tuple(scope.columns)
        found = scope.table(node.parts)
        if len(found) != 1:
            names = ", ".join(table.label for table in scope.tables)
            asked = ".".join(part.text for part in node.parts)
            raise AdqlError.at(
                node.place, f"no single table {asked} in this query", f"the tables are {names}"
            )
        return found[0].columns

    def published_name(self, node: tree.ColumnName) -> str | None:
        """How the column is published (or labelled further inside), for the name of an output column."""
        name, scope = node.parts[-1], self.scope
        here: Scope | None = scope
        while here is not None:
            for visible in here.named(name):
                return visible.name
            for table in here.tables:
                for visible in table.columns:
                    if visible.answers_to(name):
                        return visible.name
            here = here.outer
        return name.text

    # --- sources ---

    def _frame(self, node: tree.TableExpression, outer: Scope | None) -> Frame:
        match node:
            case tree.TableName():
                return self._named(node)
            case tree.DerivedTable():
                scope, clause, labels = self.scope, self.clause, self.labels
                query = self.query(node.query, outer)
                self.scope, self.clause, self.labels = scope, clause, labels
                alias = self._alias()
                return _frame_of_query(SubqueryTable(alias, query), alias, query, (node.alias,))
            case tree.Join():
                return self._join(node, outer)

    def _alias(self) -> str:
        self._aliases += 1
        return f"t{self._aliases}"

    def _named(self, node: tree.TableName) -> Frame:
        parts = (node.alias,) if node.alias is not None else node.parts
        if len(node.parts) == 1:
            if self.defining is not None and _same_name(node.parts[0], self.defining):
                raise AdqlError.at(
                    node.place, f"{self.defining.text} cannot name itself", "ADQL has no recursion"
                )
            for common in self.common:
                if _same_name(node.parts[0], common.name):
                    alias = self._alias()
                    return _frame_of_query(
                        NamedTable(alias, common.statement_name), alias, common.query, parts
                    )
        table = find_table(self.tables, node.parts)
        alias = self._alias()
        self.base_tables[alias] = table
        if node.alias is None:
            parts = (tree.Name(table.schema), tree.Name(table.name))
        columns = tuple(
            Visible(column.name, _column_value(alias, table, column.name), is_exact(column))
            for column in table.columns
        )
        return Frame(BaseTable(alias, table), (Exposed(parts, columns),), columns)

    # --- joins ---

    def _join(self, node: tree.Join, outer: Scope | None) -> Frame:
        left, right = self._frame(node.left, outer), self._frame(node.right, outer)
        tables = (*left.tables, *right.tables)
        _check_distinct_names(list(tables), node)
        if node.on is not None:
            scope, clause = self.scope, self.clause
            self.scope, self.clause = Scope(list(tables), [*left.columns, *right.columns], outer), "ON"
            condition = self.condition(node.on)
            self.scope, self.clause = scope, clause
            columns = (*left.columns, *right.columns)
        else:
            names = node.using or _common_names(left, right, node)
            condition, columns = self._merge(node, left, right, names)
        frame = Frame(JoinedTable(node.kind, left.source, right.source, condition), tables, columns)
        if node.alias is None:
            return frame
        return replace(frame, tables=(Exposed((node.alias,), frame.columns),))

    def _merge(
        self, node: tree.Join, left: Frame, right: Frame, names: tuple[tree.Name, ...]
    ) -> tuple[Condition, tuple[Visible, ...]]:
        """USING and NATURAL: the condition, and the columns with the joined ones once and first."""
        merged: list[Visible] = []
        used: set[int] = set()
        terms: list[Condition] = []
        for name in names:
            one, other = _single(left, name, "left"), _single(right, name, "right")
            used |= {id(one), id(other)}
            kind = widest([one.value.facts.kind, other.value.facts.kind])
            if kind is None or kind in (
                Kind.ARRAY,
                Kind.OTHER,
                Kind.REGION,
                Kind.POINT,
                Kind.CIRCLE,
                Kind.POLYGON,
            ):
                raise AdqlError.at(
                    name.place, f"the columns {name.text} cannot be joined: their types differ"
                )
            terms.append(Compare("=", one.value, other.value))
            merged.append(Visible(one.name, _merged_value(node.kind, one.value, other.value), one.exact))
        rest = [visible for visible in (*left.columns, *right.columns) if id(visible) not in used]
        condition = terms[0] if len(terms) == 1 else Both(tuple(terms))
        return condition, (*merged, *rest)


def _merged_value(kind: str, left: Value, right: Value) -> Value:
    if kind in ("INNER", "LEFT"):
        return left
    return right if kind == "RIGHT" else Coalesce((left, right), left.facts)


def _single(frame: Frame, name: tree.Name, side: str) -> Visible:
    found = [visible for visible in frame.columns if visible.answers_to(name)]
    if len(found) == 1:
        return found[0]
    if found:
        raise AdqlError.at(name.place, f"column {name.text} is ambiguous on the {side} side of the join")
    # raises with near names
    find_column(Scope(list(frame.tables), list(frame.columns)), (name,))
    raise AssertionError(name)


def _common_names(left: Frame, right: Frame, node: tree.Join) -> tuple[tree.Name, ...]:
    names = []
    for visible in left.columns:
        name = tree.Name(visible.name, quoted=True, place=node.place)
        if any(other.answers_to(name) for other in right.columns):
            names.append(name)
    if not names:
        raise AdqlError.at(node.place, "NATURAL JOIN of tables without a common column", "use ON or a comma")
    return tuple(names)


def _check_distinct_names(tables: list[Exposed], node: tree.TableExpression) -> None:
    seen: dict[str, Exposed] = {}
    for table in tables:
        key = table.label if any(part.quoted for part in table.parts) else table.label.lower()
        if key in seen:
            raise AdqlError.at(
                table.parts[0].place,
                f"two tables are called {table.label} here",
                "give them different names with AS",
            )
        seen[key] = table


def _same_name(asked: tree.Name, known: tree.Name) -> bool:
    return means(asked, known.text, exact=known.quoted)


def _frame_of_query(source: Source, alias: str, query: ResolvedQuery, parts: tuple[tree.Name, ...]) -> Frame:
    columns = tuple(Visible(name, Reference(alias, inner, facts)) for name, inner, facts in query.columns)
    return Frame(source, (Exposed(parts, columns),), columns)


def _column_value(alias: str, table: Table, name: str) -> Value:
    column = table.column(name)
    facts = facts_of(column)
    reference = Reference(alias, column.name, facts)
    if table.region is not None and table.region == column.name:
        key = Reference(alias, "_footprint_id", Facts(Kind.BIGINT)) if table.has("_footprint_id") else None
        return Footprint(reference, key, replace(facts, kind=Kind.REGION))
    return reference
