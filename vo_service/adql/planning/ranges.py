"""Ranges round terms under AND: of pixels for positions in constant regions, of wavelengths for lines."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

from vo_service.adql.meaning.constant_shapes import constant_position
from vo_service.adql.meaning.constants import constant_number
from vo_service.adql.nodes.kinds import Facts, Kind
from vo_service.adql.nodes.planned import RowTest
from vo_service.adql.nodes.resolved import (
    Both,
    Compare,
    Condition,
    Constant,
    Either,
    Fixed,
    FootprintTest,
    InRegion,
    Missing,
    Narrowed,
    Near,
    PairTest,
    Selected,
    WherePresent,
)
from vo_service.adql.nodes.resolved_queries import BaseTable, Source
from vo_service.adql.nodes.resolved_shapes import Point, Shape
from vo_service.adql.planning.lines import narrow_line
from vo_service.sky import Circle, Moc, Region, keep_short

_WIDEST = math.radians(60.0)
"""Caps beyond this radius are not looked up by pixels: the ranges would let most rows through."""
_FIRST = Constant(0, Facts(Kind.BIGINT))
"""Number of the first pixel; rows without a position have a lower one."""


def narrow(condition: Condition, leaves: Mapping[str, Source]) -> Condition:
    """A term with ranges round it where it needs them; ``leaves`` are the sources it may speak of."""
    match condition:
        case FootprintTest():
            key = condition.footprint.key
            source = None if key is None else leaves.get(key.source)
            return Selected(condition, source.table if isinstance(source, BaseTable) else None)
        case InRegion():
            return _narrowed(condition, condition.point, condition.region)
        case Near():
            return _near(condition)
        case WherePresent():
            present = Missing(condition.value, negated=True)
            return Both((present, narrow(condition.condition, leaves)))
        case Compare():
            return narrow_line(condition, leaves)
        case RowTest():
            ranges = of_test(condition.test)
            return condition if ranges is None else replace(ranges, condition=condition)
    return condition


def of_test(test: PairTest) -> Narrowed | None:
    """The pixels of the positions that may lie in a constant region, where that is what a test is about."""
    point, shape = (test.right, test.left) if isinstance(test.left, Shape) else (test.left, test.right)
    if test.test != "intersects" or not isinstance(point, Point) or not isinstance(shape, Shape):
        return None
    narrowed = _narrowed(Fixed(True), point, shape.region)
    return narrowed if isinstance(narrowed, Narrowed) else None


def candidates(test: PairTest) -> tuple[Condition, ...]:
    """What holds of all rows of which the test of a position is not false: near it, or no position."""
    near = of_test(test)
    if near is None:
        return ()
    return (Either((Compare("<", near.cell, _FIRST), near)),)


def _near(near: Near) -> Condition:
    radius = constant_number(near.radius)
    if radius is None or not 0.0 <= radius <= 180.0:
        return near
    for here, there in ((near.one, near.other), (near.other, near.one)):
        centre = constant_position(there)
        if here.cell is not None and centre is not None:
            return _narrowed(near, here, Circle(*centre, radius))
    return near


def _narrowed(condition: Condition, point: Point, region: Region) -> Condition:
    if point.cell is None:
        return condition
    if not isinstance(region, Moc) and region.cap().radius > _WIDEST:
        return condition
    return Narrowed(point.cell, _ranges(region), condition)


@keep_short(1000)
def _ranges(region: Region) -> tuple[tuple[int, int], ...]:
    return tuple(region.hpx29_ranges())
