"""Boxes with columns in them: whether a position is inside, and their corners (ADQL-138).

Worked out in the axes of the centre: ahead, to its east, to its north. A box is bounded by great circles at
right angles to its arms, half a side from the centre.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlglot import exp

from vo_service.adql.sql import geometry as geo
from vo_service.adql.sql import nodes as sql
from vo_service.adql.sql.nodes import Sql
from vo_service.adql.sql.stepwise import Lookup, stepwise
from vo_service.sky import ALLOWANCE

_CORNERS = ((1, 1), (-1, 1), (-1, -1), (1, -1))
_SIDES = ("width", "height")


def in_box(point: geo.Vector, centre: geo.Position, sides: Sequence[Sql], dialect: str) -> Sql:
    """Whether a position lies in a box, degrees, border included; NULL where one of them is none."""
    values = dict(zip(("x", "y", "z", "lon", "lat", *_SIDES), (*point, *centre, *sides)))

    def result(row: Lookup) -> Sql:
        terms = [sql.above(row("ahead"), sql.bare(0.0))]
        for side, arm in zip(_SIDES, ("east", "north")):
            half = sql.times(sql.bare(0.5), sql.call("radians", row(side)))
            reach = sql.plus(sql.times(row("ahead"), sql.call("sin", half)), sql.bare(ALLOWANCE))
            terms.append(sql.at_most(sql.times(sql.absolute(row(arm)), sql.call("cos", half)), reach))
        return sql.case((sql.both(list(map(is_side, (row(side) for side in _SIDES)))), sql.both(terms)))

    return stepwise(dialect, values, [_axes, _level, _seen_from_centre], result)


def corners_of_box(centre: geo.Position, sides: Sequence[Sql], dialect: str) -> Sql:
    """The array of longitudes and latitudes of the corners, to the north-east first, of what is a box."""
    values = dict(zip(("lon", "lat", *_SIDES), (*centre, *sides)))

    def result(row: Lookup) -> Sql:
        numbers: list[Sql] = []
        for index in range(len(_CORNERS)):
            numbers += [geo.reduced(row(f"lon{index}")), row(f"lat{index}")]
        return exp.Array(expressions=numbers)

    return stepwise(dialect, values, [_arms, _axes, _corners, _places], result)


def is_side(side: Sql) -> Sql:
    """Whether a double is the side of a box."""
    return sql.both([sql.at_least(side, sql.bare(0.0)), sql.below(side, sql.bare(180.0))])


def _axes(row: Lookup) -> Mapping[str, Sql]:
    """Sines and cosines of the centre's longitude and latitude; NULL where it is no position."""
    lon, lat, quarter = row("lon"), row("lat"), sql.bare(90.0)
    lon_rad = sql.case((sql.finite(lon), sql.call("radians", geo.reduced(lon))))
    lat_rad, reach = sql.call("radians", lat), sql.absolute(lat)
    return {
        "sin_lon": sql.call("sin", lon_rad),
        "cos_lon": sql.call("cos", lon_rad),
        "sin_lat": sql.case((sql.at_most(reach, quarter), sql.call("sin", lat_rad))),
        "cos_lat": sql.case(
            (sql.below(reach, quarter), sql.call("cos", lat_rad)), (sql.equal(reach, quarter), sql.bare(0.0))
        ),
    }


def _level(row: Lookup) -> Mapping[str, Sql]:
    """How far the point lies towards the centre's longitude."""
    return {"level": sql.plus(sql.times(row("cos_lon"), row("x")), sql.times(row("sin_lon"), row("y")))}


def _seen_from_centre(row: Lookup) -> Mapping[str, Sql]:
    return {
        "ahead": sql.plus(sql.times(row("cos_lat"), row("level")), sql.times(row("sin_lat"), row("z"))),
        "east": sql.minus(sql.times(row("cos_lon"), row("y")), sql.times(row("sin_lon"), row("x"))),
        "north": sql.minus(sql.times(row("cos_lat"), row("z")), sql.times(row("sin_lat"), row("level"))),
    }


def _arms(row: Lookup) -> Mapping[str, Sql]:
    """Half the sides in the plane that touches the sphere at the centre; NULL where they are none."""
    return {
        f"to_{side}": sql.case(
            (
                is_side(row(side)),
                sql.call("tan", sql.times(sql.bare(0.5), sql.call("radians", row(side)))),
            )
        )
        for side in _SIDES
    }


def _corners(row: Lookup) -> Mapping[str, Sql]:
    """Of each corner how far it lies towards the centre's longitude, to the east of it, and to the pole."""
    made: dict[str, Sql] = {}
    for index, (east, north) in enumerate(_CORNERS):
        aside = row("to_width") if east > 0 else sql.minus(sql.bare(0.0), row("to_width"))
        up = row("to_height") if north > 0 else sql.minus(sql.bare(0.0), row("to_height"))
        made[f"east{index}"] = aside
        made[f"level{index}"] = sql.minus(row("cos_lat"), sql.times(up, row("sin_lat")))
        made[f"z{index}"] = sql.plus(row("sin_lat"), sql.times(up, row("cos_lat")))
    return made


def _places(row: Lookup) -> Mapping[str, Sql]:
    made: dict[str, Sql] = {}
    for index in range(len(_CORNERS)):
        level, east = row(f"level{index}"), row(f"east{index}")
        x = sql.minus(sql.times(level, row("cos_lon")), sql.times(east, row("sin_lon")))
        y = sql.plus(sql.times(level, row("sin_lon")), sql.times(east, row("cos_lon")))
        across = sql.call("sqrt", sql.plus(sql.times(level, level), sql.times(east, east)))
        made[f"lon{index}"] = sql.call("degrees", sql.call("atan2", y, x))
        made[f"lat{index}"] = sql.call("degrees", sql.call("atan2", row(f"z{index}"), across))
    return made
