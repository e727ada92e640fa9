"""A box of an image in which the pixels outside a shape are blanked, on request (SODA-041)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property, partial

import numpy as np
from numpy.typing import NDArray

from vo_service.pixels.compute.cutting import CutSource, computed_cut
from vo_service.pixels.compute.writing import Computed, UnfitRequest
from vo_service.pixels.cutout.assemble import CutImage
from vo_service.pixels.cutout.box import Box
from vo_service.pixels.decoding import Decoder

Flags = NDArray[np.bool_]
Span = tuple[int, int]
Keep = Callable[[Span, Span], Flags]
"""Which pixels are kept, (rows, columns), of a span along the first celestial axis of the file and one along
the second: `touching` with its plane and shape."""
_STRIP = 1 << 22
"""Pixels of which it is found out at a time whether they are kept."""


class SkyMask:
    """The pixels of the two celestial axes that are kept: found out strip by strip when they are first asked
    for, and held as bits."""

    def __init__(self, keep: Keep, first: int, second: int, box: Box) -> None:
        """``first`` and ``second``: numbers of the celestial axes in the order of the file, from 1."""
        self._keep = keep
        self._axes = first - 1, second - 1
        self._columns, self._rows = box.spans[first - 1], box.spans[second - 1]

    @cached_property
    def _bits(self) -> NDArray[np.uint8]:
        """(rows, bytes) of the box."""
        (left, right), (low, high) = self._columns, self._rows
        bits = np.empty((high - low, -(-(right - left) // 8)), dtype=np.uint8)
        together = max(1, _STRIP // (right - left))
        for row in range(low, high, together):
            end = min(row + together, high)
            bits[row - low : end - low] = np.packbits(self._keep(self._columns, (row, end)), axis=1)
        return bits

    def of(self, slab: Box) -> Flags:
        """Whether the pixels of a part of the box are kept, with an axis of length 1 for each that is none of
        the sky, the last axis of FITS first."""
        first, second = self._axes
        (left, right), (low, high) = slab.spans[first], slab.spans[second]
        origin, end = self._columns
        rows = self._bits[low - self._rows[0] : high - self._rows[0]]
        flags = np.unpackbits(rows, axis=1, count=end - origin).astype(bool)
        lengths = [length if n in self._axes else 1 for n, length in enumerate(slab.shape)]
        return flags[:, left - origin : right - origin].reshape(lengths[::-1])


def mask_of(source: CutSource, keep: Keep, box: Box) -> SkyMask:
    """The mask of a box. Raises UnfitRequest for an image that does not lie on the sky."""
    pair = source.image.axes.celestial
    if pair is None:
        raise UnfitRequest("Pixels outside a shape cannot be blanked in an image without celestial axes.")
    first, second = sorted(axis.number for axis in pair)
    return SkyMask(keep, first, second, box)


def cut_blanked(source: CutSource, box: Box, provenance: Sequence[bytes], keep: Keep) -> CutImage[Computed]:
    """A box in which the pixels that are not kept, of all planes, are NaN, or of integers BLANK; all others
    have their stored bytes, and the type stays.

    Raises UnfitRequest for integers without a BLANK card, and as `cut_stored`.
    """
    return computed_cut(
        source, box, provenance, partial(_blanked, mask_of(source, keep, box), _nothing(source))
    )


def _nothing(source: CutSource) -> np.generic:
    """The number that says that there is none, as stored."""
    dtype = source.reader.dtype
    if dtype.kind == "f":
        return dtype.type(np.nan)
    blank = Decoder.of(source.image.hdu).blank
    if blank is None:
        raise UnfitRequest(
            "Pixels outside the shape cannot be blanked: they are integers, and the header has no BLANK."
        )
    return dtype.type(blank)


def _blanked(
    mask: SkyMask, nothing: np.generic, slab: Box, numbers: NDArray[np.generic]
) -> NDArray[np.generic]:
    result = numbers.copy()
    result[np.broadcast_to(~mask.of(slab), numbers.shape)] = nothing
    return result
