"""Shapes of the sky as SODA and SIA write them, each in one form whatever the spelling (SODA 1.0, 3.3.1 to
3.3.3; SIA 2.0, 2.1.1).

Degrees, ICRS. Longitudes may have any size and are reduced modulo 360 (DALI-087). The edges of polygons
are great circles, those of ranges meridians and parallels (SODA-046). A polygon is the smaller of the two
sides of its border, whichever way it is told (DALI-088). Equal shapes are told alike: corners of a polygon
begin at the lowest and go on to the lower of its neighbours; the longitude of a pole is 0, and so is the
centre of a circle that is the whole sky.

All readers raise ValueError with what would be right.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Final

from vo_service.dali.parameters import shortened
from vo_service.dali.values import listed, open_real, real
from vo_service.sky import Circle, Polygon, Range, Region, RegionError

CORNERS: Final = 1000
"""The most corners of a polygon."""

Corner = tuple[float, float]


def circle(text: str) -> Circle:
    """``lon lat radius``; the radius at most 180."""
    lon, lat, radius = listed(text, 3, "longitude latitude radius", real)
    _check_latitudes(lat)
    if not 0.0 <= radius <= 180.0:
        raise ValueError(f"a radius is from 0 to 180 degrees, not {radius!r}")
    if radius == 180.0:
        lon = lat = 0.0
    return Circle(0.0 if abs(lat) == 90.0 else lon, lat, radius)


def polygon(text: str) -> Polygon:
    """``lon1 lat1 lon2 lat2 ...``: three corners or more, closed by itself; a first one that comes again at
    the end does no harm."""
    words = text.split()
    if len(words) < 6 or len(words) % 2:
        raise ValueError(
            f"three or more pairs of longitude and latitude are wanted, got {len(words)} numbers"
        )
    if len(words) > 2 * CORNERS:
        raise ValueError(f"a polygon has at most {CORNERS} corners, this one has {len(words) // 2}")
    numbers = [real(word) for word in words]
    _check_latitudes(*numbers[1::2])
    corners = tuple(
        (0.0 if abs(lat) == 90.0 else lon, lat) for lon, lat in zip(numbers[::2], numbers[1::2], strict=True)
    )
    try:
        return Polygon(_from_lowest(Polygon(corners).vertices))
    except RegionError as error:
        raise ValueError(f"a polygon has {error.expected}") from error


def _from_lowest(corners: tuple[Corner, ...]) -> tuple[Corner, ...]:
    """The same ring in one of its writings: the first in the order of numbers."""
    lowest = min(corners)
    starts = [at for at, corner in enumerate(corners) if corner == lowest]
    onwards = min(corners[at:] + corners[:at] for at in starts)
    back = min(corners[at::-1] + corners[:at:-1] for at in starts)
    return min(onwards, back)


def sky_range(text: str) -> Range:
    """``lon1 lon2 lat1 lat2``, infinities for open ends.

    ``lon1`` above ``lon2`` leads across longitude 0; 360 degrees and more are the whole round. An open end
    is at longitude 0 or 360, so that the other one has to lie between these.
    """
    lon1, lon2, lat1, lat2 = listed(text, 4, "lon1 lon2 lat1 lat2", open_real)
    if math.inf in (lon1, lat1) or -math.inf in (lon2, lat2):
        raise ValueError("open ranges have -Inf as their lower ends and +Inf as their upper ones")
    lat1, lat2 = (-90.0 if lat1 == -math.inf else lat1), (90.0 if lat2 == math.inf else lat2)
    _check_latitudes(lat1, lat2)
    if lat1 > lat2:
        raise ValueError(f"the lower latitude comes first, {lat1!r} is above {lat2!r}")
    return Range(*_longitudes(lon1, lon2), lat1, lat2)


def _longitudes(lon1: float, lon2: float) -> tuple[float, float]:
    """Both ends finite: an open one is where longitudes begin or end, 0 or 360."""
    if math.isfinite(lon1) and math.isfinite(lon2):
        return lon1, lon2
    first = 0.0 if lon1 == -math.inf else lon1
    last = 360.0 if lon2 == math.inf else lon2
    for lon in (first, last):
        if not 0.0 <= lon <= 360.0:
            raise ValueError(
                f"beside an open end a longitude is from 0 to 360 degrees, where the axis ends, not {lon!r}"
            )
    return first, last


def _check_latitudes(*latitudes: float) -> None:
    for latitude in latitudes:
        if not -90.0 <= latitude <= 90.0:
            raise ValueError(f"a latitude is from -90 to 90 degrees, not {latitude!r}")


_SHAPES: Final[Mapping[str, Callable[[str], Region]]] = {
    "CIRCLE": circle,
    "RANGE": sky_range,
    "POLYGON": polygon,
}


def position(text: str) -> Region:
    """POS: the name of a shape, in any case, and its numbers."""
    name, *numbers = text.split(maxsplit=1) or [""]
    read = _SHAPES.get(name.upper())
    if read is None:
        raise ValueError(f"it begins with CIRCLE, RANGE or POLYGON, not with {shortened(name)!r}")
    return read(numbers[0] if numbers else "")
