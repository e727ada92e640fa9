"""Exact tests of positions in plain SQL, on unit vectors (ADQL-150 to 156, design 5.4).

All conditions are three-valued: a NULL position gives NULL. Numbers of constant shapes stand as bare literals
beside doubles of the row, which makes them doubles on both engines.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import TypeAlias

from sqlglot import exp

from vo_service.adql.sql import nodes as sql
from vo_service.adql.sql.nodes import Sql
from vo_service.adql.sql.polygons import in_polygon
from vo_service.sky import ALLOWANCE, Circle, Intersection, Not, Polygon, Range, Region, Union, unit_vectors

Vector: TypeAlias = tuple[Sql, Sql, Sql]
Position: TypeAlias = tuple[Sql, Sql]

_FLAT = 1e-14
"""Radians from one great circle within which the corners of a polygon enclose nothing."""
_OPPOSITE = 1e-9
"""Radians from each other's antipode within which no great circle leads from one corner to the next."""
_CORNERS = 24
"""Corners of one region that are written as SQL: DuckDB takes tens of milliseconds to bind as many, but
seconds for some hundreds, and cannot be stopped while it does."""


def constant_vector(lon: float, lat: float) -> Vector:
    """Unit vector of a constant position."""
    x, y, z = unit_vectors(lon, lat)[0].tolist()
    return sql.number(x), sql.number(y), sql.number(z)


def bare_vector(lon: float, lat: float) -> Vector:
    """The same beside a vector of the row."""
    x, y, z = unit_vectors(lon, lat)[0].tolist()
    return sql.bare(x), sql.bare(y), sql.bare(z)


def reduced(lon: Sql) -> Sql:
    """A longitude in [0, 360); one that is in there already comes back unchanged."""
    turns = sql.call("floor", sql.over(lon, sql.bare(360.0)))
    rest = sql.minus(lon, sql.times(sql.bare(360.0), turns))
    # what is next to nothing below 0 is rounded to 360
    full = sql.bare(360.0)
    return sql.case((sql.below(rest, full), rest), (sql.at_least(rest, full), sql.bare(0.0)))


def vector_of(lon: Sql, lat: Sql) -> Vector:
    """Unit vector of a position in degrees; its sum with anything is NULL where there is no position."""
    lon, lat = sql.without_dust(lon), sql.without_dust(lat)
    full, quarter = sql.bare(360.0), sql.bare(90.0)
    turns = sql.call("floor", sql.over(lon, full))
    lon_rad = sql.call("radians", sql.minus(lon, sql.times(full, turns)))
    lon_known = sql.case((sql.finite(lon), lon_rad))
    lat_rad, reach = sql.call("radians", lat), sql.absolute(lat)
    # the poles are exact, whatever the longitude
    flat = sql.case(
        (sql.below(reach, quarter), sql.call("cos", lat_rad)), (sql.equal(reach, quarter), sql.bare(0.0))
    )
    return (
        sql.times(flat, sql.call("cos", lon_known)),
        sql.times(flat, sql.call("sin", lon_known)),
        sql.case((sql.at_most(reach, quarter), sql.call("sin", lat_rad))),
    )


def is_position(lon: Sql, lat: Sql) -> Sql:
    """Whether two doubles are a position: latitudes beyond 90 degrees are none (ADQL-131)."""
    return sql.both([sql.at_most(sql.absolute(lat), sql.bare(90.0)), sql.finite(lon)])


def is_ring(corners: Sequence[Position]) -> Sql:
    """Whether positions enclose something: not all on one great circle, no neighbours opposite (ADQL-156)."""
    vectors = [_plain_vector(lon, lat) for lon, lat in corners]
    apart = [
        sql.above(squared_far_chord(one, other), sql.bare(_OPPOSITE**2))
        for one, other in zip(vectors, vectors[1:] + vectors[:1])
    ]
    first = vectors[0]
    steps = [_difference(vector, first) for vector in vectors[1:]]
    bent = [
        sql.above(
            sql.absolute(dot(first, across(one, other))),
            sql.times(sql.bare(_FLAT), sql.call("sqrt", sql.plus(dot(one, one), dot(other, other)))),
        )
        for one, other in pairwise(steps)
    ]
    return sql.both([*apart, sql.either(bent)])


