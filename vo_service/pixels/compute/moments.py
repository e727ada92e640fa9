"""Moments of a box along its spectral axis: what the spectrum of each pixel adds up to.

Each channel counts with its true width, so axes of unequal channels come out right. Values that are not
finite are left out, and nothing else is: there is no threshold. Pixels without any finite channel are NaN.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from vo_service.pixels.compute.channels import ChannelScale, Doubles, NotComputable
from vo_service.pixels.compute.reader import SLAB_BYTES, PixelReader, Values, slabs_of
from vo_service.pixels.cutout.box import Box

Order = Literal[0, 1, 2, 8]
SUMS_BYTES: Final = 16 << 20
"""About what is held of a map at a time: larger ones are made strip by strip, and no pixel is read twice."""
_NOTHING: Final = 1e-12
"""Weights that add up to less of their absolute values cancel but for rounding."""
_SAME: Final = 1e-14
"""Mean of squares and square of the mean that differ by less of themselves are the same."""


def moment_parts(
    reader: PixelReader,
    box: Box,
    spectral: int,
    scale: ChannelScale,
    order: Order,
    *,
    sums_bytes: int = SUMS_BYTES,
    slab_bytes: int = SLAB_BYTES,
) -> Iterator[Values]:
    """A map in parts, in stored order; each has as many axes as the box, and one pixel along the axis
    numbered ``spectral`` (from 1), whose channels are those of ``scale``.

    0: integral over velocity (unit of the image times km/s; times Hz where there is no reference). 1: mean
    velocity (km/s), weighted by the values. 2: dispersion of velocity (km/s), the square root of the second
    central moment; NaN where the sum of the weights is not positive or the quotient negative. 8: highest
    value. Weights that cancel to within rounding have no mean: 1 and 2 are NaN.

    Memory: ``sums_bytes``, some times ``slab_bytes``. Raises NotComputable for 1 and 2 without a reference,
    for all but 8 where a channel has no frequency, or no velocity; what the reader raises; ValueError where
    ``scale`` is not that of the box.
    """
    start, stop = box.spans[spectral - 1]
    if len(scale) != stop - start:
        raise ValueError(f"{len(scale)} channels are described, the box has {stop - start}")
    centre, weights = _weights(scale, order)
    if order == 8:
        return (_highest(reader, part, spectral, slab_bytes) for part in _parts(box, spectral, sums_bytes))
    nothing = _rounding_of(scale)
    return (
        _quotient(_sums(reader, part, spectral, weights, slab_bytes), centre, nothing)
        for part in _parts(box, spectral, sums_bytes // (len(weights) + 1))
    )


def _parts(box: Box, spectral: int, most_bytes: int) -> Iterator[Box]:
    """A box in pieces of at most so many bytes of map, each with all channels."""
    span = box.spans[spectral - 1]
    for piece in slabs_of(box.with_span(spectral - 1, 0, 1), most_bytes):
        yield piece.with_span(spectral - 1, *span)


def moment_map(
    reader: PixelReader, box: Box, spectral: int, scale: ChannelScale, order: Order
) -> NDArray[np.float64]:
    """The whole map at once, in the shape of the box with one pixel along the spectral axis (last axis of
    FITS first): see :func:`moment_parts`."""
    parts = [part.ravel() for part in moment_parts(reader, box, spectral, scale, order)]
    shape = box.with_span(spectral - 1, 0, 1).shape[::-1]
    return np.concatenate(parts).astype(np.float64).reshape(shape)


def _weights(scale: ChannelScale, order: Order) -> tuple[float, Doubles]:
    """A velocity amid the channels (km/s), and (sums, channels) what values are multiplied with: widths, and
    those times powers of the velocity from there. Near to zero, squares lose no digits."""
    if order == 8:
        return 0.0, np.empty((0, len(scale)))
    if not (scale.edges >= 0.0).all():
        raise NotComputable(
            "The channels do not all have a frequency: the axis passes 0 Hz, or has none there."
        )
    with np.errstate(divide="ignore", invalid="ignore"):
        widths = scale.widths
    if not np.isfinite(widths).all():
        raise NotComputable("The channels have no velocities relative to this frequency.")
    if order == 0:
        return 0.0, widths[None]
    velocities = scale.velocities
    centre = float(velocities.min() + velocities.max()) / 2.0
    powers = np.arange(order + 1)[:, None]
    return centre, widths * (velocities - centre) ** powers


def _rounding_of(scale: ChannelScale) -> float:
    """What weights that cancel may add up to, of their absolute values: widths are differences of edges that
    have been rounded."""
    width = float(np.ptp(scale.edges)) / len(scale)
    rounded = 4.0 * float(np.finfo(np.float64).eps * scale.edges.max())
    return max(_NOTHING, rounded / width) if width > 0.0 else _NOTHING


def _sums(
    reader: PixelReader, part: Box, spectral: int, weights: Doubles, slab_bytes: int
) -> tuple[Doubles, Doubles]:
    """(sums, ...) over the channels of each pixel, and what the first would be of absolute values, NaN where
    none is finite: arrays in the shape of the part, with one pixel along the spectral axis."""
    axis = len(part.spans) - spectral
    shape = part.with_span(spectral - 1, 0, 1).shape[::-1]
    sums, size = np.zeros((len(weights), *shape)), np.full(shape, np.nan)
    for slab in slabs_of(part, slab_bytes):
        place, channels = _place(part, slab, spectral)
        values = reader.read(slab)
        finite = np.isfinite(values)
        filled = values.astype(np.float64)
        filled[~finite] = 0.0
        found = np.einsum("sk,k...->s...", weights[:, channels], np.moveaxis(filled, axis, 0))
        sums[(slice(None), *place)] += np.expand_dims(found, axis + 1)
        np.abs(filled, out=filled)
        found = np.einsum("k,k...->...", weights[0, channels], np.moveaxis(filled, axis, 0))
        seen = finite.any(axis=axis, keepdims=True)
        before = size[place]
        size[place] = np.where(seen, np.fmax(before, 0.0) + np.expand_dims(found, axis), before)
    return sums, size


def _highest(reader: PixelReader, part: Box, spectral: int, slab_bytes: int) -> Values:
    axis = len(part.spans) - spectral
    highest = np.full(part.with_span(spectral - 1, 0, 1).shape[::-1], -np.inf)
    for slab in slabs_of(part, slab_bytes):
        place, _ = _place(part, slab, spectral)
        values = reader.read(slab)
        known = np.where(np.isfinite(values), values, -np.inf)
        highest[place] = np.maximum(highest[place], known.max(axis=axis, keepdims=True))
    return np.where(np.isneginf(highest), np.nan, highest)


def _place(part: Box, slab: Box, spectral: int) -> tuple[tuple[slice, ...], slice]:
    """Where a slab lies in the map of its part, and which of the channels it has."""
    slices = [
        slice(start - origin, stop - origin)
        for (start, stop), origin in zip(slab.spans, part.starts, strict=True)
    ]
    channels = slices[spectral - 1]
    slices[spectral - 1] = slice(0, 1)
    return tuple(slices[::-1]), channels


def _quotient(found: tuple[Doubles, Doubles], centre: float, nothing: float) -> Doubles:
    """The moment of as many sums as it takes: integral, mean, or dispersion."""
    sums, size = found
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        if len(sums) == 1:
            return np.where(np.isnan(size), np.nan, sums[0])
        total = np.where(np.abs(sums[0]) > nothing * size, sums[0], np.nan)
        mean = sums[1] / total
        if len(sums) == 2:
            return np.asarray(centre + mean)
        square = sums[2] / total
        spread = square - np.square(mean)
        spread[np.abs(spread) <= _SAME * square] = 0.0  # all in one channel
        return np.sqrt(np.where(total > 0.0, spread, np.nan))
