"""Footprint texts by the million: canonical text, identifiers, bounding caps.

Plain circles and polygons, which is what archives send, are read column by column; anything else goes
through ``parse_region``, once for each distinct text.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from vo_service.sky.caps import SLACK
from vo_service.sky.chains import Chains, closed_chains
from vo_service.sky.errors import RegionError
from vo_service.sky.stcs import parse_region
from vo_service.sky.vectors import Floats, unit_vectors

_NUMBER = r" -?[0-9]+(?:\.[0-9]+)?(?:[eE]-?[0-9]+)?"
_PLAIN: Final = rf"^(?:Circle ICRS(?:{_NUMBER}){{3}}|Polygon ICRS(?:{_NUMBER}{_NUMBER}){{3,}})$"
_PREFIX_LENGTH: Final = {"Circle": len("Circle ICRS "), "Polygon": len("Polygon ICRS ")}
CHUNK: Final = 100_000

Places = NDArray[np.intp]


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
    rows = [_caps(chunk.slice(i, CHUNK)) for chunk in chunks for i in range(0, len(chunk), CHUNK)]
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
    plain = plain_texts(texts)
    circles, chains = caps_of_plain(plain)
    caps[plain.circles] = circles
    if len(plain.polygons):
        caps[plain.polygons[chains.good], :3] = chains.centre[chains.good]
        caps[plain.polygons[chains.good], 3] = chains.radius[chains.good]
    odd = np.flatnonzero(np.isnan(caps[:, 3]) & _filled(pc.is_valid(texts)))
    if len(odd):
        coded = texts.take(pa.array(odd)).dictionary_encode()
        distinct = np.array([_cap_by_parsing(text) for text in coded.dictionary.to_pylist()])
        caps[odd] = distinct[coded.indices.to_numpy(zero_copy_only=False)]
    return caps


@dataclass(frozen=True, slots=True, eq=False)
class PlainTexts:
    """Rows of texts that are plain circles and polygons with their numbers, and all other rows.

    ``circle_values`` are ``(n, 3)``; a polygon's numbers lie from ``polygon_offsets[i]`` on.
    """

    circles: Places
    circle_values: Floats
    polygons: Places
    polygon_values: Floats
    polygon_offsets: Places
    others: Places


def caps_of_plain(plain: PlainTexts) -> tuple[Floats, Chains]:
    """Rows ``x y z r`` of the circles, NaN where they are none or wide, and the chains of the polygons."""
    lon, lat, radius = plain.circle_values.T
    circles = np.column_stack([unit_vectors(lon, lat), np.minimum(np.pi, np.radians(radius) + SLACK)])
    circles[~(np.isfinite(lon) & (np.abs(lat) <= 90.0) & (radius >= 0.0) & (radius < 180.0))] = np.nan
    values = plain.polygon_values
    return circles, closed_chains(values[::2], values[1::2], plain.polygon_offsets // 2)


def plain_texts(texts: pa.Array) -> PlainTexts:
    """Reads texts column by column; rows that are null belong to the others."""
    plain = _is_plain(texts)
    is_circle, is_polygon = (
        _filled(pc.and_(plain, pc.starts_with(texts, name + " "))) for name in ("Circle", "Polygon")
    )
    circles, polygons = np.flatnonzero(is_circle), np.flatnonzero(is_polygon)
    circle_values, _ = _numbers(_bodies(texts, circles, "Circle"))
    values, offsets = _numbers(_bodies(texts, polygons, "Polygon"))
    others = np.flatnonzero(~(is_circle | is_polygon))
    return PlainTexts(circles, circle_values.reshape(-1, 3), polygons, values, offsets, others)


def _bodies(texts: pa.Array, rows: Places, name: str) -> pa.Array:
    return pc.utf8_slice_codeunits(texts.take(pa.array(rows)), _PREFIX_LENGTH[name])


def _filled(flags: pa.Array) -> NDArray[np.bool_]:
    filled: NDArray[np.bool_] = pc.fill_null(flags, False).to_numpy(zero_copy_only=False)
    return filled


def _cap_by_parsing(text: str) -> tuple[float, float, float, float]:
    try:
        cap = parse_region(text).cap()
    except RegionError:
        return (np.nan, np.nan, np.nan, np.nan)
    return (cap.x, cap.y, cap.z, cap.radius)


def _numbers(bodies: pa.Array) -> tuple[Floats, Places]:
    """All numbers of all texts, and where each text's begin (one more than texts)."""
    if len(bodies) == 0:
        return np.empty(0), np.zeros(1, dtype=np.intp)
    words = pc.split_pattern(bodies, " ")
    offsets = words.offsets.to_numpy().astype(np.intp)
    values = words.values.slice(offsets[0], offsets[-1] - offsets[0])
    return pc.cast(values, pa.float64()).to_numpy(zero_copy_only=False), offsets - offsets[0]
