"""What has to be known of one image to take pixels from it by place, frequency and polarisation: understood
by the steps of the ingest, so that a cut never disagrees with the rows.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from vo_service.holdings.celestial import find_plane
from vo_service.holdings.describe import run_steps
from vo_service.holdings.header import ImageHeader
from vo_service.holdings.polarisation import labels_of
from vo_service.holdings.read import describe_layout
from vo_service.holdings.records import FoundFile, Product, ProductError
from vo_service.holdings.spectral_axis import pointing_of, understood_axis
from vo_service.pixels import FitsFile, Hdu
from vo_service.pixels.sky_plane import SkyPlane
from vo_service.spectral import Frame, FrameUnknown, Pointing, frame_of, from_barycentric, to_barycentric

Doubles = NDArray[np.float64]


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
    """An image as it is described: ``product`` tells unit, beam, polarisations, dates and redshift. ``sky``
    and ``spectral`` are None where it has no such axes, or none that can be used; ``stokes`` has the label of
    each plane of polarisation, None where its code names none, and is None without such an axis."""

    product: Product
    fits: FitsFile
    hdu: Hdu
    header: ImageHeader
    sky: SkyPlane | None
    spectral: SpectralView | None
    stokes: tuple[str | None, ...] | None


def view_image(found: FoundFile, fits: FitsFile) -> ImageView:
    """The science image of a file. Raises ProductError ``no_pixels`` where it has none, and ``bad_header``
    where its tables cannot be read."""
    hdu = fits.image()
    product, header = describe_layout(Product(file=found), fits)
    if hdu is None or header is None:
        raise ProductError("no_pixels", f"{found.path.rpartition('/')[2]} holds no image")
    product = run_steps(product, header)
    sky = None if product.sky is None else find_plane(header)
    axis = header.axes.stokes
    stokes = None if axis is None or axis.fault is not None else labels_of(axis)
    return ImageView(product, fits, hdu, header, sky, _spectral(product, header), stokes)


def _spectral(product: Product, header: ImageHeader) -> SpectralView | None:
    axis = understood_axis(header)
    coverage = product.spectral
    if axis is None or coverage is None:
        return None
    edges = axis.frequency(np.arange(0.5, axis.axis.length + 1.0))
    frame = frame_of(coverage.specsys) if coverage.specsys is not None else None
    return SpectralView(edges, frame, pointing_of(product, header.keywords), product.rest_frequency)
