"""The bytes of one file, open for sending: of a file of this machine, of a member of a tar, of what lies
behind a URL.
"""

from __future__ import annotations

from typing import BinaryIO

from vo_service.pixels.held import HeldFile
from vo_service.pixels.sources import ByteSource

_STEP = 1 << 20


class StreamedBytes:
    """What a source has, read on as far as it goes; a step back begins anew where the source cannot jump."""

    def __init__(self, source: ByteSource, owned: HeldFile | None = None) -> None:
        """``owned`` is closed with it."""
        self._source = source
        self._owned = owned
        self._stream: BinaryIO | None = None
        self._position = 0

    def read_at(self, offset: int, length: int) -> bytes:
        """A piece of the source."""
        stream = self._move(offset)
        part = stream.read(length)
        self._position += len(part)
        return part

    def close(self) -> None:
        """Close what it reads."""
        for stream in (self._stream, self._owned):
            if stream is not None:
                stream.close()
        self._stream = self._owned = None

    def _move(self, offset: int) -> BinaryIO:
        if self._stream is None or (offset < self._position and not self._stream.seekable()):
            if self._stream is not None:
                self._stream.close()
            self._stream = self._source.open()
            self._position = 0
        if offset != self._position and self._stream.seekable():
            self._position = self._stream.seek(offset)
        while self._position < offset and (part := self._stream.read(min(_STEP, offset - self._position))):
            self._position += len(part)
        return self._stream
