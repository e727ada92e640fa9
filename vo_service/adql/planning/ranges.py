"""Ranges round terms under AND: of pixels for positions in constant regions, of wavelengths for lines."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache

from vo_service.adql.meaning.constant_shapes import constant_position
from vo_service.adql.meaning.constants import constant_number
from vo_service.adql.nodes.resolved import (
    Both,
    Compare,
    Condition,
    FootprintTest,
    InRegion,
    Missing,
    Narrowed,
    Near,
    Selected,
    WherePresent,
)
from vo_service.adql.nodes.resolved_queries import Source
from vo_service.adql.nodes.resolved_shapes import Point
from vo_service.adql.planning.lines import narrow_line
from vo_service.sky import Circle, Moc, Region

_WIDEST = math.radians(60.0)
"""Caps beyond this radius are not looked up by pixels: the ranges would let most rows through."""


def narrow(condition: Condition, leaves: Mapping[str, Source]) -> Condition:
    """A term with ranges round it where it needs them; ``leaves`` are the sources it may speak of."""
    match condition:
        case FootprintTest():
            return Selected(condition)
        case InRegion():
            return _narrowed(condition, condition.point, condition.region)
        case Near():
            return _near(condition)
        case WherePresent():
            present = Missing(condition.value, negated=True)
            return Both((present, narrow(condition.condition, leaves)))
        case Compare():
            return narrow_line(condition, leaves)
    return condition


def _near(near: Near) -> Condition:
    radius = constant_number(near.radius)
    if radius is None or not 0.0 <= radius <= 180.0:
        return near
    for here, there in ((near.one, near.other), (near.other, near.one)):
        centre = constant_position(there)
        if here.cell is not None and centre is not None:
            return _narrowed(near, here, Circle(*centre, radius))
    return near


def _narrowed(condition: InRegion | Near, point: Point, region: Region) -> Condition:
    if point.cell is None:
        return condition
    if isinstance(region, Moc):
        return Narrowed(point.cell, region.ranges, condition)
    if region.cap().radius > _WIDEST:
        return condition
    return Narrowed(point.cell, _ranges(region), condition)


@lru_cache(maxsize=1000)
def _ranges(region: Region) -> tuple[tuple[int, int], ...]:
    return tuple(region.hpx29_ranges())
