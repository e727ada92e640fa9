"""Calls: which form of a function is meant, aggregates, COALESCE, IN_UNIT; types, units, places checked."""

from __future__ import annotations

from abc import abstractmethod
from contextlib import suppress
from dataclasses import replace
from difflib import get_close_matches

from vo_service.adql.errors import AdqlError, Place
from vo_service.adql.functions.forms import Called, Form, Function
from vo_service.adql.functions.table import FUNCTIONS, find_function
from vo_service.adql.language import tree
from vo_service.adql.language.words import INSTEAD_OF_CALLS
from vo_service.adql.meaning import derivation, units
from vo_service.adql.meaning.constants import constant_number, is_literal
from vo_service.adql.meaning.scopes import Scope
from vo_service.adql.meaning.shape_frames import check_one, frame_of
from vo_service.adql.meaning.shape_tests import unpacked
from vo_service.adql.meaning.shapes import GEOMETRY, GeometryResolver
from vo_service.adql.meaning.timestamps import check_timestamp
from vo_service.adql.names import Names
from vo_service.adql.nodes.coordinate_systems import frame_of_numbers
from vo_service.adql.nodes.grouping import parts_of
from vo_service.adql.nodes.kinds import INTEGERS, NUMBERS, SHAPES, Facts, Kind, widest
from vo_service.adql.nodes.resolved import (
    Apply,
    Arithmetic,
    Coalesce,
    Collected,
    Condition,
    Constant,
    Value,
)
from vo_service.adql.nodes.resolved_shapes import Geometry, Stored
from vo_service.adql.sql.texts import BLANKS
from vo_service.spectral import C, UnknownLine, line

_RANDOM = ("RAND", "ivo_normal_random")
_ALIKE = 0.75
"""How much alike a name is that one may have meant: ABS and ABSS are, GREATEST and DEGREES not."""
_NO_AGGREGATES = ("WHERE", "ON", "GROUP BY")
_CLASSES = {
    "number": "a number",
    "integer": "an integer",
    "text": "text",
    "time": "a time",
    "literal_text": "a string in single quotes",
    "line": "the name of a line in single quotes",
    "intervals": "a column of intervals",
    "point": "a POINT",
    "shape": "a geometry",
}
_HINTS = {"intervals": "write em_support", "point": "write POINT(lon, lat)", "line": "as in 'CO(2-1)'"}


