"""Statements for PostgreSQL, and ways to run them and to see what is left of them."""

from __future__ import annotations

import time

from postgres_cluster import Database

from vo_service.engines import Limits, PostgreSQLEngine, Statement

LIMITS = Limits(seconds=20.0, batch_rows=1000)
ENDLESS = (
    "SELECT count(*) AS n FROM generate_series(1, 1000000) a, generate_series(1, 1000000) b "
    "WHERE (a * 7 + b) % 11 = 3"
)
STREAM = "SELECT a AS i FROM generate_series(1, 100000) a, generate_series(1, 100000) b"


def rows(
    engine: PostgreSQLEngine, statement: Statement | str, limits: Limits = LIMITS
) -> list[dict[str, object]]:
    asked = Statement(statement) if isinstance(statement, str) else statement
    with engine.run(asked, limits) as batches:
        return [row for batch in batches.stream for row in batch.to_pylist()]


def sessions_of(database: Database) -> int:
    """How many sessions of the reader do anything at present."""
    [(found,)] = database.rows(
        f"SELECT count(*) FROM pg_stat_activity WHERE usename = '{database.reader}' AND state <> 'idle'",
        database.superuser_url,
    )
    assert isinstance(found, int)
    return found


def wait_until_idle(database: Database) -> None:
    deadline = time.monotonic() + 30
    while sessions_of(database):
        assert time.monotonic() < deadline, "a statement goes on in the server"
        time.sleep(0.05)
