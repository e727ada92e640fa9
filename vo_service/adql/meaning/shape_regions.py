"""Geometries of rows as regions of the sky: what probes read back and test exactly.

``keys`` are the values that tell a geometry from others of its form; ``region_of`` makes the region of them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from vo_service.adql.nodes.kinds import Kind
from vo_service.adql.nodes.resolved import Value
from vo_service.adql.nodes.resolved_shapes import Cross, Disc, Footprint, Geometry, Point, Ring, Shape, Stored
from vo_service.sky import Circle, Polygon, Range, Region, RegionError, keep_short, parse_moc, parse_region
from vo_service.sky.boxes import make_box


def keys(geometry: Geometry) -> tuple[Value, ...]:
    """The values that determine a geometry; none for a constant. A footprint is its text here."""
    match geometry:
        case Point():
            return (geometry.lon, geometry.lat)
        case Disc():
            return (*keys(geometry.centre), geometry.radius)
        case Ring():
            return tuple(key for corner in geometry.corners for key in keys(corner))
        case Cross():
            return (*keys(geometry.centre), geometry.width, geometry.height)
        case Shape():
            return ()
        case Footprint():
            return (geometry.text,)
        case Stored():
            return (geometry.value,)


def region_of(geometry: Geometry, values: Sequence[object]) -> Region | None:
    """The region of one row's keys; None where one is NULL or they are no geometry (ADQL-131, ADQL-134)."""
    if isinstance(geometry, Shape):
        return geometry.region
    if isinstance(geometry, Footprint) or (isinstance(geometry, Stored) and isinstance(values[0], str)):
        return _of_text(values[0], geometry.facts.kind) if isinstance(values[0], str) else None
    numbers = _numbers(values[0] if isinstance(geometry, Stored) else values)
    if numbers is None:
        return None
    try:
        return _of_numbers(geometry, numbers)
    except RegionError:
        return None


@keep_short(20_000)
def _of_text(text: str, kind: Kind) -> Region | None:
    try:
        return parse_moc(text) if kind is Kind.MOC else parse_region(text)
    except RegionError:
        return None


def _numbers(values: object) -> list[float] | None:
    """Doubles without NaN and infinities, else None."""
    if values is None or isinstance(values, str):
        return None
    numbers: list[float] = []
    for value in values:  # type: ignore[attr-defined]
        if value is None or not math.isfinite(value):
            return None
        numbers.append(float(value))
    return numbers


def _of_numbers(geometry: Geometry, numbers: list[float]) -> Region:
    kind = geometry.facts.kind
    if isinstance(geometry, Cross):
        return make_box(*numbers)
    if isinstance(geometry, Point) or kind is Kind.POINT:
        return Circle(numbers[0], numbers[1], 0.0)
    if isinstance(geometry, Disc) or kind is Kind.CIRCLE:
        return Circle(numbers[0], numbers[1], min(numbers[2], 180.0))
    if kind is Kind.RANGE:
        return Range(*numbers)
    return Polygon(tuple(zip(numbers[::2], numbers[1::2])))
