"""Jobs that have ended while nobody ran them, and have yet to be put in order: what they show still grows."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime
from itertools import islice

import sqlalchemy as sa

from vo_service.store.catalogue import Catalogue
from vo_service.store.job import FINAL, Job, StoredResult
from vo_service.store.job_rows import insert_results, read_job
from vo_service.store.job_tables import job as job_table
from vo_service.store.job_tables import job_result
from vo_service.store.job_tables import worker as worker_table
from vo_service.store.moments import stored_time

_AT_ONCE = 20


class UnsettledJobs:
    """The jobs of a catalogue that were aborted, or given up, while no living worker held them, or that have
    ended and were let go as they were (`JobQueue.let_go`).

    Every method raises CatalogueError where the database does not answer, DiskFull where it has no room.
    """

    def __init__(self, catalogue: Catalogue, clock: Callable[[], datetime]) -> None:
        self._catalogue = catalogue
        self._clock = clock

    def find(self, services: Collection[str], without: Collection[str]) -> list[Job]:
        """Some of them, of these services, ``without`` those of these names. One that a worker holds is for
        that worker to put in order."""
        columns = job_table.c
        growing = sa.select(job_result.c.job_id).where(job_result.c.etag == "")
        alive = sa.select(worker_table.c.worker_id)
        wanted = (
            sa.select(columns.job_id)
            .where(columns.job_id.in_(growing), columns.phase.in_(sorted(FINAL)))
            .where(columns.service.in_(sorted(services)), columns.destruction > stored_time(self._clock()))
            .where(columns.worker.is_(None) | columns.worker.not_in(alive))
            .order_by(columns.job_id)
        )
        with self._catalogue.reading() as connection:
            ids = list(islice((each for each in connection.scalars(wanted) if each not in without), _AT_ONCE))
            found = [read_job(connection, job_id) for job_id in ids]
        return [each for each in found if each is not None]

    def settle(self, job: Job, results: Collection[StoredResult]) -> bool:
        """Give a job these results in place of those that it shows. From then on nothing counts that a worker
        says of it who was given up and lives. False: somebody else was first, and nothing is changed."""
        columns = job_table.c
        with self._catalogue.writing() as connection:
            changed = connection.execute(
                sa.update(job_table)
                .where(columns.job_id == job.job_id, columns.version == job.version)
                .values(worker=None, version=columns.version + 1)
            )
            if changed.rowcount == 1:
                insert_results(connection, job.job_id, results)
            return changed.rowcount == 1
