"""Conditions as SQL expressions, three-valued as SQL-92 has them (ADQL-081)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlglot import exp

from vo_service.adql.nodes.kinds import INTEGERS, NUMBERS, Kind
from vo_service.adql.nodes.planned import (
    KeptTable,
    Linked,
    LinkedTable,
    MeasuredTable,
    PairsTest,
    RowTest,
    SidedMeasure,
)
from vo_service.adql.nodes.resolved import (
    Both,
    Compare,
    Condition,
    Constant,
    DiscTest,
    Either,
    Fixed,
    FootprintTest,
    InCross,
    InRange,
    InRegion,
    Matches,
    Missing,
    Narrowed,
    Near,
    Negation,
    OneOf,
    OneOfQuery,
    PairTest,
    Reference,
    Selected,
    SomeRow,
    Value,
    WherePresent,
)
from vo_service.adql.nodes.resolved_queries import Source
from vo_service.adql.nodes.resolved_shapes import Measured, Point
from vo_service.adql.planning.sides import leaves
from vo_service.adql.probes import in_ranges, read_probe
from vo_service.adql.probes.cells import ORDER
from vo_service.adql.sql import nodes as sql
from vo_service.adql.sql import texts as text_sql
from vo_service.adql.sql.nodes import Sql
from vo_service.adql.writing.probe_sql import ProbeWriter
from vo_service.adql.writing.shape_test_sql import ShapeCondition, write_test
from vo_service.adql.writing.value_sql import ValueWriter
from vo_service.sky import Moc

if TYPE_CHECKING:
    from vo_service.adql.writing.write import StatementWriter

_Geometric = ShapeCondition | FootprintTest | Narrowed | Selected | RowTest | PairsTest | Linked | PairTest
_COMPARISONS: dict[str, type[exp.Binary]] = {
    "=": exp.EQ,
    "<>": exp.NEQ,
    "<": exp.LT,
    ">": exp.GT,
    "<=": exp.LTE,
    ">=": exp.GTE,
}
_RANGES_IN_TEXT = 200
"""Ranges of a coverage map that are written as text; more are handed over as a table."""
_ESCAPED = ("\\_", "\\%")
_ALL_ROWS = 1 << 62
_ROW = "rowid"
"""Number of a stored row in DuckDB; no published column has this name."""


@dataclass(slots=True)
class ConditionWriter:
    """Writes conditions of one statement."""

    statement: StatementWriter
    probes: ProbeWriter
    values: ValueWriter = field(init=False)
    _wrapped: set[str] = field(init=False, default_factory=set)
    """Aliases of tables that the plan has joined something to: they have columns, and no numbers of rows."""

    def __post_init__(self) -> None:
        statement = self.statement
        self.values = ValueWriter(
            statement.dialect,
            self.condition,
            statement.reference,
            statement.staged,
            statement.schemas,
            self._measured,
            statement.row,
        )

    def begin(self, sources: Iterable[Source]) -> None:
        """To be called before the conditions of a SELECT are written, with its sources."""
        found = (leaf for source in sources for leaf in leaves(source))
        made = (LinkedTable, MeasuredTable, KeptTable)
        self._wrapped.update(leaf.alias for leaf in found if isinstance(leaf, made))

    def _measured(self, measured: Measured) -> Sql:
        if not isinstance(measured, SidedMeasure):
            raise TypeError(f"{measured.what} was not planned")
        return self.probes.measure(measured)

    def condition(self, condition: Condition) -> Sql:
        """Any condition."""
        match condition:
            case Both():
                return sql.both([self.condition(term) for term in condition.terms])
            case Either():
                return sql.either([self.condition(term) for term in condition.terms])
            case Negation():
                return exp.Not(this=exp.Paren(this=self.condition(condition.condition)))
            case Compare():
                left, right = self._sides([condition.left, condition.right])
                return sql.binary(_COMPARISONS[condition.operator], left, right)
            case InRange():
                value, low, high = self._sides([condition.value, condition.low, condition.high])
                return self.values.drawn_once(
                    value, lambda value: _between(value, low, high, condition.negated)
                )
            case OneOf():
                value, *items = self._sides([condition.value, *condition.items])
                return self.values.drawn_once(value, lambda value: _among(value, items, condition.negated))
            case OneOfQuery():
                value = sql.paren(self.values.value(condition.value))
                inner = exp.Subquery(this=self.statement.query(condition.query))
                return _negated(exp.In(this=value, query=inner), condition.negated)
            case Matches():
                return self._matches(condition)
            case Missing():
                missing = exp.Is(this=sql.paren(self.values.value(condition.value)), expression=exp.Null())
                return _negated(missing, condition.negated)
            case SomeRow():
                return exp.Exists(this=self.statement.query(condition.query))
            case Fixed():
                return exp.Null() if condition.truth is None else exp.Boolean(this=condition.truth)
            case _:
                return self._geometric(condition)

    def _sides(self, values: list[Value]) -> list[Sql]:
        """Values to be compared: text by code point; a double on one side makes all of them doubles."""
        kinds = {value.facts.kind for value in values}
        if kinds & {Kind.DOUBLE, Kind.REAL} and kinds <= NUMBERS | {Kind.NULL}:
            # one engine compares a REAL with an integer as REALs, which integers beyond 2**24 are not
            mixed = Kind.REAL in kinds and bool(kinds & INTEGERS)
            return [self._compared_number(value, mixed) for value in values]
        written = [self.values.value(value) for value in values]
        if Kind.TEXT in kinds:
            written[0] = self.values.sortable(written[0])
        return written

    def _compared_number(self, value: Value, mixed: bool) -> Sql:
        # columns keep their own type, so that the engine can use what it knows of them
        if isinstance(value, Constant) and isinstance(value.value, int | float):
            return sql.number(float(value.value))
        if mixed and value.facts.kind is Kind.REAL:
            return self.values.double(value)
        return self.values.value(value)

    def _matches(self, condition: Matches) -> Sql:
        value, pattern = self.values.value(condition.value), self._pattern(condition.pattern)
        if condition.folded:
            dialect = self.statement.dialect
            value, pattern = (text_sql.folded(each, "lower", dialect) for each in (value, pattern))
        like = exp.Escape(
            this=exp.Like(this=sql.paren(value), expression=pattern), expression=exp.Literal.string("\\")
        )
        return exp.Not(this=exp.Paren(this=like)) if condition.negated else like

    def _pattern(self, pattern: Value) -> Sql:
        """A backslash escapes ``_`` and ``%`` only (ADQL-087); all others are doubled for the engine."""
        if isinstance(pattern, Constant) and isinstance(pattern.value, str):
            return exp.Literal.string(_double_backslashes(pattern.value))
        written = self.values.value(pattern)
        backslash, doubled = exp.Literal.string("\\"), exp.Literal.string("\\\\")
        written = sql.call("replace", written, backslash, doubled)
        for escaped in _ESCAPED:
            written = sql.call(
                "replace", written, exp.Literal.string("\\" + escaped), exp.Literal.string(escaped)
            )
        return written

    # --- geometry ---

    def _geometric(self, condition: _Geometric) -> Sql:
        match condition:
            case Narrowed():
                ranges = in_ranges(self.statement.reference(condition.cell), condition.ranges)
                return sql.both([ranges, self.condition(condition.condition)])
            case InRegion(region=Moc() as moc) if moc.count > _RANGES_IN_TEXT:
                return self._in_cells(condition.point, moc)
            case InRegion() | Near() | InCross() | DiscTest() | WherePresent():
                return write_test(self.values.shapes, condition)
            case FootprintTest():
                # an empty list makes NULL IN (...) false, but a row without a region stays unknown
                seen = (
                    condition.footprint.text if self.statement.staged is not None else condition.footprint.key
                )
                assert seen is not None
                known = exp.Not(this=sql.is_null(self.statement.reference(seen)))
                return sql.case((known, self._footprint(condition)))
            case Selected():
                return self._selected(condition)
            case RowTest():
                return self.probes.row_test(condition)
            case PairsTest():
                return self.probes.pairs_test(condition)
            case Linked():
                return self.probes.linked(condition)
        raise TypeError(f"{type(condition).__name__} was not planned")

    def _in_cells(self, point: Point, moc: Moc) -> Sql:
        """Whether a position's pixel is in a map of many cells, which are handed over: for each order of
        cells that there is, whether it is among those.
        """
        assert point.cell is not None
        cell = self.statement.reference(point.cell)
        name = self.statement.hand(moc)
        among = []
        for order in moc.orders:
            select = exp.Select(expressions=[exp.column("cell", quoted=True)])
            select.from_(exp.to_identifier(name, quoted=True), copy=False)
            here = sql.equal(exp.column("depth", quoted=True), exp.Literal.number(order))
            select.set("where", exp.Where(this=here))
            shifted: Sql = sql.own(cell)
            if order < ORDER:
                shift = exp.Literal.number(2 * (ORDER - order))
                shifted = exp.Paren(this=exp.BitwiseRightShift(this=shifted, expression=shift))
            among.append(exp.In(this=shifted, query=exp.Subquery(this=select)))
        return sql.case((sql.at_least(cell, exp.Literal.number(0)), sql.either(among)))

    def _selected(self, selected: Selected) -> Sql:
        """The footprint test of rows that are wanted.

        For DuckDB by their numbers: a scan of the key alone finds these, so that of rows that do not pass
        nothing else is read; a join by the key would read all columns of all rows. The limit is beyond any
        number of rows: without it the engine, which guesses how many rows the other conditions leave, may
        turn the two sides round, and read all columns of all rows after all.
        """
        passed = self._footprint(selected.test)
        key = selected.test.footprint.key
        if selected.table is None or key is None or key.source in self._wrapped:
            return passed
        if self.statement.dialect != "duckdb":
            return passed
        row = Reference(key.source, _ROW, key.facts)
        stored = exp.In(this=exp.column(key.column, quoted=True), query=passed.args["query"])
        rows = exp.Select(expressions=[exp.column(_ROW, quoted=True)], where=exp.Where(this=stored))
        rows.from_(self.statement.stored(selected.table), copy=False)
        rows.limit(_ALL_ROWS, copy=False)
        return exp.In(this=self.statement.reference(row), query=exp.Subquery(this=rows))

    def _footprint(self, test: FootprintTest) -> exp.In:
        """Whether a row's footprint is among those that pass the probe."""
        collected, statement = self.statement.collected, self.statement
        probe = collected.footprint_probe(test.region, test.test, statement.dialect, statement.hidden)
        self.statement.add(probe)
        assert test.footprint.key is not None
        key = self.statement.reference(test.footprint.key)
        found: exp.Query = read_probe(probe, self.statement.staged, self.statement.hidden)
        return exp.In(this=key, query=exp.Subquery(this=found))


def _between(value: Sql, low: Sql, high: Sql, negated: bool) -> Sql:
    between = exp.Between(this=sql.paren(value), low=sql.paren(low), high=sql.paren(high))
    return _negated(between, negated)


def _among(value: Sql, items: list[Sql], negated: bool) -> Sql:
    return _negated(exp.In(this=sql.paren(value), expressions=items), negated)


def _negated(condition: Sql, negated: bool) -> Sql:
    return exp.Not(this=exp.Paren(this=condition)) if negated else condition


def _double_backslashes(pattern: str) -> str:
    doubled = []
    for index, character in enumerate(pattern):
        escapes = character == "\\" and pattern[index + 1 : index + 2] in ("_", "%")
        doubled.append("\\\\" if character == "\\" and not escapes else character)
    return "".join(doubled)
