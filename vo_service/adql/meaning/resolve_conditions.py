"""Conditions: matching types, times against strings, geometric tests compared with 1 (ADQL-079 to 090)."""

from __future__ import annotations

import operator
from abc import abstractmethod
from collections.abc import Callable

from vo_service.adql.errors import AdqlError, Place
from vo_service.adql.language import tree
from vo_service.adql.meaning.constants import constant_number
from vo_service.adql.meaning.resolve_calls import describe, is_random, timestamp_constant
from vo_service.adql.meaning.resolve_values import ValueResolver
from vo_service.adql.nodes.kinds import INTEGERS, NUMBERS, SHAPES, Facts, Kind
from vo_service.adql.nodes.resolved import (
    Both,
    Compare,
    Condition,
    Constant,
    Conversion,
    Either,
    Fixed,
    InRange,
    Matches,
    Missing,
    Negation,
    OneOf,
    OneOfQuery,
    Reference,
    SomeRow,
    Truth,
    Value,
)
from vo_service.adql.nodes.resolved_queries import ResolvedQuery
from vo_service.adql.nodes.resolved_shapes import (
    Separation,
)

_MIRRORED = {"=": "=", "<>": "<>", "<": ">", ">": "<", "<=": ">=", ">=": "<="}
_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "=": operator.eq,
    "<>": operator.ne,
    "<": operator.lt,
    ">": operator.gt,
    "<=": operator.le,
    ">=": operator.ge,
}
_OPAQUE = frozenset((Kind.ARRAY, Kind.OTHER))


