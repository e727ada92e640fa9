"""The index of a gzip stream: where it can be unpacked from, and sums of what it unpacks to.

It is a file of our own form: a header, windows (each packed by itself), then a table of the places and the
CRC-32 of each MiB of unpacked bytes. It says of which stream it is: its size, first and last bytes, among
them the checksum that ends every gzip stream. What it leads to is given out only where the sums agree.
"""

from __future__ import annotations

import hashlib
import os
import struct
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from io import SEEK_END
from pathlib import Path
from secrets import token_hex
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from vo_service.pixels.compute.gzip_points import FOUND, PointFinder
from vo_service.pixels.fits_header import FitsError
from vo_service.pixels.gzip_faults import gzip_faults
from vo_service.pixels.sources import ByteSource

CELL = 1 << 20
"""Unpacked bytes that have a sum of their own, and are unpacked together."""
WORTH_AN_INDEX = 8 << 20
"""Unpacked bytes below which a gzip stream is read through: that takes no longer than a fetch by the index of
a larger one."""
UNFINISHED = ".new"
"""How the names of indexes end that are being written."""
_SPACING = 2 << 20
_WIDEST = 8 << 20
_MOST_POINTS = 1024
"""Places are 2 MiB apart, of streams beyond 2 GB farther, up to 8 MiB: the windows of all are held while an
index is made."""
_MAGIC = b"VOGZIDX1"
_HEADER = struct.Struct("<8sQQQII16s16s")
_POINT = np.dtype(
    [("start", "<u8"), ("packed", "<u8"), ("window_at", "<u8"), ("window_size", "<u4"), ("bits", "u1")]
)
_SUM = np.dtype("<u4")
_PIECE = 1 << 18
_ENDS = 4096
_MOST_TABLE = 1 << 30


class IndexNotWritten(OSError):
    """There is no room for an index, or it cannot be written there: no fault of the stream that it is of."""


@dataclass(frozen=True, slots=True)
class GzipIndex:
    """``points`` in their order, a name of bytes each; ``sums`` by cell; sizes in bytes. The windows stay in
    the file that ``descriptor`` is, which the index owns."""

    descriptor: int
    packed_size: int
    unpacked_size: int
    points: NDArray[np.void]
    sums: NDArray[np.uint32]

    def window(self, number: int) -> bytes:
        """The unpacked bytes before a place, none where a member begins. Raises zlib.error."""
        size = int(self.points["window_size"][number])
        if not size:
            return b""
        return zlib.decompress(os.pread(self.descriptor, size, int(self.points["window_at"][number])))

    def close(self) -> None:
        """Nothing is read any more."""
        os.close(self.descriptor)


