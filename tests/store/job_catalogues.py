"""Catalogue databases for the tests of jobs, with a clock that the test sets."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event

from vo_service.store import Catalogue
from vo_service.store.job_tables import worker
from vo_service.store.jobs import Held, Job, Jobs, NewJob, Phase, new_job_id

START = datetime(2026, 3, 1, 12, tzinfo=UTC)


class Clock:
    """A clock that stands still until it is set on."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **by: float) -> None:
        self.now += timedelta(**by)


def _unsafe(connection: Any, _record: object) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA synchronous = OFF")
    cursor.close()


@contextmanager
def open_catalogue(url: str, busy_seconds: float = 5.0) -> Iterator[Catalogue]:
    """A catalogue that does not wait for the disk."""
    catalogue = Catalogue.open(url, busy_seconds)
    if url.startswith("sqlite"):
        catalogue.engine.dispose()
        event.listen(catalogue.engine, "connect", _unsafe)
    yield catalogue
    catalogue.close()


def sign_on(catalogue: Catalogue, *names: str) -> None:
    """Have the others know workers of these names, which lived a moment ago."""
    with catalogue.writing() as connection:
        rows = [
            {"worker_id": name, "host": "elsewhere", "pid": 1, "started": 1, "heartbeat": 0.0}
            for name in names
        ]
        connection.execute(sa.insert(worker), rows)


def sign_off(catalogue: Catalogue, name: str) -> None:
    """Have the others know that worker no longer."""
    with catalogue.writing() as connection:
        connection.execute(sa.delete(worker).where(worker.c.worker_id == name))


def new_job(**facts: Any) -> NewJob:
    """A job as a handler would make it, with what is given otherwise."""
    plain: dict[str, Any] = {
        "job_id": new_job_id(),
        "service": "tap",
        "owner": None,
        "scopes": frozenset(),
        "client": "someone",
        "run_id": None,
        "duration": 60,
        "lifetime": timedelta(days=1),
        "request_id": "00ff",
        "base_url": "http://service.example",
        "parameters": (("LANG", "ADQL"), ("QUERY", "SELECT 1")),
    }
    return NewJob(**(plain | facts))


def phase_of(jobs: Jobs, job_id: str) -> Phase | None:
    found = jobs.find(job_id)
    return None if found is None else found.phase


def held(job: Job | None, worker: str = "w1") -> Held:
    assert job is not None
    return Held(job.job_id, worker, job.attempt)
