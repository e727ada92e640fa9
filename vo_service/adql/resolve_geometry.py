"""Geometry calls: shapes, constants, which test a CONTAINS, INTERSECTS or DISTANCE becomes (ADQL-130 to 160).

A condition comes of each test; as a value it is 1, 0 or NULL. Pairs that have no exact plan are refused.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable

from tap_schema import Table
from vo_service.adql import tree
from vo_service.adql.constants import constant_number
from vo_service.adql.errors import AdqlError, Place
from vo_service.adql.geometry_sql import has_test
from vo_service.adql.kinds import Facts, Kind
from vo_service.adql.resolved import (
    Condition,
    Constant,
    Fixed,
    FootprintTest,
    InRegion,
    Near,
    Negation,
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
)
from vo_service.sky import Circle, Polygon, Range, Region, RegionError, parse_region, positions, unit_vectors

_NAMES = "POINT CIRCLE BOX POLYGON REGION AREA CENTROID COORD1 COORD2 COORDSYS DISTANCE CONTAINS INTERSECTS"
GEOMETRY = frozenset((*_NAMES.split(), "RANGE_S2D"))
_FRAMES = frozenset(("", "ICRS", "UNKNOWN", "UNKNOWNFRAME", "FK5", "J2000"))
_DEGREES = Facts(Kind.DOUBLE, "deg")
_TRUTH = Facts(Kind.INTEGER)
_LITERALS_ONLY = (
    "corners and sizes of shapes are constants here; a circle may have columns for centre and radius"
)

_ONE_CONSTANT = (
    "one of the two must be a constant, as in CONTAINS(POINT(s_ra, s_dec), CIRCLE(204.25, -29.87, 0.1)) or "
    "CONTAINS(POINT(204.25, -29.87), s_region)"
)
_MEASURABLE = {
    "AREA": "it takes a constant CIRCLE, BOX, POLYGON, RANGE_S2D or REGION; a field's size is in s_fov",
    "CENTROID": "it takes a POINT or a CIRCLE; a field's centre is in s_ra and s_dec",
    "COORD1": "it takes a POINT or the CENTROID of a CIRCLE",
    "COORD2": "it takes a POINT or the CENTROID of a CIRCLE",
    "COORDSYS": "it takes a POINT or a constant shape; all positions are ICRS",
}


class GeometryResolver(ABC):
    """What geometry calls mean; a part of the resolver."""

    base_tables: dict[str, Table]
    warnings: list[str]

    @abstractmethod
    def value(self, node: tree.Value) -> Value:
        """The meaning of any value expression."""

    @abstractmethod
    def number(self, node: tree.Value, what: str) -> Value:
        """A value that must be a number."""

    def geometry_call(self, node: tree.Call) -> Value:
        """The meaning of a call in GEOMETRY."""
        arguments = self._without_frame(node)
        match node.name:
            case "POINT":
                return self._point(arguments[0], arguments[1], node.place)
            case "CIRCLE":
                return self._circle(arguments, node.place)
            case "POLYGON":
                return self._polygon(arguments, node.place)
            case "BOX":
                return self._box(arguments, node.place)
            case "RANGE_S2D":
                return self._range(arguments, node.place)
            case "REGION":
                return self._region(arguments[0], node.place)
            case "DISTANCE":
                return self._distance(arguments, node.place)
            case "CONTAINS":
                inner, outer = self._shape(arguments[0]), self._shape(arguments[1])
                return Truth(self._contains(inner, outer, node.place), _TRUTH)
            case "INTERSECTS":
                one, other = self._shape(arguments[0]), self._shape(arguments[1])
                return Truth(self._intersects(one, other, node.place), _TRUTH)
            case _:
                return self._measure(node.name, arguments[0], node.place)

    def _without_frame(self, node: tree.Call) -> tuple[tree.Value, ...]:
        """The arguments without a coordinate system, which is checked (ADQL-132, ADQL-133)."""
        arguments = node.arguments
        if node.name == "REGION" or not arguments or not isinstance(arguments[0], tree.String | tree.Null):
            return arguments
        if isinstance(arguments[0], tree.String):
            frame = arguments[0].value.strip().upper().split(" ")[0]
            if frame not in _FRAMES:
                raise AdqlError.at(
                    arguments[0].place,
                    f"the frame '{arguments[0].value}' is not supported",
                    "positions are ICRS",
                )
        return arguments[1:]

    # --- shapes ---

    def _point(self, lon: tree.Value, lat: tree.Value, place: Place) -> Point:
        point = self.make_point(self.number(lon, "a longitude"), self.number(lat, "a latitude"))
        latitude = constant_number(point.lat)
        if latitude is not None and not abs(latitude) <= 90.0:
            raise AdqlError.at(lat.place, f"the latitude {latitude:g} is beyond 90 degrees")
        return point

    def make_point(self, lon: Value, lat: Value) -> Point:
        """A position; the columns a table calls its position bring their unit vector and pixel along."""
        facts = Facts(Kind.POINT, "deg", "pos.eq")
        if isinstance(lon, Reference) and isinstance(lat, Reference) and lon.source == lat.source:
            table = self.base_tables.get(lon.source)
            if table is not None and table.position == (lon.column, lat.column) and table.has("_ux"):
                x, y, z = (Reference(lon.source, name, Facts(Kind.DOUBLE)) for name in ("_ux", "_uy", "_uz"))
                return Point(lon, lat, facts, (x, y, z), Reference(lon.source, "_hpx29", Facts(Kind.BIGINT)))
        return Point(lon, lat, facts)

    def _centre(
        self, arguments: tuple[tree.Value, ...], sizes: int, place: Place
    ) -> tuple[Point, tuple[Value, ...]]:
        """A centre, as a point or two numbers, and the ``sizes`` numbers behind it."""
        if len(arguments) == sizes + 2:
            centre = self._point(arguments[0], arguments[1], place)
        else:
            first = self.value(arguments[0])
            if not isinstance(first, Point):
                raise AdqlError.at(arguments[0].place, "a POINT is expected here", "write POINT(lon, lat)")
            centre = first
        return centre, tuple(self.number(size, "a size") for size in arguments[-sizes:])

    def _circle(self, arguments: tuple[tree.Value, ...], place: Place) -> Value:
        centre, (radius,) = self._centre(arguments, 1, place)
        where, size = constant_position(centre), constant_number(radius)
        if size is not None and size < 0.0:
            raise AdqlError.at(arguments[-1].place, f"the radius {size:g} is negative")
        if size == 0.0 and not isinstance(radius, Constant):
            self.warnings.append("the radius of a circle is 0; dividing integers gives an integer")
        if where is None or size is None:
            return Disc(centre, radius, Facts(Kind.CIRCLE, "deg"))
        return Shape(_build(place, lambda: Circle(*where, min(size, 180.0))), Facts(Kind.CIRCLE, "deg"))

    def _polygon(self, arguments: tuple[tree.Value, ...], place: Place) -> Value:
        values = [self.value(argument) for argument in arguments]
        if all(isinstance(value, Point) for value in values):
            corners = [constant_position(value) for value in values if isinstance(value, Point)]
        else:
            if len(values) % 2 or len(values) < 6:
                raise AdqlError.at(
                    place, f"POLYGON has {len(values)} numbers", "write three or more pairs lon, lat"
                )
            numbers = [constant_number(self.number(argument, "a coordinate")) for argument in arguments]
            corners = [
                None if lon is None or lat is None else (lon, lat)
                for lon, lat in zip(numbers[::2], numbers[1::2])
            ]
        known = tuple(corner for corner in corners if corner is not None)
        if len(known) != len(corners):
            raise AdqlError.at(place, "a POLYGON of columns is not supported", _LITERALS_ONLY)
        return Shape(_build(place, lambda: Polygon(known)), Facts(Kind.POLYGON, "deg"))

    def _box(self, arguments: tuple[tree.Value, ...], place: Place) -> Value:
        centre, (width, height) = self._centre(arguments, 2, place)
        where, w, h = constant_position(centre), constant_number(width), constant_number(height)
        if where is None or w is None or h is None:
            raise AdqlError.at(place, "a BOX of columns is not supported", _LITERALS_ONLY)
        if not (0.0 < w < 180.0 and 0.0 < h < 180.0):
            raise AdqlError.at(place, "the sides of a BOX are above 0 and below 180 degrees")
        return Shape(_build(place, lambda: Polygon(_box_corners(where, w, h))), Facts(Kind.POLYGON, "deg"))

    def _range(self, arguments: tuple[tree.Value, ...], place: Place) -> Value:
        if len(arguments) != 4:
            raise AdqlError.at(
                place, "RANGE_S2D takes four numbers", "write RANGE_S2D(lon1, lon2, lat1, lat2)"
            )
        numbers = [constant_number(self.number(argument, "a limit")) for argument in arguments]
        known = [number for number in numbers if number is not None]
        if len(known) != 4:
            raise AdqlError.at(place, "a RANGE_S2D of columns is not supported", _LITERALS_ONLY)
        lon1, lon2, lat1, lat2 = known
        return Shape(_build(place, lambda: Range(lon1, lon2, lat1, lat2)), Facts(Kind.REGION, "deg"))

    def _region(self, argument: tree.Value, place: Place) -> Value:
        assert isinstance(argument, tree.String)
        text = argument.value
        return Shape(_build(place, lambda: parse_region(text)), Facts(Kind.REGION, "deg"))

    def _shape(self, node: tree.Value) -> Value:
        """An argument of CONTAINS or INTERSECTS."""
        value = self.value(node)
        if isinstance(value, Point | Disc | Shape | Footprint):
            return value
        if isinstance(value, Reference) and value.facts.kind is Kind.REGION:
            raise AdqlError.at(
                node.place,
                "a region can be tested only in the query that reads its table",
                "move the test inside",
            )
        raise AdqlError.at(
            node.place, "a geometry is expected here", "write POINT, CIRCLE, POLYGON, RANGE_S2D or s_region"
        )

    # --- measures ---

    def _distance(self, arguments: tuple[tree.Value, ...], place: Place) -> Value:
        if len(arguments) == 4:
            one = self._point(arguments[0], arguments[1], place)
            other = self._point(arguments[2], arguments[3], place)
        else:
            first, second = self.value(arguments[0]), self.value(arguments[1])
            if not (isinstance(first, Point) and isinstance(second, Point)):
                raise AdqlError.at(place, "DISTANCE takes two POINTs or four numbers")
            one, other = first, second
        return Separation(one, other, Facts(Kind.DOUBLE, "deg", "pos.angDistance"))

    def _measure(self, name: str, argument: tree.Value, place: Place) -> Value:
        value = self.value(argument)
        if isinstance(value, Point):
            match name:
                case "COORD1":
                    return value.lon
                case "COORD2":
                    return value.lat
                case "CENTROID":
                    return value
                case "AREA":
                    return Constant(0.0, Facts(Kind.DOUBLE, "deg2", "phys.angArea"))
                case "COORDSYS":
                    return Constant("ICRS", Facts(Kind.TEXT))
        if isinstance(value, Shape):
            if name == "AREA":
                return Constant(value.region.area(), Facts(Kind.DOUBLE, "deg2", "phys.angArea"))
            if name == "CENTROID" and isinstance(value.region, Circle):
                circle = value.region
                return self.make_point(Constant(circle.lon, _DEGREES), Constant(circle.lat, _DEGREES))
            if name == "COORDSYS":
                return Constant("ICRS", Facts(Kind.TEXT))
        if isinstance(value, Disc) and name == "CENTROID":
            return value.centre
        what = "a region column" if isinstance(value, Footprint) else "this geometry"
        raise AdqlError.at(place, f"{name} of {what} is not supported", _MEASURABLE[name])

    # --- tests ---

    def _contains(self, inner: Value, outer: Value, place: Place) -> Condition:
        match inner, outer:
            case Point(), _:
                return self._holds_point(inner, outer, place)
            case _, Point():
                self.warnings.append(
                    "CONTAINS(shape, POINT) is 0: a point holds no shape; the point comes first in CONTAINS"
                )
                return Fixed(False)
            case Shape(), Shape():
                return Fixed(outer.region.covers(inner.region))
            case Footprint(), Shape():
                return FootprintTest(inner, outer.region, "inside")
            case Shape(), Footprint():
                return FootprintTest(outer, inner.region, "holds")
        raise AdqlError.at(
            place, "CONTAINS of these two geometries is not supported", _pairs_hint(inner, outer)
        )

    def _intersects(self, one: Value, other: Value, place: Place) -> Condition:
        match one, other:
            case Point(), _:
                return self._holds_point(one, other, place)
            case _, Point():
                return self._holds_point(other, one, place)
            case Shape(), Shape():
                return Fixed(one.region.intersects(other.region))
            case (Footprint() as footprint, Shape() as shape) | (Shape() as shape, Footprint() as footprint):
                return FootprintTest(footprint, shape.region, "intersects")
        raise AdqlError.at(
            place, "INTERSECTS of these two geometries is not supported", _pairs_hint(one, other)
        )

    def _holds_point(self, point: Point, outer: Value, place: Place) -> Condition:
        """Whether a point lies in a geometry."""
        where = constant_position(point)
        match outer:
            case Point():
                return Near(point, outer, Constant(0.0, _DEGREES), closed=True)
            case Disc():
                return Near(point, outer.centre, outer.radius, closed=True)
            case Shape() if where is not None:
                return Fixed(bool(outer.region.contains(unit_vectors(*where))[0]))
            case Shape():
                if not has_test(outer.region):
                    raise AdqlError.at(
                        place,
                        "a polygon that reaches over more than a hemisphere is not supported here",
                        "split it",
                    )
                return InRegion(point, outer.region)
            case Footprint() if where is not None:
                return FootprintTest(outer, Circle(*where, 0.0), "holds")
        raise AdqlError.at(
            place,
            "a column position in a column region is not supported",
            _ONE_CONSTANT,
        )

    def near(self, distance: Separation, operator: str, radius: Value) -> Condition:
        """``DISTANCE(...) operator radius`` as the test of ADQL-150, not as a comparison of last bits."""
        closed = operator in ("<=", ">")
        limit = constant_number(radius)
        if limit is not None and limit < 0.0:
            # never true, but unknown where a position is
            inside: Condition = Near(distance.one, distance.other, Constant(-1.0, _DEGREES), closed)
        else:
            inside = Near(distance.one, distance.other, radius, closed)
        return inside if operator in ("<", "<=") else Negation(inside)


def constant_position(point: Point) -> tuple[float, float] | None:
    """Longitude and latitude of a constant point."""
    lon, lat = constant_number(point.lon), constant_number(point.lat)
    return None if lon is None or lat is None else (lon, lat)


def _build(place: Place, make: Callable[[], Region]) -> Region:
    """A constant region; what is wrong with it becomes an error of the query."""
    try:
        return make()
    except RegionError as error:
        raise AdqlError.at(place, f"no such region: {error}") from error


def _pairs_hint(one: Value, other: Value) -> str:
    if isinstance(one, Footprint) and isinstance(other, Footprint):
        return _ONE_CONSTANT
    if isinstance(one, Footprint) or isinstance(other, Footprint):
        return "a region column takes a constant POINT, CIRCLE, POLYGON, BOX, RANGE_S2D or REGION"
    return "a circle with columns takes a POINT; two shapes are constants both"


def _box_corners(centre: tuple[float, float], width: float, height: float) -> tuple[tuple[float, float], ...]:
    """Corners in the plane that touches the sphere at the centre (ADQL-138)."""
    east, north = math.tan(math.radians(width / 2)), math.tan(math.radians(height / 2))
    to_centre = unit_vectors(*centre)[0]
    to_east = unit_vectors(centre[0] + 90.0, 0.0)[0]
    to_north = unit_vectors(centre[0], centre[1] + 90.0)[0]
    corners = []
    for x, y in ((1, 1), (-1, 1), (-1, -1), (1, -1)):
        corner = to_centre + x * east * to_east + y * north * to_north
        lon, lat = positions(corner[None, :] / math.sqrt(float(corner @ corner)))
        corners.append((float(lon[0]), float(lat[0])))
    return tuple(corners)
