"""The least circle and polygon of a simple form that hold all of a region: limits that a form can show."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from vo_service.sky.caps import Cap, cap_of_points
from vo_service.sky.circles import Circle
from vo_service.sky.outlines import Outline, perpendicular
from vo_service.sky.polygons import Polygon
from vo_service.sky.region import Region
from vo_service.sky.vectors import Floats, cross, positions

_WIDEST: Final = math.radians(60.0)  # beyond it a plane is no picture of the sky, and a hull no help
_STEP: Final = math.pi / 16  # half of what a side of a polygon round a circle spans
_CORNERS: Final = 32  # polygons of no more are told as they are
_PAD: Final = 1e-9  # degrees: more than rounding, less than any pixel
_SAME: Final = 13  # decimals of a radian by which two corners differ
_STRAIGHT: Final = 1e-9  # radians: a border that turns by less has no corner there


def covering_circle(region: Region) -> Circle:
    """A circle that holds the region, within some per cent of the least one."""
    if isinstance(region, Circle):
        return region
    cap = region.cap()
    if cap.radius < _WIDEST and not region.by_cells:
        points = _corners(region.outline())
        if len(points):
            cap = min(cap, cap_of_points(points), key=lambda each: each.radius)
    return _circle(cap)


def covering_polygon(region: Region) -> Polygon | None:
    """A polygon without crossings that holds the region: a simple one itself, of all others the convex hull,
    with sixteen sides for a circle. None for a region without an extent, of cells, or of a large part of the
    sky. It holds the region to some 1e-9 of its size."""
    if isinstance(region, Polygon) and len(region.vertices) <= _CORNERS and region.is_simple:
        return region
    cap = region.cap()
    if region.by_cells or cap.radius > _WIDEST:
        return None
    points = _distinct(_corners(region.outline()))
    if len(points) < 3:
        return None
    corners = points[_hull(_on_plane(points, cap.centre))]
    if len(corners) < 3:
        return None
    lon, lat = positions(corners)
    return Polygon(tuple(zip(lon.tolist(), lat.tolist(), strict=True)))


def _circle(cap: Cap) -> Circle:
    lon, lat = positions(cap.centre[None, :])
    return Circle(float(lon[0]), float(lat[0]), min(180.0, math.degrees(cap.radius) + _PAD))


def _corners(outline: Outline) -> Floats:
    """Points whose convex hull holds all arcs: the ends of each, and of arcs of small circles the corners of
    a polygon round them."""
    turned = outline.q > 2.0  # the same circle, seen from its nearer pole
    centres = np.where(turned[:, None], -outline.c, outline.c)
    q = np.where(turned, 4.0 - outline.q, outline.q)
    rows = np.arange(len(outline))
    found = [outline.points, outline.at(rows, -outline.half), outline.at(rows, outline.half)]
    for centre, middle, half, chord2 in zip(centres, outline.e, outline.half, q):
        if chord2 == 2.0:
            continue
        count = math.ceil(half / _STEP)
        step = half / count
        angles = -half + step * (2.0 * np.arange(count)[:, None] + 1.0)
        away = math.atan(math.tan(2.0 * math.asin(0.5 * math.sqrt(chord2))) / math.cos(step))
        across = cross(centre, middle)
        directions = np.cos(angles) * middle + np.sin(angles) * across
        found.append(math.cos(away) * centre + math.sin(away) * directions)
    points: Floats = np.concatenate(found)
    return points


def _distinct(points: Floats) -> Floats:
    """Without those that are others to rounding: the ends of arcs that meet."""
    _, first = np.unique(np.round(points, _SAME), axis=0, return_index=True)
    kept: Floats = points[np.sort(first)]
    return kept


def _on_plane(points: Floats, centre: Floats) -> Floats:
    """Gnomonic: great circles are straight lines, so that a hull there is one on the sky."""
    x_axis = perpendicular(centre)
    y_axis = cross(centre, x_axis)
    plane: Floats = np.stack([points @ x_axis, points @ y_axis], axis=1) / (points @ centre)[:, None]
    return plane


def _hull(plane: Floats) -> NDArray[np.intp]:
    """Which points ``(n, 2)`` are corners of the convex hull, counter-clockwise (Andrew's monotone chain)."""
    order = np.lexsort((plane[:, 1], plane[:, 0]))

    def chain(places: NDArray[np.intp]) -> list[int]:
        kept: list[int] = []
        for place in places.tolist():
            while len(kept) > 1 and not _turns_left(plane[kept[-2]], plane[kept[-1]], plane[place]):
                kept.pop()
            kept.append(place)
        return kept[:-1]

    found = chain(order) + chain(order[::-1])
    around = zip(found[-1:] + found[:-1], found, found[1:] + found[:1])  # where the chains meet, too
    corners = [here for last, here, next in around if _turns_left(plane[last], plane[here], plane[next])]
    return np.array(corners, dtype=np.intp)


def _turns_left(one: Floats, two: Floats, three: Floats) -> bool:
    """Whether the way from the first point over the second to the third does; where it goes back, too."""
    (ax, ay), (bx, by) = (two - one).tolist(), (three - two).tolist()
    across, along = ax * by - ay * bx, ax * bx + ay * by
    return bool(across > max(0.0, _STRAIGHT * along))
