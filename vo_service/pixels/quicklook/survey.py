"""One reading of an image for all its pictures: a plane of the size of a screen, and the peaks by channel.

Of a cube the plane is the peak over its channels (moment 8): it needs to know neither where the lines are
nor where the continuum is, and a line of a few channels among thousands stands at its full height, where a
mean or a sum over all channels would bury it in noise or in what is left of the continuum. What it does not
show is absorption.

Large planes are reduced block by block. The mean of a block is true to extended emission and to noise, but a
point source of some pixels is lost in the mean of a thousand. So a block shows the pixel that is farthest
from its mean where that stands out of the block's own spread by more than noise does, and else its mean.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vo_service.pixels.compute.reader import PixelReader
from vo_service.pixels.decoding import Values
from vo_service.pixels.quicklook.layers import Layers, Span, numbers_of, planes_of
from vo_service.pixels.quicklook.words import NothingToDraw

SIDE = 720
"""Longest side of a picture's data, in pixels of the screen."""
OUTSTANDING = 5.0
"""Standard deviations of its block by which a pixel stands for it. A block of 5x5 pixels or less has none."""
_WHOLE = 6  # from blocks of this size on a picture is made of whole blocks, which keeps what stands out
_BAND_PIXELS = 8 << 20  # whose peaks are held at a time
_AT_ONCE = 1 << 19  # pixels that are combined in one go

Doubles = NDArray[np.float64]
Combine = Callable[[Values], Values]


@dataclass(frozen=True, slots=True)
class Plate:
    """A plane for the screen: ``values`` (rows, columns), NaN for blank, each cell of ``block`` x ``block``
    pixels of the image, of which there are ``columns`` x ``rows``; ``highest`` is the highest of these."""

    values: Values
    block: int
    columns: int
    rows: int
    highest: float


@dataclass(frozen=True, slots=True)
class Peaks:
    """By channel: the highest value of the plane, and the value of the pixel that is brightest in the whole
    cube, which is ``place`` (column, row, from 0). NaN where a channel has none."""

    highest: Doubles
    through: Doubles
    place: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Survey:
    """``peaks`` is None for an image."""

    plate: Plate
    peaks: Peaks | None


def survey_image(reader: PixelReader, layers: Layers) -> Survey:
    """Reads an image once, in order, some 50 MB at a time. Raises NothingToDraw where no pixel is a number,
    and what the reader raises."""
    columns, rows = reader.axes[layers.across], reader.axes[layers.up]
    channels = 1 if layers.channels is None else reader.axes[layers.channels]
    block = _block_of(max(columns, rows))
    wide, tall = _piece_of(columns, block, _BAND_PIXELS)
    tally = _Tally(channels)
    cells = [
        [
            blocks_of(_peak_of(reader, layers, across, up, tally), block, outstanding_of)
            for across in _spans(columns, wide)
        ]
        for up in _spans(rows, tall)
    ]
    if tally.place is None:
        raise NothingToDraw("no pixel of the image is a number")
    plate = Plate(np.block(cells), block, columns, rows, tally.best)
    if layers.channels is None:
        return Survey(plate, None)
    across, up = ((start, start + 1) for start in tally.place)
    through = np.full(channels, np.nan)
    for channel, _, _, values in planes_of(reader, layers, across, up, (0, channels)):
        through[channel : channel + len(values)] = values[:, 0, 0]
    return Survey(plate, Peaks(tally.highest, through, tally.place))


def _peak_of(reader: PixelReader, layers: Layers, across: Span, up: Span, tally: _Tally) -> Values:
    """The peak over the channels of a part of the plane (rows, columns), every value of which is tallied."""
    peak: Values | None = None
    for channel, row, column, values in planes_of(reader, layers, across, up, (0, len(tally.highest))):
        tally.add(channel, row, column, values)
        if peak is None:
            peak = np.full((up[1] - up[0], across[1] - across[0]), np.nan, dtype=values.dtype)
        x, y = column - across[0], row - up[0]
        part = peak[y : y + values.shape[1], x : x + values.shape[2]]
        np.fmax(part, np.fmax.reduce(values, axis=0), out=part)
    assert peak is not None
    return peak


