"""The bytes of one answer between the thread that makes them and the client that takes them.

A few megabytes wait in memory; what a slow client has not taken by then goes to files without a name, so that
the query ends, and frees its place, whatever the client does. Files are written and read in segments, each
given back to the disk once it has been taken: an answer occupies what still waits, not what has passed.
Beyond its cap, or on a full disk, an answer waits for its reader as long as the reader takes something.
"""

from __future__ import annotations

import errno
import os
import tempfile
import threading
import weakref
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from vo_service.store.disk import is_full

_CHUNK_BYTES = 1 << 20  # taken from a file at a time


@dataclass(frozen=True, slots=True)
class SpoolLimits:
    """How much waits where.

    Bytes of one answer in memory and on disk, of all answers of a process on disk, of one file; seconds that
    an answer with a full spool waits for a reader who takes nothing.
    """

    memory_bytes: int = 4 << 20
    file_bytes: int = 2 << 30
    total_bytes: int = 20 << 30
    segment_bytes: int = 32 << 20
    stall_seconds: float = 30.0


class SpoolClosed(Exception):
    """Nobody takes from this spool any more."""


class SpoolRoom:
    """The disk space that all spools of a process share; ``directory`` must exist.

    ``changed`` hears how many bytes more wait on disk.
    """

    def __init__(
        self, directory: Path, limits: SpoolLimits, changed: Callable[[int], None] = lambda size: None
    ) -> None:
        self.directory = directory
        self.limits = limits
        self._changed = changed
        self._lock = threading.Lock()
        self._taken = 0

    def spool(self) -> Spool:
        """A spool for one answer."""
        return Spool(self)

    def take(self, size: int) -> bool:
        """Whether there is room for so many bytes more, which are then taken."""
        with self._lock:
            if self._taken + size > self.limits.total_bytes:
                return False
            self._taken += size
        self._changed(size)
        return True

    def give(self, size: int) -> None:
        """Give room back."""
        if size:
            with self._lock:
                self._taken -= size
            self._changed(-size)


class _Segment:
    """One file without a name, written at its end and read from its front; gone with its last user.

    ``written`` and ``read`` are moved by the spool, under its lock.
    """

    def __init__(self, directory: Path) -> None:
        with tempfile.TemporaryFile(dir=directory, buffering=0) as file:
            self._descriptor = os.dup(file.fileno())
        weakref.finalize(self, os.close, self._descriptor)
        self.written = 0
        self.read = 0

    def append(self, piece: bytes) -> None:
        """All of a piece behind ``written`` or, with OSError, nothing that counts."""
        view, place = memoryview(piece), self.written
        while view:
            count = os.pwrite(self._descriptor, view, place)
            place += count
            view = view[count:]

    def chunk(self) -> bytes:
        """What comes next, of what has been written."""
        return os.pread(self._descriptor, min(_CHUNK_BYTES, self.written - self.read), self.read)


class Spool:
    """First in, first out. One thread puts, another takes; `close` may come from anywhere."""

    def __init__(self, room: SpoolRoom) -> None:
        self._room = room
        self._limits = room.limits
        self._change = threading.Condition()  # guards everything below, never held while files are touched
        self._blocks: deque[bytes | _Segment] = deque()
        self._memory = 0  # bytes that wait in memory
        self._stored = 0  # bytes that wait in files
        self._takes = 0
        self._closed = False

    @property
    def waiting(self) -> int:
        """Bytes that wait to be taken."""
        return self._memory + self._stored

    @property
    def next_on_disk(self) -> bool:
        """Whether the next `take` reads a file."""
        with self._change:
            return bool(self._blocks) and isinstance(self._blocks[0], _Segment)

    def put(self, piece: bytes) -> bool:
        """Add a piece, waiting for the reader where there is no room.

        False where the reader takes nothing for too long: then the piece was not added. Raises SpoolClosed.
        """
        while True:
            with self._change:
                seen = self._takes
                if self._remembered(piece):
                    return True
            if self._stored_piece(piece):
                return True
            with self._change:
                if not self._moved_on(seen):
                    return False

    def put_last(self, piece: bytes) -> None:
        """Add a piece beyond all limits: the few bytes that say why an answer ends. Raises SpoolClosed."""
        with self._change:
            if self._closed:
                raise SpoolClosed
            self._remember(piece)

    def take(self) -> bytes:
        """Some of what waits, at least one byte where something does; may read a file."""
        with self._change:
            if not self._blocks:
                return b""
            front = self._blocks[0]
            if not isinstance(front, _Segment):
                return self._remembered_front()
        chunk = front.chunk()
        with self._change:
            if self._closed:
                return b""
            front.read += len(chunk)
            self._stored -= len(chunk)
            if front.read == front.written:
                self._blocks.popleft()
            self._taken()
        self._room.give(len(chunk))
        return chunk

    def close(self) -> None:
        """Forget everything: nobody takes any more. Safe to call twice."""
        with self._change:
            stored, self._stored = self._stored, 0
            self._closed = True
            self._blocks.clear()
            self._memory = 0
            self._change.notify_all()
        self._room.give(stored)

    def _remembered(self, piece: bytes) -> bool:
        """Whether a piece could be kept in memory; behind a file it waits in that file."""
        if self._closed:
            raise SpoolClosed
        behind_file = bool(self._blocks) and isinstance(self._blocks[-1], _Segment)
        if behind_file or (self._memory and self._memory + len(piece) > self._limits.memory_bytes):
            return False
        self._remember(piece)
        return True

    def _remember(self, piece: bytes) -> None:
        self._blocks.append(piece)
        self._memory += len(piece)

    def _stored_piece(self, piece: bytes) -> bool:
        """Whether a piece could be written to a file. Raises OSError for a disk that fails otherwise."""
        if self._stored + len(piece) > self._limits.file_bytes or not self._room.take(len(piece)):
            return False
        try:
            segment = self._segment()
            segment.append(piece)
        except OSError as error:
            self._room.give(len(piece))
            if is_full(error) or error.errno == errno.EFBIG:  # the process may have a limit of its own
                return False
            raise
        with self._change:
            if not self._closed:
                if not self._blocks or self._blocks[-1] is not segment:  # new, or the reader was faster
                    self._blocks.append(segment)
                segment.written += len(piece)
                self._stored += len(piece)
                return True
        self._room.give(len(piece))
        raise SpoolClosed

    def _segment(self) -> _Segment:
        """The file that is written to."""
        with self._change:
            last = self._blocks[-1] if self._blocks else None
        if isinstance(last, _Segment) and last.written < self._limits.segment_bytes:
            return last
        return _Segment(self._room.directory)

    def _moved_on(self, seen: int) -> bool:
        """Wait for the reader to take something; False where that took too long."""
        return self._change.wait_for(
            lambda: self._closed or self._takes != seen, timeout=self._limits.stall_seconds
        )

    def _remembered_front(self) -> bytes:
        """All that waits in memory in front of the first file."""
        pieces: list[bytes] = []
        while self._blocks and not isinstance(self._blocks[0], _Segment):
            piece = self._blocks.popleft()
            assert isinstance(piece, bytes)
            pieces.append(piece)
        taken = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        self._memory -= len(taken)
        self._taken()
        return taken

    def _taken(self) -> None:
        self._takes += 1
        self._change.notify_all()
