"""Values of images as surface brightness: MJy/sr, and MJy/sr km/s where channels are summed up."""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vo_service.atlas.intensity import IntensityReader, NoMap, Stack
from vo_service.atlas.recipes import Span
from vo_service.holdings.image_view import ImageView, SpectralView
from vo_service.pixels.compute.brightness import flux_scale
from vo_service.pixels.compute.channel_beams import ChannelBeams, beams_of
from vo_service.pixels.compute.channels import ChannelScale, NotComputable
from vo_service.pixels.compute.pixel_areas import PixelAreas
from vo_service.pixels.compute.reader import PixelReader
from vo_service.pixels.cutout.assemble import BEAMS
from vo_service.spectral import Frame, FrameUnknown

Doubles = NDArray[np.float64]

UNIT = "MJy/sr"
INTEGRATED_UNIT = "MJy.km.sr**-1.s**-1"
_PER_MEGA = 1e-6


@dataclass(frozen=True, slots=True)
class Brightness:
    """MJy/sr are the values of an image times ``factors`` (polarisations or 1, channels), over the solid
    angles ``areas`` (steradians) of their pixels where there are such. A channel is NaN where its beam or
    frequency is not known."""

    stack: Stack
    factors: Doubles
    areas: PixelAreas | None

    def reader(self, whole: PixelReader) -> IntensityReader:
        """The intensity of an open image in MJy/sr."""
        return IntensityReader(whole, self.stack, self.factors, self.areas)

    @property
    def by_channel(self) -> Doubles:
        """(channels,) what noise in the unit of the image, which is that of its first polarisation, is times
        this in MJy/sr: in the middle of the image, and of the mean of two polarisations."""
        factors = self.factors[self.stack.chosen[0] if len(self.factors) > 1 else 0]
        if self.areas is not None:
            x, y = (length // 2 for length in self.stack.size)
            factors = factors / float(self.areas.within((x, x + 1), (y, y + 1))[0, 0])
        return np.asarray(factors / math.sqrt(len(self.stack.chosen)))


def brightness_of(view: ImageView, stack: Stack) -> Brightness:
    """How the values of an image become MJy/sr. Raises NoMap where its unit is none of brightness, or the
    beam or the frequencies that it takes are not known, and FitsError for a table of beams that cannot be
    read."""
    if view.sky is None:
        raise NoMap(view.sky_fault or "it has no axes on the sky")
    unit, channels = view.product.unit, stack.channels
    edges = None if view.spectral is None else view.spectral.edges
    frequencies = np.full(channels, np.nan) if edges is None else ChannelScale(edges).frequencies
    try:
        scale = flux_scale(unit, frequencies, _beams(view, channels))
    except NotComputable as error:
        raise NoMap(f"its values cannot be turned into {UNIT}: {error}") from error
    if not np.isfinite(scale.factors).any():
        why = view.spectral_fault or "its header tells none"
        raise NoMap(f"to turn its values in {unit} into {UNIT} takes the frequency: {why}")
    factors = np.broadcast_to(scale.factors * _PER_MEGA, (len(scale.factors), channels))
    columns, rows = stack.size
    areas = None if scale.by_area else PixelAreas(view.sky, (0, columns), (0, rows))
    return Brightness(stack, factors, areas)


def _beams(view: ImageView, channels: int) -> ChannelBeams | None:
    """The beam of each plane, or the one that all have; None where none is known."""
    beam, table = view.product.beam, view.fits.table(BEAMS)
    if beam is None:
        return None
    if table is None or view.header.axes.spectral is None:
        return ChannelBeams.one(beam.major / 3600.0, beam.minor / 3600.0, beam.angle)
    stokes = view.header.axes.stokes
    return beams_of(table, (0, channels), (0, 1 if stokes is None else stokes.length))


def channel_scale(view: ImageView, run: Span, line_hz: float | None) -> ChannelScale:
    """Channels with radio velocities relative to a line (barycentric Hz), without one to the middle of the
    axis: widths are then those at the frequency that was observed, whatever the redshift is. The rest
    frequency of a header does not count: it may be that of another line, and far from the axis it would
    stretch all widths. Raises NoMap without frequencies."""
    spectral = view.spectral
    if spectral is None:
        raise NoMap(view.spectral_fault or "its channels have no frequencies")
    start, stop = run
    return ChannelScale(spectral.edges[start : stop + 1], "radio", _reference(spectral, line_hz))


def _reference(spectral: SpectralView, line_hz: float | None) -> float:
    if line_hz is not None:
        with suppress(FrameUnknown):
            return float(spectral.own(np.array([line_hz]), Frame.BARY)[0])
    return float(spectral.edges[0] + spectral.edges[-1]) / 2.0


def integrated_noise(rms: float, brightness: Brightness, scales: list[tuple[Span, ChannelScale]]) -> float:
    """The noise of an integral over channels (MJy/sr km/s) of which each has the noise ``rms`` in the unit of
    the image, as if it were independent from one to the next; NaN where none has a factor."""
    parts = [rms * brightness.by_channel[start:stop] * scale.widths for (start, stop), scale in scales]
    noise = np.concatenate(parts)
    known = noise[np.isfinite(noise)]
    return float(np.sqrt(np.square(known).sum())) if known.size else math.nan


def noise_of(rms: float, brightness: Brightness, runs: list[Span]) -> float:
    """The noise of a channel (MJy/sr), the median over runs of channels; NaN where none has a factor."""
    factors = np.concatenate([brightness.by_channel[start:stop] for start, stop in runs])
    known = factors[np.isfinite(factors)]
    return float(rms * np.median(known)) if known.size else math.nan
