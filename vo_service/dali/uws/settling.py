"""Puts in order what jobs have shown that ended while nobody ran them: aborted while they waited for their
next attempt, or when their worker was dead; given up because too many workers had ended; or let go by a
worker that could not put them in order itself, of a full disk for example."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable

from vo_service.dali.streams import Cancellation
from vo_service.dali.uws.sink import JobSink
from vo_service.dali.uws.work import JobService
from vo_service.store.errors import StoreError
from vo_service.store.job_files import JobFiles
from vo_service.store.job_settling import UnsettledJobs
from vo_service.store.jobs import Job

_log = logging.getLogger(__name__)

_AGAIN_SECONDS = 600.0  # where it could not be done, of a full disk for example; twice as long each time
_AGAIN_MOST_SECONDS = 86_400.0


class Settler:
    """Does for such jobs what their worker would have done (`JobService.closing`), in an attempt of its own:
    should a worker that was given up still write, it writes elsewhere. Several at once do no harm."""

    def __init__(self, jobs: UnsettledJobs, files: JobFiles, services: Iterable[JobService]) -> None:
        self._jobs = jobs
        self._files = files
        self._closings = {
            service.name: (service.closing, service.limits.result_bytes)
            for service in services
            if service.closing is not None
        }
        self._rests: dict[str, tuple[float, float]] = {}  # jobs: until when they rest, and how long that was

    def settle(self, cancellation: Cancellation) -> None:
        """Put in order what can be, until ``cancellation`` is asked. Raises StoreError where the database
        does not answer."""
        if not self._closings:
            return
        now = time.monotonic()
        self._rests = {job: rest for job, rest in self._rests.items() if now < sum(rest)}
        resting = {job for job, (until, _) in self._rests.items() if now < until}
        for job in self._jobs.find(self._closings, resting):
            if cancellation.requested:
                return
            try:
                self._settle(job, cancellation)
            except Exception as error:  # the next job is none the worse for it
                self._rest(job)
                expected = isinstance(error, StoreError | OSError)
                _log.warning(
                    "what a job has done is not put in order request=%s: %s",
                    job.request_id,
                    error,
                    exc_info=not expected,
                )

    def _rest(self, job: Job) -> None:
        _, before = self._rests.get(job.job_id, (0.0, _AGAIN_SECONDS / 2))
        pause = min(2 * before, _AGAIN_MOST_SECONDS)
        self._rests[job.job_id] = time.monotonic() + pause, pause

    def _settle(self, job: Job, cancellation: Cancellation) -> None:
        closing, most = self._closings[job.service]
        attempt = self._files.start_attempt(job.job_id)
        attempts = self._files.attempts(job.job_id)
        is_done = False
        try:
            sink = JobSink(self._files.place(job.job_id), attempt, most, cancellation)
            closing(job, sink, job.phase)
            self._files.flush_attempt(attempt)
            is_done = self._jobs.settle(job, sink.results)
        finally:
            if not is_done:
                self._files.drop_attempt(attempt)
        if is_done:
            place = self._files.place(job.job_id)
            self._files.drop_from(attempts, {place / each.file for each in sink.results})
            if any(each.grows for each in sink.results):  # it could not be done in full, and looks as before
                self._rest(job)
