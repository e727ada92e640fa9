"""The bytes of one file, open for sending: of a file of this machine, of a member of a tar, of what lies
behind a URL.
"""

from __future__ import annotations

from typing import BinaryIO

from vo_service.pixels.held import HeldFile
from vo_service.pixels.packed_tars import PackedMember
from vo_service.pixels.sources import ByteSource

_STEP = 1 << 20


class NobodyWaits(OSError):
    """What was being read is for nobody any more."""


class Demand:
    """Whether somebody still waits for what is read: told by another thread than that which reads."""

    def __init__(self) -> None:
        self.is_over = False

    def end(self) -> None:
        """Nobody waits any more."""
        self.is_over = True

    def require(self) -> None:
        """Raises NobodyWaits where that is so."""
        if self.is_over:
            raise NobodyWaits("whoever asked for it has left")

    def watch(self, source: ByteSource) -> None:
        """What has to be passed over in a packed tar on the way to this source is for them alone as well."""
        if isinstance(source, PackedMember):
            source.tar.check = self.require


class StreamedBytes:
    """What a source has, read on as far as it goes; a step back begins anew where the source cannot jump."""

    def __init__(
        self, source: ByteSource, owned: HeldFile | None = None, demand: Demand | None = None
    ) -> None:
        """``owned`` is closed with it; what stands in front of a piece is passed over for as long as there is
        a ``demand``."""
        self._source = source
        self._owned = owned
        self._demand = demand or Demand()
        self._demand.watch(source)
        self._stream: BinaryIO | None = None
        self._position = 0

    def read_at(self, offset: int, length: int) -> bytes:
        """A piece of the source. Raises NobodyWaits behind `leave`, and OSError."""
        stream = self._move(offset)
        part = stream.read(length)
        self._position += len(part)
        return part

    def leave(self) -> None:
        """Nobody waits for a piece any more."""
        self._demand.end()

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
        while self._position < offset:
            self._demand.require()
            part = self._stream.read(min(_STEP, offset - self._position))
            if not part:
                break
            self._position += len(part)
        return self._stream
