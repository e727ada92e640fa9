"""What is wanted of an image, in terms of the sky, and the box of pixels that holds it (SODA 1.0, 3.3).

Each constraint acts on the axis that is its own. Of an image without that axis the one value that its row
gives decides: where it meets the constraint all of the image passes (SODA-030).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vo_service.dali.errors import usage
from vo_service.holdings.image_view import ImageView
from vo_service.pixels.cutout.box import Box
from vo_service.pixels.cutout.select_channels import touched
from vo_service.pixels.cutout.select_sky import SkyBox, sky_box
from vo_service.pixels.sky_plane import SkyPlane
from vo_service.sky import Region
from vo_service.spectral import (
    C,
    Frame,
    FrameUnknown,
    frequency_of_optical,
    frequency_of_radio,
    frequency_of_relativistic,
)

Span = tuple[int, int]
BoxOf = Callable[[SkyPlane, Region], SkyBox | None]
"""Finds the pixels of a shape, as `sky_box` does."""
VelocityDefinition = Literal["radio", "optical", "relativistic"]
FREQUENCY_OF: Mapping[VelocityDefinition, Callable[[ArrayLike, float], NDArray[np.float64]]] = {
    "radio": frequency_of_radio,
    "optical": frequency_of_optical,
    "relativistic": frequency_of_relativistic,
}


@dataclass(frozen=True, slots=True)
class LineWindow:
    """A band round a line: ``rest`` in Hz, ``redshift`` barycentric (None: that which the file states), full
    ``width`` in km/s by ``definition``."""

    rest: float
    redshift: float | None
    width: float
    definition: VelocityDefinition = "radio"

    def frequencies(self, redshift: float) -> tuple[float, float]:
        """Lowest and highest (Hz, barycentric) of the band at a redshift."""
        centre = self.rest / (1.0 + redshift)
        frequency = FREQUENCY_OF[self.definition]
        half = self.width * 500.0  # km/s full to m/s half
        return float(frequency(half, centre)), float(frequency(-half, centre))


@dataclass(frozen=True, slots=True)
class Constraints:
    """What is wanted; None and empty for all.

    ``shape`` in ICRS. ``frequencies``: lowest and highest in Hz, 0 and infinity for open ends, in ``frame``.
    ``channels``: first and last, from 1. ``pixels``: first and last, from 1, along the first and the second
    axis of the sky. ``time``: MJD (UTC). ``polarisations``: labels. Of ``frequencies``, ``line`` and
    ``channels`` there is one at most.
    """

    shape: Region | None = None
    frequencies: tuple[float, float] | None = None
    frame: Frame = Frame.BARY
    line: LineWindow | None = None
    channels: Span | None = None
    pixels: tuple[Span, Span] | None = None
    time: tuple[float, float] | None = None
    polarisations: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RowFacts:
    """What the row of a data set says of axes that its image may lack: ``shape`` (ICRS), wavelengths (m,
    barycentric), times (MJD) and polarisations; None where it does not say."""

    shape: Region | None = None
    wavelengths: tuple[float, float] | None = None
    times: tuple[float, float] | None = None
    polarisations: tuple[str, ...] | None = None


class NoOverlap(Exception):
    """The image has nothing of what is wanted (SODA-050); ``str()`` is a sentence that says why."""


def select(view: ImageView, facts: RowFacts, wanted: Constraints, box_of: BoxOf = sky_box) -> Box:
    """The smallest box of an image with all that is wanted of it; what reaches beyond the image is left out
    (SODA-016). ``box_of`` finds the pixels of a shape.

    Raises NoOverlap, and ServiceError (400) for constraints that need an axis, or a frame, that the image
    does not have.
    """
    box = Box.whole(view.hdu.axes)
    for axis, span in _spans(view, facts, wanted, box_of):
        start, stop = max(box.spans[axis][0], span[0]), min(box.spans[axis][1], span[1])
        if start >= stop:  # of two that are wanted along one axis
            raise NoOverlap("No pixel of the image is in all that is wanted.")
        box = box.with_span(axis, start, stop)
    return box


def _spans(view: ImageView, facts: RowFacts, wanted: Constraints, box_of: BoxOf) -> list[tuple[int, Span]]:
    """Axes from 0, and the part of each that is wanted."""
    found: list[tuple[int, Span]] = []
    if wanted.shape is not None:
        found += _by_shape(view, facts, wanted.shape, box_of)
    if wanted.pixels is not None:
        found += _by_pixels(view, wanted.pixels)
    if wanted.frequencies is not None:
        found += _by_frequency(view, facts, wanted.frequencies, wanted.frame)
    if wanted.line is not None:
        found += _by_frequency(view, facts, _round_line(view, wanted.line), Frame.BARY)
    if wanted.channels is not None:
        found += _by_channel(view, wanted.channels)
    if wanted.polarisations:
        found += _by_polarisation(view, facts, wanted.polarisations)
    if wanted.time is not None:
        _check_time(facts, wanted.time)
    return found


def _by_shape(view: ImageView, facts: RowFacts, shape: Region, box_of: BoxOf) -> list[tuple[int, Span]]:
    if view.sky is None:
        if view.sky_fault is not None:
            raise usage(f"This data set cannot be cut by position: {view.sky_fault}.", "Give PIXELS instead.")
        if facts.shape is None:
            raise NoOverlap("The position of this data set is not known.")
        if not facts.shape.intersects(shape):
            raise NoOverlap("The data set does not overlap the region.")
        return []
    spans = box_of(view.sky, shape)
    if spans is None:
        raise NoOverlap("The image has no pixel in the region.")
    return list(zip(sky_axes(view), spans, strict=True))


def sky_axes(view: ImageView) -> tuple[int, int]:
    """The two axes of the sky in the order of the file, from 0; the first two where there is no sky."""
    pair = view.header.axes.celestial
    if pair is None:
        return 0, 1
    first, second = sorted(axis.number - 1 for axis in pair)
    return first, second


def _by_pixels(view: ImageView, pixels: tuple[Span, Span]) -> list[tuple[int, Span]]:
    if len(view.hdu.axes) < 2:
        raise usage("PIXELS needs an image of two axes or more, which this data set is not.")
    return [
        (axis, _counted(view.hdu.axes[axis], span, "pixels"))
        for axis, span in zip(sky_axes(view), pixels, strict=True)
    ]


def _by_channel(view: ImageView, channels: Span) -> list[tuple[int, Span]]:
    axis = view.header.axes.spectral
    if axis is None:
        raise usage("CHANNELS needs a spectral axis, which this data set does not have.")
    return [(axis.number - 1, _counted(axis.length, channels, "channels"))]


def _counted(length: int, span: Span, what: str) -> Span:
    """A span from 0 of one that is counted from 1, both ends kept."""
    if span[0] > length or span[1] < 1:
        raise NoOverlap(f"The image has {length} {what}, none of {span[0]} to {span[1]}.")
    return max(span[0], 1) - 1, min(span[1], length)


def _by_frequency(
    view: ImageView, facts: RowFacts, frequencies: tuple[float, float], frame: Frame
) -> list[tuple[int, Span]]:
    axis, spectral = view.header.axes.spectral, view.spectral
    if axis is None or spectral is None:
        if view.spectral_fault is not None:
            why = f"This data set cannot be cut by frequency: {view.spectral_fault}."
            raise usage(why, "Give CHANNELS instead.")
        if frame is not Frame.BARY:
            raise usage(f"Frequencies in {frame.value} need a spectral axis that tells its own.")
        _check_wavelengths(facts, frequencies)
        return []
    try:
        low, high = spectral.own(np.array(frequencies), frame)
    except FrameUnknown as error:
        raise usage(f"Frequencies of this data set cannot be had in {frame.value}: {error}.") from error
    span = touched(spectral.edges, float(low), float(high))
    if span is None:
        raise NoOverlap("The image has no channel in the band.")
    return [(axis.number - 1, span)]


def _round_line(view: ImageView, line: LineWindow) -> tuple[float, float]:
    redshift = view.product.redshift if line.redshift is None else line.redshift
    if redshift is None:
        raise usage("The redshift of this data set is not known.", "Give it as Z.")
    return line.frequencies(redshift)


def _check_wavelengths(facts: RowFacts, frequencies: tuple[float, float]) -> None:
    if facts.wavelengths is None:
        raise NoOverlap("The frequencies of this data set are not known.")
    low, high = C / facts.wavelengths[1], C / facts.wavelengths[0]
    if low > frequencies[1] or high < frequencies[0]:
        raise NoOverlap("The data set does not overlap the band.")


def _by_polarisation(view: ImageView, facts: RowFacts, wanted: tuple[str, ...]) -> list[tuple[int, Span]]:
    axis = view.header.axes.stokes
    if axis is None or view.stokes is None:
        if facts.polarisations is None:
            raise NoOverlap("The polarisation of this data set is not known.")
        if not set(wanted) & set(facts.polarisations):
            raise NoOverlap(f"The data set has {' '.join(facts.polarisations)} alone.")
        return []
    places = [place for place, label in enumerate(view.stokes) if label in wanted]
    if not places:
        raise NoOverlap(f"The image has {' '.join(label or '?' for label in view.stokes)} alone.")
    return [(axis.number - 1, (places[0], places[-1] + 1))]


def _check_time(facts: RowFacts, time: tuple[float, float]) -> None:
    if facts.times is None:
        raise NoOverlap("The time of this observation is not known.")
    start, end = facts.times
    if start > time[1] or end < time[0] or math.isnan(start + end):
        raise NoOverlap("The observation was at another time.")
