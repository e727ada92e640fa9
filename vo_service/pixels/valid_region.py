"""The valid part of an image as a region on the sky: circle, polygon, several parts, parts with holes."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from vo_service.pixels.celestial import CelestialError
from vo_service.pixels.outline import sky_positions, trace_outline
from vo_service.pixels.rings import Corners, Ring, halve, trace_rings
from vo_service.pixels.simplify import simplify_ring
from vo_service.pixels.sky_plane import SkyPlane
from vo_service.pixels.valid import Mask, ValidMask
from vo_service.sky import Circle, Not, Polygon, Region, RegionError, Union

MAXIMUM_VERTICES = 100
"""Of one polygon; where there are several they have twice as many together."""
MAXIMUM_RINGS = 32
SMALL_PARTS = 0.005
"""The smallest parts are left out while all of them together are less than this of the valid area."""
SMALL_HOLE = 0.01
"""Holes of less than this of the valid area are no holes of the region."""
SMALLEST_CIRCLE = 6.0
CIRCLE_ERROR = 1.2
"""Cells: the corners round a disc of cells lie that close to its border."""
_BEND = 0.25
_FINEST = 4
_WIDEST = math.cos(math.radians(80.0))


def outline_valid(mask: ValidMask, sky: SkyPlane) -> Region | None:
    """The region of the valid pixels (ICRS).

    The outline of the whole image where all are valid; else a circle for each part (and hole) that is a disc
    to within a pixel or so, and polygons for others, to about half a pixel, of the right area to 1 %. Of many
    scattered pixels it is the outline of larger squares that hold them. None where no pixel is valid, or
    their border is no outline on the sky.
    """
    if mask.empty:
        return None
    try:
        if mask.complete:
            return _whole(sky)
        rings, side = _few_rings(mask.cells)
        most = MAXIMUM_VERTICES if len(rings) == 1 else max(12, 2 * MAXIMUM_VERTICES // len(rings))
        members: list[Region] = []
        for ring in rings:
            border = ring if ring.area > 0.0 else Ring(ring.corners[::-1], -ring.area)
            shape = _circle(border, side, mask, sky) or _polygon(border, side, most, mask, sky)
            if shape is None:
                return None
            members.append(shape if ring.area > 0.0 else Not(shape))
        return members[0] if len(members) == 1 else Union(tuple(members))
    except (RegionError, CelestialError):
        return None


def _whole(sky: SkyPlane) -> Region:
    vertices = sky_positions(trace_outline(sky.celestial, sky.turn).vertices)
    return Polygon(tuple((float(lon), float(lat)) for lon, lat in vertices))


def _few_rings(cells: Mask) -> tuple[list[Ring], int]:
    """The borders of parts and holes that matter, at most 32, and the side of the squares they go round."""
    coarser = 1
    while True:
        rings, side = trace_rings(cells)
        kept = _large_rings(rings)
        if len(kept) <= MAXIMUM_RINGS:
            return [Ring(coarser * ring.corners, coarser**2 * ring.area) for ring in kept], coarser * side
        cells, coarser = halve(cells), 2 * coarser


def _large_rings(rings: list[Ring]) -> list[Ring]:
    """Rings, largest first, without small parts and small holes; nor holes that have a part in them."""
    total = sum(ring.area for ring in rings)
    parts, left_out = [ring for ring in rings if ring.area > 0.0], 0.0
    while left_out + parts[-1].area <= SMALL_PARTS * total:
        left_out += parts.pop().area
    holes = [
        ring
        for ring in rings
        if -ring.area >= SMALL_HOLE * total
        and not any(part.area < -ring.area and _inside(part.corners[0], ring.corners) for part in parts)
    ]
    return [*parts, *holes]


def _inside(point: NDArray[np.float64], corners: Corners) -> bool:
    """Whether a corner of the grid lies within a ring (not on it)."""
    x, y = point + 0.25  # off the grid's lines
    start, end = corners, np.roll(corners, -1, axis=0)
    upright = (start[:, 0] == end[:, 0]) & (start[:, 0] > x)
    passes = (np.minimum(start[:, 1], end[:, 1]) < y) & (np.maximum(start[:, 1], end[:, 1]) > y)
    return bool(np.count_nonzero(upright & passes) % 2)


def _circle(ring: Ring, side: int, mask: ValidMask, sky: SkyPlane) -> Circle | None:
    """The circle that a ring follows all round, or None."""
    if ring.area < math.pi * (SMALLEST_CIRCLE * side) ** 2:
        return None
    corners = sky.vectors(_to_pixels(ring.corners, mask))
    if np.isnan(corners).any():
        return None
    centre = sky.vectors(_to_pixels(_centroid(ring.corners)[None, :], mask))[0]
    chords = np.linalg.norm(corners - centre, axis=1)
    away = 2.0 * np.arcsin(np.minimum(1.0, chords / 2.0))
    cell = math.radians(sky.celestial.pixel_scale()) * mask.step * side
    radius = cell * math.sqrt(ring.area / math.pi) / side
    if not np.abs(away - radius).max() <= CIRCLE_ERROR * cell:
        return None
    lon, lat = sky_positions(centre[None, :])[0]
    return Circle(float(lon), float(lat), math.degrees(radius))


def _centroid(corners: Corners) -> NDArray[np.float64]:
    """Centre of mass of what lies within a ring."""
    x, y = (corners - corners[0]).T
    cross = x * np.roll(y, -1) - np.roll(x, -1) * y
    moments = [float(((axis + np.roll(axis, -1)) * cross).sum()) for axis in (x, y)]
    return np.asarray(corners[0] + np.array(moments) / (3.0 * float(cross.sum())))


def _polygon(ring: Ring, side: int, most: int, mask: ValidMask, sky: SkyPlane) -> Polygon | None:
    """A polygon of at most ``most`` corners along a ring (more where it bends on the sky), or None."""
    vertices = _to_sky(simplify_ring(ring, side, mask.cells.shape, most), mask, sky)
    if vertices is None:
        return None
    return Polygon(tuple((float(lon), float(lat)) for lon, lat in sky_positions(vertices)))


def _to_pixels(corners: Corners, mask: ValidMask) -> Corners:
    """From corners counted in cells to pixel coordinates."""
    limit = (mask.shape.columns, mask.shape.rows)
    return np.asarray(np.clip(corners * float(mask.step), 0.0, limit) + 0.5)


def _to_sky(corners: Corners, mask: ValidMask, sky: SkyPlane) -> NDArray[np.float64] | None:
    """Unit vectors of a polygon, with corners added where its straight edges bend on the sky. None where it
    leaves the projection or goes round more than about a hemisphere.
    """
    pixels = _to_pixels(corners, mask)
    limit = _BEND * math.radians(sky.celestial.pixel_scale()) * mask.step
    for _ in range(_FINEST):
        after = np.roll(pixels, -1, axis=0)
        middles = (pixels + after) / 2.0
        vectors = sky.vectors(np.vstack([pixels, middles]))
        if np.isnan(vectors).any():
            return None
        ends, true = vectors[: len(pixels)], vectors[len(pixels) :]
        straight = ends + np.roll(ends, -1, axis=0)
        straight /= np.linalg.norm(straight, axis=1)[:, None]
        bent = np.linalg.norm(straight - true, axis=1) > limit
        if not bent.any() or len(pixels) + np.count_nonzero(bent) > 3 * MAXIMUM_VERTICES:
            break
        places = np.flatnonzero(bent)
        pixels = np.insert(pixels, places + 1, middles[places], axis=0)
    found = sky.vectors(pixels)
    middle = found.sum(axis=0)
    wide = (found @ (middle / np.linalg.norm(middle)) < _WIDEST).any()
    return None if wide else found
