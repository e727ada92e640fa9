"""PostgreSQL answers the queries, and lacks the snapshot, or is stopped: jobs wait for it in the queue."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import psycopg
import pytest
import requests
from catalogue_troubles import get
from live_service import SLOW, LiveService, until
from postgres_cluster import Cluster, Database

from vo_service.engines.postgresql_loader import LOCK

COUNT = "SELECT COUNT(*) AS n FROM ivoa.obscore"


@pytest.fixture(scope="module")
def database(own_cluster: Cluster) -> Database:
    return own_cluster.make_database("engine")


@pytest.fixture(scope="module")
def service(make_service, database: Database) -> LiveService:
    """A service with two workers of one slot each; it has loaded its snapshot as it started."""
    return make_service(
        VO_SERVICE_ENGINE="postgresql",
        VO_SERVICE_POSTGRESQL_URL=database.owner_url,
        VO_SERVICE_POSTGRESQL_READER_URL=database.reader_url,
        VO_SERVICE_POSTGRESQL_CONNECTIONS="3",
        VO_SERVICE_JOB_SLOTS="1",
    ).start()


def attempts(service: LiveService, job: str) -> int:
    """How often a worker took a job."""
    with closing(sqlite3.connect(service.home / "catalogue.sqlite")) as connection:
        asked = connection.execute("SELECT attempt FROM job WHERE job_id = ?", (job.rpartition("/")[2],))
        return int(asked.fetchone()[0])


def kill_query(database: Database, ended: set[object]) -> bool:
    """End the connection of the query that has been running for a while, as soon as there is one; ``ended``
    knows those that were told to end before, which may take a moment."""
    found = database.rows(
        f"SELECT pid, pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{database.reader}'"
        " AND state = 'active' AND now() - query_start > interval '0.3 s'",
        database.superuser_url,
    )
    fresh = {pid for pid, _ in found} - ended
    ended |= fresh
    return bool(fresh)


def forget_snapshots(database: Database) -> None:
    """Have the database be as new."""
    named = "SELECT nspname FROM pg_namespace WHERE nspname = 'vo_data' OR nspname ~ '^s[0-9]+_'"
    for (schema,) in database.rows(named):
        database.rows(f'DROP SCHEMA "{schema}" CASCADE')


def check_waiting(service: LiveService, jobs: list[str], note: str) -> None:
    """Queries are refused, and jobs are taken: they wait."""
    refused = service.query(COUNT)
    assert refused.status_code == 503 and int(refused.headers["Retry-After"]) > 0
    assert note in refused.text and "Traceback" not in refused.text
    assert until(lambda: note in str(get(f"{service.url}/healthz").json()["note"]))
    jobs += [service.make_job(COUNT, PHASE="RUN") for _ in range(4)]
    # a worker that had no reason to doubt finds out by the first of them
    assert until(lambda: all(service.phase(job) == "QUEUED" for job in jobs))
    waited = requests.get(jobs[-1], {"WAIT": "2"}, timeout=60)
    assert "<uws:phase>QUEUED</uws:phase>" in waited.text


def test_jobs_wait_while_the_engine_is_away(
    service: LiveService, own_cluster: Cluster, database: Database
) -> None:
    """What ran is lost with it and runs anew; what is asked for meanwhile runs later."""
    assert until(service.is_whole)
    endless = service.make_job(SLOW, PHASE="RUN")
    assert until(lambda: service.metric("vo_service_engine_statements_running") == 1)
    jobs: list[str] = []
    own_cluster.stop("fast")
    try:
        assert until(lambda: service.phase(endless) == "QUEUED")
        check_waiting(service, jobs, "The database of this service does not answer at present.")
    finally:
        own_cluster.start()
    assert [service.final(job) for job in jobs] == ["COMPLETED"] * len(jobs)
    assert until(lambda: service.phase(endless) == "EXECUTING")
    service.command(endless, "ABORT")
    assert service.final(endless) == "ABORTED"
    assert until(service.is_idle)
    assert until(lambda: get(f"{service.url}/healthz").status_code == 200)


def test_a_job_over_which_the_engine_is_lost_each_time_ends(service: LiveService, database: Database) -> None:
    job = service.make_job(SLOW, PHASE="RUN")
    ended: set[object] = set()
    for attempt in (1, 2, 3):
        assert until(lambda number=attempt: attempts(service, job) == number and kill_query(database, ended))
    assert service.final(job) == "ERROR"
    assert attempts(service, job) == 3
    document = get(job).text
    assert 'type="transient"' in document and "does not answer at present" in document
    assert service.final(service.make_job(COUNT, PHASE="RUN")) == "COMPLETED"


def test_jobs_wait_until_the_snapshot_is_loaded(service: LiveService, database: Database) -> None:
    jobs: list[str] = []
    service.stop()
    forget_snapshots(database)
    with psycopg.connect(database.owner_url, autocommit=True) as holder:
        holder.execute("SELECT pg_advisory_lock(%s)", [LOCK])  # somebody else is loading
        service.start("tap/capabilities")
        check_waiting(service, jobs, "The service is loading its data.")
    assert [service.final(job) for job in jobs] == ["COMPLETED"] * len(jobs)
    assert [attempts(service, job) for job in jobs] == [1] * len(jobs), "none was begun before"
    assert get(f"{jobs[0]}/results/result").text == service.query(COUNT).text
    service.stop()
