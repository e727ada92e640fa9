"""POS as a condition in ADQL: a region column meets one of the shapes (SIA-030 to SIA-040).

One shape is written as ADQL has it. Of many, small ones near each other are written as one union, and all
large ones as another: each union is asked of the footprints at once, and those of small shapes have a small
part of the sky to look at. However many shapes there are, so they are few questions.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Final

from vo_service.asking.constraints.conditions import Columns, any_of, quoted
from vo_service.sky import Circle, Polygon, Range, Region, Union

_SMALL: Final = math.radians(5.0)
"""Shapes with a larger cap are asked apart: they would make the part of the sky of a union too large."""


def meets(columns: Columns, regions: Sequence[Region]) -> str:
    """The region of a column shares a point with one of the regions, be it on the border."""
    (column,) = columns
    if any(_is_whole(region) for region in regions):  # SIA-036
        return f"{column} IS NOT NULL"
    found = _gathered(list(dict.fromkeys(regions)))
    return any_of([f"INTERSECTS({_written(region)}, {column}) = 1" for region in found])


def _is_whole(region: Region) -> bool:
    match region:
        case Circle(radius=radius):
            return radius >= 180.0
        case Range():
            return (region.width, region.lat1, region.lat2) == (360.0, -90.0, 90.0)
    return False


def _written(region: Region) -> str:
    match region:
        case Circle():
            return f"CIRCLE({_numbers(region.lon, region.lat, region.radius)})"
        case Range():
            return f"RANGE_S2D({_numbers(region.lon1, region.lon2, region.lat1, region.lat2)})"
        case Polygon():
            return f"POLYGON({_numbers(*(value for corner in region.vertices for value in corner))})"
    return f"REGION({quoted(region.to_stcs())})"


def _numbers(*values: float) -> str:
    return ", ".join(repr(float(value)) for value in values)


def _gathered(regions: list[Region]) -> Iterator[Region]:
    """The regions, small ones of one octant of the sky joined, and all large ones."""
    groups: dict[tuple[bool, ...], list[Region]] = {}
    for region in regions:
        cap = region.cap()
        octant = (cap.x < 0.0, cap.y < 0.0, cap.z < 0.0)
        groups.setdefault(() if cap.radius > _SMALL else octant, []).append(region)
    for members in groups.values():
        yield members[0] if len(members) == 1 else Union(tuple(members))
