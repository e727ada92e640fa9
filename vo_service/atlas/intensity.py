"""Which planes of an image show the intensity of the sky, and its values in units that follow from its own.

Stokes I is taken where there is one, else the mean of the two parallel hands, which is the same by
definition. One parallel hand alone is taken for it: that is right of emission without polarisation, and all
that many observations have. Planes of Q, U, V or of cross hands are never taken for intensity.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vo_service.holdings.image_view import ImageView
from vo_service.pixels.compute.pixel_areas import PixelAreas
from vo_service.pixels.compute.reader import PixelReader
from vo_service.pixels.cutout.box import Box
from vo_service.pixels.decoding import Values
from vo_service.pixels.quicklook.layers import numbers_of

Doubles = NDArray[np.float64]
Span = tuple[int, int]

_HANDS = (("XX", "YY"), ("RR", "LL"))


class NoMap(Exception):
    """An image that has no such map; ``str()`` says why, as the end of a sentence about it."""


@dataclass(frozen=True, slots=True)
class Stack:
    """How the planes of an image lie. Axes are counted from 0 in FITS order: ``across`` and ``up`` are those
    of the sky, ``spectral`` is None where it has none. Of the axis ``stokes`` (None: there is none) the
    planes ``chosen`` are averaged; ``polarisation`` is what they are called, None where nothing says it."""

    axes: tuple[int, ...]
    across: int
    up: int
    spectral: int | None
    stokes: int | None
    chosen: tuple[int, ...]
    polarisation: str | None

    @property
    def size(self) -> tuple[int, int]:
        """Pixels along the two axes of the sky."""
        return self.axes[self.across], self.axes[self.up]

    @property
    def channels(self) -> int:
        """Pixels along the spectral axis, 1 where there is none."""
        return 1 if self.spectral is None else self.axes[self.spectral]

    def box(self, x: Span, y: Span, channels: Span = (0, 1)) -> Box:
        """A part of one polarisation, as a reader of `IntensityReader` has it."""
        spans = [(0, 1)] * len(self.axes)
        spans[self.across], spans[self.up] = x, y
        if self.spectral is not None:
            spans[self.spectral] = channels
        return Box(tuple(spans))


def intensity_of(view: ImageView) -> Stack:
    """The planes of intensity. Raises NoMap."""
    return _stack(view, _intensity(view))


def first_of(view: ImageView) -> Stack:
    """The planes of intensity, and of an image that has none the first polarisation, whichever it is. Raises
    NoMap."""
    try:
        chosen = _intensity(view)
    except NoMap:
        chosen = ((0,), view.stokes[0] if view.stokes else None)
    return _stack(view, chosen)


def _stack(view: ImageView, chosen: tuple[tuple[int, ...], str | None]) -> Stack:
    axes, pair = view.header.axes, view.header.axes.celestial
    if view.sky is None or pair is None:
        raise NoMap(view.sky_fault or "it has no axes on the sky")
    across, up = sorted(axis.number - 1 for axis in pair)
    spectral, stokes = (None if axis is None else axis.number - 1 for axis in (axes.spectral, axes.stokes))
    for axis, length in enumerate(view.hdu.axes):
        if length > 1 and axis not in (across, up, spectral, stokes):
            named = axes.axes[axis].ctype or "without a name"
            raise NoMap(
                f"its axis {axis + 1} ({named}) has {length} pixels and is neither spectral nor Stokes"
            )
    return Stack(view.hdu.axes, across, up, spectral, stokes, *chosen)


def _intensity(view: ImageView) -> tuple[tuple[int, ...], str | None]:
    """Numbers of planes, and what they are called."""
    axis = view.header.axes.stokes
    if axis is None:
        return (0,), None
    labels: Sequence[str | None] = view.stokes or (None,) * axis.length
    if "I" in labels:
        return (labels.index("I"),), "I"
    for pair in _HANDS:
        if set(pair) <= set(labels):
            return tuple(labels.index(hand) for hand in pair), "+".join(pair)
    if len(labels) == 1 and (labels[0] is None or any(labels[0] in pair for pair in _HANDS)):
        return (0,), labels[0]
    told = ", ".join(label or "unknown" for label in labels)
    raise NoMap(f"none of its polarisations ({told}) is the intensity")


class IntensityReader:
    """The planes of a stack as one, of which the values are multiplied by ``factors`` (polarisations or 1,
    channels or 1) and divided by the solid angles of their pixels where ``areas`` are given. Numbers too
    large to be any measurement are NaN."""

    def __init__(
        self, whole: PixelReader, stack: Stack, factors: Doubles, areas: PixelAreas | None = None
    ) -> None:
        self._whole = whole
        self._stack = stack
        self._factors = factors
        self._areas = areas

    @property
    def axes(self) -> tuple[int, ...]:
        """As of PixelReader, with one polarisation."""
        stack = self._stack
        return tuple(1 if axis == stack.stokes else length for axis, length in enumerate(stack.axes))

    def read(self, box: Box) -> Values:
        """As of PixelReader: doubles."""
        stack = self._stack
        total: Doubles | None = None
        for plane in stack.chosen:
            part = box if stack.stokes is None else box.with_span(stack.stokes, plane, plane + 1)
            values = numbers_of(self._whole.read(part)).astype(np.float64) * self._factor(plane, box)
            total = values if total is None else total + values
        assert total is not None
        if len(stack.chosen) > 1:
            total /= len(stack.chosen)
        if self._areas is not None:
            total /= self._area(self._areas, box)
        return total

    def _factor(self, plane: int, box: Box) -> Doubles:
        """In a shape that goes with the values of a box."""
        factors = self._factors[plane if len(self._factors) > 1 else 0]
        if len(factors) == 1 or self._stack.spectral is None:
            return np.asarray(factors[:1])
        shape = [1] * len(box.spans)
        start, stop = box.spans[self._stack.spectral]
        shape[len(shape) - 1 - self._stack.spectral] = stop - start
        return np.asarray(factors[start:stop].reshape(shape))

    def _area(self, areas: PixelAreas, box: Box) -> Doubles:
        stack = self._stack
        x, y = box.spans[stack.across], box.spans[stack.up]
        shape = [1] * len(box.spans)
        shape[len(shape) - 1 - stack.across], shape[len(shape) - 1 - stack.up] = x[1] - x[0], y[1] - y[0]
        return areas.within(x, y).reshape(shape)


def plane_values(reader: PixelReader, stack: Stack, x: Span, y: Span, channel: int = 0) -> Values:
    """A part (rows, columns) of one channel."""
    found = reader.read(stack.box(x, y, (channel, channel + 1)))
    return found.reshape(y[1] - y[0], x[1] - x[0])
