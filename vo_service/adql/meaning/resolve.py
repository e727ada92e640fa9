"""Queries: tables, joins, select lists, grouping, order; and ``resolve``, the door to the whole stage."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass, replace
from types import MappingProxyType

from tap_schema import Table
from vo_service.adql.errors import AdqlError, Place
from vo_service.adql.language import tree
from vo_service.adql.meaning import derivation
from vo_service.adql.meaning.inner_queries import show
from vo_service.adql.meaning.naming import Namer
from vo_service.adql.meaning.resolve_tables import TableResolver
from vo_service.adql.meaning.scopes import Scope, Visible, is_lower_case, meant
from vo_service.adql.meaning.widths import MOST_COLUMNS as MOST_COLUMNS
from vo_service.adql.meaning.widths import check_groups, check_inside, check_width
from vo_service.adql.names import Names
from vo_service.adql.nodes.grouping import (
    Grouping,
    check_nesting,
    depends_on_rows,
    grouping_of,
    has_aggregate,
)
from vo_service.adql.nodes.kinds import INTEGERS, NUMBERS, SHAPES, Facts, Kind
from vo_service.adql.nodes.resolved import (
    Condition,
    Conversion,
    Reference,
    Value,
)
from vo_service.adql.nodes.resolved_queries import (
    Order,
    Output,
    Resolved,
    ResolvedBody,
    ResolvedOperation,
    ResolvedQuery,
    ResolvedSelect,
    SubqueryTable,
)
from vo_service.sky import Region


def resolve(
    query: tree.Tree,
    tables: Mapping[str, Table],
    names: Names | None = None,
    constants: Mapping[tuple[str, str], Region] = MappingProxyType({}),
) -> Resolved:
    """What a query means against published tables, keyed by lower-case ``schema.table``.

    Raises AdqlError: a name that is not published (with near ones), types that do not fit, a call that is not
    declared, a geometry without an exact plan. Nothing but what is in ``tables`` can be reached.
    ``names`` knows where the targets are that ``source`` is asked for; ``constants`` are the regions of
    columns (``schema.table``, column) of tables with one row.
    """
    return QueryResolver(tables, names, constants).whole(query)


@dataclass(frozen=True, slots=True)
class Made:
    """One SELECT, what it sees, and its groups if it has some: what its ORDER BY is resolved with."""

    select: ResolvedSelect
    scope: Scope
    grouping: Grouping | None


class QueryResolver(TableResolver):
    """Resolves queries; scopes follow their nesting."""

    def whole(self, node: tree.Tree) -> Resolved:
        """The whole query."""
        self.version = node.version
        named: list[tuple[str, ResolvedQuery]] = []
        for entry in node.common_tables:
            label = entry.name.text.lower()
            if label in (known.name.text.lower() for known in self.common):
                raise AdqlError.at(entry.place, f"two common tables are called {entry.name.text}")
            self.defining = entry.name
            query, columns = show(self.query(entry.query, None))
            check_inside(query, entry.query)
            self.defining = None
            name = f"w{len(named) + 1}"
            named.append((name, query))
            self.add_common(entry.name, name, columns)
        query = self.query(node.query, None)
        self.warnings[:0] = node.warnings
        return Resolved(query, tuple(named), tuple(dict.fromkeys(self.warnings)))

    def subquery(self, query: tree.Query) -> ResolvedQuery:
        clause, labels, inside = self.clause, self.labels, self._inside_aggregate
        scope, self._inside_aggregate = self.scope, False
        try:
            return self.query(query, scope)
        finally:
            self.scope, self.clause, self.labels, self._inside_aggregate = scope, clause, labels, inside

    def wrapped(self, query: ResolvedQuery, change: Callable[[Value], Value]) -> ResolvedQuery:
        inner, (column,) = show(query)
        alias = self._alias()
        output = Output(column.name, "v", change(column.seen_as(alias)))
        return ResolvedQuery(_select_from(SubqueryTable(alias, inner), (output,)))

    def query(self, node: tree.Query, outer: Scope | None) -> ResolvedQuery:
        """A select expression; ``outer`` is the scope it may look out into."""
        if not isinstance(node.body, tree.Select):
            return self._sorted(node, self._body(node.body, outer))
        made = self._select(node.body, outer)
        if node.order_by:
            self.scope, self.clause, self.labels = _with_labels(made), "ORDER BY", ()
        order = tuple(self._order(term, made) for term in node.order_by)
        check_width(node.body, len(made.select.outputs) + len(made.select.group_by) + len(order))
        if made.grouping is not None:
            check_groups(node.body, made.select, order)
        if node.offset is not None and not node.order_by:
            self.warnings.append("OFFSET without ORDER BY: which rows are left out is arbitrary")
        return ResolvedQuery(made.select, order, node.offset)

    # --- set operations ---

    def _body(self, node: tree.Body, outer: Scope | None) -> ResolvedBody:
        if isinstance(node, tree.Select):
            return self._select(node, outer).select
        if isinstance(node, tree.Query):
            return self.query(node, outer)
        left, right = self._body(node.left, outer), self._body(node.right, outer)
        if len(left.columns) != len(right.columns):
            raise AdqlError.at(
                node.place,
                f"the sides of {node.operator} have {len(left.columns)} and {len(right.columns)} columns",
            )
        columns, doubled = [], set()
        for index, ((name, alias, one), (_, _, other)) in enumerate(zip(left.columns, right.columns)):
            columns.append((name, alias, _common_facts(node, name, one, other)))
            kinds = {one.kind, other.kind}
            if Kind.REAL in kinds and kinds & INTEGERS:
                doubled.add(index)
        if doubled:  # engines would make REALs of both
            left = self._as_doubles(left, doubled, node.left)
            right = self._as_doubles(right, doubled, node.right)
        return ResolvedOperation(node.operator, node.keep_all, left, right, tuple(columns))

    def _as_doubles(self, body: ResolvedBody, indices: Set[int], node: tree.Body) -> ResolvedBody:
        """A side of a set operation with some of its columns, which are numbers, as doubles."""
        inner, shown = show(ResolvedQuery(body))
        check_inside(inner, node)
        alias, exact, outputs = self._alias(), body.exact, []
        for index, ((name, out, _), column) in enumerate(zip(body.columns, shown)):
            value = column.seen_as(alias)
            if index in indices:
                value = Conversion(value, Facts(Kind.DOUBLE))
            outputs.append(Output(name, out, value, out in exact))
        return _select_from(SubqueryTable(alias, inner), tuple(outputs))

    def _sorted(self, node: tree.Query, body: ResolvedBody) -> ResolvedQuery:
        """A set operation, or a query in parentheses, sorted by its output columns (ADQL-066)."""
        orders = [_by_output(term, body) for term in node.order_by]
        if node.offset is not None and not node.order_by:
            self.warnings.append("OFFSET without ORDER BY: which rows are left out is arbitrary")
        if None not in orders:
            return ResolvedQuery(body, tuple(order for order in orders if order is not None), node.offset)
        # expressions over output columns: sorted from outside
        inner, shown = show(ResolvedQuery(body))
        check_inside(inner, node)
        alias = self._alias()
        values = [column.seen_as(alias) for column in shown]
        visible = [Visible(column.name, value, column.exact) for column, value in zip(shown, values)]
        self.scope, self.clause, self.labels = Scope([], visible), "ORDER BY", ()
        exact = body.exact
        outputs = tuple(
            Output(name, out, value, out in exact) for (name, out, _), value in zip(body.columns, values)
        )
        select = _select_from(SubqueryTable(alias, inner), outputs)
        made = Made(select, self.scope, None)
        terms = [order or self._order(term, made) for order, term in zip(orders, node.order_by)]
        return ResolvedQuery(select, tuple(terms), node.offset)

    # --- one SELECT ---

    def _select(self, node: tree.Select, outer: Scope | None) -> Made:
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
        check_width(node, len(node.items))  # before they are named: that takes long where many are alike
        namer = Namer()
        for item in node.items:
            if isinstance(item, tree.Star):
                listed = self.star(item, scope)
                check_width(node, len(namer.outputs) + len(listed))
                for visible in listed:
                    namer.add(visible.name, visible.name, visible.value, visible.exact)
            else:
                self._add_item(item, namer)
        outputs = tuple(namer.outputs)
        check_width(node, len(outputs) + len(group_by))
        grouping = None
        if group_by or having is not None or any(has_aggregate(output.value) for output in outputs):
            grouping = grouping_of(group_by, sources)
            for output, place in zip(outputs, self._places(node, len(outputs))):
                grouping.check(output.value, place)
            outputs = tuple(replace(output, value=grouping.of(output.value)) for output in outputs)
            if having is not None and node.having is not None:
                grouping.check(having, node.having.place)
                having = grouping.of(having)
        if node.distinct:
            self._check_distinct(node, outputs)
        select = ResolvedSelect(outputs, sources, node.distinct, node.top, where, group_by, having)
        if grouping is not None:
            check_groups(node, select)
        return Made(select, scope, grouping)

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
        label, exact = None, False
        if item.label is not None:
            label, exact = item.label.text, item.label.quoted and not is_lower_case(item.label.text)
        elif isinstance(item.value, tree.ColumnName):
            visible = self.visible(item.value)
            label, exact = visible.name, visible.exact
        namer.add(label, generated_name(item.value, len(namer.outputs) + 1), value, exact)

    def _check_distinct(self, node: tree.Select, outputs: tuple[Output, ...]) -> None:
        for output, place in zip(outputs, self._places(node, len(outputs))):
            if output.value.facts.kind in SHAPES - {Kind.REGION}:
                raise AdqlError.at(place, "DISTINCT does not take geometries", "select their coordinates")

    # --- order ---

    def _order(self, term: tree.SortTerm, made: Made) -> Order:
        value, select = term.value, made.select
        if isinstance(value, tree.Number) and value.is_integer:
            return _by_position(term, select.columns)
        if isinstance(value, tree.ColumnName) and len(value.parts) == 1:
            named = meant(value.parts[0], [_as_label(output) for output in select.outputs])
            labelled = [output for output in select.outputs if output.name in (one.name for one in named)]
            if labelled and all(output.value == labelled[0].value for output in labelled):
                _check_sortable(labelled[0].value.facts.kind, term)
                return Order(labelled[0].alias, labelled[0].value.facts.kind, term.descending)
            if labelled:
                raise AdqlError.at(term.place, f"{value.parts[0].text} names several columns of the result")
        resolved = self.value(value)
        if made.grouping is not None:
            check_nesting(resolved, term.place)
            made.grouping.check(resolved, term.place)
            resolved = made.grouping.of(resolved)
        elif has_aggregate(resolved):
            raise AdqlError.at(
                term.place, "an aggregate cannot sort the rows of a query without groups", "select it, too"
            )
        for output in select.outputs:
            if output.value == resolved:
                _check_sortable(resolved.facts.kind, term)
                return Order(output.alias, resolved.facts.kind, term.descending)
        if not depends_on_rows(resolved):
            raise AdqlError.at(
                term.place, "ORDER BY a constant sorts nothing", "a position is an unsigned integer, alone"
            )
        if select.distinct:
            raise AdqlError.at(
                term.place, "with DISTINCT only columns of the result can be sorted by", "select it as well"
            )
        _check_sortable(resolved.facts.kind, term)
        return Order(resolved, resolved.facts.kind, term.descending)


def _select_from(table: SubqueryTable, outputs: tuple[Output, ...]) -> ResolvedSelect:
    """All rows of a derived table."""
    return ResolvedSelect(outputs, (table,), distinct=False, top=None, where=None, group_by=(), having=None)


def _with_labels(made: Made) -> Scope:
    """What ORDER BY sees: the columns of the sources, then the labels, then the query round it (ADQL-076)."""
    labels: dict[str, list[Visible]] = {}
    for output in made.select.outputs:
        same = labels.setdefault(output.name, [])
        if all(output.value != one.value for one in same):
            same.append(_as_label(output))
    visible = [label for same in labels.values() for label in same]
    return replace(made.scope, outer=Scope([], visible, made.scope.outer))


def _common_facts(node: tree.SetOperation, name: str, one: Facts, other: Facts) -> Facts:
    """Facts of one column of a set operation (ADQL-063, ADQL-064). Raises AdqlError where types differ."""
    facts = derivation.of_set(one, other)
    if facts is None:
        raise AdqlError.at(
            node.place,
            f"column {name} of {node.operator} is {one.kind} on one side, {other.kind} on the other",
            "write CAST(x AS type) on one side",
        )
    if facts.kind in SHAPES - {Kind.REGION} and not (node.operator == "UNION" and node.keep_all):
        operator = f"{node.operator} ALL" if node.keep_all else node.operator
        raise AdqlError.at(
            node.place,
            f"column {name} is a {facts.kind}, and {operator} compares rows",
            "write UNION ALL, or select coordinates",
        )
    return facts


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


def _as_label(output: Output) -> Visible:
    return Visible(output.name, output.value, output.exact)


def _by_output(term: tree.SortTerm, body: ResolvedBody) -> Order | None:
    """The sort term that is an output column by its name or position; None where it is an expression."""
    if isinstance(term.value, tree.Number) and term.value.is_integer:
        return _by_position(term, body.columns)
    if not isinstance(term.value, tree.ColumnName) or len(term.value.parts) > 1:
        return None
    asked = term.value.parts[0]
    exact = body.exact
    columns = [
        Visible(name, Reference("", alias, facts), alias in exact) for name, alias, facts in body.columns
    ]
    found = meant(asked, columns)
    if len(found) != 1:
        return None
    column = found[0].value
    assert isinstance(column, Reference)
    _check_sortable(column.facts.kind, term)
    return Order(column.column, column.facts.kind, term.descending)