class ConditionResolver(ValueResolver):
    """Resolves conditions in the scope at hand."""

    @abstractmethod
    def subquery(self, query: tree.Query) -> ResolvedQuery:
        """A query inside this one, which may see this one's columns."""

    @abstractmethod
    def wrapped(self, query: ResolvedQuery, change: Callable[[Value], Value]) -> ResolvedQuery:
        """A query round one of one column, with something else made of that column."""

    def condition(self, node: tree.Condition) -> Condition:
        """The meaning of any condition."""
        match node:
            case tree.And():
                return Both(tuple(self.condition(term) for term in node.terms))
            case tree.Or():
                return Either(tuple(self.condition(term) for term in node.terms))
            case tree.Not():
                return Negation(self.condition(node.condition))
            case tree.Comparison():
                return self._comparison(node)
            case tree.Between():
                return self._between(node)
            case tree.InList():
                return self._in_list(node)
            case tree.InQuery():
                return self._in_query(node)
            case tree.Like():
                value = self.text(node.value, "the left side of LIKE")
                pattern = self.text(node.pattern, "the pattern of LIKE")
                return Matches(value, pattern, node.negated, node.folded)
            case tree.IsNull():
                return Missing(self.value(node.value), node.negated)
            case tree.Exists():
                return SomeRow(self.subquery(node.query))

    def _comparison(self, node: tree.Comparison) -> Condition:
        left, right = self.value(node.left), self.value(node.right)
        if isinstance(node.left, tree.Null) or isinstance(node.right, tree.Null):
            self.warnings.append(
                f"a comparison with NULL is never true (line {node.place.line}); write IS NULL"
            )
        left, right = self._matched([left, right], [node.left, node.right], node.operator)
        return self._tested(node.operator, left, right) or Compare(node.operator, left, right)

    def _tested(self, operator: str, left: Value, right: Value) -> Condition | None:
        """The test that a comparison of a geometric function with a constant stands for.

        Tests may be written twice over, and a random number must not be.
        """
        if is_random(left) or is_random(right):
            return None
        if isinstance(right, Truth | Separation) and not isinstance(left, Truth | Separation):
            return self._tested(_MIRRORED[operator], right, left)
        if isinstance(left, Separation) and operator in ("<", "<=", ">", ">="):
            return self.near(left, operator, right)
        if isinstance(left, Truth):
            limit = constant_number(right)
            if limit is not None:
                return _truth_when(left.condition, _COMPARE[operator](1, limit), _COMPARE[operator](0, limit))
        return None

    def _between(self, node: tree.Between) -> Condition:
        nodes = [node.value, node.low, node.high]
        value, low, high = self._matched([self.value(each) for each in nodes], nodes, "BETWEEN")
        if (
            isinstance(value, Separation)
            and (constant_number(low) or 0.0) <= 0.0
            and constant_number(low) is not None
            and not is_random(high)
        ):
            inside = self.near(value, "<=", high)
            return Negation(inside) if node.negated else inside
        return InRange(value, low, high, node.negated)

    def _in_list(self, node: tree.InList) -> Condition:
        nodes = [node.value, *node.items]
        value, *items = self._matched([self.value(each) for each in nodes], nodes, "IN")
        numbers = [constant_number(item) for item in items]
        if isinstance(value, Truth) and None not in numbers:
            found = _truth_when(value.condition, 1.0 in numbers, 0.0 in numbers)
            return Negation(found) if node.negated else found
        return OneOf(value, tuple(items), node.negated)

    def _in_query(self, node: tree.InQuery) -> Condition:
        value = self.value(node.value)
        query = self.subquery(node.query)
        columns = query.columns
        if len(columns) != 1:
            raise AdqlError.at(
                node.query.place, f"the query of IN has {len(columns)} columns", "select exactly one column"
            )
        name, alias, facts = columns[0]
        found = Reference("", alias, facts)
        kinds = {value.facts.kind, facts.kind}
        if not kinds & (SHAPES | _OPAQUE | {Kind.NULL}) and len({_class_of(kind) for kind in kinds}) > 1:
            raise AdqlError.at(
                node.query.place,
                f"IN compares {describe(value)} with column {name}, which is {describe(found)}",
                f"write CAST({name} AS {value.facts.kind}) there",
            )
        self._check_classes([value, found], [node.value, node.value], "IN")
        if Kind.REAL in kinds and kinds & INTEGERS:
            double = Facts(Kind.DOUBLE)
            value = Conversion(value, double)
            query = self.wrapped(query, lambda column: Conversion(column, double))
        return OneOfQuery(value, query, node.negated)

    # --- types ---

    def _matched(self, values: list[Value], nodes: list[tree.Value], operator: str) -> list[Value]:
        """The values, strings turned into times where they are compared with one; types must agree."""
        if any(value.facts.kind is Kind.TIMESTAMP for value in values):
            values = [self._as_time(value, node.place) for value, node in zip(values, nodes)]
        self._check_classes(values, nodes, operator)
        return values

    def _as_time(self, value: Value, place: Place) -> Value:
        if isinstance(value, Constant) and value.facts.kind is Kind.TEXT and isinstance(value.value, str):
            return timestamp_constant(value.value, place)
        return value

    def _check_classes(self, values: list[Value], nodes: list[tree.Value], operator: str) -> None:
        first: Value | None = None
        for value, node in zip(values, nodes):
            kind = value.facts.kind
            if kind in SHAPES:
                raise AdqlError.at(
                    node.place, f"a geometry takes no {operator}", "use CONTAINS, INTERSECTS, DISTANCE"
                )
            if kind in _OPAQUE:
                raise AdqlError.at(node.place, f"{describe(value)} takes no {operator}")
            if kind is Kind.NULL:
                continue
            if first is None:
                first = value
            elif _class_of(first.facts.kind) != _class_of(kind):
                raise AdqlError.at(
                    node.place,
                    f"{describe(first)} and {describe(value)} do not compare by {operator}",
                    _class_hint(first, value),
                )


def _class_of(kind: Kind) -> str:
    return "number" if kind in NUMBERS else kind.value


def _class_hint(one: Value, other: Value) -> str | None:
    kinds = {_class_of(one.facts.kind), _class_of(other.facts.kind)}
    if kinds == {"number", Kind.TEXT.value}:
        return "numbers stand without quotes, text in single quotes"
    if Kind.TIMESTAMP.value in kinds:
        return "write the time as a string, as in '2020-01-31T12:00:00'"
    return None


def _truth_when(condition: Condition, if_true: bool, if_false: bool) -> Condition:
    """What is left of a condition compared with a number: for 1 ``if_true`` holds, for 0 ``if_false``."""
    if if_true and not if_false:
        return condition
    if if_false and not if_true:
        return Negation(condition)
    # decided, but unknown stays unknown
    known = Either((condition, Negation(condition)))
    if isinstance(condition, Fixed):
        return Fixed(if_true if condition.truth is not None else None)
    return known if if_true else Negation(known)
