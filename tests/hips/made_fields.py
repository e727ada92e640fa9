"""Fields for tests of image trees: FITS files by numpy and astropy, with a plain reader of their own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS
from numpy.typing import NDArray

from vo_service.pixels.axes import read_axes
from vo_service.pixels.celestial import Celestial
from vo_service.pixels.fits_header import FitsError, parse_header
from vo_service.pixels.sky_plane import SkyPlane

Floats = NDArray[np.float32]
ARCSEC = 1.0 / 3600.0


def header_of(
    ra: float, dec: float, pixel: float, size: tuple[int, int], projection: str = "TAN", turned: float = 0.0
) -> fits.Header:
    """An image of ``size`` (x, y) pixels of ``pixel`` degrees round a place, turned by some degrees."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = [f"RA---{projection}", f"DEC--{projection}"]
    wcs.wcs.crval = [ra, dec]
    wcs.wcs.crpix = [(size[0] + 1) / 2.0, (size[1] + 1) / 2.0]
    wcs.wcs.cdelt = [-pixel, pixel]
    angle = np.radians(turned)
    wcs.wcs.pc = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    wcs.wcs.radesys = "ICRS"
    return wcs.to_header()


def plane_of(header: fits.Header, size: tuple[int, int]) -> SkyPlane:
    """The sky of a header, by the project's reader."""
    raw = header.tostring().encode("ascii")
    keys = parse_header(raw).keywords
    return SkyPlane(Celestial(keys, read_axes(keys, size)), None)


@dataclass(frozen=True)
class OpenFile:
    """A plane with the pixels of a file."""

    sky: SkyPlane
    size: tuple[int, int]
    array: Floats
    counts: Floats | None

    def values(self, x: tuple[int, int], y: tuple[int, int]) -> Floats:
        return np.asarray(self.array[y[0] : y[1], x[0] : x[1]], dtype=np.float32)

    def weights(self, x: tuple[int, int], y: tuple[int, int]) -> Floats | None:
        if self.counts is None:
            return None
        return np.asarray(self.counts[y[0] : y[1], x[0] : x[1]], dtype=np.float32)


@dataclass(frozen=True)
class FileField:
    """A field in a FITS file, with weights in another where ``weights`` names one."""

    name: str
    path: Path
    pixel_scale: float
    resolution: float
    state: str = "1"
    weight: float = 1.0
    weights_path: Path | None = None

    @contextmanager
    def open(self) -> Iterator[OpenFile]:
        try:
            with fits.open(self.path, memmap=True) as hdus:
                array, header = hdus[0].data, hdus[0].header
                counts = None if self.weights_path is None else fits.getdata(self.weights_path)
                size = array.shape[1], array.shape[0]
                yield OpenFile(plane_of(header, size), size, array, counts)
        except (TypeError, AttributeError) as error:
            raise FitsError("truncated", f"{self.name} is no image") from error

    def changed(self, state: str) -> FileField:
        """The same field, with other pixels."""
        return replace(self, state=state)


def write_field(
    path: Path,
    values: NDArray[np.floating],
    header: fits.Header,
    *,
    name: str | None = None,
    beam: float | None = None,
    weight: float = 1.0,
    weights: NDArray[np.floating] | None = None,
) -> FileField:
    """A FITS file of ``values`` (rows, columns), and the field that it is; ``beam`` in degrees."""
    fits.writeto(path, values.astype(np.float32), header, overwrite=True)
    scale = float(np.sqrt(abs(header["CDELT1"] * header["CDELT2"])))
    weights_path = None
    if weights is not None:
        weights_path = path.with_suffix(".weights.fits")
        fits.writeto(weights_path, weights.astype(np.float32), header, overwrite=True)
    return FileField(
        name=name or path.stem,
        path=path,
        pixel_scale=scale,
        resolution=beam or scale,
        weight=weight,
        weights_path=weights_path,
    )


def sources_of(
    size: tuple[int, int], places: list[tuple[float, float, float]], width: float
) -> NDArray[np.float64]:
    """Round Gaussians ``(x, y, peak)``, pixels counted from 0, of ``width`` pixels (full, at half height)."""
    y, x = np.mgrid[0 : size[1], 0 : size[0]].astype(np.float64)
    sigma = width / 2.354820045
    image = np.zeros((size[1], size[0]))
    for at_x, at_y, peak in places:
        image += peak * np.exp(-((x - at_x) ** 2 + (y - at_y) ** 2) / (2.0 * sigma**2))
    return image
