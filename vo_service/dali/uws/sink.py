"""Where the work of a job writes its results: files of one attempt, which nobody sees before it has ended,
but for those that the work shows."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

from vo_service.dali.errors import ErrorKind, ServiceError, usage
from vo_service.dali.streams import Cancellation
from vo_service.store.disk import disk_errors
from vo_service.store.errors import DiskFull
from vo_service.store.job import StoredResult

_BUFFER_BYTES: Final = 1 << 20


class Stopped(Exception):
    """Raised in the work when it writes on after it was told to stop."""


def no_room() -> ServiceError:
    """The disk of the results is full."""
    return ServiceError(
        ErrorKind.UNAVAILABLE,
        "The service has no space left on its disk for the result of this job.",
        "Try again later, or ask for less. Deleting jobs that you no longer need makes room.",
    )


@dataclass(frozen=True, slots=True)
class Board:
    """Where a job that runs shows what it has so far, in the database: both return whether the job was still
    ours, and raise StoreError."""

    show: Callable[[Sequence[StoredResult]], bool]
    note_progress: Callable[[], None]


class JobSink:
    """A `Sink` (dali.uws.work). ``directory`` is the job's, ``attempt`` the one below it to write to."""

    def __init__(
        self,
        directory: Path,
        attempt: Path,
        most_bytes: int,
        cancellation: Cancellation,
        board: Board | None = None,
    ) -> None:
        self.attempt = attempt
        self.shown: tuple[StoredResult, ...] | None = None
        self._board = board
        self.snapshot: int | None = None
        self._directory = directory
        self._most_bytes = most_bytes
        self._cancellation = cancellation
        self._results: list[StoredResult | None] = []
        self._written = 0

    @property
    def has_shown(self) -> bool:
        """Whether anything was shown."""
        return self.shown is not None

    @property
    def directory(self) -> Path:
        """The job's directory, with its uploads."""
        return self._directory

    @property
    def written(self) -> int:
        """Bytes so far."""
        return self._written

    @property
    def results(self) -> tuple[StoredResult, ...]:
        """What was written, in the order in which it was begun."""
        return tuple(result for result in self._results if result is not None)

    def on_snapshot(self, number: int) -> None:
        """Which snapshot the job runs on; the process's watch tells the database of it."""
        self.snapshot = number

    def show(self, results: Sequence[StoredResult]) -> None:
        """The results so far, which lie in files of the job, are seen from now on, and are those of the job
        when it ends. From the first call on the files of this attempt stay for the next one.

        Raises Stopped where the job is no longer ours, StoreError.
        """
        self._results = list(results)
        if self._board is not None and not self._board.show(results):
            raise Stopped
        self.shown = tuple(results)

    def conclude(self, results: Sequence[StoredResult]) -> None:
        """The results that are seen when the job has ended."""
        self._results = list(results)

    def note_progress(self) -> None:
        """What was done so far need not be done again. Raises StoreError."""
        if self._board is not None:
            self._board.note_progress()

    @contextmanager
    def result(self, result_id: str, media_type: str, extension: str) -> Iterator[BinaryIO]:
        """A file to write one result into; it is on the disk when the block ends.

        Raises ServiceError beyond the size that the results of a job may have together, and where the disk
        is full.
        """
        place = self.attempt / f"{len(self._results)}.{extension}"
        position = len(self._results)
        self._results.append(None)
        try:
            with _told_to_client(), _ResultFile(place, self._count) as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
                size = os.fstat(file.fileno()).st_size
        except BaseException:
            place.unlink(missing_ok=True)  # the job may go on without this one
            raise
        self._results[position] = StoredResult(
            result_id=result_id,
            file=str(place.relative_to(self._directory)),
            media_type=media_type,
            size=size,
            etag=f'"{self.attempt.name}-{position}"',  # a file is written once, so this names its bytes
        )

    def _count(self, size: int) -> None:
        if self._cancellation.requested:
            raise Stopped
        self._written += size
        if self._written > self._most_bytes:
            raise usage(
                f"The result is larger than the {self._most_bytes} bytes that a job may have here.",
                "Ask for less, or for a denser format.",
            )


class _ResultFile(io.BufferedWriter):
    """A new file that counts what is written to it before it is."""

    def __init__(self, place: Path, count: Any) -> None:
        super().__init__(io.FileIO(place, "xb"), _BUFFER_BYTES)
        self._count = count

    def write(self, data: Any, /) -> int:
        self._count(memoryview(data).nbytes)
        return super().write(data)


@contextmanager
def _told_to_client() -> Iterator[None]:
    try:
        with disk_errors("writing a result"):
            yield
    except DiskFull as error:
        raise no_room() from error