class CallResolver(GeometryResolver):
    """What calls mean; a part of the resolver."""

    clause: str
    names: Names | None
    scope: Scope
    _inside_aggregate: bool

    @abstractmethod
    def text(self, node: tree.Value, what: str) -> Value:
        """A value that must be text."""

    def call(self, node: tree.Call) -> Value:
        """The meaning of any call but a plain aggregate."""
        if node.name in GEOMETRY:
            return self.geometry_call(node)
        if node.name == "COALESCE":
            return self._coalesce(node)
        if node.name == "IN_UNIT":
            return self._in_unit(node)
        function = find_function(node.name)
        if function is None:
            known = [name.lower() for name in FUNCTIONS if not name.startswith("_")]
            close = get_close_matches(node.name.lower(), known, n=2, cutoff=_ALIKE)
            hint = f"did you mean {' or '.join(close)}?" if close else "only declared functions can be called"
            hint = INSTEAD_OF_CALLS.get(node.name.upper(), hint)
            raise AdqlError.at(node.place, f"unknown function {node.name}", hint)
        if function.name in _RANDOM and self.clause == "GROUP BY":
            raise AdqlError.at(
                node.place, f"{node.name} cannot stand in GROUP BY", "draw it in a derived table"
            )
        return self._collect(function, node) if function.aggregate else self._apply(function, node)

    # --- functions of the table ---

    def _apply(self, function: Function, node: tree.Call) -> Value:
        forms = [form for form in function.forms if len(form.arguments) == len(node.arguments)]
        if not forms:
            counts = f"{len(node.arguments)} argument{'' if len(node.arguments) == 1 else 's'}"
            raise AdqlError.at(node.place, f"{node.name} does not take {counts}", _written(function))
        values = tuple(self.value(argument) for argument in node.arguments)
        form = _form(function, forms, values, node)
        arguments = tuple(
            _argument(category, value, argument, node.name)
            for category, value, argument in zip(form.arguments, values, node.arguments)
        )
        if any(
            category in ("point", "shape") and value.facts.kind is Kind.NULL
            for category, value in zip(form.arguments, arguments)
        ):
            return Constant(None, Facts(Kind.NULL))
        if form.make is not None:
            places = tuple(argument.place for argument in node.arguments)
            called = Called(
                function.name,
                arguments,
                places,
                node.place,
                self.make_point,
                constant_number,
                self.warnings.append,
                self.names,
            )
            return form.make(called)
        return Apply(function.name, arguments, _facts(function, form, arguments))

    def _collect(self, function: Function, node: tree.Call) -> Value:
        """An aggregate of the table: as for SUM, but with constants behind the first argument."""
        self._check_aggregate(node.name, node.place, node.arguments[0] if node.arguments else None)
        self._inside_aggregate = True
        try:
            value = self._apply(function, node)
        finally:
            self._inside_aggregate = False
        if not isinstance(value, Apply):
            return value
        if is_random(value):
            raise AdqlError.at(
                node.place, f"a random number cannot stand inside {node.name}", "draw it in a derived table"
            )
        first, *others = value.arguments
        for other, argument in zip(others, node.arguments[1:]):
            if not isinstance(other, Constant) and constant_number(other) is None:
                raise AdqlError.at(
                    argument.place,
                    f"behind its first argument {node.name} takes constants",
                    _written(function),
                )
        return Collected(function.name, first, False, value.facts, tuple(others))

    # --- aggregates of the grammar ---

    def aggregate(self, node: tree.Aggregate) -> Value:
        """COUNT, SUM, AVG, MIN, MAX (ADQL-067 to 069)."""
        self._check_aggregate(node.name, node.place, node.argument)
        if node.argument is None:
            return Collected("COUNT", None, False, derivation.COUNT)
        self._inside_aggregate = True
        try:
            argument = self.value(node.argument)
        finally:
            self._inside_aggregate = False
        if node.name == "COUNT":
            return Collected("COUNT", argument, node.distinct, derivation.COUNT)
        allowed = NUMBERS | {Kind.NULL}
        if node.name in ("MIN", "MAX"):
            allowed |= {Kind.TEXT, Kind.TIMESTAMP}
        if argument.facts.kind not in allowed:
            raise AdqlError.at(node.place, f"{node.name} does not take {describe(argument)}")
        facts = derivation.of_aggregate(node.name, argument.facts)
        return Collected(node.name, argument, node.distinct, facts)

    def _check_aggregate(self, name: str, place: Place, argument: tree.Value | None) -> None:
        if self.clause in _NO_AGGREGATES:
            hint = "put the condition on it into HAVING" if self.clause == "WHERE" else None
            if self._is_outside(argument):
                hint = "make it a column of a derived table that has the groups, and compare with that column"
            raise AdqlError.at(place, f"{name} cannot stand in {self.clause}", hint)
        if self._inside_aggregate:
            raise AdqlError.at(place, f"{name} cannot stand inside another aggregate")

    def _is_outside(self, argument: tree.Value | None) -> bool:
        """Whether a value is one of the query round this one: of its columns, and known there alone."""
        whole, outer, known = self.scope, self.scope.outer, []
        if argument is None or outer is None:
            return False
        for scope in (replace(whole, outer=None), outer):
            self.scope = scope
            with suppress(AdqlError):
                self.value(argument)
                known.append(scope)
        self.scope = whole
        return known == [outer]

    # --- COALESCE, IN_UNIT ---

    def _coalesce(self, node: tree.Call) -> Value:
        values = tuple(self.value(argument) for argument in node.arguments)
        if any(value.facts.kind is Kind.TIMESTAMP for value in values):
            values = tuple(_as_time(value, each.place) for value, each in zip(values, node.arguments))
        kind = widest([value.facts.kind for value in values])
        if kind is None:
            kinds = ", ".join(describe(value) for value in values)
            raise AdqlError.at(node.place, f"COALESCE takes values of one type, not {kinds}")
        if kind in SHAPES:
            return _first_geometry(values, node.place)
        literals = [isinstance(value, Constant) or is_literal(value) for value in values]
        facts = derivation.of_first_known([value.facts for value in values], literals, kind)
        return Coalesce(values, facts)

    def _in_unit(self, node: tree.Call) -> Value:
        """The value times the factor between the units (ADQL-128, ADQL-129)."""
        operand = self.number(node.arguments[0], "the first argument of IN_UNIT")
        target = node.arguments[1]
        assert isinstance(target, tree.String)
        unit = operand.facts.unit
        try:
            units.unit_of(target.value)
        except units.UnitError as error:
            raise AdqlError.at(target.place, str(error), error.hint) from error
        if unit is None:
            raise AdqlError.at(
                node.arguments[0].place,
                f"{_named(node.arguments[0], operand)} has no unit that is known here",
                "a column with a unit is expected; units of columns are in tap_schema.columns",
            )
        try:
            factor = units.factor(unit, target.value)
        except units.UnitError as error:
            raise AdqlError.at(target.place, str(error), error.hint) from error
        facts = Facts(Kind.DOUBLE, target.value.strip(), operand.facts.ucd)
        return Arithmetic("*", operand, Constant(factor, Facts(Kind.DOUBLE)), facts)


