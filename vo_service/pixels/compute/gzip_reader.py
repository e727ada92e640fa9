"""Any part of what a gzip stream unpacks to, by its index, as if it were a plain file."""

from __future__ import annotations

import zlib
from collections import OrderedDict
from contextlib import ExitStack, suppress
from io import BufferedReader
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import TYPE_CHECKING, BinaryIO

import numpy as np

from vo_service.pixels.compute.gzip_index import CELL, GzipIndex, IndexNotWritten, build_index, load_index
from vo_service.pixels.fits_header import FitsError
from vo_service.pixels.sources import ByteSource
from vo_service.pixels.streams import Placed

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_KEPT_CELLS = 8
_PIECE = 1 << 17
_FAULTS = (zlib.error, EOFError)
_FIXED = "0100000000"
_DYNAMIC = (
    "0" "01" "00000" "00000" "0111"  # 257 codes of bytes and lengths, 1 of distances, 18 lengths of codes
    + "000" "000" "010" "010" + 13 * "000" + "100"  # of the codes 16 17 18 0 ... 1
    + "11" "1111111" "11" "1101011"  # 138 and 118 codes that are not used
    + "0" "10"  # the code of the end has one bit; that of distances is not used
    + "0"  # the end
)  # fmt: skip
"""Deflate blocks that hold nothing, 10 and 93 bits as they stand in a stream (RFC 1951 section 3.2)."""


class IndexedGzip:
    """The unpacked bytes of ``source``, whose streams must be able to seek. A context manager, to be used by
    one thread at a time; memory is some 12 MB.

    ``index`` is where its index is kept: where there is none, or one that is damaged or of another stream,
    one is made and put there; where it cannot be written it is made for this time, in ``folder`` (without one
    where the system has its temporary files). What the source raises meanwhile is raised. What does not agree
    with the sums of the index is read once more by a new one, and then is damage: FitsError ``not_gzip``
    (``truncated`` where the stream breaks off). ``unpacked_bytes`` as of `build_index`.
    """

    def __init__(
        self, source: ByteSource, index: Path | None, unpacked_bytes: int = 0, folder: Path | None = None
    ) -> None:
        self._source = source
        self._place = index
        self._folder = folder
        self._announced = unpacked_bytes
        self._cells: OrderedDict[int, bytes] = OrderedDict()
        self._unpacking: _Unpacking | None = None
        self._has_built = False
        self._stack = ExitStack()

    def __enter__(self) -> IndexedGzip:
        with ExitStack() as stack:
            self._stream: BinaryIO = stack.enter_context(self._source.open())
            self._index = self._load()
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._index.close()
        self._stack.close()

    @property
    def size(self) -> int:
        """Number of unpacked bytes."""
        return self._index.unpacked_size

    def read_into(self, offset: int, view: memoryview) -> None:
        """Fill ``view`` with the unpacked bytes from ``offset`` on. Raises OSError where there are not so
        many."""
        if offset + len(view) > self.size:
            raise OSError(f"{self._source.name} unpacked ends before byte {offset + len(view)}")
        done = 0
        while done < len(view):
            number, within = divmod(offset + done, CELL)
            part = memoryview(self._cell(number))[within : within + len(view) - done]
            view[done : done + len(part)] = part
            done += len(part)

    def read_at(self, offset: int, length: int) -> bytes:
        """A piece of the unpacked bytes, shorter only at their end."""
        content = bytearray(max(0, min(length, self.size - offset)))
        self.read_into(offset, memoryview(content))
        return bytes(content)

    def open(self) -> BinaryIO:
        """The unpacked bytes as a stream that can seek."""
        return BufferedReader(_Stream(self))

    def _load(self) -> GzipIndex:
        found = None if self._place is None else load_index(self._place, self._stream)
        return self._build() if found is None else found

    def _build(self) -> GzipIndex:
        self._has_built = True
        if self._place is not None:
            with suppress(IndexNotWritten):  # such as of a home that is full, or that cannot be written to
                return self._build_at(self._place)
        with TemporaryDirectory(dir=self._folder) as folder:
            return self._build_at(Path(folder) / "index")

    def _build_at(self, place: Path) -> GzipIndex:
        build_index(self._source, place, self._announced)
        found = load_index(place, self._stream)
        if found is None:
            raise OSError(f"{self._source.name} changed while it was read")
        return found

    def _cell(self, number: int) -> bytes:
        cell = self._cells.get(number)
        if cell is None:
            try:
                cell = self._unpack(number)
            except _FAULTS as error:
                cell = self._unpack_anew(number, error)
            self._cells[number] = cell
            if len(self._cells) > _KEPT_CELLS:
                self._cells.popitem(last=False)
        self._cells.move_to_end(number)
        return cell

    def _unpack_anew(self, number: int, error: Exception) -> bytes:
        """A cell by a new index: making it tells what is wrong with the stream, if the index was not."""
        self._unpacking = None
        if not self._has_built:
            index = self._build()
            self._index.close()
            self._index = index
            self._cells.clear()
            try:
                return self._unpack(number)
            except _FAULTS as again:
                error = again
        message = f"the gzip stream of {self._source.name} unpacks to something else than before: {error}"
        raise FitsError("not_gzip", message) from error

    def _unpack(self, number: int) -> bytes:
        """A cell. Raises zlib.error and EOFError for what is not as the index says."""
        start = number * CELL
        stop = min(start + CELL, self.size)
        content = bytearray()
        unpacking = self._move_to(start)
        while unpacking.position < stop:
            wanted = (stop if unpacking.position >= start else start) - unpacking.position
            at = unpacking.position
            part = unpacking.read(min(wanted, CELL))
            if not part:
                unpacking = self._unpacking = self._next_member(unpacking)
            elif at >= start:
                content += part
        if zlib.crc32(content) != int(self._index.sums[number]):
            raise zlib.error(f"bytes {start} to {stop} have another sum")
        return bytes(content)

    def _move_to(self, start: int) -> _Unpacking:
        """Goes on from where it is, unless there is a place nearer to what is wanted."""
        number = self._place_before(start)
        now = self._unpacking
        if now is None or now.position > start or int(self._index.points["start"][number]) > now.position:
            now = self._unpacking = self._begin(number)
        return now

    def _next_member(self, ended: _Unpacking) -> _Unpacking:
        number = self._place_before(ended.position)
        if number <= ended.number or int(self._index.points["start"][number]) != ended.position:
            raise zlib.error(f"a member ends at byte {ended.position}, and none is known to begin there")
        return self._begin(number)

    def _place_before(self, position: int) -> int:
        number = int(np.searchsorted(self._index.points["start"], position, side="right")) - 1
        if number < 0:
            raise zlib.error("the index knows no beginning")
        return number

    def _begin(self, number: int) -> _Unpacking:
        return _Unpacking(self._stream, self._index, number)


