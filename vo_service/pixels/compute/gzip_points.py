"""Places in a gzip stream from which it can be unpacked on, found while the stream is read once.

Deflate goes on from the border between two of its blocks, given the 32 KiB of unpacked bytes before it;
indexed_gzip finds such borders, and the beginnings of the members that a stream may consist of.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from io import RawIOBase
from queue import Empty, Full, Queue

import numpy as np
from indexed_gzip import _IndexedGzipFile
from numpy.typing import NDArray

WINDOW = 32768
FOUND = np.dtype([("packed", "<u8"), ("start", "<u8"), ("bits", "u1"), ("has_window", "u1")])
_HEADER_BYTES = 35
_COUNT_AT = 31
_WAITING = 4
_LOOK_SECONDS = 0.5
_BUFFER = 1 << 20
_FAR = 1 << 60

Windows = Callable[[int, bytes], object]


class PointFinder:
    """Is fed with a stream from its beginning, piece by piece, and looks for places in a thread beside the
    one that feeds it: about ``spacing`` unpacked bytes apart, and wherever a member begins.

    It holds a window for each place, and four times the spacing.
    """

    def __init__(self, spacing: int) -> None:
        self._pieces: Queue[bytes] = Queue(_WAITING)
        self._packed = _Fed(self._pieces)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="gzip-points")
        self._found: Future[_IndexedGzipFile] = self._thread.submit(self._find, spacing)

    def feed(self, piece: bytes) -> None:
        """The next bytes of the stream."""
        while not self._found.done():
            try:
                self._pieces.put(piece, timeout=_LOOK_SECONDS)
            except Full:
                continue  # it may have failed meanwhile
            return

    def finish(self, keep: Windows) -> NDArray[np.void]:
        """The places in their order: ``packed`` (byte of the stream), ``bits`` of the byte before that belong
        to it, ``start`` (unpacked byte); ``keep`` is called with the number of each place that has a window,
        and the window. Raises OSError where the stream could not be understood."""
        self.feed(b"")
        with self._found.result() as found:
            taker = _Exported(keep)
            found.export_index(fileobj=taker)
        return taker.points

    def close(self) -> None:
        """Give up what was not finished."""
        self._packed.is_over = True
        self._thread.shutdown(wait=True)

    def _find(self, spacing: int) -> _IndexedGzipFile:
        found = _IndexedGzipFile(
            fileobj=self._packed, spacing=spacing, window_size=WINDOW, readbuf_size=_BUFFER,
            skip_crc_check=True,
        )  # fmt: skip
        found.seek(_FAR)  # as build_full_index, but other threads may go on meanwhile
        return found


class _Fed:
    """What was put into a queue, as a file that can be read on only; nothing ends it."""

    mode = "rb"

    def __init__(self, pieces: Queue[bytes]) -> None:
        self._pieces = pieces
        self._rest = b""
        self._at = 0
        self.is_over = False

    def seekable(self) -> bool:
        return False

    def tell(self) -> int:
        return self._at

    def read(self, length: int) -> bytes:
        parts = []
        left = length
        while left and not self.is_over:
            if not self._rest:
                try:
                    self._rest = self._pieces.get(timeout=_LOOK_SECONDS)
                except Empty:
                    continue
                if not self._rest:
                    self.is_over = True
                    break
            part = self._rest[:left]
            self._rest = self._rest[len(part) :]
            left -= len(part)
            parts.append(part)
        content = b"".join(parts)
        self._at += len(content)
        return content


class _Exported(RawIOBase):
    """Takes an index in the form in which indexed_gzip writes it: a header, all places, then the windows of
    those that have one. No more than one window is held."""

    mode = "wb"

    def __init__(self, keep: Windows) -> None:
        self._keep = keep
        self._buffer = bytearray()
        self._points: NDArray[np.void] | None = None
        self._numbers: list[int] = []

    def writable(self) -> bool:
        return True

    def write(self, content: bytes) -> int:  # type: ignore[override]
        self._buffer += content
        if self._points is None:
            self._read_points()
        while self._points is not None and len(self._buffer) >= WINDOW:
            self._keep(self._numbers.pop(), bytes(self._buffer[:WINDOW]))
            del self._buffer[:WINDOW]
        return len(content)

    def flush(self) -> None:
        """Nothing waits."""

    @property
    def points(self) -> NDArray[np.void]:
        if self._points is None or self._numbers:
            raise OSError("the index of a gzip stream breaks off")
        return self._points

    def _read_points(self) -> None:
        if len(self._buffer) < _HEADER_BYTES:
            return
        count = int.from_bytes(self._buffer[_COUNT_AT:_HEADER_BYTES], "little")
        end = _HEADER_BYTES + count * FOUND.itemsize
        if len(self._buffer) < end:
            return
        self._points = np.frombuffer(bytes(self._buffer[_HEADER_BYTES:end]), FOUND)
        self._numbers = [int(each) for each in np.flatnonzero(self._points["has_window"])[::-1]]
        del self._buffer[:end]
