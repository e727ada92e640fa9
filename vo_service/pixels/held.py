"""An open file of this machine as a source: whatever happens to its name, these are its bytes."""

from __future__ import annotations

import os
from io import BufferedReader
from multiprocessing.reduction import DupFd
from typing import TYPE_CHECKING, Any, BinaryIO

from vo_service.pixels.streams import SMALL_READ, Placed

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


class HeldFile:
    """``size`` bytes from ``start`` on of the open file ``descriptor``, which it owns.

    It can be handed to a process that is being started, and is the same open file there. Its reads may come
    from several threads, but not while it is closed.
    """

    def __init__(self, descriptor: int, name: str, start: int, size: int) -> None:
        self.descriptor = descriptor
        self.name = name
        self.start = start
        self.size = size

    def __reduce__(self) -> tuple[object, ...]:
        return _from_parent, (DupFd(self.descriptor), self.name, self.start, self.size)

    def open(self) -> BinaryIO:
        """The part from its start; streams of one file do not disturb each other, and leave it open."""
        return BufferedReader(_Reading(self), SMALL_READ)

    def read_at(self, offset: int, length: int) -> bytes:
        """A piece of the part, shorter only at its end."""
        return os.pread(self.descriptor, max(0, min(length, self.size - offset)), self.start + offset)

    def read_into(self, offset: int, view: memoryview) -> None:
        """Fill ``view`` with the bytes from ``offset`` on. Raises OSError where there are not so many."""
        end, rest, found = offset + len(view), view, 1
        while end <= self.size and found:
            found = os.preadv(self.descriptor, [rest], self.start + end - len(rest))
            if found == len(rest):
                return
            rest = rest[found:]
        raise OSError(f"{self.name} ends before byte {end}")

    def read_strided(self, offset: int, length: int, stride: int, view: memoryview) -> None:
        """Fill ``view`` with runs of ``length`` bytes, the first from ``offset`` on, ``stride`` bytes from
        one to the next. Raises OSError where there are not so many."""
        read, descriptor, place = os.preadv, self.descriptor, self.start + offset
        last = offset + (len(view) // length - 1) * stride + length
        if last > self.size:
            raise OSError(f"{self.name} ends before byte {last}")
        for start in range(0, len(view), length):
            if read(descriptor, (view[start : start + length],), place) != length:
                self.read_into(place - self.start, view[start : start + length])
            place += stride

    def state(self) -> tuple[object, ...]:
        """Size and time of change in nanoseconds of the whole file."""
        found = os.fstat(self.descriptor)
        return (found.st_size, found.st_mtime_ns)

    def close(self) -> None:
        """Nothing is read any more."""
        descriptor, self.descriptor = self.descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


class _Reading(Placed):
    """Has a position of its own: a duplicate of the descriptor would share one."""

    def __init__(self, held: HeldFile) -> None:
        super().__init__(held.size)
        self._held = held

    def readinto(self, buffer: WriteableBuffer) -> int:
        """What comes next."""
        view = memoryview(buffer)
        wanted = max(0, min(len(view), self._size - self._position))
        held = self._held
        count = os.preadv(held.descriptor, [view[:wanted]], held.start + self._position) if wanted else 0
        self._position += count
        return count


def _from_parent(handed: Any, name: str, start: int, size: int) -> HeldFile:
    return HeldFile(handed.detach(), name, start, size)
