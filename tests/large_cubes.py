"""Cubes of any size that take little room: real pixels where a test looks, holes elsewhere."""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.io import fits
from live_service import LiveService
from numpy.typing import NDArray

BLOCK = 2880
ITEM = 4
CARDS = {
    "CTYPE1": "RA---SIN", "CRVAL1": 204.25, "CRPIX1": 1.0, "CDELT1": -1e-5, "CUNIT1": "deg",
    "CTYPE2": "DEC--SIN", "CRVAL2": -29.87, "CRPIX2": 1.0, "CDELT2": 1e-5, "CUNIT2": "deg",
    "CTYPE3": "FREQ", "CRVAL3": 2.3e11, "CRPIX3": 1.0, "CDELT3": 1e6, "CUNIT3": "Hz",
    "SPECSYS": "BARYCENT", "BUNIT": "Jy/beam", "BMAJ": 4e-4, "BMIN": 3e-4, "BPA": 10.0,
    "OBJECT": "M83", "TELESCOP": "ALMA", "DATE-OBS": "2019-03-01T00:00:00",
}  # fmt: skip


@dataclass(frozen=True)
class LargeCube:
    """A cube of ``side`` x ``side`` pixels and so many channels, whose data begin at ``start``."""

    path: Path
    side: int
    channels: int
    start: int

    @property
    def plane_bytes(self) -> int:
        return self.side * self.side * ITEM

    @property
    def data_bytes(self) -> int:
        return self.plane_bytes * self.channels

    def stored(self, x: range, y: range, z: range) -> bytes:
        """The bytes of a box (pixels from 0) as they lie in the file, row by row."""
        with self.path.open("rb") as file:
            return b"".join(
                os.pread(
                    file.fileno(),
                    len(x) * ITEM,
                    self.start + channel * self.plane_bytes + (row * self.side + x.start) * ITEM,
                )
                for channel in z
                for row in y
            )


def write_cube(path: Path, side: int, channels: int, real: Iterable[int], seed: int = 1) -> LargeCube:
    """A cube with noise in the channels ``real`` (from 0), and a hole for each of the others."""
    head = _head(side, channels)
    cube = LargeCube(path, side, channels, len(head))
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(head)
        for channel in real:
            file.seek(cube.start + channel * cube.plane_bytes)
            file.write(noise(cube, seed + channel).tobytes())
        file.truncate(cube.start + -(-cube.data_bytes // BLOCK) * BLOCK)
    return cube


def noise(cube: LargeCube, seed: int) -> NDArray[np.float32]:
    """A plane of noise, as it is stored."""
    return np.random.default_rng(seed).standard_normal((cube.side, cube.side), np.float32).astype(">f4")


_ids: dict[tuple[str, str], str] = {}


def soda_id(service: LiveService, path: Path) -> str:
    """The product_id of a file, asked for once."""
    known = service.url, path.name
    if known not in _ids:
        found = service.query(f"SELECT product_id FROM holdings.product WHERE path = '{path.name}'").text
        _ids[known] = found.split()[1]
    return _ids[known]


def _head(side: int, channels: int) -> bytes:
    sizes = {"NAXIS": 3, "NAXIS1": side, "NAXIS2": side, "NAXIS3": channels}
    header = fits.Header({"SIMPLE": True, "BITPIX": -32, **sizes, **CARDS})
    return header.tostring(sep="", endcard=True, padding=True).encode("ascii")
