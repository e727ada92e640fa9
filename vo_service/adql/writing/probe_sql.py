"""Probes as SQL: what they ask the engine, and how the statement reads their answers.

The keys of shapes are written the same way in both, so that a row finds itself again: doubles of one engine,
made by one expression, are equal.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal, cast

import pyarrow as pa
from sqlglot import exp

from vo_service.adql.nodes.kinds import NUMBERS, SHAPES, Kind
from vo_service.adql.nodes.planned import (
    Bound,
    CellLink,
    KeptTable,
    Linked,
    LinkedTable,
    MeasuredTable,
    PairLink,
    PairsTest,
    RowTest,
    Side,
    SidedMeasure,
)
from vo_service.adql.nodes.resolved import Value
from vo_service.adql.nodes.resolved_queries import BaseTable, NamedTable, Source
from vo_service.adql.nodes.resolved_shapes import Footprint, Geometry
from vo_service.adql.planning.sides import keys
from vo_service.adql.probes.asking import Probe
from vo_service.adql.probes.cells import ORDER
from vo_service.adql.probes.counts import CountProbe
from vo_service.adql.probes.footprints import FOOTPRINTS, STAGED
from vo_service.adql.probes.measures import MeasureProbe
from vo_service.adql.probes.pairs import PairProbe
from vo_service.adql.probes.positions import CELL, HIGH, LOW, VECTOR, CellProbe, KeptProbe, cell_order
from vo_service.adql.probes.shapes import CAP, WANTED, Form
from vo_service.adql.probes.values import PASSES, ValueProbe
from vo_service.adql.sql import nodes as sql
from vo_service.adql.sql.geometry import squared_chord
from vo_service.adql.sql.nodes import Sql

if TYPE_CHECKING:
    from vo_service.adql.writing.write import StatementWriter

Test = Literal["intersects", "inside"]
_FOUND_BY = (CELL, LOW, HIGH, *VECTOR)
_READ = "p"
"""Alias of a probe's answer where it is joined."""


