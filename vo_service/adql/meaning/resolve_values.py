"""Values: what names mean, what types and units come of them, what does not fit together."""

from __future__ import annotations

import math
from collections.abc import Mapping

from tap_schema import Table
from vo_service.adql.errors import AdqlError, Place
from vo_service.adql.language import tree
from vo_service.adql.meaning import derivation, units
from vo_service.adql.meaning.casts import cast_value
from vo_service.adql.meaning.constants import constant_number, is_literal, is_plain_number, overflow
from vo_service.adql.meaning.resolve_calls import CallResolver, describe
from vo_service.adql.meaning.scopes import Scope, find_column
from vo_service.adql.names import Names
from vo_service.adql.nodes.kinds import INTEGERS, NUMBERS, SHAPES, Facts, Kind
from vo_service.adql.nodes.resolved import Arithmetic, Constant, Joined, Negative, Value


class ValueResolver(CallResolver):
    """Resolves values in the scope at hand; ``clause`` says where in the query they stand."""

    def __init__(self, tables: Mapping[str, Table], names: Names | None) -> None:
        self.tables = tables
        self.names = names
        self.warnings: list[str] = []
        self.scope = Scope([], [])
        self.clause = "SELECT"
        self.labels: tuple[str, ...] = ()
        self._inside_aggregate = False

    def value(self, node: tree.Value) -> Value:
        """The meaning of any value expression."""
        match node:
            case tree.ColumnName():
                return find_column(self.scope, node.parts, self.labels).value
            case tree.Number():
                return _number(node)
            case tree.String():
                return Constant(node.value, derivation.of_literal(node.value))
            case tree.Null():
                return Constant(None, Facts(Kind.NULL))
            case tree.Parenthesised():
                return self.value(node.operand)
            case tree.Signed():
                return self._signed(node)
            case tree.Binary():
                return self._joined(node) if node.operator == "||" else self._arithmetic(node)
            case tree.Aggregate():
                return self.aggregate(node)
            case tree.Cast():
                return cast_value(self.value(node.operand), node)
            case tree.Call():
                return self.call(node)

    def number(self, node: tree.Value, what: str) -> Value:
        """A value that must be a number."""
        value = self.value(node)
        if value.facts.kind not in NUMBERS and value.facts.kind is not Kind.NULL:
            raise AdqlError.at(node.place, f"{what} is a number, not {describe(value)}", _number_hint(value))
        return value

    def text(self, node: tree.Value, what: str) -> Value:
        """A value that must be text."""
        value = self.value(node)
        if value.facts.kind not in (Kind.TEXT, Kind.NULL):
            raise AdqlError.at(node.place, f"{what} is text, not {describe(value)}", _text_hint(value))
        return value

    # --- operators ---

    def _signed(self, node: tree.Signed) -> Value:
        operand = self.number(node.operand, "what has a sign")
        if node.sign == "+":
            return operand
        if isinstance(operand, Constant) and isinstance(operand.value, int | float):
            return Constant(-operand.value, operand.facts)
        return Negative(operand, derivation.of_negative(operand.facts))

    def _arithmetic(self, node: tree.Binary) -> Value:
        left = self.number(node.left, f"the left side of {node.operator}")
        right = self.number(node.right, f"the right side of {node.operator}")
        if node.operator in "+-":
            literals = is_literal(left), is_literal(right)
            facts = derivation.of_sum(left.facts, right.facts, *literals)
            self._warn_of_units(node.operator, left.facts.unit, right.facts.unit, literals)
        else:
            plain = is_plain_number(left), is_plain_number(right)
            facts = derivation.of_product(node.operator, left.facts, right.facts, *plain)
        value = Arithmetic(node.operator, left, right, facts)
        if node.operator == "/" and facts.kind in INTEGERS:
            self._warn_of_zero(left, right)
        return _within_range(value, node.place)

    def _warn_of_units(
        self, operator: str, one: str | None, other: str | None, literals: tuple[bool, bool]
    ) -> None:
        if not any(literals) and not units.same_unit(one, other):
            names = " and ".join(unit or "a number without a unit" for unit in (one, other))
            word = "a sum" if operator == "+" else "a difference"
            self.warnings.append(f"{word} of {names} has no unit; write IN_UNIT to have one")

    def _warn_of_zero(self, left: Value, right: Value) -> None:
        """Integers divide as integers: 1/3600 is 0 (ADQL-219)."""
        one, other = constant_number(left), constant_number(right)
        if one and other and abs(one) < abs(other):
            self.warnings.append(
                f"{one:.0f}/{other:.0f} divides integers and gives 0; write {one:.0f}/{other:.0f}."
            )

    def _joined(self, node: tree.Binary) -> Value:
        left = self.text(node.left, "the left side of ||")
        right = self.text(node.right, "the right side of ||")
        return Joined(left, right, derivation.of_texts((left.facts, right.facts)))


def _within_range(value: Arithmetic, place: Place) -> Value:
    """The value; a constant beyond its type is refused here, where its place is known (ADQL-094)."""
    beyond = overflow(value)
    if beyond is not None:
        kind = value.facts.kind
        wider = Kind.BIGINT if kind is not Kind.BIGINT and abs(beyond) < 2**63 else Kind.DOUBLE
        raise AdqlError.at(place, f"{beyond} is beyond {kind}", f"write CAST(... AS {wider}) on one side")
    if value.facts.kind is Kind.DOUBLE:
        number = constant_number(value)
        if number is not None and not math.isfinite(number):
            raise AdqlError.at(place, f"the result of {value.operator} is beyond the range of a double")
        if number == 0.0:
            return Constant(0.0, value.facts)  # one engine takes a result too small for a double for an error
    return value


def _number(node: tree.Number) -> Constant:
    if node.is_integer:
        value = int(node.text) if len(node.text) < 40 else 10**40
        if value < 2**31:
            return Constant(value, Facts(Kind.INTEGER))
        if value < 2**63:
            return Constant(value, Facts(Kind.BIGINT))
    number = float(node.text)
    if number == float("inf"):
        raise AdqlError.at(node.place, f"{node.text} is beyond the range of a double")
    return Constant(number, Facts(Kind.DOUBLE))


def _text_hint(value: Value) -> str | None:
    kind = value.facts.kind
    if kind is Kind.TIMESTAMP:
        return "compare a time with times, as in t >= '2020-01-01' AND t < '2021-01-01'"
    if kind in NUMBERS:
        return "write CAST(x AS VARCHAR)"
    return "of geometries ask CONTAINS, INTERSECTS, AREA" if kind in SHAPES else None


def _number_hint(value: Value) -> str | None:
    if value.facts.kind is Kind.TIMESTAMP:
        return "ADQL has no interval arithmetic; compare times, or write ivo_to_mjd(t), which is in days"
    if isinstance(value, Constant) and isinstance(value.value, str):
        return "numbers stand without quotes"
    return None
