"""What AREA, CENTROID, COORD1, COORD2 and COORDSYS give (ADQL-141 to 144): constants now, all else in SQL."""

from __future__ import annotations

from dataclasses import replace

from vo_service.adql.meaning.constant_shapes import constant_region
from vo_service.adql.meaning.constants import constant_number
from vo_service.adql.meaning.shape_frames import frame_of
from vo_service.adql.nodes.coordinate_systems import frame_of_numbers, plain_name, ucd_of
from vo_service.adql.nodes.kinds import Facts, Kind
from vo_service.adql.nodes.resolved import Constant, Conversion, Value
from vo_service.adql.nodes.resolved_shapes import (
    ALWAYS,
    Cross,
    Disc,
    Geometry,
    Measured,
    Point,
    Shape,
    WhenKnown,
)
from vo_service.sky import centroid as centre_of
from vo_service.sky.frames import ICRS

_AREA = Facts(Kind.DOUBLE, "deg2", "phys.angArea")
_DEGREES = Facts(Kind.DOUBLE, "deg")
_TEXT = Facts(Kind.TEXT)


def measure(name: str, geometry: Geometry) -> Value:
    """The value of a call of that name; NULL where the geometry is."""
    match name:
        case "AREA":
            return _area(geometry)
        case "CENTROID":
            return centroid(geometry)
        case "COORDSYS":
            return _when_known(Constant(plain_name(frame_of(geometry)) or ICRS, _TEXT), geometry)
    assert isinstance(geometry, Point)
    return _coordinate(geometry, 0 if name == "COORD1" else 1)


def _coordinate(point: Point, axis: int) -> Value:
    """As the query has it, unreduced: a double in degrees, whatever it was made of (ADQL-143)."""
    given = (point.given or (point.lon, point.lat))[axis]
    number = constant_number(given)
    ucd = given.facts.ucd
    facts = Facts(Kind.DOUBLE, "deg", ucd if ucd is not None and ucd.lower().startswith("pos.") else None)
    if number is not None:
        given = Constant(number, facts)
    known = _when_known(given, point)
    if isinstance(known, WhenKnown):
        return WhenKnown(known.value, known.geometry, facts)
    return known if known.facts == facts else Conversion(known, facts)


def _area(geometry: Geometry) -> Value:
    region = constant_region(geometry)
    if isinstance(geometry, Point):
        return _when_known(Constant(0.0, _AREA), geometry)
    if region is None:
        return Measured("area", geometry, _AREA)
    return _when_known(Constant(region.area(), _AREA), geometry)


def centroid(geometry: Geometry) -> Point:
    """The centre: of a point itself, of a circle or box its own, of all else by area (ADQL-141)."""
    frame = frame_of_numbers(frame_of(geometry))
    facts = Facts(Kind.POINT, "deg", ucd_of(frame))
    match geometry:
        case Point():
            return geometry
        case Disc() if constant_number(geometry.radius) is not None:
            return geometry.centre
        case Disc() | Cross():
            centre = geometry.centre
            lon = _when_known(centre.lon, geometry)
            return Point(lon, centre.lat, centre.facts, frame=centre.frame, given=centre.given)
        case Shape() if geometry.centre is not None:
            centre = geometry.centre
            return replace(centre, lon=_when_known(centre.lon, geometry))
        case Shape() if geometry.present == ALWAYS:
            where = _centre_of(geometry)
            lon, lat = (Constant(number, _DEGREES) for number in where)
            return Point(lon, lat, facts, frame=frame)
        case Shape():
            where = _centre_of(geometry)
            known = _when_known(Constant(where[0], _DEGREES), geometry)
            return Point(known, Constant(where[1], _DEGREES), facts, frame=frame)
    measured = [Measured(what, geometry, _DEGREES) for what in ("centre_lon", "centre_lat")]
    return Point(measured[0], measured[1], facts, frame=frame)


def _centre_of(shape: Shape) -> tuple[float | None, float | None]:
    centre = centre_of(shape.region)
    return (None, None) if centre is None else centre


def _when_known(value: Value, geometry: Geometry) -> Value:
    """The value itself where the geometry is certain to be one."""
    certain = constant_region(geometry) is not None
    if certain and not (isinstance(geometry, Shape) and geometry.present != ALWAYS):
        return value
    kind = Kind.TEXT if value.facts.kind is Kind.TEXT else Kind.DOUBLE
    return WhenKnown(value, geometry, Facts(kind, value.facts.unit, value.facts.ucd))
