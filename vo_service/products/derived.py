"""Results that were computed, kept as files as long as there is room, bounded in bytes.

A file holds the bytes of a result and behind them their SHA-256, so that the two always come together. It is
seen under its name once it is whole. Which goes first when room is needed: the one that was not asked for
longest. Whoever has one open keeps its bytes.
"""

from __future__ import annotations

import hashlib
import logging
import os
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from secrets import token_hex
from shutil import rmtree
from typing import BinaryIO

from vo_service.dali.errors import ErrorKind, ServiceError
from vo_service.dali.sending import LocalBytes
from vo_service.dali.streams import Cancellation, ClientGone
from vo_service.store.disk import disk_errors
from vo_service.store.errors import DiskFull, StoreError

_log = logging.getLogger(__name__)

_DIGEST_BYTES = 32
_TOUCHED_SECONDS = 60.0  # asked for more often than this, the time is not written anew
_LEFT_SECONDS = 86_400.0  # what nobody finished in a day is of a process that was killed
_NEW = "new"


@dataclass(frozen=True, slots=True)
class Kept:
    """A result, open, for the caller to close; ``sha256`` of its bytes."""

    handle: LocalBytes
    sha256: bytes


@dataclass(slots=True)
class _Seat:
    """Somebody who waits for a flight, and what it brings to those who wait."""

    over: threading.Event = field(default_factory=threading.Event)
    kept: Kept | None = None


@dataclass(slots=True)
class _Flight:
    """A result that is being made, and who waits for it."""

    waiting: list[_Seat] = field(default_factory=list)
    error: Exception | None = None


class Derived:
    """The results below ``directory``, of ``most_bytes`` together. Safe to use from any thread, and in
    several processes at a time."""

    def __init__(self, directory: Path, most_bytes: int) -> None:
        self._directory = directory
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        self._flights: dict[tuple[str, float], _Flight] = {}

    def find(self, key: str) -> Kept | None:
        """A result that is kept, None where it is not; ``key`` is a word fit for a file name."""
        kept = _open_kept(self._directory / key)
        if kept is not None and time.time() - os.fstat(kept.handle.descriptor).st_mtime > _TOUCHED_SECONDS:
            with suppress(OSError):
                os.utime(kept.handle.descriptor)
        return kept

    def get(
        self, key: str, make: Callable[[Path], object], cancellation: Cancellation, seconds: float = inf
    ) -> Kept:
        """A result, made by ``make`` where it is not kept: once, whoever asks for it meanwhile with as many
        ``seconds`` for it.

        ``make`` writes the new file that it is given by `write_result`; whatever it leaves beside it is
        removed. Raises what it raises, and ServiceError (503) where the disk has no room for it.
        """
        while (kept := self.find(key)) is None:
            seat, own = _Seat(), _Flight()
            with self._lock:
                flight = self._flights.setdefault((key, seconds), own)
                if flight is not own:
                    flight.waiting.append(seat)
            if flight is own:
                return self._lead((key, seconds), make, own)
            kept = self._follow(flight, seat, cancellation)
            if kept is not None:
                break
        return kept

    def _lead(self, name: tuple[str, float], make: Callable[[Path], object], flight: _Flight) -> Kept:
        kept: Kept | None = None
        try:
            kept = self.find(name[0]) or self._made(name[0], make)  # another flight may just have ended
            return kept
        except ClientGone:  # of those who wait another one makes it
            raise
        except Exception as error:
            if _is_of_all(error):
                flight.error = error
            raise
        finally:
            with self._lock:
                del self._flights[name]
                for seat in flight.waiting:
                    seat.kept = None if kept is None else _copy(kept)
                    seat.over.set()

    def _follow(self, flight: _Flight, seat: _Seat, cancellation: Cancellation) -> Kept | None:
        """What a flight brings once it is over; None where it brought nothing that is for all. Raises what
        became of it, and ClientGone once the client leaves."""
        cancellation.on_cancel(seat.over.set)
        seat.over.wait()
        cancellation.on_cancel(None)
        if not cancellation.requested:
            if flight.error is not None:
                raise flight.error
            return seat.kept
        with self._lock:
            if seat in flight.waiting:
                flight.waiting.remove(seat)
        if seat.kept is not None:
            seat.kept.handle.close()
        raise ClientGone

    def _made(self, key: str, make: Callable[[Path], object]) -> Kept:
        place = self._directory / _NEW / token_hex(16)
        new = place / "result"
        try:
            with disk_errors("keeping a result"):
                for folder in (self._directory, place.parent, place):  # it may be of proprietary data
                    folder.mkdir(mode=0o700, exist_ok=True)
                make(new)
                kept = _open_kept(new)
                if kept is None:
                    raise ServiceError(ErrorKind.INTERNAL, "The result was not written whole.")
                try:
                    self._keep(new, key)
                except BaseException:
                    kept.handle.close()
                    raise
                return kept
        except StoreError as error:
            _log.error("result not made reason=%s", error)
            why = "has no room on its disk for" if isinstance(error, DiskFull) else "cannot make"
            raise ServiceError(ErrorKind.UNAVAILABLE, f"The service {why} this result.") from error
        finally:
            rmtree(place, ignore_errors=True)  # a process that was ended leaves what it had laid aside

    def _keep(self, new: Path, key: str) -> None:
        """Keep a result, unless it is larger than all that is kept together: then it is sent and gone."""
        size = new.stat().st_size
        if size <= self._most_bytes:
            self._make_room(size)
            new.rename(self._directory / key)

    def _make_room(self, size: int) -> None:
        """Remove what was not asked for longest until a new result of that size fits."""
        found = []
        for entry in os.scandir(self._directory):
            with suppress(OSError):
                if entry.is_file(follow_symlinks=False):
                    state = entry.stat(follow_symlinks=False)
                    found.append((state.st_mtime, state.st_size, entry.path))
        excess = sum(kept for _, kept, _ in found) + size - self._most_bytes
        for _, kept, path in sorted(found):
            if excess <= 0:
                break
            Path(path).unlink(missing_ok=True)
            excess -= kept
        self._sweep()

    def _sweep(self) -> None:
        """Remove what killed processes left half-made."""
        oldest = time.time() - _LEFT_SECONDS
        for path in (self._directory / _NEW).iterdir():
            with suppress(OSError):
                if path.stat().st_mtime < oldest:
                    rmtree(path)


