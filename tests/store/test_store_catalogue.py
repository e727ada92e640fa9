"""Who waits for whom at the catalogue database, and for how long."""

from __future__ import annotations

import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import event

from vo_service.store import Catalogue, CatalogueError
from vo_service.store.changes import Changes


def test_a_locked_database_is_waited_for_and_then_named(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'c.sqlite'}"
    catalogue, patient = Catalogue.open(url, busy_seconds=0.5), Catalogue.open(url, busy_seconds=30)
    locker = sqlite3.connect(tmp_path / "c.sqlite", isolation_level=None, check_same_thread=False)
    locker.execute("BEGIN IMMEDIATE")
    began = time.monotonic()
    with ThreadPoolExecutor(24) as threads:
        tries = [threads.submit(catalogue.register_root, f"root{number}", tmp_path) for number in range(24)]
        for one in tries:
            with pytest.raises(CatalogueError, match=r"c\.sqlite.*database is locked"):
                one.result()
    # all in the same time: one after the other they would take 12 s
    assert 0.5 <= time.monotonic() - began < 24 * 0.5 / 2
    assert catalogue.roots() == {}  # who reads does not wait
    threading.Timer(0.2, locker.execute, ("ROLLBACK",)).start()
    patient.register_root("root", tmp_path)
    assert catalogue.roots() == {"root": tmp_path}
    patient.close()
    catalogue.close()
    locker.close()


def test_a_writer_waits_while_another_process_recovers_the_log(tmp_path: Path) -> None:
    catalogue = Catalogue.open(f"sqlite:///{tmp_path / 'c.sqlite'}", busy_seconds=5)
    refusals = [sqlite3.SQLITE_BUSY_RECOVERY, sqlite3.SQLITE_BUSY_RECOVERY, sqlite3.SQLITE_BUSY]

    def refuse(_cursor: object, statement: str, _parameters: object, _context: object) -> None:
        if statement == "BEGIN IMMEDIATE" and refusals:
            refused = sqlite3.OperationalError("database is locked")
            refused.sqlite_errorcode = refusals.pop(0)
            raise refused

    event.listen(catalogue.engine, "do_execute", refuse)
    catalogue.register_root("root", tmp_path)
    assert not refusals and catalogue.roots() == {"root": tmp_path}
    refusals.append(sqlite3.SQLITE_IOERR_LOCK)  # no lock of somebody else's: not asked for again
    with pytest.raises(CatalogueError):
        catalogue.register_root("other", tmp_path)
    catalogue.close()


def test_many_writers_all_get_their_turn(tmp_path: Path) -> None:
    opened = [Catalogue.open(f"sqlite:///{tmp_path / 'c.sqlite'}") for _ in range(3)]
    with ThreadPoolExecutor(24) as threads:
        for number in range(48):
            threads.submit(opened[number % 3].register_root, f"root{number}", tmp_path)
    assert len(opened[0].roots()) == 48
    for catalogue in opened:
        catalogue.close()


def test_a_failed_transaction_leaves_the_turn_to_the_next(tmp_path: Path) -> None:
    catalogue = Catalogue.open_in(tmp_path)
    with pytest.raises(ValueError, match="mine"), catalogue.writing():
        raise ValueError("mine")
    with pytest.raises(CatalogueError), catalogue.writing() as connection:
        connection.exec_driver_sql("no statement")
    catalogue.register_root("root", tmp_path)
    catalogue.close()


def test_changes_by_others_are_seen_and_nothing_else(catalogue_url: str, tmp_path: Path) -> None:
    catalogue, other = Catalogue.open(catalogue_url), Catalogue.open(catalogue_url)
    changes = Changes(catalogue)
    assert changes.seen()
    for name, writer in (("a", other), ("b", catalogue)):  # the watch has a connection of its own
        writer.register_root(name, tmp_path)
        assert changes.seen()
    with catalogue.reading():
        pass
    assert changes.seen() == (not catalogue_url.startswith("sqlite"))
    changes.close()
    assert changes.seen()
    changes.close()
    catalogue.close()
    other.close()


def test_a_damaged_database_is_told_by_the_watch(tmp_path: Path) -> None:
    catalogue = Catalogue.open_in(tmp_path)
    changes = Changes(catalogue)
    catalogue.close()
    for file in tmp_path.glob("catalogue.sqlite*"):
        file.write_bytes(b"this is no database" * 1000)
    with pytest.raises(CatalogueError):
        changes.seen()