class _Unpacking:
    """Deflated data read on from a place of the index up to the end of the member that it lies in. Only one
    at a time can use the stream."""

    def __init__(self, stream: BinaryIO, index: GzipIndex, number: int) -> None:
        point = index.points[number]
        self.number = number
        self.position = int(point["start"])
        self._stream = stream
        self._packed = b""
        self._inflate = zlib.decompressobj(-zlib.MAX_WBITS, zdict=index.window(number))
        bits = int(point["bits"])
        stream.seek(int(point["packed"]) - (bits > 0))
        if bits:
            self._packed = _begun_within(self._next_piece(1), 8 - bits)

    def read(self, most: int) -> bytes:
        """The next unpacked bytes, none at the end of the member. Raises zlib.error, EOFError."""
        while not self._inflate.eof:
            part = self._inflate.decompress(self._packed or self._next_piece(), most)
            self._packed = self._inflate.unconsumed_tail
            if part:
                self.position += len(part)
                return part
        return b""

    def _next_piece(self, most: int = _PIECE) -> bytes:
        piece = self._stream.read(most)
        if not piece:
            raise EOFError("the stream ends within a member")
        return piece


def _begun_within(byte: bytes, position: int) -> bytes:
    """Packed bytes to go on from where a block begins at bit ``position`` of a byte.

    The bits cannot be moved to the beginning of a byte: stored blocks are aligned to the bytes of the stream,
    so behind moved bits each would be looked for in the wrong place. Instead blocks that hold nothing fill
    the byte up to the position: 93 bits make it odd, each 10 bits more move it on by 2.
    """
    empty = _DYNAMIC * (position % 2)
    empty += _FIXED * ((position - len(empty)) % 8 // 2)
    content = int(empty[::-1], 2) | byte[0] >> position << len(empty)
    return content.to_bytes(len(empty) // 8 + 1, "little")


class _Stream(Placed):
    def __init__(self, unpacked: IndexedGzip) -> None:
        super().__init__(unpacked.size)
        self._unpacked = unpacked

    def readinto(self, buffer: WriteableBuffer) -> int:
        """What comes next."""
        view = memoryview(buffer)
        wanted = max(0, min(len(view), self._size - self._position))
        self._unpacked.read_into(self._position, view[:wanted])
        self._position += wanted
        return wanted