def _open_kept(path: Path) -> Kept | None:
    """A file of ours, open; None where there is none."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    size = os.fstat(descriptor).st_size - _DIGEST_BYTES
    if size < 0:
        os.close(descriptor)
        return None
    return Kept(LocalBytes(descriptor, 0, size), os.pread(descriptor, _DIGEST_BYTES, size))


def _copy(kept: Kept) -> Kept | None:
    """The same for somebody else; None where the process has no more files to open."""
    try:
        return Kept(kept.handle.copy(), kept.sha256)
    except OSError:
        return None


def _is_of_all(error: Exception) -> bool:
    """Whether an error is of the request itself, and so of all who ask the same with as much time."""
    return not (isinstance(error, ServiceError) and error.transient) or error.kind is ErrorKind.TIMEOUT


class ResultFile:
    """What a result is written to: it goes to ``raw``, and is digested on its way."""

    def __init__(self, raw: BinaryIO, most_bytes: int) -> None:
        self._raw = raw
        self._most_bytes = most_bytes
        self._digest = hashlib.sha256()
        self._size = 0

    def write(self, data: bytes | bytearray | memoryview, /) -> int:
        """Append bytes. Raises ServiceError (400) beyond the size that a result may have."""
        self._size += memoryview(data).nbytes
        if self._size > self._most_bytes:
            raise ServiceError(
                ErrorKind.USAGE,
                f"The result is larger than the {self._most_bytes} bytes that are computed at a time here.",
                "Ask for a smaller part.",
            )
        self._digest.update(data)
        self._raw.write(data)
        return memoryview(data).nbytes

    @property
    def sha256(self) -> bytes:
        """Of all that was written."""
        return self._digest.digest()


def write_result(path: Path, write: Callable[[ResultFile], None], most_bytes: int) -> None:
    """Make the file of a result of at most ``most_bytes``, as `Derived` keeps it. Raises what ``write``
    raises, and OSError."""
    with path.open("xb") as raw:
        result = ResultFile(raw, most_bytes)
        write(result)
        raw.write(result.sha256)