def plate_of(values: Values, combine: Combine) -> Plate:
    """A plane (rows, columns) that is in memory. Raises NothingToDraw where no pixel is a number."""
    rows, columns = values.shape
    values = numbers_of(values)
    known = values[np.isfinite(values)]
    if not known.size:
        raise NothingToDraw("no pixel of the map is a number")
    block = _block_of(max(columns, rows))
    return Plate(blocks_of(values, block, combine), block, columns, rows, float(known.max()))


class _Tally:
    """The highest value by channel, and where the highest of all is."""

    def __init__(self, channels: int) -> None:
        self.highest = np.full(channels, np.nan)
        self.place: tuple[int, int] | None = None
        self.best = -np.inf

    def add(self, channel: int, row: int, column: int, values: Values) -> None:
        highest = np.fmax.reduce(values, axis=(1, 2))
        part = self.highest[channel : channel + len(values)]
        np.fmax(part, highest, out=part)
        if not np.isfinite(highest).any() or np.nanmax(highest) <= self.best:
            return
        plane = values[int(np.nanargmax(highest))]
        y, x = np.unravel_index(int(np.nanargmax(plane)), plane.shape)
        self.best = float(plane[y, x])
        self.place = (column + int(x), row + int(y))


def _block_of(longest: int) -> int:
    if longest <= SIDE:
        return 1
    return -(-longest // SIDE) if longest > _WHOLE * SIDE else longest // SIDE


def blocks_of(plane: Values, block: int, combine: Combine) -> Values:
    """A plane in blocks of pixels, the last of a row or column with what there is: ``combine`` makes one cell
    (rows, columns) of each block of (rows, block, columns, block) doubles."""
    if block == 1:
        return plane.copy()
    rows, columns = plane.shape
    wide, tall = _piece_of(columns, block, _AT_ONCE)
    cells = [
        [combine(_padded(plane[slice(*up), slice(*across)], block)) for across in _spans(columns, wide)]
        for up in _spans(rows, tall)
    ]
    return np.block(cells).astype(plane.dtype)


def _padded(piece: Values, block: int) -> Values:
    """(rows, block, columns, block) doubles, NaN beyond the last row and column."""
    rows, columns = piece.shape
    padding = ((0, -rows % block), (0, -columns % block))
    padded = np.pad(piece.astype(np.float64), padding, constant_values=np.nan)
    return padded.reshape(padded.shape[0] // block, block, padded.shape[1] // block, block)


def _piece_of(columns: int, block: int, pixels: int) -> tuple[int, int]:
    """Columns and rows of whole blocks that make about so many pixels; what pads them counts too."""
    wide = block * max(1, min(-(-columns // block), pixels // block**2))
    return wide, block * max(1, pixels // (block * wide))


def _spans(length: int, step: int) -> Iterator[Span]:
    return ((first, min(first + step, length)) for first in range(0, length, step))


def mean_of(cells: Values) -> Values:
    """The mean of the numbers of each block, NaN where there is none."""
    known = np.isfinite(cells)
    count = _over(np.add, known.astype(np.float64))
    total = _over(np.add, np.where(known, cells, 0.0))
    return np.where(count > 0.0, total / np.maximum(count, 1.0), np.nan)


def outstanding_of(cells: Values) -> Values:
    """The mean of each block, or the pixel that stands out of it."""
    mean = mean_of(cells)
    away = cells - mean[:, None, :, None]
    high, low = _over(np.fmax, away), _over(np.fmin, away)
    spread = np.sqrt(mean_of(np.square(away, out=away)))
    far = np.where(high >= -low, high, low)
    return mean + np.where((np.abs(far) > OUTSTANDING * spread) & (spread > 0.0), far, 0.0)


def _over(reduced: np.ufunc, cells: Values) -> Values:
    """One number of each block; down the rows first, which lie beside each other in memory."""
    return np.asarray(reduced.reduce(reduced.reduce(cells, axis=1), axis=-1))
