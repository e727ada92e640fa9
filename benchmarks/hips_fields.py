"""Fields for trees: FITS images all over the sky with sources whose place and flux are known."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.wcs import WCS

from hips.images.field import Span, Values
from hips.tiles.grid import order_for
from vo_service.pixels.axes import read_axes
from vo_service.pixels.celestial import Celestial
from vo_service.pixels.fits_header import parse_header
from vo_service.pixels.sky_plane import SkyPlane

ARCSEC = 1.0 / 3600.0
FINEST, COARSEST = 0.05, 1.0  # arcsec
BEAM_PIXELS = 4.5
NOISE = 3e-4
"""Of the peak of the brightest source."""
_SIGMA = BEAM_PIXELS / math.sqrt(8.0 * math.log(2.0))
_PEAKS = np.geomspace(1.0, 0.3, 4)
_MIDDLES = np.array([[0.25, 0.25], [0.75, 0.25], [0.25, 0.75], [0.75, 0.75]])
"""Of the sources, as shares of the sides: each is somewhere in a quarter of its own."""
_REACH = 40
"""Pixels from a source up to which it is planted."""
_BLOCK = 2880
_GOLDEN = math.pi * (3.0 - math.sqrt(5.0))


@dataclass(frozen=True, slots=True)
class Source:
    """A round Gaussian: ICRS degrees, and the sum of its values times the solid angle of a pixel in sr."""

    ra: float
    dec: float
    flux: float


@dataclass(frozen=True, slots=True)
class OpenImage:
    """Pixels mapped into memory: implements hips.images.field.Plane."""

    sky: SkyPlane
    array: Values

    @property
    def size(self) -> tuple[int, int]:
        """As of Plane."""
        return self.array.shape[1], self.array.shape[0]

    def values(self, x: Span, y: Span) -> Values:
        """As of Plane."""
        return np.asarray(self.array[y[0] : y[1], x[0] : x[1]], dtype=np.float32)

    def weights(self, x: Span, y: Span) -> Values | None:
        """All pixels count the same."""
        return None


@dataclass(frozen=True, slots=True)
class ImageField:
    """A FITS file of one plane: implements hips.images.field.Field. ``pixel_scale`` in degrees."""

    path: Path
    pixel_scale: float
    sources: tuple[Source, ...]
    state: str = "1"
    weight: float = 1.0

    @property
    def name(self) -> str:
        """Of the file."""
        return self.path.stem

    @property
    def resolution(self) -> float:
        """As of Field."""
        return BEAM_PIXELS * self.pixel_scale

    @property
    def order(self) -> int:
        """The deepest order that it needs (HIPS-006)."""
        return order_for(self.pixel_scale)

    @contextmanager
    def open(self) -> Iterator[OpenImage]:
        """As of Field."""
        with self.path.open("rb") as file:
            keywords = parse_header(file.read(_BLOCK)).keywords
        side = keywords.integer("NAXIS1")
        assert side is not None
        sky = SkyPlane(Celestial(keywords, read_axes(keywords, (side, side))), None)
        yield OpenImage(sky, np.memmap(self.path, ">f4", "r", _BLOCK, shape=(side, side)))


def make_fields(folder: Path, count: int, side: int, seed: int = 0) -> list[ImageField]:
    """Fields of ``side`` x ``side`` pixels, evenly over the sky, none of which overlap; their pixels go from
    `FINEST` to `COARSEST` in equal ratios, in mixed order."""
    random = np.random.default_rng(seed)
    scales = np.geomspace(FINEST, COARSEST, count) if count > 1 else np.array([0.2])
    made = []
    for number, scale in enumerate(random.permutation(scales).tolist()):
        dec = math.degrees(math.asin(0.98 * (1.0 - (2 * number + 1) / count)))
        ra = math.degrees(number * _GOLDEN) % 360.0
        made.append(_make(folder / f"field{number:03d}.fits", ra, dec, scale * ARCSEC, side, random))
    return made


def _make(
    path: Path, ra: float, dec: float, pixel: float, side: int, random: np.random.Generator
) -> ImageField:
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---SIN", "DEC--SIN"]
    wcs.wcs.crval = [ra, dec]
    wcs.wcs.crpix = [(side + 1) / 2.0] * 2
    wcs.wcs.cdelt = [-pixel, pixel]
    wcs.wcs.radesys = "ICRS"
    pixels = random.normal(0.0, NOISE, (side, side)).astype(np.float32)
    places = side * _MIDDLES + random.uniform(-0.5, 0.5, (4, 2)) * (side / 2.0 - 2.0 * _REACH)
    for place, peak in zip(places.tolist(), _PEAKS.tolist()):
        _plant(pixels, *place, peak)
    fluxes = 2.0 * math.pi * _SIGMA**2 * _PEAKS * math.radians(pixel) ** 2
    fits.writeto(path, pixels, wcs.to_header(), overwrite=True)
    assert path.stat().st_size - _BLOCK >= pixels.nbytes
    positions = wcs.all_pix2world(places, 0)
    sources = [Source(*place, flux) for place, flux in zip(positions.tolist(), fluxes.tolist())]
    return ImageField(path, pixel, tuple(sources))


def _plant(pixels: Values, x: float, y: float, peak: float) -> None:
    left, low = round(x) - _REACH, round(y) - _REACH
    box = slice(low, low + 2 * _REACH), slice(left, left + 2 * _REACH)
    rows, columns = np.mgrid[box]
    pixels[box] += peak * np.exp(-((rows - y) ** 2 + (columns - x) ** 2) / (2.0 * _SIGMA**2))


def write_list(path: Path, fields: Sequence[ImageField]) -> None:
    """Fields in a file, for another process."""
    path.write_text(json.dumps([asdict(one) | {"path": str(one.path)} for one in fields]), encoding="utf-8")


def read_list(path: Path) -> list[ImageField]:
    """What `write_list` wrote."""
    return [
        ImageField(
            **one | {"path": Path(one["path"]), "sources": tuple(Source(**each) for each in one["sources"])}
        )
        for one in json.loads(path.read_text(encoding="utf-8"))
    ]
