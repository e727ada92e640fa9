"""Which pixels of the sky have a value in any plane of an image, in bounded memory."""

from __future__ import annotations

from math import ceil, sqrt

import numpy as np
from numpy.typing import NDArray

from vo_service.pixels.blocks import Block, Shape

MAXIMUM_CELLS = 1 << 26
"""Cells of a mask (a byte each): planes of up to 8192 x 8192 pixels have one per pixel."""

Mask = NDArray[np.bool_]


class ValidMask:
    """Takes the blocks of an image; ``cells`` (rows, columns) then says where any plane has a finite value.

    Zeros are values too, also where an image was padded with them: nothing in the file says otherwise.

    A cell stands for ``step`` x ``step`` pixels (fewer at the far edges) and is valid where one of them is:
    ``step`` is 1 but for planes of more than 67 million pixels.
    """

    def __init__(self, shape: Shape, maximum_cells: int = MAXIMUM_CELLS) -> None:
        self.shape = shape
        self.step = max(1, ceil(sqrt(shape.columns * shape.rows / maximum_cells)))
        self.cells: Mask = np.zeros((ceil(shape.rows / self.step), ceil(shape.columns / self.step)), np.bool_)
        self._full = np.zeros(len(self.cells), np.bool_)

    def add(self, block: Block) -> None:
        """Takes a block."""
        rows = block.finite.shape[1]
        first, last = block.row // self.step, (block.row + rows - 1) // self.step + 1
        if self._full[first:last].all():
            return
        found = block.finite[0] if len(block.finite) == 1 else block.finite.any(axis=0)
        if self.step > 1 and found.all():
            found = np.ones(self.cells[first:last].shape, np.bool_)
        elif self.step > 1:
            starts = np.arange(first * self.step, last * self.step, self.step)
            found = np.logical_or.reduceat(found, np.maximum(starts - block.row, 0), axis=0)
            found = np.logical_or.reduceat(found, np.arange(0, self.shape.columns, self.step), axis=1)
        self.cells[first:last] |= found
        self._full[first:last] = self.cells[first:last].all(axis=1)

    @property
    def complete(self) -> bool:
        """Whether all pixels are valid (where ``step`` is above 1: all cells)."""
        return bool(self._full.all())

    @property
    def empty(self) -> bool:
        """Whether no pixel is valid."""
        return not self.cells.any()
