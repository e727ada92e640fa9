"""Values: what names mean, what types and units come of them, what does not fit together."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches

from tap_schema import Table
from vo_service.adql import tree
from vo_service.adql.constants import constant_number
from vo_service.adql.errors import AdqlError, Place
from vo_service.adql.function_forms import Form, Function
from vo_service.adql.functions import FUNCTIONS, find_function
from vo_service.adql.kinds import INTEGERS, LIMITS, NUMBERS, SHAPES, Facts, Kind, result_of_arithmetic, widest
from vo_service.adql.names import Names
from vo_service.adql.resolve_geometry import GEOMETRY, GeometryResolver
from vo_service.adql.resolved import (
    Apply,
    Arithmetic,
    Coalesce,
    Collected,
    Constant,
    Conversion,
    Joined,
    Negative,
    Value,
)
from vo_service.adql.scopes import Scope, find_column
from vo_service.adql.timestamps import check_timestamp
from vo_service.spectral import C, UnknownLine, line

_CAST_TARGETS = {kind.value: kind for kind in (*NUMBERS, Kind.TIMESTAMP)} | {
    "CHAR": Kind.TEXT,
    "VARCHAR": Kind.TEXT,
}
_NO_AGGREGATES = ("WHERE", "ON", "GROUP BY")


class ValueResolver(GeometryResolver):
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
                return find_column(self.scope, node.parts, self.labels)
            case tree.Number():
                return _number(node)
            case tree.String():
                return Constant(node.value, Facts(Kind.TEXT))
            case tree.Null():
                return Constant(None, Facts(Kind.NULL))
            case tree.Parenthesised():
                return self.value(node.operand)
            case tree.Signed():
                return self._signed(node)
            case tree.Binary():
                return self._joined(node) if node.operator == "||" else self._arithmetic(node)
            case tree.Aggregate():
                return self._aggregate(node)
            case tree.Cast():
                return self._cast(node)
            case tree.Call():
                return self._call(node)

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
            raise AdqlError.at(node.place, f"{what} is text, not {describe(value)}")
        return value

    # --- operators ---

    def _signed(self, node: tree.Signed) -> Value:
        operand = self.number(node.operand, "what has a sign")
        if node.sign == "+":
            return operand
        if isinstance(operand, Constant) and isinstance(operand.value, int | float):
            return Constant(-operand.value, operand.facts)
        kept = Facts(operand.facts.kind, operand.facts.unit)
        return Negative(operand, kept)

    def _arithmetic(self, node: tree.Binary) -> Value:
        left = self.number(node.left, f"the left side of {node.operator}")
        right = self.number(node.right, f"the right side of {node.operator}")
        kind = result_of_arithmetic(left.facts.kind, right.facts.kind)
        if node.operator == "/" and kind in INTEGERS:
            self._warn_of_zero(left, right)
        return Arithmetic(node.operator, left, right, Facts(kind, _unit(node.operator, left, right)))

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
        return Joined(left, right, Facts(Kind.TEXT))

    # --- calls ---

    def _call(self, node: tree.Call) -> Value:
        if node.name in GEOMETRY:
            return self.geometry_call(node)
        if node.name == "COALESCE":
            return self._coalesce(node)
        if node.name == "IN_UNIT":
            return self._in_unit(node)
        function = find_function(node.name)
        if function is None:
            close = get_close_matches(node.name.lower(), [name.lower() for name in FUNCTIONS], n=2)
            hint = f"did you mean {' or '.join(close)}?" if close else "only declared functions can be called"
            raise AdqlError.at(node.place, f"unknown function {node.name}", hint)
        return self._apply(function, node)

    def _apply(self, function: Function, node: tree.Call) -> Value:
        form = _form(function, node)
        arguments = tuple(
            self._argument(function, category, argument, index)
            for index, (category, argument) in enumerate(zip(form.arguments, node.arguments), start=1)
        )
        if function.name == "line_frequency":
            rest_wavelength = arguments[0]
            assert isinstance(rest_wavelength, Constant) and isinstance(rest_wavelength.value, float)
            return Constant(C / rest_wavelength.value, Facts(Kind.DOUBLE, "Hz", "em.freq;em.line"))
        unit = arguments[0].facts.unit if function.unit == "same" else function.unit
        return Apply(function.name, arguments, Facts(form.result, unit))

    def _argument(self, function: Function, category: str, node: tree.Value, index: int) -> Value:
        what = f"argument {index} of {function.name}"
        if category in ("number", "integer"):
            return self.number(node, what)
        if category == "text":
            return self.text(node, what)
        if category == "line":
            return Constant(rest_wavelength(node, function.name), Facts(Kind.DOUBLE, "m"))
        value = self.value(node)
        if value.facts.kind not in (Kind.ARRAY, Kind.NULL):
            raise AdqlError.at(
                node.place, f"{what} is a column of intervals, not {describe(value)}", "write em_support"
            )
        return value

    def _coalesce(self, node: tree.Call) -> Value:
        values = tuple(self.value(argument) for argument in node.arguments)
        kind = widest([value.facts.kind for value in values])
        if kind is None:
            kinds = ", ".join(describe(value) for value in values)
            raise AdqlError.at(node.place, f"COALESCE takes values of one type, not {kinds}")
        if kind in SHAPES:
            raise AdqlError.at(node.place, "COALESCE of geometries is not supported")
        typed = next((value.facts for value in values if value.facts.kind is kind), Facts(kind))
        units = {value.facts.unit for value in values if not isinstance(value, Constant)}
        unit = units.pop() if len(units) == 1 else None
        return Coalesce(
            values, Facts(kind, unit, typed.ucd, None, "", typed.datatype, typed.arraysize, typed.xtype)
        )

    def _in_unit(self, node: tree.Call) -> Value:
        raise AdqlError.at(
            node.place, "IN_UNIT is not supported", "convert by a factor, as in frequency * 1e9"
        )

    def _aggregate(self, node: tree.Aggregate) -> Value:
        if self.clause in _NO_AGGREGATES:
            hint = "put the condition on it into HAVING" if self.clause == "WHERE" else None
            raise AdqlError.at(node.place, f"{node.name} cannot stand in {self.clause}", hint)
        if self._inside_aggregate:
            raise AdqlError.at(node.place, f"{node.name} cannot stand inside another aggregate")
        if node.argument is None:
            return Collected("COUNT", None, False, Facts(Kind.BIGINT, ucd="meta.number"))
        self._inside_aggregate = True
        argument = self.value(node.argument)
        self._inside_aggregate = False
        return Collected(node.name, argument, node.distinct, _aggregate_facts(node, argument))

    def _cast(self, node: tree.Cast) -> Value:
        operand = self.value(node.operand)
        target = _CAST_TARGETS.get(node.target)
        if target is None:
            raise AdqlError.at(
                node.place, f"CAST to {node.target} is not supported", f"write {node.target}(...)"
            )
        source = operand.facts.kind
        number_to_time = target is Kind.TIMESTAMP and source not in (Kind.TEXT, Kind.TIMESTAMP, Kind.NULL)
        time_to_number = target in NUMBERS and source is Kind.TIMESTAMP
        if (
            number_to_time
            or time_to_number
            or (source not in NUMBERS | {Kind.TEXT, Kind.TIMESTAMP, Kind.NULL})
        ):
            raise AdqlError.at(node.place, f"{describe(operand)} cannot be cast to {node.target}")
        if target is Kind.TIMESTAMP and isinstance(operand, Constant) and isinstance(operand.value, str):
            return timestamp_constant(operand.value.strip(), node.operand.place)
        _check_constant(operand, target, node)
        unit = operand.facts.unit if target in NUMBERS else None
        arraysize = f"{node.length}" + ("" if node.target == "CHAR" else "*") if node.length else "*"
        facts = Facts(target, unit)
        if target is Kind.TEXT:
            facts = Facts(target, datatype=_text_datatype(operand), arraysize=arraysize)
        return Conversion(
            operand, facts, node.length, padded=node.target == "CHAR" and node.length is not None
        )


def _check_constant(operand: Value, target: Kind, node: tree.Cast) -> None:
    """A constant that no engine could convert is refused at its place (ADQL-123)."""
    place = node.operand.place
    if target in NUMBERS and isinstance(operand, Constant) and isinstance(operand.value, str):
        try:
            number: float | None = float(operand.value)
        except ValueError:
            raise AdqlError.at(place, f"'{operand.value}' is no number", f"{target} is asked for") from None
    else:
        number = constant_number(operand)
    limits = LIMITS.get(target)
    if number is not None and limits is not None and not limits[0] - 0.5 < number < limits[1] + 0.5:
        raise AdqlError.at(place, f"{number:g} is beyond {target}", "write CAST(... AS DOUBLE PRECISION)")


def rest_wavelength(node: tree.Value, function: str) -> float:
    """Vacuum wavelength in metres of the line that a string literal names. Raises AdqlError."""
    if not isinstance(node, tree.String):
        raise AdqlError.at(node.place, f"{function} takes the line's name as a string", "as in 'CO(2-1)'")
    try:
        return C / line(node.value).rest_hz
    except UnknownLine as error:
        hint = f"did you mean {' or '.join(error.near)}?" if error.near else None
        why = f": {error.why}" if error.why else ""
        raise AdqlError.at(node.place, f"unknown line {node.value}{why}", hint) from error


def timestamp_constant(text: str, place: Place) -> Constant:
    """A time from a string literal in DALI form. Raises AdqlError."""
    return Constant(check_timestamp(text, place), Facts(Kind.TIMESTAMP))


def describe(value: Value) -> str:
    """A value in an error message."""
    kind = value.facts.kind
    if isinstance(value, Constant):
        return f"'{value.value}'" if kind is Kind.TEXT else f"{value.value}"
    names = {Kind.TEXT: "text", Kind.TIMESTAMP: "a time", Kind.ARRAY: "an array", Kind.NULL: "NULL"}
    if kind in NUMBERS:
        return "a number"
    return names.get(kind, f"a {kind.value}")


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


def _number_hint(value: Value) -> str | None:
    if isinstance(value, Constant) and isinstance(value.value, str):
        return "numbers stand without quotes"
    return None


def _form(function: Function, node: tree.Call) -> Form:
    for form in function.forms:
        if len(form.arguments) == len(node.arguments):
            return form
    hint = f"write {function.declared.split(' -> ')[0]}" if function.declared else None
    raise AdqlError.at(node.place, f"{node.name} does not take {len(node.arguments)} arguments", hint)


def _unit(operator: str, left: Value, right: Value) -> str | None:
    one, other = left.facts.unit, right.facts.unit
    if operator in "+-":
        if isinstance(right, Constant) and other is None:
            return one
        if isinstance(left, Constant) and one is None:
            return other
        return one if one == other else None
    if isinstance(right, Constant) and other is None:
        return one
    if operator == "*" and isinstance(left, Constant) and one is None:
        return other
    return None


def _aggregate_facts(node: tree.Aggregate, argument: Value) -> Facts:
    facts, name = argument.facts, node.name
    if name == "COUNT":
        return Facts(Kind.BIGINT, ucd="meta.number")
    allowed = (
        NUMBERS | {Kind.NULL} if name in ("SUM", "AVG") else NUMBERS | {Kind.TEXT, Kind.TIMESTAMP, Kind.NULL}
    )
    if facts.kind not in allowed:
        raise AdqlError.at(node.place, f"{name} does not take {describe(argument)}")
    if name == "SUM":
        return Facts(Kind.BIGINT if facts.kind in INTEGERS else Kind.DOUBLE, facts.unit)
    if name == "AVG":
        return Facts(Kind.DOUBLE, facts.unit, _statistic("stat.mean", facts.ucd))
    ucd = _statistic("stat.min" if name == "MIN" else "stat.max", facts.ucd)
    return Facts(facts.kind, facts.unit, ucd, None, "", facts.datatype, facts.arraysize, facts.xtype)


def _statistic(word: str, ucd: str | None) -> str | None:
    words = [part for part in (ucd or "").split(";") if part and part != "meta.main"]
    return ";".join([word, *words]) if words else None


def _text_datatype(operand: Value) -> str:
    return "unicodeChar" if operand.facts.datatype == "unicodeChar" else "char"