def _named(node: tree.Value, value: Value) -> str:
    """A column by its name, any other value by what it is."""
    return f"column {node.parts[-1].text}" if isinstance(node, tree.ColumnName) else describe(value)


def _as_time(value: Value, place: Place) -> Value:
    """A string literal beside times is one (ADQL-125)."""
    if isinstance(value, Constant) and value.facts.kind is Kind.TEXT and isinstance(value.value, str):
        return timestamp_constant(value.value, place)
    return value


def _first_geometry(values: tuple[Value, ...], place: Place) -> Value:
    """COALESCE of geometries of one kind (ADQL-127): each as one value."""
    geometries = [value for value in values if isinstance(value, Geometry)]
    if len(values) == 1:
        return values[0]
    first = geometries[0].facts
    kind = first.kind
    ucds = {geometry.facts.ucd for geometry in geometries}
    facts = Facts(kind, first.unit, first.ucd if len(ucds) == 1 else None)
    frames = [frame_of_numbers(frame_of(geometry)) for geometry in geometries]
    return Stored(Coalesce(values, facts), facts, check_one(frames, place))


def rest_wavelength(node: tree.Value, function: str) -> float:
    """Vacuum wavelength in metres of the line that a string literal names. Raises AdqlError."""
    if not isinstance(node, tree.String):
        raise AdqlError.at(node.place, f"{function} takes the line's name as a string", _HINTS["line"])
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
        return (
            f"'{value.value}'" if kind is Kind.TEXT else "NULL" if value.value is None else f"{value.value}"
        )
    if kind in NUMBERS:
        return "a number"
    if kind is Kind.ARRAY:
        return "an interval" if value.facts.xtype == "interval" else "an array"
    names = {
        Kind.TEXT: "text",
        Kind.TIMESTAMP: "a time",
        Kind.NULL: "NULL",
        Kind.OTHER: "a value that can only be selected",
    }
    return names.get(kind, f"a {kind.value}")


def is_random(value: Value | Condition) -> bool:
    """Whether there is a random number in a value, which is another one each time it is worked out."""
    if isinstance(value, Apply) and value.function in _RANDOM:
        return True
    return any(is_random(part) for part in parts_of(value))


def _written(function: Function) -> str | None:
    calls = [signature.split(" -> ")[0] for signature in function.signatures]
    return f"write {' or '.join(calls)}" if calls else None


def _form(function: Function, forms: list[Form], values: tuple[Value, ...], node: tree.Call) -> Form:
    """The form whose classes the arguments fit; the only one in question where it is one."""
    if len(forms) == 1:
        return forms[0]
    for form in forms:
        if all(_fits(each, value, arg) for each, value, arg in zip(form.arguments, values, node.arguments)):
            return form
    given = ", ".join(describe(value) for value in values)
    raise AdqlError.at(node.place, f"{node.name} does not take {given}", _written(function))


def _fits(category: str, value: Value, node: tree.Value) -> bool:
    kind = value.facts.kind
    if category in ("literal_text", "line"):
        return isinstance(node, tree.String)
    if kind is Kind.NULL:
        return True
    match category:
        case "number":
            return kind in NUMBERS
        case "integer":
            return kind in INTEGERS
        case "text":
            return kind is Kind.TEXT
        case "time":
            return kind is Kind.TIMESTAMP or isinstance(node, tree.String)
        case "intervals":
            return kind is Kind.ARRAY and value.facts.datatype in ("double", "float")
        case "point":
            return kind is Kind.POINT
    return kind in SHAPES


def _argument(category: str, value: Value, node: tree.Value, function: str) -> Value:
    """An argument as its class has it. Raises AdqlError where it does not fit."""
    if category == "line":
        return Constant(rest_wavelength(node, function), Facts(Kind.DOUBLE, "m"))
    if not _fits(category, value, node):
        hint = _HINTS.get(category)
        if category in ("number", "integer") and isinstance(node, tree.String):
            hint = "numbers stand without quotes"
        raise AdqlError.at(
            node.place, f"{function} takes {_CLASSES[category]} here, not {describe(value)}", hint
        )
    if category == "time" and isinstance(node, tree.String):
        return timestamp_constant(node.value.strip(BLANKS), node.place)
    return unpacked(value) if isinstance(value, Geometry) else value


def _facts(function: Function, form: Form, arguments: tuple[Value, ...]) -> Facts:
    if function.facts is not None:
        return function.facts(arguments)
    exponent = constant_number(arguments[1]) if function.name == "POWER" else None
    return derivation.of_call(function, form, [argument.facts for argument in arguments], exponent)
