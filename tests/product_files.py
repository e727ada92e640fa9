"""Small products for the tests of the header pass: an image header by cards, and a file by astropy."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
from astropy.io import fits

from vo_service.holdings.header import ImageHeader
from vo_service.holdings.records import FoundFile, Product
from vo_service.pixels import Keywords, read_axes

CASES = Path(__file__).parent / "holdings" / "cases"

SKY = {
    "CTYPE1": "RA---SIN", "CRVAL1": 204.25, "CRPIX1": 33.0, "CDELT1": -1e-4, "CUNIT1": "deg",
    "CTYPE2": "DEC--SIN", "CRVAL2": -29.87, "CRPIX2": 33.0, "CDELT2": 1e-4, "CUNIT2": "deg",
}  # fmt: skip
FREQUENCY = {"CTYPE3": "FREQ", "CRVAL3": 2.3e11, "CRPIX3": 1.0, "CDELT3": 1e6, "CUNIT3": "Hz"}
STOKES = {"CTYPE4": "STOKES", "CRVAL4": 1.0, "CRPIX4": 1.0, "CDELT4": 1.0}


def header_of(cards: dict[str, object], shape: tuple[int, ...] = (64, 64, 10, 1)) -> ImageHeader:
    """The header that a step sees, from cards alone."""
    keys = Keywords(cards)
    return ImageHeader(keys, read_axes(keys, shape))


def product_at(path: str = "a.fits") -> Product:
    """A product of which only the path is known."""
    return Product(file=FoundFile("r", path, 0, 0))


def write_product(path: Path, shape: tuple[int, ...] = (1, 10, 64, 64), **cards: object) -> FoundFile:
    """Writes an image (numpy order) with sky, frequency and Stokes axes; ``None`` takes a card away."""
    hdu = fits.PrimaryHDU(np.zeros(shape, dtype=np.float32))
    base = {"BUNIT": "Jy/beam", "BMAJ": 2e-4, "BMIN": 1e-4, "BPA": 10.0, "OBJECT": "M83", "TELESCOP": "ALMA"}
    for key, value in (base | SKY | FREQUENCY | STOKES | cards).items():
        if value is not None:
            hdu.header[key.replace("__", "-")] = value
    path.parent.mkdir(parents=True, exist_ok=True)
    hdu.writeto(path, overwrite=True)
    return FoundFile("r", path.name, path.stat().st_size, path.stat().st_mtime_ns)


def rewrite_card(path: Path, key: str, text: str) -> None:
    """Puts ``text`` behind the equals sign of a card as it is, which astropy would not write."""
    raw = path.read_bytes()
    at = next(i for i in range(0, len(raw), 80) if raw[i : i + 8] == f"{key:<8}".encode())
    path.write_bytes(raw[:at] + f"{key:<8}= {text}".ljust(80).encode() + raw[at + 80 :])


def read_cases(name: str) -> list[dict[str, str]]:
    """Rows of a table of cases."""
    with (CASES / name).open(newline="") as file:
        return list(csv.DictReader(file))
