"""Frames that a query names: that of the tables, and others that are turned to it (ADQL-133, ADQL-159)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from vo_service.adql.errors import AdqlError, Place
from vo_service.adql.meaning.constant_shapes import constant_position
from vo_service.adql.meaning.constants import constant_number
from vo_service.adql.nodes.coordinate_systems import (
    COORDINATE_SYSTEMS,
    OF_TABLES,
    SEVERAL,
    canonical,
    is_of_tables,
    is_transformed,
    plain_name,
    word_of,
)
from vo_service.adql.nodes.kinds import Facts, Kind
from vo_service.adql.nodes.resolved import Constant
from vo_service.adql.nodes.resolved_shapes import Cross, Disc, Geometry, Point, Ring, Stored, Turned
from vo_service.sky.frames import matrix, turn_position

_DEGREES = Facts(Kind.DOUBLE, "deg")


def check(name: str, place: Place) -> None:
    """Raise AdqlError for a frame that is not known."""
    if word_of(name) not in COORDINATE_SYSTEMS:
        raise AdqlError.at(
            place, f"the frame '{name}' is not supported", "ICRS, FK5, FK4, GALACTIC and ECLIPTIC are"
        )


def frame_of(geometry: Geometry) -> str:
    """The frame of a geometry: what the query called it, else the tables' where its numbers are theirs.

    Nothing for bare numbers, which are of whatever frame they are put beside.
    """
    match geometry:
        case Stored():
            return geometry.facts.frame or geometry.frame
        case Point() if not geometry.frame and _is_equatorial(geometry):
            return OF_TABLES
        case Disc() | Cross():
            return geometry.frame or frame_of(geometry.centre)
        case Ring() if not geometry.frame:
            return next((name for name in map(frame_of, geometry.corners) if name), "")
    return geometry.frame


def _is_equatorial(point: Point) -> bool:
    """Whether a position is a table's own, or made of columns that say so."""
    ucds = ((value.facts.ucd or "").lower() for value in (point.lon, point.lat))
    return point.vector is not None or point.cell is not None or any(u.startswith("pos.eq") for u in ucds)


def check_one(names: Sequence[str], place: Place) -> str:
    """The one frame that a call names, '' where it names none. Raises AdqlError where it names several.

    What is of the tables goes with any frame that has been turned to theirs.
    """
    named = [name for name in names if name]
    if SEVERAL in named:
        raise AdqlError.at(
            place,
            "the rows of this column are shapes of several frames",
            "turn them to one frame by ivo_geom_transform where they are put together",
        )
    known = {canonical(name) for name in named if name != OF_TABLES}
    if any(is_transformed(name) for name in named):
        known |= {canonical(name) for name in named}
    if len(known) > 1:
        raise _several(named, place)
    return min(named, key=lambda name: name == OF_TABLES, default="")


def _several(named: Sequence[str], place: Place) -> AdqlError:
    """The error of a call with shapes of several frames, and how it is mended."""
    turned_to = [plain_name(name) for name in named if is_transformed(name)]
    others = [canonical(name) for name in named if not is_transformed(name)]
    if not turned_to:
        hint = "change one of the two by ivo_geom_transform, or leave it out"
    elif not others:
        hint = "turn both to one frame"
    elif others[0] in turned_to:
        hint = f"leave '{turned_to[0]}' out of the shape that names it, which is turned to ICRS"
    else:
        hint = "leave ivo_geom_transform out, or turn both to one frame by it"
    return AdqlError.at(place, f"the frames {' and '.join(dict.fromkeys(named))} in one call", hint)


def frame_of_corners(corners: Sequence[Point], place: Place) -> str:
    """The frame that the corners of a polygon name; raises AdqlError where there are several."""
    check_one([frame_of(corner) for corner in corners], place)
    return check_one([corner.frame for corner in corners], place)


def in_frame(point: Point, name: str, place: Place) -> Point:
    """A position that a call says is in a frame: turned to that of the tables, once."""
    if not name:
        return point
    if point.frame == OF_TABLES and not is_of_tables(name):
        raise AdqlError.at(place, f"the frames {name} and {OF_TABLES} in one call", f"leave '{name}' out")
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
