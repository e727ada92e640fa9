"""What the pixels of a file say, by astropy and numpy: what a reading of all pixels must find.

A pixel of the sky is valid where any channel or polarisation has a number. The area is the sum of the solid
angles of these pixels, each between its four corners. The peak is the highest value of all planes, the first
of equal ones in the order of the file.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class PixelTruth:
    """Values of truth.json that need the pixels; None where none of them is a number.

    ``content_hash`` is the sha256 (hexadecimal) of the pixels as they stand uncompressed and big-endian in
    the data unit; ``pixel_count`` and ``valid_count`` count values, ``valid_area`` is in square degrees,
    ``peak`` in the unit of the image, ``peak_channel`` counts from 1.
    """

    content_hash: str
    pixel_count: int
    valid_count: int
    valid_area: float | None
    peak: float | None
    peak_ra: float | None
    peak_dec: float | None
    peak_channel: int | None


def read_pixels(image: fits.PrimaryHDU | fits.ImageHDU) -> PixelTruth:
    """Read an image whose first two axes lie on the sky; its pixels are not scaled (BSCALE 1, BZERO 0)."""
    pixels: NDArray[np.generic] = np.asarray(image.data)
    header = image.header
    digest = hashlib.sha256(pixels.astype(pixels.dtype.newbyteorder(">"), copy=False).tobytes()).hexdigest()
    finite = np.isfinite(pixels)
    valid = int(finite.sum())
    if not valid:
        return PixelTruth(digest, pixels.size, 0, None, None, None, None, None)
    planes = pixels.reshape(-1, *pixels.shape[-2:])
    sky = finite.reshape(planes.shape).any(axis=0)
    wcs = WCS(header).celestial
    plane, y, x = np.unravel_index(int(np.nanargmax(planes)), planes.shape)
    place = wcs.pixel_to_world(float(x), float(y)).icrs
    return PixelTruth(
        content_hash=digest,
        pixel_count=pixels.size,
        valid_count=valid,
        valid_area=_area(wcs, sky),
        peak=float(planes[plane, y, x]),
        peak_ra=float(place.ra.deg),
        peak_dec=float(place.dec.deg),
        peak_channel=int(plane) % _channels(header) + 1,
    )


def _channels(header: fits.Header) -> int:
    """Length of the third axis where that is the spectral one: polarisations stand behind it."""
    stokes = str(header.get("CTYPE3", "")).strip() == "STOKES"
    return 1 if stokes or header["NAXIS"] < 3 else int(header["NAXIS3"])


def _area(wcs: WCS, valid: NDArray[np.bool_]) -> float:
    """Square degrees of the pixels that are valid."""
    ny, nx = valid.shape
    y, x = np.mgrid[0 : ny + 1, 0 : nx + 1] - 0.5
    ra, dec = (np.radians(angle).reshape(y.shape) for angle in wcs.wcs_pix2world(x.ravel(), y.ravel(), 0))
    corners = np.stack((np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)), axis=-1)
    across = corners[1:, 1:] - corners[:-1, :-1]
    along = corners[1:, :-1] - corners[:-1, 1:]
    areas = 0.5 * np.linalg.norm(np.cross(across, along), axis=-1)
    return float(areas[valid].sum() * np.degrees(1.0) ** 2)
