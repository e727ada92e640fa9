"""Geometries as values: made of constants, of columns, or stored (ADQL-130 to 160).

Longitudes, latitudes, radii and sides are degrees.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from vo_service.adql.kinds import Facts
from vo_service.sky import Region

if TYPE_CHECKING:
    from vo_service.adql.resolved import (
        Reference,
        Value,
    )


@dataclass(frozen=True, slots=True)
class Point:
    """A position, degrees; ``vector`` names the stored unit vector where there is one, ``cell`` its pixel.

    The two are the same position again: positions are equal where longitude and latitude are. ``frame`` is
    what the query called the frame; the numbers are those of the tables (ICRS) in any case.
    """

    lon: Value
    lat: Value
    facts: Facts = field(compare=False)
    vector: tuple[Reference, Reference, Reference] | None = field(default=None, compare=False)
    cell: Reference | None = field(default=None, compare=False)
    frame: str = field(default="ICRS", compare=False)


@dataclass(frozen=True, slots=True)
class Disc:
    """A circle that is no constant; radius in degrees."""

    centre: Point
    radius: Value
    facts: Facts = field(compare=False)
    frame: str = field(default="ICRS", compare=False)


@dataclass(frozen=True, slots=True)
class Ring:
    """A polygon that is no constant: three corners or more."""

    corners: tuple[Point, ...]
    facts: Facts = field(compare=False)
    frame: str = field(default="ICRS", compare=False)


@dataclass(frozen=True, slots=True)
class Cross:
    """A box that is no constant: its centre, and its sides in degrees (ADQL-138)."""

    centre: Point
    width: Value
    height: Value
    facts: Facts = field(compare=False)
    frame: str = field(default="ICRS", compare=False)


@dataclass(frozen=True, slots=True)
class Shape:
    """A constant geometry other than a point."""

    region: Region
    facts: Facts = field(compare=False)
    frame: str = field(default="ICRS", compare=False)


@dataclass(frozen=True, slots=True)
class Footprint:
    """A published region column: its text, and the key of the region among the distinct ones."""

    text: Reference
    key: Reference | None
    facts: Facts = field(compare=False)


@dataclass(frozen=True, slots=True)
class Stored:
    """A geometry that is one value of the engine: an array of numbers as DALI has them, or a text.

    Region columns without a key, shapes of uploads, geometries cast from text, results of COALESCE and of set
    operations: ``facts.kind`` says which shape it is.
    """

    value: Value
    facts: Facts = field(compare=False)


@dataclass(frozen=True, slots=True)
class Separation:
    """Great-circle distance, degrees."""

    one: Point
    other: Point
    facts: Facts = field(compare=False)


Geometry: TypeAlias = Point | Disc | Ring | Cross | Shape | Footprint | Stored
