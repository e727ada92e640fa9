"""Maps of cubes along the spectral axis, and single channels, in parts and in bounded memory."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from vo_service.atlas.intensity import Stack
from vo_service.atlas.recipes import Span
from vo_service.pixels import FitsError
from vo_service.pixels.compute.channels import ChannelScale
from vo_service.pixels.compute.moments import Order, moment_parts
from vo_service.pixels.compute.reader import PixelReader, slabs_of
from vo_service.pixels.cutout.box import Box
from vo_service.pixels.decoding import Values

Run = tuple[Span, ChannelScale]
"""Channels of a cube, and their frequencies."""


class TimedReader:
    """The pixels of another reader, until time is up."""

    def __init__(self, whole: PixelReader, seconds: float, name: str) -> None:
        self._whole = whole
        self._seconds = seconds
        self._name = name
        self._began = time.monotonic()

    @property
    def axes(self) -> tuple[int, ...]:
        """As of the other."""
        return self._whole.axes

    def read(self, box: Box) -> Values:
        """As of the other. Raises FitsError ``too_large`` when the time is up."""
        if time.monotonic() - self._began > self._seconds:
            raise FitsError("too_large", f"{self._name} was not read within {self._seconds:g} s")
        return self._whole.read(box)


def plane_parts(reader: PixelReader, stack: Stack, channel: int) -> Iterator[Values]:
    """One channel, in stored order. Raises what the reader raises."""
    columns, rows = stack.size
    for slab in slabs_of(stack.box((0, columns), (0, rows), (channel, channel + 1))):
        yield reader.read(slab)


def integral_parts(reader: PixelReader, stack: Stack, runs: Sequence[Run]) -> Iterator[Values]:
    """The integral over velocity (unit of the reader times km/s) of all runs together, in stored order.
    Values that are not finite are left out; NaN where none is. Raises NotComputable, and what the reader
    raises."""
    return _joined(reader, stack, runs, 0, _sum)


def peak_parts(reader: PixelReader, stack: Stack, runs: Sequence[Span]) -> Iterator[Values]:
    """The highest value of all runs together, likewise; frequencies need not be known."""
    numbered = [(run, ChannelScale(np.arange(run[1] - run[0] + 1.0))) for run in runs]
    return _joined(reader, stack, numbered, 8, np.fmax)


def _joined(
    reader: PixelReader,
    stack: Stack,
    runs: Sequence[Run],
    order: Order,
    join: Callable[[Values, Values], Values],
) -> Iterator[Values]:
    assert stack.spectral is not None
    columns, rows = stack.size
    maps = [
        moment_parts(reader, stack.box((0, columns), (0, rows), run), stack.spectral + 1, scale, order)
        for run, scale in runs
    ]
    for first, *others in zip(*maps, strict=True):
        for other in others:
            first = join(first, other)
        yield first


def _sum(one: Values, other: Values) -> Values:
    """Of what is known."""
    return np.where(np.isnan(one), other, one + np.nan_to_num(other, nan=0.0, posinf=np.inf, neginf=-np.inf))
