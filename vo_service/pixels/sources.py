"""Where bytes come from: one small interface over files, members of tars and what lies behind a URL."""

from __future__ import annotations

import os
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO, Protocol

from vo_service.pixels.streams import SMALL_READ, Window


class ByteSource(Protocol):
    """Bytes that can be read from the start, and in pieces where the source allows it."""

    @property
    def name(self) -> str:
        """What messages call the source: a file name without its folder."""

    @property
    def size(self) -> int | None:
        """Number of bytes; None where only reading to the end would tell. Raises OSError."""

    def open(self) -> BinaryIO:
        """A stream that stands at byte 0; it may be unable to seek. Raises OSError."""

    def read_at(self, offset: int, length: int) -> bytes:
        """``length`` bytes from ``offset``, fewer only at the end. Raises OSError where it cannot seek."""

    def state(self) -> tuple[object, ...]:
        """Size and time of change in nanoseconds (of a slice: those of the whole), which tell two states of
        the bytes apart. Raises OSError.
        """


@dataclass(frozen=True, slots=True)
class LocalFile:
    """A file of this machine."""

    path: Path

    @property
    def name(self) -> str:
        """The file's name without its folder."""
        return self.path.name

    @property
    def size(self) -> int:
        """Number of bytes as the file is now."""
        return self.path.stat().st_size

    def open(self) -> BinaryIO:
        """The file."""
        return self.path.open("rb")

    def read_at(self, offset: int, length: int) -> bytes:
        """A piece of the file."""
        descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            return os.pread(descriptor, length, offset)
        finally:
            os.close(descriptor)

    def state(self) -> tuple[object, ...]:
        """Size in bytes and time of change in nanoseconds."""
        found = self.path.stat()
        return (found.st_size, found.st_mtime_ns)


@dataclass(frozen=True, slots=True)
class Slice:
    """``size`` bytes of another source from ``offset`` on, as a member of a tar is. The other source must be
    able to seek.
    """

    whole: ByteSource
    offset: int
    size: int
    name: str

    def open(self) -> BinaryIO:
        """The slice alone; closing it closes the other source's stream."""
        return BufferedReader(Window(self.whole.open(), self.offset, self.size), SMALL_READ)

    def read_at(self, offset: int, length: int) -> bytes:
        """A piece of the slice, nothing of what lies round it."""
        return self.whole.read_at(self.offset + offset, max(0, min(length, self.size - offset)))

    def state(self) -> tuple[object, ...]:
        """That of the other source."""
        return self.whole.state()
