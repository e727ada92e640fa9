"""The pixels that footprints touch, kept in a file, tile by tile."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import IO, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from hips.density.tallies import PIXEL_ORDER
from hips.mocs.covering import cover_texts
from hips.mocs.owned import Owned, stretches
from hips.tiles.grid import STEPS
from vo_service.sky import Shapes
from vo_service.sky.cell_ranges import Numbers
from vo_service.sky.vectors import Flags

ORDER: Final = PIXEL_ORDER - STEPS
TILES: Final = 12 << (2 * ORDER)
PIXELS: Final = 1 << (2 * STEPS)
"""Of a tile, numbered as its cells are."""

_TEXTS_AT_ONCE: Final = 20_000
_PIXEL: Final = math.sqrt(math.pi / 3.0) / 2**PIXEL_ORDER  # radians along a side
_HALF_ROUND: Final = math.pi / _PIXEL
_BORDER_AT_ONCE: Final = 200_000
_SPAN: Final = np.dtype([("owner", np.uint32), ("first", np.uint32), ("stop", np.uint32)])
_SPANS_AT_ONCE: Final = 1 << 20

Spans = NDArray[np.void]
"""``owner`` touches the pixels of a tile from ``first`` to before ``stop``."""


class Touched:
    """Which pixels of each tile whom touches. ``file`` is empty, open for writing and reading, and not used
    by anybody else."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._offsets: list[
            Numbers
        ] = []  # of each part: where the spans of each tile begin, counted in spans

    def add(self, cells: Owned, ahead: int) -> None:
        """Cells of `PIXEL_ORDER`; ``ahead`` is what the numbers of their owners begin with. Raises
        OSError."""
        shift = 2 * STEPS
        low, high = cells.starts >> shift, (cells.stops - 1) >> shift
        count = (high - low + 1).astype(np.intp)
        tile = stretches(low.astype(np.intp), count)
        begin = tile.astype(np.int64) << shift
        by_tile = np.argsort(tile, kind="stable")
        spans = np.empty(len(tile), dtype=_SPAN)
        spans["owner"] = np.repeat(cells.owner + ahead, count)
        spans["first"] = np.maximum(np.repeat(cells.starts, count) - begin, 0)
        spans["stop"] = np.minimum(np.repeat(cells.stops, count) - begin, PIXELS)
        begins = self._offsets[-1][-1] if self._offsets else 0
        self._file.write(spans[by_tile].tobytes())
        self._offsets.append(begins + np.searchsorted(tile[by_tile], np.arange(TILES + 1)))

    def tiles(self) -> Numbers:
        """Tiles of which anybody touches a pixel, ascending."""
        some = np.zeros(TILES, dtype=bool)
        for offsets in self._offsets:
            some |= np.diff(offsets) > 0
        return np.flatnonzero(some)

    def spans(self, tile: int) -> Iterator[Spans]:
        """All spans of a tile, in parts that are not too large. Raises OSError."""
        self._file.flush()
        for offsets in self._offsets:
            at, stop = int(offsets[tile]), int(offsets[tile + 1])
            for first in range(at, stop, _SPANS_AT_ONCE):
                count = min(stop - first, _SPANS_AT_ONCE)
                self._file.seek(first * _SPAN.itemsize)
                yield np.frombuffer(self._file.read(count * _SPAN.itemsize), dtype=_SPAN)


def cover_footprints(texts: pa.Array, touched: Touched, progress: Callable[[int], None]) -> Flags:
    """Put the pixels of footprints among those that are touched, each by its number; ``progress`` is told how
    many are done. Which texts are footprints: the others touch nothing. Raises OSError.
    """
    known = [np.empty(0, dtype=bool)]
    for first, stop in pairwise(_parts(texts)):
        covered = cover_texts(texts.slice(first, stop - first), PIXEL_ORDER)
        touched.add(covered.cells, first)
        known.append(covered.known)
        progress(stop)
    return np.concatenate(known)


def cover_pixels(pixels: Numbers, ahead: int, touched: Touched) -> None:
    """The same of single pixels; ``ahead`` is what their numbers begin with. Raises OSError."""
    touched.add(Owned(PIXEL_ORDER, np.arange(len(pixels)), pixels, pixels + 1), ahead)


def _parts(texts: pa.Array) -> list[int]:
    """Where to cut texts into parts that have borders of some million pixels at most, each."""
    borders = [np.empty(0)]
    for at in range(0, len(texts), _TEXTS_AT_ONCE):
        borders.append(Shapes.of_texts(texts.slice(at, _TEXTS_AT_ONCE)).radius / _PIXEL)
    work = np.cumsum(1.0 + np.minimum(np.concatenate(borders), _HALF_ROUND)) // _BORDER_AT_ONCE
    cuts = np.flatnonzero(np.diff(work)) + 1
    return sorted({0, *cuts.tolist(), len(texts)})
