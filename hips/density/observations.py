"""How long observations look at the pixels of a tile.

The data sets of one observation (its windows, cubes, continuum images, the archive's rows) all carry the time
that it took. In each pixel an observation counts once: with the longest time among those of its data sets
that touch the pixel.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np

from hips.density.footprints import PIXELS, Touched
from hips.mocs.owned import stretches
from vo_service.sky.cell_ranges import Numbers
from vo_service.sky.vectors import Floats

_SPANS_AT_ONCE: Final = 1 << 20
_ROOM: Final = PIXELS + 1
"""What keeps the pixels of one observation from touching those of the next."""
_NONE: Final = -1.0

Pieces = tuple[Numbers, Numbers, Floats]
"""Where runs of pixels start, where they stop, and for how long each was looked at."""


@dataclass(frozen=True, slots=True, eq=False)
class Observations:
    """Those that have several footprints. Owner ``i`` of pixels belongs to the observations from
    ``begins[i]`` to before ``begins[i + 1]`` of ``number``, and looked for ``longest`` seconds in each."""

    begins: Numbers
    number: Numbers
    longest: Floats

    def pieces(self, touched: Touched, tile: int) -> Iterator[Pieces]:
        """Runs of pixels of a tile: what is to be added up, each observation once in each pixel. Raises
        OSError."""
        if not len(self.number):
            return
        for low, stop in self._parts(touched, tile):
            found = [self._within(spans, low, stop) for spans in touched.spans(tile)]
            number, first, last, seconds = map(np.concatenate, zip(*found, strict=True))
            if len(number):
                yield _longest(number, first, last, seconds)

    def _parts(self, touched: Touched, tile: int) -> list[tuple[int, int]]:
        """Ranges of pixels in which not too many spans begin; none where none does."""
        begin = np.zeros(PIXELS, dtype=np.int64)
        for spans in touched.spans(tile):
            weights = self._count(spans["owner"])
            begin += np.bincount(spans["first"], weights, PIXELS).astype(np.int64)
        if not begin.any():
            return []
        cuts = np.flatnonzero(np.diff(begin.cumsum() // _SPANS_AT_ONCE)) + 1
        edges = sorted({0, *cuts.tolist(), PIXELS})
        return list(pairwise(edges))

    def _count(self, owner: np.ndarray[tuple[int], np.dtype[np.uint32]]) -> Numbers:
        return self.begins[owner.astype(np.int64) + 1] - self.begins[owner]

    def _within(
        self, spans: np.ndarray[tuple[int], np.dtype[np.void]], low: int, stop: int
    ) -> tuple[Numbers, Numbers, Numbers, Floats]:
        """Observation, first and last pixel and seconds of what lies in a range of pixels."""
        count = self._count(spans["owner"])
        here = (count > 0) & (spans["first"] < stop) & (spans["stop"] > low)
        spans, count = spans[here], count[here]
        held = stretches(self.begins[spans["owner"]].astype(np.intp), count.astype(np.intp))
        first, last = (np.repeat(spans[name].astype(np.int64), count) for name in ("first", "stop"))
        return self.number[held], np.maximum(first, low), np.minimum(last, stop), self.longest[held]


def observed(
    owner: Numbers, observation: Numbers, seconds: Floats, owners: int
) -> tuple[Floats, Floats, Observations]:
    """Of data sets: of each of so many ``owners`` of pixels, how many observations look there and nowhere
    else, and for how long; and all other observations."""
    order = np.lexsort((owner, observation))
    owner, observation, seconds = owner[order], observation[order], seconds[order]
    begins = np.flatnonzero(_another(observation) | _another(owner))
    longest = np.maximum.reduceat(seconds, begins) if len(begins) else seconds
    owner, observation = owner[begins], observation[begins]
    _, number, footprints = np.unique(observation, return_inverse=True, return_counts=True)
    single = footprints[number] == 1
    counts = np.bincount(owner[single], minlength=owners).astype(np.float64)
    amounts = np.bincount(owner[single], longest[single], owners).astype(np.float64)
    owner, number, longest = owner[~single], number[~single], longest[~single]
    by_owner = np.argsort(owner, kind="stable")
    begins = np.searchsorted(owner[by_owner], np.arange(owners + 1))
    return counts, amounts, Observations(begins, number[by_owner], longest[by_owner])


def _another(values: Numbers) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Where a value is not the one before."""
    found = np.ones(len(values), dtype=np.bool_)
    np.not_equal(values[1:], values[:-1], out=found[1:])
    return found


def _longest(number: Numbers, first: Numbers, stop: Numbers, seconds: Floats) -> Pieces:
    """Spans of observations as such that do not overlap within any observation, with the longest time of
    those that do.

    Each span is laid over the edges of all in two blocks whose length is a power of two, as long as fits;
    blocks are then taken to pieces of half the length, over and over.
    """
    starts, stops = number * _ROOM + first, number * _ROOM + stop
    edges = np.unique(np.concatenate([starts, stops]))
    low, high = np.searchsorted(edges, starts), np.searchsorted(edges, stops)
    power = np.frexp((high - low).astype(np.float64))[1] - 1
    longest = np.full(len(edges), _NONE)
    for each in range(int(power.max()), -1, -1):
        if each < power.max():
            half = 1 << each
            longest[half:] = np.maximum(longest[half:], longest[:-half])
        here = power == each
        np.maximum.at(longest, low[here], seconds[here])
        np.maximum.at(longest, high[here] - (1 << each), seconds[here])
    another = np.flatnonzero(_another(longest))
    values, ends = longest[another], np.append(another[1:], len(edges) - 1)
    some = values > _NONE
    return edges[another[some]] % _ROOM, edges[ends[some]] % _ROOM, values[some]
