"""Frames that a query names: that of the tables, and others that are turned to it (ADQL-133, ADQL-159)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from vo_service.adql.errors import AdqlError, Place
from vo_service.adql.meaning.constant_shapes import constant_position
from vo_service.adql.meaning.constants import constant_number
from vo_service.adql.nodes.coordinate_systems import COORDINATE_SYSTEMS, canonical, is_of_tables, word_of
from vo_service.adql.nodes.kinds import Facts, Kind
from vo_service.adql.nodes.resolved import Constant
from vo_service.adql.nodes.resolved_shapes import Footprint, Geometry, Point, Stored, Turned
from vo_service.sky.frames import matrix, turn_position

_DEGREES = Facts(Kind.DOUBLE, "deg")


def check(name: str, place: Place) -> None:
    """Raise AdqlError for a frame that is not known."""
    if word_of(name) not in COORDINATE_SYSTEMS:
        raise AdqlError.at(
            place, f"the frame '{name}' is not supported", "ICRS, FK5, FK4, GALACTIC and ECLIPTIC are"
        )


def frame_of(geometry: Geometry) -> str:
    """What the query called the frame of a geometry; nothing where it did not."""
    return "" if isinstance(geometry, Footprint | Stored) else geometry.frame


def check_one(names: Sequence[str], place: Place) -> str:
    """The one frame that a call names, '' where it names none. Raises AdqlError where it names several."""
    named = [name for name in names if name]
    if len({canonical(name) for name in named}) > 1:
        raise AdqlError.at(
            place,
            f"the frames {' and '.join(dict.fromkeys(named))} in one call",
            "change one of the two by ivo_geom_transform, or leave it out",
        )
    return named[0] if named else ""


def common_frame(points: Sequence[Point], place: Place) -> str:
    """The frame of the points of one call; raises AdqlError where there are several."""
    return check_one([point.frame for point in points], place)


def in_frame(point: Point, name: str, place: Place) -> Point:
    """A position that a call says is in a frame: turned to that of the tables, once."""
    if not name:
        return point
    check_one([point.frame, name], place)
    if is_of_tables(name) or point.frame:
        return replace(point, frame=point.frame or name)
    given, where = (point.lon, point.lat), constant_position(point)
    if where is not None:
        lon, lat = (Constant(number, _DEGREES) for number in turned(where, name))
        return replace(point, lon=lon, lat=lat, vector=None, cell=None, frame=name, given=given)
    rows = tuple(matrix(canonical(name)).ravel().tolist())
    lon_turned, lat_turned = (Turned(axis, *given, rows, _DEGREES) for axis in (0, 1))
    return replace(point, lon=lon_turned, lat=lat_turned, vector=None, cell=None, frame=name, given=given)


def turned(where: tuple[float, float], name: str) -> tuple[float, float]:
    """A constant position of a frame in that of the tables, degrees."""
    return where if is_of_tables(name) else turn_position(*where, matrix(canonical(name)))


def given_position(point: Point) -> tuple[float, float]:
    """The coordinates of a constant position as the query has them."""
    lon, lat = (constant_number(value) for value in point.given or (point.lon, point.lat))
    assert lon is not None and lat is not None
    return lon, lat
