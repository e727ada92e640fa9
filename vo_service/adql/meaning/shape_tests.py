"""CONTAINS and INTERSECTS of every pair of geometries: which test is made, and where (ADQL-146 to 151).

What is constant is decided now; positions and circles in SQL; region columns against constants by the probe
of footprints; all else by probes that test exactly what rows hold.
"""

from __future__ import annotations

import math

from vo_service.adql.meaning.constant_shapes import constant_position, constant_region
from vo_service.adql.meaning.constants import constant_number
from vo_service.adql.nodes.kinds import Facts, Kind
from vo_service.adql.nodes.resolved import (
    Condition,
    Constant,
    DiscTest,
    Fixed,
    FootprintTest,
    InCross,
    InRegion,
    Near,
    Negation,
    PairTest,
    Value,
    WherePresent,
)
from vo_service.adql.nodes.resolved_shapes import (
    ALWAYS,
    Cross,
    Disc,
    Element,
    Footprint,
    Geometry,
    Point,
    Separation,
    Shape,
    Stored,
    WhenKnown,
)
from vo_service.adql.sql.geometry import has_test
from vo_service.sky import Circle, Moc, Region, unit_vectors

_DEGREES = Facts(Kind.DOUBLE, "deg")
_POINT = Facts(Kind.POINT, "deg")
_CIRCLE = Facts(Kind.CIRCLE, "deg")
_NEVER = Constant(-1.0, _DEGREES)
_ZERO = Constant(0.0, _DEGREES)
_ROUNDING = 1e-13
"""Degrees by which the difference of two radii may fall below 0; less than the allowance of ADQL-150."""


def plan_test(left: Geometry, right: Geometry, test: str) -> Condition:
    """The condition for ``intersects``, or for ``inside``: that ``left`` lies wholly in ``right``.

    Unknown where one of the two is NULL or a column's value that is no geometry.
    """
    left, right = unpacked(left), unpacked(right)
    condition = _decided(left, right, test) or _planned(left, right, test)
    for geometry in (left, right):
        if isinstance(geometry, Shape) and geometry.present != ALWAYS:
            condition = WherePresent(geometry.present, condition)
    return condition


def plan_separation(distance: Separation, operator: str, radius: Value) -> Condition:
    """``DISTANCE(...) operator radius`` as the test of ADQL-150, not as a comparison of last bits."""
    closed = operator in ("<=", ">")
    limit = constant_number(radius)
    # below 0 it is never true, but unknown where a position is
    reach = _NEVER if limit is not None and limit < 0.0 else radius
    inside = Near(distance.one, distance.other, reach, closed)
    return inside if operator in ("<", "<=") else Negation(inside)


def unpacked(geometry: Geometry) -> Geometry:
    """A stored point or circle as one of numbers; all else as it is."""
    if not isinstance(geometry, Stored) or geometry.facts.kind not in (Kind.POINT, Kind.CIRCLE):
        return geometry
    lon, lat, radius = (Element(geometry.value, index, _DEGREES) for index in (1, 2, 3))
    frame = geometry.facts.frame or geometry.frame
    centre = Point(lon, lat, Facts(Kind.POINT, "deg", geometry.facts.ucd), frame=frame)
    return centre if geometry.facts.kind is Kind.POINT else Disc(centre, radius, geometry.facts, frame)


def known_radius(disc: Disc) -> Value:
    """The radius of a circle as a value that is NULL where it is none (ADQL-137)."""
    if constant_number(disc.radius) is not None:
        return disc.radius
    anywhere = Point(_ZERO, _ZERO, _POINT)
    return WhenKnown(disc.radius, Disc(anywhere, disc.radius, _CIRCLE), _DEGREES)


def _decided(left: Geometry, right: Geometry, test: str) -> Condition | None:
    """What two constants say at once."""
    one, other = constant_region(left), constant_region(right)
    if one is None or other is None:
        return None
    if isinstance(left, Point):
        return Fixed(_holds(other, one))
    if test == "intersects":
        return Fixed(_holds(one, other) if isinstance(right, Point) else one.intersects(other))
    return Fixed(other.covers(one))


def _holds(region: Region, point: Region) -> bool:
    assert isinstance(point, Circle)
    return bool(region.contains(unit_vectors(point.lon, point.lat))[0])


def _planned(left: Geometry, right: Geometry, test: str) -> Condition:
    if isinstance(left, Point):
        return _point_in(left, right)
    if isinstance(right, Point):
        return _point_in(right, left) if test == "intersects" else _inside_point(left, right)
    one, other = _disc(left), _disc(right)
    if one is not None and other is not None:
        return _discs(one, other, test)
    if isinstance(left, Footprint) and left.key is not None and isinstance(right, Shape):
        return FootprintTest(left, right.region, test)
    if isinstance(left, Shape) and isinstance(right, Footprint) and right.key is not None:
        return FootprintTest(right, left.region, "intersects" if test == "intersects" else "holds")
    return PairTest(left, right, test)


def _point_in(point: Point, outer: Geometry) -> Condition:
    """Whether a position lies in a geometry: the same for INTERSECTS and CONTAINS (ADQL-147)."""
    match outer:
        case Point():
            return Near(point, outer, _ZERO, closed=True)
        case Disc():
            return Near(point, outer.centre, known_radius(outer), closed=True)
        case Shape() if has_test(outer.region) or (isinstance(outer.region, Moc) and point.cell is not None):
            return InRegion(point, outer.region)
        case Cross():
            return InCross(point, outer)
        case Footprint() if outer.key is not None:
            where = constant_position(point)
            if where is not None:
                return FootprintTest(outer, Circle(*where, 0.0), "holds")
    return PairTest(_whole(point), outer, "intersects")


def _inside_point(shape: Geometry, point: Point) -> Condition:
    """Whether a shape is no more than a position: a circle of radius 0 there (ADQL-149)."""
    disc = _disc(shape)
    if disc is not None:
        return DiscTest(disc, Disc(point, _ZERO, _CIRCLE), "inside")
    if isinstance(shape, Shape) and shape.region.cap().radius > math.radians(1e-9):
        return Near(point, point, _NEVER, closed=True)
    if isinstance(shape, Footprint) and shape.key is not None:
        where = constant_position(point)
        if where is not None:
            return FootprintTest(shape, Circle(*where, 0.0), "inside")
    return PairTest(shape, _whole(point), "inside")


def _whole(point: Point) -> Geometry:
    """A constant position as a region, for probes; others as they are."""
    region = constant_region(point)
    return point if region is None else Shape(region, _CIRCLE)


def _discs(one: Disc, other: Disc, test: str) -> Condition:
    """Two circles; where both radii are constant it is a matter of how far apart the centres are."""
    first, second = constant_number(one.radius), constant_number(other.radius)
    if first is None or second is None:
        return DiscTest(one, other, test)
    angle = first + second
    if test == "inside":
        angle = 180.0 if second >= 180.0 else second - min(first, 180.0)
    if angle < -_ROUNDING:
        return Near(one.centre, other.centre, _NEVER, closed=True)
    reach = Constant(min(max(angle, 0.0), 180.0), _DEGREES)
    return Near(one.centre, other.centre, reach, closed=True)


def _disc(geometry: Geometry) -> Disc | None:
    """A circle, of columns or constant."""
    if isinstance(geometry, Disc):
        return geometry
    if isinstance(geometry, Shape) and isinstance(geometry.region, Circle):
        circle = geometry.region
        lon, lat, radius = (Constant(v, _DEGREES) for v in (circle.lon, circle.lat, circle.radius))
        return Disc(Point(lon, lat, _POINT), radius, _CIRCLE)
    return None
