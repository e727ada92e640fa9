"""What a job lists: the table of states and the parts that are closed; while it runs, and when it has ended
early."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from vo_service.dali.uws.work import Sink
from vo_service.soda.bulk import status
from vo_service.soda.bulk.journal import NAME, Make, Record, read_journal
from vo_service.soda.bulk.parts import framing_of
from vo_service.soda.bulk.resume import begin, close_early, take_over
from vo_service.store.disk import disk_errors
from vo_service.store.errors import StoreError
from vo_service.store.jobs import FINAL, Job, Phase, StoredResult

_ENDED: Final = "ended.vot"
_KEPT_BYTES: Final = 64 << 20  # of tables of running jobs

NOT_BEGUN: Final = StoredResult(status.ID, "not-begun", status.MEDIA_TYPE, 0, "")
"""The table of states of a job that nobody has begun: there is no such file."""


def running_results(job: Job, sink: Sink, record: Record) -> list[StoredResult]:
    """The state of the rows, and the parts that are closed."""
    journal = StoredResult(status.ID, _place(sink, NAME), status.MEDIA_TYPE, 0, "")
    return [journal, *closed_parts(job, sink, record)]


def closed_parts(job: Job, sink: Sink, record: Record) -> Iterator[StoredResult]:
    """The parts that are closed, in their order."""
    if record.make is None:
        return
    framing = framing_of(record.make.kind)
    for number, size in sorted(record.closed.items()):
        name = framing.name_of_part(number)
        etag = f'"{job.job_id}-{number}-{size}"'  # whichever attempt keeps it, its bytes are the same
        yield StoredResult(name, _place(sink, name), framing.media_type, size, etag)


def list_early(job: Job, sink: Sink, phase: Phase) -> None:
    """A job ends in this phase before all is done: it keeps what was, and a table that says what that is.
    Where it was not this attempt that did some of it, it is what the job shows of an earlier one.

    Raises DiskFull, StoreError; OSError where its journal cannot be read."""
    path = sink.attempt / NAME
    if not path.exists() and not _taken_over(job, sink):
        return
    record = read_journal(path)
    if record.make is None:
        return
    close_early(record, framing_of(record.make.kind), sink.attempt)
    results = running_results(job, sink, record)
    try:
        results[0] = _ended_table(sink, status.status_table(record, phase))
    except StoreError:  # there is no room: it is made of the journal whenever it is asked for
        (sink.attempt / _ENDED).unlink(missing_ok=True)
    sink.conclude(results)


def _taken_over(job: Job, sink: Sink) -> bool:
    """Have in this attempt what an earlier one has left; False where it has left nothing. Of one that had no
    plan yet there is the beginning."""
    progress = take_over(job, sink.directory, sink.attempt)
    if progress is None:
        shown = next((one for one in job.results if one.grows), None)
        make = None if shown is None else _made(sink.directory / shown.file)
        if make is None:
            sink.conclude([one for one in job.results if not one.grows])
            return False
        progress = begin(sink.attempt, make)
    progress.journal.close()
    return True


def _made(path: Path) -> Make | None:
    try:
        return read_journal(path).make
    except FileNotFoundError:
        return None


def _ended_table(sink: Sink, table: bytes) -> StoredResult:
    with disk_errors("writing the table of states"), (sink.attempt / _ENDED).open("wb") as file:
        file.write(table)
        file.flush()
        os.fsync(file.fileno())
    etag = f'"{sink.attempt.name}-ended"'
    return StoredResult(status.ID, _place(sink, _ENDED), status.MEDIA_TYPE, len(table), etag)


def _place(sink: Sink, name: str) -> str:
    return str((sink.attempt / name).relative_to(sink.directory))


class RunningTables:
    """Tables of states of jobs that have not ended well, as long as their journals stay as they are: they are
    asked for more often than they change, and a large one takes seconds and memory. One is made at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[Path, tuple[object, bytes]] = {}  # the oldest first

    def table(self, job: Job, path: Path) -> bytes:
        """The table of a job from its journal. Raises OSError."""
        if NOT_BEGUN in job.results:
            return status.status_table(Record(), job.phase)
        with self._lock:
            listed = frozenset(one.result_id for one in job.results) if job.phase in FINAL else None
            state = (path.stat().st_size, job.phase, listed)
            known = self._kept.pop(path, None)
            if known is None or known[0] != state:
                known = state, _running_table(job, path, listed)
            self._kept[path] = known
            while len(self._kept) > 1 and sum(len(each) for _, each in self._kept.values()) > _KEPT_BYTES:
                del self._kept[next(iter(self._kept))]
            return known[1]


def _running_table(job: Job, path: Path, listed: frozenset[str] | None) -> bytes:
    record = read_journal(path)
    if listed is not None and record.make is not None:
        framing = framing_of(record.make.kind)  # a part that closed too late is not seen, and goes
        parts = record.open_parts() | record.closed
        record.closed = {part: size for part, size in parts.items() if framing.name_of_part(part) in listed}
    return status.status_table(record, job.phase)
