"""Snapshots that are copied into PostgreSQL before they are published: whole, in time, and cleared away."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import psycopg
import pyarrow as pa
import pytest
from postgres_cluster import Database
from shelves import Shelf, star_rows

from vo_service.engines import EngineError, Limits, PostgreSQLEngine, Statement
from vo_service.engines.postgresql_loader import LOCK, PostgreSQLMirror, without_nul
from vo_service.engines.postgresql_tables import schema_names
from vo_service.store import Snapshot, SnapshotConflict, StoreError

WRITER = Path(__file__).with_name("store_writer.py")
REPOSITORY = Path(__file__).resolve().parents[2]
HOME = "of stars"
LIMITS = Limits(seconds=20.0, batch_rows=1000)
UNSEEN = (
    "SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'vo_data'::regnamespace AND c.relkind = 'r' "
    "AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.classid = 'pg_rewrite'::regclass "
    "AND d.refobjid = c.oid)"
)
TABLES = "SELECT relname FROM pg_class WHERE relnamespace = 'vo_data'::regnamespace AND relkind = 'r'"
SCHEMAS = r"SELECT nspname FROM pg_namespace WHERE nspname ~ '^s\d+_' ORDER BY 1"


def star(name: str, **facts: object) -> dict[str, object]:
    return {"insert": star_rows([{"name": name, "_cell": 1, **facts}])}


def answer(database: Database, snapshot: Snapshot, columns: str = "name") -> list[dict[str, object]]:
    """The stars of a snapshot, as the reader sees them."""
    schemas = schema_names(snapshot)
    engine = PostgreSQLEngine(database.reader_url, schemas, connections=1)
    try:
        sql = f'SELECT {columns} FROM "{schemas["sky"]}"."star" ORDER BY "_cell", name'
        with engine.run(Statement(sql), LIMITS) as batches:
            return [row for batch in batches.stream for row in batch.to_pylist()]
    finally:
        engine.close()


@pytest.fixture
def database(make_database: Callable[[], Database]) -> Database:
    return make_database()


@pytest.fixture
def mirror(database: Database) -> PostgreSQLMirror:
    return PostgreSQLMirror(database.owner_url, database.reader_url, HOME, wait_seconds=60.0)


@pytest.fixture
def shelf(tmp_path: Path, mirror: PostgreSQLMirror) -> Iterator[Shelf]:
    made = Shelf(tmp_path, mirror)
    yield made
    made.close()


def test_rows_are_the_same_in_both(shelf: Shelf, database: Database) -> None:
    facts = {
        "band": -7,
        "flux": float("-inf"),
        "title": "é 'x' \\N \t\n\"",
        "spans": [1.0, 2.5],
        "seen": datetime(2024, 2, 29, 1, 2, 3, 456789),
    }
    snapshot = shelf.publish(star("a", **facts), star("b"), star("é"), star("B"), star("_"))
    found = answer(database, snapshot, 'name, band, flux, title, spans, seen, "_cell"')
    kept = snapshot.read("sky.star", ["name", "band", "flux", "title", "spans", "seen", "_cell"])
    assert found == kept.to_pylist()
    assert [row["name"] for row in found] == ["B", "_", "a", "b", "é"]  # by code point, in order of the store


def test_a_nul_character_is_replaced(shelf: Shelf, database: Database) -> None:
    snapshot = shelf.publish(star("a", title="x\0y"))
    assert answer(database, snapshot, "title") == [{"title": "x\ufffdy"}]


def test_only_texts_with_a_nul_character_are_changed() -> None:
    texts = ["a", None, "", "b\0c", "\0", "d"]
    for start, stop in ((0, 6), (0, 3), (3, 5), (5, 6), (1, 3), (2, 2), (4, 4)):
        batch = pa.record_batch({"t": pa.array(texts), "n": pa.array(range(6))}).slice(start, stop - start)
        found = without_nul(batch)
        wanted = [t if t is None else t.replace("\0", "\ufffd") for t in texts[start:stop]]
        assert found["t"].to_pylist() == wanted
        assert found["n"].to_pylist() == list(range(start, stop))


def test_many_rows_are_loaded_in_order_with_their_indexes(shelf: Shelf, database: Database) -> None:
    rows = [{"name": f"s{i:06d}", "_cell": i * 7919 % 100_000} for i in range(120_000)]
    snapshot = shelf.publish({"insert": star_rows(rows)})
    schema = schema_names(snapshot)["sky"]
    [(count,)] = database.rows(f'SELECT count(*) FROM "{schema}"."star"')
    assert count == 120_000
    engine = PostgreSQLEngine(database.reader_url, {}, connections=1)
    plan = engine.explain(Statement(f'SELECT flux FROM "{schema}"."star" WHERE name = \'s000007\''))
    engine.close()
    assert "Index Scan" in plan


def test_tables_that_have_not_changed_are_shared(shelf: Shelf, database: Database) -> None:
    first = shelf.publish(star("a"))
    before = {str(name) for (name,) in database.rows(TABLES)}
    second = shelf.publish(star("b"))
    after = {str(name) for (name,) in database.rows(TABLES)}
    assert len(before) == 2
    assert [name.startswith("sky_star") for name in after - before] == [True]
    assert answer(database, first) == [{"name": "a"}]  # what runs on it goes on
    assert answer(database, second) == [{"name": "a"}, {"name": "b"}]


def test_pruned_snapshots_go_and_what_they_alone_had(shelf: Shelf, database: Database) -> None:
    snapshots = [shelf.publish(star(name)) for name in "abc"]
    shelf.snapshots.prune(1)
    assert [name for (name,) in database.rows(SCHEMAS)] == sorted(schema_names(snapshots[2]).values())
    assert database.rows(UNSEEN) == []
    assert len(database.rows(TABLES)) == 2
    assert answer(database, snapshots[2]) == [{"name": name} for name in "abc"]


def test_a_snapshot_in_use_stays(shelf: Shelf, database: Database) -> None:
    shelf.publish(star("a"))
    with shelf.snapshots.lease() as leased:
        assert leased is not None
        shelf.publish(star("b"))
        shelf.snapshots.prune(1)
        assert answer(database, leased) == [{"name": "a"}]
    shelf.snapshots.prune(1)
    with pytest.raises(EngineError):
        answer(database, leased)


def test_readers_see_the_views_and_nothing_else(shelf: Shelf, database: Database) -> None:
    snapshot = shelf.publish(star("a"))
    [(table,)] = database.rows(TABLES + " AND relname LIKE 'sky%'")
    engine = PostgreSQLEngine(database.reader_url, {}, connections=1)
    schema = schema_names(snapshot)["sky"]
    for sql in (
        f'SELECT name FROM vo_data."{table}"',
        f'INSERT INTO "{schema}"."star" (name) VALUES (\'x\') RETURNING name',
        f'WITH x AS (UPDATE "{schema}"."star" SET band = 1 RETURNING name) SELECT name FROM x',
        f'SELECT name FROM "{schema}"."star" FOR SHARE',
    ):
        with pytest.raises(EngineError), engine.run(Statement(sql), LIMITS) as batches:
            list(batches.stream)
    engine.close()


def test_a_lost_race_leaves_nothing_that_is_seen(shelf: Shelf, database: Database) -> None:
    shelf.publish(star("a"))
    with shelf.snapshots.writer("slow", 0.0):
        draft = shelf.snapshots.draft()
        draft.change("sky.star", **star("late"))
        other = shelf.snapshots.draft()
        other.change("sky.star", **star("b"))
        second = shelf.snapshots.publish(other, other.base)
        with pytest.raises(SnapshotConflict):
            shelf.snapshots.publish(draft, draft.base)
    assert answer(database, second) == [{"name": "a"}, {"name": "b"}]
    shelf.snapshots.prune(1)
    assert [name for (name,) in database.rows(SCHEMAS)] == sorted(schema_names(second).values())
    assert database.rows(UNSEEN) == []


def test_a_failed_load_publishes_nothing(shelf: Shelf, database: Database) -> None:
    before = shelf.publish(star("a"))
    database.rows(f"ALTER ROLE {database.name}_owner SET temp_file_limit = -1", database.superuser_url)
    database.rows(f"REVOKE CREATE ON DATABASE {database.name} FROM {database.name}_owner")
    try:
        with pytest.raises(StoreError, match="snapshot 2 could not be loaded into PostgreSQL"):
            shelf.publish(star("b"))
    finally:
        database.rows(f"GRANT CREATE ON DATABASE {database.name} TO {database.name}_owner")
    assert shelf.snapshots.current_number() == before.number
    assert answer(database, before) == [{"name": "a"}]
    after = shelf.publish(star("c"))
    assert answer(database, after) == [{"name": "a"}, {"name": "c"}]
    assert database.rows(UNSEEN) == []  # the table that was loaded for nothing


def test_a_server_that_is_not_there_publishes_nothing(tmp_path: Path) -> None:
    url = f"postgresql:///vo?host={tmp_path}"
    shelf = Shelf(tmp_path, PostgreSQLMirror(url + "&user=owner", url + "&user=reader", HOME))
    with pytest.raises(
        StoreError, match="could not be loaded into PostgreSQL, and is not served: PostgreSQL"
    ):
        shelf.publish(star("a"))
    assert shelf.snapshots.current_number() is None
    shelf.close()


def test_each_home_has_a_database_of_its_own(shelf: Shelf, database: Database, tmp_path: Path) -> None:
    shelf.publish(star("a"))
    (tmp_path / "other").mkdir()
    other = Shelf(tmp_path / "other", PostgreSQLMirror(database.owner_url, database.reader_url, "another"))
    with pytest.raises(StoreError, match="holds the snapshots of another home"):
        other.publish(star("b"))
    other.snapshots.prune(1)  # nor are they dropped
    assert len(database.rows(SCHEMAS)) == 2
    other.close()


def test_one_loads_while_the_other_waits(shelf: Shelf, database: Database, mirror: PostgreSQLMirror) -> None:
    snapshot = shelf.publish(star("a"))
    with psycopg.connect(database.owner_url, autocommit=True) as holder:
        holder.execute("SELECT pg_advisory_lock(%s)", [LOCK])
        impatient = PostgreSQLMirror(database.owner_url, database.reader_url, HOME, wait_seconds=1.0)
        with pytest.raises(StoreError, match="another process has been loading"):
            impatient.load(snapshot)
        threading.Timer(0.4, holder.close).start()
        mirror.load(snapshot)  # the lock went with the connection; all is there: nothing is done twice
    assert answer(database, snapshot) == [{"name": "a"}]


def test_loading_again_disturbs_nobody(shelf: Shelf, database: Database, mirror: PostgreSQLMirror) -> None:
    snapshot = shelf.publish(
        {"insert": star_rows([{"name": f"s{i:05d}", "_cell": i} for i in range(50_000)])}
    )
    engine = PostgreSQLEngine(database.reader_url, {}, connections=1)
    sql = f'SELECT a.name FROM "{schema_names(snapshot)["sky"]}"."star" a, generate_series(1, 100) b'
    with engine.run(Statement(sql), LIMITS) as batches:
        next(batches.stream)
        assert mirror.is_loaded(snapshot)
        mirror.load(snapshot)
        next(batches.stream)
    engine.close()


def test_what_a_killed_loader_left_unsettled_is_settled(
    shelf: Shelf, database: Database, mirror: PostgreSQLMirror
) -> None:
    unsettled = f"{TABLES} AND relallvisible < relpages"
    snapshot = shelf.publish(star("a"))
    [(name,)] = database.rows(TABLES + " AND relname LIKE 'sky_star%'")
    database.rows(  # as if just loaded; on the disk for good, as the loader's own commits are
        f'SET synchronous_commit = on; INSERT INTO vo_data."{name}" (name, "_cell") VALUES (\'b\', 1)'
    )
    database.rows(f'ANALYZE vo_data."{name}"')
    assert database.rows(unsettled) == [(name,)]
    mirror.load(snapshot)
    assert database.rows(unsettled) == []


def test_a_reader_that_may_do_more_is_refused(shelf: Shelf, database: Database) -> None:
    reader, name = database.reader, database.name
    for change, undo, fault in (
        (f"ALTER ROLE {reader} SUPERUSER", f"ALTER ROLE {reader} NOSUPERUSER", "it is a superuser"),
        (f"ALTER ROLE {reader} CREATEROLE", f"ALTER ROLE {reader} NOCREATEROLE", "it may make roles"),
        (f"GRANT {name}_owner TO {reader}", f"REVOKE {name}_owner FROM {reader}", "member of another role"),
        (
            f"GRANT pg_read_server_files TO {reader}",
            f"REVOKE pg_read_server_files FROM {reader}",
            "member of another role",
        ),
        (
            f"GRANT CREATE ON DATABASE {name} TO {reader}",
            f"REVOKE CREATE ON DATABASE {name} FROM {reader}",
            "it may make schemas",
        ),
        (
            f"GRANT CREATE ON SCHEMA public TO {reader}",
            f"REVOKE CREATE ON SCHEMA public FROM {reader}",
            "it may make tables",
        ),
        (
            f"REVOKE TEMPORARY ON DATABASE {name} FROM {reader}",
            f"GRANT TEMPORARY ON DATABASE {name} TO {reader}",
            "it may not make temporary tables",
        ),
    ):
        database.rows(change, database.superuser_url)
        with pytest.raises(StoreError, match=f"not fit to run queries: .*{fault}"):
            shelf.publish(star("a"))
        database.rows(undo, database.superuser_url)
    assert shelf.snapshots.current_number() is None
    shelf.publish(star("a"))


def test_a_database_that_cannot_answer_as_it_must_is_refused(
    shelf: Shelf, database: Database, tmp_path: Path
) -> None:
    database.rows('DROP COLLATION pg_catalog."C.utf8"', database.superuser_url)
    with pytest.raises(StoreError, match=r"has no collation C\.utf8, by which letters change their case"):
        shelf.publish(star("a"))
    (tmp_path / "b").mkdir()
    other = Shelf(tmp_path / "b")
    unloaded = other.publish(star("a"))
    other.close()
    ascii_name = f"{database.name}_ascii"
    database.rows(
        f"CREATE DATABASE {ascii_name} OWNER {database.name}_owner TEMPLATE template0 ENCODING 'SQL_ASCII' "
        "LC_COLLATE 'C' LC_CTYPE 'C'",
        database.superuser_url,
    )
    urls = [
        url.replace(f"/{database.name}?", f"/{ascii_name}?")
        for url in (database.owner_url, database.reader_url)
    ]
    with pytest.raises(StoreError, match="has the encoding SQL_ASCII"):
        PostgreSQLMirror(urls[0], urls[1], HOME).load(unloaded)


def test_missing_fences_are_told(shelf: Shelf, database: Database, caplog: pytest.LogCaptureFixture) -> None:
    shelf.publish(star("a"))
    assert caplog.messages == []
    database.rows(f"GRANT EXECUTE ON FUNCTION pg_sleep(float8) TO {database.reader}", database.superuser_url)
    shelf.publish(star("b"))
    [message] = caplog.messages
    assert "may use pg_sleep(double precision): run postgresql_setup.sql" in message


def test_a_loader_killed_at_any_moment_leaves_the_old_snapshot_serving(
    tmp_path: Path, database: Database, mirror: PostgreSQLMirror
) -> None:
    moments = random.Random(11)
    command = [sys.executable, str(WRITER), str(tmp_path), "2000", database.owner_url, database.reader_url]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(REPOSITORY), str(REPOSITORY / "tests")])}
    for number in (signal.SIGKILL, signal.SIGINT, signal.SIGKILL, signal.SIGTERM, signal.SIGKILL):
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment, text=True
        ) as writer:
            assert writer.stdout is not None
            writer.stdout.readline()  # at least one snapshot more
            time.sleep(moments.uniform(0.0, 0.4))
            writer.send_signal(number)
        shelf = Shelf(tmp_path)
        current = shelf.snapshots.current()
        assert current is not None
        names = [row["name"] for row in answer(database, current)]
        assert names == [f"s{i:09d}" for i in range(current.count_rows("sky.star"))]
        shelf.close()
    shelf = Shelf(tmp_path, mirror)
    last = shelf.publish({"insert": star_rows([{"name": "the last", "_cell": 10**9}])})
    shelf.snapshots.prune(1)
    assert [name for (name,) in database.rows(SCHEMAS)] == sorted(schema_names(last).values())
    assert database.rows(UNSEEN) == []
    assert answer(database, last)[-1] == {"name": "the last"}
    shelf.close()
