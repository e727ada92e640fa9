"""Jobs as those see them who run them: taking one, and saying how it ended.

A worker holds a job by (worker, attempt). Whatever it says of a job, it says where the job is still its own
(EXECUTING, same worker, same attempt): one that was given up for dead, or whose job was aborted or deleted
meanwhile, changes nothing by it (UWS-023).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from vo_service.store.catalogue import Catalogue
from vo_service.store.job import FINAL, Claim, Held, Job, JobError, Phase, StoredResult
from vo_service.store.job_rows import in_parts, insert_results, read_job, start_values, stored_text
from vo_service.store.job_tables import job as job_table
from vo_service.store.job_tables import job_result
from vo_service.store.job_tables import worker as worker_table
from vo_service.store.moments import stored_time, utc

_DEATHS_FORGIVEN = 6
"""Workers that may end while they run a job that goes on where it stopped, beside those that may end anyway,
since it last came further."""
_UNCLAIMED: Mapping[str, object] = {
    "phase": Phase.QUEUED,
    "worker": None,
    "started": None,
    "snapshot": None,
}


@dataclass(frozen=True, slots=True)
class Standing:
    """A job that a worker holds, as far as its limits may have been changed: seconds, and UTC."""

    attempt: int
    duration: int
    destruction: datetime


@dataclass(frozen=True, slots=True)
class Look:
    """What a worker wants to know of the database now and then: the versions of the jobs watched (those that
    are gone are left out), the jobs it holds, and whether others wait."""

    versions: Mapping[str, int]
    held: Mapping[str, Standing]
    queued: bool


class JobQueue:
    """The jobs that wait, and those that run. Safe for several threads and processes.

    Every method raises CatalogueError where the database does not answer, DiskFull where it has no room.
    """

    def __init__(self, catalogue: Catalogue, clock: Callable[[], datetime]) -> None:
        self._catalogue = catalogue
        self._clock = clock

    def claim(self, claim: Claim) -> Job | None:
        """Take the next job that waits; None where there is none, or others have given the worker up.

        It is the oldest of those clients who have the fewest jobs running: nobody waits for long because
        somebody else came first with many.
        """
        columns = job_table.c
        now = self._now()
        with self._catalogue.writing() as connection:
            if connection.scalar(signed_on(claim)) is None:
                return None
            job_id = connection.scalar(_next_job(claim, now))
            if job_id is None:
                return None
            connection.execute(
                sa.update(job_table)
                .where(columns.job_id == job_id, columns.phase == Phase.QUEUED)
                .values(**start_values(claim, now), attempt=columns.attempt + 1, version=columns.version + 1)
            )
            return read_job(connection, str(job_id))

    def complete(self, held: Held, snapshot: int | None, results: Collection[StoredResult]) -> bool:
        """The job ended well: phase and results change together (UWS-022). False: it was no longer ours.

        Said once more it is true once more: the database may have heard it, and its answer been lost.
        """
        with self._catalogue.writing() as connection:
            ended = self._end(connection, held, Phase.COMPLETED, snapshot, None)
            if ended:
                insert_results(connection, held.job_id, results)
            return ended or _has_ended(connection, held, Phase.COMPLETED)

    def show(self, held: Held, results: Collection[StoredResult]) -> bool:
        """The results that a running job has so far, in place of those that it had (UWS-022). False: it was
        no longer ours, and nothing is changed."""
        with self._catalogue.writing() as connection:
            changed = connection.execute(_held_update(held).values(version=job_table.c.version + 1))
            if changed.rowcount == 1:
                insert_results(connection, held.job_id, results)
            return changed.rowcount == 1

    def note_progress(self, held: Held) -> None:
        """A job has done something that its next attempt need not do again: so it is not the job that ends
        its workers, or not always, and some more of them may end."""
        with self._catalogue.writing() as connection:
            connection.execute(_held_update(held).values(deaths=-_DEATHS_FORGIVEN))

    def final_files(self, job_id: str) -> frozenset[str] | None:
        """The files of the results of a job that has ended; None where it may still run, or has yet to be put
        in order, for which files are needed that it does not name. None are left of one that is gone."""
        columns = job_table.c
        with self._catalogue.reading() as connection:
            phase = connection.scalar(sa.select(columns.phase).where(columns.job_id == job_id))
            if phase is not None and phase not in FINAL:
                return None
            result = job_result.c
            found = connection.execute(
                sa.select(result.file, result.etag).where(result.job_id == job_id)
            ).all()
            return None if any(not row.etag for row in found) else frozenset(row.file for row in found)

    def final_phase(self, held: Held) -> Phase | None:
        """The phase in which a job has ended while it was held so; None where it has not."""
        with self._catalogue.reading() as connection:
            phase = connection.scalar(sa.select(job_table.c.phase).where(*_hold(held)))
            return Phase(phase) if phase in FINAL else None

    def fail(
        self,
        held: Held,
        phase: Phase,
        snapshot: int | None,
        error: JobError,
        results: Collection[StoredResult] = (),
    ) -> bool:
        """The job ended in ERROR, or ABORTED by a limit (UWS-028), with these ``results`` in place of those
        that it has shown, if there are any; so does one that somebody else has aborted, while nobody else
        runs it. False: it was no longer ours."""
        with self._catalogue.writing() as connection:
            ended = self._end(connection, held, phase, snapshot, error)
            if results and (ended or _has_ended(connection, held, Phase.ABORTED)):
                insert_results(connection, held.job_id, results)
            return ended or _has_ended(connection, held, phase)

    def let_go(self, held: Held) -> None:
        """This worker does nothing more for a job that has ended: what it did not put in order of it is for
        others (`UnsettledJobs`)."""
        with self._catalogue.writing() as connection:
            connection.execute(
                sa.update(job_table)
                .where(*_hold(held), job_table.c.phase.in_(sorted(FINAL)))
                .values(worker=None)
            )

    def give_back(self, held: Collection[Held]) -> None:
        """Have jobs wait once more, for any worker."""
        columns = job_table.c
        with self._catalogue.writing() as connection:
            for one in held:
                connection.execute(_held_update(one).values(**_UNCLAIMED, version=columns.version + 1))

    def name_snapshots(self, numbers: Mapping[Held, int]) -> None:
        """Say which snapshots jobs run on."""
        with self._catalogue.writing() as connection:
            for held, number in numbers.items():
                connection.execute(
                    _held_update(held).values(snapshot=number, version=job_table.c.version + 1)
                )

    def look(self, watched: Collection[str], worker: str | None, services: Collection[str]) -> Look:
        """The newest state of some jobs, of those that ``worker`` holds, and of the queue."""
        columns = job_table.c
        versions: dict[str, int] = {}
        held: dict[str, Standing] = {}
        now = self._now()
        with self._catalogue.reading() as connection:
            for part in in_parts(watched):
                rows = connection.execute(
                    sa.select(columns.job_id, columns.version).where(
                        columns.job_id.in_(part), columns.destruction > now
                    )
                )
                versions.update((row.job_id, row.version) for row in rows)
            if worker is None:
                return Look(versions, held, False)
            mine = sa.select(columns.job_id, columns.attempt, columns.duration, columns.destruction).where(
                columns.worker == worker, columns.phase == Phase.EXECUTING
            )
            for row in connection.execute(mine):
                held[row.job_id] = Standing(row.attempt, row.duration, utc(row.destruction))
            queued = connection.scalar(waiting_jobs(services, now).limit(1)) is not None
        return Look(versions, held, queued)

    def _end(
        self,
        connection: sa.Connection,
        held: Held,
        phase: Phase,
        snapshot: int | None,
        error: JobError | None,
    ) -> bool:
        values: dict[str, object] = {"phase": phase, "ended": self._now(), "snapshot": snapshot}
        if error is not None:
            values |= error_values(error)
        ended = connection.execute(_held_update(held).values(**values, version=job_table.c.version + 1))
        return ended.rowcount == 1

    def _now(self) -> datetime:
        return stored_time(self._clock())


def error_values(error: JobError) -> dict[str, object]:
    """An error as the columns of a job have it."""
    return {
        "error_kind": "transient" if error.transient else "fatal",
        "error_message": stored_text(error.message),
        "error_status": error.status,
    }


def unclaimed_values() -> dict[str, object]:
    """What makes a job wait once more."""
    return dict(_UNCLAIMED)


def signed_on(claim: Claim) -> sa.Select[tuple[str]]:
    """Whether the others know the worker of a claim; until the transaction ends nobody gives it up.

    One that was given up must take nothing: its jobs would count as those of a dead worker.
    """
    columns = worker_table.c
    return (
        sa.select(columns.worker_id)
        .where(columns.worker_id == claim.worker)
        .with_for_update(read=True, key_share=True)
    )


def waiting_jobs(services: Collection[str], now: datetime) -> sa.Select[tuple[str]]:
    """The jobs of some services that wait for a worker."""
    columns = job_table.c
    return sa.select(columns.job_id).where(
        columns.phase == Phase.QUEUED, columns.service.in_(sorted(services)), columns.destruction > now
    )


def _has_ended(connection: sa.Connection, held: Held, phase: Phase) -> bool:
    """Whether the job has ended so already, by the word of the same attempt."""
    columns = job_table.c
    ended = sa.select(columns.job_id).where(*_hold(held), columns.phase == phase)
    return connection.scalar(ended) is not None


def _hold(held: Held) -> tuple[sa.ColumnElement[bool], ...]:
    columns = job_table.c
    return (
        columns.job_id == held.job_id,
        columns.worker == held.worker,
        columns.attempt == held.attempt,
    )


def _held_update(held: Held) -> sa.Update:
    return sa.update(job_table).where(*_hold(held), job_table.c.phase == Phase.EXECUTING)


def _next_job(claim: Claim, now: datetime) -> sa.Select[tuple[str]]:
    """The job to take next. PostgreSQL passes over those that somebody else is taking at this moment."""
    columns = job_table.c
    running = (
        sa.select(columns.client, sa.func.count().label("jobs"))
        .where(columns.phase == Phase.EXECUTING)
        .group_by(columns.client)
        .subquery()
    )
    return (
        waiting_jobs(claim.services, now)
        .select_from(job_table.outerjoin(running, columns.client == running.c.client))
        .order_by(sa.func.coalesce(running.c.jobs, 0), columns.created, columns.job_id)
        .limit(1)
        .with_for_update(skip_locked=True, of=job_table)
    )