def _plain_vector(lon: Sql, lat: Sql) -> Vector:
    """Unit vector of what is known to be a position, right to some 1e-15."""
    lon_rad, lat_rad = sql.call("radians", lon), sql.call("radians", lat)
    flat = sql.call("cos", lat_rad)
    return (
        sql.times(flat, sql.call("cos", lon_rad)),
        sql.times(flat, sql.call("sin", lon_rad)),
        sql.call("sin", lat_rad),
    )


def _difference(one: Vector, other: Vector) -> Vector:
    x, y, z = (sql.minus(a, b) for a, b in zip(one, other))
    return x, y, z


def position_of(vector: Vector) -> Position:
    """Longitude in [0, 360) and latitude, degrees, of a vector."""
    x, y, z = vector
    across = sql.call("sqrt", sql.plus(sql.times(x, x), sql.times(y, y)))
    lon = reduced(sql.call("degrees", sql.call("atan2", y, x)))
    return lon, sql.call("degrees", sql.call("atan2", z, across))


def turned(vector: Vector, matrix: tuple[float, ...]) -> Vector:
    """A vector after a rotation whose rows stand one after the other."""
    x, y, z = (_weighted(vector, matrix[start : start + 3]) for start in (0, 3, 6))
    return x, y, z


def _weighted(vector: Vector, weights: tuple[float, ...]) -> Sql:
    x, y, z = (sql.times(part, sql.bare(weight)) for part, weight in zip(vector, weights))
    return sql.plus(sql.plus(x, y), z)


def dot(one: Vector, other: Vector) -> Sql:
    """Scalar product."""
    x, y, z = (sql.times(a, b) for a, b in zip(one, other))
    return sql.plus(sql.plus(x, y), z)


def across(one: Vector, other: Vector) -> Vector:
    """Vector product."""
    x, y, z = (
        sql.minus(sql.times(one[i], other[j]), sql.times(one[j], other[i]))
        for i, j in ((1, 2), (2, 0), (0, 1))
    )
    return x, y, z


def squared_chord(one: Vector, other: Vector) -> Sql:
    """Squared length of the chord between two positions."""
    squares = [sql.times(d, d) for d in (sql.minus(a, b) for a, b in zip(one, other))]
    return sql.plus(sql.plus(squares[0], squares[1]), squares[2])


def squared_far_chord(one: Vector, other: Vector) -> Sql:
    """Squared length of the chord between one position and the antipode of the other."""
    squares = [sql.times(s, s) for s in (sql.plus(a, b) for a, b in zip(one, other))]
    return sql.plus(sql.plus(squares[0], squares[1]), squares[2])


def separation(one: Vector, other: Vector) -> Sql:
    """Great-circle distance in degrees: 0 for equal positions, 180 for opposite ones (ADQL-152)."""
    near, far = (sql.call("sqrt", chord(one, other)) for chord in (squared_chord, squared_far_chord))
    return sql.call("degrees", sql.times(sql.bare(2.0), sql.call("atan2", near, far)))


def within(one: Vector, other: Vector, radius_deg: float, slack: float = ALLOWANCE) -> Sql:
    """Whether two positions are within a constant radius; a negative slack leaves the border out."""
    if radius_deg <= 90.0:
        limit = 2.0 * math.sin(math.radians(radius_deg) / 2.0) + slack
        return sql.at_most(squared_chord(one, other), _squared(limit))
    limit = 2.0 * math.sin(math.radians(max(0.0, 180.0 - radius_deg)) / 2.0) - slack
    return sql.at_least(squared_far_chord(one, other), _squared(limit if radius_deg <= 180.0 else -1.0))


def _squared(limit: float) -> Sql:
    """The square of a chord's limit; nothing is as short as a negative one."""
    return sql.bare(limit * limit if limit >= 0.0 else -1.0)


def within_column(one: Vector, other: Vector, radius: Sql, slack: float = ALLOWANCE) -> Sql:
    """The same for a radius that depends on the row: no position is within a negative one."""
    whole = sql.bare(180.0)
    angle = sql.case(
        (sql.below(radius, sql.bare(0.0)), sql.bare(-1.0)),
        (sql.above(radius, whole), sql.bare(181.0)),
        otherwise=radius,
    )
    return within_angle(one, other, angle, slack)


