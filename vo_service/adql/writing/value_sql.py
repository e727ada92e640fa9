"""Values as SQL expressions."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from itertools import islice
from typing import Any

from sqlglot import exp

from vo_service.adql.functions.table import FUNCTIONS
from vo_service.adql.meaning.constants import constant_number
from vo_service.adql.nodes import planned
from vo_service.adql.nodes.kinds import INTEGERS, NUMBERS, SHAPES, Kind
from vo_service.adql.nodes.resolved import (
    Apply,
    Arithmetic,
    Coalesce,
    Collected,
    Condition,
    Constant,
    Conversion,
    Joined,
    Negative,
    Reference,
    Truth,
    Value,
)
from vo_service.adql.nodes.resolved_shapes import Measured, Point
from vo_service.adql.nodes.substitution import is_node, substituted
from vo_service.adql.sql import arithmetic as arithmetic_sql
from vo_service.adql.sql import geometry as geometry_sql
from vo_service.adql.sql import nodes as sql
from vo_service.adql.sql import texts as text_sql
from vo_service.adql.sql.nodes import Sql
from vo_service.adql.sql.stepwise import Lookup, is_long, is_of_all_rows, is_random, stepwise
from vo_service.adql.writing.shape_numbers import numbers_in
from vo_service.adql.writing.shape_sql import ShapeValue, ShapeWriter

_OPERATORS: dict[str, type[exp.Binary]] = {"+": exp.Add, "-": exp.Sub, "*": exp.Mul}
_AGGREGATES: dict[str, type[exp.AggFunc]] = {
    "COUNT": exp.Count,
    "SUM": exp.Sum,
    "AVG": exp.Avg,
    "MIN": exp.Min,
    "MAX": exp.Max,
}
_PLAIN = 8
"""Nodes of SQL that a column has at most, cast and under a sign."""
_NUMBERS_OF_SHAPES = {
    # how many numbers follow the first one, in the words of regular expressions
    Kind.POINT: "{1}",
    Kind.CIRCLE: "{2}",
    Kind.POLYGON: "{5,}",
}


@dataclass(frozen=True, slots=True)
class ValueWriter:
    """Writes values for one dialect.

    ``condition`` writes the conditions inside values, ``reference`` is told of every column that is used.
    Geometries are ``shapes``' business; ``staged``, ``schemas`` and ``measured`` are for it. ``row`` is a
    condition on the row at hand, for PostgreSQL (``stepwise``).
    """

    dialect: str
    condition: Callable[[Condition], Sql]
    reference: Callable[[Reference], Sql]
    staged: Sql | None = None
    schemas: Mapping[str, str] | None = None
    measured: Callable[[Measured], Sql] | None = None
    row: Callable[[], Sql] | None = None
    shapes: ShapeWriter = field(init=False)

    def __post_init__(self) -> None:
        writer = ShapeWriter(
            self.dialect,
            self.value,
            self.double,
            self.condition,
            self.reference,
            self.staged,
            self.schemas,
            self.measured,
        )
        object.__setattr__(self, "shapes", writer)

    def value(self, value: Value) -> Sql:
        """Any value."""
        match value:
            case Reference():
                # engines think a column that is NULL in every row a text, or a number
                return exp.Null() if value.facts.kind is Kind.NULL else self.reference(value)
            case Constant():
                return _constant(value)
            case Negative():
                operand = self.value(value.operand)
                return (
                    operand
                    if isinstance(operand, exp.Null)
                    else exp.Paren(this=exp.Neg(this=sql.paren(operand)))
                )
            case Arithmetic():
                return self._arithmetic(value)
            case Joined():
                return exp.DPipe(
                    this=sql.paren(self.value(value.left)), expression=sql.paren(self.value(value.right))
                )
            case Apply():
                return self._apply(value)
            case Coalesce():
                return self._coalesce(value)
            case Collected():
                return self._collected(value)
            case Conversion():
                return self._conversion(value)
            case _ if isinstance(value, ShapeValue | Truth):
                return self._of_shapes(value)
        raise TypeError(f"no SQL for {type(value).__name__}")

    def double(self, value: Value) -> Sql:
        """A number as a double."""
        if isinstance(value, Constant) and isinstance(value.value, int | float):
            return sql.number(float(value.value))
        written = self.value(value)
        return written if value.facts.kind is Kind.DOUBLE else sql.as_double(written)

    def grouped(self, value: Value) -> Sql:
        """A term of GROUP BY; what is NULL in every row needs a type there."""
        written = self.value(value)
        return sql.cast(written, Kind.TEXT) if isinstance(written, exp.Null) else written

    def vector(self, point: Point) -> geometry_sql.Vector:
        """The unit vector of a position: stored, constant, or worked out."""
        return self.shapes.vector(point)

    def sortable(self, text: Sql) -> Sql:
        """Text that compares by code point on every engine (ADQL-078)."""
        return text_sql.by_code_point(text, self.dialect)

    def _of_shapes(self, value: ShapeValue | Truth) -> Sql:
        """What is made of geometries; long numbers that they are made of get names, as in ``_once``."""
        long: dict[Value, Sql] = {}
        for number in numbers_in(value):
            if not isinstance(number, Constant | Reference) and number not in long:
                written = self.value(number)
                if is_long(written) and not is_of_all_rows(written):
                    long[number] = written
        if not long or _is_planned(value):
            return self._of_short_shapes(value)
        names = {number: f"a{index}" for index, number in enumerate(long)}

        def result(of: Lookup) -> Sql:
            columns: dict[Value, Value] = {
                number: Reference(str(of(name).args["table"].name), name, number.facts)
                for number, name in names.items()
            }
            return self._of_short_shapes(substituted(value, columns))

        return stepwise(
            self.dialect, {names[number]: written for number, written in long.items()}, [], result
        )

    def _of_short_shapes(self, value: ShapeValue | Truth) -> Sql:
        if not isinstance(value, Truth):
            return self.shapes.write(value)
        return sql.cast(sql.paren(self.condition(value.condition)), Kind.INTEGER)

    def _arithmetic(self, value: Arithmetic) -> Sql:
        kind = value.facts.kind
        if kind is Kind.NULL:
            return exp.Null()
        if kind not in INTEGERS:
            return self._of_doubles(value)
        left, right = (self._integer(each, kind) for each in (value.left, value.right))
        if value.operator != "/":
            return exp.Paren(this=sql.binary(_OPERATORS[value.operator], left, right))
        return self.drawn_once(right, lambda right: self._integer_quotient(left, right))

    def _integer_quotient(self, left: Sql, right: Sql) -> Sql:
        divisor = exp.Nullif(this=right, expression=exp.Literal.number(0))
        if self.dialect == "duckdb":
            return exp.Paren(this=exp.IntDiv(this=sql.paren(left), expression=divisor))
        return exp.Paren(this=exp.Div(this=sql.paren(left), expression=divisor, typed=True))

    def _of_doubles(self, value: Arithmetic) -> Sql:
        left, right = self.double(value.left), self.double(value.right)
        guarded = value.operator in "*/" and _is_plain(left) and _is_plain(right)
        if guarded and self.dialect == "postgres":
            return self._within_range(value, left, right)
        if value.operator != "/":
            written: Sql = sql.binary(_OPERATORS[value.operator], left, right)
        else:
            written = self.drawn_once(right, lambda right: _quotient(left, right))
        if not guarded:
            return exp.Paren(this=written)
        columns = [
            each for each, operand in ((left, value.left), (right, value.right)) if not _is_number(operand)
        ]
        return arithmetic_sql.without_overflow(written, columns) if columns else exp.Paren(this=written)

    def _within_range(self, value: Arithmetic, left: Sql, right: Sql) -> Sql:
        """Products and quotients of columns; what is longer keeps PostgreSQL's own, with its errors."""
        one, other = constant_number(value.left), constant_number(value.right)
        if value.operator == "*":
            if other is not None and math.isfinite(other):
                return arithmetic_sql.product_with(left, other)
            if one is not None and math.isfinite(one):
                return arithmetic_sql.product_with(right, one)
            return arithmetic_sql.product(left, right)
        if other is not None and math.isfinite(other) and other != 0.0:
            return arithmetic_sql.quotient_by(left, other)
        return arithmetic_sql.quotient(left, right)

    def _integer(self, value: Value, kind: Kind) -> Sql:
        """An integer of that type: engines take small ones for smaller types, and overflow sooner."""
        written = self.value(value)
        return written if isinstance(value, Constant) or value.facts.kind is kind else sql.cast(written, kind)

    def _apply(self, value: Apply) -> Sql:
        function = FUNCTIONS[value.function]
        arguments = self._arguments(value.function, value.arguments)
        return self._once(arguments, lambda given: function.emit(given, self.dialect))

    def _once(self, arguments: list[Sql], write: Callable[[list[Sql]], Sql]) -> Sql:
        """What is written of arguments that may be repeated in it: long and random ones get a name first.

        So the statement grows with the query, and not with two to the power of how deep its calls are nested;
        and a random number is the same one wherever it is spoken of.
        """
        long = {
            f"a{index}": each
            for index, each in enumerate(arguments)
            if is_random(each) or (is_long(each) and not is_of_all_rows(each))
        }
        if not long:
            return write(arguments)
        drawn = self.dialect == "postgres" and any(is_random(each) for each in long.values())
        row = self.row() if drawn and self.row is not None else None

        def result(of: Lookup) -> Sql:
            names = (f"a{index}" for index in range(len(arguments)))
            return write([of(name) if name in long else each for name, each in zip(names, arguments)])

        return stepwise(self.dialect, long, [], result, row)

    def drawn_once(self, value: Sql, write: Callable[[Sql], Sql]) -> Sql:
        """What engines work out from a value more than once, as of BETWEEN: a random one gets a name."""
        return self._once([value], lambda given: write(given[0])) if is_random(value) else write(value)

    def _arguments(self, name: str, values: tuple[Value, ...]) -> list[Sql]:
        """Arguments of a function of the table as its emitter takes them (``function_forms.CLASSES``)."""
        forms = FUNCTIONS[name].forms
        form = next(form for form in forms if len(form.arguments) == len(values))
        arguments: list[Sql] = []
        for category, value in zip(form.arguments, values):
            if isinstance(value, Point) and category == "pixel":
                cell = value.cell
                arguments += self.shapes.position(value) if cell is None else [self.reference(cell)]
            elif isinstance(value, Point):
                arguments += self.vector(value)
            else:
                arguments.append(self.double(value) if category in ("number", "line") else self.value(value))
        return arguments

    def _coalesce(self, value: Coalesce) -> Sql:
        kind = value.facts.kind
        numbers = kind in NUMBERS and any(each.facts.kind is not kind for each in value.arguments)
        written = [self.value(each) for each in value.arguments]
        if numbers:
            written = [sql.cast(each, kind) for each in written]
        return exp.Coalesce(this=written[0], expressions=written[1:])

    def _collected(self, value: Collected) -> Sql:
        if value.argument is None:
            return exp.Count(this=exp.Star())
        if value.function not in _AGGREGATES:
            arguments = self._arguments(value.function, (value.argument, *value.others))
            return FUNCTIONS[value.function].emit(arguments, self.dialect)
        argument = self.value(value.argument)
        if value.function in ("SUM", "AVG") and value.facts.kind is Kind.DOUBLE:
            argument = sql.as_double(argument)
        if value.function in ("MIN", "MAX") and value.facts.kind is Kind.TEXT:
            argument = self.sortable(argument)
        if value.argument.facts.kind is Kind.NULL and value.function != "COUNT":
            argument = sql.as_double(argument)
        if value.distinct:
            argument = exp.Distinct(expressions=[argument])
        written = _AGGREGATES[value.function](this=argument)
        whole = value.function == "SUM" and value.facts.kind in INTEGERS
        return sql.cast(written, Kind.BIGINT) if whole else written

    # --- conversions ---

    def _conversion(self, value: Conversion) -> Sql:
        source, target = value.operand.facts.kind, value.facts.kind
        if source is Kind.NULL and target in SHAPES:
            return text_sql.no_numbers()
        if source is Kind.TEXT and target in SHAPES:
            count = _NUMBERS_OF_SHAPES[target]
            return self._of(
                value.operand, lambda text: text_sql.to_numbers(text, count, target, self.dialect)
            )
        if source is Kind.TEXT and target is Kind.TIMESTAMP:
            return self._of(value.operand, lambda text: text_sql.to_timestamp(text, self.dialect))
        if source is Kind.TEXT and target in NUMBERS:
            return self._of(value.operand, lambda text: self._number_of_text(text, target))
        if target is Kind.TEXT:
            return self._text(value)
        if target in INTEGERS and source in (Kind.REAL, Kind.DOUBLE):
            return self._of(value.operand, lambda number: sql.cast(self._rounded(number), target))
        return sql.cast(self.value(value.operand), target)

    def _of(self, operand: Value, write: Callable[[Sql], Sql]) -> Sql:
        return self._once([self.value(operand)], lambda given: write(given[0]))

    def _rounded(self, number: Sql) -> Sql:
        """To nearest, ties away from zero, on all engines (ADQL-123)."""
        return FUNCTIONS["ROUND"].emit([sql.as_double(number)], self.dialect)

    def _number_of_text(self, text: Sql, target: Kind) -> Sql:
        rounded = self._rounded(text_sql.trimmed(text)) if target in INTEGERS else None
        return text_sql.to_number(text, target, rounded, self.dialect)

    def _text(self, value: Conversion) -> Sql:
        source = value.operand.facts.kind
        if source in NUMBERS:
            written = self._of(value.operand, lambda number: text_sql.of_number(number, source))
        else:
            written = self.value(value.operand)
        if source is Kind.TIMESTAMP:
            written = text_sql.of_time(written)
        if source is Kind.NULL:
            written = sql.cast(written, Kind.TEXT)
        if value.length is None:
            return written
        cut = text_sql.padded if value.padded else text_sql.cut
        return cut(written, value.length)


