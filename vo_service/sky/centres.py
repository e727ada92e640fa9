"""Areas and centroids: of one region, and of footprint texts by the million.

The centroid is the direction of the sum of all places of a region weighted by area (ADQL-141); a region that
lies evenly round the sphere has none.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from vo_service.sky import pair_kernels as kernels
from vo_service.sky.areas import moment_of, small_moment_of
from vo_service.sky.bulk import CHUNK, PlainTexts, caps_of_plain, plain_texts
from vo_service.sky.chains import Chains, following
from vo_service.sky.circles import SKY_DEG2, Circle
from vo_service.sky.errors import RegionError
from vo_service.sky.mocs import Moc
from vo_service.sky.pair_chains import AT_ONCE
from vo_service.sky.polygons import Polygon, Position
from vo_service.sky.ranges import Range
from vo_service.sky.region import Region
from vo_service.sky.stcs import parse_region
from vo_service.sky.unions import Not
from vo_service.sky.vectors import Flags, Floats, cross, dot, positions

Places = NDArray[np.intp]

_FLAT: Final = 2e-4
"""Radians of a cap below which the centroid is that in the tangent plane: there its error (a tenth of the
cube of this) is below what rounding makes of the sum over the sphere."""
_SMALL: Final = 1e-3
"""The same for regions of arcs of any kind."""
_DEG2: Final = np.degrees(1.0) ** 2
_MANY: Final = 64  # corners up to which polygons are looked through by arrays
_NOWHERE: Final = 1e-12  # length of the sum of places, over the area, that is rounding alone


def centroid(region: Region) -> Position | None:
    """Longitude and latitude, degrees, of the area-weighted centre; None where there is none.

    Of a circle it is the centre, whatever the radius.
    """
    match region:
        case Circle():
            return region.lon, region.lat
        case Polygon() if region.is_simple and region.cap().radius < 0.5 * np.pi:
            corners = region.corners
            _, moments = _sums(
                corners,
                np.array([len(corners)]),
                region.cap().centre[None, :],
                np.array([region.cap().radius]),
            )
            return _position(moments[0])
        case Moc():
            moment = region.moment()
        case Not():
            # all places of the sphere add up to nothing
            inner = centroid(region.region)
            if inner is None or (isinstance(region.region, Circle) and region.region.radius >= 180.0):
                return None
            return (inner[0] + 180.0) % 360.0, -inner[1]
        case Range() if region.area() > 0.0:
            moment = region.moment()
        case Range():
            return region.middle
        case _ if region.cap().radius < _SMALL:
            return _in_plane(region)
        case _:
            moment = moment_of(region)
    if np.linalg.norm(moment) <= _NOWHERE * region.area() / _DEG2:
        return None
    return _position(moment)


def _in_plane(region: Region) -> Position | None:
    moment = small_moment_of(region)
    return None if moment is None else _position(moment)


def _position(moment: Floats) -> Position:
    lon, lat = positions(moment[None, :])
    return float(lon[0]), float(lat[0])


def measures_of(texts: pa.Array | pa.ChunkedArray) -> dict[str, Floats]:
    """Bounding caps, areas and centroids of footprint texts.

    ``x y z`` (unit vector) and ``r`` (radians) are caps as from ``caps_of``; ``area`` is square degrees,
    ``lon`` and ``lat`` are degrees. What is not known is NaN: all of it where there is no region.
    """
    chunks = texts.chunks if isinstance(texts, pa.ChunkedArray) else [texts]
    rows = [_measures(chunk.slice(i, CHUNK)) for chunk in chunks for i in range(0, len(chunk), CHUNK)]
    found = np.concatenate(rows) if rows else np.empty((0, 7))
    return dict(zip(("x", "y", "z", "r", "area", "lon", "lat"), found.T))


def areas_and_centres(texts: pa.Array | pa.ChunkedArray) -> dict[str, Floats]:
    """``area``, ``lon`` and ``lat`` of ``measures_of``."""
    measures = measures_of(texts)
    return {name: measures[name] for name in ("area", "lon", "lat")}


def _measures(texts: pa.Array) -> Floats:
    """Rows ``x y z r area lon lat`` of one chunk."""
    found = np.full((len(texts), 7), np.nan)
    plain: PlainTexts = plain_texts(texts)
    circles, chains = caps_of_plain(plain)
    found[plain.circles, :4] = circles
    lon, lat, radius = plain.circle_values.T
    good = np.isfinite(circles[:, 3])
    half = np.sin(0.5 * np.radians(radius))
    found[plain.circles[good], 4:] = np.column_stack([SKY_DEG2 * half * half, lon % 360.0, lat])[good]
    if len(plain.polygons):
        sure = chains.good & surely_simple(chains)
        found[plain.polygons[sure]] = _measures_of_chains(chains.chosen(sure))
    odd = np.flatnonzero(np.isnan(found[:, 3]))
    coded = texts.take(pa.array(odd)).dictionary_encode()
    if len(coded.dictionary):
        distinct = np.array([_measured(text) for text in coded.dictionary.to_pylist()])
        known = coded.is_valid().to_numpy(zero_copy_only=False)
        found[odd[known]] = distinct[coded.indices.drop_null().to_numpy()]
    return found


def _measures_of_chains(chains: Chains) -> Floats:
    """Rows ``x y z r area lon lat`` of simple polygons."""
    if len(chains.counts) == 0:
        return np.empty((0, 7))
    area, towards = _sums(chains.corners, chains.counts, chains.centre, chains.radius)
    lon, lat = positions(towards)
    return np.column_stack([chains.centre, chains.radius, area * _DEG2, lon, lat])


def _measured(text: str) -> tuple[float, ...]:
    try:
        region = parse_region(text)
    except RegionError:
        return (np.nan,) * 7
    cap, centre = region.cap(), centroid(region)
    return (cap.x, cap.y, cap.z, cap.radius, region.area(), *(centre or (np.nan, np.nan)))


def areas_of_chains(chains: Chains) -> Floats:
    """Areas of simple polygons, radians squared."""
    if len(chains.counts) == 0:
        return np.empty(0)
    return _sums(chains.corners, chains.counts, chains.centre, chains.radius)[0]


def _sums(corners: Floats, counts: Places, centres: Floats, radii: Floats) -> tuple[Floats, Floats]:
    """Areas (radians squared) of simple polygons, and vectors ``(n, 3)`` towards their centroids."""
    starts = np.cumsum(counts) - counts
    middle = np.repeat(centres, counts, axis=0)
    one = corners - middle
    two = following(one, counts, starts)
    step = two - one
    across = cross(one, step)
    volume = dot(across, middle)
    # the cosines of a triangle's sides are 1 less half the squared chord
    below = 4.0 - 0.5 * (dot(one, one) + dot(two, two) + dot(step, step))
    signed = np.add.reduceat(2.0 * np.arctan2(volume, below), starts)
    in_plane = np.add.reduceat((volume / 6.0)[:, None] * (one + two), starts)
    towards = centres + in_plane / (0.5 * np.add.reduceat(volume, starts))[:, None]
    wide = np.flatnonzero(radii > _FLAT)
    if len(wide):
        towards[wide] = np.sign(signed[wide])[:, None] * _on_sphere(corners, across, step, starts)[wide]
    return np.abs(signed), towards


def _on_sphere(corners: Floats, across: Floats, step: Floats, starts: Places) -> Floats:
    """Twice the sum of places: of ``d x dd`` along the edges, where ``d`` leads from the cap's centre, so
    that small polygons lose no digits."""
    angle = 2.0 * np.arcsin(0.5 * np.sqrt(dot(step, step)))
    bent = (angle / np.sin(angle) - 1.0)[:, None]
    found: Floats = np.add.reduceat(across + bent * cross(corners, step), starts)
    return found


def surely_simple(chains: Chains) -> Flags:
    """Which polygons surely do not cross themselves: all corners come round the middle one after another,
    or no two edges meet."""
    counts, starts = chains.counts, chains.starts
    owner = np.repeat(np.arange(len(counts)), counts)
    middle = np.repeat(chains.centre, counts, axis=0)
    from_centre = chains.corners - middle
    to_next = following(from_centre, counts, starts)
    turn = dot(cross(from_centre, to_next), middle)
    angle = np.arctan2(turn, dot(from_centre, to_next))
    full = np.bincount(owner, angle, minlength=len(counts))
    left = np.bincount(owner, turn > 0.0, minlength=len(counts))
    right = np.bincount(owner, turn < 0.0, minlength=len(counts))
    round_it: Flags = ((left == counts) | (right == counts)) & (np.abs(full) < 3.0 * np.pi)
    rest = np.flatnonzero(~round_it & chains.good & (counts <= _MANY))
    for part in kernels.groups(rest, AT_ONCE, counts, counts):
        corners = chains.corners[starts[part][:, None] + np.arange(counts[part[0]])]
        round_it[part] = kernels.simple(corners, kernels.normals_of(corners))
    return round_it
