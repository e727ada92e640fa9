"""A cube like those of ALMA, plain and of any size, and where its pixels lie on the sky and in frequency."""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, radians
from pathlib import Path

import numpy as np
from astropy.io import fits

C = 299792458.0
RA, DEC = 165.4663, -34.7047
CELL = 0.02 / 3600
FREQUENCY, CHANNEL = 230.538e9, 1e6
ITEM = 4

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Cut:
    """Pixels that are wanted, from 0 and half open, along RA, DEC and FREQ."""

    x: Span
    y: Span
    z: Span

    @property
    def shape(self) -> tuple[int, int, int]:
        """Pixels along each axis."""
        (x0, x1), (y0, y1), (z0, z1) = self.x, self.y, self.z
        return x1 - x0, y1 - y0, z1 - z0

    @property
    def size(self) -> int:
        """Bytes of the pixels."""
        x, y, z = self.shape
        return x * y * z * ITEM


@dataclass(frozen=True, slots=True)
class Cube:
    """A cube of ``side`` x ``side`` pixels and so many channels round a position (degrees, ICRS), in a file
    whose data begin at ``start``."""

    path: Path
    side: int
    channels: int
    start: int
    ra: float = RA
    dec: float = DEC

    @property
    def size(self) -> int:
        """Bytes of the pixels."""
        return self.side * self.side * self.channels * ITEM

    def square(self, across: int, first: int, channels: int, place: Span | None = None) -> Cut:
        """So many pixels (an odd number) each way round a pixel, by default the one in the middle."""
        x, y = place or (self.side // 2, self.side // 2)
        half = across // 2
        return Cut((x - half, x + half + 1), (y - half, y + half + 1), (first, first + channels))

    def planes(self, first: int, channels: int) -> Cut:
        """Whole planes."""
        return Cut((0, self.side), (0, self.side), (first, first + channels))

    def parameters(self, cut: Cut) -> dict[str, str]:
        """CIRCLE and BAND that a cut is the answer to; an axis that is kept whole has none.

        The circle ends in the middle of the outermost pixels, the band near that of the outermost channels.
        """
        made = {}
        (x0, x1), (y0, y1), (z0, z1) = cut.x, cut.y, cut.z
        if x1 - x0 < self.side:
            middle = self.side // 2
            lat = self.dec + ((y0 + y1 - 1) / 2 - middle) * CELL
            lon = self.ra - ((x0 + x1 - 1) / 2 - middle) * CELL / cos(radians(lat))
            made["CIRCLE"] = f"{lon:.10f} {lat:.10f} {max((x1 - x0 - 1) / 2, 0.2) * CELL:.12f}"
        if z1 - z0 < self.channels:
            low, high = (FREQUENCY + (place - self.channels // 2) * CHANNEL for place in (z0 - 0.2, z1 - 0.8))
            made["BAND"] = f"{C / high:.15g} {C / low:.15g}"
        return made


def write_cube(
    path: Path,
    side: int = 2048,
    channels: int = 128,
    seed: int = 7,
    place: tuple[float, float] = (RA, DEC),
) -> Cube:
    """Write the cube with noise, unless it is there. Barycentric, so that no service has to convert bands."""
    header = _header(side, channels, place)
    head = header.tostring(sep="", endcard=True, padding=True).encode("ascii")
    cube = Cube(path, side, channels, len(head), *place)
    end = -cube.size % 2880
    if path.exists() and path.stat().st_size == len(head) + cube.size + end:
        return cube
    random = np.random.default_rng(seed)
    with path.open("wb") as file:
        file.write(head)
        for _ in range(channels):
            plane = random.standard_normal((side, side), dtype=np.float32) * np.float32(1e-3)
            file.write(plane.astype(">f4"))
        file.write(bytes(end))
    return cube


def _header(side: int, channels: int, place: tuple[float, float]) -> fits.Header:
    middle = side // 2 + 1
    cards: dict[str, object] = {
        "SIMPLE": True, "BITPIX": -32, "NAXIS": 3, "NAXIS1": side, "NAXIS2": side, "NAXIS3": channels,
        "OBJECT": "TW_Hya", "TELESCOP": "ALMA", "INSTRUME": "ALMA", "BUNIT": "Jy/beam",
        "RADESYS": "ICRS", "SPECSYS": "BARYCENT", "RESTFRQ": FREQUENCY, "DATE-OBS": "2021-03-11T03:04:05",
        "BMAJ": 5 * CELL, "BMIN": 4 * CELL, "BPA": 30.0,
        "CTYPE1": "RA---SIN", "CRVAL1": place[0], "CRPIX1": float(middle), "CDELT1": -CELL, "CUNIT1": "deg",
        "CTYPE2": "DEC--SIN", "CRVAL2": place[1], "CRPIX2": float(middle), "CDELT2": CELL, "CUNIT2": "deg",
        "CTYPE3": "FREQ", "CRVAL3": FREQUENCY, "CRPIX3": channels // 2 + 1.0, "CDELT3": CHANNEL,
        "CUNIT3": "Hz",
    }  # fmt: skip
    return fits.Header(cards.items())
