"""A process and its jobs when the database, the disk or other processes are in trouble: nothing is lost."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from runners import Works, begin, files_of, job_to, open_runner, phase_of, wait_for, wait_until

from vo_service.dali.uws.runner import JobRunner
from vo_service.dali.uws.sweeper import Sweeper
from vo_service.store.errors import CatalogueError, DiskFull, Excess, TooManyJobs
from vo_service.store.job_queue import JobQueue
from vo_service.store.jobs import Jobs, Phase


def test_stopping_while_the_database_is_locked_fails_no_job(tmp_path: Path, works: Works) -> None:
    """The job cannot be given back, its work fails by the stop, and then the database hears again."""
    file = tmp_path / "catalogue.sqlite"
    with open_runner(f"sqlite:///{file}", tmp_path, works, busy_seconds=3) as runner:
        job_id = begin(runner, works)
        locker = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
        locker.execute("BEGIN IMMEDIATE")
        stopping = threading.Thread(target=runner.stop)
        stopping.start()
        wait_until(lambda: job_id in works.stopped)
        locker.execute("ROLLBACK")
        locker.close()
        stopping.join()
        assert phase_of(runner, job_id) is Phase.QUEUED
        assert files_of(runner, job_id) == []


def test_the_heart_beats_while_files_are_swept(
    catalogue_url: str, tmp_path: Path, works: Works, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweeping, swept = threading.Event(), threading.Event()

    def slow(self: Sweeper) -> int:
        sweeping.set()
        swept.wait(30)
        return 0

    monkeypatch.setattr(Sweeper, "sweep", slow)
    monkeypatch.setattr("vo_service.dali.uws.runner._BEAT_SECONDS", 0.1)
    with open_runner(catalogue_url, tmp_path, works) as runner:

        def heartbeat() -> float:
            with runner.jobs._catalogue.reading() as connection:
                return float(connection.exec_driver_sql("SELECT heartbeat FROM worker").scalar_one())

        assert sweeping.wait(30)
        before = heartbeat()
        wait_until(lambda: heartbeat() > before + 1)
        swept.set()


def test_a_job_whose_claim_nobody_heard_of_is_run(
    runner: JobRunner, works: Works, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database commits, and the connection breaks before it can say so."""
    create = Jobs.create

    def broken(self: Jobs, *arguments: Any) -> Any:
        create(self, *arguments)
        raise CatalogueError("the connection broke")

    new = job_to("write", text="x")
    with monkeypatch.context() as patch:
        patch.setattr(Jobs, "create", broken)
        with pytest.raises(CatalogueError):
            runner.create(new, run=True)
    assert phase_of(runner, new.job_id) is Phase.EXECUTING
    assert works.begun == []
    wait_for(runner, new.job_id, Phase.COMPLETED)
    assert works.begun == [new.job_id]


