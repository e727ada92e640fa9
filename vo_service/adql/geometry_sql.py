"""Exact tests of positions in plain SQL, on unit vectors (ADQL-150 to 156, design 5.4).

All conditions are three-valued: a NULL position gives NULL.
"""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from sqlglot import exp

from vo_service.adql import sql_nodes as sql
from vo_service.adql.sql_nodes import Sql
from vo_service.sky import ALLOWANCE, Circle, Not, Polygon, Range, Region, Union, unit_vectors

Vector: TypeAlias = tuple[Sql, Sql, Sql]
Position: TypeAlias = tuple[Sql, Sql]

_AT_BASE = 1e-12
"""Radians from the base of a polygon's arcs within which their direction is lost in rounding."""


def constant_vector(lon: float, lat: float) -> Vector:
    """Unit vector of a constant position."""
    return _constant(unit_vectors(lon, lat)[0])


def vector_of(lon: Sql, lat: Sql) -> Vector:
    """Unit vector of a position in degrees; NULL where the latitude is beyond 90 degrees."""
    reduced = sql.minus(
        lon, sql.times(sql.number(360.0), sql.call("floor", sql.over(lon, sql.number(360.0))))
    )
    lon_rad, lat_rad = sql.call("radians", reduced), sql.call("radians", lat)
    on_sphere = sql.at_most(sql.absolute(lat), sql.number(90.0))
    at_pole = sql.equal(sql.absolute(lat), sql.number(90.0))
    across = sql.case((at_pole, sql.zero()), otherwise=sql.call("cos", lat_rad))
    known = sql.both([on_sphere, sql.finite(lon)])
    return (
        sql.case((known, sql.times(across, sql.call("cos", lon_rad)))),
        sql.case((known, sql.times(across, sql.call("sin", lon_rad)))),
        sql.case((known, sql.call("sin", lat_rad))),
    )


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
    near, far = squared_chord(one, other), squared_far_chord(one, other)
    half = sql.number(0.5)
    small = sql.times(sql.number(2.0), sql.call("asin", sql.times(half, sql.call("sqrt", near))))
    large = sql.minus(
        sql.number(math.pi),
        sql.times(sql.number(2.0), sql.call("asin", sql.times(half, sql.call("sqrt", far)))),
    )
    return sql.call(
        "degrees",
        sql.case((sql.at_most(near, sql.number(2.0)), small), (sql.below(sql.number(2.0), near), large)),
    )


def within(one: Vector, other: Vector, radius_deg: float, slack: float = ALLOWANCE) -> Sql:
    """Whether two positions are within a constant radius; a negative slack leaves the border out."""
    if radius_deg <= 90.0:
        limit = 2.0 * math.sin(math.radians(radius_deg) / 2.0) + slack
        return sql.at_most(squared_chord(one, other), _squared(limit))
    limit = 2.0 * math.sin(math.radians(max(0.0, 180.0 - radius_deg)) / 2.0) - slack
    return sql.at_least(squared_far_chord(one, other), _squared(limit if radius_deg <= 180.0 else -1.0))


def _squared(limit: float) -> Sql:
    """The square of a chord's limit; nothing is as short as a negative one."""
    return sql.number(limit * limit if limit >= 0.0 else -1.0)


def within_column(one: Vector, other: Vector, radius: Sql, slack: float = ALLOWANCE) -> Sql:
    """The same for a radius that depends on the row; NULL where it is NULL or negative."""

    def squared_limit(angle: Sql, extra: Sql) -> Sql:
        sine = sql.call("sin", sql.times(sql.number(0.5), sql.call("radians", angle)))
        limit = sql.plus(sql.times(sql.number(2.0), sine), extra)
        return sql.case(
            (sql.at_least(limit, sql.zero()), sql.times(limit, limit)), otherwise=sql.number(-1.0)
        )

    rest = sql.minus(sql.number(180.0), radius)
    near = sql.at_most(squared_chord(one, other), squared_limit(radius, sql.number(slack)))
    far = sql.at_least(squared_far_chord(one, other), squared_limit(rest, sql.number(-slack)))
    anywhere = sql.at_most(squared_chord(one, other), sql.number(5.0))
    return sql.case(
        (sql.both([sql.at_least(radius, sql.zero()), sql.at_most(radius, sql.number(90.0))]), near),
        (sql.both([sql.below(sql.number(90.0), radius), sql.below(radius, sql.number(180.0))]), far),
        (sql.at_least(radius, sql.number(180.0)), anywhere),
    )


