"""Rings of many corners replaced by polygons of few, at the same place and of the same area."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vo_service.pixels.rings import Corners, Ring, shoelace

FIRST_TOLERANCE = 1.01
"""Cells: the steps of a slanted border lie within one cell of a line through its outer corners."""
_SMALLEST = 0.2
_AREA_ERROR = 0.002


def simplify_ring(ring: Ring, side: float, shape: tuple[int, ...], maximum: int) -> Corners:
    """A polygon of at most ``maximum`` corners along a ring drawn round cells of ``side`` on a mask of
    ``shape`` (rows, columns), of the ring's area to 0.2 %, in its direction, and not beyond the mask.

    Within about half a cell of the ring, or as close as ``maximum`` allows. Where a small or spiky ring
    cannot be replaced so, its own corners are returned, whatever their number.
    """
    tolerance = FIRST_TOLERANCE * side
    finer = True
    while tolerance >= _SMALLEST * side:
        polygon = ring.corners[_reduce(ring.corners, tolerance)]
        if len(polygon) > maximum:
            if not finer or tolerance < FIRST_TOLERANCE * side:
                break
            tolerance *= 1.3
            continue
        matched = _match_area(polygon, ring.area, tolerance, np.array(shape[::-1], np.float64))
        if matched is not None and not crosses_itself(matched):
            return matched
        if tolerance > FIRST_TOLERANCE * side:
            finer = False
        tolerance *= 0.7
    return ring.corners


def _reduce(corners: Corners, tolerance: float) -> NDArray[np.int64]:
    """Indices of the corners kept: no other lies farther than ``tolerance`` from the polygon through them."""
    middle = corners.mean(axis=0)
    first = int(((corners - middle) ** 2).sum(axis=1).argmax())
    second = int(((corners - corners[first]) ** 2).sum(axis=1).argmax())
    count = len(corners)
    kept = {first, second}
    pairs = [(first, second if second > first else second + count)]
    pairs.append((pairs[0][1], first + count if first + count > pairs[0][1] else first + 2 * count))
    while pairs:
        begin, end = pairs.pop()
        if end - begin < 2:
            continue
        between = np.arange(begin + 1, end) % count
        offsets = _distances(corners[between], corners[begin % count], corners[end % count])
        far = int(offsets.argmax())
        if offsets[far] > tolerance:
            middle_index = begin + 1 + far
            kept.add(middle_index % count)
            pairs += [(begin, middle_index), (middle_index, end)]
    return np.array(sorted(kept))


def _distances(points: Corners, start: Corners, end: Corners) -> NDArray[np.float64]:
    """From points to the piece of line between two places."""
    along = end - start
    length = float(along @ along)
    place = np.clip((points - start) @ along / length, 0.0, 1.0) if length else np.zeros(len(points))
    away = points - start - place[:, None] * along
    return np.asarray(np.hypot(away[:, 0], away[:, 1]))


def _match_area(polygon: Corners, area: float, reach: float, limit: NDArray[np.float64]) -> Corners | None:
    """The polygon with all edges moved outward (or inward) by one distance of at most ``reach``, but not
    below 0 or above ``limit``, so that it has that area; None where there is no such distance.
    """
    if len(polygon) < 3:
        return None
    shifts = _outward(polygon)
    moved, distance = polygon, 0.0
    perimeter = float(np.hypot(*np.diff(np.vstack([polygon, polygon[:1]]), axis=0).T).sum())
    for _ in range(30):
        missing = area - shoelace(moved)
        if abs(missing) <= 1e-6 * abs(area):
            break
        distance += missing / perimeter
        moved = np.clip(polygon + distance * shifts, 0.0, limit)
    right = abs(shoelace(moved) - area) <= _AREA_ERROR * abs(area)
    return moved if right and abs(distance) <= reach else None


def _outward(polygon: Corners) -> Corners:
    """How each corner moves when all edges move outward by 1 (outward: to the right of their direction)."""
    ahead = np.roll(polygon, -1, axis=0) - polygon
    ahead = ahead / np.hypot(ahead[:, 0], ahead[:, 1])[:, None]
    normal = np.column_stack([ahead[:, 1], -ahead[:, 0]])
    before = np.roll(normal, 1, axis=0)
    opening = 1.0 + np.einsum("ij,ij->i", normal, before)
    return np.asarray((normal + before) / np.maximum(opening, 0.3)[:, None])


def crosses_itself(polygon: Corners) -> bool:
    """Whether two edges that are no neighbours meet."""
    count = len(polygon)
    start, end = polygon, np.roll(polygon, -1, axis=0)
    one, two = np.triu_indices(count, 2)
    keep = ~((one == 0) & (two == count - 1))
    one, two = one[keep], two[keep]

    def side(a: Corners, b: Corners, c: Corners) -> NDArray[np.float64]:
        value = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
        return np.asarray(np.sign(value))

    s = side(start[one], end[one], start[two]) * side(start[one], end[one], end[two])
    t = side(start[two], end[two], start[one]) * side(start[two], end[two], end[one])
    parallel = (s == 0) & (t == 0)
    return bool(((s <= 0) & (t <= 0) & ~parallel).any())
