"""Which axes of an image make its picture, and its values plane by plane."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from vo_service.pixels.celestial import Celestial
from vo_service.pixels.compute.reader import PixelReader, slabs_of
from vo_service.pixels.cutout.box import Box
from vo_service.pixels.decoding import Values
from vo_service.pixels.quicklook.words import NothingToDraw

LARGEST = 1e30
"""Beyond it, either way, a number is no measurement of anything: some programs blank pixels that way."""

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Layers:
    """Axes are counted from 0 in FITS order: ``across`` and ``up`` make the picture, ``channels`` is what a
    cube is looked through along (None for an image). ``at`` is the pixel, from 0, of every other axis that
    is not shown at its first."""

    across: int
    up: int
    channels: int | None = None
    at: tuple[tuple[int, int], ...] = ()

    def box(self, axes: Sequence[int], across: Span, up: Span, channels: Span) -> Box:
        """The box of an image of these axes."""
        at = dict(self.at)
        spans = [(at.get(axis, 0), at.get(axis, 0) + 1) for axis in range(len(axes))]
        spans[self.across], spans[self.up] = across, up
        if self.channels is not None:
            spans[self.channels] = channels
        return Box(tuple(spans))


def layers_of(
    axes: Sequence[int],
    celestial: Celestial | None = None,
    channels: int | None = None,
    at: tuple[tuple[int, int], ...] = (),
) -> Layers:
    """The pair of celestial axes, or without one the first two axes of more than one pixel.

    ``channels`` is the spectral axis, which may turn out to be one of the pair (a position-velocity diagram)
    or of one channel: then there is nothing to look through. Raises NothingToDraw for less than two axes.
    """
    if len(axes) < 2 or min(axes) < 1:
        raise NothingToDraw(f"an image of {len(axes)} axes with {list(axes)} pixels has no plane to show")
    if celestial is not None:
        numbers = sorted((celestial.longitude.number, celestial.latitude.number))
        across, up = numbers[0] - 1, numbers[1] - 1
    else:
        long = [axis for axis, length in enumerate(axes) if length > 1]
        short = [axis for axis, length in enumerate(axes) if length == 1]
        across, up = sorted((*long, *short)[:2])
    if channels in (across, up) or (channels is not None and axes[channels] == 1):
        channels = None
    return Layers(across, up, channels, tuple(pair for pair in at if pair[0] not in (across, up, channels)))


def planes_of(
    reader: PixelReader, layers: Layers, across: Span, up: Span, channels: Span
) -> Iterator[tuple[int, int, int, Values]]:
    """Pieces of a box in stored order: first channel, first row, first column, and the values (channels,
    rows, columns); what is no number, or none that could be one, is NaN. Where the channels are the first
    axis, a piece may be a part of the columns."""
    kept = (layers.across, layers.up, *(() if layers.channels is None else (layers.channels,)))
    last = len(reader.axes) - 1
    order = [last - axis for axis in range(last, -1, -1) if axis not in kept]
    order += [last - axis for axis in reversed(kept)]
    for slab in slabs_of(layers.box(reader.axes, across, up, channels)):
        values = reader.read(slab).transpose(order)
        values = values.reshape(-1, *values.shape[-2:])
        first = 0 if layers.channels is None else slab.starts[layers.channels]
        yield first, slab.starts[layers.up], slab.starts[layers.across], numbers_of(values)


def numbers_of(values: Values) -> Values:
    """The values, NaN for those that are no number or none that could be one."""
    with np.errstate(invalid="ignore"):
        return np.where(np.abs(values) <= LARGEST, values, np.nan)
