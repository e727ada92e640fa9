"""Tiles as pictures: one transfer function for a whole tree, and PNG and JPEG (HIPS-022, -025, -029).

A PNG has greys and an alpha channel. With a palette it would be smaller, but hipsgen reads such a file as
blank; with three equal colours it would be larger, and nobody reads it better.
"""

from __future__ import annotations

import io
import math
import struct
import zlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from hips.tiles.grid import WIDTH

Values = NDArray[np.float32]
Greys = NDArray[np.uint8]
SMALLEST = 1e-30
"""Softening that a float32 can still be divided by."""
_LEVELS = 254
_GREY_AND_ALPHA = 4
_PARTS = 2
"""Of a pixel: grey and alpha."""
_FROM_THE_LEFT, _FROM_ABOVE = 1, 2
"""Filters of lines (PNG, 9.2): each byte less that of the pixel before, or of the line before."""
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_QUALITY = 85


@dataclass(frozen=True, slots=True)
class Transfer:
    """From values to greys: asinh(value / softening), linear near zero and logarithmic far from it.

    ``low`` and ``high`` in the unit of the values are where greys begin and end. Raises ValueError for
    numbers that are no range.
    """

    low: float
    high: float
    softening: float

    def __post_init__(self) -> None:
        known = all(math.isfinite(number) for number in (self.low, self.high, self.softening))
        if not known or self.low >= self.high or self.softening < SMALLEST:
            raise ValueError(
                f"low {self.low}, high {self.high}, softening {self.softening}: no range of values"
            )

    def greys(self, values: Values) -> Greys:
        """1 to 255 where there is a value, 0 where there is none; rows as in the FITS tile."""
        first, last = (math.asinh(end / self.softening) for end in (self.low, self.high))
        steps = _LEVELS / (last - first)
        with np.errstate(over="ignore", invalid="ignore"):
            levels = np.arcsinh(values * np.float32(1.0 / self.softening))
            levels -= np.float32(first)
            levels *= np.float32(steps)
            np.clip(levels, 0.0, _LEVELS, out=levels)
            levels += np.float32(1.0)
            levels[np.isnan(levels)] = 0.0
            greys: Greys = levels.astype(np.uint8)
        return greys

    @property
    def words(self) -> str:
        """What hips_processing says of the pictures."""
        return (
            f"pictures: grey = floor(1 + 254 (f(v) - f(low)) / (f(high) - f(low))), f(v) = asinh(v /"
            f" {self.softening:.6g}), low and high as in hips_pixel_cut, grey 0 and transparent: no data;"
            " at each order made of the values at that order"
        )


def png_tile(greys: Greys) -> bytes:
    """The picture of a tile whose rows lie as in FITS."""
    return png_picture(greys[::-1])


def png_picture(greys: Greys) -> bytes:
    """A PNG of greys (rows from the top), 0 transparent."""
    rows, columns = greys.shape
    lines = np.zeros((rows, 2 * columns + 1), dtype=np.uint8)  # each begins with its filter: none
    lines[:, 1::2] = greys
    np.multiply(greys > 0, 255, out=lines[:, 2::2], casting="unsafe")
    return _png(lines)


def png_squares(greys: Greys, times: int) -> bytes:
    """The same picture with a square of so many pixels a side for each grey, in a fraction of the time: rows
    tell where they differ from their neighbours, and that is hardly anywhere."""
    rows, columns = greys.shape
    pixels = np.zeros((rows, columns + 1, _PARTS), dtype=np.uint8)
    pixels[:, 1:, 0] = greys
    np.multiply(greys > 0, 255, out=pixels[:, 1:, 1], casting="unsafe")
    lines = np.zeros((rows, times, 1 + _PARTS * columns * times), dtype=np.uint8)
    lines[:, 0, 0], lines[:, 1:, 0] = _FROM_THE_LEFT, _FROM_ABOVE
    steps = lines[:, 0, 1:].reshape(rows, columns, times * _PARTS)
    np.subtract(pixels[:, 1:], pixels[:, :-1], out=steps[:, :, :_PARTS])
    return _png(lines.reshape(rows * times, -1))


def _png(lines: Greys) -> bytes:
    """A PNG of filtered lines."""
    rows, columns = len(lines), lines.shape[1] // _PARTS
    # runs are all that can be saved, and looking for more takes longer
    packing = zlib.compressobj(1, zlib.DEFLATED, 15, 9, zlib.Z_RLE)
    pixels = packing.compress(lines.data) + packing.flush()
    size = struct.pack(">IIBBBBB", columns, rows, 8, _GREY_AND_ALPHA, 0, 0, 0)
    chunks = ((b"IHDR", size), (b"IDAT", pixels), (b"IEND", b""))
    return _SIGNATURE + b"".join(_chunk(kind, content) for kind, content in chunks)


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png_greys(content: bytes) -> Greys:
    """The greys in a PNG of ours, rows from the top. Raises ValueError for another picture."""
    try:
        with Image.open(io.BytesIO(content)) as picture:
            if picture.mode != "LA":
                raise ValueError(f"a PNG of mode {picture.mode}, not one of greys with an alpha channel")
            return np.ascontiguousarray(np.asarray(picture)[..., 0])
    except OSError as error:
        raise ValueError(f"no PNG: {error}") from error


def jpeg_preview(greys: Greys) -> bytes:
    """The picture of a tile, 256 x 256, black where there are no data (HIPS-086)."""
    side = WIDTH // 2
    picture = Image.fromarray(greys[::-1]).resize((side, side), Image.Resampling.BOX)
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=_QUALITY)
    return buffer.getvalue()
