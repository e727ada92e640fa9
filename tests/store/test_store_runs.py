"""The run log, the roots, what is settled once, the digests: all in the catalogue, seen by every process."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import pytest
import sqlalchemy as sa

from vo_service.store import Catalogue, RunEntry, RunLog, Snapshots
from vo_service.store.catalogue_tables import run


@pytest.fixture
def catalogue(tmp_path: Path) -> Iterator[Catalogue]:
    opened = Catalogue.open_in(tmp_path)
    yield opened
    opened.close()


def test_the_run_log_is_copied_into_the_snapshot(tmp_path: Path, catalogue: Catalogue) -> None:
    log = RunLog(catalogue)
    snapshots = Snapshots(tmp_path, catalogue)
    run_id = log.start("ingest", "vo-service/0")
    log.record(
        run_id,
        [
            RunEntry("holdings", "a.fits", "ok", product_id="a", repair_count=2, duration=0.5),
            RunEntry("holdings", "b.fits", "failed", error_class="truncated", error_message="ends early"),
            RunEntry(None, None, "failed", line=7, error_class="bad_row", error_message="no position"),
        ],
    )
    log.count(run_id, product_count=2, ok_count=1, failed_count=1)
    abandoned = log.start("harvest", "vo-service/0")
    log.finish(abandoned, "failed")
    # another process sees the run while it is going on
    other = Catalogue.open_in(tmp_path)
    assert [one["state"] for one in RunLog(other).list_runs()] == ["failed", "running"]
    other.close()
    with snapshots.writer("a test", 0.0):
        draft = snapshots.draft(run_id)
        snapshot = snapshots.publish(draft, None)
    listed = {one["run_id"]: one for one in snapshot.read("holdings.run").to_pylist()}
    assert listed[run_id]["state"] == "done"
    assert listed[run_id]["snapshot"] == snapshot.number
    assert listed[run_id]["finished"] >= listed[run_id]["started"]
    assert listed[run_id]["failed_count"] == 1
    assert listed[abandoned]["state"] == "failed"
    products = snapshot.read("holdings.run_product").to_pylist()
    assert {(one["path"], one["line"], one["error_class"]) for one in products} == {
        ("a.fits", None, None),
        ("b.fits", None, "truncated"),
        (None, 7, "bad_row"),
    }
    newest = {one["run_id"]: one for one in log.list_runs()}
    assert newest[run_id]["state"] == "done"
    assert newest[run_id]["snapshot"] == snapshot.number
    assert [one["path"] for one in log.list_products(run_id, ["failed"])] == ["b.fits", None]
    # a second snapshot does not list them twice
    with snapshots.writer("a test", 0.0):
        draft = snapshots.draft()
        again = snapshots.publish(draft, draft.base)
    assert again.count_rows("holdings.run") == 2
    assert again.count_rows("holdings.run_product") == 3


def test_the_run_of_a_dead_process_is_interrupted(catalogue: Catalogue) -> None:
    log = RunLog(catalogue)
    run_id = log.start("ingest", "vo-service/0")
    assert log.mark_interrupted() == []
    with catalogue.writing() as connection:
        connection.execute(sa.update(run).values(process_started=1))
    assert log.mark_interrupted() == [run_id]
    assert log.list_runs()[0]["state"] == "interrupted"


def test_counts_have_names(catalogue: Catalogue) -> None:
    with pytest.raises(TypeError, match="galaxies"):
        RunLog(catalogue).count("x", galaxies=1)


def test_what_is_settled_stays(catalogue: Catalogue) -> None:
    assert catalogue.find_setting("authority") is None
    assert catalogue.settled("authority", "first.example") == "first.example"
    assert catalogue.settled("authority", "second.example") == "first.example"
    assert catalogue.find_setting("authority") == "first.example"


def test_roots_have_names(catalogue: Catalogue, tmp_path: Path) -> None:
    catalogue.register_root("b", tmp_path / "b")
    catalogue.register_root("a", tmp_path / "old")
    catalogue.register_root("a", tmp_path / "new")
    assert dict(catalogue.roots()) == {"a": tmp_path / "new", "b": tmp_path / "b"}


def test_a_digest_holds_for_the_file_it_was_made_of(catalogue: Catalogue) -> None:
    catalogue.keep_digest("p", 1, 100, 5, "ab")
    assert catalogue.find_digest("p", 1, 100, 5) == "ab"
    assert catalogue.find_digest("p", 1, 100, 6) is None
    catalogue.keep_digest("p", 2, 100, 6, "cd")
    assert catalogue.find_digest("p", 2, 100, 6) == "cd"
    assert catalogue.find_digest("p", 1, 100, 5) is None


def test_processes_that_create_the_catalogue_at_once_agree(tmp_path: Path) -> None:
    with ThreadPoolExecutor(6) as pool:
        opened = list(pool.map(lambda _: Catalogue.open_in(tmp_path), range(6)))
        settled = set(pool.map(lambda one: one.settled("authority", f"a{id(one)}"), opened))
    assert len(settled) == 1
    for one in opened:
        one.close()


def test_a_new_catalogue_waits_for_the_one_who_switches_it_to_wal(tmp_path: Path) -> None:
    held = sqlite3.connect(tmp_path / "catalogue.sqlite", isolation_level=None)
    held.execute("BEGIN IMMEDIATE")  # others may read and then not go on, so SQLite lets none of them wait
    with ThreadPoolExecutor(1) as pool:
        opened = pool.submit(Catalogue.open_in, tmp_path)
        assert not wait([opened], timeout=0.3).done
        held.execute("COMMIT")
        opened.result(timeout=30).close()
    assert held.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    held.close()


def test_writers_of_the_catalogue_wait_for_each_other(tmp_path: Path, catalogue: Catalogue) -> None:
    def write(worker: int) -> None:
        own = Catalogue.open_in(tmp_path)
        for i in range(10):
            own.register_root(f"{worker}-{i}", tmp_path)
        own.close()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(write, range(4)))
    assert len(catalogue.roots()) == 40


def test_the_appearances_of_a_product_are_those_of_its_place_and_its_identifier(catalogue: Catalogue) -> None:
    log = RunLog(catalogue)
    first, second = (log.start("ingest", "vo-service/0") for _ in range(2))
    log.record(
        first,
        [
            RunEntry("holdings", "a.fits", "failed", error_class="unreadable", error_message="no disk"),
            RunEntry("holdings", "b.fits", "ok", product_id="b"),
            RunEntry("other", "a.fits", "ok", product_id="c"),
        ],
    )
    log.record(second, [RunEntry("moved", "a.fits", "ok", product_id="a")])
    found = log.list_appearances("a", "holdings", "a.fits")
    assert [(one["run_id"], one["root"], one["state"]) for one in found] == [
        (first, "holdings", "failed"),
        (second, "moved", "ok"),
    ]
    assert found[0]["kind"] == "ingest" and found[0]["started"] is not None
    assert [one["state"] for one in log.list_appearances(None, "holdings", "a.fits")] == ["failed"]
