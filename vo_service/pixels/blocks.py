"""The pixels of one image read once, from first to last, in blocks of bounded memory."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from io import BufferedReader
from math import prod
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from vo_service.pixels.decoding import Decoder, Values
from vo_service.pixels.fits_file import Hdu
from vo_service.pixels.fits_header import FitsError
from vo_service.pixels.gzip_faults import gzip_faults
from vo_service.pixels.sources import ByteSource
from vo_service.pixels.tiles import MAXIMUM_TILE, read_tiles, tile_lengths

BLOCK_BYTES = 2 * 1024 * 1024
"""About what a core's own cache holds: a block is gone through several times."""
_SKIP_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class PlanePart:
    """Rows of one plane: ``values`` and ``finite`` are (rows, columns), the first of them row ``row`` of
    plane ``plane`` (both from 0). ``known`` are the finite values in stored order, one-dimensional.
    """

    plane: int
    row: int
    values: Values
    finite: NDArray[np.bool_]
    known: Values

    def position(self, place: int) -> tuple[int, int]:
        """(column, row) of a value of ``known`` in the plane, both from 0."""
        if len(self.known) == self.finite.size:
            line, column = divmod(place, self.finite.shape[1])
            return column, self.row + line
        ends = np.cumsum(np.count_nonzero(self.finite, axis=1))
        line = int(np.searchsorted(ends, place, side="right"))
        before = int(ends[line - 1]) if line else 0
        return int(np.flatnonzero(self.finite[line])[place - before]), self.row + line


@dataclass(frozen=True, slots=True)
class Block:
    """Either some whole planes or some rows of one plane: ``values`` is (planes, rows, columns), the first
    of them plane ``plane`` and row ``row`` of the image (both from 0). ``finite`` has the same shape.
    """

    plane: int
    row: int
    values: Values
    finite: NDArray[np.bool_]

    def parts(self) -> Iterator[PlanePart]:
        """The block plane by plane."""
        for number, (values, finite) in enumerate(zip(self.values, self.finite, strict=True)):
            known = values.ravel() if finite.all() else values[finite]
            yield PlanePart(self.plane + number, self.row, values, finite, known)


@dataclass(frozen=True, slots=True)
class Shape:
    """Columns, rows and planes of an image: all axes beyond the second are counted as one."""

    columns: int
    rows: int
    planes: int

    @classmethod
    def of(cls, axes: tuple[int, ...]) -> Shape:
        """The shape of FITS axes (fastest first)."""
        columns, rows = (*axes, 1, 1)[:2]
        return cls(columns, rows, prod(axes[2:]))


class PixelStream:
    """One pass over the pixels of an image HDU: plain, gzip (``compressed`` as FitsFile says) or
    tile-compressed.

    Iterate once; then ``content_hash`` is the sha256 (hex) of the stored pixels: uncompressed, big-endian,
    BSCALE not applied, without padding. It is the same for a plain file and its compressed copies, but for
    lossy ones: those of quantised floats have the hash of what they unpack to. Values are float32 (BITPIX 8,
    16, -32) or float64 (32, 64, -64) with BSCALE and BZERO applied and BLANK as NaN; of floats too, whose NaN
    the standard has them use instead: ``blanked`` counts those. Memory is a few times
    ``block_bytes`` (and a tile). A gzip stream is read to its end, so that its checksum vouches for the
    pixels.

    Raises FitsError of kind ``bad_header`` (no pixels to read; BSCALE, BZERO or BLANK unreadable) when
    made, and while iterated ``truncated`` (too few bytes), ``changed`` (another state of the source after
    than before), ``not_gzip`` (damaged stream) or ``unreadable`` (a tile that cannot be unpacked), and
    OSError.
    """

    def __init__(
        self, source: ByteSource, hdu: Hdu, *, compressed: bool, block_bytes: int = BLOCK_BYTES
    ) -> None:
        if hdu.kind not in ("image", "tile") or not prod(hdu.axes):
            raise FitsError(
                "bad_header", f"HDU {hdu.index} of {source.name} holds no image", f"HDU {hdu.index}"
            )
        self.shape = Shape.of(hdu.axes)
        self.byte_count = prod(hdu.axes) * abs(hdu.bitpix) // 8
        self._source = source
        self._hdu = hdu
        self._compressed = compressed
        self._block_bytes = block_bytes
        self._decode = Decoder.of(hdu)
        self._hash = _Hash()
        self._done = False
        self.blanked = 0

    @property
    def content_hash(self) -> str:
        """sha256 (hex) of all stored pixels; only once all blocks have been read."""
        if not self._done:
            raise ValueError("the content hash is known only after the last block")
        return self._hash.hexdigest()

    def __iter__(self) -> Iterator[Block]:
        before = self._source.state()
        with self._source.open() as raw, self._hash, gzip_faults(self._source.name):
            for plane, row, stored in self._stored(raw):
                self._hash.add(stored)
                values, blanked = self._decode.values(stored)
                self.blanked += blanked
                yield Block(plane, row, values, np.isfinite(values))
        after = self._source.state()
        if after != before:
            raise FitsError(
                "changed", f"{self._source.name} changed while it was read: {before} before, {after} after"
            )
        self._done = True

    def _stored(self, raw: BinaryIO) -> Iterator[tuple[int, int, NDArray[np.generic]]]:
        """(first plane, first row, big-endian numbers (planes, rows, columns)) of each block."""
        stream: BinaryIO | gzip.GzipFile = raw
        if self._compressed:
            stream = gzip.GzipFile(fileobj=BufferedReader(raw, _SKIP_BYTES))  # type: ignore[type-var]
        dtype = self._decode.stored
        if self._hdu.kind == "tile":
            _, rows, planes = (*tile_lengths(self._hdu), 1, 1)[:3]
            tiled = cut_blocks(self.shape, self._block_bytes, dtype.itemsize, planes, rows)
            yield from read_tiles(stream, self._source.name, self._hdu, tiled, dtype)
            return
        blocks = cut_blocks(self.shape, self._block_bytes, dtype.itemsize)
        _move_to(stream, self._hdu.data_offset)
        read = 0
        for plane, row, planes, rows in blocks:
            buffer = bytearray(planes * rows * self.shape.columns * dtype.itemsize)
            found = _fill(stream, buffer)
            read += found
            if found < len(buffer):
                self._tell_truncated(read)
            yield plane, row, np.frombuffer(buffer, dtype).reshape(planes, rows, self.shape.columns)
        while self._compressed and stream.read(_SKIP_BYTES):
            pass

    def _tell_truncated(self, read: int) -> None:
        missing = self.byte_count - read
        raise FitsError(
            "truncated",
            f"{self._source.name} ends {missing} bytes before the last of the {self.byte_count} bytes of "
            f"pixels that HDU {self._hdu.index} announces",
            f"HDU {self._hdu.index}",
        )


