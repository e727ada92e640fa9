"""Images in memory for quick looks, planes on the sky, and what stands in a PNG."""

from __future__ import annotations

import io

import numpy as np
from astropy.io import fits
from PIL import Image

from vo_service.holdings.celestial import turn_from_icrs, turn_to_icrs
from vo_service.pixels import Celestial, Keywords, read_axes
from vo_service.pixels.cutout.box import Box
from vo_service.pixels.quicklook.words import Picture
from vo_service.pixels.sky_plane import SkyPlane


class InMemory:
    """An array (numpy order) as an image that is read by boxes; it keeps what the largest was."""

    def __init__(self, values: np.ndarray) -> None:
        self.values = values
        self.largest = 0

    @property
    def axes(self) -> tuple[int, ...]:
        return tuple(reversed(self.values.shape))

    def read(self, box: Box) -> np.ndarray:
        self.largest = max(self.largest, box.pixels)
        return self.values[tuple(slice(*span) for span in reversed(box.spans))].copy()


def cards_of(columns: int, rows: int, **changed: object) -> fits.Header:
    """A header of arcseconds a pixel, east to the left, with changes."""
    cards = {
        "CTYPE1": "RA---TAN", "CRVAL1": 83.6, "CRPIX1": (columns + 1) / 2, "CDELT1": -1 / 3600,
        "CTYPE2": "DEC--TAN", "CRVAL2": -5.4, "CRPIX2": (rows + 1) / 2, "CDELT2": 1 / 3600,
        "CUNIT1": "deg", "CUNIT2": "deg", "RADESYS": "ICRS",
    }  # fmt: skip
    header = fits.Header()
    for key, value in (cards | changed).items():
        if value is not None:
            header[key] = value
    return header


def plane_of(columns: int, rows: int, frame: str = "ICRS", **changed: object) -> SkyPlane:
    """The plane of an image with such cards, as the holdings understand it."""
    keys = Keywords(dict(cards_of(columns, rows, **changed)))
    year = 1950.0 if frame == "FK4" else 2000.0
    celestial = Celestial(keys, read_axes(keys, (columns, rows)))
    return SkyPlane(celestial, turn_to_icrs(frame, year), turn_from_icrs(frame, year))


def pixels_of(picture: Picture) -> np.ndarray:
    """(rows from the top, columns, 3 or 4) of the whole PNG."""
    return np.asarray(Image.open(io.BytesIO(picture.png)))


def framed(picture: Picture) -> np.ndarray:
    """The part that shows data, rows from the top."""
    left, top, width, height = picture.frame
    return pixels_of(picture)[top : top + height, left : left + width]


def lightness(pixels: np.ndarray) -> np.ndarray:
    """About how light each pixel is to the eye, from 0 to 255."""
    return pixels[..., :3] @ np.array([0.2126, 0.7152, 0.0722])
