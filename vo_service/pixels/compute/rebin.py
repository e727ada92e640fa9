"""A box of an image with its pixels put together in bins, on request: each the mean of the values that are
there (REBIN).

The values are gone through once, slab by slab, and added to the bins of the rows that are written next, so
that memory stays the same whatever the cube and the bins.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vo_service.pixels.axes import Axes
from vo_service.pixels.compute.blank import Keep, SkyMask, mask_of
from vo_service.pixels.compute.cutting import CutSource, before, box_cards
from vo_service.pixels.compute.reader import PixelReader, slabs_of
from vo_service.pixels.compute.writing import Computed, UnfitRequest
from vo_service.pixels.cutout.assemble import BEAMS, CutImage, beams_of
from vo_service.pixels.cutout.beams import CutTable, binned_beams
from vo_service.pixels.cutout.binned_cards import binned_cards
from vo_service.pixels.cutout.box import Box
from vo_service.pixels.decoding import Values, computed_bitpix

_AT_ONCE = 4 << 20
"""Bytes of the bins that are filled, and of the values that are read, at a time."""
_FEW = 16
"""Pixels to a bin that are added one after the other for all bins at once."""


def bins_along(axes: Axes, x: int, y: int, spectral: int) -> tuple[int, ...]:
    """Pixels to a bin along each axis, in FITS order: ``x`` and ``y`` along the celestial axes in the order
    of the file, ``spectral`` along the spectral one. Raises UnfitRequest for bins along an axis that the
    image does not have.
    """
    factors = [1] * len(axes.axes)
    pair = axes.celestial
    if pair is not None:
        for axis, factor in zip(sorted(pair, key=lambda each: each.number), (x, y), strict=True):
            factors[axis.number - 1] = factor
    elif (x, y) != (1, 1):
        raise UnfitRequest("REBIN along the sky needs an image with two celestial axes.")
    if axes.spectral is not None:
        factors[axes.spectral.number - 1] = spectral
    elif spectral != 1:
        raise UnfitRequest("REBIN by channels needs an image with a spectral axis.")
    return tuple(factors)


def cut_rebinned(
    source: CutSource,
    box: Box,
    provenance: Sequence[bytes],
    factors: tuple[int, ...],
    keep: Keep | None = None,
) -> CutImage[Computed]:
    """A box in bins of ``factors`` pixels along each axis (FITS order), counted from its first pixel: floats,
    of 64 bits for BITPIX 32, 64 and -64, else of 32. A bin of which nothing is known is NaN; what ``keep``
    does not keep is not known, nor is what is not finite; the last bin of an axis is the mean of what it has.
    Bins longer than the box have its length.

    Raises UnfitRequest where channels of different beams would share a bin, and as `cut_stored`.
    """
    factors = tuple(min(factor, length) for factor, length in zip(factors, box.shape, strict=True))
    bitpix = computed_bitpix(source.image.hdu.bitpix)
    shape = tuple(-(-length // factor) for length, factor in zip(box.shape, factors, strict=True))
    mask = None if keep is None else mask_of(source, keep, box)
    spectral = source.image.axes.spectral
    number = spectral.number if spectral is not None else None
    cards = binned_cards(box_cards(source, box), factors, bitpix, number)
    size = Box.whole(shape).pixels * (-bitpix // 8)
    dtype = np.dtype(f">f{-bitpix // 8}")
    pixels = Computed(size, partial(_bins, source.reader, box, factors, mask, dtype))
    beams = beams_of(source.image, box)
    if beams is not None and number is not None:
        beams = _beams_of_bins(source, beams, factors[number - 1])
    return CutImage([*cards, *provenance], pixels, size, beams, before(source))


def _beams_of_bins(source: CutSource, beams: CutTable, factor: int) -> CutTable:
    table = source.image.beams
    if table is None or factor == 1:
        return beams
    binned = binned_beams(table, beams, factor)
    if binned is None:
        raise UnfitRequest(
            f"REBIN by channels puts channels of different beams together (table {BEAMS}): their mean would "
            "have none."
        )
    return binned


def _bins(
    reader: PixelReader,
    box: Box,
    factors: tuple[int, ...],
    mask: SkyMask | None,
    dtype: np.dtype[np.generic],
) -> Iterator[bytes]:
    shape = tuple(-(-length // factor) for length, factor in zip(box.shape, factors, strict=True))
    for bins in slabs_of(Box.whole(shape), _AT_ONCE):
        yield _means(reader, box, factors, mask, bins).astype(dtype).tobytes()


def _means(
    reader: PixelReader, box: Box, factors: tuple[int, ...], mask: SkyMask | None, bins: Box
) -> NDArray[np.float64]:
    """The means of some bins, shaped as they are, the last axis of FITS first."""
    pixels = Box(
        tuple(
            (low + start * factor, min(low + stop * factor, high))
            for (low, high), (start, stop), factor in zip(box.spans, bins.spans, factors, strict=True)
        )
    )
    sums = np.zeros(bins.shape[::-1])
    missing = np.zeros(bins.shape[::-1], dtype=np.int64)  # of a slab alone 32 bits will do
    for slab in slabs_of(pixels, _AT_ONCE):
        values = reader.read(slab)
        if mask is not None:
            values[np.broadcast_to(~mask.of(slab), values.shape)] = np.nan
        _add(values, slab, pixels, factors, sums, missing)
    counts = _pixels_in(pixels, factors) - missing
    with np.errstate(all="ignore"):
        return np.where(counts > 0, sums / counts, np.nan)


def _pixels_in(pixels: Box, factors: tuple[int, ...]) -> NDArray[np.int64]:
    """How many pixels each bin has."""
    counts = np.ones((1,) * len(factors), dtype=np.int64)
    for number, (length, factor) in enumerate(zip(pixels.shape, factors, strict=True)):
        along = np.full(-(-length // factor), factor)
        along[-1] = length - factor * (len(along) - 1)
        counts = counts * along.reshape(-1, *(1,) * number)
    return counts


def _add(
    values: Values,
    slab: Box,
    pixels: Box,
    factors: tuple[int, ...],
    sums: NDArray[np.float64],
    missing: NDArray[np.int64],
) -> None:
    """Add a slab to the bins that it reaches into, and how many of its values are not finite. ``values`` may
    be changed."""
    offsets = [start - first for start, first in zip(slab.starts, pixels.starts, strict=True)]
    place = tuple(
        slice(offset // factor, -(-(offset + length) // factor))
        for offset, length, factor in zip(offsets, slab.shape, factors, strict=True)
    )[::-1]
    with np.errstate(all="ignore"):
        part = _binned(values, offsets, factors, np.dtype(np.float64))
        if not np.isfinite(part).all():
            unknown = ~np.isfinite(values)
            np.copyto(values, 0.0, where=unknown)
            missing[place] += _binned(unknown, offsets, factors, np.dtype(np.int32))
            part = _binned(values, offsets, factors, np.dtype(np.float64))
        sums[place] += part


def _binned(
    numbers: NDArray[Any], offsets: Sequence[int], factors: Sequence[int], dtype: np.dtype[Any]
) -> NDArray[Any]:
    """Sums of bins, of which the first along each axis may have begun before: at ``offsets`` from where bins
    are counted (FITS order)."""
    last = numbers.ndim - 1
    for number in reversed(range(numbers.ndim)):  # the slowest first: its sums are of whole rows
        if factors[number] > 1:
            numbers = _binned_along(
                numbers, last - number, -offsets[number] % factors[number], factors[number], dtype
            )
    return numbers


def _binned_along(
    numbers: NDArray[Any], axis: int, head: int, factor: int, dtype: np.dtype[Any]
) -> NDArray[Any]:
    """The same along one axis; ``head`` pixels belong to a bin that has begun."""
    length = numbers.shape[axis]
    head = min(head, length)
    end = length - (length - head) % factor
    sums = []
    if head:
        sums.append(_total(numbers, axis, 0, head, dtype))
    if head < end:
        sums.append(_whole_bins(_along(numbers, axis, slice(head, end)), axis, factor, dtype))
    if end < length:
        sums.append(_total(numbers, axis, end, length, dtype))
    return sums[0] if len(sums) == 1 else np.concatenate(sums, axis=axis)


def _whole_bins(numbers: NDArray[Any], axis: int, factor: int, dtype: np.dtype[Any]) -> NDArray[Any]:
    shape = numbers.shape
    if factor > _FEW:
        parts = numbers.reshape(*shape[:axis], -1, factor, *shape[axis + 1 :])
        return np.asarray(np.add.reduce(parts, axis=axis + 1, dtype=dtype))
    sums = _along(numbers, axis, slice(0, None, factor)).astype(dtype)
    for number in range(1, factor):
        sums += _along(numbers, axis, slice(number, None, factor))
    return sums


def _total(numbers: NDArray[Any], axis: int, start: int, stop: int, dtype: np.dtype[Any]) -> NDArray[Any]:
    some = _along(numbers, axis, slice(start, stop))
    return np.asarray(np.add.reduce(some, axis=axis, dtype=dtype, keepdims=True))


def _along(numbers: NDArray[Any], axis: int, part: slice) -> NDArray[Any]:
    return numbers[(slice(None),) * axis + (part,)]
