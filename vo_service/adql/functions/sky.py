"""Positions of the IVOA catalogue: space motion, and shapes in another frame (ADQL-177, ADQL-178)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from sqlglot import exp

from vo_service.adql.errors import shown
from vo_service.adql.functions.forms import Called, Form, Function
from vo_service.adql.nodes.coordinate_systems import (
    OF_TABLES,
    canonical,
    is_of_tables,
    is_transformed,
    plain_name,
    transformed_name,
    ucd_of,
)
from vo_service.adql.nodes.kinds import Facts, Kind
from vo_service.adql.nodes.resolved import Apply, Constant, Value
from vo_service.adql.nodes.resolved_shapes import Disc, Geometry, Point, Ring, Shape, Turned
from vo_service.adql.sql import nodes as sql
from vo_service.adql.sql.functions import Emitter
from vo_service.adql.sql.nodes import Sql
from vo_service.adql.sql.stepwise import Lookup, stepwise
from vo_service.sky import RegionError, positions, unit_vectors
from vo_service.sky.frames import FRAMES, ICRS, rotation, turn_position, turn_region
from vo_service.sky.vectors import Floats

_DEGREES = Facts(Kind.DOUBLE, "deg")

# --- frames ---


def _geom_transform(called: Called) -> Value:
    """A shape with the numbers it has in another frame; a circle keeps its radius."""
    called.refuse_random()
    from_frame, to_frame = (_frame(called, index) for index in (0, 1))
    geometry = called.arguments[2]
    said = geometry.frame if isinstance(geometry, Point | Disc | Ring | Shape) else ""
    if said and not _is_said(said, from_frame):
        raise called.refuse(2, f"this shape is said to be of {plain_name(said)}, not of {from_frame}")
    # a shape that names another frame than that of the tables has been turned to it already
    start = from_frame if is_of_tables(said) else ICRS
    try:
        return _turned(called, geometry, rotation(start, to_frame), transformed_name(to_frame))
    except RegionError as error:
        raise called.refuse(2, "this shape is tied to its frame", f"{error.expected}") from error


def _is_said(said: str, frame: str) -> bool:
    return plain_name(said) == frame or (not is_transformed(said) and canonical(said) == canonical(frame))


def _frame(called: Called, index: int) -> str:
    name = called.arguments[index]
    assert isinstance(name, Constant) and isinstance(name.value, str)
    if name.value not in FRAMES:
        raise called.refuse(index, f"unknown frame '{name.value}'", f"frames are {', '.join(FRAMES)}")
    return name.value


def _turned(called: Called, geometry: Value, turning: Floats, frame: str) -> Geometry:
    match geometry:
        case Point():
            return _turned_point(called, geometry, turning, frame)
        case Disc():
            return replace(
                geometry, centre=_turned_point(called, geometry.centre, turning, frame), frame=frame
            )
        case Ring():
            corners = tuple(_turned_point(called, corner, turning, frame) for corner in geometry.corners)
            return replace(geometry, corners=corners, frame=frame)
        case Shape():
            centre = geometry.centre
            if centre is not None:
                centre = _turned_point(called, centre, turning, frame)
            return replace(geometry, region=turn_region(geometry.region, turning), frame=frame, centre=centre)
    raise RegionError("", -1, "a POINT, a CIRCLE or a POLYGON")


def _turned_point(called: Called, point: Point, turning: Floats, frame: str) -> Point:
    facts = Facts(Kind.POINT, "deg", ucd_of(frame))
    lon, lat = called.number(point.lon), called.number(point.lat)
    if lon is not None and lat is not None:
        at = turn_position(lon, lat, turning)
        return Point(Constant(at[0], _DEGREES), Constant(at[1], _DEGREES), facts, frame=frame)
    rows = tuple(float(v) for v in turning.ravel())
    turned = [Turned(axis, point.lon, point.lat, rows, _DEGREES) for axis in (0, 1)]
    return Point(turned[0], turned[1], facts, frame=frame)


# --- space motion ---

_AU_PER_YEAR = 4.740470463533349
"""Astronomical units in a Julian year as km/s: what turns a radial velocity and a parallax into a rate."""
_MAS = math.radians(1.0 / 3600e3)
_SMALLEST, _LARGEST = 1e-30, 1e30
_PARAMETERS = ("ra", "dec", "parallax", "pmra", "pmdec", "radial_velocity", "ref_epoch", "out_epoch")
_NEEDED = frozenset(("ra", "dec", "ref_epoch", "out_epoch"))
_DECLARED_PARAMETERS = ", ".join(f"{name} DOUBLE PRECISION" for name in _PARAMETERS)
_LON, _LAT = "_epoch_prop_lon", "_epoch_prop_lat"


def _epoch_prop_pos(called: Called) -> Value:
    called.refuse_random()
    for index, name in enumerate(_PARAMETERS):
        value = called.arguments[index]
        if name in _NEEDED and isinstance(value, Constant) and value.value is None:
            raise called.refuse(index, f"{name} of ivo_epoch_prop_pos cannot be NULL")
    dec = called.number(called.arguments[1])
    if dec is not None and not abs(dec) <= 90.0:
        raise called.refuse(1, f"the latitude {shown(dec)} is beyond 90 degrees")
    numbers = [_constant(called, value) for value in called.arguments]
    known = [number for number in numbers if number is not None and abs(number) < _LARGEST]
    if len(known) == len(_PARAMETERS):
        at = _moved(*known)
        return called.make_point(Constant(at[0], _DEGREES), Constant(at[1], _DEGREES))
    lon, lat = (Apply(name, called.arguments, _DEGREES) for name in (_LON, _LAT))
    start, moved = called.make_point(*called.arguments[:2]), called.make_point(lon, lat)
    if isinstance(start, Point) and isinstance(moved, Point) and start.vector is not None:
        return replace(moved, frame=OF_TABLES)
    return moved


def _constant(called: Called, value: Value) -> float | None:
    """The number of a constant, 0 for NULL; None of what depends on rows."""
    return 0.0 if isinstance(value, Constant) and value.value is None else called.number(value)


def _moved(
    ra: float,
    dec: float,
    parallax: float,
    pmra: float,
    pmdec: float,
    velocity: float,
    start: float,
    end: float,
) -> tuple[float, float]:
    """Position after uniform motion along a straight line (Hipparcos catalogue, volume 1, section 1.5.5)."""
    years = end - start
    lon, lat = math.radians(ra), math.radians(dec)
    east = np.array([-math.sin(lon), math.cos(lon), 0.0])
    north = np.array([-math.sin(lat) * math.cos(lon), -math.sin(lat) * math.sin(lon), math.cos(lat)])
    outward = 1.0 + velocity * parallax / _AU_PER_YEAR * _MAS * years
    place = unit_vectors(ra, dec)[0] * outward + (east * pmra + north * pmdec) * _MAS * years
    lons, lats = positions(place[None, :])
    return float(lons[0]), float(lats[0])


def _emit_motion(result: Callable[[Lookup], Sql]) -> Emitter:
    def emit(arguments: Sequence[Sql], dialect: str) -> Sql:
        given = {name: _usable(name, value) for name, value in zip(_PARAMETERS, arguments)}
        return stepwise(dialect, given, (_angles, _axes, _place), result)

    return emit


def _usable(name: str, value: Sql) -> Sql:
    """A number that products do not take out of the range of doubles; NULL for one that is too large.

    What is missing (NULL, NaN) is 0 where that may be.
    """
    number = sql.as_double(value)
    missing = sql.either([sql.is_null(number), sql.equal(number, sql.nan())])
    size = sql.absolute(number)
    return sql.case(
        (missing, exp.Null() if name in _NEEDED else sql.zero()),
        (sql.below(size, sql.number(_SMALLEST)), sql.zero()),
        (sql.below(sql.own(size), sql.number(_LARGEST)), number),
    )


def _angles(row: Lookup) -> Mapping[str, Sql]:
    ra = row("ra")
    turns = sql.call("floor", sql.over(ra, sql.number(360.0)))
    reduced = sql.minus(sql.own(ra), sql.times(sql.number(360.0), turns))
    lat = sql.case((sql.at_most(sql.absolute(row("dec")), sql.number(90.0)), row("dec")))
    years = sql.minus(row("out_epoch"), row("ref_epoch"))
    rate = sql.times(sql.over(row("radial_velocity"), sql.number(_AU_PER_YEAR)), row("parallax"))
    return {
        "lon": sql.call("radians", reduced),
        "lat": sql.call("radians", lat),
        "arc": sql.times(sql.number(_MAS), years),
        "rate": rate,
    }


def _axes(row: Lookup) -> Mapping[str, Sql]:
    """How far it has come: outwards, east and north, on axes at the place where it was."""
    return {
        "out": sql.plus(sql.number(1.0), sql.times(row("rate"), row("arc"))),
        "east": sql.times(row("pmra"), row("arc")),
        "north": sql.times(row("pmdec"), row("arc")),
        "cos_lon": sql.call("cos", row("lon")),
        "sin_lon": sql.call("sin", row("lon")),
        "cos_lat": sql.call("cos", row("lat")),
        "sin_lat": sql.call("sin", row("lat")),
    }


def _place(row: Lookup) -> Mapping[str, Sql]:
    meridian = sql.minus(sql.times(row("cos_lat"), row("out")), sql.times(row("sin_lat"), row("north")))
    return {
        "x": sql.minus(sql.times(meridian, row("cos_lon")), sql.times(row("east"), row("sin_lon"))),
        "y": sql.plus(sql.times(sql.own(meridian), row("sin_lon")), sql.times(row("east"), row("cos_lon"))),
        "z": sql.plus(sql.times(row("sin_lat"), row("out")), sql.times(row("cos_lat"), row("north"))),
    }


def _longitude(row: Lookup) -> Sql:
    lon = sql.call("degrees", sql.call("atan2", row("y"), row("x")))
    return sql.case((sql.below(lon, sql.zero()), sql.plus(lon, sql.number(360.0))), otherwise=sql.own(lon))


def _latitude(row: Lookup) -> Sql:
    across = sql.call("sqrt", sql.plus(sql.times(row("x"), row("x")), sql.times(row("y"), row("y"))))
    return sql.call("degrees", sql.call("atan2", row("z"), across))


def _made(arguments: Sequence[Sql], dialect: str) -> Sql:
    raise TypeError("calls of this function are resolved to a geometry")


_EIGHT = (Form(("number",) * 8, Kind.DOUBLE),)


def _transform_form(category: str, kind: Kind) -> Form:
    return Form(
        ("literal_text", "literal_text", category),
        kind,
        _geom_transform,
        f"ivo_geom_transform(from_sys VARCHAR, to_sys VARCHAR, geo {kind.value}) -> {kind.value}",
    )


FUNCTIONS_OF_SKY: tuple[Function, ...] = (
    Function(
        "ivo_epoch_prop_pos",
        (Form(("number",) * 8, Kind.POINT, _epoch_prop_pos),),
        "Position of an object at out_epoch (Julian years) when it moves along a straight line: ra and dec "
        "in deg, parallax in mas, pmra (with cos dec) and pmdec in mas/yr, radial_velocity in km/s, all at "
        "ref_epoch. A parallax, motion or velocity that is NULL counts as 0; NULL where another one is.",
        _made,
        None,
        declared=f"ivo_epoch_prop_pos({_DECLARED_PARAMETERS}) -> POINT",
    ),
    Function(
        "ivo_geom_transform",
        (
            _transform_form("point", Kind.POINT),
            _transform_form("shape", Kind.CIRCLE),
            _transform_form("shape", Kind.POLYGON),
        ),
        f"The shape with its coordinates in another frame, by a rotation. Frames: {', '.join(FRAMES)}; FK5 "
        "and ECLIPTIC are of J2000, FK4 is of B1950 and without E-terms.",
        _made,
        None,
    ),
    Function(_LON, _EIGHT, "Longitude after a space motion.", _emit_motion(_longitude), None, "deg"),
    Function(_LAT, _EIGHT, "Latitude after a space motion.", _emit_motion(_latitude), None, "deg"),
)
