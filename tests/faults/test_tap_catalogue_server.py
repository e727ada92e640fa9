"""The catalogue lies in PostgreSQL, and its server is stopped under a running service: what needs none goes
on, the rest says when to come again, and afterwards no job is lost."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa
from catalogue_troubles import check_nothing_was_lost, check_without_catalogue, start_jobs
from live_service import LiveService, until
from postgres_cluster import Cluster, Database

from vo_service.store import Catalogue
from vo_service.store.catalogue_tables import METADATA


@pytest.fixture(scope="module")
def database(own_cluster: Cluster) -> Database:
    """A database whose commits outlast a crash, unlike those of the other tests."""
    made = own_cluster.make_database("catalogue")
    made.rows("ALTER DATABASE catalogue SET synchronous_commit = on", made.superuser_url)
    return made


@pytest.fixture(scope="module")
def service(make_service, database: Database) -> LiveService:
    """A service whose catalogue lies in that database."""
    url = database.owner_url.replace("postgresql://", "postgresql+psycopg://", 1)
    service = make_service(VO_SERVICE_CATALOGUE_URL=url, VO_SERVICE_JOB_SLOTS="2")
    move_catalogue(service.home / "catalogue.sqlite", url)
    service.start()
    assert until(service.is_whole)
    return service


def move_catalogue(file: Path, url: str) -> None:
    """Have the catalogue that is in the file lie at the URL."""
    old, new = Catalogue.open(f"sqlite:///{file}"), Catalogue.open(url)
    with old.reading() as source, new.writing() as target:
        for table in METADATA.sorted_tables:
            rows = [dict(row._mapping) for row in source.execute(sa.select(table))]
            target.execute(sa.delete(table))
            if rows:
                target.execute(sa.insert(table), rows)
    old.close()
    new.close()
    file.unlink()


def heartbeats(database: Database) -> dict[str, float]:
    """When each worker was heard of last."""
    rows = database.rows("SELECT worker_id, heartbeat FROM worker")
    return {str(worker): float(str(beat)) for worker, beat in rows}


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_no_job_is_lost_while_the_database_is_away(
    service: LiveService, own_cluster: Cluster, database: Database, mode: str
) -> None:
    jobs = start_jobs(service)
    before = heartbeats(database)
    own_cluster.stop(mode)
    try:
        check_without_catalogue(service, jobs)
    finally:
        own_cluster.start()
    check_nothing_was_lost(service, jobs)
    assert len(before) == 2
    assert until(lambda: all(beat > before[worker] for worker, beat in heartbeats(database).items()))
    assert heartbeats(database).keys() == before.keys(), "no worker was given up"


def test_another_database_in_its_place_is_not_taken(
    service: LiveService, own_cluster: Cluster, database: Database
) -> None:
    """The database was made anew, and a catalogue in it: the service goes on with none of the two."""
    jobs = start_jobs(service)
    aside = f"{database.name}_aside"
    own_cluster.rename(database.name, aside)
    own_cluster.run("CREATE DATABASE catalogue OWNER catalogue_owner")
    Catalogue.open(service.settings["VO_SERVICE_CATALOGUE_URL"]).close()
    try:
        check_without_catalogue(service, jobs)
        assert database.rows("SELECT COUNT(*) FROM worker") == [(0,)]
    finally:
        own_cluster.run(f"DROP DATABASE {database.name} WITH (FORCE)")
        own_cluster.rename(aside, database.name)
    check_nothing_was_lost(service, jobs)
    service.stop()
