"""What becomes of a box when its pixels are summed up: along the spectral axis to a map, over the sky to a
spectrum."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from vo_service.dali.errors import ServiceError, usage
from vo_service.formats import Info
from vo_service.holdings.image_view import ImageView, SpectralView
from vo_service.pixels.compute.channel_beams import ChannelBeams, beams_of
from vo_service.pixels.compute.channels import ChannelScale
from vo_service.pixels.compute.collapsed_cards import MomentFacts, collapsed_cards, write_map
from vo_service.pixels.compute.cutting import CutSource, before, box_cards
from vo_service.pixels.compute.moments import moment_parts
from vo_service.pixels.compute.region_spectrum import Aperture, region_spectrum
from vo_service.pixels.cutout.box import Box
from vo_service.pixels.decoding import computed_bitpix
from vo_service.products.derived import ResultFile
from vo_service.products.provenance import source_version
from vo_service.products.selection import NoOverlap, VelocityDefinition, sky_axes
from vo_service.products.spectrum_tables import write_spectrum
from vo_service.products.stored import StoredFile
from vo_service.products.wanted import MomentOf, SpectrumOf, Wanted
from vo_service.spectral import FrameUnknown

Doubles = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class ChannelBins:
    """Channels of a source that were put together: ``numbers`` (from 1) of the first in each, the ``edges``
    (bins + 1, Hz in the frame of the file) of what they truly hold, and the ``length`` of all in bins. The
    last may be incomplete."""

    numbers: NDArray[np.int64]
    edges: Doubles
    length: float


@dataclass(frozen=True, slots=True)
class Boxed:
    """A box of an open image; ``bins`` are its channels, where the image was made of another one."""

    view: ImageView
    source: CutSource
    box: Box
    bins: ChannelBins | None = None

    @property
    def number(self) -> int:
        """Of the spectral axis, from 1. Raises ServiceError (400) without one."""
        axis = self.view.header.axes.spectral
        if axis is None:
            raise _no_axis(None)
        return axis.number

    @property
    def channels(self) -> tuple[int, int]:
        """First and behind the last channel, from 0. Raises as `number`."""
        return self.box.spans[self.number - 1]

    @property
    def spectral(self) -> SpectralView:
        """Its frequencies. Raises as `number`."""
        if self.view.spectral is None:
            raise _no_axis(self.view.spectral_fault)
        return self.view.spectral

    def scale(self, wanted: Wanted, definition: VelocityDefinition) -> ChannelScale:
        """Its channels, with velocities relative to the line that is wanted, else to the rest frequency."""
        start, stop = self.channels
        reference = _reference(self.view, self.spectral, wanted)
        edges = self.spectral.edges[start : stop + 1] if self.bins is None else self.bins.edges
        return ChannelScale(edges, definition, reference)

    def binned(self, factor: int) -> ChannelBins:
        """Its channels, so many put together from the first on. Raises as `number`."""
        start, stop = self.channels
        edges = self.spectral.edges
        firsts = np.arange(start, stop, factor)
        return ChannelBins(firsts + 1, edges[[*firsts, stop]], (stop - start) / min(factor, stop - start))

    def table_beams(self) -> ChannelBeams | None:
        """The beams of its planes by the table BEAMS; None without one."""
        table = self.source.image.beams
        if table is None:
            return None
        stokes = self.view.header.axes.stokes
        polarisations = (0, 1) if stokes is None else self.box.spans[stokes.number - 1]
        return beams_of(table, self.channels, polarisations)

    def beams(self) -> ChannelBeams | None:
        """The beams of its planes, or the one that all have; None where none is known."""
        found = self.table_beams()
        beam = self.view.product.beam
        if found is None and beam is not None:
            return ChannelBeams.one(beam.major / 3600.0, beam.minor / 3600.0, beam.angle)
        return found


def write_moment(
    boxed: Boxed, wanted: Wanted, moment: MomentOf, provenance: Sequence[bytes], out: ResultFile
) -> None:
    """The map of a moment as FITS. Raises NotComputable, ServiceError (400), and what reading raises."""
    image = boxed.source.image
    scale = boxed.scale(wanted, moment.definition)
    parts = moment_parts(boxed.source.reader, boxed.box, boxed.number, scale, moment.order)
    facts = MomentFacts(
        moment.order,
        boxed.number,
        scale,
        boxed.view.product.unit,
        boxed.table_beams(),
        None if boxed.bins is None else boxed.bins.length,
    )
    bitpix = computed_bitpix(image.hdu.bitpix)
    cards = collapsed_cards([*box_cards(boxed.source, boxed.box), *provenance], facts, bitpix)
    write_map(out, before(boxed.source) or b"", cards, parts, bitpix)


def write_region_spectrum(
    boxed: Boxed,
    wanted: Wanted,
    spectrum: SpectrumOf,
    file: StoredFile,
    did: str | None,
    out: ResultFile,
) -> None:
    """The spectrum of the pixels with their centres in the shape that is wanted. Raises as `write_moment`."""
    view, box = boxed.view, boxed.box
    scale = boxed.scale(wanted, spectrum.definition)
    first, second = _summed_axes(view)
    made = region_spectrum(
        boxed.source.reader,
        box,
        boxed.number,
        scale,
        Aperture((first + 1, second + 1), view.sky, wanted.constraints.shape),
        spectrum.kind,
        unit=view.product.unit,
        beams=boxed.beams(),
        labels=_labels(boxed),
        barycentric=boxed.spectral.barycentric(scale.frequencies),
    )
    if not made.pixels.any():
        raise NoOverlap("The region holds the centre of no pixel that has a value.")
    if boxed.bins is not None:
        made = replace(made, channel=boxed.bins.numbers)
    said = [
        Info("VOSRCID", file.product_id),
        Info("VOSRCVER", source_version(file)),
        *(Info(name, value) for name, value in wanted.said),
    ]
    write_spectrum(out, made, spectrum.form, [*([Info("DID", did)] if did else []), *said])


def _no_axis(fault: str | None) -> ServiceError:
    why = "." if fault is None else f": {fault}."
    return usage(f"This data set has no spectral axis that can be read, along which this result is made{why}")


def _reference(view: ImageView, spectral: SpectralView, wanted: Wanted) -> float | None:
    """What velocities are relative to, in the frame of the file: LINE at Z, else the rest frequency."""
    line = wanted.constraints.line
    if line is None:
        return spectral.rest
    redshift = view.product.redshift if line.redshift is None else line.redshift
    if redshift is None:  # told when the box was selected
        return None
    try:
        return float(spectral.own(np.array([line.rest / (1.0 + redshift)]))[0])
    except FrameUnknown as error:
        raise usage(f"The line cannot be had in the frame of the file: {error}.") from error


def _summed_axes(view: ImageView) -> tuple[int, int]:
    """The two axes that a spectrum is summed up over, from 0: those of the sky, without one the first two of
    which none has channels or polarisations. Raises ServiceError (400) where there are no two."""
    if view.header.axes.celestial is not None:
        return sky_axes(view)
    apart = [axis.number - 1 for axis in (view.header.axes.spectral, view.header.axes.stokes) if axis]
    others = [axis for axis in range(len(view.hdu.axes)) if axis not in apart]
    if len(others) < 2:
        raise usage(
            "A spectrum is summed up over two axes beside the spectral one, which this image has not."
        )
    return others[0], others[1]


def _labels(boxed: Boxed) -> tuple[str | None, ...]:
    """The polarisation of each plane that is neither spectral nor of the sky."""
    view, axes = boxed.view, boxed.view.header.axes
    spectral = axes.spectral
    apart = {*_summed_axes(view), *(() if spectral is None else (spectral.number - 1,))}
    planes = 1
    for axis, length in enumerate(boxed.box.shape):
        planes *= 1 if axis in apart else length
    if view.stokes is not None and axes.stokes is not None:
        start, stop = boxed.box.spans[axes.stokes.number - 1]
        if stop - start == planes:  # a code without a name has none here
            return (*view.stokes, *(None,) * stop)[start:stop]
    return (None,) * planes
