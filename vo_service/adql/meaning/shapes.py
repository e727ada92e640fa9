"""Geometry calls: what shapes are made of, what is measured of them, and their frames (ADQL-130 to 160)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from typing import Final

from tap_schema import Table
from vo_service.adql.errors import AdqlError, Place, shown
from vo_service.adql.language import tree
from vo_service.adql.meaning import shape_frames as frames
from vo_service.adql.meaning.constant_shapes import constant_position
from vo_service.adql.meaning.constants import constant_number
from vo_service.adql.meaning.shape_measures import measure
from vo_service.adql.meaning.shape_tests import plan_separation, plan_test, unpacked
from vo_service.adql.nodes.coordinate_systems import OF_TABLES, is_of_tables
from vo_service.adql.nodes.kinds import SHAPES, Facts, Kind
from vo_service.adql.nodes.places import placed
from vo_service.adql.nodes.resolved import Condition, Constant, Reference, Truth, Value
from vo_service.adql.nodes.resolved_shapes import (
    Cross,
    Disc,
    Geometry,
    Point,
    Ring,
    Separation,
    Shape,
    Stored,
)
from vo_service.sky import Circle, Polygon, Range, Region, RegionError, parse_moc, parse_region
from vo_service.sky.boxes import box_corners

_NAMES = "POINT CIRCLE BOX POLYGON REGION AREA CENTROID COORD1 COORD2 COORDSYS DISTANCE CONTAINS INTERSECTS"
GEOMETRY: Final = frozenset((*_NAMES.split(), "RANGE_S2D", "MOC"))
POINT = Facts(Kind.POINT, "deg", "pos.eq")
CIRCLE = Facts(Kind.CIRCLE, "deg")
POLYGON = Facts(Kind.POLYGON, "deg")
REGION = Facts(Kind.REGION)
_DEGREES = Facts(Kind.DOUBLE, "deg")
_TRUTH = Facts(Kind.INTEGER)
_WITH_FRAME = frozenset(("POINT", "CIRCLE", "BOX", "POLYGON"))
_OLD_FRAME = "the coordinate system argument is deprecated since ADQL 2.1; positions are ICRS without it"
_OLD_BOX = "BOX is deprecated since ADQL 2.1; write a POLYGON"
_OLD_COORDSYS = "COORDSYS is deprecated since ADQL 2.1"
_SWAPPED = "CONTAINS(shape, POINT) is 0: a point holds no shape; the point comes first in CONTAINS"
MOST_CORNERS = 10_000
MOST_COMPUTED_CORNERS = 100
"""Corners of a polygon that are no constants: each is written as SQL, against all others."""


class GeometryResolver(ABC):
    """What geometry calls mean; a part of the resolver."""

    base_tables: dict[str, Table]
    warnings: list[str]
    version = "2.1"

    @abstractmethod
    def value(self, node: tree.Value) -> Value:
        """The meaning of any value expression."""

    @abstractmethod
    def number(self, node: tree.Value, what: str) -> Value:
        """A value that must be a number."""

    def geometry_call(self, node: tree.Call) -> Value:
        """The meaning of a call in GEOMETRY."""
        _refuse_random(node)
        match node.name:
            case "POINT" | "CIRCLE" | "POLYGON" | "BOX":
                return self._constructed(node)
            case "RANGE_S2D":
                return self._range(node.arguments, node.place)
            case "REGION":
                return Shape(_parsed(node, parse_region), REGION, OF_TABLES)
            case "MOC":
                return Shape(_parsed(node, parse_moc), Facts(Kind.MOC), OF_TABLES)
            case "DISTANCE":
                return self._distance(node.arguments, node.place)
            case "CONTAINS" | "INTERSECTS":
                return Truth(self._test(node), _TRUTH)
        return self._measured(node)

    # --- arguments ---

    def geometry(self, node: tree.Value) -> Geometry:
        """An argument that must be a geometry; stored points and circles come as numbers."""
        value = self.value(node)
        found = as_geometry(value)
        if found is None:
            raise AdqlError.at(
                node.place,
                "a geometry is expected here",
                "write POINT, CIRCLE, POLYGON, BOX, REGION or a column such as s_region",
            )
        return found

    def point(self, node: tree.Value) -> Point:
        """An argument that must be a POINT: any expression of that type (ADQL-157)."""
        found = as_geometry(self.value(node))
        if not isinstance(found, Point):
            raise AdqlError.at(node.place, "a POINT is expected here", "write POINT(lon, lat)")
        return found

    def _position(self, lon: tree.Value, lat: tree.Value) -> Point:
        point = self.make_point(self.number(lon, "a longitude"), self.number(lat, "a latitude"))
        latitude = constant_number(point.lat)
        if latitude is not None and not abs(latitude) <= 90.0:
            raise AdqlError.at(lat.place, f"the latitude {shown(latitude)} is beyond 90 degrees")
        return point

    def make_point(self, lon: Value, lat: Value) -> Point:
        """A position; the columns a table calls its position bring their unit vector and pixel along."""
        if isinstance(lon, Reference) and isinstance(lat, Reference) and lon.source == lat.source:
            table = self.base_tables.get(lon.source)
            if table is not None and table.position == (lon.column, lat.column) and table.has("_ux"):
                x, y, z = (Reference(lon.source, name, Facts(Kind.DOUBLE)) for name in ("_ux", "_uy", "_uz"))
                return Point(lon, lat, POINT, (x, y, z), Reference(lon.source, "_hpx29", Facts(Kind.BIGINT)))
        return Point(lon, lat, POINT)

    def _frame(self, node: tree.Call) -> tuple[tuple[tree.Value, ...], str]:
        """The arguments behind the coordinate system, and what that is called (ADQL-132, ADQL-133)."""
        arguments = node.arguments
        if not isinstance(arguments[0], tree.String | tree.Null):
            return arguments, ""
        if self.version != "2.0":  # there it has to be written
            self.warnings.append(_OLD_FRAME)
        if isinstance(arguments[0], tree.Null):
            return arguments[1:], ""
        frames.check(arguments[0].value, arguments[0].place)
        return arguments[1:], arguments[0].value.strip()

    # --- constructors ---

    def _constructed(self, node: tree.Call) -> Geometry:
        arguments, frame = self._frame(node)
        match node.name:
            case "POINT":
                return frames.in_frame(self._position(arguments[0], arguments[1]), frame, node.place)
            case "CIRCLE":
                return self._circle(arguments, frame, node.place)
            case "POLYGON":
                return self._polygon(arguments, frame, node.place)
        return self._box(arguments, frame, node.place)

    def _centre(self, arguments: tuple[tree.Value, ...], sizes: int) -> tuple[Point, tuple[Value, ...]]:
        """A centre, as a point or two numbers, and the ``sizes`` numbers behind it."""
        if len(arguments) == sizes + 2:
            centre = self._position(arguments[0], arguments[1])
        else:
            centre = self.point(arguments[0])
        return centre, tuple(self.number(size, "a size") for size in arguments[-sizes:])

    def _circle(self, arguments: tuple[tree.Value, ...], frame: str, place: Place) -> Geometry:
        centre, (radius,) = self._centre(arguments, 1)
        centre = frames.in_frame(centre, frame, place)
        where, size = constant_position(centre), constant_number(radius)
        if size is not None and size < 0.0:
            raise AdqlError.at(arguments[-1].place, f"the radius {shown(size)} is negative")
        if size == 0.0 and not isinstance(radius, Constant):
            self.warnings.append("the radius of a circle is 0; dividing integers gives an integer")
        if where is None or size is None:
            return Disc(centre, radius, CIRCLE, centre.frame)
        region = _build(place, lambda: Circle(*where, min(size, 180.0)))
        return Shape(region, CIRCLE, centre.frame, centre=centre)

    def _polygon(self, arguments: tuple[tree.Value, ...], frame: str, place: Place) -> Geometry:
        if self.value(arguments[0]).facts.kind in SHAPES:
            corners = [self.point(argument) for argument in arguments]
        elif len(arguments) % 2 or len(arguments) < 6:
            raise AdqlError.at(
                place, f"POLYGON has {len(arguments)} numbers", "write three or more pairs lon, lat"
            )
        else:
            corners = [self._position(lon, lat) for lon, lat in zip(arguments[::2], arguments[1::2])]
        _check_corners(corners, place)
        named = frames.frame_of_corners(corners, place)
        if frame:
            corners = [frames.in_frame(corner, frame, place) for corner in corners]
        else:  # bare numbers are those of the frame that others name
            frame = named
            corners = [c if frames.frame_of(c) else frames.in_frame(c, frame, place) for c in corners]
        places = [constant_position(corner) for corner in corners]
        known = tuple(where for where in places if where is not None)
        if len(known) < len(corners):
            return Ring(tuple(corners), POLYGON, frame)
        return Shape(_build(place, lambda: Polygon(known)), POLYGON, frame)

    def _box(self, arguments: tuple[tree.Value, ...], frame: str, place: Place) -> Geometry:
        self.warnings.append(_OLD_BOX)
        centre, (width, height) = self._centre(arguments, 2)
        frame = frames.check_one([frame, centre.frame], place)
        for side, argument in ((width, arguments[-2]), (height, arguments[-1])):
            length = constant_number(side)
            if length is not None and not 0.0 <= length < 180.0:
                raise AdqlError.at(argument.place, "the sides of a BOX are 0 or more and below 180 degrees")
        where, w, h = constant_position(centre), constant_number(width), constant_number(height)
        if where is None or not w or not h:
            if not is_of_tables(frame):
                raise AdqlError.at(
                    place,
                    f"a BOX of columns or without width cannot be in the frame {frame}",
                    "write a POLYGON",
                )
            return Cross(centre, width, height, POLYGON, frame)
        if not is_of_tables(frame):
            where = frames.given_position(centre)
        corners = [frames.turned(corner, frame) for corner in box_corners(*where, w, h)]
        region = _build(place, lambda: Polygon(tuple(corners)))
        return Shape(region, POLYGON, frame, centre=frames.in_frame(centre, frame, place))

    def _range(self, arguments: tuple[tree.Value, ...], place: Place) -> Geometry:
        if len(arguments) != 4:
            raise AdqlError.at(
                place, "RANGE_S2D takes four numbers", "write RANGE_S2D(lon1, lon2, lat1, lat2)"
            )
        numbers = [constant_number(self.number(argument, "a limit")) for argument in arguments]
        known = [number for number in numbers if number is not None]
        if len(known) != 4:
            raise AdqlError.at(
                place, "a RANGE_S2D of columns is not supported", "write BETWEEN of the coordinates"
            )
        lon1, lon2, lat1, lat2 = known
        return Shape(_build(place, lambda: Range(lon1, lon2, lat1, lat2)), REGION, OF_TABLES)

    # --- what is asked of shapes ---

    def _distance(self, arguments: tuple[tree.Value, ...], place: Place) -> Value:
        if len(arguments) == 4:
            one = self._position(arguments[0], arguments[1])
            other = self._position(arguments[2], arguments[3])
        else:
            first, second = self.value(arguments[0]), self.value(arguments[1])
            points = [as_geometry(value) for value in (first, second)]
            for point, argument in zip(points, arguments):
                if not isinstance(point, Point):
                    raise AdqlError.at(argument.place, "DISTANCE takes two POINTs or four numbers")
            one, other = (point for point in points if isinstance(point, Point))
            frames.check_one([frames.frame_of(one), frames.frame_of(other)], place)
        return Separation(one, other, Facts(Kind.DOUBLE, "deg", "pos.angDistance"), place=place)

    def _test(self, node: tree.Call) -> Condition:
        left, right = (self.geometry(argument) for argument in node.arguments)
        frames.check_one([frames.frame_of(left), frames.frame_of(right)], node.place)
        if node.name == "INTERSECTS":
            return placed(plan_test(left, right, "intersects"), node.place)
        if isinstance(right, Point) and not isinstance(left, Point):
            self.warnings.append(_SWAPPED)
        return placed(plan_test(left, right, "inside"), node.place)

    def near(self, distance: Separation, operator: str, radius: Value) -> Condition:
        """``DISTANCE(...) operator radius`` as the test of ADQL-150, not as a comparison of last bits."""
        condition = plan_separation(distance, operator, radius)
        return condition if distance.place is None else placed(condition, distance.place)

    def _measured(self, node: tree.Call) -> Value:
        if node.name == "COORDSYS":
            self.warnings.append(_OLD_COORDSYS)
        if node.name in ("COORD1", "COORD2"):
            return measure(node.name, self.point(node.arguments[0]))
        return placed(measure(node.name, self.geometry(node.arguments[0])), node.place)


def _check_corners(corners: list[Point], place: Place) -> None:
    constant = all(constant_position(corner) is not None for corner in corners)
    most = MOST_CORNERS if constant else MOST_COMPUTED_CORNERS
    if len(corners) > most:
        kind = "" if constant else " that are no constants"
        raise AdqlError.at(
            place,
            f"a POLYGON of {len(corners)} corners{kind}, {most} is the limit",
            "leave corners out, or give the region as a MOC",
        )


def _refuse_random(node: tree.Call) -> None:
    """Raise AdqlError where a random number is inside: what is made of a geometry speaks of it often."""
    if _is_random(node.arguments):
        hint = "draw it in a derived table, as in (SELECT RAND() AS r FROM ...)"
        raise AdqlError.at(node.place, f"a random number cannot stand inside {node.name}", hint)


def _is_random(node: object) -> bool:
    if isinstance(node, tuple):
        return any(_is_random(part) for part in node)
    if isinstance(node, tree.Call) and node.name.lower() in ("rand", "ivo_normal_random"):
        return True
    return is_dataclass(node) and any(_is_random(getattr(node, each.name)) for each in fields(node))


def as_geometry(value: Value) -> Geometry | None:
    """A value as a geometry, stored points and circles as such of numbers; None for other values.

    NULL is a point that is nowhere: whatever is asked of it is NULL.
    """
    if isinstance(value, Geometry):
        return unpacked(value)
    if value.facts.kind is Kind.NULL:
        return Point(value, value, POINT)
    return unpacked(Stored(value, value.facts)) if value.facts.kind in SHAPES else None


def _build(place: Place, make: Callable[[], Region]) -> Region:
    """A constant region; what is wrong with it becomes an error of the query."""
    try:
        return make()
    except RegionError as error:
        raise AdqlError.at(place, f"no such region: expected {error.expected}") from error


def _parsed(node: tree.Call, parse: Callable[[str], Region]) -> Region:
    """The region of a string literal; an error has its place inside the text."""
    name, arguments = node.name, node.arguments
    if len(arguments) != 1 or not isinstance(arguments[0], tree.String):
        wrong = arguments[0].place if len(arguments) == 1 else node.place
        raise AdqlError.at(wrong, f"{name} takes one string literal", f"write {name}('text')")
    text, place = arguments[0].value, arguments[0].place
    try:
        return parse(text)
    except RegionError as error:
        if error.text == text and error.at >= 0 and not set(text) & set("'\n\r"):
            place = place._replace(column=place.column + 1 + error.at)
        raise AdqlError.at(place, f"{name} cannot read this: expected {error.expected}") from error
