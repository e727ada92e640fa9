"""Geometries that are known before a query runs, as regions of the sky."""

from __future__ import annotations

from vo_service.adql.meaning.constants import constant_number
from vo_service.adql.nodes.resolved_shapes import Cross, Geometry, Point, Shape
from vo_service.sky import Circle, Region
from vo_service.sky.boxes import make_box


def constant_position(point: Point) -> tuple[float, float] | None:
    """Longitude and latitude of a constant point."""
    lon, lat = constant_number(point.lon), constant_number(point.lat)
    return None if lon is None or lat is None else (lon, lat)


def constant_region(geometry: Geometry) -> Region | None:
    """A constant geometry as a region; a point is a circle of radius 0. None where it depends on rows."""
    match geometry:
        case Shape():
            return geometry.region
        case Point():
            where = constant_position(geometry)
            return None if where is None else Circle(*where, 0.0)
        case Cross():
            where = constant_position(geometry.centre)
            sides = constant_number(geometry.width), constant_number(geometry.height)
            if where is None or sides[0] is None or sides[1] is None:
                return None
            return make_box(*where, sides[0], sides[1])
    return None
