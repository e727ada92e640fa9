"""The tiles of a map, one at a time."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hips.density.footprints import PIXELS, Touched
from hips.density.observations import Observations
from hips.tiles.grid import WIDTH, pixel_cells
from hips.tiles.pictures import Transfer
from vo_service.sky.cell_ranges import Numbers
from vo_service.sky.vectors import Floats

Values = NDArray[np.float32]

_PLACES: Final = pixel_cells(0, 0, *np.mgrid[0:WIDTH, 0:WIDTH])
"""The number in its tile of each pixel of an image."""
_ABOVE: Final = 4.0 / 3.0
"""Greys begin so much lower, in decades, than values do: the least of them is a quarter of white."""


@dataclass(frozen=True, slots=True, eq=False)
class Runs:
    """The pixels of a tile, in the order of their cells: from ``edges[i]`` to before ``edges[i + 1]`` all
    have the sum ``amounts[i]``, of ``counts[i]`` rows. Where no row counts there is no value."""

    edges: Numbers
    counts: Floats
    amounts: Floats

    def digest(self) -> bytes:
        """The same for the same pixels."""
        found = blake2b(digest_size=16)
        for column in (self.edges, self.counts, self.amounts):
            found.update(column.tobytes())
        return found.digest()

    def values(self) -> Floats:
        """What the runs that have a value have."""
        return self.amounts[self.counts > 0.0]

    def image(self) -> Values:
        """The tile as an image, its rows as in FITS, NaN where no row counts."""
        pixels = np.full(PIXELS, np.nan, dtype=np.float32)
        values = np.where(self.counts > 0.0, self.amounts, np.nan).astype(np.float32)
        pixels[self.edges[0] : self.edges[-1]] = np.repeat(values[:-1], np.diff(self.edges))
        return pixels[_PLACES]


@dataclass(frozen=True, slots=True, eq=False)
class Sums:
    """Of each owner of pixels: the rows that count, and what they count. ``shared`` count beside them."""

    touched: Touched
    counts: Floats
    amounts: Floats
    shared: Observations

    def tile(self, tile: int) -> Runs | None:
        """What is counted in a tile; None where nothing is. Raises OSError."""
        edges, changes = np.empty(0, np.int64), np.empty((2, 0))
        for first, stop, held in self._spans(tile):
            edges, number = np.unique(np.concatenate([edges, first, stop]), return_inverse=True)
            weights = np.concatenate([changes, held, -held], axis=1)
            changes = np.stack([np.bincount(number, one, len(edges)) for one in weights])
        if not len(edges):
            return None
        counts, amounts = changes.cumsum(axis=1)
        return Runs(edges, counts, amounts)

    def _spans(self, tile: int) -> Iterator[tuple[Numbers, Numbers, Floats]]:
        """First pixel, one behind the last, and ``(2, n)`` how many rows count there, and what."""
        for spans in self.touched.spans(tile):
            owner = spans["owner"]
            held = np.stack([self.counts[owner], self.amounts[owner]])
            some = held[0] > 0.0
            first, stop = (spans[name][some].astype(np.int64) for name in ("first", "stop"))
            yield first, stop, held[:, some]
        for first, stop, seconds in self.shared.pieces(self.touched, tile):
            yield first, stop, np.stack([np.ones(len(seconds)), seconds])


@dataclass(slots=True)
class Limits:
    """The least value above 0, and the greatest."""

    least: float = math.inf
    most: float = 0.0

    def see(self, values: Floats) -> None:
        """Some more values."""
        above = values[values > 0.0]
        if len(above):
            self.least = min(self.least, float(above.min()))
            self.most = max(self.most, float(above.max()))

    def transfer(self) -> Transfer:
        """A logarithmic one between round numbers, so that a few data sets more leave it as it is."""
        if self.most <= 0.0:
            return Transfer(low=0.0, high=1.0, softening=1.0)
        low = max(number for number in _round_numbers(self.least) if number <= self.least)
        high = min(number for number in _round_numbers(self.most) if number >= self.most)
        begin = high / 10.0 ** (_ABOVE * max(1.0, math.log10(high / low)))
        return Transfer(low=begin, high=high, softening=0.1 * begin)


def _round_numbers(value: float) -> list[float]:
    """Those round a value: 1, 2, 5, 10, 20, 50 ..."""
    decade = math.floor(math.log10(value))
    return [float(f"{digit}e{power}") for power in (decade - 1, decade, decade + 1) for digit in (1, 2, 5)]