class _Hash:
    """sha256 in a thread beside the one that measures: hashing frees the interpreter. At most one block
    waits.
    """

    def __init__(self) -> None:
        self._hash = hashlib.sha256()
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="content-hash")
        self._last: Future[None] | None = None

    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        self._thread.shutdown(wait=True)

    def add(self, stored: NDArray[np.generic]) -> None:
        """Takes the next numbers, which nobody may change from now on."""
        if self._last is not None:
            self._last.result()
        self._last = self._thread.submit(self._hash.update, np.ascontiguousarray(stored).data.cast("B"))

    def hexdigest(self) -> str:
        return self._hash.hexdigest()


def cut_blocks(
    shape: Shape, block_bytes: int, item_bytes: int, plane_step: int = 1, row_step: int = 1
) -> Iterator[tuple[int, int, int, int]]:
    """(plane, row, planes, rows) of blocks in stored order, none larger than ``block_bytes`` unless one of
    the steps is: blocks begin at multiples of ``row_step`` rows, or of ``plane_step`` planes where that many
    fit into memory.
    """
    row_bytes = shape.columns * item_bytes
    plane_bytes = row_bytes * shape.rows
    if plane_bytes <= block_bytes or (plane_step > 1 and plane_bytes * plane_step <= MAXIMUM_TILE):
        count = _whole_steps(block_bytes // plane_bytes, plane_step)
        for plane in range(0, shape.planes, count):
            yield plane, 0, min(count, shape.planes - plane), shape.rows
        return
    count = _whole_steps(block_bytes // row_bytes, row_step)
    for plane in range(shape.planes):
        for row in range(0, shape.rows, count):
            yield plane, row, 1, min(count, shape.rows - row)


def _whole_steps(count: int, step: int) -> int:
    return max(1, count // step) * step


def _move_to(stream: BinaryIO | gzip.GzipFile, offset: int) -> None:
    """Reads on to ``offset``, or jumps there where the stream can."""
    if not isinstance(stream, gzip.GzipFile) and stream.seekable():
        stream.seek(offset)
        return
    left = offset
    while left:
        chunk = stream.read(min(_SKIP_BYTES, left))
        if not chunk:
            return  # the first block will find nothing left
        left -= len(chunk)


def _fill(stream: BinaryIO | gzip.GzipFile, buffer: bytearray) -> int:
    """Bytes put into ``buffer``: fewer than it holds only at the end of the stream."""
    view = memoryview(buffer)
    done = 0
    while done < len(buffer):
        chunk = stream.readinto(view[done:])  # type: ignore[union-attr]
        if not chunk:
            break
        done += chunk
    return done
