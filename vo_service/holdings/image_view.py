"""What has to be known of one image to take pixels from it by place, frequency and polarisation: understood
by the steps of the ingest, so that a cut never disagrees with the rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vo_service.holdings.celestial import find_plane, place_on_sky
from vo_service.holdings.describe import run_each_step
from vo_service.holdings.header import ImageHeader
from vo_service.holdings.polarisation import labels_of
from vo_service.holdings.read import describe_layout
from vo_service.holdings.records import FoundFile, Product, ProductError
from vo_service.holdings.spectral_axis import pointing_of, understood_axis, why_no_frequencies
from vo_service.pixels import CelestialError, FitsFile, Hdu
from vo_service.pixels.axes import coupling_fault
from vo_service.pixels.sky_plane import SkyPlane
from vo_service.spectral import Frame, FrameUnknown, Pointing, frame_of, from_barycentric, to_barycentric

Doubles = NDArray[np.float64]
_LOOKS = 33
"""Places along each side of an image at which it is looked for on the sky."""


@dataclass(frozen=True, slots=True)
class SpectralView:
    """``edges`` (channels + 1): frequencies (Hz) of the borders between channels in the frame of the file,
    all rising or all falling. ``frame`` is None where it is not known: then the edges stand for barycentric
    ones (design 4.4).
    """

    edges: Doubles
    frame: Frame | None
    pointing: Pointing | None
    rest: float | None

    def own(self, frequency: Doubles, frame: Frame = Frame.BARY) -> Doubles:
        """Frequencies (Hz) of a frame, as this file has them. Raises FrameUnknown where the one or the other
        cannot be converted."""
        if frame is self.frame:
            return frequency
        if self.frame is None:
            if frame is Frame.BARY:
                return frequency
            raise FrameUnknown("the spectral frame of the file is not known")
        return from_barycentric(to_barycentric(frequency, frame, self.pointing), self.frame, self.pointing)

    def barycentric(self, frequency: Doubles) -> Doubles | None:
        """Frequencies (Hz) of the file in the frame of the barycentre; None where they cannot be had."""
        if self.frame is None:
            return None
        try:
            return to_barycentric(frequency, self.frame, self.pointing)
        except FrameUnknown:
            return None


@dataclass(frozen=True, slots=True)
class ImageView:
    """An image as it is described: ``product`` tells unit, beam, polarisations, dates and redshift.

    ``sky`` and ``spectral`` are None where it has no such axes, or none that can be used: ``sky_fault`` says
    why not, ``spectral_fault`` why channels have no frequencies of their own (of a single one, that those
    differ within it). ``sky`` is there too where the image has no outline on the sky, as one of all of it.
    ``stokes`` has the label of each plane of polarisation, None where its code names none, and is None
    without such an axis.
    """

    product: Product
    fits: FitsFile
    hdu: Hdu
    header: ImageHeader
    sky: SkyPlane | None
    spectral: SpectralView | None
    stokes: tuple[str | None, ...] | None
    sky_fault: str | None = None
    spectral_fault: str | None = None


def view_image(found: FoundFile, fits: FitsFile) -> ImageView:
    """The science image of a file. Raises ProductError ``no_pixels`` where it has none, and ``bad_header``
    where its tables cannot be read."""
    hdu = fits.image()
    product, header = describe_layout(Product(file=found), fits)
    if hdu is None or header is None:
        raise ProductError("no_pixels", f"{found.path.rpartition('/')[2]} holds no image")
    product, failures = run_each_step(product, header)
    sky, sky_fault = _sky(header, failures.get(place_on_sky))
    spectral, spectral_fault = _spectral(product, header)
    axis = header.axes.stokes
    stokes = None if axis is None or axis.fault is not None else labels_of(axis)
    return ImageView(product, fits, hdu, header, sky, spectral, stokes, sky_fault, spectral_fault)


def _sky(header: ImageHeader, failed: ProductError | None) -> tuple[SkyPlane | None, str | None]:
    """The plane of the sky, or why there is none. Where the image has no outline (``failed``) its pixels may
    have places all the same; what lies beside the projection altogether has none."""
    pair = header.axes.celestial
    if pair is None:
        return None, None if failed is None else failed.message
    try:
        plane = find_plane(header)
    except CelestialError as error:
        return None, error.message
    coupled = coupling_fault(header.keywords, header.axes, pair)
    if coupled is not None:
        return None, coupled.message
    if failed is not None and not _is_seen(plane):
        return None, failed.message
    return plane, None


def _is_seen(plane: SkyPlane) -> bool:
    """Whether some pixels lie on the projection."""
    x, y = (np.linspace(1.0, length, _LOOKS) for length in plane.celestial.size)
    return not np.isnan(plane.grid(x, y)).all()


def _spectral(product: Product, header: ImageHeader) -> tuple[SpectralView | None, str | None]:
    """The frequencies, or why there are none: a single channel without them is what the row says of it."""
    measured = header.axes.spectral
    if measured is None:
        return None, None
    coupled = coupling_fault(header.keywords, header.axes, [measured])
    if coupled is not None:
        return None, coupled.message
    axis, coverage = understood_axis(header), product.spectral
    if axis is None or coverage is None:
        return None, None if measured.length == 1 else why_no_frequencies(product)
    edges = axis.frequency(np.arange(0.5, axis.axis.length + 1.0))
    frame = frame_of(coverage.specsys) if coverage.specsys is not None else None
    return SpectralView(edges, frame, pointing_of(product, header.keywords), product.rest_frequency), None
