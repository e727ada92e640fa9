"""Geometries as values: made of constants, of columns, or stored (ADQL-130 to 160).

Longitudes, latitudes, radii and sides are degrees. All numbers are those of the tables (ICRS): what a query
gave in another frame has been turned. ``frame`` is the word that the query used, '' where it used none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, ClassVar, TypeAlias, cast

from vo_service.adql.errors import Place
from vo_service.adql.nodes.coordinate_systems import OF_TABLES
from vo_service.adql.nodes.kinds import Facts, Kind
from vo_service.sky import Region

if TYPE_CHECKING:
    from vo_service.adql.nodes.resolved import (
        Reference,
        Value,
    )


@dataclass(frozen=True, slots=True)
class Always:
    """1 in every row: what says of a constant geometry that it is there."""

    facts: Facts = field(default=Facts(Kind.INTEGER), compare=False)


ALWAYS = Always()


@dataclass(frozen=True, slots=True)
class Point:
    """A position, degrees; ``vector`` names the stored unit vector where there is one, ``cell`` its pixel.

    The two are the same position again: positions are equal where longitude and latitude are. ``given`` are
    the coordinates in ``frame`` where that is not the tables'.
    """

    lon: Value
    lat: Value
    facts: Facts = field(compare=False)
    vector: tuple[Reference, Reference, Reference] | None = field(default=None, compare=False)
    cell: Reference | None = field(default=None, compare=False)
    frame: str = field(default="", compare=False)
    given: tuple[Value, Value] | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Disc:
    """A circle that is no constant; radius in degrees."""

    centre: Point
    radius: Value
    facts: Facts = field(compare=False)
    frame: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Ring:
    """A polygon that is no constant: three corners or more."""

    corners: tuple[Point, ...]
    facts: Facts = field(compare=False)
    frame: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Cross:
    """A box that is no constant, or has no width: its centre, and its sides in degrees (ADQL-138)."""

    centre: Point
    width: Value
    height: Value
    facts: Facts = field(compare=False)
    frame: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Shape:
    """A constant geometry other than a point.

    ``present`` is NULL in rows that have no geometry after all: of a constant that comes out of a derived
    table on the optional side of a join. Everywhere else it is ``ALWAYS``. ``centre`` is that of a circle or
    box as the query has it.
    """

    region: Region
    facts: Facts = field(compare=False)
    frame: str = field(default="", compare=False)
    present: Value = ALWAYS
    centre: Point | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Footprint:
    """A published region column: its text, and the key of the region among the distinct ones."""

    text: Reference
    key: Reference | None
    facts: Facts = field(compare=False)
    frame: ClassVar[str] = OF_TABLES


@dataclass(frozen=True, slots=True)
class Stored:
    """A geometry that is one value of the engine: an array of numbers as DALI has them, or a text.

    Region columns without a key, shapes of uploads, geometries cast from text, results of COALESCE and of set
    operations: ``facts.kind`` says which shape it is. ``frame`` is a mark, or '' for the numbers of a user.
    """

    value: Value
    facts: Facts = field(compare=False)
    frame: str = field(default=OF_TABLES, compare=False)


Geometry: TypeAlias = Point | Disc | Ring | Cross | Shape | Footprint | Stored

# --- numbers that come of geometries ---


@dataclass(frozen=True, slots=True)
class Separation:
    """Great-circle distance, degrees."""

    one: Point
    other: Point
    facts: Facts = field(compare=False)
    place: Place | None = field(default=None, compare=False, repr=False, kw_only=True)


@dataclass(frozen=True, slots=True)
class Element:
    """One number of a DALI array: ``index`` counts from 1."""

    array: Value
    index: int
    facts: Facts = field(compare=False)


@dataclass(frozen=True, slots=True)
class WhenKnown:
    """A number where a geometry is one, NULL where a part of it is missing or no coordinate (ADQL-134)."""

    value: Value
    geometry: Geometry
    facts: Facts = field(compare=False)


@dataclass(frozen=True, slots=True)
class Turned:
    """Longitude (``axis`` 0) or latitude (1), degrees, of a position after a rotation.

    ``matrix`` has the rows of the rotation of unit vectors one after the other.
    """

    axis: int
    lon: Value
    lat: Value
    matrix: tuple[float, ...]
    facts: Facts = field(compare=False)


@dataclass(frozen=True, slots=True)
class Measured:
    """``what`` of a geometry: ``area`` (deg2), ``centre_lon`` or ``centre_lat`` (degrees)."""

    what: str
    geometry: Geometry
    facts: Facts = field(compare=False)
    place: Place | None = field(default=None, compare=False, repr=False, kw_only=True)


def parts(geometry: Geometry) -> tuple[Value, ...]:
    """The values that a geometry is made of, in fixed order: what a derived table hands out of it."""
    match geometry:
        case Point():
            stored = geometry.vector or ()
            cell = () if geometry.cell is None else (geometry.cell,)
            return (geometry.lon, geometry.lat, *(geometry.given or ()), *stored, *cell)
        case Disc():
            return (*parts(geometry.centre), geometry.radius)
        case Ring():
            return tuple(part for corner in geometry.corners for part in parts(corner))
        case Cross():
            return (*parts(geometry.centre), geometry.width, geometry.height)
        case Shape():
            return (geometry.present,)
        case Footprint():
            return (geometry.text,) if geometry.key is None else (geometry.text, geometry.key)
        case Stored():
            return (geometry.value,)


def rebuild(geometry: Geometry, values: Sequence[Value]) -> Geometry:
    """The same form of geometry from other values, as many as ``parts`` gives and in that order."""
    match geometry:
        case Point():
            return _point(geometry, values)
        case Disc():
            return replace(geometry, centre=_point(geometry.centre, values[:-1]), radius=values[-1])
        case Ring():
            rest, corners = tuple(values), []
            for corner in geometry.corners:
                count = len(parts(corner))
                corners.append(_point(corner, rest[:count]))
                rest = rest[count:]
            return replace(geometry, corners=tuple(corners))
        case Cross():
            centre = _point(geometry.centre, values[:-2])
            return replace(geometry, centre=centre, width=values[-2], height=values[-1])
        case Shape():
            return replace(geometry, present=values[0])
        case Footprint():
            key = None if geometry.key is None else cast("Reference", values[1])
            return replace(geometry, text=cast("Reference", values[0]), key=key)
        case Stored():
            return replace(geometry, value=values[0])


def _point(point: Point, values: Sequence[Value]) -> Point:
    lon, lat, *rest = values
    given = None if point.given is None else (rest.pop(0), rest.pop(0))
    stored = [cast("Reference", value) for value in rest]  # what a table stores leaves a query as a column
    vector = None if point.vector is None else (stored[0], stored[1], stored[2])
    cell = None if point.cell is None else stored[-1]
    return replace(point, lon=lon, lat=lat, given=given, vector=vector, cell=cell)