class ProbeWriter:
    """Writes the probes of one statement, and the parts of the statement that read them.

    ``statement`` writes everything else, ``nested`` makes a writer for the SQL of a probe.
    """

    def __init__(self, statement: StatementWriter, nested: Callable[[], StatementWriter]) -> None:
        self._statement = statement
        self._nested = nested

    # --- conditions and values ---

    def row_test(self, row: RowTest) -> Sql:
        """Whether a row's shapes are among those that pass."""
        text, (left, right), reads = self._side(row.side, 0)
        test = cast(Test, row.test.test)
        name = _name("rows", text, test, repr(row.test))
        self._add(ValueProbe(name, text, left, right, test, _what(row.side), reads))
        mine = self._keys((row.test.left, row.test.right))
        return self._among(name, mine, [*left.names, *right.names], row.selects)

    def pairs_test(self, pairs: PairsTest) -> Sql:
        """Whether the shapes of two rows are among the pairs that pass."""
        probe = self._pair_probe(pairs.left, pairs.right, pairs.test.test, unknown=True)
        mine = self._keys((pairs.test.left, pairs.test.right))
        return self._among(probe.name, mine, [*probe.left.names, *probe.right.names], False, probe)

    def linked(self, linked: Linked) -> Sql:
        """That the rows of both sides belong together."""
        link = linked.link
        mark = f"{link.name}."
        terms = []
        if isinstance(link, CellLink) and not linked.far:
            terms += self._in_cell(linked.alias, mark, link)
        else:
            side = link.right if isinstance(link, PairLink) and not linked.far else link.left
            for index, key in enumerate(self._keys(side.geometries)):
                terms.append(sql.equal(key, exp.column(f"{mark}{index}", table=linked.alias, quoted=True)))
        if linked.condition is not None:
            terms.append(self._statement.conditions.condition(linked.condition))
        return sql.both(terms)

    def measure(self, measured: SidedMeasure) -> Sql:
        """Area or a coordinate of the centre of a row's shape."""
        text, (form,), reads = self._side(measured.side, 0)
        name = _name("measures", text, repr(form.geometry))
        self._add(MeasureProbe(name, text, form, _what(measured.side), reads))
        where = [
            sql.equal(exp.column(column, table=_READ, quoted=True), key)
            for column, key in zip(form.names, self._keys((form.geometry,)))
        ]
        select = exp.Select(expressions=[exp.column(measured.what, table=_READ, quoted=True)])
        select.set("where", exp.Where(this=sql.both(where)))
        return exp.Subquery(this=select.from_(_table(name, _READ), copy=False))

    def count(self, bound: Bound) -> None:
        """A probe of how many rows the sides of a test have, which no part of the statement reads."""
        writer = self._nested()
        columns: list[Sql] = []
        for index, side in enumerate(bound.sides):
            assert side.source is not None
            rows = exp.Select(expressions=[exp.Count(this=exp.Star())])
            if side.terms:
                terms = [writer.conditions.condition(term) for term in side.terms]
                rows.set("where", exp.Where(this=sql.both(terms)))
            rows.from_(writer.source(side.source), copy=False)
            columns.append(sql.labelled(exp.Subquery(this=rows), f"n{index}"))
        text = writer.text(writer.with_common(exp.Select(expressions=columns)))
        name = _name("counts", text)
        whats = tuple(_what(side) for side in bound.sides)
        probe = CountProbe(name, text, whats, bound.place, tuple(writer.handed), bound.wanted)
        self._statement.collected.probes.setdefault(name, probe)

    # --- sources ---

    def source(self, source: LinkedTable | KeptTable | MeasuredTable) -> Sql:
        """A source that the plan made."""
        match source:
            case LinkedTable():
                return self._linked_table(source)
            case KeptTable():
                return self._kept_table(source)
            case MeasuredTable():
                return self._measured_table(source)

    def _measured_table(self, table: MeasuredTable) -> Sql:
        """A source with measures of its own; they come before it, since they use columns of it."""
        columns: list[Sql] = [exp.Column(this=exp.Star(), table=exp.to_identifier(table.alias, quoted=True))]
        for column, measured in table.columns:
            columns.append(sql.labelled(self._statement.values.value(measured), column.column))
        inner = exp.Select(expressions=columns).from_(self._statement.source(table.source), copy=False)
        return exp.Subquery(this=inner, alias=_alias(table.alias))

    def _linked_table(self, linked: LinkedTable) -> Sql:
        """A source joined to the answer of its link."""
        link = linked.link
        mark = f"{link.name}."
        if isinstance(link, CellLink):
            name, shown, condition = self._cell_join(link, linked.far)
        else:
            probe = self._pair_probe(link.left, link.right, link.test, unknown=False)
            mine, others = (probe.right, probe.left) if linked.far else (probe.left, probe.right)
            side = link.right if linked.far else link.left
            name, shown = probe.name, others.names
            condition = self._found(mine.names, side.geometries)
        columns: list[Sql] = [exp.Column(this=exp.Star(), table=exp.to_identifier(linked.alias, quoted=True))]
        for index, column in enumerate(shown):
            columns.append(sql.labelled(exp.column(column, table=_READ, quoted=True), f"{mark}{index}"))
        inner = exp.Select(expressions=columns)
        inner.from_(self._statement.source(linked.source), copy=False)
        inner.append("joins", exp.Join(this=_table(name, _READ), kind="INNER", on=condition))
        return exp.Subquery(this=inner, alias=_alias(linked.alias))

    def _kept_table(self, kept: KeptTable) -> Sql:
        """A derived table whose rows are handed over."""
        writer = self._nested()
        text = writer.text(writer.with_common(writer.query(kept.query)))
        fields = [
            pa.field(alias, facts.as_column(name).arrow_type) for name, alias, facts in kept.query.columns
        ]
        name = _name("kept", text, kept.alias)
        self._add(KeptProbe(name, text, pa.schema(fields), tuple(writer.handed)))
        return _table(name, kept.alias)

    # --- parts ---

    def _cell_join(self, link: CellLink, far: bool) -> tuple[str, list[str], Sql]:
        """Name of the probe, the columns that the joined side brings, and the condition of the join."""
        text, (form,), reads = self._side(link.left, 0)
        name = _name("cells", text, repr(link.radius))
        self._add(CellProbe(name, text, form, link.radius, _what(link.left), reads))
        if far:
            return name, form.names, sql.both(self._in_cell(_READ, "", link))
        return name, list(_FOUND_BY), self._found(form.names, link.left.geometries)

    def _in_cell(self, table: str, mark: str, link: CellLink) -> list[Sql]:
        """That a pixel of order 29 lies in the cell of a probe's row, and about within the radius.

        One engine joins by equal numbers, the other looks ranges up in an index. The vectors that are there
        already keep the exact test, which has to compute some, from most pairs that share a cell.
        """
        cell: Sql = self._statement.reference(link.cell)
        names = [f"{mark}{index}" for index in range(len(_FOUND_BY))] if mark else _FOUND_BY
        number, low, high, x, y, z = (exp.column(name, table=table, quoted=True) for name in names)
        terms: list[Sql] = []
        if self._statement.dialect == "duckdb":
            shift = 2 * (ORDER - cell_order(link.radius))
            if shift:
                cell = exp.Paren(this=exp.BitwiseRightShift(this=cell, expression=exp.Literal.number(shift)))
            terms.append(exp.EQ(this=cell, expression=number))
        else:
            terms.append(exp.Between(this=cell, low=low, high=high))
        if link.vector is not None:
            stored = [self._statement.reference(part) for part in link.vector]
            chord = squared_chord((stored[0], stored[1], stored[2]), (x, y, z))
            longest = 2.0 * math.sin(math.radians(link.radius) / 2.0) * (1.0 + 1e-9) + 1e-12
            terms.append(sql.at_most(chord, sql.bare(longest * longest)))
        return terms

    def _found(self, names: Sequence[str], geometries: tuple[Geometry, ...]) -> Sql:
        columns = [exp.column(name, table=_READ, quoted=True) for name in names]
        return sql.both([sql.equal(a, b) for a, b in zip(columns, self._keys(geometries))])

    def _pair_probe(self, left: Side, right: Side, test: str | None, unknown: bool) -> PairProbe:
        text, (one,), reads = self._side(left, 0)
        other_text, (other,), other_reads = self._side(right, len(one.types))
        name = _name("pairs", text, other_text, str(test), str(unknown), repr((one.geometry, other.geometry)))
        every = tuple(dict.fromkeys((*reads, *other_reads)))
        whats = (_what(left), _what(right))
        probe = PairProbe(name, text, other_text, one, other, cast(Test | None, test), whats, unknown, every)
        self._add(probe)
        return probe

    def _add(self, probe: Probe) -> None:
        self._statement.add(probe)

    def _keys(self, geometries: Sequence[Geometry]) -> list[Sql]:
        values = self._statement.values
        return [_key(value, values.double, values.value) for shape in geometries for value in keys(shape)]

    def _among(
        self, name: str, mine: list[Sql], columns: list[str], selects: bool, pairs: PairProbe | None = None
    ) -> Sql:
        """Whether the keys are in a probe's answer; NULL where it cannot be said."""
        passes = exp.column(PASSES, quoted=True)
        found = _in(mine, name, columns, passes)
        if selects:
            return found
        unknown = [sql.is_null(key) for key in mine]
        nothing = sql.is_null(passes)
        if pairs is None:
            unknown.append(_in(mine, name, columns, nothing))
        else:
            count = len(pairs.left.names)
            unknown.append(_in(mine[:count], name, columns[:count], nothing))
            unknown.append(_in(mine[count:], name, columns[count:], nothing))
        return sql.case((sql.either(unknown), exp.Null()), otherwise=found)

    # --- sides ---

    def _side(self, side: Side, first: int) -> tuple[str, tuple[Form, ...], tuple[str, ...]]:
        """The SQL of what a source contributes, its geometries, and the handed tables it reads."""
        writer = self._nested()
        forms: list[Form] = []
        columns: list[Sql] = []
        for geometry in side.geometries:
            values = keys(geometry)
            start = first + len(columns)
            for index, value in enumerate(values):
                key = _key(value, writer.values.double, writer.values.value)
                columns.append(sql.labelled(key, f"c{start + index}"))
            types = tuple(_type(value) for value in values)
            texts = self._texts() if isinstance(geometry, Footprint) and geometry.key is not None else None
            forms.append(Form(geometry, start, types, texts))
        select = exp.Select(expressions=columns, distinct=exp.Distinct())
        if side.terms:
            terms = [writer.conditions.condition(term) for term in side.terms]
            select.set("where", exp.Where(this=sql.both(terms)))
        if side.source is not None:
            select.from_(writer.source(side.source), copy=False)
        query = self._with_caps(select, [form for form in forms if form.texts is not None])
        return writer.text(writer.with_common(query)), tuple(forms), tuple(writer.handed)

    def _with_caps(self, select: exp.Select, forms: Sequence[Form]) -> exp.Select:
        """The candidates with the footprints that the viewer sees, and their caps."""
        if not forms:
            return select
        outer = exp.Select(
            expressions=[exp.Column(this=exp.Star(), table=exp.to_identifier("d", quoted=True))]
        )
        outer.from_(exp.Subquery(this=select, alias=_alias("d")), copy=False)
        hidden = self._statement.hidden
        for form in forms:
            key: Sql = exp.column(form.names[0], table="d", quoted=True)
            shown = form.shown
            if self._statement.staged is not None:
                pair = exp.Select(
                    expressions=[
                        sql.labelled(exp.column("footprint_id", quoted=True), "pair"),
                        sql.labelled(self._statement.staged.copy(), "shown"),
                    ]
                ).from_(exp.table_(STAGED, db=hidden, quoted=True), copy=False)
                alias = f"s{form.first}"
                on = sql.equal(exp.column("pair", table=alias, quoted=True), key)
                outer.append("joins", _left(exp.Subquery(this=pair, alias=_alias(alias)), on))
                key = exp.Coalesce(
                    this=exp.column("shown", table=alias, quoted=True), expressions=[sql.own(key)]
                )
            on = sql.equal(exp.column("footprint_id", table=shown, quoted=True), key)
            table = exp.table_(FOOTPRINTS, db=hidden, quoted=True)
            table.set("alias", _alias(shown))
            outer.append("joins", _left(table, on))
            identity = exp.column("footprint_id", table=shown, quoted=True)
            outer.append("expressions", sql.labelled(identity, shown))
            for part in CAP:
                cap = exp.column(f"cap_{part}", table=shown, quoted=True)
                outer.append("expressions", sql.labelled(cap, f"{shown}{part}"))
        return outer

    def _texts(self) -> str:
        """The regions of the footprints that are wanted."""
        mine = exp.column("footprint_id", quoted=True)
        wanted = exp.Select(expressions=[mine.copy()]).from_(
            exp.to_identifier(WANTED, quoted=True), copy=False
        )
        select = exp.Select(
            expressions=[mine, exp.column("region", quoted=True)],
            where=exp.Where(this=exp.In(this=mine.copy(), query=exp.Subquery(this=wanted))),
        )
        table = exp.table_(FOOTPRINTS, db=self._statement.hidden, quoted=True)
        return self._statement.text(select.from_(table, copy=False))


