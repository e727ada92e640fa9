"""Tests of geometries that SQL decides, by unit vectors (ADQL-150 to 156)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from sqlglot import exp

from vo_service.adql.meaning.constants import constant_number
from vo_service.adql.meaning.shape_tests import known_radius
from vo_service.adql.nodes.resolved import (
    Constant,
    DiscTest,
    InCross,
    InRegion,
    Near,
    Reference,
    Value,
    WherePresent,
)
from vo_service.adql.sql import geometry as geo
from vo_service.adql.sql import nodes as sql
from vo_service.adql.sql.boxes import in_box
from vo_service.adql.sql.nodes import Sql
from vo_service.adql.sql.stepwise import Lookup, is_long, stepwise
from vo_service.adql.writing.shape_numbers import given_numbers_in, points_in
from vo_service.adql.writing.shape_sql import ShapeWriter, named_vector
from vo_service.sky import ALLOWANCE, Circle, Moc

ShapeCondition = InRegion | Near | InCross | DiscTest | WherePresent


def write_test(writer: ShapeWriter, condition: ShapeCondition) -> Sql:
    """A test that SQL decides; long numbers and the vectors of them are written and worked out once."""
    if isinstance(condition, WherePresent):
        present = exp.Not(this=sql.is_null(writer.value(condition.value)))
        return sql.case((present, writer.condition(condition.condition)))
    plain = (Reference, Constant)
    numbers: dict[Value, Sql] = {
        n: writer.double(n) for n in given_numbers_in(condition) if not isinstance(n, plain)
    }
    names: dict[Value, str] = {
        n: f"part{i}" for i, (n, written) in enumerate(numbers.items()) if is_long(written)
    }
    if not names:
        return _test(writer, condition)
    points = [p for p in dict.fromkeys(points_in(condition)) if names.keys() & set(given_numbers_in(p))]

    def vectors(row: Lookup) -> Mapping[str, Sql]:
        named = writer.with_names(names, row)
        parts = [zip("xyz", named.vector(point)) for point in points]
        return {f"{axis}{n}": part for n, vector in enumerate(parts) for axis, part in vector}

    def result(row: Lookup) -> Sql:
        known = {point: named_vector(row, n) for n, point in enumerate(points)}
        return _test(replace(writer.with_names(names, row), vectors=known), condition)

    arguments = {name: numbers[number] for number, name in names.items()}
    return stepwise(writer.dialect, arguments, [vectors], result)


def _test(writer: ShapeWriter, condition: InRegion | Near | InCross | DiscTest) -> Sql:
    match condition:
        case InRegion():
            return _in_region(writer, condition)
        case Near():
            return _near(writer, condition)
        case InCross():
            return _in_cross(writer, condition)
        case DiscTest():
            return _discs(writer, condition)


def _in_region(writer: ShapeWriter, condition: InRegion) -> Sql:
    point, region = condition.point, condition.region
    if isinstance(region, Moc):
        assert point.cell is not None
        return geo.in_cells(writer.reference(point.cell), region.ranges)
    if isinstance(region, Circle) or point.vector is not None:
        return geo.in_region(writer.vector(point), writer.position(point), region, writer.dialect)
    values = dict(zip(("x", "y", "z", "lon", "lat"), (*writer.vector(point), *writer.position(point))))

    def inside(row: Lookup) -> Sql:
        vector, position = (row("x"), row("y"), row("z")), (row("lon"), row("lat"))
        return geo.in_region(vector, position, region, writer.dialect)

    return stepwise(writer.dialect, values, [], inside)


def _near(writer: ShapeWriter, near: Near) -> Sql:
    one, other = writer.vectors_of(near.one, near.other)
    slack = ALLOWANCE if near.closed else -ALLOWANCE
    radius = constant_number(near.radius)
    if radius is not None:
        return geo.within(one, other, radius, slack)
    return geo.within_column(one, other, writer.double(near.radius), slack)


def _in_cross(writer: ShapeWriter, condition: InCross) -> Sql:
    cross = condition.cross
    sides = (writer.double(cross.width), writer.double(cross.height))
    return in_box(writer.vector(condition.point), writer.position(cross.centre), sides, writer.dialect)


def _discs(writer: ShapeWriter, condition: DiscTest) -> Sql:
    one, other = condition.one, condition.other
    named = zip(
        ("x0", "y0", "z0", "x1", "y1", "z1"), (*writer.vector(one.centre), *writer.vector(other.centre))
    )
    radii = {
        name: writer.at_most_180(known_radius(disc)) for name, disc in (("first", one), ("second", other))
    }

    def angle(row: Lookup) -> Mapping[str, Sql]:
        if condition.test == "intersects":
            return {"angle": sql.plus(row("first"), row("second"))}
        # the whole sky holds every circle there is
        whole = sql.number(180.0)
        holds_all = sql.both([sql.at_least(row("second"), whole), sql.at_least(row("first"), sql.zero())])
        rest = sql.minus(row("second"), row("first"))
        return {"angle": sql.case((holds_all, whole), (sql.below(row("second"), whole), rest))}

    def result(row: Lookup) -> Sql:
        first, second = named_vector(row, 0), named_vector(row, 1)
        return geo.within_angle(first, second, row("angle"))

    return stepwise(writer.dialect, dict(named) | radii, [angle], result)