def within_angle(one: Vector, other: Vector, angle: Sql, slack: float = ALLOWANCE) -> Sql:
    """The same for an angle of -180 to 360 degrees; one that rounding made negative counts as 0.

    Beyond 90 degrees the antipode is looked at: there the chord must not be shorter than that to the rest.
    ``side`` is -1 or 1 accordingly, so that each vector is written once.
    """
    near = sql.at_most(angle, sql.bare(90.0))
    side = sql.case((near, sql.bare(-1.0)), otherwise=sql.bare(1.0))
    rest = sql.case((near, angle), otherwise=sql.minus(sql.bare(180.0), angle))
    squares = [sql.call("power", sql.plus(a, sql.times(side, b)), sql.bare(2.0)) for a, b in zip(one, other)]
    chord = sql.call("sqrt", sql.plus(sql.plus(squares[0], squares[1]), squares[2]))
    limit = sql.times(sql.bare(2.0), sql.call("sin", sql.times(sql.bare(0.5), sql.call("radians", rest))))
    return sql.at_least(sql.times(side, sql.minus(chord, limit)), sql.bare(-slack))


def in_region(
    point: Vector,
    position: Position,
    region: Region,
    dialect: str,
    slack: float = ALLOWANCE,
) -> Sql:
    """Whether a position lies in a constant region; a negative slack leaves the border out."""
    match region:
        case Circle():
            return within(point, bare_vector(region.lon, region.lat), region.radius, slack)
        case Polygon():
            return in_polygon(point, region, slack, dialect)
        case Range():
            return _in_range(position, region, slack)
        case Union():
            return _in_union(point, position, region, dialect, slack)
        case Intersection():
            members = [in_region(point, position, member, dialect, slack) for member in region.members]
            return sql.both(members)
        case Not():
            return exp.Not(this=sql.paren(in_region(point, position, region.region, dialect, -slack)))
    raise TypeError(f"no SQL test for {type(region).__name__}")


def in_cells(cell: Sql, ranges: Sequence[tuple[int, int]]) -> Sql:
    """Whether a pixel number of order 29 lies in one of the half-open ranges; unknown where it is below 0."""
    inside: Sql = exp.false()
    if ranges:
        inside = sql.either(
            [
                exp.Between(
                    this=sql.own(cell), low=exp.Literal.number(low), high=exp.Literal.number(high - 1)
                )
                for low, high in ranges
            ]
        )
    return sql.case((sql.at_least(cell, exp.Literal.number(0)), inside))


def has_test(region: Region) -> bool:
    """Whether ``in_region`` can be written for a region: not for polygons wider than a hemisphere, nor for
    more corners than an engine's planner takes at once."""
    return _corners(region) <= _CORNERS


def _corners(region: Region) -> float:
    """Corners of all polygons in a region; infinitely many where one of them, or the region, has no SQL."""
    match region:
        case Polygon():
            return len(region.vertices) if region.cap().radius < math.pi / 2.0 else math.inf
        case Union() | Intersection():
            return sum(_corners(member) for member in region.members)
        case Not():
            return _corners(region.region)
    return 1 if isinstance(region, Circle | Range) else math.inf


def _in_union(point: Vector, position: Position, union: Union, dialect: str, slack: float) -> Sql:
    inside = [in_region(point, position, member, dialect, slack) for member in union.added]
    outside = [
        exp.Not(this=sql.paren(in_region(point, position, hole, dialect, -slack))) for hole in union.holes
    ]
    return sql.both([*([sql.either(inside)] if inside else []), *outside])


def _in_range(position: Position, region: Range, slack: float) -> Sql:
    """Degrees compared as they are: borders of a range are exact, so slack tells only their side."""
    lon, lat = position
    over, under = (sql.at_least, sql.at_most) if slack > 0.0 else (sql.above, sql.below)
    between = [over(lat, sql.bare(region.lat1)), under(lat, sql.bare(region.lat2))]
    known = is_position(lon, lat)
    if region.width >= 360.0:
        return sql.case((known, sql.both(between)))
    round_it = reduced(lon)
    east, west = over(round_it, sql.bare(region.lon1)), under(round_it, sql.bare(region.lon2))
    at_pole = sql.equal(sql.absolute(lat), sql.bare(90.0))
    if region.lon1 > region.lon2:
        return sql.case((known, sql.both([*between, sql.either([east, west, at_pole])])))
    closing = [sql.equal(round_it, sql.bare(0.0))] if region.lon2 == 360.0 and slack > 0.0 else []
    return sql.case((known, sql.both([*between, sql.either([sql.both([east, west]), *closing, at_pole])])))
