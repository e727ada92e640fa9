"""The file of the catalogue is moved away under a running service, and put back: nothing is made in its
place, nothing else is taken for it, and no job is lost."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from catalogue_troubles import (
    check_nothing_was_lost,
    check_without_catalogue,
    get,
    moved,
    start_jobs,
)
from live_service import LiveService, until

from vo_service.store import Catalogue

NAME = "catalogue.sqlite"


@pytest.fixture(scope="module")
def service(make_service) -> LiveService:
    service = make_service(VO_SERVICE_JOB_SLOTS="2").start()
    assert until(service.is_whole)
    return service


def jobs_in(file: Path) -> int:
    """How many jobs a catalogue has."""
    with closing(sqlite3.connect(file)) as connection:
        return int(connection.execute("SELECT COUNT(*) FROM job").fetchone()[0])


@pytest.mark.parametrize(
    "files", [(NAME,), (NAME, f"{NAME}-wal", f"{NAME}-shm")], ids=["alone", "with its log"]
)
def test_nothing_is_made_where_the_file_was(service: LiveService, files: tuple[str, ...]) -> None:
    jobs = start_jobs(service)
    with moved(service.home, *files):
        check_without_catalogue(service, jobs)
        assert not (service.home / NAME).exists()
    check_nothing_was_lost(service, jobs)


@pytest.mark.parametrize("place", ["empty", "another"])
def test_what_lies_in_its_place_is_not_taken_for_it(service: LiveService, place: str) -> None:
    jobs = start_jobs(service)
    with moved(service.home, NAME, f"{NAME}-wal", f"{NAME}-shm"):
        if place == "empty":
            (service.home / NAME).touch()
        else:
            Catalogue.open(f"sqlite:///{service.home / NAME}").close()
        check_without_catalogue(service, jobs)
        if place == "empty":
            assert (service.home / NAME).stat().st_size == 0
        else:
            assert jobs_in(service.home / NAME) == 0
    check_nothing_was_lost(service, jobs)


def test_a_copy_that_is_put_in_its_place_is_taken(service: LiveService) -> None:
    """As from a backup: the service goes on with it, and leaves the file that it had."""
    job = service.make_job()
    with moved(service.home, NAME, f"{NAME}-wal", f"{NAME}-shm") as aside:
        shutil.copytree(aside, service.home / "copied")
    copied = service.home / "copied"
    with closing(sqlite3.connect(copied / NAME)) as copy, closing(sqlite3.connect(copied / "new")) as new:
        copy.backup(new)
    with moved(service.home, NAME, f"{NAME}-wal", f"{NAME}-shm") as aside:
        (copied / "new").rename(service.home / NAME)
        assert until(lambda: get(job).status_code == 200)
        service.command(job, "RUN")
        assert service.final(job) == "COMPLETED"
        assert jobs_in(service.home / NAME) == jobs_in(aside / NAME)
    service.stop()
