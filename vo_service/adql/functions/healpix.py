"""HEALPix of the IVOA catalogue: the cell of a position, the centre of a cell (ADQL-174 to 176)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import cdshealpix.nested
import numpy as np

from vo_service.adql.errors import shown
from vo_service.adql.functions.forms import Called, Form, Function
from vo_service.adql.nodes.kinds import Facts, Kind
from vo_service.adql.nodes.resolved import Apply, Constant, Value
from vo_service.adql.nodes.resolved_shapes import Point
from vo_service.adql.sql import healpix as healpix_sql
from vo_service.adql.sql.functions import Emitter
from vo_service.adql.sql.nodes import Sql
from vo_service.sky import healpix29

_INDEX = Facts(Kind.BIGINT, None, "pos.healpix")
_DEGREES = Facts(Kind.DOUBLE, "deg")
_BY_POINT = "_healpix_of_point"
_CENTRE_LON, _CENTRE_LAT = "_healpix_centre_lon", "_healpix_centre_lat"


def _index_of_numbers(called: Called) -> Value:
    """The index of a longitude and a latitude: the stored one where these are the table's position."""
    lon, lat = called.arguments[1:]
    latitude = called.number(lat)
    if latitude is not None and not abs(latitude) <= 90.0:
        raise called.refuse(2, f"the latitude {shown(latitude)} is beyond 90 degrees")
    point = called.make_point(lon, lat)
    assert isinstance(point, Point)
    return _index(called, point)


def _index_of_point(called: Called) -> Value:
    point = called.arguments[1]
    if not isinstance(point, Point):
        raise called.refuse(1, "this POINT has no longitude and latitude of its own", "write POINT(lon, lat)")
    return _index(called, point)


def _index(called: Called, point: Point) -> Value:
    called.refuse_random()
    order = called.arguments[0]
    level = _checked_order(called)
    lon, lat = called.number(point.lon), called.number(point.lat)
    if level is not None and lon is not None and lat is not None:
        return Constant(int(healpix29(lon, lat)[0]) >> 2 * (healpix_sql.DEEPEST - level), _INDEX)
    return Apply(_BY_POINT, (order, point), _INDEX)


def _checked_order(called: Called) -> int | None:
    order = called.arguments[0]
    level = order.value if isinstance(order, Constant) else None
    if not isinstance(level, int):
        return None
    if not 0 <= level <= healpix_sql.DEEPEST:
        raise called.refuse(0, f"the HEALPix order {level} is not one of 0 to {healpix_sql.DEEPEST}")
    return level


def _centre(called: Called) -> Value:
    called.refuse_random()
    cell = called.arguments[1]
    level = _checked_order(called)
    index = cell.value if isinstance(cell, Constant) else None
    if level is not None and isinstance(index, int):
        if not 0 <= index < 12 * 4**level:
            raise called.refuse(1, f"order {level} has the cells 0 to {12 * 4**level - 1}, not {index}")
        lon, lat = cdshealpix.nested.healpix_to_lonlat(np.array([index], dtype=np.uint64), level)
        return called.make_point(Constant(float(lon.deg[0]), _DEGREES), Constant(float(lat.deg[0]), _DEGREES))
    return called.make_point(
        Apply(_CENTRE_LON, called.arguments, _DEGREES), Apply(_CENTRE_LAT, called.arguments, _DEGREES)
    )


def _emit_index(arguments: Sequence[Sql], dialect: str) -> Sql:
    """Of the cell that is stored of a position, else of longitude and latitude."""
    order, *place = arguments
    if len(place) == 1:
        return healpix_sql.cell_of_cell(order, place[0])
    lon, lat = place
    return healpix_sql.cell_of_position(order, lon, lat, dialect)


def _emit_centre(write: Callable[[Sql, Sql, str], Sql]) -> Emitter:
    return lambda arguments, dialect: write(arguments[0], arguments[1], dialect)


FUNCTIONS_OF_HEALPIX: tuple[Function, ...] = (
    Function(
        "ivo_healpix_index",
        (
            Form(
                ("integer", "number", "number"),
                Kind.BIGINT,
                _index_of_numbers,
                "ivo_healpix_index(hpxOrder INTEGER, long DOUBLE PRECISION, lat DOUBLE PRECISION) -> BIGINT",
            ),
            Form(
                ("integer", "point"),
                Kind.BIGINT,
                _index_of_point,
                "ivo_healpix_index(hpxOrder INTEGER, point POINT) -> BIGINT",
            ),
        ),
        "Number of the HEALPix cell (NESTED, order 0 to 29) that holds a position in degrees; NULL where the "
        "position is, or is beyond a pole.",
        _emit_index,
        None,
        ucd="pos.healpix",
    ),
    Function(
        "ivo_healpix_center",
        (
            Form(
                ("integer", "integer"),
                Kind.POINT,
                _centre,
                "ivo_healpix_center(hpxOrder INTEGER, hpxIndex BIGINT) -> POINT",
            ),
        ),
        "Centre of a HEALPix cell (NESTED, order 0 to 29); NULL where the order has no such cell.",
        _emit_centre(healpix_sql.longitude_of_cell),
        None,
    ),
    Function(
        _BY_POINT,
        (Form(("integer", "pixel"), Kind.BIGINT),),
        "Cell of an order that holds a position.",
        _emit_index,
        None,
    ),
    Function(
        _CENTRE_LON,
        (Form(("integer", "integer"), Kind.DOUBLE),),
        "Longitude of a cell's centre.",
        _emit_centre(healpix_sql.longitude_of_cell),
        None,
        "deg",
    ),
    Function(
        _CENTRE_LAT,
        (Form(("integer", "integer"), Kind.DOUBLE),),
        "Latitude of a cell's centre.",
        _emit_centre(healpix_sql.latitude_of_cell),
        None,
        "deg",
    ),
)
