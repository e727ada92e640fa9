"""What goes into one run of the tool: fields that share no tile, since it takes the mean of those that do; as
many tiles as there is room for, and of large images the part that these tiles need.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hips.images.engine import Wanted
from hips.images.field import Span
from hips.tiles.grid import DEEPEST, WIDTH, order_for, pixel_vectors
from hips.tiles.touched import touched_cells
from vo_service.pixels.sky_plane import SkyPlane
from vo_service.sky.covers import cells_beside

MOST_CELLS = 384
"""Tiles of a run: it writes 1.4 MB of each, parents included."""
MOST_PIXELS = 1 << 25
"""Of one image that is written for a run; the tool holds all of it in memory."""
_OPEN_LOTS = 8
_FINER = 2
_MARGIN = 3.0
_GRID = np.linspace(-0.5, WIDTH - 0.5, 9)

Cells = NDArray[np.int64]
Box = tuple[Span, Span]


@dataclass(frozen=True, slots=True)
class Reach:
    """Cells at ``level`` that an image touches, and all beside them: nothing of it can come on any other."""

    level: int
    cells: frozenset[int]

    def meets(self, cells: Cells, order: int) -> bool:
        """Whether any of some cells may hold a part of the image; ``order`` is ``level`` or deeper."""
        return not self.cells.isdisjoint((cells >> (2 * (order - self.level))).tolist())


@dataclass(frozen=True, slots=True)
class Job:
    """A field on some cells of one order: ``number`` is the field's place among those wanted, ``box`` the
    part of its pixels (x, y) that the cells need."""

    number: int
    order: int
    cells: Cells
    box: Box
    reach: Reach


def jobs_of(number: int, wanted: Wanted, sky: SkyPlane, size: tuple[int, int]) -> Iterator[Job]:
    """All that is wanted of one field, in pieces that fit into a run each."""
    reaches: dict[int, Reach] = {}
    own = min(DEEPEST, order_for(wanted.field.pixel_scale) + _FINER)
    for order, cells in wanted.cells.items():
        level = min(order, own)
        if level not in reaches:
            reaches[level] = _reach(sky, size, level)
        for at in range(0, len(cells), MOST_CELLS):
            for piece, box in _pieces(
                sky, size, order, np.asarray(cells[at : at + MOST_CELLS], dtype=np.int64)
            ):
                yield Job(number, order, piece, box, reaches[level])


def lots_of(jobs: Iterable[Job]) -> Iterator[list[Job]]:
    """Jobs of one order, in lots for one run each; those of large images stay in their order."""
    waiting: list[list[Job]] = []
    for job in jobs:
        lot = next((lot for lot in waiting if _has_room(lot, job)), None)
        if lot is not None:
            lot.append(job)
            continue
        if len(waiting) == _OPEN_LOTS:
            yield waiting.pop(0)
        waiting.append([job])
    yield from waiting


def _has_room(lot: list[Job], job: Job) -> bool:
    if sum(len(other.cells) for other in lot) + len(job.cells) > MOST_CELLS:
        return False
    return not any(
        job.reach.meets(other.cells, other.order) or other.reach.meets(job.cells, job.order) for other in lot
    )


def _reach(sky: SkyPlane, size: tuple[int, int], level: int) -> Reach:
    touched = touched_cells(sky, size, level)
    return Reach(level, frozenset(cells_beside(touched.astype(np.uint64), level).ravel().tolist()) - {-1})


def _pieces(sky: SkyPlane, size: tuple[int, int], order: int, cells: Cells) -> Iterator[tuple[Cells, Box]]:
    box = _box(sky, size, order, cells)
    if box is None:
        return
    (left, right), (low, high) = box
    if (right - left) * (high - low) <= MOST_PIXELS or len(cells) == 1:
        yield cells, box
        return
    half = len(cells) // 2
    yield from _pieces(sky, size, order, cells[:half])
    yield from _pieces(sky, size, order, cells[half:])


def _box(sky: SkyPlane, size: tuple[int, int], order: int, cells: Cells) -> Box | None:
    """The pixels round some cells; None where these lie off the image."""
    places = np.concatenate([pixel_vectors(order, int(cell), _GRID, _GRID).reshape(-1, 3) for cell in cells])
    pixels = sky.pixels(places)
    seen = np.isfinite(pixels).all(axis=1)
    if not seen.any():
        return None
    if not seen.all():
        return (0, size[0]), (0, size[1])
    spans = []
    for axis, length in enumerate(size):
        low, high = float(pixels[:, axis].min()), float(pixels[:, axis].max())
        margin = _MARGIN + 0.01 * (high - low)
        first, last = max(0, int(low - 1.0 - margin)), min(length, int(high + margin) + 1)
        if first >= last:
            return None
        spans.append((first, last))
    return spans[0], spans[1]