def test_the_end_of_a_job_is_told_when_the_database_is_back(
    runner: JobRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    down = threading.Event()
    complete = JobQueue.complete

    def failing(self: JobQueue, *arguments: Any) -> bool:
        if not down.is_set():
            raise CatalogueError("the database is gone")
        return complete(self, *arguments)

    monkeypatch.setattr(JobQueue, "complete", failing)
    job_id = runner.create(job_to("write", text="x"), run=True).job_id
    time.sleep(0.5)
    assert phase_of(runner, job_id) is Phase.EXECUTING
    down.set()
    assert len(wait_for(runner, job_id, Phase.COMPLETED).results) == 1


def test_a_result_outlives_the_lost_answer_to_its_end(
    runner: JobRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database commits, and the connection breaks before it can say so."""
    complete = JobQueue.complete
    said: list[bool] = []

    def broken(self: JobQueue, *arguments: Any) -> bool:
        said.append(complete(self, *arguments))
        if len(said) == 1:
            raise CatalogueError("the connection broke")
        return said[-1]

    monkeypatch.setattr(JobQueue, "complete", broken)
    job_id = runner.create(job_to("write", text="x"), run=True).job_id
    wait_until(lambda: len(said) == 2 and runner.executing == 0)
    (result,) = wait_for(runner, job_id, Phase.COMPLETED).results
    assert files_of(runner, job_id) == [result.file]


def test_a_result_stays_where_its_end_may_have_been_heard(
    catalogue_url: str, tmp_path: Path, works: Works, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same, and the process ends before it can ask once more."""
    complete = JobQueue.complete
    said = threading.Event()

    def broken(self: JobQueue, *arguments: Any) -> bool:
        if not said.is_set():
            complete(self, *arguments)
        said.set()
        raise CatalogueError("the connection broke")

    monkeypatch.setattr(JobQueue, "complete", broken)
    with open_runner(catalogue_url, tmp_path, works) as runner:
        job_id = runner.create(job_to("write", text="x"), run=True).job_id
        said.wait(30)
        runner.stop()
        (result,) = wait_for(runner, job_id, Phase.COMPLETED).results
        assert files_of(runner, job_id) == [result.file]


def test_results_make_room_for_the_word_that_there_is_none(
    runner: JobRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: JobQueue, *arguments: Any) -> bool:
        raise DiskFull("writing to the catalogue database")

    monkeypatch.setattr(JobQueue, "complete", full)
    job_id = runner.create(job_to("write", text="x"), run=True).job_id
    job = wait_for(runner, job_id, Phase.ERROR)
    assert job.error is not None
    assert job.error.transient
    assert "no space left" in job.error.message
    wait_until(lambda: files_of(runner, job_id) == [])


def full(handle: int) -> None:
    raise OSError(28, "No space left on device")


def test_a_full_disk_fails_the_job_and_not_the_worker(
    runner: JobRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        job_id = runner.create(job_to("write", text="x"), run=True).job_id
        job = wait_for(runner, job_id, Phase.ERROR)
    assert job.error is not None
    assert (job.error.transient, job.error.status) == (True, 503)
    assert "no space left on its disk" in job.error.message
    wait_until(lambda: files_of(runner, job_id) == [])
    again = runner.create(job_to("write", text="x"), run=True).job_id
    wait_for(runner, again, Phase.COMPLETED)


def test_a_job_is_deleted_even_where_its_own_files_fill_the_disk(
    runner: JobRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = runner.create(job_to("write", text="x"), run=True).job_id
    wait_for(runner, job_id, Phase.COMPLETED)
    delete = Jobs.delete

    def wants_room(self: Jobs, job_id: str) -> bool:
        if runner.files.place(job_id).exists():
            raise DiskFull("writing to the catalogue database")
        return delete(self, job_id)

    monkeypatch.setattr(Jobs, "delete", wants_room)
    assert runner.delete(job_id)
    assert runner.jobs.find(job_id) is None


def test_a_refused_job_frees_its_slot(runner: JobRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Jobs, *arguments: Any) -> Any:
        raise TooManyJobs(3, Excess.BUSY)

    for _ in range(3):
        with monkeypatch.context() as patch, pytest.raises(TooManyJobs):
            patch.setattr(Jobs, "create", refuse)
            patch.setattr(Jobs, "run", refuse)
            runner.create(job_to("write", text="x"), run=True)
        with monkeypatch.context() as patch, pytest.raises(TooManyJobs):
            patch.setattr(Jobs, "run", refuse)
            runner.run("any")
    assert not runner.run("no-such-job").done
    assert runner.create(job_to("write", text="x"), run=True).phase is Phase.EXECUTING


def test_a_locked_database_is_told_soon_and_nothing_is_lost(tmp_path: Path, works: Works) -> None:
    file = tmp_path / "catalogue.sqlite"
    with open_runner(f"sqlite:///{file}", tmp_path, works, busy_seconds=0.5) as runner:
        job_id = begin(runner, works)
        writing = runner.create(job_to("numb", seconds=0), run=True).job_id
        wait_until(lambda: writing in works.begun)
        locker = sqlite3.connect(file, isolation_level=None)
        locker.execute("BEGIN IMMEDIATE")
        began = time.monotonic()
        with pytest.raises(CatalogueError):
            runner.create(job_to("write", text="x"), run=True)
        assert time.monotonic() - began < 15
        assert phase_of(runner, job_id) is Phase.EXECUTING  # reading goes on
        for execution in runner._running():
            if execution.held.job_id == writing:
                execution.cancellation.cancel()  # it ends well, and cannot say so
        time.sleep(1)
        assert phase_of(runner, writing) is Phase.EXECUTING
        locker.execute("ROLLBACK")
        locker.close()
        wait_for(runner, writing, Phase.COMPLETED)
        runner.abort(job_id)
        wait_until(lambda: job_id in works.stopped)


def test_a_database_server_that_drops_all_connections_is_found_again(
    make_database: Callable[[], Any], tmp_path: Path, works: Works
) -> None:
    database = make_database()
    url = database.owner_url.replace("postgresql://", "postgresql+psycopg://", 1)
    with open_runner(url, tmp_path, works) as runner:
        job_id = begin(runner, works)
        dropped = database.rows(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()",
            database.superuser_url,
        )
        assert dropped
        assert phase_of(runner, job_id) is Phase.EXECUTING  # the very next request is answered
        again = runner.create(job_to("write", text="x"), run=True).job_id
        wait_for(runner, again, Phase.COMPLETED)
        runner.abort(job_id)
        wait_until(lambda: job_id in works.stopped)


def test_another_process_of_no_life_is_cleared_away(runner: JobRunner, works: Works) -> None:
    job_id = begin(runner, works)
    with runner.jobs._catalogue.writing() as connection:
        connection.exec_driver_sql("DELETE FROM worker")  # somebody has given us up
    wait_until(lambda: job_id in works.stopped, 20)
    job = wait_for(runner, job_id, Phase.QUEUED, Phase.EXECUTING)
    assert job.phase is not Phase.ERROR
    wait_until(lambda: works.begun.count(job_id) == 2)  # and taken it anew, under our new name
    runner.abort(job_id)
