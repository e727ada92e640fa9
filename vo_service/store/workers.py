"""The server processes that share the jobs of one catalogue: who lives, and what becomes of the jobs of those
who do not.

A worker of the same host is dead when its process is; nobody can see the processes of other hosts, so those
are dead when their heartbeat has stood still for a while. "A while" goes by the clock of the one who looks,
and only while he could write himself: neither clocks that disagree nor a database that was locked for
everybody make the living look dead. Should one be buried alive all the same, it finds out by its next beat,
and nothing that it says of its jobs counts any more (`job_queue`).
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from vo_service.store.catalogue import Catalogue
from vo_service.store.job import JobError, Phase
from vo_service.store.job_queue import error_values, unclaimed_values
from vo_service.store.job_tables import job as job_table
from vo_service.store.job_tables import worker as worker_table
from vo_service.store.moments import stored_time
from vo_service.store.processes import Process, is_dead, this_process

_MOST_DEATHS = 2
_SILENT_SECONDS = 30.0
_LATE_SECONDS = 12.0  # between two beats of ours: longer, and we could not write for a while
_ENDED_TWICE = JobError(
    f"The server ended {_MOST_DEATHS} times while it ran this job, or more often while the job came further,"
    " for reasons that may lie in the job.",
    transient=True,
    status=503,
)


@dataclass(frozen=True, slots=True)
class _Beat:
    """The last heartbeat that was seen of another worker, and since when by our own clock."""

    heartbeat: float
    since: float


class Workers:
    """This process among the workers of a catalogue. For one thread at a time.

    Every method raises CatalogueError where the database does not answer, DiskFull where it has no room.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        clock: Callable[[], datetime],
        process: Process | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._catalogue = catalogue
        self._clock = clock
        self._process = this_process() if process is None else process
        self._monotonic = monotonic
        self._seen: dict[str, _Beat] = {}
        self._last_beat = self._beating_since = monotonic()
        self._own: str | None = None
        self._first = True

    @property
    def first(self) -> bool:
        """Whether this worker is the one, of those seen lately, who does what one of them has to do."""
        return self._first

    def join(self) -> str:
        """Become a worker; returns its id, another one at each call."""
        own = uuid.uuid4().hex
        with self._catalogue.writing() as connection:
            connection.execute(
                sa.insert(worker_table).values(
                    worker_id=own,
                    host=self._process.host,
                    pid=self._process.pid,
                    started=self._process.started,
                    heartbeat=time.time(),
                )
            )
        self._own = own
        self._note_beat(joined=True)
        return own

    def beat(self) -> bool:
        """Say that this worker lives. False: somebody has given it up, its jobs are no longer its own."""
        with self._catalogue.writing() as connection:
            beaten = connection.execute(
                sa.update(worker_table)
                .where(worker_table.c.worker_id == self._own)
                .values(heartbeat=time.time())
            )
        self._note_beat(joined=False)
        return beaten.rowcount == 1

    def leave(self) -> None:
        """End as a worker; jobs that it still holds wait for others, and it does not count as a death."""
        if self._own is not None:
            with self._catalogue.writing() as connection:
                connection.execute(sa.delete(worker_table).where(worker_table.c.worker_id == self._own))
                self._requeue(connection, self._own, counted=False)
            self._own = None

    def bury(self) -> int:
        """Have the jobs of dead workers run once more, or end in ERROR where they were run twice. How many
        workers were found dead."""
        holding = sa.select(job_table.c.worker).where(job_table.c.phase == Phase.EXECUTING).distinct()
        with self._catalogue.reading() as connection:
            # in this order: whoever takes its first job in between is not taken for somebody unknown
            holders = set(connection.scalars(holding))
            rows = connection.execute(sa.select(worker_table)).all()
        dead = [(row.worker_id, row.heartbeat) for row in rows if self._is_dead(row)]
        living = {row.worker_id for row in rows} - {worker_id for worker_id, _ in dead}
        self._first = self._own is not None and self._own == min(living, default=None)
        self._seen = {key: beat for key, beat in self._seen.items() if key in living}
        unknown = holders - {row.worker_id for row in rows}
        for worker_id, heartbeat in dead:
            self._bury_one(worker_id, heartbeat)
        for worker_id in unknown:
            self.requeue(worker_id)
        return len(dead) + len(unknown)

    def requeue(self, worker_id: str) -> None:
        """Have the jobs of a worker that is dead for certain run once more, or end in ERROR where they were
        run twice."""
        with self._catalogue.writing() as connection:
            self._requeue(connection, worker_id, counted=True)

    def _is_dead(self, row: sa.Row[tuple[object, ...]]) -> bool:
        if row.worker_id == self._own:
            return False
        process = Process(row.host, row.pid, row.started)
        if process.host == self._process.host:
            return is_dead(process)
        now = self._monotonic()
        seen = self._seen.get(row.worker_id)
        if seen is None or seen.heartbeat != row.heartbeat:
            self._seen[row.worker_id] = _Beat(row.heartbeat, now)
            return False
        silent_since = max(seen.since, self._beating_since)
        return now - silent_since > _SILENT_SECONDS and now - self._last_beat < _LATE_SECONDS

    def _bury_one(self, worker_id: str, heartbeat: float) -> None:
        """Unless it has shown signs of life meanwhile."""
        columns = worker_table.c
        with self._catalogue.writing() as connection:
            removed = connection.execute(
                sa.delete(worker_table).where(columns.worker_id == worker_id, columns.heartbeat == heartbeat)
            )
            if removed.rowcount:
                self._requeue(connection, worker_id, counted=True)

    def _requeue(self, connection: sa.Connection, worker_id: str, counted: bool) -> None:
        columns = job_table.c
        theirs = (columns.worker == worker_id, columns.phase == Phase.EXECUTING)
        if counted:
            spent = columns.deaths + 1 >= _MOST_DEATHS
            ended = {
                "phase": Phase.ERROR,
                "deaths": columns.deaths + 1,
                "ended": stored_time(self._clock()),
                **error_values(_ENDED_TWICE),
            }
            connection.execute(
                sa.update(job_table).where(*theirs, spent).values(**ended, version=columns.version + 1)
            )
        connection.execute(
            sa.update(job_table)
            .where(*theirs)
            .values(
                **unclaimed_values(),
                deaths=columns.deaths + (1 if counted else 0),
                version=columns.version + 1,
            )
        )

    def _note_beat(self, joined: bool) -> None:
        now = self._monotonic()
        if joined or now - self._last_beat > _LATE_SECONDS:
            self._beating_since = now
        self._last_beat = now
