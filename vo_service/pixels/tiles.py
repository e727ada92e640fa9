"""Tile-compressed images (FITS 4.0, section 10) unpacked a few tiles at a time."""

from __future__ import annotations

import shutil
import struct
import tempfile
import warnings
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from gzip import BadGzipFile, GzipFile
from math import prod
from typing import IO, Any, BinaryIO

import numpy as np
from astropy.io import fits
from astropy.io.fits.hdu.compressed._compression import CfitsioException  # no public name leads to it
from astropy.io.fits.verify import VerifyError
from numpy.typing import NDArray

from vo_service.pixels.fits_file import Hdu
from vo_service.pixels.fits_header import FitsError

MAXIMUM_TILE = 128 * 1024 * 1024
"""A tile of more bytes than this is not unpacked: tiles are there to be small."""
DAMAGED = (
    BadGzipFile,
    EOFError,
    CfitsioException,
    ValueError,
    TypeError,
    IndexError,
    KeyError,
    struct.error,
    zlib.error,
    VerifyError,
    RuntimeError,
    ArithmeticError,
    AssertionError,
    AttributeError,
)
"""What astropy raises for tiles, and for cards about them, that are not what they should be."""


def tile_lengths(hdu: Hdu) -> tuple[int, ...]:
    """Pixels of a tile along each axis (FITS order); without ZTILEn cards a tile is a row of the image.
    Raises FitsError ``bad_header`` for an image without pixels, and for tiles without."""
    if not hdu.axes or min(hdu.axes) < 1:
        shape = " x ".join(map(str, hdu.axes)) or "no"
        message = f"the image in HDU {hdu.index} has {shape} pixels: every axis has at least one"
        raise FitsError("bad_header", message, "ZNAXIS")
    defaults = (*hdu.axes[:1], *(1 for _ in hdu.axes[1:]))
    lengths = tuple(hdu.keywords.integer(f"ZTILE{n}") or length for n, length in enumerate(defaults, 1))
    if min(lengths) < 1:
        shape = " x ".join(map(str, lengths))
        message = f"a tile of HDU {hdu.index} is {shape} pixels: it has at least one along every axis"
        raise FitsError("bad_header", message, "ZTILE1")
    return lengths


def read_tiles(
    stream: BinaryIO | GzipFile,
    name: str,
    hdu: Hdu,
    blocks: Iterator[tuple[int, int, int, int]],
    dtype: np.dtype[np.generic],
) -> Iterator[tuple[int, int, NDArray[np.generic]]]:
    """(first plane, first row, numbers as stored (planes, rows, columns) of ``dtype``) of blocks given as
    (plane, row, planes, rows). BSCALE is not applied; quantised floats are restored.

    A stream that cannot seek is laid down in a temporary file first. Memory is a few times that of a block
    and a tile. Raises FitsError ``bad_header`` (an image or tiles without pixels), ``too_large`` (tiles
    beyond 128 MB) or ``unreadable`` (tiles that cannot be unpacked), and OSError.
    """
    size = prod(tile_lengths(hdu)) * abs(hdu.bitpix) // 8
    if size > MAXIMUM_TILE:
        shape = " x ".join(map(str, tile_lengths(hdu)))
        message = f"a tile of {name} is {shape} pixels, {size} bytes: at most {MAXIMUM_TILE} are unpacked"
        raise FitsError("too_large", message, "ZTILE1")
    with ExitStack() as stack:
        seekable = _seekable(stream, stack)
        try:
            image = _open_image(seekable, hdu.index, stack)
            for plane, row, planes, rows in blocks:
                with np.errstate(all="ignore"):
                    numbers = _section(image, hdu.axes, plane, planes, slice(row, row + rows)).astype(dtype)
                yield plane, row, numbers
        except DAMAGED as error:
            reason = str(error) or type(error).__name__
            raise FitsError(
                "unreadable", f"a tile of {name} cannot be unpacked: {reason}", f"HDU {hdu.index}"
            ) from error


def _seekable(stream: BinaryIO | GzipFile, stack: ExitStack) -> IO[bytes]:
    """The stream, or a copy where it cannot seek, or only by unpacking all anew."""
    if not isinstance(stream, GzipFile) and stream.seekable():
        return stream
    copy = stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115 - the stack closes it
    shutil.copyfileobj(stream, copy, 1 << 20)
    copy.seek(0)
    return stack.enter_context(open(copy.fileno(), "rb", closefd=False))  # astropy takes none to write to


def _open_image(stream: IO[bytes], index: int, stack: ExitStack) -> Any:
    """The tile-compressed image in HDU ``index``, its pixels left in the file."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what is odd about the header has been told by the header pass
        hdus = stack.enter_context(
            fits.open(stream, memmap=False, lazy_load_hdus=True, do_not_scale_image_data=True)
        )
        image = hdus[index]
    if not isinstance(image, fits.CompImageHDU):
        raise ValueError(f"HDU {index} is no tile-compressed image")
    return image


def _section(image: Any, axes: tuple[int, ...], plane: int, planes: int, rows: slice) -> NDArray[np.generic]:
    """Rows of some planes, (planes, rows, columns): all axes beyond the second count as one."""
    if len(axes) < 3:
        return np.asarray(image.section[rows] if len(axes) == 2 else image.section[:]).reshape(1, -1, axes[0])
    parts = []
    end = plane + planes
    while plane < end:
        outer, first = divmod(plane, axes[2])
        count = min(end - plane, axes[2] - first)
        place = tuple(int(n) for n in np.unravel_index(outer, axes[:2:-1])) if len(axes) > 3 else ()
        parts.append(np.asarray(image.section[(*place, slice(first, first + count), rows)]))
        plane += count
    return np.concatenate(parts)
