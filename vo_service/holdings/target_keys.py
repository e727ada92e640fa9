"""One key for each source on the sky, from the names that observations give it and the places they look at.

A name alone does not tell a source: M83 and NGC5236 are one, ``field1`` is another in every project. So:

- Observations of one name that hang together, each within :data:`FIELD` of another, are of one source. That
  is wider than any field of view of ALMA, so the pointings of a mosaic hold together and so does a star of
  large proper motion; what lies farther off has a key of its own.
- The source is at the place where most of its observations look. Sources of different names at one place,
  within :data:`SAME_PLACE`, are one, with the name that most observations use. That is wider than catalogues
  differ on a nucleus, and less than the 5 arcsec of close pairs that have names of their own; as it is the
  commonest place that counts, two sources in one mosaic do not become one through the name of the mosaic.
- Of several sources that would have one name that with the most observations has it plain, the others have
  their coordinates behind it: ``field1@j0532.8-0523``.
- Sun, Moon, planets, their moons, and what has the designation of a comet or asteroid are known by name
  alone, as is what has no position.

The keys depend on the set of observations and not on their order. They are no identifiers: with more
observations the commonest name may be another one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from vo_service.holdings.close_groups import Indices, close_groups
from vo_service.holdings.names import canonicals
from vo_service.sky import unit_vectors

FIELD = 10.0 / 60.0
"""Degrees within which observations of one name are of one source."""
SAME_PLACE = 3.0 / 3600.0
"""Degrees within which two names are of one source."""

_GRAIN = 10_000_000
"""Positions are told apart to this part of a degree (0.4 mas): what formats lose does not make two."""

_WANDERERS = frozenset(
    "sun moon mercury venus mars jupiter saturn uranus neptune pluto ceres pallas juno vesta hygiea eris "
    "makemake haumea sedna quaoar io europa ganymede callisto mimas enceladus tethys dione rhea titan "
    "iapetus phoebe miranda ariel umbriel titania oberon triton charon phobos deimos".split()
)
_DESIGNATION = r"^(\d{0,3}[cp]/|comet|asteroid|\(\d+\)|\d{1,4}p/|[12]i/)"


def target_keys(names: pa.Array, ra: NDArray[np.float64], dec: NDArray[np.float64]) -> pa.Array:
    """The key of the source of each observation, from the names of targets and positions (degrees ICRS, NaN
    where unknown); null where there is no name."""
    codes, words = _sorted_codes(canonicals(names))
    if not len(words):
        return pa.nulls(len(names), pa.string())
    placed = np.isfinite(ra) & np.isfinite(dec) & (codes >= 0)
    placed[placed] = ~_wander(words)[codes[placed]]
    points = _points(codes[placed], ra[placed], dec[placed])
    keys = np.asarray(words.to_pylist(), dtype=object)
    texts = np.full(len(codes), None, dtype=object)
    named = codes >= 0
    texts[named] = keys[codes[named]]
    if placed.any():
        sources = _sources(points)
        shown = _labels(sources, points, keys)
        texts[placed] = shown[sources.of_field[points.row]]
        bare = named & ~placed
        bare[bare] = ~_wander(words)[codes[bare]]
        texts[bare] = _by_name(sources, shown, keys)[codes[bare]]
    return pa.array(texts, pa.string())


@dataclass(frozen=True, slots=True)
class _Points:
    """Names at positions, each pair of them once: ``name`` and ``position`` are numbers, ``count`` says how
    many observations there are, ``row`` leads from an observation to its point. ``ra`` and ``dec`` (degrees)
    and ``vectors`` are of the positions."""

    name: Indices
    position: Indices
    count: Indices
    row: Indices
    ra: NDArray[np.float64]
    dec: NDArray[np.float64]
    vectors: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Sources:
    """``of_field`` leads from a point to its source; ``name`` is that of a source, ``place`` the number of a
    position that stands for where it is, ``count`` that of its observations. ``fields`` has name and source
    of each field, a row each."""

    of_field: Indices
    name: Indices
    place: Indices
    count: Indices
    fields: Indices


def _sorted_codes(names: pa.Array) -> tuple[Indices, pa.Array]:
    """Each name as its place in the sorted distinct ones (-1 for null), and those."""
    coded = names.dictionary_encode()
    order = pc.array_sort_indices(coded.dictionary)
    ranks = np.empty(len(order), dtype=np.int64)
    ranks[order.to_numpy()] = np.arange(len(order))
    places = coded.indices.fill_null(-1).to_numpy().astype(np.int64)
    codes = np.where(places < 0, -1, ranks[places]) if len(ranks) else np.full(len(names), -1)
    return codes.astype(np.int64), coded.dictionary.take(order)


def _wander(words: pa.Array) -> NDArray[np.bool_]:
    """Which names are of bodies that are at another place in each observation."""
    known = pc.is_in(words, pa.array(sorted(_WANDERERS)))
    told = pc.or_(known, pc.match_substring_regex(words, _DESIGNATION))
    return np.asarray(told.to_numpy(zero_copy_only=False), dtype=bool)


def _points(names: Indices, ra: NDArray[np.float64], dec: NDArray[np.float64]) -> _Points:
    full = 360 * _GRAIN
    longitude = np.rint(ra * _GRAIN).astype(np.int64) % full
    latitude = np.rint(dec * _GRAIN).astype(np.int64) + 90 * _GRAIN
    height = 180 * _GRAIN + 1
    distinct, position = np.unique(longitude * height + latitude, return_inverse=True)
    pairs, row, count = np.unique(
        names * max(1, len(distinct)) + position, return_inverse=True, return_counts=True
    )
    there_ra = (distinct // height) / _GRAIN
    there_dec = (distinct % height) / _GRAIN - 90.0
    return _Points(
        name=pairs // max(1, len(distinct)),
        position=pairs % max(1, len(distinct)),
        count=count.astype(np.int64),
        row=row,
        ra=there_ra,
        dec=there_dec,
        vectors=unit_vectors(there_ra, there_dec),
    )


def _sources(points: _Points) -> _Sources:
    places = close_groups(points.vectors, SAME_PLACE)[points.position]
    heads, field = np.unique(_fields(points), return_inverse=True)
    weights = np.bincount(field, points.count).astype(np.int64)
    homes = _commonest(field, places, points.count)
    spots, source = np.unique(homes, return_inverse=True)
    named = points.name[heads]
    return _Sources(
        of_field=source[field],
        name=_commonest(source, named, weights),
        place=spots,
        count=np.bincount(source, weights).astype(np.int64),
        fields=np.column_stack([named, source]),
    )


def _fields(points: _Points) -> Indices:
    """For each point the first one of the same name that it hangs together with."""
    fields: Indices = np.arange(len(points.name), dtype=np.int64)
    several = np.flatnonzero(np.bincount(points.name)[points.name] > 1)
    found = close_groups(points.vectors[points.position[several]], FIELD, points.name[several])
    fields[several] = several[found]
    return fields


def _commonest(groups: Indices, values: Indices, counts: Indices) -> Indices:
    """For each group (numbers from 0) the value that has the largest sum of counts, of equals the least."""
    found = np.empty(int(groups.max()) + 1, dtype=np.int64)
    found[groups] = values
    several = np.bincount(groups)[groups] > 1
    if not several.any():
        return found
    groups, values, counts = groups[several], values[several], counts[several]
    order = np.lexsort((values, groups))
    groups, values, counts = groups[order], values[order], counts[order]
    starts = np.flatnonzero(
        np.concatenate([[True], (groups[1:] != groups[:-1]) | (values[1:] != values[:-1])])
    )
    sums = np.add.reduceat(counts, starts)
    groups, values = groups[starts], values[starts]
    best = np.lexsort((values, -sums, groups))
    firsts = np.concatenate([[True], groups[best][1:] != groups[best][:-1]])
    best = best[firsts]
    found[groups[best]] = values[best]
    return found


def _labels(sources: _Sources, points: _Points, words: NDArray[np.object_]) -> NDArray[np.object_]:
    """The key of each source."""
    labels = words[sources.name].copy()
    order = np.lexsort((sources.place, -sources.count, sources.name))
    names = sources.name[order]
    for source in order[1:][names[1:] == names[:-1]]:
        place = sources.place[source]
        labels[source] += "@" + _designation(points.ra[place], points.dec[place])
    return labels


def _designation(ra: float, dec: float) -> str:
    """As ``j0532.8-0523``, cut and not rounded, as designations are. Sources of one name lie farther apart
    than two that have the same."""
    tenths = int(ra * 40.0) % 14_400
    minutes = int(abs(dec) * 60.0)
    sign = "-" if dec < 0 else "+"
    return f"j{tenths // 600:02d}{tenths % 600 / 10:04.1f}{sign}{minutes // 60:02d}{minutes % 60:02d}"


def _by_name(
    sources: _Sources, shown: NDArray[np.object_], words: NDArray[np.object_]
) -> NDArray[np.object_]:
    """The key of what has a name and no position: that of the one source of the name, where there is one,
    else the name."""
    keys = words.copy()
    names, counts = np.unique(sources.fields[:, 0], return_counts=True)
    single = np.zeros(len(words), dtype=bool)
    single[names[counts == 1]] = True
    only = sources.fields[single[sources.fields[:, 0]]]
    keys[only[:, 0]] = shown[only[:, 1]]
    return keys
