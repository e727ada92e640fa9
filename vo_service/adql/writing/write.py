"""The only place that makes SQL text: a plan as a statement of an engine.

Every identifier is quoted, every alias is ours, every literal is escaped by sqlglot's writer. Columns that
are made at query time come as expressions in ``sources``. They stand in the result as they are where nothing
else wants them; else the table that they are of is wrapped in a derived table.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from sqlglot import exp

from tap_schema import Table
from vo_service.adql.nodes.kinds import Kind
from vo_service.adql.nodes.planned import KeptTable, LinkedTable, MeasuredTable
from vo_service.adql.nodes.resolved import Constant, MeasuredColumn, Reference
from vo_service.adql.nodes.resolved_queries import (
    BaseTable,
    JoinedTable,
    NamedTable,
    Order,
    Output,
    ResolvedBody,
    ResolvedOperation,
    ResolvedQuery,
    ResolvedSelect,
    Source,
    SubqueryTable,
)
from vo_service.adql.planning.plan import Plan
from vo_service.adql.planning.sides import joins, parts_of
from vo_service.adql.probes import Probe
from vo_service.adql.probes.footprints import HIDDEN
from vo_service.adql.sql import nodes as sql
from vo_service.adql.sql.nodes import Sql
from vo_service.adql.writing.columns import listed, of_alias, quoted
from vo_service.adql.writing.condition_sql import ConditionWriter
from vo_service.adql.writing.probe_sql import ProbeWriter
from vo_service.adql.writing.written import Circumstances, Collected, Uploaded, Written, checked
from vo_service.sky import Moc

DIALECTS = ("duckdb", "postgres")
_SETS: dict[str, type[exp.SetOperation]] = {
    "UNION": exp.Union,
    "EXCEPT": exp.Except,
    "INTERSECT": exp.Intersect,
}


def write(
    plan: Plan,
    dialect: str,
    sources: Mapping[tuple[str, str], Sql] | None = None,
    rows: Mapping[str, Sql] | None = None,
    staged: Sql | None = None,
    schemas: Mapping[str, str] | None = None,
    uploads: Mapping[str, Uploaded] | None = None,
) -> Written:
    """The statement of a plan for ``duckdb`` or ``postgres``.

    ``sources`` maps (``schema.table``, column) to an expression over stored, unqualified columns of that
    table; columns that are not in it are stored under their own names. ``rows`` has, for tables of which
    not all rows are to be seen, the condition on such columns that those meet which are. ``staged`` is the
    footprint that a row of ``_hidden.staged_footprint`` stands for. ``schemas`` has the engine's names of
    schemas where they differ, ``uploads`` what stands for the tables of users, by their qualified names.
    """
    if dialect not in DIALECTS:
        raise ValueError(f"no such dialect: {dialect}")
    aliases = _aliases(plan, uploads) if uploads else {}
    circumstances = Circumstances(dialect, sources or {}, rows or {}, staged, schemas or {}, aliases)
    collected = Collected()
    writer = StatementWriter(circumstances, dict(plan.common_tables), collected)
    text = writer.text(writer.statement(plan))
    return Written(text, tuple(collected.probes.values()), tuple(writer.handed), collected.tables)


class StatementWriter:
    """Writes one statement; knows which columns of which table were used, and what must be handed over.

    ``common`` are the common tables of the query; ``collected`` is what all its statements read.
    """

    def __init__(
        self,
        circumstances: Circumstances,
        common: Mapping[str, ResolvedQuery],
        collected: Collected,
    ) -> None:
        self._circumstances = circumstances
        self._common = common
        self.dialect = circumstances.dialect
        self.staged = circumstances.staged
        self.schemas = circumstances.schemas
        self.hidden = circumstances.schemas.get(HIDDEN, HIDDEN)
        self.collected = collected
        self.handed: dict[str, None] = {}
        self._used: dict[str, dict[str, None]] = {}
        self._ones = 0
        self._first: list[Source] = []
        self._probing = ProbeWriter(self, self._nested)
        self.conditions = ConditionWriter(self, self._probing)
        self.values = self.conditions.values

    def _nested(self) -> StatementWriter:
        return StatementWriter(self._circumstances, self._common, self.collected)

    def add(self, probe: Probe) -> None:
        """A probe whose answer this statement reads."""
        self.collected.probes.setdefault(probe.name, probe)
        self.handed[probe.name] = None

    def hand(self, moc: Moc) -> str:
        """Name of the table with the cells of a coverage map, which this statement reads."""
        name = self.collected.table_of(moc)
        self.handed[name] = None
        return name

    def reference(self, reference: Reference) -> Sql:
        """A column of a source; remembered, since a wrapped table lists what is used of it."""
        column = reference.column
        uploaded = self._circumstances.aliases.get(reference.source)
        if uploaded is not None and not isinstance(reference, MeasuredColumn):
            column = uploaded.columns[column]
        elif not isinstance(reference, MeasuredColumn):
            self._used.setdefault(reference.source, {})[column] = None
        return exp.Var(this=f"{quoted(reference.source)}.{quoted(column)}")

    def row(self) -> Sql:
        """A condition on the row of the SELECT at hand: whether its first source has one here."""
        source = self._first[-1]
        while isinstance(source, JoinedTable):
            source = source.left
        return sql.is_null(exp.Var(this=f"{quoted(source.alias)}.*"))

    def text(self, query: exp.Query) -> str:
        """SQL as the engine takes it. Raises AdqlError where it is too long."""
        return checked(query.sql(dialect=self.dialect, identify=True, comments=False, copy=False))

    def statement(self, plan: Plan) -> exp.Query:
        """The whole statement: common tables, query, limit."""
        for bound in plan.bounds:
            self._probing.count(bound)
        query = self._limited(plan.query, plan.limit)
        for name in self._common:
            query = self._with(query, name)
        return query

    def with_common(self, query: exp.Query) -> exp.Query:
        """The query of a probe with the common tables that it reads."""
        reached = {table.name for table in query.find_all(exp.Table) if not table.db}
        wanted = []
        for name in reversed(list(self._common)):
            if name in reached:
                wanted.append(name)
                found = parts_of(self._common[name])
                reached |= {part.name for part in found if isinstance(part, NamedTable)}
        for name in reversed(wanted):
            query = self._with(query, name)
        return query

    def _with(self, query: exp.Query, name: str) -> exp.Query:
        body = self.query(self._common[name])
        return query.with_(exp.to_identifier(name, quoted=True), as_=body, copy=False)

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
        self._first.append(select.sources[0])
        order = [self._order_within(term, select) for term in query.order]
        self._first.pop()
        return sql.cut(self.select(select), [term for term in order if term is not None], query.offset, top)

    def _sorted_outside(self, query: ResolvedQuery, written: exp.Query, top: int | None) -> exp.Query:
        """Sorted by output columns, from outside, where every engine agrees what a name means."""
        if not query.order:
            return sql.cut(written, [], query.offset, top)
        aliases = [exp.column(alias, quoted=True) for _, alias, _ in query.columns]
        wrapped = exp.Select(expressions=aliases).from_(
            exp.Subquery(this=written, alias=_table_alias("s")), copy=False
        )
        order = [self._ordered(exp.column(str(term.term), quoted=True), term) for term in query.order]
        return sql.cut(wrapped, order, query.offset, top)

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
        self._first.append(select.sources[0])
        self.conditions.begin(select.sources)
        where = None if select.where is None else self.conditions.condition(select.where)
        written = exp.Select(expressions=listed(self._outputs(select)))
        if select.distinct:
            written.set("distinct", exp.Distinct())
        if where is not None:
            written.set("where", exp.Where(this=where))
        if select.group_by:
            terms = [self.values.grouped(term) for term in select.group_by]
            written.set("group", exp.Group(expressions=terms))
        if select.having is not None:
            written.set("having", exp.Having(this=self.conditions.condition(select.having)))
        self._attach(written, select)
        self._first.pop()
        return written

    def _outputs(self, select: ResolvedSelect) -> list[Sql]:
        """The columns of the result: those that are columns of tables after all else, when it is known
        whether the only table of the query is one that must be wrapped."""
        later = {place for place, output in enumerate(select.outputs) if type(output.value) is Reference}
        written = {
            place: self._output(output) for place, output in enumerate(select.outputs) if place not in later
        }
        bare = self._bare_table(select)
        for place in later:
            made = None if bare is None else self._made(select.outputs[place], bare)
            written[place] = self._output(select.outputs[place]) if made is None else made
        return [written[place] for place in range(len(select.outputs))]

    def _bare_table(self, select: ResolvedSelect) -> BaseTable | None:
        """The table of a SELECT that can be read without a derived table: nothing but the result wants
        columns that are made. Engines take a fifth longer to read and plan all columns twice."""
        (table, *others), is_plain = select.sources, not (select.distinct or select.group_by or select.having)
        if others or not is_plain or not isinstance(table, BaseTable):
            return None
        qualified, sources = table.table.qualified, self._circumstances.sources
        if table.alias in self._circumstances.aliases or qualified in self._circumstances.rows:
            return None
        used = self._used.get(table.alias, {})
        return None if any((qualified, column) in sources for column in used) else table

    def _made(self, output: Output, table: BaseTable) -> Sql | None:
        """A column that is made, of a table that is not wrapped; None for any other."""
        assert isinstance(output.value, Reference)
        key = table.table.qualified, output.value.column
        if output.value.source != table.alias or key not in self._circumstances.sources:
            return None
        return sql.labelled(of_alias(self._circumstances.sources[key], table.alias), output.alias)

    def _output(self, output: Output) -> Sql:
        """A column of the result under its alias."""
        value = self.values.value(output.value)
        if isinstance(value, exp.Var):
            alias = quoted(output.alias)
            has_it = value.name.endswith(f".{alias}")  # less text: the engine reads it at every query
            return value if has_it else exp.Var(this=f"{value.name} AS {alias}")
        return sql.labelled(value, output.alias)

    # --- FROM ---

    def _attach(self, written: exp.Select, select: ResolvedSelect) -> None:
        # conditions of joins first: they use columns, too
        conditions = {id(join): self.conditions.condition(join.condition) for join in joins(select.sources)}
        tables = [self.source(source, conditions) for source in select.sources]
        written.from_(tables[0], copy=False)
        for table in tables[1:]:
            written.join(table, join_type="CROSS", copy=False)

    def source(self, source: Source, conditions: Mapping[int, Sql] = MappingProxyType({})) -> Sql:
        """A source under its alias; ``conditions`` are those of the joins in it."""
        match source:
            case BaseTable():
                return self._table(source)
            case SubqueryTable():
                return exp.Subquery(this=self.query(source.query), alias=_table_alias(source.alias))
            case NamedTable():
                return exp.Table(
                    this=exp.to_identifier(source.name, quoted=True), alias=_table_alias(source.alias)
                )
            case LinkedTable() | KeptTable() | MeasuredTable():
                return self._probing.source(source)
            case JoinedTable():
                left, right = self.source(source.left, conditions), self.source(source.right, conditions)
                side = None if source.kind == "INNER" else source.kind
                if side == "FULL" and self.dialect == "postgres":
                    return self._full_join(left, right, conditions[id(source)])
                join = exp.Join(
                    this=right, side=side, kind="INNER" if side is None else None, on=conditions[id(source)]
                )
                left.set("joins", [*(left.args.get("joins") or []), join])
                return exp.Subquery(this=left)  # a Paren would not print joins of its own

    def _full_join(self, left: Sql, right: Sql, condition: Sql) -> Sql:
        """PostgreSQL wants an equality in every FULL JOIN: both sides get a column that is 1 everywhere."""
        ones: list[Sql] = []
        sides: list[Sql] = []
        for side in (left, right):
            self._ones += 1
            name = f"one{self._ones}"
            one = exp.Select(expressions=[sql.labelled(exp.Literal.number(1), "one")])
            ones.append(exp.column("one", table=name, quoted=True))
            join = exp.Join(this=exp.Subquery(this=one, alias=_table_alias(name)), kind="CROSS")
            side.set("joins", [*(side.args.get("joins") or []), join])
            sides.append(exp.Subquery(this=side))
        terms = sql.both([sql.equal(ones[0], ones[1]), condition])
        sides[0].set("joins", [exp.Join(this=sides[1], side="FULL", on=terms)])
        return exp.Subquery(this=sides[0])

    def stored(self, table: Table) -> exp.Table:
        """A published table as the engine calls it."""
        schema = self.schemas.get(table.schema, table.schema)
        return exp.Table(
            this=exp.to_identifier(table.name, quoted=True), db=exp.to_identifier(schema, quoted=True)
        )

    def _table(self, source: BaseTable) -> Sql:
        uploaded = self._circumstances.aliases.get(source.alias)
        if uploaded is not None:
            self.handed[uploaded.name] = None
            name = exp.to_identifier(uploaded.name, quoted=True)
            return exp.Table(this=name, alias=_table_alias(source.alias))
        table = self.stored(source.table)
        used = self._used.get(source.alias, {})
        qualified = source.table.qualified
        sources = self._circumstances.sources
        condition = self._circumstances.rows.get(qualified)
        if condition is None and not any((qualified, column) in sources for column in used):
            table.set("alias", _table_alias(source.alias))
            return table
        columns: list[Sql] = []
        for column in used:
            if (qualified, column) in sources:
                columns.append(sql.labelled(sources[qualified, column].copy(), column))
            else:
                columns.append(exp.Var(this=quoted(column)))
        inner = exp.Select(expressions=listed(columns) or [exp.Literal.number(1)]).from_(table, copy=False)
        if condition is not None:
            inner.set("where", exp.Where(this=condition.copy()))
        return exp.Subquery(this=inner, alias=_table_alias(source.alias))


def _aliases(plan: Plan, uploads: Mapping[str, Uploaded]) -> dict[str, Uploaded]:
    """The aliases of uploads in all of a plan."""
    queries = (plan.query, *(query for _, query in plan.common_tables))
    tables = [part for part in parts_of(queries) if isinstance(part, BaseTable)]
    return {
        table.alias: uploads[table.table.qualified] for table in tables if table.table.qualified in uploads
    }


def _ordered(term: Sql, order: Order) -> exp.Ordered:
    """NULLs sort as larger than every value: last upwards, first downwards (ADQL-077)."""
    return exp.Ordered(this=term, desc=order.descending, nulls_first=order.descending)


def _table_alias(name: str) -> exp.TableAlias:
    return exp.TableAlias(this=exp.to_identifier(name, quoted=True))
