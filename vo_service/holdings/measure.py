"""The pixels of a described product measured, with the places and frequencies that its header gives them."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from vo_service.holdings.celestial import find_plane
from vo_service.holdings.header import ImageHeader
from vo_service.holdings.measurement import Measurement, PeakSpectrum, PixelLimits, Placing
from vo_service.holdings.read import describe_layout, read_error, read_headers
from vo_service.holdings.records import Product, ProductError
from vo_service.holdings.spectral_axis import channel_frequencies
from vo_service.pixels import CelestialError, FitsError, FitsFile, TruncatedFits
from vo_service.pixels.measure import ImageMeasurement, measure_image
from vo_service.pixels.sky_plane import SkyPlane
from vo_service.pixels.sources import ByteSource
from vo_service.pixels.spectrum import PlaneSpectrum
from vo_service.spectral.candidates import FEWEST_CHANNELS

STOKES_I = 1


def measure_product(product: Product, source: ByteSource, limits: PixelLimits) -> Measurement:
    """What the pixels of a product's image tell, in one reading of them.

    Peak, noise and spectrum are of Stokes I, or else of the first polarisation; counts and statistics of all
    pixels. Of an image without a celestial WCS in its first two axes nothing is said that needs one: outline,
    area, MOC and positions are None. A spectrum has a cube of two or more channels alone. An image without a
    valid pixel has no outline, the area 0 and no rms. What was left out for a reason of the image's own is
    told in ``remark``.

    Raises ProductError: ``no_pixels`` (no image), ``changed`` (the header is not the one described, or the
    file changed while it was read), ``too_large`` (beyond ``limits``), and those of reading: ``truncated
    not_fits not_gzip bad_header unreadable permission``.
    """
    if product.layout is None:
        raise ProductError("no_pixels", f"{source.name} holds no image")
    fits = _read_again(product, source)
    _, header = describe_layout(product, fits)
    image = fits.image()
    if header is None or image is None:
        raise ProductError("no_pixels", f"{source.name} holds no image")
    sky = _sky_of(product, header)
    try:
        found = measure_image(
            source,
            image,
            compressed=fits.compressed,
            limits=limits,
            sky=sky,
            planes=choose_planes(header),
        )
    except FitsError as error:
        raise ProductError(error.kind, error.message, error.item) from error
    except OSError as error:
        raise read_error(error, source.name) from error
    return _to_measurement(product, found, header, sky)


def _read_again(product: Product, source: ByteSource) -> FitsFile:
    try:
        fits = read_headers(source)
    except TruncatedFits as error:
        raise ProductError(error.kind, error.message, error.item) from error
    if product.header_digest is not None and fits.digest != product.header_digest:
        raise ProductError("changed", f"{source.name} has other headers than when it was described")
    return fits


def _sky_of(product: Product, header: ImageHeader) -> SkyPlane | None:
    """Where the first two axes lie; None where the header pass found no place, or other axes have one."""
    pair = header.axes.celestial
    if product.sky is None or pair is None or {axis.number for axis in pair} != {1, 2}:
        return None
    try:
        return find_plane(header)
    except CelestialError as error:
        raise ProductError("bad_wcs", error.message, error.keyword, error.value) from error


def choose_planes(header: ImageHeader) -> NDArray[np.int64]:
    """Numbers (from 0) of the planes of Stokes I, or of the first polarisation where there is no I."""
    lengths = [axis.length for axis in header.axes.axes[2:]]
    planes: NDArray[np.int64] = np.arange(math.prod(lengths), dtype=np.int64).reshape(lengths[::-1])
    stokes = header.axes.stokes
    if stokes is not None and stokes.number > 2:
        codes = [stokes.value_at(pixel) for pixel in range(1, stokes.length + 1)]
        chosen = next((place for place, code in enumerate(codes) if abs(code - STOKES_I) < 0.01), 0)
        planes = np.asarray(planes.take(chosen, axis=len(lengths) - (stokes.number - 2)))
    return planes.ravel()


def _to_measurement(
    product: Product, found: ImageMeasurement, header: ImageHeader, sky: SkyPlane | None
) -> Measurement:
    planes, peak = found.planes, found.planes.image_peak
    places = _places(planes, sky)
    valid = found.valid
    spectrum = _spectrum_of(product, planes, places, header)
    return Measurement(
        content_hash=found.content_hash,
        pixel_count=found.pixel_count,
        valid_count=found.valid_count,
        statistics=found.statistics,
        outline=None if valid is None else valid.outline,
        area=None if valid is None else valid.area,
        moc=None if valid is None else valid.moc,
        moc_order=None if valid is None else valid.moc_order,
        rms=_known(planes.image_rms),
        peak=None if peak is None else peak.value,
        peak_ra=None if peak is None else _known(places[peak.plane, 0]),
        peak_dec=None if peak is None else _known(places[peak.plane, 1]),
        dynamic_range=_known(planes.dynamic_range),
        spectrum=spectrum,
        blanked=found.blanked,
        blank=header.keywords.written("BLANK") if found.blanked else None,
        placing=_placing(product, header, sky),
        remark=_remark(found, header, sky, spectrum),
    )


def _remark(
    found: ImageMeasurement, header: ImageHeader, sky: SkyPlane | None, spectrum: PeakSpectrum | None
) -> str | None:
    """What could not be measured of an image with valid pixels, and why; None where nothing is missing."""
    if not found.valid_count:
        return None
    told = [_unplaced(found, header, sky)]
    if not math.isfinite(found.planes.image_rms):
        told.append("no rms: too few values, or they are not distributed as noise is")
    told.append(_unseparated(header) if spectrum is None else _unsearched(spectrum))
    return "; ".join(each for each in told if each is not None) or None


def _unplaced(found: ImageMeasurement, header: ImageHeader, sky: SkyPlane | None) -> str | None:
    """Why there is no outline."""
    pair = header.axes.celestial
    if sky is None and pair is None:
        return "no outline and no positions: the image has no celestial axes"
    if sky is None and pair is not None and {axis.number for axis in pair} != {1, 2}:
        return "no outline and no positions: the celestial axes are not the first two"
    if sky is None:
        return "no outline and no positions: the header does not tell where on the sky the image lies"
    if found.valid is not None and found.valid.outline is None:
        return "no outline: the border of the valid pixels is none on the sky"
    return None


def _unseparated(header: ImageHeader) -> str | None:
    """Why an image with channels has no spectrum; None where it has no channels."""
    axis = header.axes.spectral
    if axis is None or axis.length < 2:
        return None
    if axis.number < 3:
        return f"no spectrum and lines not searched: the spectral axis is axis {axis.number} of the image"
    others = [
        f"axis {each.number} ({each.ctype or 'no CTYPE'}) of {each.length}"
        for each in header.axes.axes[2:]
        if each.length > 1 and each.kind != "stokes" and each.number != axis.number
    ]
    return f"no spectrum and lines not searched: there is {' and '.join(others)} beside the channels"


def _unsearched(spectrum: PeakSpectrum) -> str | None:
    """Why no lines can be found in a spectrum."""
    placed = np.isfinite(spectrum.frequency) & (spectrum.frequency > 0.0)
    if not placed.any():
        return "lines not searched: the frequencies of the channels are not known"
    usable = placed & np.isfinite(spectrum.peak) & (spectrum.rms > 0.0)
    count = int(np.count_nonzero(usable))
    if count >= FEWEST_CHANNELS:
        return None
    return f"lines not searched: {count} usable channels, fewer than {FEWEST_CHANNELS}"


def _placing(product: Product, header: ImageHeader, sky: SkyPlane | None) -> Placing | None:
    if sky is None or product.sky is None:
        return None
    columns, rows = sky.celestial.size
    middle = (1 + columns) / 2, (1 + rows) / 2
    pixels = [middle, (1, 1), (columns, 1), (columns, rows), (1, rows)]
    places = sky.positions(np.array(pixels, dtype=np.float64))
    number = sky.celestial.longitude.number
    names = [f"{card}{number}" for card in ("CTYPE", "CRVAL", "CDELT")]
    return Placing(
        sky.celestial.projection,
        tuple((float(ra), float(dec)) for ra, dec in places),
        product.sky.pixel_scale,
        tuple((name, header.keywords.written(name)) for name in names),
    )


def _places(planes: PlaneSpectrum, sky: SkyPlane | None) -> NDArray[np.float64]:
    """(planes, 2) right ascension and declination of the peaks, NaN where there is none."""
    places = np.full((len(planes.peak), 2), math.nan)
    known = planes.x > 0
    if sky is not None and known.any():
        places[known] = sky.positions(np.column_stack([planes.x, planes.y])[known].astype(np.float64))
    return places


def _spectrum_of(
    product: Product, planes: PlaneSpectrum, places: NDArray[np.float64], header: ImageHeader
) -> PeakSpectrum | None:
    """One entry a channel; the frequencies are NaN where the header pass found none."""
    axis = header.axes.spectral
    if axis is None or axis.number < 3 or axis.length < 2 or axis.length != len(planes.peak):
        return None
    frequency = None if product.spectral is None else channel_frequencies(header)
    return PeakSpectrum(
        channel=np.arange(1, axis.length + 1, dtype=np.int32),
        frequency=np.full(axis.length, math.nan) if frequency is None else frequency,
        peak=planes.peak,
        rms=planes.rms,
        ra=places[:, 0],
        dec=places[:, 1],
    )


def _known(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
