"""The engine that the settings name, on a snapshot that it may not have seen yet."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from postgres_cluster import Database

from vo_service.engines import (
    DuckDBEngine,
    EngineDown,
    Engines,
    Limits,
    PostgreSQLEngine,
    QueryTimeout,
    SnapshotNotLoaded,
    Statement,
    dialect_of,
    mirror_for,
)
from vo_service.settings import Settings
from vo_service.store import Catalogue, Snapshot, Snapshots

LIMITS = Limits(seconds=20.0, batch_rows=1000)


@pytest.fixture
def catalogue(tmp_path: Path) -> Iterator[Catalogue]:
    opened = Catalogue.open_in(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def snapshot(tmp_path: Path, catalogue: Catalogue) -> Iterator[Snapshot]:
    """A snapshot that was published for DuckDB alone."""
    snapshots = Snapshots(tmp_path, catalogue)
    with snapshots.writer("a test", 0.0):
        yield snapshots.publish(snapshots.draft(), None)
    snapshots.close()


def settings(home: Path, database: Database, **more: str) -> Settings:
    given = {
        **more,
        "VO_SERVICE_ENGINE": "postgresql",
        "VO_SERVICE_POSTGRESQL_URL": database.owner_url,
        "VO_SERVICE_POSTGRESQL_READER_URL": database.reader_url,
    }
    return Settings.load(home, given)


def test_duckdb_reads_the_files_of_the_snapshot(
    tmp_path: Path, catalogue: Catalogue, snapshot: Snapshot
) -> None:
    plain = Settings.load(tmp_path, {})
    assert mirror_for(plain, catalogue) is None
    with Engines(plain, catalogue, tmp_path / "spill").on(snapshot) as engine:
        assert isinstance(engine, DuckDBEngine)


def test_a_snapshot_that_postgresql_lacks_is_loaded_behind(
    tmp_path: Path, catalogue: Catalogue, snapshot: Snapshot, make_database: Callable[[], Database]
) -> None:
    engines = Engines(settings(tmp_path, make_database()), catalogue, tmp_path / "spill")
    with pytest.raises(SnapshotNotLoaded, match="snapshot 1 is being loaded"), engines.on(snapshot):
        pass
    deadline = time.monotonic() + 60
    while True:
        try:
            with engines.on(snapshot) as engine:
                assert isinstance(engine, PostgreSQLEngine)
                sql = f'SELECT count(*) AS n FROM "{engine.schemas["tap_schema"]}"."tables"'
                with engine.run(Statement(sql), LIMITS) as batches:
                    [row] = next(batches.stream).to_pylist()
                assert row["n"] > 10
            return
        except SnapshotNotLoaded:
            assert time.monotonic() < deadline
            time.sleep(0.1)


def test_a_load_that_fails_is_told_and_tried_again(
    tmp_path: Path,
    catalogue: Catalogue,
    snapshot: Snapshot,
    make_database: Callable[[], Database],
    caplog: pytest.LogCaptureFixture,
) -> None:
    database = make_database()
    database.rows(f"ALTER ROLE {database.reader} CREATEROLE", database.superuser_url)
    engines = Engines(settings(tmp_path, database), catalogue, tmp_path / "spill")
    deadline = time.monotonic() + 30
    while not caplog.messages:
        with pytest.raises(SnapshotNotLoaded), engines.on(snapshot):
            pass
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert "not fit to run queries: it may make roles" in caplog.messages[0]
    database.rows(f"ALTER ROLE {database.reader} NOCREATEROLE", database.superuser_url)
    while True:
        try:
            with engines.on(snapshot):
                return
        except SnapshotNotLoaded:
            assert time.monotonic() < deadline
            time.sleep(0.1)


def test_a_database_that_does_not_answer_is_down(
    tmp_path: Path, catalogue: Catalogue, snapshot: Snapshot, make_database: Callable[[], Database]
) -> None:
    database = make_database()
    engines = Engines(settings(tmp_path, database), catalogue, tmp_path / "spill")
    database.rows(f"ALTER ROLE {database.reader} NOLOGIN", database.superuser_url)
    with pytest.raises(EngineDown) as caught, engines.on(snapshot):
        pass
    assert not isinstance(caught.value, SnapshotNotLoaded)


def loaded(chosen: Settings, catalogue: Catalogue, snapshot: Snapshot) -> None:
    mirror = mirror_for(chosen, catalogue)
    assert mirror is not None
    mirror.load(snapshot)


def test_a_loaded_snapshot_is_served_without_the_owner(
    tmp_path: Path, catalogue: Catalogue, snapshot: Snapshot, make_database: Callable[[], Database]
) -> None:
    database = make_database()
    chosen = settings(tmp_path, database)
    loaded(chosen, catalogue, snapshot)
    database.rows(f"ALTER ROLE {database.name}_owner NOLOGIN", database.superuser_url)
    with Engines(chosen, catalogue, tmp_path / "spill").on(snapshot) as engine:
        assert isinstance(engine, PostgreSQLEngine)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ("ALTER ROLE {reader} SUPERUSER", "it is a superuser"),
        ("GRANT pg_read_server_files TO {reader}", "it is a member of another role"),
        ("GRANT {owner} TO {reader}", "it is a member of another role"),
        ("GRANT CREATE ON SCHEMA public TO {reader}", "it may make tables"),
        ("GRANT CREATE ON DATABASE {name} TO {reader}", "it may make schemas"),
        ("ALTER SCHEMA vo_data OWNER TO {reader}", "it is the owner's role as well"),
    ],
)
def test_a_reader_that_may_do_more_is_refused_when_a_snapshot_is_opened(
    tmp_path: Path,
    catalogue: Catalogue,
    snapshot: Snapshot,
    make_database: Callable[[], Database],
    change: str,
    fault: str,
) -> None:
    database = make_database()
    chosen = settings(tmp_path, database)
    loaded(chosen, catalogue, snapshot)
    names = {"reader": database.reader, "owner": f"{database.name}_owner", "name": database.name}
    database.rows(change.format(**names), database.superuser_url)
    engines = Engines(chosen, catalogue, tmp_path / "spill")
    with pytest.raises(EngineDown, match=f"not fit to run queries: .*{fault}"), engines.on(snapshot):
        pass


def test_another_reader_is_let_in(
    tmp_path: Path, catalogue: Catalogue, snapshot: Snapshot, make_database: Callable[[], Database]
) -> None:
    database = make_database()
    loaded(settings(tmp_path, database), catalogue, snapshot)
    other = f"{database.reader}_other"
    database.rows(f"CREATE ROLE {other} LOGIN", database.superuser_url)
    database.rows(f"GRANT CONNECT, TEMPORARY ON DATABASE {database.name} TO {other}", database.superuser_url)
    reader_url = database.reader_url.replace(f"user={database.reader}", f"user={other}")
    engines = Engines(
        settings(tmp_path, replace(database, reader_url=reader_url)), catalogue, tmp_path / "spill"
    )
    with pytest.raises(SnapshotNotLoaded), engines.on(snapshot):
        pass
    deadline = time.monotonic() + 30
    while True:
        try:
            with engines.on(snapshot) as engine:
                sql = f'SELECT count(*) AS n FROM "{engine.schemas["ivoa"]}"."obscore"'
                with engine.run(Statement(sql), LIMITS) as batches:
                    assert next(batches.stream).num_rows == 1
            return
        except SnapshotNotLoaded:
            assert time.monotonic() < deadline
            time.sleep(0.1)


def test_a_right_that_is_taken_away_is_no_fault_of_the_query(
    tmp_path: Path, catalogue: Catalogue, snapshot: Snapshot, make_database: Callable[[], Database]
) -> None:
    database = make_database()
    chosen = settings(tmp_path, database)
    loaded(chosen, catalogue, snapshot)
    engines = Engines(chosen, catalogue, tmp_path / "spill")
    with engines.on(snapshot) as engine:
        schema = engine.schemas["ivoa"]
        database.rows(f'REVOKE SELECT ON "{schema}".obscore FROM {database.reader}')
        with (
            pytest.raises(EngineDown),
            engine.run(Statement(f'SELECT obs_id FROM "{schema}".obscore'), LIMITS) as batches,
        ):
            next(batches.stream)
    with pytest.raises(SnapshotNotLoaded), engines.on(snapshot):
        pass


def test_the_dialect_is_known_before_there_is_an_engine(
    tmp_path: Path, make_database: Callable[[], Database]
) -> None:
    assert dialect_of(Settings.load(tmp_path, {})) == DuckDBEngine.dialect
    assert dialect_of(settings(tmp_path, make_database())) == PostgreSQLEngine.dialect


@pytest.mark.parametrize(
    ("queries", "job_slots", "connections"), [("2", "0", "0"), ("1", "1", "0"), ("8", "4", "2")]
)
def test_a_service_that_is_busy_with_queries_and_jobs_can_still_be_asked_for_its_health(
    tmp_path: Path,
    catalogue: Catalogue,
    snapshot: Snapshot,
    make_database: Callable[[], Database],
    queries: str,
    job_slots: str,
    connections: str,
) -> None:
    chosen = settings(
        tmp_path,
        make_database(),
        VO_SERVICE_QUERIES=queries,
        VO_SERVICE_JOB_SLOTS=job_slots,
        VO_SERVICE_POSTGRESQL_CONNECTIONS=connections,
    )
    mirror = mirror_for(chosen, catalogue)
    assert mirror is not None
    mirror.load(snapshot)
    endless = Statement("SELECT a FROM generate_series(1, 100000) a, generate_series(1, 100000) b")
    with (
        Engines(chosen, catalogue, tmp_path / "spill").on(snapshot) as engine,
        engine.run(endless, LIMITS) as one,
        engine.run(endless, LIMITS) as other,
    ):
        assert next(one.stream).num_rows == next(other.stream).num_rows == 1000
        with engine.run(Statement("SELECT 1 AS one"), LIMITS) as health:
            assert next(health.stream).to_pylist() == [{"one": 1}]
            with (
                pytest.raises(QueryTimeout),  # no more of them than the operator was told
                engine.run(Statement("SELECT 1 AS one"), replace(LIMITS, seconds=0.3)) as beyond,
            ):
                next(beyond.stream)
