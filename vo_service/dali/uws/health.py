"""Whether jobs can be made and have room for their results, in words for clients (VOSI-021)."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from vo_service.store import StoreError
from vo_service.store.jobs import Jobs

_ROOM_BYTES: Final = 256 << 20
_NO_JOB: Final = "-"


class JobHealth:
    """Looks at the job database, and at the disk of the jobs' ``directory``."""

    def __init__(self, jobs: Jobs, directory: Path) -> None:
        self._jobs = jobs
        self._directory = directory

    def notes(self) -> Iterator[str]:
        """What is wrong; nothing where all is well. May block for as long as the database does."""
        try:
            self._jobs.find(_NO_JOB)
        except StoreError:
            yield "Asynchronous jobs are not taken at present: their database does not answer."
        try:
            free = shutil.disk_usage(self._directory).free
        except OSError:
            free = 0
        if free < _ROOM_BYTES:
            yield "There is hardly any room left for results of asynchronous jobs."