def _quotient(left: Sql, right: Sql) -> Sql:
    divisor = exp.Nullif(this=sql.own(right), expression=sql.zero())
    return exp.Div(this=sql.paren(left), expression=divisor, typed=True)


def _is_planned(node: Any) -> bool:
    """Whether a probe settles a part of it: that part is written elsewhere, by the very columns it names."""
    if isinstance(node, tuple):
        return any(_is_planned(part) for part in node)
    if not is_node(node):
        return False
    if type(node).__module__ == planned.__name__:
        return True
    return any(_is_planned(getattr(node, each.name)) for each in fields(node))


def _is_number(value: Value) -> bool:
    return isinstance(value, Constant)


def _is_plain(value: Sql) -> bool:
    """A column or a literal, be it cast: what may be repeated without a thought."""
    return next(islice(value.walk(), _PLAIN, None), None) is None and not is_random(value)


def _constant(value: Constant) -> Sql:
    content = value.value
    if content is None:
        return exp.Null()
    if isinstance(content, str):
        literal = exp.Literal.string(content)
        return sql.cast(literal, Kind.TIMESTAMP) if value.facts.kind is Kind.TIMESTAMP else literal
    if isinstance(content, int):
        literal = exp.Literal(this=str(abs(content)), is_string=False)
        whole: Sql = exp.Paren(this=exp.Neg(this=literal)) if content < 0 else literal
        return sql.cast(whole, Kind.BIGINT) if value.facts.kind is Kind.BIGINT else whole
    return sql.number(content)
