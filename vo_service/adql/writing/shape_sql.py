"""Geometries and what is measured of them as SQL expressions.

A geometry leaves as one value, the array of numbers that DALI has for it or a text; NULL where a part of it
is NULL or no coordinate (ADQL-131, ADQL-134).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from sqlglot import exp

from vo_service.adql.meaning.constant_shapes import constant_position
from vo_service.adql.meaning.constants import constant_number
from vo_service.adql.meaning.shape_regions import keys
from vo_service.adql.meaning.shape_tests import unpacked
from vo_service.adql.nodes.kinds import Kind
from vo_service.adql.nodes.resolved import (
    Condition,
    Constant,
    Reference,
    Value,
)
from vo_service.adql.nodes.resolved_shapes import (
    ALWAYS,
    Always,
    Cross,
    Disc,
    Element,
    Footprint,
    Geometry,
    Measured,
    Point,
    Ring,
    Separation,
    Shape,
    Stored,
    Turned,
    WhenKnown,
)
from vo_service.adql.sql import geometry as geo
from vo_service.adql.sql import nodes as sql
from vo_service.adql.sql.boxes import corners_of_box, is_side
from vo_service.adql.sql.nodes import Sql
from vo_service.adql.sql.stepwise import Lookup, stepwise
from vo_service.sky import Circle, Moc, Polygon

ShapeValue = Geometry | Always | Separation | Element | WhenKnown | Turned | Measured

_HIDDEN = "_hidden"
_SQUARE_DEGREES = 32400.0 / 9.869604401089358  # of one steradian: (180 / pi) squared


@dataclass(frozen=True, slots=True)
class ShapeWriter:
    """Writes geometries for one dialect.

    ``value`` and ``condition`` write all else. ``staged`` is the footprint that a row of
    ``_hidden.staged_footprint`` stands for, ``schemas`` the engine's names of schemas where they differ.
    ``measured`` writes what only a probe can measure. ``vectors`` are those that have names already.
    """

    dialect: str
    value: Callable[[Value], Sql]
    double: Callable[[Value], Sql]
    condition: Callable[[Condition], Sql]
    reference: Callable[[Reference], Sql]
    staged: Sql | None = None
    schemas: Mapping[str, str] | None = None
    measured: Callable[[Measured], Sql] | None = None
    vectors: Mapping[Point, geo.Vector] = field(default_factory=dict)

    def write(self, value: ShapeValue) -> Sql:
        """A geometry as one value, or a number that comes of geometries."""
        match value:
            case Shape():
                return self._constant(value)
            case Footprint():
                return self.reference(value.text)
            case Stored():
                return self.value(value.value)
            case Point() | Disc() | Ring() | Cross():
                return self._numbers(value)
            case Always():
                return exp.Literal.number(1)
            case Separation():
                return self._separation(value)
            case Element():
                return self._element(value)
            case WhenKnown():
                return self._when_known(value)
            case Turned():
                return self._coordinate(value)
            case Measured():
                return self._measure(value)

    # --- positions ---

    def vector(self, point: Point) -> geo.Vector:
        """The unit vector of a position: stored, constant, turned or worked out."""
        if point in self.vectors:
            return self.vectors[point]
        if point.vector is not None:
            x, y, z = point.vector
            return self.reference(x), self.reference(y), self.reference(z)
        where = constant_position(point)
        if where is not None:
            return geo.constant_vector(*where)
        if isinstance(point.lon, Turned):
            return self._turned(point.lon)
        return geo.vector_of(self.double(point.lon), self.double(point.lat))

    def with_names(self, names: Mapping[Value, str], row: Lookup) -> ShapeWriter:
        """The writer for which numbers have names in a row."""

        def double(value: Value) -> Sql:
            return row(names[value]) if value in names else self.double(value)

        return replace(self, double=double)

    def _separation(self, value: Separation) -> Sql:
        vectors = (self.vector(value.one), self.vector(value.other))
        parts = {f"{axis}{n}": part for n in (0, 1) for axis, part in zip("xyz", vectors[n])}

        def result(row: Lookup) -> Sql:
            one, other = named_vector(row, 0), named_vector(row, 1)
            return geo.separation(one, other)

        return stepwise(self.dialect, parts, [], result)

    def vectors_of(self, one: Point, other: Point) -> tuple[geo.Vector, geo.Vector]:
        """Of two positions; a constant beside a column needs no type."""
        places = constant_position(one), constant_position(other)
        if (places[0] is None) == (places[1] is None):
            return self.vector(one), self.vector(other)
        if places[0] is not None:
            return geo.bare_vector(*places[0]), self.vector(other)
        assert places[1] is not None
        return self.vector(one), geo.bare_vector(*places[1])

    def position(self, point: Point) -> geo.Position:
        """Longitude and latitude as doubles, whatever they are."""
        return self.double(point.lon), self.double(point.lat)

    def _coordinate(self, value: Turned) -> Sql:
        """Longitude or latitude after a rotation."""

        def vector(row: Lookup) -> geo.Vector:
            return row("x"), row("y"), row("z")

        def before(row: Lookup) -> Mapping[str, Sql]:
            return dict(zip("xyz", geo.vector_of(row("lon"), row("lat"))))

        def after(row: Lookup) -> Mapping[str, Sql]:
            return dict(zip(("x1", "y1", "z1"), geo.turned(vector(row), value.matrix)))

        def coordinate(row: Lookup) -> Sql:
            return geo.position_of((row("x1"), row("y1"), row("z1")))[value.axis]

        arguments = {"lon": self.double(value.lon), "lat": self.double(value.lat)}
        return stepwise(self.dialect, arguments, [before, after], coordinate)

    def _turned(self, value: Turned) -> geo.Vector:
        return geo.turned(geo.vector_of(self.double(value.lon), self.double(value.lat)), value.matrix)

    def known(self, geometry: Geometry) -> Sql | None:
        """Whether a geometry is one; None where that is certain."""
        terms = self._known(unpacked(geometry))
        return sql.both(terms) if terms else None

    def _known(self, geometry: Geometry) -> list[Sql]:
        match geometry:
            case Point() if constant_position(geometry) is not None:
                return []
            case Point():
                return [geo.is_position(*self.position(geometry))]
            case Disc():
                return [*self._known(geometry.centre), *self._is_radius(geometry.radius)]
            case Cross():
                sides = (geometry.width, geometry.height)
                asked = [is_side(self.double(side)) for side in sides if constant_number(side) is None]
                return [*self._known(geometry.centre), *asked]
            case Ring():
                corners = [self.position(corner) for corner in geometry.corners]
                positions = [term for corner in geometry.corners for term in self._known(corner)]
                return [*positions, geo.is_ring(corners)]
            case Shape():
                present = geometry.present
                return [] if present == ALWAYS else [exp.Not(this=sql.is_null(self.value(present)))]
            case Footprint():
                return [exp.Not(this=sql.is_null(self.reference(geometry.text)))]
            case Stored():
                return [exp.Not(this=sql.is_null(self.value(geometry.value)))]

    def _is_radius(self, value: Value) -> list[Sql]:
        if constant_number(value) is not None:
            return []
        written = self.double(value)
        return [sql.at_least(written, sql.zero()), sql.below(written, sql.infinity())]

    def _when_known(self, value: WhenKnown) -> Sql:
        def result(writer: ShapeWriter) -> Sql:
            known = writer.known(value.geometry)
            written = self.value(value.value) if value.facts.kind is Kind.TEXT else writer.double(value.value)
            return written if known is None else sql.case((known, written))

        return self._named(value.geometry, result)

    def _named(self, geometry: Geometry, result: Callable[[ShapeWriter], Sql]) -> Sql:
        """What is made of a geometry, each of its numbers written and worked out once; columns are cheap."""
        if not isinstance(geometry, Point | Disc | Ring | Cross):
            return result(self)
        plain = (Reference, Constant, Element)
        changing = [v for v in keys(geometry) if not isinstance(v, plain) and constant_number(v) is None]
        if not changing:
            return result(self)
        names: dict[Value, str] = {value: f"part{index}" for index, value in enumerate(changing)}

        def named(row: Lookup) -> Sql:
            return result(self.with_names(names, row))

        return stepwise(self.dialect, {name: self.double(value) for value, name in names.items()}, [], named)

    def _element(self, element: Element) -> Sql:
        index = exp.Literal.number(element.index)
        return exp.Bracket(this=sql.paren(self.value(element.array)), expressions=[index], offset=1)

    # --- one value ---

    def _numbers(self, geometry: Point | Disc | Ring | Cross) -> Sql:
        """The array of numbers that DALI writes."""
        return self._named(geometry, lambda writer: writer._array(geometry))

    def _array(self, geometry: Point | Disc | Ring | Cross) -> Sql:
        known = self.known(geometry)
        if isinstance(geometry, Cross):
            sides = (self.double(geometry.width), self.double(geometry.height))
            array = corners_of_box(self.position(geometry.centre), sides, self.dialect)
        else:
            array = exp.Array(expressions=self._listed(geometry))
        return array if known is None else sql.case((known, array))

    def _listed(self, geometry: Point | Disc | Ring) -> list[Sql]:
        match geometry:
            case Point():
                where = constant_position(geometry)
                if where is not None:
                    return [sql.number(where[0] % 360.0 % 360.0), sql.number(where[1])]
                return [geo.reduced(self.double(geometry.lon)), self.double(geometry.lat)]
            case Disc():
                return [*self._listed(geometry.centre), self.at_most_180(geometry.radius)]
            case Ring():
                return [number for corner in geometry.corners for number in self._listed(corner)]

    def at_most_180(self, radius: Value) -> Sql:
        """A radius; 180 degrees of one that is larger."""
        number = constant_number(radius)
        if number is not None:
            return sql.number(min(number, 180.0))
        written, whole = self.double(radius), sql.number(180.0)
        return sql.case((sql.below(written, whole), written), (sql.at_least(written, whole), whole))

    def _constant(self, shape: Shape) -> Sql:
        written = _constant_value(shape)
        known = self.known(shape)
        return written if known is None else sql.case((known, written))

    # --- measures ---

    def _measure(self, measured: Measured) -> Sql:
        geometry = unpacked(measured.geometry)
        if isinstance(geometry, Footprint) and geometry.key is not None:
            return self._of_footprint(measured.what, self.reference(geometry.key))
        area = self._area(geometry) if measured.what == "area" else None
        if area is None:
            assert self.measured is not None, measured.what
            return self.measured(measured)
        known = self.known(geometry)
        return area if known is None else sql.case((known, area))

    def _area(self, geometry: Geometry) -> Sql | None:
        """Square degrees where there is a closed form: of a circle 4 pi sin^2(r/2), of a box as below."""
        if isinstance(geometry, Point):
            return sql.zero()
        if isinstance(geometry, Disc):
            half = sql.times(sql.number(0.5), sql.call("radians", self.at_most_180(geometry.radius)))
            sine = sql.call("sin", half)
            return sql.times(sql.number(4.0 * 3.141592653589793 * _SQUARE_DEGREES), sql.times(sine, sine))
        if isinstance(geometry, Cross):
            # the solid angle of a pyramid with a rectangular base
            sines = [
                sql.call("sin", sql.times(sql.number(0.5), sql.call("radians", self.double(side))))
                for side in (geometry.width, geometry.height)
            ]
            return sql.times(
                sql.number(4.0 * _SQUARE_DEGREES), sql.call("asin", sql.times(sines[0], sines[1]))
            )
        return None

    def _of_footprint(self, column: str, key: Sql) -> Sql:
        """What is kept of the footprint that the viewer sees in this row; NULL in snapshots without it."""
        if self.staged is not None:
            pair = self._hidden_value("staged_footprint", self.staged.copy(), key)
            # a key that is no pair's is that of a footprint; a pair that shows none leads to none
            key = exp.Coalesce(this=pair, expressions=[sql.own(key)])
        return self._hidden_value("footprint", exp.column(column, quoted=True), key)

    def _hidden_value(self, table: str, column: Sql, key: Sql) -> Sql:
        schema = (self.schemas or {}).get(_HIDDEN, _HIDDEN)
        mine = exp.column("footprint_id", quoted=True)
        select = exp.Select(
            expressions=[column], where=exp.Where(this=exp.EQ(this=mine, expression=sql.own(key)))
        )
        return exp.Subquery(this=select.from_(exp.table_(table, db=schema, quoted=True), copy=False))


def named_vector(row: Lookup, number: int) -> geo.Vector:
    """The vector whose parts are called x, y, z and a number."""
    return row(f"x{number}"), row(f"y{number}"), row(f"z{number}")


def _constant_value(shape: Shape) -> Sql:
    """A constant as DALI writes it; as text where REGION(), MOC() or a range makes the column a text."""
    region = shape.region
    if shape.facts.kind is Kind.MOC and isinstance(region, Moc):
        return exp.Literal.string(region.to_ascii())
    if shape.facts.kind not in (Kind.CIRCLE, Kind.POLYGON):
        return exp.Literal.string(region.to_stcs())
    return exp.Array(expressions=[sql.number(number) for number in constant_numbers(shape)])


def constant_numbers(shape: Shape) -> Sequence[float]:
    """The numbers that DALI has for a constant circle or polygon."""
    region = shape.region
    if isinstance(region, Circle):
        return (region.lon, region.lat, min(region.radius, 180.0))
    assert isinstance(region, Polygon)
    return tuple(number for vertex in region.vertices for number in vertex)
