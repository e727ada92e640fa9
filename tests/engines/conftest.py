"""PostgreSQL as the engine tests use it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest
from postgres_cluster import Cluster, Database

from vo_service.engines import PostgreSQLEngine


@pytest.fixture(scope="session")
def database(make_database: Callable[[], Database]) -> Database:
    """A database, with a table of the owner's that the reader may not see and one that it may."""
    made = make_database()
    made.rows("CREATE SCHEMA vo_data")
    made.rows("CREATE TABLE vo_data.secret AS SELECT 'hidden' AS word")
    made.rows("CREATE SCHEMA s1_sky")
    made.rows("CREATE VIEW s1_sky.star AS SELECT i, i::text AS s FROM generate_series(0, 199999) i")
    made.rows(f"GRANT USAGE ON SCHEMA s1_sky TO {made.reader}")
    made.rows(f"GRANT SELECT ON s1_sky.star TO {made.reader}")
    return made


@pytest.fixture(scope="session")
def bare_database(postgresql_cluster: Cluster) -> Database:
    """A database from whose reader no superuser has taken anything, with a table that it may not see."""
    made = postgresql_cluster.make_bare_database(f"bare_{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}")
    made.rows("CREATE SCHEMA vo_data")
    made.rows("CREATE TABLE vo_data.secret AS SELECT 'hidden' AS word")
    return made


@pytest.fixture
def engine(database: Database) -> Iterator[PostgreSQLEngine]:
    """An engine with three connections, which is closed after the test."""
    opened = PostgreSQLEngine(database.reader_url, {"sky": "s1_sky"}, memory_bytes=200_000_000, connections=3)
    yield opened
    opened.close()