def in_region(point: Vector, position: Position, region: Region, slack: float = ALLOWANCE) -> Sql:
    """Whether a position lies in a constant region; a negative slack leaves the border out."""
    match region:
        case Circle():
            return within(point, constant_vector(region.lon, region.lat), region.radius, slack)
        case Polygon():
            return _in_polygon(point, region, slack)
        case Range():
            return _in_range(position, region, slack)
        case Union():
            return _in_union(point, position, region, slack)
        case Not():
            return exp.Not(this=sql.paren(in_region(point, position, region.region, -slack)))
    raise TypeError(f"no SQL test for {type(region).__name__}")


def has_test(region: Region) -> bool:
    """Whether ``in_region`` can be written for a region: not for polygons wider than a hemisphere."""
    match region:
        case Polygon():
            return region.cap().radius < math.pi / 2.0
        case Union():
            return all(has_test(member) for member in region.members)
        case Not():
            return has_test(region.region)
    return isinstance(region, Circle | Range)


def _in_union(point: Vector, position: Position, union: Union, slack: float) -> Sql:
    inside = [in_region(point, position, member, slack) for member in union.added]
    outside = [exp.Not(this=sql.paren(in_region(point, position, hole, -slack))) for hole in union.holes]
    return sql.both([*([sql.either(inside)] if inside else []), *outside])


def _in_range(position: Position, region: Range, slack: float) -> Sql:
    """Degrees compared as they are: borders of a range are exact, so slack tells only their side."""
    lon, lat = position
    over, under = (sql.at_least, sql.at_most) if slack > 0.0 else (sql.above, sql.below)
    reduced = sql.minus(
        lon, sql.times(sql.number(360.0), sql.call("floor", sql.over(lon, sql.number(360.0))))
    )
    between = [over(lat, sql.number(region.lat1)), under(lat, sql.number(region.lat2))]
    known = sql.both(
        [
            exp.Not(this=exp.Is(this=sql.own(lon), expression=exp.Null())),
            sql.at_most(sql.absolute(lat), sql.number(90.0)),
        ]
    )
    if region.width >= 360.0:
        return sql.case((known, sql.both(between)))
    east, west = over(reduced, sql.number(region.lon1)), under(reduced, sql.number(region.lon2))
    at_pole = sql.equal(sql.absolute(lat), sql.number(90.0))
    if region.lon1 > region.lon2:
        return sql.case((known, sql.both([*between, sql.either([east, west, at_pole])])))
    closing = [sql.equal(reduced, sql.zero())] if region.lon2 == 360.0 and slack > 0.0 else []
    return sql.case((known, sql.both([*between, sql.either([sql.both([east, west]), *closing, at_pole])])))


def _dot(point: Vector, weights: npt.NDArray[np.float64]) -> Sql:
    x, y, z = (sql.times(part, sql.number(float(weight))) for part, weight in zip(point, weights))
    return sql.plus(sql.plus(x, y), z)


