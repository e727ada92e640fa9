"""Conditions as SQL expressions, three-valued as SQL-92 has them (ADQL-081)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from sqlglot import exp

from vo_service.adql import geometry_sql
from vo_service.adql import sql_nodes as sql
from vo_service.adql.constants import constant_number
from vo_service.adql.kinds import NUMBERS, Kind
from vo_service.adql.probes import Probe, in_ranges, make_probe, read_probe
from vo_service.adql.resolved import (
    Both,
    Compare,
    Condition,
    Constant,
    Either,
    Fixed,
    FootprintTest,
    InRange,
    InRegion,
    Matches,
    Missing,
    Narrowed,
    Near,
    Negation,
    OneOf,
    OneOfQuery,
    Reference,
    Selected,
    SomeRow,
    Value,
)
from vo_service.adql.resolved_queries import ResolvedQuery
from vo_service.adql.sql_nodes import Sql
from vo_service.adql.value_sql import ValueWriter
from vo_service.sky import ALLOWANCE

_COMPARISONS: dict[str, type[exp.Binary]] = {
    "=": exp.EQ,
    "<>": exp.NEQ,
    "<": exp.LT,
    ">": exp.GT,
    "<=": exp.LTE,
    ">=": exp.GTE,
}
_ESCAPED = ("\\_", "\\%")


@dataclass(slots=True)
class ConditionWriter:
    """Writes conditions for one dialect and collects the probes that the statement needs."""

    dialect: str
    reference: Callable[[Reference], Sql]
    query: Callable[[ResolvedQuery], exp.Query]
    staged: Sql | None = None
    probes: dict[str, Probe] = field(default_factory=dict)
    values: ValueWriter = field(init=False)

    def __post_init__(self) -> None:
        self.values = ValueWriter(self.dialect, self.condition, self.reference)

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
                between = exp.Between(this=sql.paren(value), low=sql.paren(low), high=sql.paren(high))
                return _negated(between, condition.negated)
            case OneOf():
                value, *items = self._sides([condition.value, *condition.items])
                return _negated(exp.In(this=sql.paren(value), expressions=items), condition.negated)
            case OneOfQuery():
                value = sql.paren(self.values.value(condition.value))
                inner = exp.Subquery(this=self.query(condition.query))
                return _negated(exp.In(this=value, query=inner), condition.negated)
            case Matches():
                return self._matches(condition)
            case Missing():
                missing = exp.Is(this=sql.paren(self.values.value(condition.value)), expression=exp.Null())
                return _negated(missing, condition.negated)
            case SomeRow():
                return exp.Exists(this=self.query(condition.query))
            case Fixed():
                return exp.Null() if condition.truth is None else exp.Boolean(this=condition.truth)
            case _:
                return self._geometric(condition)

    def _sides(self, values: list[Value]) -> list[Sql]:
        """Values to be compared: text by code point; a double on one side makes all of them doubles."""
        kinds = {value.facts.kind for value in values}
        if kinds & {Kind.DOUBLE, Kind.REAL} and kinds <= NUMBERS | {Kind.NULL}:
            return [self._compared_number(value) for value in values]
        written = [self.values.value(value) for value in values]
        if Kind.TEXT in kinds:
            written[0] = self.values.sortable(written[0])
        return written

    def _compared_number(self, value: Value) -> Sql:
        # columns keep their own type, so that the engine can use what it knows of them
        if isinstance(value, Constant) and isinstance(value.value, int | float):
            return sql.number(float(value.value))
        return self.values.value(value)

    def _matches(self, condition: Matches) -> Sql:
        value, pattern = self.values.value(condition.value), self._pattern(condition.pattern)
        if condition.folded:
            value, pattern = sql.call("lower", value), sql.call("lower", pattern)
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

    def _geometric(self, condition: InRegion | Near | FootprintTest | Narrowed | Selected) -> Sql:
        match condition:
            case Narrowed():
                ranges = in_ranges(self.reference(condition.cell), condition.ranges)
                return sql.both([ranges, self.condition(condition.condition)])
            case InRegion():
                point = condition.point
                position = (self.values.double(point.lon), self.values.double(point.lat))
                return geometry_sql.in_region(self.values.vector(point), position, condition.region)
            case Near():
                return self._near(condition)
            case FootprintTest():
                # an empty list makes NULL IN (...) false, but a row without a region stays unknown
                key, member = self._footprint(condition)
                return sql.case((exp.Not(this=exp.Is(this=sql.own(key), expression=exp.Null())), member))
            case Selected():
                return self._footprint(condition.test)[1]

    def _near(self, near: Near) -> Sql:
        one, other = self.values.vector(near.one), self.values.vector(near.other)
        slack = ALLOWANCE if near.closed else -ALLOWANCE
        radius = constant_number(near.radius)
        if radius is not None:
            return geometry_sql.within(one, other, radius, slack)
        return geometry_sql.within_column(one, other, self.values.double(near.radius), slack)

    def _footprint(self, test: FootprintTest) -> tuple[Sql, Sql]:
        """The key of a row's footprint, and whether it is among those that pass the probe."""
        probe = make_probe(test.region, test.test, self.dialect)
        self.probes.setdefault(probe.name, probe)
        assert test.footprint.key is not None
        key = self.reference(test.footprint.key)
        found: exp.Query = read_probe(probe, self.staged)
        return key, exp.In(this=sql.own(key), query=exp.Subquery(this=found))


def _negated(condition: Sql, negated: bool) -> Sql:
    return exp.Not(this=exp.Paren(this=condition)) if negated else condition


def _double_backslashes(pattern: str) -> str:
    doubled = []
    for index, character in enumerate(pattern):
        escapes = character == "\\" and pattern[index + 1 : index + 2] in ("_", "%")
        doubled.append("\\\\" if character == "\\" and not escapes else character)
    return "".join(doubled)