def build_index(source: ByteSource, place: Path, unpacked_bytes: int = 0) -> None:
    """Read a gzip stream once and write its index to ``place``, which is there whole or not at all.

    ``unpacked_bytes`` is what the headers announce, if that is known: of large streams places are farther
    apart. Takes two cores for the time that unpacking takes; memory is 32 KiB for each place and some 20 MB.
    Raises FitsError ``truncated`` or ``not_gzip`` (also for a stream whose checksums do not agree),
    IndexNotWritten, OSError of the stream.
    """
    new = place.with_name(f".{place.name}.{token_hex(6)}{UNFINISHED}")
    with _writing():  # before a long stream is read for nothing
        place.parent.mkdir(parents=True, exist_ok=True)
        out = new.open("xb")
    try:
        spacing = -(-max(unpacked_bytes, source.size or 0) // _MOST_POINTS)
        with closing(PointFinder(min(max(spacing, _SPACING), _WIDEST))) as finder:
            with source.open() as stream:
                mark = _mark(stream)
                sums = _read_through(stream, source.name, finder)
            with _writing(), out:
                _write_index(out, source.name, mark, sums, finder)
        with _writing():
            new.replace(place)
    except BaseException:
        for undo in (out.close, new.unlink):
            with suppress(OSError):
                undo()
        raise


@contextmanager
def _writing() -> Iterator[None]:
    """Tells what writing raises from what reading the stream does."""
    try:
        yield
    except OSError as error:
        raise IndexNotWritten(*error.args) from error


def load_index(place: Path, stream: BinaryIO) -> GzipIndex | None:
    """The index at ``place`` if it is whole and of that stream, which must be able to seek; None where there
    is none such. Raises OSError of the stream."""
    try:
        descriptor = os.open(place, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    found = None
    try:
        found = _read_index(descriptor, stream)
    finally:
        if found is None:
            os.close(descriptor)
    return found


def _read_index(descriptor: int, stream: BinaryIO) -> GzipIndex | None:
    header = os.pread(descriptor, _HEADER.size, 0)
    if len(header) < _HEADER.size:
        return None
    magic, packed, unpacked, table_at, count, cells, mark, digest = _HEADER.unpack(header)
    size = count * _POINT.itemsize + cells * _SUM.itemsize
    if magic != _MAGIC or size > _MOST_TABLE or cells != -(-unpacked // CELL):
        return None
    table = os.pread(descriptor, size, table_at)
    if digest != _digest(header, table) or mark != _mark(stream):
        return None
    points = np.frombuffer(table, _POINT, count)
    return GzipIndex(
        descriptor, packed, unpacked, points, np.frombuffer(table, _SUM, cells, count * _POINT.itemsize)
    )


def _read_through(stream: BinaryIO, name: str, finder: PointFinder) -> _Sums:
    stream.seek(0)
    sums = _Sums()
    with gzip_faults(name):
        while piece := stream.read(_PIECE):
            finder.feed(piece)
            sums.add_packed(piece)
        sums.end()
    return sums


def _write_index(out: BinaryIO, name: str, mark: bytes, sums: _Sums, finder: PointFinder) -> None:
    windows = _Windows(out)
    out.write(bytes(_HEADER.size))
    try:
        found = finder.finish(windows.keep) if sums.unpacked else np.zeros(0, FOUND)
    except OSError as error:
        if windows.fault is not None:
            raise windows.fault from error
        message = f"the gzip stream of {name} can be unpacked, but not from within: {error}"
        raise FitsError("not_gzip", message) from error
    numbers = np.flatnonzero(found["start"] < sums.unpacked)
    points = np.zeros(len(numbers), _POINT)
    for field in ("start", "packed", "bits"):
        points[field] = found[field][numbers]
    places = [windows.places.get(int(number), (0, 0)) for number in numbers]
    points["window_at"], points["window_size"] = np.array(places, dtype=np.int64).reshape(-1, 2).T
    table = points.tobytes() + np.array(sums.by_cell, _SUM).tobytes()
    table_at = out.tell()
    out.write(table)
    facts = (_MAGIC, sums.packed, sums.unpacked, table_at, len(points), len(sums.by_cell), mark)
    digest = _digest(_HEADER.pack(*facts, bytes(16)), table)
    out.seek(0)
    out.write(_HEADER.pack(*facts, digest))


class _Windows:
    """Writes windows, packed; ``places`` are where and how long they are, by number. What writing raises is
    kept beside: it must not be taken for a fault of the stream."""

    def __init__(self, out: BinaryIO) -> None:
        self.places: dict[int, tuple[int, int]] = {}
        self.fault: OSError | None = None
        self._out = out

    def keep(self, number: int, window: bytes) -> None:
        """The next one."""
        content = zlib.compress(window, 1)
        try:
            self.places[number] = self._out.tell(), len(content)
            self._out.write(content)
        except OSError as error:
            self.fault = error
            raise


def _mark(stream: BinaryIO) -> bytes:
    """What tells one gzip stream from another without reading it."""
    size = stream.seek(0, SEEK_END)
    stream.seek(0)
    mark = hashlib.blake2b(struct.pack("<Q", size), digest_size=16)
    mark.update(stream.read(min(_ENDS, size)))
    stream.seek(max(0, size - _ENDS))
    mark.update(stream.read(_ENDS))
    return mark.digest()


def _digest(header: bytes, table: bytes) -> bytes:
    """Of all but itself."""
    return hashlib.blake2b(header[:-16] + table, digest_size=16).digest()


class _Sums:
    """Unpacks a stream of any number of members, which zlib checks, and sums up what comes."""

    def __init__(self) -> None:
        self.by_cell: list[int] = []
        self.packed = 0
        self.unpacked = 0
        self._stream = zlib.decompressobj(zlib.MAX_WBITS | 16)

    def add_packed(self, piece: bytes) -> None:
        """The next packed bytes. Raises zlib.error."""
        self.packed += len(piece)
        while piece:
            if self._stream.eof:
                piece = piece.lstrip(b"\0")  # members may be followed by zeros
                if not piece:
                    return
                self._stream = zlib.decompressobj(zlib.MAX_WBITS | 16)
            self._add(self._stream.decompress(piece, CELL))
            piece = self._stream.unused_data if self._stream.eof else self._stream.unconsumed_tail

    def end(self) -> None:
        """There are no more. Raises EOFError where the last member has no end."""
        while not self._stream.eof:
            part = self._stream.decompress(b"", CELL)
            if not part and not self._stream.eof:
                raise EOFError("it has no end marker")
            self._add(part)

    def _add(self, part: bytes) -> None:
        view = memoryview(part)
        while view:
            within = self.unpacked % CELL
            if not within:
                self.by_cell.append(0)
            here = view[: CELL - within]
            self.by_cell[-1] = zlib.crc32(here, self.by_cell[-1])
            self.unpacked += len(here)
            view = view[len(here) :]
