"""The catalogue database is locked, ruined, or away: what needs none goes on, the rest says when to come
again; and so does who asks for too much."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
import requests
from catalogue_troubles import background, check_refusal, is_refused, post_job
from live_service import SLOW, LiveService, until


@pytest.fixture(scope="module")
def service(make_service) -> LiveService:
    few = {"VO_SERVICE_QUERIES_PER_CLIENT": "3", "VO_SERVICE_JOBS_PER_CLIENT": "3"}
    return make_service(**few).start()


@contextmanager
def locked(service: LiveService) -> Iterator[None]:
    """Somebody else writes to the catalogue and does not end."""
    other = sqlite3.connect(service.home / "catalogue.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


def test_a_locked_catalogue_stops_changes_of_jobs_alone(service: LiveService) -> None:
    pending = service.make_job()
    with locked(service):
        waiter, waited = background(lambda: requests.get(pending, {"WAIT": "2"}, timeout=60))
        maker, refused = background(lambda: post_job(service))
        assert service.query().status_code == 200
        assert service.phase(pending) == "PENDING"
        maker.join()
        waiter.join()
        assert is_refused(refused[0], 503), refused[0].text
        assert refused[0].elapsed.total_seconds() > 2, "a locked database is waited for"
        assert waited[0].status_code == 200
    service.command(pending, "RUN")
    assert service.final(pending) == "COMPLETED"
    assert service.final(service.make_job(PHASE="RUN")) == "COMPLETED"


def test_a_ruined_catalogue_stops_jobs_and_no_query(service: LiveService) -> None:
    """The file is overwritten with noise, and put back: all goes on without a restart."""
    with sqlite3.connect(service.home / "catalogue.sqlite") as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    path = service.home / "catalogue.sqlite"
    kept = path.read_bytes()
    with path.open("r+b") as file:
        file.write(b"\xff" * len(kept))
    try:
        assert service.query().status_code == 200
        check_refusal(service, post_job(service))
        availability = f"{service.url}/tap/availability"  # it may be some seconds old
        assert until(lambda: "jobs are not taken" in requests.get(availability, timeout=60).text)
    finally:
        with path.open("r+b") as file:
            file.write(kept)
    assert until(lambda: post_job(service).status_code == 303)
    assert service.final(service.make_job(PHASE="RUN")) == "COMPLETED"


def test_who_asks_for_too_much_is_told_when_to_come_again(service: LiveService) -> None:
    with ExitStack() as closing:
        for _ in range(3):
            closing.enter_context(service.connect(SLOW))
        assert until(lambda: service.metric("vo_service_queries_open") == 3)
        assert is_refused(service.query(), 429)
    assert until(lambda: service.query().status_code == 200)
    jobs = [service.make_job(SLOW, PHASE="RUN") for _ in range(3)]
    assert is_refused(post_job(service, PHASE="RUN"), 429)
    for job in jobs:
        service.command(job, "ABORT")
    assert until(lambda: post_job(service, PHASE="RUN").status_code == 303)
    assert until(service.is_idle)
    service.stop()
