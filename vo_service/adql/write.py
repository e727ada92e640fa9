"""The only place that makes SQL text: a plan as a statement of an engine.

Every identifier is quoted, every alias is ours, every literal is escaped by sqlglot's writer. Columns that
are made at query time come as expressions in ``sources``; a table they are used of is wrapped in a derived
table.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlglot import exp

from vo_service.adql import sql_nodes as sql
from vo_service.adql.condition_sql import ConditionWriter
from vo_service.adql.kinds import Kind
from vo_service.adql.plan import Plan
from vo_service.adql.probes import Probe
from vo_service.adql.resolved import (
    Constant,
    Reference,
)
from vo_service.adql.resolved_queries import (
    BaseTable,
    JoinedTable,
    NamedTable,
    Order,
    ResolvedBody,
    ResolvedOperation,
    ResolvedQuery,
    ResolvedSelect,
    Source,
    SubqueryTable,
)
from vo_service.adql.sql_nodes import Sql

DIALECTS = ("duckdb", "postgres")
_SETS: dict[str, type[exp.SetOperation]] = {
    "UNION": exp.Union,
    "EXCEPT": exp.Except,
    "INTERSECT": exp.Intersect,
}


@dataclass(frozen=True, slots=True)
class Written:
    """A statement, and the probes whose answers it reads as tables of their names."""

    sql: str
    probes: tuple[Probe, ...]


def write(
    plan: Plan,
    dialect: str,
    sources: Mapping[tuple[str, str], Sql] | None = None,
    rows: Mapping[str, Sql] | None = None,
    staged: Sql | None = None,
) -> Written:
    """The statement of a plan for ``duckdb`` or ``postgres``.

    ``sources`` maps (``schema.table``, column) to an expression over stored, unqualified columns of that
    table; columns that are not in it are stored under their own names. ``rows`` has, for tables of which
    not all rows are to be seen, the condition on such columns that those meet which are. ``staged`` is the
    footprint that a row of ``_hidden.staged_footprint`` stands for.
    """
    if dialect not in DIALECTS:
        raise ValueError(f"no such dialect: {dialect}")
    writer = StatementWriter(dialect, sources or {}, rows or {}, staged)
    text = writer.statement(plan).sql(dialect=dialect, identify=True, comments=False, copy=False)
    return Written(text, tuple(writer.conditions.probes.values()))


class StatementWriter:
    """Writes one statement; knows which columns of which table were used."""

    def __init__(
        self,
        dialect: str,
        sources: Mapping[tuple[str, str], Sql],
        rows: Mapping[str, Sql],
        staged: Sql | None,
    ) -> None:
        self.dialect = dialect
        self.sources = sources
        self.rows = rows
        self.conditions = ConditionWriter(dialect, self.reference, self.query, staged)
        self.values = self.conditions.values
        self._used: dict[str, dict[str, None]] = {}

    def reference(self, reference: Reference) -> Sql:
        """A column of a source; remembered, since a wrapped table lists what is used of it."""
        self._used.setdefault(reference.source, {})[reference.column] = None
        return exp.column(reference.column, table=reference.source, quoted=True)

    def statement(self, plan: Plan) -> exp.Query:
        """The whole statement: common tables, query, limit."""
        query = self._limited(plan.query, plan.limit)
        for name, common in plan.common_tables:
            query = query.with_(exp.to_identifier(name, quoted=True), as_=self.query(common), copy=False)
        return query

    def _limited(self, query: ResolvedQuery, limit: int | None) -> exp.Query:
        if limit is None:
            return self.query(query)
        if isinstance(query.body, ResolvedSelect):
            top = limit if query.body.top is None else min(limit, query.body.top)
            return self._sorted_select(query, query.body, top)
        return self.query(query).limit(limit, copy=False)

    def query(self, query: ResolvedQuery) -> exp.Query:
        """A query: ORDER BY, then OFFSET, then TOP (ADQL-026, ADQL-030)."""
        if isinstance(query.body, ResolvedSelect):
            return self._sorted_select(query, query.body, query.body.top)
        return self._sorted_outside(query, self._body(query.body), None)

    def _sorted_select(self, query: ResolvedQuery, select: ResolvedSelect, top: int | None) -> exp.Query:
        if select.distinct and query.order:
            return self._sorted_outside(query, self.select(select), top)
        # before FROM is written: sort terms use columns, too
        order = [self._order_within(term, select) for term in query.order]
        return _cut(self.select(select), [term for term in order if term is not None], query.offset, top)

    def _sorted_outside(self, query: ResolvedQuery, written: exp.Query, top: int | None) -> exp.Query:
        """Sorted by output columns, from outside, where every engine agrees what a name means."""
        if not query.order:
            return _cut(written, [], query.offset, top)
        aliases = [exp.column(alias, quoted=True) for _, alias, _ in query.columns]
        wrapped = exp.Select(expressions=aliases).from_(
            exp.Subquery(this=written, alias=_table_alias("s")), copy=False
        )
        order = [self._ordered(exp.column(str(term.term), quoted=True), term) for term in query.order]
        return _cut(wrapped, order, query.offset, top)

    def _order_within(self, order: Order, select: ResolvedSelect) -> exp.Ordered | None:
        """A sort term of one SELECT: an output column by its position, else the value itself."""
        if not isinstance(order.term, str):
            return self._ordered(self.values.value(order.term), order)
        position = next(i for i, output in enumerate(select.outputs, start=1) if output.alias == order.term)
        value = select.outputs[position - 1].value
        if isinstance(value, Constant):
            return None  # sorts nothing, and a literal would be read as a position
        if order.kind is Kind.TEXT and self.dialect == "postgres":
            return self._ordered(self.values.value(value), order)
        return _ordered(exp.Literal.number(position), order)

    def _ordered(self, term: Sql, order: Order) -> exp.Ordered:
        return _ordered(self.values.sortable(term) if order.kind is Kind.TEXT else term, order)

    def _body(self, body: ResolvedBody) -> exp.Query:
        if isinstance(body, ResolvedSelect):
            select = self.select(body)
            return select if body.top is None else select.limit(body.top, copy=False)
        if isinstance(body, ResolvedQuery):
            return self.query(body)
        return self._operation(body)

    def _operation(self, operation: ResolvedOperation) -> exp.Query:
        """Both sides in parentheses: precedence was settled by the parser."""
        left = exp.Subquery(this=self._body(operation.left))
        right = exp.Subquery(this=self._body(operation.right))
        kind = _SETS[operation.operator]
        return kind(this=left, expression=right, distinct=not operation.keep_all)

    def select(self, select: ResolvedSelect) -> exp.Select:
        """One SELECT without order and limit; FROM comes last, when the used columns are known."""
        outputs = [sql.labelled(self.values.value(output.value), output.alias) for output in select.outputs]
        written = exp.Select(expressions=outputs)
        if select.distinct:
            written.set("distinct", exp.Distinct())
        if select.where is not None:
            written.set("where", exp.Where(this=self.conditions.condition(select.where)))
        if select.group_by:
            terms = [self.values.value(term) for term in select.group_by]
            written.set("group", exp.Group(expressions=terms))
        if select.having is not None:
            written.set("having", exp.Having(this=self.conditions.condition(select.having)))
        self._attach(written, select)
        return written

    # --- FROM ---

    def _attach(self, written: exp.Select, select: ResolvedSelect) -> None:
        # conditions of joins first: they use columns, too
        conditions = {id(join): self.conditions.condition(join.condition) for join in _joins(select.sources)}
        tables = [self._source(source, conditions) for source in select.sources]
        written.from_(tables[0], copy=False)
        for table in tables[1:]:
            written.join(table, join_type="CROSS", copy=False)

    def _source(self, source: Source, conditions: Mapping[int, Sql]) -> Sql:
        match source:
            case BaseTable():
                return self._table(source)
            case SubqueryTable():
                return exp.Subquery(this=self.query(source.query), alias=_table_alias(source.alias))
            case NamedTable():
                return exp.Table(
                    this=exp.to_identifier(source.name, quoted=True), alias=_table_alias(source.alias)
                )
            case JoinedTable():
                left, right = self._source(source.left, conditions), self._source(source.right, conditions)
                side = None if source.kind == "INNER" else source.kind
                join = exp.Join(
                    this=right, side=side, kind="INNER" if side is None else None, on=conditions[id(source)]
                )
                left.set("joins", [*(left.args.get("joins") or []), join])
                return exp.Paren(this=left)

    def _table(self, source: BaseTable) -> Sql:
        table = exp.Table(
            this=exp.to_identifier(source.table.name, quoted=True),
            db=exp.to_identifier(source.table.schema, quoted=True),
        )
        used = self._used.get(source.alias, {})
        qualified = source.table.qualified
        condition = self.rows.get(qualified)
        if condition is None and not any((qualified, column) in self.sources for column in used):
            table.set("alias", _table_alias(source.alias))
            return table
        columns = []
        for column in used:
            made = self.sources.get((qualified, column))
            stored = exp.column(column, quoted=True)
            columns.append(stored if made is None else sql.labelled(made.copy(), column))
        inner = exp.Select(expressions=columns or [exp.Literal.number(1)]).from_(table, copy=False)
        if condition is not None:
            inner.set("where", exp.Where(this=condition.copy()))
        return exp.Subquery(this=inner, alias=_table_alias(source.alias))


def _ordered(term: Sql, order: Order) -> exp.Ordered:
    """NULLs sort as larger than every value: last upwards, first downwards (ADQL-077)."""
    return exp.Ordered(this=term, desc=order.descending, nulls_first=order.descending)


def _cut(written: exp.Query, order: list[exp.Ordered], offset: int | None, top: int | None) -> exp.Query:
    """ORDER BY, OFFSET and LIMIT behind a query."""
    if order:
        written.set("order", exp.Order(expressions=order))
    if top is not None:
        written.set("limit", exp.Limit(expression=exp.Literal.number(top)))
    if offset:
        written.set("offset", exp.Offset(expression=exp.Literal.number(offset)))
    return written


def _joins(sources: tuple[Source, ...]) -> list[JoinedTable]:
    """All joins of a FROM, also those inside joins."""
    found: list[JoinedTable] = []
    waiting = list(sources)
    while waiting:
        source = waiting.pop()
        if isinstance(source, JoinedTable):
            found.append(source)
            waiting += [source.left, source.right]
    return found


def _table_alias(name: str) -> exp.TableAlias:
    return exp.TableAlias(this=exp.to_identifier(name, quoted=True))
