"""Streams over what is no file of its own: part of another stream, answers to range requests, a reading that
only goes on.
"""

from __future__ import annotations

from collections.abc import Callable
from io import SEEK_CUR, SEEK_SET, RawIOBase, UnsupportedOperation
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

SMALL_READ = 1 << 15
"""Bytes of a first read: most headers fit."""
_LARGEST_READ = 1 << 23


class Placed(RawIOBase):
    """A stream of known length that can be placed anywhere."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._position = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = SEEK_SET) -> int:
        start = 0 if whence == SEEK_SET else self._position if whence == SEEK_CUR else self._size
        if start + offset < 0:
            raise ValueError(f"there is no byte {start + offset}")
        self._position = start + offset
        return self._position

    def tell(self) -> int:
        return self._position


class Window(Placed):
    """``size`` bytes from ``offset`` on of a stream that can seek, which it owns."""

    def __init__(self, stream: BinaryIO, offset: int, size: int) -> None:
        super().__init__(size)
        self._stream = stream
        self._offset = offset

    def readinto(self, buffer: WriteableBuffer) -> int:
        """What comes next, nothing beyond the window."""
        view = memoryview(buffer)
        wanted = max(0, min(len(view), self._size - self._position))
        if not wanted:
            return 0
        self._stream.seek(self._offset + self._position)
        count: int = self._stream.readinto(view[:wanted])  # type: ignore[attr-defined]
        self._position += count
        return count

    def close(self) -> None:
        """Closes the stream below, too."""
        self._stream.close()
        super().close()


class Ranges(Placed):
    """A stream over ``read_at`` of a source in which each read costs a request: what is read in sequence is
    asked for in pieces that grow, up to 8 MiB; a jump starts with a small piece again.
    """

    def __init__(self, read_at: Callable[[int, int], bytes], size: int, start: bytes = b"") -> None:
        """``start``: bytes at the beginning that are there already."""
        super().__init__(size)
        self._read_at = read_at
        self._piece = start
        self._piece_at = 0
        self._next = SMALL_READ

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Fill the buffer as far as the piece at hand goes."""
        view = memoryview(buffer)
        at = self._position - self._piece_at
        if not 0 <= at < len(self._piece):
            if self._position >= self._size:
                return 0
            at = 0
            self._fetch()
        part = self._piece[at : at + len(view)]
        view[: len(part)] = part
        self._position += len(part)
        return len(part)

    def _fetch(self) -> None:
        in_sequence = self._position == self._piece_at + len(self._piece)
        self._next = min(2 * self._next, _LARGEST_READ) if in_sequence else SMALL_READ
        length = min(self._next, self._size - self._position)
        self._piece = self._read_at(self._position, length)
        self._piece_at = self._position


class Passing(RawIOBase):
    """A stream that can only be read on, over ``read`` of something else, which ``close`` closes."""

    def __init__(self, read: Callable[[int], bytes], close: Callable[[], object]) -> None:
        self._read = read
        self._close = close

    def readable(self) -> bool:
        """It is."""
        return True

    def seek(self, offset: int, whence: int = SEEK_SET) -> int:
        """Raises UnsupportedOperation, which is an OSError."""
        raise UnsupportedOperation("this source can only be read from its start to its end")

    def readinto(self, buffer: WriteableBuffer) -> int:
        """What comes next, as much as comes at once."""
        view = memoryview(buffer)
        part = self._read(len(view))
        view[: len(part)] = part
        return len(part)

    def close(self) -> None:
        """Closes what it reads."""
        if not self.closed:
            self._close()
        super().close()