def _in_polygon(point: Vector, polygon: Polygon, slack: float) -> Sql:
    """Even-odd count of the edges that an arc away from ``base`` crosses; an edge counts as inside.

    Each sign is that of a sum linear in the unit vector. The arc leads from the point to the place opposite
    of ``base``, which is outside; at ``base`` itself there is no arc, but its side is known. See ``has_test``
    for polygons too wide for that.
    """
    cap = polygon.cap()
    base, base_inside = _base(polygon)
    corners = unit_vectors([v[0] for v in polygon.vertices], [v[1] for v in polygon.vertices])
    left = [sql.at_least(_dot(point, np.cross(corner, base)), sql.zero()) for corner in corners]
    crossed: list[Sql] = []
    on_edge: list[Sql] = []
    for index, start in enumerate(corners):
        following = (index + 1) % len(corners)
        normal = np.cross(start, corners[following] - start)
        normal /= math.sqrt(float(normal @ normal))
        crossed.append(_crossing(left[index], left[following], _dot(point, normal)))
        on_edge.append(_on_edge(point, start, corners[following], normal))
    count = crossed[0]
    for more in crossed[1:]:
        count = exp.Add(this=count, expression=more)
    odd = sql.equal(
        exp.Mod(this=exp.Paren(this=count), expression=exp.Literal.number(2)), exp.Literal.number(1)
    )
    at_base = sql.at_most(squared_chord(point, _constant(base)), sql.number(_AT_BASE**2))
    inside = sql.case((at_base, exp.Boolean(this=base_inside)), otherwise=odd)
    centre = _constant(np.array([cap.x, cap.y, cap.z]))
    near = sql.at_most(
        squared_chord(point, centre), sql.number((2.0 * math.sin(cap.radius / 2.0) + 1e-12) ** 2)
    )
    if slack > 0.0:
        return sql.both([near, sql.either([inside, *on_edge])])
    return sql.both([near, inside, exp.Not(this=sql.paren(sql.either(on_edge)))])


def _base(polygon: Polygon) -> tuple[npt.NDArray[np.float64], bool]:
    """A place near the middle of the cap and off all edges, and whether it is inside."""
    cap = polygon.cap()
    centre = np.array([cap.x, cap.y, cap.z])
    axis = np.eye(3)[int(np.argmin(np.abs(centre)))]
    one = np.cross(centre, axis)
    one /= math.sqrt(float(one @ one))
    other = np.cross(centre, one)
    turns = np.linspace(0.0, 2.0 * math.pi, 7, endpoint=False)
    step = math.tan(0.3 * cap.radius)
    places = np.vstack(
        [centre, centre + step * (np.outer(np.cos(turns), one) + np.outer(np.sin(turns), other))]
    )
    places /= np.sqrt(np.einsum("ij,ij->i", places, places))[:, None]
    margins = np.maximum(polygon.depth(places), polygon.distance(places))
    best = int(np.argmax(margins))
    return places[best], bool(polygon.contains(places[best][None, :])[0])


def _crossing(left: Sql, next_left: Sql, side: Sql) -> Sql:
    """1 where the arc outwards crosses the edge between two corners."""
    down = sql.both([left, exp.Not(this=sql.paren(next_left)), sql.below(side, sql.zero())])
    up = sql.both([exp.Not(this=sql.paren(left)), next_left, sql.below(sql.zero(), side)])
    return sql.case((sql.either([down, up]), exp.Literal.number(1)), otherwise=exp.Literal.number(0))


def _constant(vector: npt.NDArray[np.float64]) -> Vector:
    return sql.number(float(vector[0])), sql.number(float(vector[1])), sql.number(float(vector[2]))


def _on_edge(
    point: Vector,
    start: npt.NDArray[np.float64],
    end: npt.NDArray[np.float64],
    normal: npt.NDArray[np.float64],
) -> Sql:
    """Within the allowance of the great circle, and between the corners."""
    beside = sql.at_most(sql.absolute(_dot(point, normal)), sql.number(ALLOWANCE))
    after = sql.at_least(_dot(point, np.cross(normal, start)), sql.number(-ALLOWANCE))
    before = sql.at_least(_dot(point, np.cross(end, normal)), sql.number(-ALLOWANCE))
    return sql.both([beside, after, before])
