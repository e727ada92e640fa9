"""Footprint texts by the million: canonical text, identifiers, bounding caps.

Plain circles and polygons, which is what archives send, are read column by column; anything else goes
through ``parse_region``, once for each distinct text.
"""

from __future__ import annotations

import hashlib
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from vo_service.sky.caps import SLACK
from vo_service.sky.errors import RegionError
from vo_service.sky.stcs import parse_region
from vo_service.sky.vectors import Floats, unit_vectors

_NUMBER = r" -?[0-9]+(?:\.[0-9]+)?(?:[eE]-?[0-9]+)?"
_PLAIN: Final = rf"^(?:Circle ICRS(?:{_NUMBER}){{3}}|Polygon ICRS(?:{_NUMBER}{_NUMBER}){{3,}})$"
_PREFIX_LENGTH: Final = {"Circle": len("Circle ICRS "), "Polygon": len("Polygon ICRS ")}
_CHUNK: Final = 100_000
_WIDE = np.cos(np.radians(80.0))  # larger polygons are rare: the careful way
_THIN = 1e-15  # radians per radian of size: rounding of the corners in an area


def canonical_stcs(text: str) -> str:
    """One spelling for texts that differ in blanks, case or frame words.

    Plain circles and polygons stay as they are written, digit by digit.

    Raises:
        RegionError: for a text that is no region.
    """
    return parse_region(text).to_stcs() if not _is_plain(pa.array([text])).to_pylist()[0] else text


def footprint_ids(texts: pa.Array) -> pa.Array:
    """Identifiers (int64, 63 bits, from a hash of the canonical text); null for null and for no region."""
    ids: list[int | None] = []
    plain = _is_plain(texts)
    for text, as_is in zip(texts.to_pylist(), plain.to_pylist()):
        if not as_is:
            text = _canonical_or_none(text)
        ids.append(None if text is None else _identifier(text))
    return pa.array(ids, pa.int64())


def _identifier(canonical: str) -> int:
    digest = hashlib.blake2b(canonical.encode("utf-8")).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def _canonical_or_none(text: str | None) -> str | None:
    if text is None:
        return None
    try:
        return parse_region(text).to_stcs()
    except RegionError:
        return None


def _is_plain(texts: pa.Array) -> pa.Array:
    return pc.match_substring_regex(texts, _PLAIN)


def caps_of(texts: pa.Array | pa.ChunkedArray) -> dict[str, NDArray[np.float64] | NDArray[np.bool_]]:
    """Bounding caps of many footprints: arrays ``x y z`` (unit vector), ``r`` (radians) and ``ok``.

    Where ``ok`` is false (null, or no region) the numbers are NaN.
    """
    chunks = texts.chunks if isinstance(texts, pa.ChunkedArray) else [texts]
    rows = [_caps(chunk.slice(i, _CHUNK)) for chunk in chunks for i in range(0, len(chunk), _CHUNK)]
    found = np.concatenate(rows) if rows else np.empty((0, 4))
    return {
        "x": found[:, 0],
        "y": found[:, 1],
        "z": found[:, 2],
        "r": found[:, 3],
        "ok": np.isfinite(found[:, 3]),
    }


def _caps(texts: pa.Array) -> Floats:
    """Rows ``x y z r`` of one chunk."""
    caps = np.full((len(texts), 4), np.nan)
    plain = _is_plain(texts)
    for name, read in (("Circle", _circle_caps), ("Polygon", _polygon_caps)):
        mine = np.flatnonzero(_filled(pc.and_(plain, pc.starts_with(texts, name + " "))))
        if len(mine):
            bodies = pc.utf8_slice_codeunits(texts.take(pa.array(mine)), _PREFIX_LENGTH[name])
            caps[mine] = read(bodies)
    odd = np.flatnonzero(np.isnan(caps[:, 3]) & _filled(pc.is_valid(texts)))
    if len(odd):
        coded = texts.take(pa.array(odd)).dictionary_encode()
        distinct = np.array([_cap_by_parsing(text) for text in coded.dictionary.to_pylist()])
        caps[odd] = distinct[coded.indices.to_numpy(zero_copy_only=False)]
    return caps


def _filled(flags: pa.Array) -> NDArray[np.bool_]:
    filled: NDArray[np.bool_] = pc.fill_null(flags, False).to_numpy(zero_copy_only=False)
    return filled


def _cap_by_parsing(text: str) -> tuple[float, float, float, float]:
    try:
        cap = parse_region(text).cap()
    except RegionError:
        return (np.nan, np.nan, np.nan, np.nan)
    return (cap.x, cap.y, cap.z, cap.radius)


def _numbers(bodies: pa.Array) -> tuple[Floats, NDArray[np.int64]]:
    """All numbers of all texts, and where each text's begin (one more than texts)."""
    words = pc.split_pattern(bodies, " ")
    offsets = words.offsets.to_numpy().astype(np.int64)
    values = words.values.slice(offsets[0], offsets[-1] - offsets[0])
    return pc.cast(values, pa.float64()).to_numpy(zero_copy_only=False), offsets - offsets[0]


def _circle_caps(bodies: pa.Array) -> Floats:
    values, _ = _numbers(bodies)
    lon, lat, radius = values.reshape(-1, 3).T
    caps = np.column_stack([unit_vectors(lon, lat), np.minimum(np.pi, np.radians(radius) + SLACK)])
    caps[~(np.isfinite(lon) & (np.abs(lat) <= 90.0) & (radius >= 0.0) & (radius < 180.0))] = np.nan
    return caps


def _polygon_caps(bodies: pa.Array) -> Floats:
    """Caps round the middle of each polygon's coordinate box; NaN for those that need a careful look."""
    values, offsets = _numbers(bodies)
    lat = values[1::2]
    corners = unit_vectors(values[::2], lat)
    starts = offsets[:-1] // 2
    counts = np.diff(offsets) // 2
    middle = np.minimum.reduceat(corners, starts) + np.maximum.reduceat(corners, starts)
    length = np.sqrt(np.einsum("ij,ij->i", middle, middle))
    middle /= np.where(length > 0.0, length, 1.0)[:, None]
    step = corners - np.repeat(middle, counts, axis=0)
    chord = np.sqrt(np.maximum.reduceat(np.einsum("ij,ij->i", step, step), starts))
    radius = 2.0 * np.arcsin(np.minimum(1.0, 0.5 * chord)) + SLACK
    good = (length > 1e-3) & (np.cos(radius) > _WIDE) & ~_may_be_flat(corners, starts, middle, chord)
    good &= np.maximum.reduceat(np.abs(lat), starts) <= 90.0
    caps = np.column_stack([middle, radius])
    caps[~good] = np.nan
    return caps


def _may_be_flat(
    corners: Floats, starts: NDArray[np.int64], middle: Floats, chord: Floats
) -> NDArray[np.bool_]:
    """Polygons with hardly any area for their size, as seen from their middle; those without an inside are
    among them."""
    counts = np.diff(np.append(starts, len(corners)))
    first = np.repeat(corners[starts], counts, axis=0)
    following = np.empty_like(corners)
    following[:-1] = corners[1:]
    following[starts + counts - 1] = corners[starts]
    twice = np.add.reduceat(np.cross(corners - first, following - first), starts)
    area = 0.5 * np.abs(np.einsum("ij,ij->i", twice, middle))
    flat: NDArray[np.bool_] = area <= np.maximum(_THIN * chord, 1e-9 * chord * chord)
    return flat
