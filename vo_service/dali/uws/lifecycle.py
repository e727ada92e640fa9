"""One attempt to run a job: the work, and the word to the database of how it ended."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from pathlib import Path

from vo_service.dali.errors import ErrorKind, ServiceAway, ServiceError
from vo_service.dali.streams import Cancellation
from vo_service.dali.uws.sink import Board, JobSink, no_room
from vo_service.dali.uws.work import JobService
from vo_service.store.errors import DiskFull, StoreError
from vo_service.store.job import Held, Job, JobError, Phase, StoredResult
from vo_service.store.job_files import JobFiles
from vo_service.store.job_queue import JobQueue, Standing

_log = logging.getLogger(__name__)

_RETRY_SECONDS = 1.0
_TRIES = 50  # of a job that does not find what it needs: that it may begin was an error then
_TRIES_BEGUN = 3  # of one that has lost it on its way: it may be the cause of that
_TRIES_RESUMED = 1000  # of one that goes on where it stopped


@dataclass(frozen=True, slots=True)
class _Outcome:
    """How the work ended: its results, or an error with the phase that it leads to; QUEUED for a job that is
    to wait once more."""

    phase: Phase
    results: tuple[StoredResult, ...] = ()
    error: JobError | None = None


class Execution:
    """A job that a slot of this process runs. `run` is for its thread, all else for the watch."""

    def __init__(self, job: Job, held: Held, service: JobService, queue: JobQueue, files: JobFiles) -> None:
        self.held = held
        self.cancellation = Cancellation()
        self.named_snapshot: int | None = None
        self._job = job
        self._service = service
        self._queue = queue
        self._files = files
        self._began = time.monotonic()
        self._duration = job.duration
        self._destruction = job.destruction
        self._expired = False
        self._leaving = threading.Event()
        self._sink: JobSink | None = None
        self._attempts: tuple[Path, ...] = ()  # those that were there when this one began, and its own

    @property
    def snapshot(self) -> int | None:
        """The snapshot that the job runs on, once its work has said so."""
        return None if self._sink is None else self._sink.snapshot

    @property
    def seconds(self) -> float:
        """How long it has run."""
        return time.monotonic() - self._began

    def run(self) -> None:
        """Do the work and say how it ended, however long the database takes to hear it."""
        outcome = self._closed(self._work())
        try:
            told = self._tell(outcome)
        except DiskFull as error:  # what nobody sees makes room for the word that there is no more
            self._make_room()
            outcome = self._closed(self._failed(error))
            told = self._tell(outcome)
        if self._sink is not None and self._sink.has_shown:
            self._tidy_shown()
        elif told is False or outcome.phase is not Phase.COMPLETED:
            self._tidy(bool(told) and outcome.phase is not Phase.QUEUED)
        if told is False or (told and outcome.error is not None):
            self._let_go()
        _log.info(
            "job state=%s service=%s seconds=%.4f attempt=%d runid=%s request=%s",
            outcome.phase.value if told else "given-up",
            self._job.service,
            self.seconds,
            self.held.attempt,
            self._job.run_id,
            self._job.request_id,
        )

    def leave(self) -> None:
        """The process ends: stop the work, and do not wait for the database."""
        self._leaving.set()
        self.cancellation.cancel()

    def check(self, standing: Standing | None) -> None:
        """Hear how the job stands in the database: None where this worker does not hold it any more."""
        if standing is None or standing.attempt != self.held.attempt:
            self.cancellation.cancel()
        else:
            self._duration = standing.duration
            self._destruction = standing.destruction

    def check_time(self, now: datetime) -> None:
        """Stop the work where its time is over (UWS-028), or that of the job (UWS-113)."""
        if self.seconds > self._duration:
            self._expired = True
            self.cancellation.cancel()
        elif now >= self._destruction:
            self.cancellation.cancel()

    def _work(self) -> _Outcome:
        try:
            place = self._files.start_attempt(self._job.job_id)
            self._attempts = self._files.attempts(self._job.job_id)
            self._sink = JobSink(
                self._files.place(self._job.job_id),
                place,
                self._service.limits.result_bytes,
                self.cancellation,
                Board(partial(self._queue.show, self.held), partial(self._queue.note_progress, self.held)),
            )
            self._service.work(self._job, self.cancellation, self._sink)
            self._files.flush_attempt(place)
            return _Outcome(Phase.COMPLETED, self._sink.results)
        except BaseException as error:  # the top of a job: whatever it is, the job's owner hears of it
            return _Outcome(Phase.QUEUED) if self._shall_wait(error) else self._failed(error)

    def _shall_wait(self, error: BaseException) -> bool:
        """Whether the job is to wait for what it needs, once more; but not for ever."""
        if not isinstance(error, ServiceAway) or self.cancellation.requested:
            return False
        if self._sink is None:
            return False
        if self._sink.has_shown:  # it goes on where it stopped, and has had attempts that were cut short
            return self.held.attempt < _TRIES_RESUMED
        tries = _TRIES_BEGUN if error.begun else _TRIES
        return not self._sink.written and self.held.attempt < tries

    def _failed(self, error: BaseException) -> _Outcome:
        if self._expired or (isinstance(error, ServiceError) and error.kind is ErrorKind.TIMEOUT):
            text = f"The job may run for {self._duration} s (executionDuration), and took longer."
            return _Outcome(Phase.ABORTED, error=JobError(text, transient=True, status=503))
        if isinstance(error, DiskFull):
            error = no_room()
        if not isinstance(error, ServiceError):
            if not self.cancellation.requested:
                _log.error(
                    "job failed service=%s request=%s",
                    self._job.service,
                    self._job.request_id,
                    exc_info=error,
                )
            number = (
                "" if self._job.request_id is None else f" Its number in the log is {self._job.request_id}."
            )
            error = ServiceError(
                ErrorKind.INTERNAL, f"The service failed on this job, by a fault of its own.{number}"
            )
        return _Outcome(Phase.ERROR, error=JobError(error.text, error.transient, error.status))

    def _closed(self, outcome: _Outcome) -> _Outcome:
        """The outcome of work that ends early, with what was done so far where the work had shown some of
        it."""
        sink, closing = self._sink, self._service.closing
        if outcome.error is None or sink is None or sink.shown is None or closing is None:
            return outcome
        shown = sink.shown
        try:
            phase = self._final_phase(outcome)
            if phase is None or self._leaving.is_set():
                return outcome
            closing(self._job, sink, phase)
            self._files.flush_attempt(sink.attempt)
        except (StoreError, OSError) as error:  # of a job that is deleted meanwhile, or a full disk
            _log.warning("what a job has done is not put in order: %s", error)
            sink.conclude(shown)
        except Exception:  # the job has to end, with what was shown
            _log.exception("what a job has done is not put in order request=%s", self._job.request_id)
            sink.conclude(shown)
        return replace(outcome, results=sink.results)

    def _final_phase(self, outcome: _Outcome) -> Phase | None:
        """The phase that the job ends in; None where it is not ours to end."""
        if not self.cancellation.requested or self._expired:
            return outcome.phase
        return self._queue.final_phase(self.held)

    def _make_room(self) -> None:
        """Remove what this job has on the disk and nobody sees."""
        if self._sink is None or self._sink.shown is None:
            self._tidy(True)
            return
        try:
            self._files.drop_from(self._attempts, self._named(one.file for one in self._sink.shown))
        except StoreError as error:
            _log.warning("files of a job stay until they are swept: %s", error)

    def _tell(self, outcome: _Outcome) -> bool | None:
        """Whether the job was still ours to end; None where the process ends before the database has answered
        that: then others know, and sweep away what counts for nothing.

        Tries until the database answers: the job holds its slot meanwhile, and is run again by others only
        where this process ends. Once it ends, it tells of no failure any more: the work may have failed by
        that alone, and others run the job again. Raises DiskFull where the disk is too full for a good end.
        """
        complained = False
        while not (outcome.error is not None and self._leaving.is_set()):
            try:
                return self._tell_once(outcome)
            except StoreError as error:
                if not complained:
                    _log.error("job end not written yet request=%s: %s", self._job.request_id, error)
                complained = True
                if isinstance(error, DiskFull) and outcome.phase is Phase.COMPLETED:
                    raise
            if self._leaving.wait(_RETRY_SECONDS):
                break
        return None

    def _tell_once(self, outcome: _Outcome) -> bool:
        if outcome.phase is Phase.QUEUED:
            self._queue.give_back((self.held,))
            return True
        if outcome.error is None:
            return self._queue.complete(self.held, self.snapshot, outcome.results)
        return self._queue.fail(self.held, outcome.phase, self.snapshot, outcome.error, outcome.results)

    def _tidy_shown(self) -> None:
        """Remove what a job that goes on where it stopped has left behind, once it goes on no more."""
        if self._leaving.is_set():
            return
        try:
            named = self._queue.final_files(self._job.job_id)
            if named is None:
                return
            self._files.drop_from(self._attempts, self._named(named))  # a later one may be somebody's at work
            if self._job.job_id not in self._queue.look((self._job.job_id,), None, ()).versions:
                self._files.remove(self._job.job_id)
        except StoreError as error:  # the sweeper comes by later
            _log.warning("files of a job stay until they are swept: %s", error)

    def _named(self, files: Iterable[str]) -> frozenset[Path]:
        place = self._files.place(self._job.job_id)
        return frozenset(place / file for file in files)

    def _let_go(self) -> None:
        """What of a job that has ended could not be put in order here is put in order by others, later."""
        if self._service.closing is None:
            return
        try:
            self._queue.let_go(self.held)
        except StoreError as error:  # others find it when this worker has ended
            _log.warning("a job that has ended is not let go: %s", error)

    def _tidy(self, ours: bool) -> None:
        """Remove what this attempt wrote; and where the job is not ours because it was deleted, all of it."""
        try:
            if self._sink is not None:
                self._files.drop_attempt(self._sink.attempt)
            if not ours and not self._leaving.is_set():
                look = self._queue.look((self._job.job_id,), None, ())
                if self._job.job_id not in look.versions:
                    self._files.remove(self._job.job_id)
        except StoreError as error:  # the sweeper comes by later
            _log.warning("files of a job stay until they are swept: %s", error)
