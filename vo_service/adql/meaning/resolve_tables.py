"""FROM: tables, derived tables, joins, and the columns that come into sight by them (ADQL-037 to 049)."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from tap_schema import Table
from vo_service.adql.errors import AdqlError, Place
from vo_service.adql.language import tree
from vo_service.adql.meaning import derivation
from vo_service.adql.meaning.base_columns import columns_of
from vo_service.adql.meaning.inner_queries import Shown, show
from vo_service.adql.meaning.resolve_conditions import ConditionResolver
from vo_service.adql.meaning.scopes import Exposed, Scope, Visible, find_column, find_table, means, meant
from vo_service.adql.meaning.widths import check_inside
from vo_service.adql.names import Names
from vo_service.adql.nodes.kinds import SHAPES, Kind, widest
from vo_service.adql.nodes.resolved import (
    Both,
    Coalesce,
    Compare,
    Condition,
    Value,
)
from vo_service.adql.nodes.resolved_queries import (
    BaseTable,
    JoinedTable,
    NamedTable,
    ResolvedQuery,
    Source,
    SubqueryTable,
)
from vo_service.adql.nodes.resolved_shapes import Shape, Stored
from vo_service.sky import Region

_NOTHING = Scope([], [])


@dataclass(frozen=True, slots=True)
class CommonName:
    """A common table that can be selected from."""

    name: tree.Name
    statement_name: str
    columns: tuple[Shown, ...]


@dataclass(frozen=True, slots=True)
class Frame:
    """A source with what it brings into sight: tables for qualified names, columns in the order of ``*``."""

    source: Source
    tables: tuple[Exposed, ...]
    columns: tuple[Visible, ...]


class TableResolver(ConditionResolver):
    """Resolves FROM clauses and stars."""

    def __init__(
        self,
        tables: Mapping[str, Table],
        names: Names | None,
        constants: Mapping[tuple[str, str], Region] = MappingProxyType({}),
    ) -> None:
        super().__init__(tables, names)
        self._constants = constants
        self.base_tables: dict[str, Table] = {}
        self.common: list[CommonName] = []
        self.defining: tree.Name | None = None
        self._aliases = 0

    @abstractmethod
    def query(self, node: tree.Query, outer: Scope | None) -> ResolvedQuery:
        """A select expression."""

    def add_common(self, name: tree.Name, statement_name: str, columns: tuple[Shown, ...]) -> None:
        """Make a common table known to what follows."""
        self.common.append(CommonName(name, statement_name, columns))

    def from_clause(
        self, nodes: tuple[tree.TableExpression, ...], outer: Scope | None
    ) -> tuple[tuple[Source, ...], Scope]:
        """The sources of one FROM and the scope they make."""
        frames = [self._frame_of(node, outer) for node in nodes]
        tables = [table for frame in frames for table in frame.tables]
        _check_distinct_names(tables, nodes[0])
        columns = [visible for frame in frames for visible in frame.columns]
        return tuple(frame.source for frame in frames), Scope(tables, columns, outer)

    def star(self, node: tree.Star, scope: Scope) -> tuple[Visible, ...]:
        """The columns of ``*`` or ``table.*``; hidden columns are never among them."""
        if not node.parts:
            return _listed(scope.columns)
        found = scope.table(node.parts)
        if len(found) != 1:
            names = ", ".join(table.label for table in scope.tables)
            asked = ".".join(part.text for part in node.parts)
            raise AdqlError.at(
                node.place, f"no single table {asked} in this query", f"the tables are {names}"
            )
        return _listed(found[0].columns)

    def visible(self, node: tree.ColumnName) -> Visible:
        """The column as it is published (or labelled further inside), for the name of an output column."""
        return find_column(self.scope, node.parts)

    # --- sources ---

    def _frame_of(self, node: tree.TableExpression, outer: Scope | None) -> Frame:
        match node:
            case tree.TableName():
                return self._named(node)
            case tree.DerivedTable():
                scope, clause, labels = self.scope, self.clause, self.labels
                query, columns = show(self.query(node.query, outer))
                check_inside(query, node.query)
                self.scope, self.clause, self.labels = scope, clause, labels
                alias = self._alias()
                return _frame_of_query(SubqueryTable(alias, query), alias, columns, (node.alias,))
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
                        NamedTable(alias, common.statement_name), alias, common.columns, parts
                    )
        table = find_table(self.tables, node.parts)
        alias = self._alias()
        self.base_tables[alias] = table
        if node.alias is None:
            place = node.place
            parts = (tree.Name(table.schema, place=place), tree.Name(table.name, place=place))
        columns = columns_of(table, alias)
        if self._constants:
            columns = tuple(self._as_constant(table, visible) for visible in columns)
        return Frame(BaseTable(alias, table), (Exposed(parts, columns),), columns)

    def _as_constant(self, table: Table, visible: Visible) -> Visible:
        """A column that has one region in all its rows as a constant."""
        region, value = self._constants.get((table.qualified, visible.name)), visible.value
        if region is None or not isinstance(value, Stored):
            return visible
        return replace(visible, value=Shape(region, value.facts, value.frame, present=value.value))

    # --- joins ---

    def _join(self, node: tree.Join, outer: Scope | None) -> Frame:
        left, right = self._frame_of(node.left, outer), self._frame_of(node.right, outer)
        tables = (*left.tables, *right.tables)
        _check_distinct_names(list(tables), node)
        if node.on is not None:
            scope, clause = self.scope, self.clause
            self.scope, self.clause = Scope(list(tables), [*left.columns, *right.columns], outer), "ON"
            condition = self.condition(node.on)
            self.scope, self.clause = scope, clause
            columns = (*left.columns, *right.columns)
        else:
            pairs = [_pair(left, right, name) for name in node.using] or _common_columns(left, right, node)
            condition, columns = _merge(node, left, right, pairs)
        frame = Frame(JoinedTable(node.kind, left.source, right.source, condition), tables, columns)
        if node.alias is None:
            return frame
        return replace(frame, tables=(Exposed((node.alias,), frame.columns),))


_Pair = tuple[Visible, Visible, Place]


def _merge(
    node: tree.Join, left: Frame, right: Frame, pairs: list[_Pair]
) -> tuple[Condition, tuple[Visible, ...]]:
    """USING and NATURAL: the condition, and the columns with the joined ones once and first."""
    merged: list[Visible] = []
    used: set[int] = set()
    terms: list[Condition] = []
    for one, other, place in pairs:
        used |= {id(one), id(other)}
        kind = widest([one.value.facts.kind, other.value.facts.kind])
        if kind is None:
            raise AdqlError.at(place, f"the columns {one.name} cannot be joined: their types differ")
        if kind in SHAPES | {Kind.ARRAY, Kind.OTHER}:
            raise AdqlError.at(place, f"the columns {one.name} cannot be joined: a {kind} does not compare")
        terms.append(Compare("=", one.value, other.value))
        merged.append(Visible(one.name, _merged_value(node.kind, one.value, other.value), one.exact))
    rest = [visible for visible in (*left.columns, *right.columns) if id(visible) not in used]
    condition = terms[0] if len(terms) == 1 else Both(tuple(terms))
    return condition, (*merged, *rest)


def _merged_value(kind: str, left: Value, right: Value) -> Value:
    if kind in ("INNER", "LEFT"):
        return left
    if kind == "RIGHT":
        return right
    return Coalesce((left, right), derivation.of_set(left.facts, right.facts) or left.facts)


def _pair(left: Frame, right: Frame, name: tree.Name) -> _Pair:
    """The columns of both sides that a name in USING means."""
    return _single(left, name, "left"), _single(right, name, "right"), name.place


def _single(frame: Frame, name: tree.Name, side: str) -> Visible:
    found = meant(name, frame.columns)
    if len(found) == 1:
        return found[0]
    if found:
        raise AdqlError.at(name.place, f"column {name.text} is ambiguous on the {side} side of the join")
    # raises with near names
    find_column(Scope(list(frame.tables), list(frame.columns)), (name,))
    raise AssertionError(name)


def _listed(columns: Iterable[Visible]) -> tuple[Visible, ...]:
    return tuple(visible for visible in columns if not visible.unlisted)


def _common_columns(left: Frame, right: Frame, node: tree.Join) -> list[_Pair]:
    """The columns of one name on both sides, for NATURAL (ADQL-048)."""
    pairs = []
    ours, theirs = _listed(left.columns), _listed(right.columns)
    for visible in ours:
        others = [other for other in theirs if _one_name(visible, other)]
        again = [each for each in ours if others and _one_name(each, others[0])]
        if len(others) > 1 or len(again) > 1:
            raise AdqlError.at(
                node.place, f"column {visible.name} is ambiguous on one side of the join", "join by ON"
            )
        pairs += [(visible, other, node.place) for other in others]
    if not pairs:
        raise AdqlError.at(node.place, "NATURAL JOIN of tables without a common column", "use ON or a comma")
    return pairs


def _one_name(one: Visible, other: Visible) -> bool:
    if one.exact or other.exact:
        return one.name == other.name
    return one.name.lower() == other.name.lower()


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


def _frame_of_query(
    source: Source, alias: str, shown: tuple[Shown, ...], parts: tuple[tree.Name, ...]
) -> Frame:
    columns = tuple(Visible(column.name, column.seen_as(alias), column.exact) for column in shown)
    return Frame(source, (Exposed(parts, columns),), columns)
