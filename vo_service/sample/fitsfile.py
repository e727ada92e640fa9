"""Bytes of FITS files: header text and big-endian pixels, BEAMS tables; gzip and tar that do not know the
time.
"""

from __future__ import annotations

import gzip
import io
import tarfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vo_service.sample.headers import BLOCK, HeaderText

Beam = tuple[float, float, float]  # major and minor axis in arcsec, position angle in degrees

_TYPES = {-32: ">f4", -64: ">f8", 8: "u1", 16: ">i2", 32: ">i4", 64: ">i8"}


def _padded(data: bytes, fill: bytes = b"\0") -> bytes:
    return data + fill * (-len(data) % BLOCK)


def image_bytes(header: HeaderText, pixels: NDArray[np.generic], bitpix: int = -32) -> bytes:
    """A header-data unit. ``pixels`` in numpy order; the caller's NAXISn cards must say the same."""
    return header.to_bytes() + _padded(pixels.astype(_TYPES[bitpix]).tobytes())


def empty_primary() -> bytes:
    """A primary header-data unit without pixels."""
    header = HeaderText()
    header.put("SIMPLE", True, "conforms to FITS standard")
    header.put("BITPIX", 8)
    header.put("NAXIS", 0)
    header.put("EXTEND", True)
    return header.to_bytes()


def extension_bytes(header: HeaderText, pixels: NDArray[np.generic], name: str, bitpix: int = -32) -> bytes:
    """An IMAGE extension called ``name`` made of a primary's header text."""
    extension = HeaderText()
    extension.put("XTENSION", "IMAGE", "Image extension")
    for keyword, text in header.cards.items():
        if keyword not in ("SIMPLE", "EXTEND"):
            extension.cards[keyword] = text
        if keyword == f"NAXIS{pixels.ndim}":
            extension.put("PCOUNT", 0)
            extension.put("GCOUNT", 1)
            extension.put("EXTNAME", name)
    extension.history = list(header.history)
    return image_bytes(extension, pixels, bitpix)


def beams_extension(beams: list[Beam], polarisations: int = 1) -> bytes:
    """CASA's BEAMS table: one row per channel and polarisation, axes in arcsec, angle in degrees."""
    dtype = np.dtype([("BMAJ", ">f4"), ("BMIN", ">f4"), ("BPA", ">f4"), ("CHAN", ">i4"), ("POL", ">i4")])
    rows = np.array(
        [(*beam, channel, pol) for pol in range(polarisations) for channel, beam in enumerate(beams)], dtype
    )
    header = HeaderText()
    header.put("XTENSION", "BINTABLE", "Binary extension")
    header.put("BITPIX", 8)
    header.put("NAXIS", 2)
    header.put("NAXIS1", dtype.itemsize)
    header.put("NAXIS2", len(rows))
    header.put("PCOUNT", 0)
    header.put("GCOUNT", 1)
    header.put("TFIELDS", 5)
    header.put("EXTNAME", "BEAMS")
    header.put("EXTVER", 1)
    header.put("NCHAN", len(beams))
    header.put("NPOL", polarisations)
    columns = (
        ("BMAJ", "1E", "arcsec"),
        ("BMIN", "1E", "arcsec"),
        ("BPA", "1E", "deg"),
        ("CHAN", "1J", ""),
        ("POL", "1J", ""),
    )
    for number, (name, form, unit) in enumerate(columns, 1):
        header.put(f"TTYPE{number}", name)
        header.put(f"TFORM{number}", form)
        if unit:
            header.put(f"TUNIT{number}", unit)
    return header.to_bytes() + _padded(rows.tobytes())


def compress(data: bytes) -> bytes:
    """gzip with a zero time stamp, so that the same pixels give the same bytes."""
    return gzip.compress(data, compresslevel=5, mtime=0)


def add_member(tar: Path, name: str, content: bytes) -> None:
    """Append a file to a plain tar, which is made where there is none; of nobody, from 1970."""
    with tarfile.open(tar, "a") as stream:
        stream.addfile(_member(name, content), io.BytesIO(content))


def tar_of(name: str, content: bytes) -> bytes:
    """A plain tar with one member."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as stream:
        stream.addfile(_member(name, content), io.BytesIO(content))
    return made.getvalue()


def _member(name: str, content: bytes) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    return member