def _key(value: Value, double: Callable[[Value], Sql], plain: Callable[[Value], Sql]) -> Sql:
    return (
        double(value) if value.facts.kind in NUMBERS and value.facts.kind is not Kind.BIGINT else plain(value)
    )


def _type(value: Value) -> pa.DataType:
    kind = value.facts.kind
    if kind in NUMBERS:
        return pa.int64() if kind is Kind.BIGINT else pa.float64()
    texts = kind in (Kind.TEXT, Kind.REGION, Kind.MOC)
    return pa.list_(pa.float64()) if kind in SHAPES | {Kind.ARRAY} and not texts else pa.string()


def _in(mine: list[Sql], name: str, columns: Sequence[str], condition: Sql) -> Sql:
    """Whether keys are among the rows of a probe's answer that meet a condition.

    A key that is the same in every row tells nothing, and DuckDB 2.0 loses rows by a constant beside an
    array.
    """
    telling = [pair for pair in zip(mine, columns) if pair[0].find(exp.Var) is not None]
    mine, columns = [list(side) for side in zip(*telling)] if telling else (mine, columns)
    select = exp.Select(expressions=[exp.column(column, quoted=True) for column in columns])
    select.from_(exp.to_identifier(name, quoted=True), copy=False)
    select.set("where", exp.Where(this=sql.own(condition)))
    asked = sql.paren(mine[0]) if len(mine) == 1 else exp.Tuple(expressions=[sql.own(key) for key in mine])
    return exp.In(this=asked, query=exp.Subquery(this=select))


def _left(table: Sql, condition: Sql) -> exp.Join:
    return exp.Join(this=table, side="LEFT", on=condition)


def _table(name: str, alias: str) -> exp.Table:
    return exp.Table(this=exp.to_identifier(name, quoted=True), alias=_alias(alias))


def _alias(name: str) -> exp.TableAlias:
    return exp.TableAlias(this=exp.to_identifier(name, quoted=True))


def _name(kind: str, *contents: str) -> str:
    """Equal probes have equal names."""
    digest = hashlib.blake2b("\n".join((kind, *contents)).encode(), digest_size=6).hexdigest()
    return f"probe_{digest}"


def _what(side: Side) -> str:
    """How a message calls a source."""
    return _called(side.source) if side.source is not None else "constants"


def _called(source: Source) -> str:
    if isinstance(source, BaseTable):
        return source.table.qualified
    if isinstance(source, LinkedTable | MeasuredTable):
        return _called(source.source)
    return "a common table" if isinstance(source, NamedTable) else "a derived table"
