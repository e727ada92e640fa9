"""All tiles of a plane: the deepest are resampled, those above are means, each is written as it is made."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hips.frames.packed import FrameWriter
from hips.frames.trimmed import Trimmed, parent_of, trimmed
from hips.images.field import Plane, Span, Values
from hips.images.resample import resample
from hips.tiles.grid import Cells
from hips.trees.held import BLOCK_STEPS, blocks_of
from vo_service.pixels.sky_plane import SkyPlane


def make_frame(plane: Plane, order: int, cells: Cells, writer: FrameWriter) -> list[int]:
    """Write all tiles, down to ``order``, of a plane that touches ``cells`` there (ascending) at most.

    What comes back are the cells, three orders below the deepest tiles, in which these hold data. Raises what
    the plane and the writer raise.
    """
    work = _Work(plane, order, cells, writer, [])
    for base in np.unique(cells >> (2 * order)).tolist():
        _make(work, 0, base)
    return work.filled


def measured(plane: Plane, order: int, cells: Cells) -> tuple[list[int], int]:
    """What `make_frame` tells of a plane, and the bytes that the values of its tiles take: no plane takes
    more that has values at the same places, or fewer. Raises what the plane raises."""
    writer = FrameWriter(lambda content: None)
    return make_frame(plane, order, cells, writer), writer.size


@dataclass(frozen=True, slots=True)
class MaskPlane:
    """Which pixels of an image have a value, as a plane: 1 where they have (implements Plane)."""

    sky: SkyPlane
    mask: NDArray[np.bool_]
    """(rows, columns)"""

    @property
    def size(self) -> tuple[int, int]:
        """As of Plane."""
        rows, columns = self.mask.shape
        return columns, rows

    def values(self, x: Span, y: Span) -> Values:
        """As of Plane."""
        return np.where(self.mask[slice(*y), slice(*x)], np.float32(1.0), np.float32(np.nan))

    def weights(self, x: Span, y: Span) -> Values | None:
        """As of Plane."""
        return None


@dataclass(frozen=True, slots=True)
class HeldPlane:
    """A plane of which all values are at hand (implements Plane)."""

    sky: SkyPlane
    held: Values
    """(rows, columns)"""

    @property
    def size(self) -> tuple[int, int]:
        """As of Plane."""
        rows, columns = self.held.shape
        return columns, rows

    def values(self, x: Span, y: Span) -> Values:
        """As of Plane."""
        return self.held[slice(*y), slice(*x)].copy()

    def weights(self, x: Span, y: Span) -> Values | None:
        """As of Plane."""
        return None


@dataclass(frozen=True, slots=True)
class _Work:
    plane: Plane
    order: int
    cells: Cells
    writer: FrameWriter
    filled: list[int]


def _make(work: _Work, order: int, cell: int) -> Trimmed | None:
    if order == work.order:
        tile = _make_leaf(work, cell)
    else:
        found = {child & 3: _make(work, order + 1, child) for child in _children(work, order, cell)}
        held = {place: child for place, child in found.items() if child is not None}
        tile = parent_of(held) if held else None
    if tile is not None:
        work.writer.add(order, cell, tile)
    return tile


def _children(work: _Work, order: int, cell: int) -> Iterator[int]:
    """Those that the plane may touch."""
    steps = 2 * (work.order - order - 1)
    for child in range(4 * cell, 4 * cell + 4):
        first, last = np.searchsorted(work.cells, [child << steps, (child + 1) << steps])
        if first < last:
            yield child


def _make_leaf(work: _Work, cell: int) -> Trimmed | None:
    values = _leaf(work.plane, work.order, cell)
    if values is None:
        return None
    work.filled.extend(_blocks(cell, values))
    return trimmed(values)


def _leaf(plane: Plane, order: int, cell: int) -> Values | None:
    part = resample(plane, order, cell)
    if part is None:
        return None
    values = part.values
    unbounded = np.isinf(values)
    if unbounded.any():
        values[unbounded] = np.nan
    return None if np.isnan(values).all() else values


def _blocks(cell: int, values: Values) -> list[int]:
    """Cells three orders below a tile in which it holds data."""
    blocks, steps = blocks_of(values), 2 * BLOCK_STEPS
    return [(cell << steps) + place for place in range(1 << steps) if blocks >> place & 1]
