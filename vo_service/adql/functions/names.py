"""``source``: the position of a target by its name."""

from __future__ import annotations

from vo_service.adql.functions.forms import Called, Form, Function
from vo_service.adql.names import UnknownName
from vo_service.adql.nodes.coordinate_systems import OF_TABLES
from vo_service.adql.nodes.kinds import Facts, Kind
from vo_service.adql.nodes.resolved import Constant, Value
from vo_service.adql.nodes.resolved_shapes import Point
from vo_service.adql.sql.functions import named

_DEGREES = Facts(Kind.DOUBLE, "deg")


def _source(called: Called) -> Value:
    (name,) = called.arguments
    assert isinstance(name, Constant) and isinstance(name.value, str)
    if called.names is None:
        raise called.refuse(
            0, "no names of targets are known here: source asks the holdings", "write POINT(lon, lat)"
        )
    try:
        lon, lat = called.names.position(name.value)
    except UnknownName as error:
        near = " or ".join(f"'{each}'" for each in error.near)
        hint = f"did you mean {near}?" if near else "write POINT(lon, lat)"
        raise called.refuse(0, f"unknown source '{name.value}'", hint) from error
    return Point(
        Constant(lon, _DEGREES), Constant(lat, _DEGREES), Facts(Kind.POINT, "deg", "pos.eq"), frame=OF_TABLES
    )


FUNCTIONS_OF_NAMES: tuple[Function, ...] = (
    Function(
        "source",
        (Form(("literal_text",), Kind.POINT, make=_source),),
        "Position of a target, by a name that the holdings have for it or that the resolver of the service "
        "knows; a name that nobody knows is an error.",
        named("source"),
        None,
        declared="source(name VARCHAR) -> POINT",
    ),
)
