"""Pixels of one image by the box, whatever way they are stored."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from vo_service.pixels.cutout.box import Box
from vo_service.pixels.decoding import Values as Values

SLAB_BYTES = 8 << 20
"""About what is held of an image at a time, as float64."""

Stored = NDArray[np.generic]
"""Numbers of an image as they are stored: big-endian, of the type that BITPIX says."""


class PixelReader(Protocol):
    """Physical values of an image: BSCALE and BZERO applied, NaN for BLANK."""

    @property
    def axes(self) -> tuple[int, ...]:
        """Pixels along each axis, in FITS order."""
        ...

    def read(self, box: Box) -> Values:
        """The values of a box, in the machine's own byte order; its shape is that of the box, the last axis
        of FITS first. Raises OSError, and FitsError ``truncated``, ``not_gzip`` or ``unreadable``."""
        ...


class StoredReader(PixelReader, Protocol):
    """One that gives the numbers as they are stored, too."""

    @property
    def dtype(self) -> np.dtype[np.generic]:
        """Their big-endian type."""
        ...

    def stored(self, box: Box) -> Stored:
        """The numbers of a box, shaped as `read` does, before BSCALE, BZERO and BLANK; of quantised floats
        what they unpack to. Raises as `read`."""
        ...


def slabs_of(box: Box, most_bytes: int = SLAB_BYTES, item_bytes: int = 8) -> Iterator[Box]:
    """A box in pieces of at most ``most_bytes``, in stored order: cut along the slowest axes that need it,
    but never along the first (a row is not cut).
    """
    axis = len(box.spans) - 1
    while axis > 0 and box.shape[axis] == 1:
        axis -= 1
    if axis <= 0 or box.pixels * item_bytes <= most_bytes:
        yield box
        return
    together = max(1, most_bytes // (prod(box.shape[:axis]) * item_bytes))
    start, stop = box.spans[axis]
    for first in range(start, stop, together):
        yield from slabs_of(box.with_span(axis, first, min(first + together, stop)), most_bytes, item_bytes)
