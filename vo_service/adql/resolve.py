"""Queries: tables, joins, select lists, grouping, order; and ``resolve``, the door to the whole stage."""

from __future__ import annotations

from collections.abc import Mapping

from tap_schema import Table
from vo_service.adql import tree
from vo_service.adql.errors import AdqlError, Place
from vo_service.adql.grouping import check_grouped, has_aggregate
from vo_service.adql.kinds import NUMBERS, SHAPES, Facts, Kind, widest
from vo_service.adql.names import Names
from vo_service.adql.naming import Namer
from vo_service.adql.resolve_tables import TableResolver
from vo_service.adql.resolved import (
    Condition,
    Constant,
    Value,
)
from vo_service.adql.resolved_queries import (
    Order,
    Resolved,
    ResolvedBody,
    ResolvedOperation,
    ResolvedQuery,
    ResolvedSelect,
)
from vo_service.adql.scopes import Scope


def resolve(query: tree.Tree, tables: Mapping[str, Table], names: Names | None = None) -> Resolved:
    """What a query means against published tables, keyed by lower-case ``schema.table``.

    Raises AdqlError: a name that is not published (with near ones), types that do not fit, a call that is not
    declared, a geometry without an exact plan. Nothing but what is in ``tables`` can be reached.
    ``names`` knows where the targets are that ``source`` is asked for.
    """
    return QueryResolver(tables, names).whole(query)


