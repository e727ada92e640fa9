"""Values as SQL expressions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sqlglot import exp

from vo_service.adql import geometry_sql
from vo_service.adql import sql_nodes as sql
from vo_service.adql.functions import FUNCTIONS
from vo_service.adql.kinds import INTEGERS, NUMBERS, Kind
from vo_service.adql.resolve_geometry import constant_position
from vo_service.adql.resolved import (
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
from vo_service.adql.resolved_shapes import (
    Disc,
    Footprint,
    Point,
    Separation,
    Shape,
    Stored,
)
from vo_service.adql.sql_nodes import Sql
from vo_service.sky import Circle, Polygon

_OPERATORS: dict[str, type[exp.Binary]] = {"+": exp.Add, "-": exp.Sub, "*": exp.Mul}
_TYPES = {
    Kind.SMALLINT: exp.DType.SMALLINT,
    Kind.INTEGER: exp.DType.INT,
    Kind.BIGINT: exp.DType.BIGINT,
    Kind.REAL: exp.DType.FLOAT,
    Kind.DOUBLE: exp.DType.DOUBLE,
    Kind.TEXT: exp.DType.TEXT,
    Kind.TIMESTAMP: exp.DType.TIMESTAMP,
}


@dataclass(frozen=True, slots=True)
class ValueWriter:
    """Writes values for one dialect.

    ``condition`` writes the conditions inside values, ``reference`` is told of every column that is used.
    """

    dialect: str
    condition: Callable[[Condition], Sql]
    reference: Callable[[Reference], Sql]

    def value(self, value: Value) -> Sql:
        """Any value."""
        match value:
            case Reference():
                return self.reference(value)
            case Footprint():
                return self.reference(value.text)
            case Constant():
                return _constant(value)
            case Negative():
                return exp.Paren(this=exp.Neg(this=sql.paren(self.value(value.operand))))
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
            case Truth():
                condition = self.condition(value.condition)
                negated = exp.Not(this=sql.paren(condition))
                one, zero = exp.Literal.number(1), exp.Literal.number(0)
                return sql.case((condition, one), (negated, zero))
            case Separation():
                return geometry_sql.separation(self.vector(value.one), self.vector(value.other))
            case Stored():
                return self.value(value.value)
            case Point() | Disc() | Shape():
                return self._shape(value)
        raise TypeError(f"no SQL for {type(value).__name__}")

    def double(self, value: Value) -> Sql:
        """A number as a double."""
        if isinstance(value, Constant) and isinstance(value.value, int | float):
            return sql.number(float(value.value))
        written = self.value(value)
        return written if value.facts.kind is Kind.DOUBLE else _cast(written, Kind.DOUBLE)

    def vector(self, point: Point) -> geometry_sql.Vector:
        """The unit vector of a position: stored, constant, or worked out."""
        if point.vector is not None:
            x, y, z = point.vector
            return self.reference(x), self.reference(y), self.reference(z)
        where = constant_position(point)
        if where is not None:
            return geometry_sql.constant_vector(*where)
        return geometry_sql.vector_of(self.double(point.lon), self.double(point.lat))

    def _arithmetic(self, value: Arithmetic) -> Sql:
        whole = value.facts.kind in INTEGERS
        left, right = (
            (self.value(each) if whole else self.double(each)) for each in (value.left, value.right)
        )
        if value.operator != "/":
            return exp.Paren(this=sql.binary(_OPERATORS[value.operator], left, right))
        divisor = exp.Nullif(this=right, expression=exp.Literal.number(0) if whole else sql.zero())
        if whole and self.dialect == "duckdb":
            return exp.Paren(this=exp.IntDiv(this=sql.paren(left), expression=divisor))
        return exp.Paren(this=exp.Div(this=sql.paren(left), expression=divisor, typed=True))

    def _apply(self, value: Apply) -> Sql:
        function = FUNCTIONS[value.function]
        form = next(form for form in function.forms if len(form.arguments) == len(value.arguments))
        arguments = [
            self.double(argument) if category in ("number", "line") else self.value(argument)
            for category, argument in zip(form.arguments, value.arguments)
        ]
        return function.emit(arguments, self.dialect)

    def _coalesce(self, value: Coalesce) -> Sql:
        kind = value.facts.kind
        numbers = kind in NUMBERS and any(each.facts.kind is not kind for each in value.arguments)
        written = [self.value(each) for each in value.arguments]
        if numbers:
            written = [_cast(each, kind) for each in written]
        return exp.Coalesce(this=written[0], expressions=written[1:])

    def _collected(self, value: Collected) -> Sql:
        if value.argument is None:
            return exp.Count(this=exp.Star())
        if isinstance(value.argument, Point | Disc | Shape):
            return exp.Count(this=self._shape(value.argument))
        argument = self.value(value.argument)
        if value.function in ("SUM", "AVG") and value.facts.kind is Kind.DOUBLE:
            argument = _cast(argument, Kind.DOUBLE)
        if value.function in ("MIN", "MAX") and value.facts.kind is Kind.TEXT:
            argument = self.sortable(argument)
        if value.distinct:
            argument = exp.Distinct(expressions=[argument])
        aggregates = {"COUNT": exp.Count, "SUM": exp.Sum, "AVG": exp.Avg, "MIN": exp.Min, "MAX": exp.Max}
        written = aggregates[value.function](this=argument)
        return _cast(written, value.facts.kind) if value.function == "SUM" else written

    def sortable(self, text: Sql) -> Sql:
        """Text that compares by code point on every engine (ADQL-078)."""
        if self.dialect == "postgres":
            return exp.Collate(this=sql.paren(text), expression=exp.to_identifier("C", quoted=True))
        return text

    def _conversion(self, value: Conversion) -> Sql:
        operand, source, target = self.value(value.operand), value.operand.facts.kind, value.facts.kind
        if target in INTEGERS and source in (Kind.REAL, Kind.DOUBLE):
            # to nearest, ties away from zero, on all engines (ADQL-123)
            operand = FUNCTIONS["ROUND"].emit([_cast(operand, Kind.DOUBLE)], self.dialect)
        if source is Kind.TEXT and target is not Kind.TEXT:
            operand = sql.call("trim", operand)
        if source is Kind.TIMESTAMP and target is Kind.TEXT:
            operand = sql.call(
                "replace", _cast(operand, Kind.TEXT), exp.Literal.string(" "), exp.Literal.string("T")
            )
        written = operand if source is target is Kind.TEXT else _cast(operand, target)
        if value.length is None:
            return written
        length = exp.Literal.number(value.length)
        if value.padded:
            written = sql.call("rpad", written, length, exp.Literal.string(" "))
        return sql.call("left", written, length)

    def _shape(self, value: Point | Disc | Shape) -> Sql:
        """A geometry as the array of numbers that DALI writes; NULL where a part is."""
        if isinstance(value, Shape):
            return _numbers_of(value)
        centre = value.centre if isinstance(value, Disc) else value
        parts = [centre.lon, centre.lat, *([value.radius] if isinstance(value, Disc) else [])]
        written = [self.double(part) for part in parts]
        unknown = [exp.Is(this=sql.own(part), expression=exp.Null()) for part in written]
        return sql.case((sql.either(unknown), exp.Null()), otherwise=exp.Array(expressions=written))


def _numbers_of(shape: Shape) -> Sql:
    """A constant shape as DALI writes it; as STC-S where REGION() or a range makes the column a text."""
    region = shape.region
    if shape.facts.kind is Kind.REGION:
        return exp.Literal.string(region.to_stcs())
    if isinstance(region, Circle):
        numbers: list[float] = [region.lon, region.lat, region.radius]
    elif isinstance(region, Polygon):
        numbers = [number for vertex in region.vertices for number in vertex]
    else:
        raise TypeError(f"a {type(region).__name__} has no shape of numbers")
    return exp.Array(expressions=[sql.number(number) for number in numbers])


def _constant(value: Constant) -> Sql:
    content = value.value
    if content is None:
        return exp.Null()
    if isinstance(content, str):
        literal = exp.Literal.string(content)
        return _cast(literal, Kind.TIMESTAMP) if value.facts.kind is Kind.TIMESTAMP else literal
    if isinstance(content, int):
        literal = exp.Literal(this=str(abs(content)), is_string=False)
        whole: Sql = exp.Paren(this=exp.Neg(this=literal)) if content < 0 else literal
        return _cast(whole, Kind.BIGINT) if value.facts.kind is Kind.BIGINT else whole
    return sql.number(content)


def _cast(value: Sql, kind: Kind) -> Sql:
    return exp.Cast(this=value, to=exp.DataType(this=_TYPES[kind]))
