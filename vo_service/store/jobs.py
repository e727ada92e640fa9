"""Jobs in the catalogue database, as their owners see and steer them: each change is one short transaction
that says what it expects (UWS 1.1, section 2.1.3).

Nothing here knows what a job computes. A change that another process was quicker with changes nothing and
says so. A job past its destruction time is no longer there, whether it was swept away or not.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from vo_service.store.catalogue import Catalogue
from vo_service.store.errors import Excess, TooManyJobs
from vo_service.store.job import (
    ACTIVE,
    FINAL,
    UNSTARTED,
    Amended,
    Changed,
    Claim,
    Held,
    Job,
    JobError,
    ListedJob,
    NewJob,
    Phase,
    StoredResult,
    StoredUpload,
    new_job_id,
)
from vo_service.store.job_queue import signed_on, waiting_jobs
from vo_service.store.job_rows import (
    client_text_or_none,
    in_parts,
    insert_children,
    read_job,
    start_values,
    stored_text_or_none,
)
from vo_service.store.job_tables import job as job_table
from vo_service.store.job_tables import job_parameter, job_result, job_upload
from vo_service.store.moments import stored_time, utc

__all__ = [
    "ACTIVE",
    "FINAL",
    "UNSTARTED",
    "Amended",
    "Changed",
    "Claim",
    "Held",
    "Job",
    "JobError",
    "JobQuota",
    "Jobs",
    "ListedJob",
    "NewJob",
    "Phase",
    "StoredResult",
    "StoredUpload",
    "new_job_id",
]

_UNSTARTED_EACH = 20  # jobs that were made and not run, for each that may wait or run
_BUSY_PHASES = (Phase.QUEUED, Phase.EXECUTING)


@dataclass(frozen=True, slots=True)
class JobQuota:
    """What one client may have: jobs waiting or running, jobs in all, and bytes of all their files."""

    busy: int
    kept: int
    bytes: int


class Jobs:
    """The jobs of all services. Safe for several threads and processes.

    Every method raises CatalogueError where the database does not answer, DiskFull where it has no room.
    """

    def __init__(self, catalogue: Catalogue, clock: Callable[[], datetime], quota: JobQuota) -> None:
        """``quota``: what one client may have."""
        self._catalogue = catalogue
        self._clock = clock
        self._quota = quota

    def create(self, new: NewJob, run: bool, claim: Claim | None = None) -> Job:
        """Make a job: PENDING; or, where it is to ``run``, QUEUED, and with a free slot EXECUTING at once
        where nobody waits for one.

        Raises TooManyJobs where the client has as much as its quota allows (or very many jobs that were never
        run); nothing is made then.
        """
        now = self._now()
        with self._catalogue.writing() as connection:
            self._check_room(connection, new.client, run)
            self._check_kept(connection, new.client, 1)
            start = self._start(connection, new.service, claim) if run else {"phase": Phase.PENDING}
            connection.execute(
                sa.insert(job_table).values(
                    job_id=new.job_id,
                    service=new.service,
                    owner=new.owner,
                    scopes=" ".join(sorted(new.scopes)),
                    client=new.client,
                    run_id=stored_text_or_none(new.run_id),
                    created=now,
                    destruction=stored_time(utc(now) + new.lifetime),
                    duration=new.duration,
                    attempt=1 if "worker" in start else 0,
                    version=1,
                    request_id=new.request_id,
                    base_url=new.base_url,
                    **start,
                )
            )
            insert_children(connection, new.job_id, new.parameters, new.uploads)
            made = read_job(connection, new.job_id)
        assert made is not None
        return made

    def find(self, job_id: str) -> Job | None:
        """The job as it stands; None where there is none, or no longer."""
        with self._catalogue.reading() as connection:
            return self._read(connection, job_id)

    def listed(
        self,
        service: str,
        owner: str | None,
        phases: Collection[Phase] = (),
        after: datetime | None = None,
        last: int | None = None,
    ) -> tuple[ListedJob, ...]:
        """The jobs of an owner, newest first: those in one of ``phases`` (all but ARCHIVED where none is
        named), made later than ``after``, of these the ``last`` newest. Anonymous callers have no list."""
        if owner is None or last == 0:
            return ()
        columns = job_table.c
        wanted = (
            sa.select(columns.job_id, columns.owner, columns.run_id, columns.phase, columns.created)
            .where(columns.service == service, columns.owner == owner, columns.destruction > self._now())
            .where(columns.phase.in_(sorted(phases)) if phases else columns.phase != Phase.ARCHIVED)
            .order_by(columns.created.desc(), columns.job_id.desc())
            .limit(last)
        )
        if after is not None:
            wanted = wanted.where(columns.created > stored_time(after))
        with self._catalogue.reading() as connection:
            return tuple(
                ListedJob(
                    row.job_id,
                    row.owner,
                    client_text_or_none(row.run_id),
                    Phase(row.phase),
                    utc(row.created),
                )
                for row in connection.execute(wanted)
            )

    def run(self, job_id: str, claim: Claim | None = None) -> Changed:
        """Have a job of phase PENDING or HELD wait for a worker or, with a free slot, execute at once where
        nobody waits for one.

        A job in any other phase stays as it is. Raises TooManyJobs as `create` does.
        """
        with self._catalogue.writing() as connection:
            found = self._lock(connection, job_id)
            if found is None or found.phase not in UNSTARTED:
                return Changed(found, False)
            self._check_room(connection, found.client, True)
            self._check_kept(connection, found.client, 0)
            return self._change(connection, job_id, UNSTARTED, self._start(connection, found.service, claim))

    def abort(self, job_id: str) -> Changed:
        """End a job that is not final; whoever runs it is told by that (UWS-031)."""
        with self._catalogue.writing() as connection:
            ended = {"phase": Phase.ABORTED, "ended": self._now()}
            return self._change(connection, job_id, ACTIVE, ended)

    def delete(self, job_id: str) -> bool:
        """Forget a job in whatever phase, and say whether there was one; its files are not touched."""
        gone = sa.delete(job_table).where(job_table.c.job_id == job_id).returning(job_table.c.destruction)
        with self._catalogue.writing() as connection:
            destruction = connection.scalar(gone)
        return destruction is not None and bool(destruction > self._now())

    def delete_all(self, job_ids: Collection[str]) -> None:
        """Forget some jobs; their files are not touched."""
        with self._catalogue.writing() as connection:
            for part in in_parts(job_ids):
                connection.execute(sa.delete(job_table).where(job_table.c.job_id.in_(part)))

    def amend(self, job_id: str, merge: Callable[[Job], Amended]) -> Changed:
        """Give a job that was not run yet other parameters: ``merge`` makes them of the job as it stands, and
        what it raises leaves all as it was, as TooManyJobs does for too many bytes (TAP-142, TAP-143)."""
        with self._catalogue.writing() as connection:
            found = self._lock(connection, job_id)
            if found is None or found.phase not in UNSTARTED:
                return Changed(found, False)
            amended = merge(found)
            for table in (job_parameter, job_upload):
                connection.execute(sa.delete(table).where(table.c.job_id == job_id))
            insert_children(connection, job_id, amended.parameters, amended.uploads)
            if amended.uploads:
                self._check_kept(connection, found.client, 0)
            return self._change(
                connection, job_id, UNSTARTED, {"run_id": stored_text_or_none(amended.run_id)}
            )

    def set_duration(self, job_id: str, seconds: int) -> Changed:
        """How long a job may run, from the start of its execution; not once it has ended (UWS-115)."""
        with self._catalogue.writing() as connection:
            return self._change(connection, job_id, ACTIVE, {"duration": seconds})

    def set_destruction(self, job_id: str, when: datetime) -> Changed:
        """When a job and all it made go away; a time in the past means now (UWS-112)."""
        with self._catalogue.writing() as connection:
            return self._change(connection, job_id, frozenset(Phase), {"destruction": stored_time(when)})

    def expired(self, most: int) -> tuple[str, ...]:
        """Some jobs whose destruction time has come, the oldest first."""
        columns = job_table.c
        due = (
            sa.select(columns.job_id)
            .where(columns.destruction <= self._now())
            .order_by(columns.destruction)
            .limit(most)
        )
        with self._catalogue.reading() as connection:
            return tuple(connection.scalars(due))

    def named_files(self, job_ids: Collection[str]) -> dict[str, frozenset[str] | None]:
        """Of those of some ids that belong to a job: the files of its results, None while it may still get
        some. Others are left out."""
        columns = job_table.c
        found: dict[str, frozenset[str] | None] = {}
        with self._catalogue.reading() as connection:
            for part in in_parts(job_ids):
                rows = connection.execute(
                    sa.select(columns.job_id, columns.phase, job_result.c.file)
                    .select_from(job_table.outerjoin(job_result))
                    .where(columns.job_id.in_(part))
                )
                for job_id, phase, file in rows:
                    files = {file} if file is not None else set()
                    final = phase in FINAL
                    found[job_id] = (found.get(job_id) or frozenset()) | files if final else None
        return found

    def counts(self) -> dict[tuple[str, Phase], int]:
        """How many jobs there are of each service in each phase."""
        columns = job_table.c
        counting = sa.select(columns.service, columns.phase, sa.func.count()).group_by(
            columns.service, columns.phase
        )
        with self._catalogue.reading() as connection:
            return {(service, Phase(phase)): int(n) for service, phase, n in connection.execute(counting)}

    def _now(self) -> datetime:
        return stored_time(self._clock())

    def _read(self, connection: sa.Connection, job_id: str) -> Job | None:
        found = read_job(connection, job_id)
        return None if found is None or found.destruction <= utc(self._now()) else found

    def _lock(self, connection: sa.Connection, job_id: str) -> Job | None:
        """The job, which nobody else changes until the transaction ends."""
        connection.execute(sa.select(job_table.c.phase).where(job_table.c.job_id == job_id).with_for_update())
        return self._read(connection, job_id)

    def _start(self, connection: sa.Connection, service: str, claim: Claim | None) -> dict[str, object]:
        """What a job gets that is to run: the free slot where one is offered, and nobody was there before."""
        now = self._now()
        if (
            claim is None
            or service not in claim.services
            or connection.scalar(signed_on(claim)) is None
            or connection.scalar(waiting_jobs(claim.services, now).limit(1)) is not None
        ):
            return {"phase": Phase.QUEUED}
        return start_values(claim, now)

    def _change(
        self, connection: sa.Connection, job_id: str, phases: Collection[Phase], values: dict[str, object]
    ) -> Changed:
        """Set some columns of a job that is in one of ``phases``."""
        columns = job_table.c
        if "worker" in values:
            values = values | {"attempt": columns.attempt + 1}
        changed = connection.execute(
            sa.update(job_table)
            .where(columns.job_id == job_id, columns.phase.in_(sorted(phases)))
            .where(columns.destruction > self._now())
            .values(**values, version=columns.version + 1)
        )
        return Changed(self._read(connection, job_id), changed.rowcount == 1)

    def _check_room(self, connection: sa.Connection, client: str, run: bool) -> None:
        """Raises TooManyJobs. A client's requests are counted one after the other, on every database."""
        if connection.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtext(client))))
        busy = self._quota.busy
        excess, phases, limit = (
            (Excess.BUSY, _BUSY_PHASES, busy)
            if run
            else (Excess.UNSTARTED, tuple(UNSTARTED), busy * _UNSTARTED_EACH)
        )
        count, _ = self._held_by(connection, client, job_table.c.phase.in_(phases))
        if count >= limit:
            raise TooManyJobs(limit, excess)

    def _check_kept(self, connection: sa.Connection, client: str, more: int) -> None:
        """Raises TooManyJobs where there is no room for ``more`` jobs, or for what another one would make."""
        kept, size = self._held_by(connection, client, sa.true())
        if kept + more > self._quota.kept:
            raise TooManyJobs(self._quota.kept, Excess.KEPT)
        if size >= self._quota.bytes:
            raise TooManyJobs(self._quota.bytes, Excess.BYTES)

    def _held_by(
        self, connection: sa.Connection, client: str, which: sa.ColumnElement[bool]
    ) -> tuple[int, int]:
        """How many jobs a client has, and how much room their files take."""
        columns = job_table.c
        size = sa.func.coalesce(sa.func.sum(columns.bytes), 0)
        wanted = sa.select(sa.func.count(), size).where(
            columns.client == client, columns.destruction > self._now(), which
        )
        count, size_now = connection.execute(wanted).one()
        return int(count), int(size_now)
