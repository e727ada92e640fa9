"""Plain bytes of sources of every kind: what lies in the file is read where it lies, what is far is asked for
with few requests, what can only be read on is read on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from gzip import GzipFile
from io import BufferedReader, BytesIO
from typing import BinaryIO, Protocol

from vo_service.pixels.cutout.gathering import end_of, pick_out, together
from vo_service.pixels.cutout.runs import Piece
from vo_service.pixels.gzip_faults import gzip_faults
from vo_service.pixels.sources import ByteSource
from vo_service.pixels.streams import Passing

_STEP = 1 << 20


class Unpacked(Protocol):
    """Plain bytes of a FITS file, for one reader at a time."""

    def read_into(self, offset: int, view: memoryview) -> None:
        """Fill ``view`` with the bytes from ``offset`` on. Raises OSError where there are not so many, and
        FitsError ``truncated`` or ``not_gzip`` where the stream that they lie in is damaged."""

    def read_at(self, offset: int, length: int) -> bytes:
        """A piece, shorter only at the end."""

    def open(self) -> BinaryIO:
        """A stream that stands at byte 0; reading it may disturb nothing but the speed of other reads."""


class Pieces:
    """A source of this machine that can jump, such as a member of a tar: no more is read than asked for."""

    def __init__(self, source: ByteSource) -> None:
        self._source = source
        self.open = source.open
        self.read_at = source.read_at

    def read_into(self, offset: int, view: memoryview) -> None:
        """As of Unpacked."""
        _read_exactly(self._source, offset, view)


class InMemory:
    """A small file that was read whole."""

    def __init__(self, source: ByteSource, content: bytes) -> None:
        self._source = source
        self._content = memoryview(content)

    def read_into(self, offset: int, view: memoryview) -> None:
        """As of Unpacked."""
        if offset + len(view) > len(self._content):
            raise _too_short(self._source, offset + len(view))
        view[:] = self._content[offset : offset + len(view)]

    def read_at(self, offset: int, length: int) -> bytes:
        """As of Unpacked."""
        return bytes(self._content[offset : offset + length])

    def open(self) -> BinaryIO:
        """As of Unpacked."""
        return BytesIO(self._content)


class Requests:
    """A source of which each read costs a request: what is wanted of it is best told all at once, so that
    runs that lie near each other come with one. Nothing is read ahead."""

    def __init__(self, source: ByteSource) -> None:
        self._source = source
        self.open = source.open
        self.read_at = source.read_at

    def read_into(self, offset: int, view: memoryview) -> None:
        """As of Unpacked."""
        _read_exactly(self._source, offset, view)

    def gather(self, pieces: Iterable[Piece], view: memoryview) -> None:
        """As of Gathering. Raises as `read_into`."""
        done = 0
        for group in together(pieces):
            start, wanted = group[0].offset, sum(piece.size for piece in group)
            part = view[done : done + wanted]
            if end_of(group) - start == wanted:
                _read_exactly(self._source, start, part)
            else:
                whole = bytearray(end_of(group) - start)
                _read_exactly(self._source, start, memoryview(whole))
                pick_out(group, whole, part)
            done += wanted

    def serves_ranges(self) -> bool:
        """Whether the source gives pieces, and not only the whole: one more request. Raises OSError."""
        with self._source.open() as stream:
            return stream.seekable()


class ReadOn:
    """A source that can only be read on: a step back begins anew, so whoever takes what he needs in its order
    reads it once. ``begin`` opens it, and has what is to be closed closed by the stack."""

    def __init__(self, source: ByteSource, begin: Callable[[ExitStack], BinaryIO | GzipFile]) -> None:
        self._source = source
        self._begin = begin
        self._stack = ExitStack()
        self._stream: BinaryIO | GzipFile | None = None
        self._position = 0

    def read_into(self, offset: int, view: memoryview) -> None:
        """As of Unpacked."""
        with gzip_faults(self._source.name):
            stream = self._move(offset)
            done = 0
            while done < len(view):
                found = stream.readinto(view[done:])  # type: ignore[union-attr]
                if not found:
                    raise _too_short(self._source, offset + len(view))
                done += found
                self._position += found

    def read_at(self, offset: int, length: int) -> bytes:
        """As of Unpacked."""
        parts = []
        with gzip_faults(self._source.name):
            stream = self._move(offset)
            while length and (part := stream.read(min(_STEP, length))):
                parts.append(part)
                length -= len(part)
                self._position += len(part)
        return b"".join(parts)

    def open(self) -> BinaryIO:
        """As of Unpacked; what it stood at is given up, since of some sources one stream alone is open."""
        self.close()
        stack = ExitStack()
        stream = self._begin(stack)

        def read(length: int) -> bytes:
            with gzip_faults(self._source.name):
                return stream.read(length)

        return BufferedReader(Passing(read, stack.close), _STEP)

    def read_to_end(self) -> None:
        """Let the checksum at the end of a gzip stream vouch for what was read of it. Raises FitsError."""
        with gzip_faults(self._source.name):
            while self._stream is not None and self._stream.read(_STEP):
                pass

    def close(self) -> None:
        """Give up the pass."""
        self._stack.close()
        self._stream = None
        self._position = 0

    def _move(self, offset: int) -> BinaryIO | GzipFile:
        if self._stream is None or offset < self._position:
            self.close()
            self._stream = self._begin(self._stack)
        while self._position < offset:
            part = self._stream.read(min(_STEP, offset - self._position))
            if not part:
                raise _too_short(self._source, offset)
            self._position += len(part)
        return self._stream


def _read_exactly(source: ByteSource, offset: int, view: memoryview) -> None:
    done = 0
    while done < len(view):
        part = source.read_at(offset + done, len(view) - done)
        if not part:
            raise _too_short(source, offset + len(view))
        view[done : done + len(part)] = part
        done += len(part)


def _too_short(source: ByteSource, end: int) -> OSError:
    return OSError(f"{source.name} ends before byte {end}")
