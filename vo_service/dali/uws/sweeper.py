"""Takes away what is past its time: jobs at their destruction (UWS-113), and files that no job names.

A job past its destruction is invisible already. So its files go first, which makes room on a full disk, then
its record; whoever is killed in between is repeated by the next.
"""

from __future__ import annotations

import logging

from vo_service.store.errors import StoreError
from vo_service.store.job_files import JobFiles
from vo_service.store.jobs import Jobs

_log = logging.getLogger(__name__)

_AT_ONCE = 100
_ORPHAN_SECONDS = 3600.0


class Sweeper:
    """Sweeps the jobs of a catalogue and their directory. Several at once do no harm."""

    def __init__(self, jobs: Jobs, files: JobFiles) -> None:
        self._jobs = jobs
        self._files = files

    def sweep(self) -> int:
        """Remove the jobs whose destruction time has come; how many. Raises StoreError where the database
        does not answer."""
        swept = 0
        while expired := self._jobs.expired(_AT_ONCE):
            for job_id in expired:
                self._remove(job_id)
            self._jobs.delete_all(expired)
            swept += len(expired)
        return swept

    def sweep_orphans(self, seconds: float = _ORPHAN_SECONDS) -> None:
        """Remove directories that have not changed for ``seconds`` and belong to no job, and what has not
        changed for so long of attempts of jobs that have ended and do not name it. Raises StoreError where
        the database does not answer."""
        found = self._files.older_than(seconds)
        named = self._jobs.named_files(found)
        for job_id in found:
            if job_id not in named:
                self._remove(job_id)
                continue
            files = named[job_id]
            if files is None:  # the job may still be running
                continue
            self._drop_others(job_id, files, seconds)

    def _remove(self, job_id: str) -> None:
        try:
            self._files.remove(job_id)
        except StoreError as error:
            _log.warning("files of a job could not be removed: %s", error)

    def _drop_others(self, job_id: str, files: frozenset[str], seconds: float) -> None:
        try:
            self._files.drop_others(job_id, files, seconds)
        except StoreError as error:
            _log.warning("files of an attempt could not be removed: %s", error)