class QueryResolver(TableResolver):
    """Resolves queries; scopes follow their nesting."""

    def whole(self, node: tree.Tree) -> Resolved:
        """The whole query."""
        named: list[tuple[str, ResolvedQuery]] = []
        for entry in node.common_tables:
            label = entry.name.text.lower()
            if label in (known.name.text.lower() for known in self.common):
                raise AdqlError.at(entry.place, f"two common tables are called {entry.name.text}")
            self.defining = entry.name
            query = self.query(entry.query, None)
            self.defining = None
            name = f"w{len(named) + 1}"
            named.append((name, query))
            self.add_common(entry.name, name, query)
        query = self.query(node.query, None)
        return Resolved(query, tuple(named), tuple(dict.fromkeys(self.warnings)))

    def subquery(self, query: tree.Query) -> ResolvedQuery:
        clause, labels, inside = self.clause, self.labels, self._inside_aggregate
        scope, self._inside_aggregate = self.scope, False
        try:
            return self.query(query, scope)
        finally:
            self.scope, self.clause, self.labels, self._inside_aggregate = scope, clause, labels, inside

    def query(self, node: tree.Query, outer: Scope | None) -> ResolvedQuery:
        """A select expression; ``outer`` is the scope it may look out into."""
        if isinstance(node.body, tree.Select):
            select, scope = self._select(node.body, outer)
            self.scope, self.clause, self.labels = scope, "ORDER BY", ()
            order = tuple(self._order(term, node.body, select) for term in node.order_by)
            if node.offset is not None and not node.order_by:
                self.warnings.append("OFFSET without ORDER BY: which rows are left out is arbitrary")
            return ResolvedQuery(select, order, node.offset)
        body = self._body(node.body, outer)
        return ResolvedQuery(
            body, tuple(self._order_output(term, body) for term in node.order_by), node.offset
        )

    # --- set operations ---

    def _body(self, node: tree.Body, outer: Scope | None) -> ResolvedBody:
        if isinstance(node, tree.Select):
            return self._select(node, outer)[0]
        if isinstance(node, tree.Query):
            return self.query(node, outer)
        left, right = self._body(node.left, outer), self._body(node.right, outer)
        if len(left.columns) != len(right.columns):
            raise AdqlError.at(
                node.place,
                f"the sides of {node.operator} have {len(left.columns)} and {len(right.columns)} columns",
            )
        columns = []
        for (name, alias, one), (_, _, other) in zip(left.columns, right.columns):
            kind = widest([one.kind, other.kind])
            if kind is None or kind in SHAPES - {Kind.REGION}:
                raise AdqlError.at(
                    node.place,
                    f"column {name} of {node.operator} is {one.kind} on one side, {other.kind} on the other",
                )
            facts = one if kind is one.kind else Facts(kind, one.unit, one.ucd, one.utype, one.description)
            columns.append((name, alias, facts))
        return ResolvedOperation(node.operator, node.keep_all, left, right, tuple(columns))

    def _order_output(self, term: tree.SortTerm, body: ResolvedBody) -> Order:
        """ORDER BY of a set operation: output columns by name or position only (ADQL-066)."""
        columns = body.columns
        if isinstance(term.value, tree.Number) and term.value.is_integer:
            return _by_position(term, columns)
        if isinstance(term.value, tree.ColumnName) and len(term.value.parts) == 1:
            asked = term.value.parts[0]
            found = [column for column in columns if _is_called(asked, column[0])]
            if len(found) == 1:
                _check_sortable(found[0][2].kind, term)
                return Order(found[0][1], found[0][2].kind, term.descending)
        names = ", ".join(name for name, _, _ in columns)
        raise AdqlError.at(
            term.place,
            "a set operation is sorted by its output columns",
            f"name one of {names}, or its position",
        )

    # --- one SELECT ---

    def _select(self, node: tree.Select, outer: Scope | None) -> tuple[ResolvedSelect, Scope]:
        sources, scope = self.from_clause(node.tables, outer)
        self.scope = scope
        self.labels = tuple(
            item.label.text for item in node.items if isinstance(item, tree.Item) and item.label is not None
        )
        where = self._clause("WHERE", node.where)
        self.clause = "GROUP BY"
        group_by = tuple(self._group_term(term) for term in node.group_by)
        having = self._clause("HAVING", node.having)
        self.clause = "SELECT"
        namer = Namer()
        for item in node.items:
            if isinstance(item, tree.Star):
                for visible in self.star(item, scope):
                    namer.add(visible.name, visible.name, visible.value)
            else:
                self._add_item(item, namer)
        outputs = tuple(namer.outputs)
        if group_by or having is not None or any(has_aggregate(output.value) for output in outputs):
            for output, place in zip(outputs, self._places(node, len(outputs))):
                check_grouped(output.value, group_by, place)
            if having is not None and node.having is not None:
                check_grouped(having, group_by, node.having.place)
        if node.distinct:
            self._check_distinct(node, outputs_kinds=[output.value.facts.kind for output in outputs])
        select = ResolvedSelect(outputs, sources, node.distinct, node.top, where, group_by, having)
        return select, scope

    def _places(self, node: tree.Select, count: int) -> list[Place]:
        if any(isinstance(item, tree.Star) for item in node.items):
            return [node.items[0].place] * count
        return [item.place for item in node.items]

    def _clause(self, name: str, node: tree.Condition | None) -> Condition | None:
        self.clause = name
        return None if node is None else self.condition(node)

    def _group_term(self, node: tree.Value) -> Value:
        if isinstance(node, tree.Number | tree.String | tree.Null):
            raise AdqlError.at(
                node.place, "GROUP BY takes a constant for what it is, not for a position", "name the column"
            )
        value = self.value(node)
        if value.facts.kind in SHAPES | {Kind.ARRAY, Kind.OTHER}:
            raise AdqlError.at(node.place, f"GROUP BY does not take a {value.facts.kind}")
        return value

    def _add_item(self, item: tree.Item, namer: Namer) -> None:
        value = self.value(item.value)
        label = item.label.text if item.label is not None else None
        if label is None and isinstance(item.value, tree.ColumnName):
            label = self.published_name(item.value)
        namer.add(label, generated_name(item.value, len(namer.outputs) + 1), value)

    def _check_distinct(self, node: tree.Select, outputs_kinds: list[Kind]) -> None:
        if any(kind in SHAPES - {Kind.REGION} for kind in outputs_kinds):
            raise AdqlError.at(node.place, "DISTINCT does not take geometries", "select their coordinates")

    # --- order ---

    def _order(self, term: tree.SortTerm, node: tree.Select, select: ResolvedSelect) -> Order:
        value = term.value
        if isinstance(value, tree.Number) and value.is_integer:
            return _by_position(term, select.columns)
        if isinstance(value, tree.ColumnName) and len(value.parts) == 1:
            labelled = [output for output in select.outputs if _is_called(value.parts[0], output.name)]
            if labelled and all(output.value == labelled[0].value for output in labelled):
                _check_sortable(labelled[0].value.facts.kind, term)
                return Order(labelled[0].alias, labelled[0].value.facts.kind, term.descending)
            if labelled:
                raise AdqlError.at(term.place, f"{value.parts[0].text} names several columns of the result")
        resolved = self.value(value)
        for output in select.outputs:
            if output.value == resolved:
                _check_sortable(resolved.facts.kind, term)
                return Order(output.alias, resolved.facts.kind, term.descending)
        if isinstance(resolved, Constant):
            raise AdqlError.at(
                term.place, "ORDER BY a constant sorts nothing", "a position is an unsigned integer, alone"
            )
        if select.distinct:
            raise AdqlError.at(
                term.place, "with DISTINCT only columns of the result can be sorted by", "select it as well"
            )
        _check_sortable(resolved.facts.kind, term)
        if select.group_by or any(has_aggregate(output.value) for output in select.outputs):
            check_grouped(resolved, select.group_by, term.place)
        return Order(resolved, resolved.facts.kind, term.descending)


def generated_name(node: tree.Value, position: int) -> str:
    """Name of a column without a label: the function's, else ``col`` and its position."""
    while isinstance(node, tree.Parenthesised):
        node = node.operand
    if isinstance(node, tree.Call | tree.Aggregate):
        return node.name.lower()
    return f"col{position}"


def _by_position(term: tree.SortTerm, columns: tuple[tuple[str, str, Facts], ...]) -> Order:
    assert isinstance(term.value, tree.Number)
    position = int(term.value.text) if len(term.value.text) < 10 else 0
    if not 1 <= position <= len(columns):
        raise AdqlError.at(
            term.place,
            f"there is no column {term.value.text} in the result",
            f"positions run from 1 to {len(columns)}",
        )
    _, alias, facts = columns[position - 1]
    _check_sortable(facts.kind, term)
    return Order(alias, facts.kind, term.descending)


def _check_sortable(kind: Kind, term: tree.SortTerm) -> None:
    if kind not in NUMBERS | {Kind.TEXT, Kind.TIMESTAMP, Kind.NULL}:
        raise AdqlError.at(term.place, f"ORDER BY does not take a {kind}")


def _is_called(asked: tree.Name, name: str) -> bool:
    return asked.text == name if asked.quoted else asked.text.lower() == name.lower()
