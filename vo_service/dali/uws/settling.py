"""Puts in order what jobs have shown that ended while nobody ran them: aborted while they waited for their
next attempt, or when their worker was dead; or given up because too many workers had ended."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable

from vo_service.dali.streams import Cancellation
from vo_service.dali.uws.sink import JobSink
from vo_service.dali.uws.work import Closing, JobService
from vo_service.store.errors import StoreError
from vo_service.store.job_files import JobFiles
from vo_service.store.job_settling import UnsettledJobs
from vo_service.store.jobs import Job

_log = logging.getLogger(__name__)

_AGAIN_SECONDS = 600.0  # where it could not be done, of a full disk for example


class Settler:
    """Does for such jobs what their worker would have done (`JobService.closing`), in an attempt of its own:
    should a worker that was given up still write, it writes elsewhere. Several at once do no harm."""

    def __init__(self, jobs: UnsettledJobs, files: JobFiles, services: Iterable[JobService]) -> None:
        self._jobs = jobs
        self._files = files
        self._services = {service.name: service for service in services if service.closing is not None}
        self._failed: dict[str, float] = {}  # jobs, and when

    def settle(self) -> None:
        """Put in order what can be. Raises StoreError where the database does not answer."""
        if not self._services:
            return
        now = time.monotonic()
        self._failed = {job: when for job, when in self._failed.items() if now - when < _AGAIN_SECONDS}
        for job in self._jobs.find(self._services):
            closing = self._services[job.service].closing
            if closing is None or job.job_id in self._failed:
                continue
            try:
                self._settle(job, closing)
            except Exception as error:  # the next job is none the worse for it
                self._failed[job.job_id] = time.monotonic()
                expected = isinstance(error, StoreError | OSError)
                _log.warning(
                    "what a job has done is not put in order request=%s: %s",
                    job.request_id,
                    error,
                    exc_info=not expected,
                )

    def _settle(self, job: Job, closing: Closing) -> None:
        attempt = self._files.start_attempt(job.job_id)
        is_done = False
        try:
            most = self._services[job.service].limits.result_bytes
            sink = JobSink(self._files.place(job.job_id), attempt, most, Cancellation())
            closing(job, sink, job.phase)
            self._files.flush_attempt(attempt)
            is_done = self._jobs.settle(job, sink.results)
        finally:
            if not is_done:
                self._files.drop_attempt(attempt)
        if is_done:
            self._files.drop_others(job.job_id, [each.file for each in sink.results])
            if any(each.grows for each in sink.results):  # it could not be done in full, and looks as before
                self._failed[job.job_id] = time.monotonic()
