"""Members of a tar that can only be read from its start to its end: packed, or behind a server that gives no
ranges.

The tar is opened once and read on from member to member, so members that are taken in their order cost one
pass. What was read of the present member is kept up to a bound: it can be opened again, as a reader does who
looks at its first bytes before he reads its header. Any other step back starts the pass anew.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from io import BufferedReader
from typing import BinaryIO

from vo_service.pixels.sources import ByteSource
from vo_service.pixels.streams import SMALL_READ, Passing
from vo_service.pixels.tars import DAMAGED, unpacked

KEPT_BYTES = 16 << 20
_STEP = 1 << 20


class CutOff(OSError):
    """The packed data end before what is asked for."""


def _go_on() -> None:
    pass


class PackedTar:
    """A tar that is read on and on. Not to be shared by threads; close it when done.

    ``check`` is called before each piece that is passed over on the way to what is asked for, and ends it by
    what it raises."""

    def __init__(self, source: ByteSource, packing: str | None) -> None:
        self.source = source
        self.packing = packing
        self.check: Callable[[], None] = _go_on
        self.passes = 0
        self._raw: BinaryIO | None = None
        self._stream: BinaryIO | None = None
        self._position = 0
        self._kept = bytearray()
        self._kept_at = 0

    def read(self, offset: int, length: int) -> bytes:
        """Bytes of the unpacked tar, as many as come at once; none at its end. Raises CutOff where the packed
        data break off, and OSError."""
        at = offset - self._kept_at
        if 0 <= at < len(self._kept):
            return bytes(self._kept[at : at + length])
        try:
            self._move(offset)
            part = self._take(length)
        except EOFError as error:
            raise CutOff(
                f"{self.source.name} breaks off before byte {offset} of what it holds: {error}"
            ) from error
        except DAMAGED as error:
            raise OSError(f"{self.source.name} cannot be unpacked from byte {offset} on: {error}") from error
        if self._kept_at + len(self._kept) == offset:
            self._kept += part[: KEPT_BYTES - len(self._kept)]
        return part

    def keep_from(self, offset: int) -> None:
        """A member begins here: what was kept of another is dropped. Raises OSError."""
        if offset == self._kept_at:
            return
        self._kept.clear()
        self._kept_at = offset

    def close(self) -> None:
        """Ends the pass."""
        for stream in (self._stream, self._raw):
            if stream is not None:
                stream.close()
        self._stream = self._raw = None
        self._position = 0

    def _move(self, offset: int) -> None:
        if self._stream is None or offset < self._position:
            self.close()
            self._raw = self.source.open()
            self._stream = unpacked(self._raw, self.packing)
            self.passes += 1
        while self._position < offset:
            self.check()
            if not self._take(min(_STEP, offset - self._position)):
                raise CutOff(f"{self.source.name} ends at byte {self._position} of its unpacked bytes")

    def _take(self, length: int) -> bytes:
        assert self._stream is not None
        part = self._stream.read(length)
        self._position += len(part)
        return part


@dataclass(frozen=True, slots=True)
class PackedMember:
    """A member: ``size`` bytes from ``offset`` on of the unpacked tar."""

    tar: PackedTar
    offset: int
    size: int
    name: str

    def open(self) -> BinaryIO:
        """The member from its start, to be read on only; one stream at a time, of this member or another."""
        self.tar.keep_from(self.offset)
        done = 0

        def read(length: int) -> bytes:
            nonlocal done
            part = (
                self.tar.read(self.offset + done, min(length, self.size - done)) if done < self.size else b""
            )
            done += len(part)
            return part

        return BufferedReader(Passing(read, lambda: None), SMALL_READ)

    def read_at(self, offset: int, length: int) -> bytes:
        """A piece of the member: all that comes before has to be read, and a step back reads it again."""
        end = min(offset + length, self.size)
        self.tar.keep_from(self.offset)
        parts = []
        while offset < end and (part := self.tar.read(self.offset + offset, min(_STEP, end - offset))):
            parts.append(part)
            offset += len(part)
        return b"".join(parts)

    def state(self) -> tuple[object, ...]:
        """That of the tar."""
        return self.tar.source.state()
