"""A process and its jobs: begun, ended, stopped from elsewhere, and never lost to a database in trouble."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from live_service import a_second
from runners import (
    LIMITS,
    SNAPSHOT,
    Works,
    begin,
    files_of,
    job_to,
    now,
    open_runner,
    phase_of,
    wait_for,
    wait_until,
)

from vo_service.dali.uws.runner import JobRunner
from vo_service.dali.uws.sweeper import Sweeper
from vo_service.store.job_files import JobFiles
from vo_service.store.jobs import FINAL, JobQuota, Phase


def test_a_job_runs_to_its_result(runner: JobRunner) -> None:
    job = runner.create(job_to("write", text="ü"), run=False)
    assert job.phase is Phase.PENDING
    started = runner.run(job.job_id)
    assert started.job is not None
    assert started.job.phase is Phase.EXECUTING  # UWS-030 UWS-036: a slot was free
    done = wait_for(runner, job.job_id, Phase.COMPLETED)
    (result,) = done.results
    content = (runner.files.place(job.job_id) / result.file).read_bytes()
    assert content == "ü".encode()  # UWS-022: with the phase comes all of it
    assert (result.result_id, result.media_type, result.size) == ("result", "text/plain", len(content))
    assert result.etag.startswith('"')
    assert done.snapshot == SNAPSHOT
    assert done.started is not None
    assert done.ended is not None
    assert done.started <= done.ended


def test_jobs_beyond_the_slots_wait_for_their_turn(runner: JobRunner, works: Works) -> None:
    held = [begin(runner, works) for _ in range(2)]
    waiting = runner.create(job_to("write", text="x"), run=True)
    assert waiting.phase is Phase.QUEUED
    time.sleep(0.3)
    assert phase_of(runner, waiting.job_id) is Phase.QUEUED
    assert runner.executing == 2
    runner.abort(held[0])
    wait_for(runner, waiting.job_id, Phase.COMPLETED)
    runner.abort(held[1])


def test_a_job_queued_by_a_worker_without_slots_is_run_by_another(
    runner: JobRunner, other: JobRunner
) -> None:
    job = other.create(job_to("write", text="x"), run=True)
    assert job.phase is Phase.QUEUED
    done = wait_for(other, job.job_id, Phase.COMPLETED)
    assert (other.files.place(job.job_id) / done.results[0].file).read_bytes() == b"x"


def test_an_abort_by_another_worker_ends_the_work_within_a_second(
    runner: JobRunner, other: JobRunner, works: Works
) -> None:
    took = []
    for _ in range(3):  # the machine may have been busy with something else during one of them
        job_id = begin(runner, works)
        changed = other.abort(job_id)
        assert changed.job is not None
        assert changed.job.phase is Phase.ABORTED  # UWS-031: at once
        took.append(wait_until(lambda aborted=job_id: aborted in works.stopped))
    assert min(took) < a_second()  # UWS-029
    wait_until(lambda: runner.executing == 0)
    job = runner.jobs.find(job_id)
    assert job == changed.job  # UWS-023: the end of the work changed nothing
    wait_until(lambda: files_of(runner, job_id) == [])  # TAP-155: no half-written result


def test_a_delete_by_another_worker_ends_the_work_and_leaves_nothing(
    runner: JobRunner, other: JobRunner, works: Works
) -> None:
    job_id = begin(runner, works)
    assert other.delete(job_id)  # UWS-116
    assert other.jobs.find(job_id) is None
    wait_until(lambda: job_id in works.stopped)
    wait_until(lambda: not runner.files.place(job_id).exists())
    assert not other.delete(job_id)


def test_a_job_deleted_before_its_first_file_leaves_nothing(
    runner: JobRunner, other: JobRunner, works: Works, monkeypatch: pytest.MonkeyPatch
) -> None:
    start_attempt = JobFiles.start_attempt

    def deleted_first(self: JobFiles, job_id: str) -> Path:
        assert other.delete(job_id)
        return start_attempt(self, job_id)

    monkeypatch.setattr(JobFiles, "start_attempt", deleted_first)
    job_id = runner.create(job_to("write", text="x"), run=True).job_id
    wait_until(lambda: works.begun == [job_id] and runner.executing == 0)
    assert not runner.files.place(job_id).exists()


def test_a_job_that_takes_longer_than_it_may_is_aborted(runner: JobRunner, works: Works) -> None:
    job_id = begin(runner, works, duration=1)
    job = wait_for(runner, job_id, *FINAL)
    assert job.phase is Phase.ABORTED  # UWS-028 UWS-114
    assert job.error is not None
    assert job.error.message == "The job may run for 1 s (executionDuration), and took longer."
    assert job.ended is not None
    assert job.started is not None
    assert timedelta(seconds=0.9) < job.ended - job.started < timedelta(seconds=30)
    assert job.results == ()


def test_a_duration_set_by_another_worker_holds_for_a_running_job(
    runner: JobRunner, other: JobRunner, works: Works
) -> None:
    job_id = begin(runner, works, duration=600)
    other.set_duration(job_id, 1)  # UWS-115
    assert wait_for(runner, job_id, *FINAL).phase is Phase.ABORTED
    longer = begin(runner, works, duration=20)
    (execution,) = [each for each in runner._running() if each.held.job_id == longer]
    other.set_duration(longer, 600)
    wait_until(lambda: execution._duration == 600)
    assert phase_of(runner, longer) is Phase.EXECUTING
    runner.abort(longer)


def test_a_running_job_ends_at_its_destruction(
    runner: JobRunner, other: JobRunner, works: Works, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Sweeper, "sweep", lambda self: 0)  # nobody is there to take it away
    job_id = begin(runner, works)
    other.set_destruction(job_id, now() + timedelta(seconds=0.3))
    wait_until(lambda: job_id in works.stopped)  # UWS-113
    assert runner.jobs.find(job_id) is None
    wait_until(lambda: files_of(runner, job_id) == [])


def test_a_snapshot_is_named_while_the_job_runs(runner: JobRunner, works: Works) -> None:
    job_id = begin(runner, works)
    wait_until(lambda: (job := runner.jobs.find(job_id)) is not None and job.snapshot == SNAPSHOT)
    runner.abort(job_id)


@pytest.mark.parametrize(
    ("kind", "phase", "transient", "status"),
    [
        ("usage", Phase.ERROR, False, 400),
        ("forbidden", Phase.ERROR, False, 403),
        ("unavailable", Phase.ERROR, True, 503),
        ("internal", Phase.ERROR, True, 500),
        ("timeout", Phase.ABORTED, True, 503),
    ],
)
def test_an_error_of_the_work_becomes_that_of_the_job(
    runner: JobRunner, kind: str, phase: Phase, transient: bool, status: int
) -> None:
    job_id = runner.create(job_to("fail", text=kind), run=True).job_id
    job = wait_for(runner, job_id, *FINAL)
    assert job.phase is phase
    assert job.error is not None
    assert (job.error.transient, job.error.status) == (transient, status)  # UWS-071
    if phase is Phase.ERROR:
        assert job.error.message == "It went wrong.\nDo otherwise."


def test_a_fault_of_ours_tells_nothing_but_its_number(
    runner: JobRunner, caplog: pytest.LogCaptureFixture
) -> None:
    job_id = runner.create(job_to("bug"), run=True).job_id
    job = wait_for(runner, job_id, *FINAL)
    assert job.phase is Phase.ERROR  # UWS-005: the job failed, the service did not
    assert job.error is not None
    assert "00ff" in job.error.message
    assert "/a/path" not in job.error.message
    assert "KeyError" in caplog.text
    assert "request=00ff" in caplog.text


def test_a_result_beyond_its_size_ends_in_error(runner: JobRunner) -> None:
    job_id = runner.create(job_to("pour"), run=True).job_id
    job = wait_for(runner, job_id, *FINAL)
    assert job.phase is Phase.ERROR
    assert job.error is not None
    assert not job.error.transient
    assert str(LIMITS.result_bytes) in job.error.message
    wait_until(lambda: files_of(runner, job_id) == [])


def test_a_writing_job_stops_at_its_next_byte(catalogue_url: str, tmp_path: Path, works: Works) -> None:
    limits = replace(LIMITS, result_bytes=10**12)
    with open_runner(catalogue_url, tmp_path, works, limits=limits) as runner:
        job_id = runner.create(job_to("pour"), run=True).job_id
        wait_until(lambda: files_of(runner, job_id) != [])
        runner.abort(job_id)
        wait_until(lambda: runner.executing == 0)  # unstopped it writes for a minute
        wait_until(lambda: files_of(runner, job_id) == [])


def test_many_clients_share_the_slots(runner: JobRunner, works: Works) -> None:
    ids = []
    for client, number in (("greedy", 10), ("modest", 1)):
        for _ in range(number):
            ids.append(runner.create(job_to("write", text="x", client=client), run=True).job_id)
    wait_until(lambda: all(phase_of(runner, job_id) is Phase.COMPLETED for job_id in ids))
    assert sorted(works.begun) == sorted(ids)  # each once


def test_stopping_gives_jobs_back(
    catalogue_url: str, tmp_path: Path, works: Works, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vo_service.dali.uws.runner._STOP_SECONDS", 60.0)  # however slow the machine is
    with open_runner(catalogue_url, tmp_path, Works(), slots=0) as other:
        with open_runner(catalogue_url, tmp_path, works) as runner:
            job_id = begin(runner, works)
            numb = runner.create(job_to("numb", seconds=0.5), run=True).job_id
            wait_until(lambda: numb in works.begun)
            began = time.monotonic()
            runner.stop()
            assert time.monotonic() - began < 30
        for left in (job_id, numb):
            job = other.jobs.find(left)
            assert job is not None
            assert (job.phase, job.attempt) == (Phase.QUEUED, 1)
            assert files_of(other, left) == []
        assert other.create(job_to("write", text="x"), run=True).phase is Phase.QUEUED
        with open_runner(catalogue_url, tmp_path, works):
            wait_for(other, job_id, Phase.EXECUTING)


def test_a_stopped_runner_takes_no_more(runner: JobRunner) -> None:
    runner.stop()
    runner.stop()
    job = runner.create(job_to("write", text="x"), run=True)
    assert job.phase is Phase.QUEUED


def test_a_runner_that_never_started_can_be_stopped(catalogue_url: str, tmp_path: Path) -> None:
    with open_runner(catalogue_url, tmp_path, Works()) as opened:
        fresh = JobRunner(opened.jobs._catalogue, opened.files, [], 1, JobQuota(10, 10**6, 10**12), now)
        fresh.stop()


def test_waiting_requests_hear_of_changes_by_other_workers(
    runner: JobRunner, other: JobRunner, works: Works
) -> None:
    async def wait() -> float:
        job = runner.create(job_to("write", text="x"), run=False)
        with other.waiters.on(job.job_id, job.version) as waiter:
            assert waiter is not None
            loop = asyncio.get_running_loop()
            began = time.monotonic()
            await loop.run_in_executor(None, runner.abort, job.job_id)
            await asyncio.wait_for(waiter.changed.wait(), 10)
            return time.monotonic() - began

    assert min(asyncio.run(wait()) for _ in range(3)) < a_second()  # UWS-085


def test_twenty_runs_at_once_run_the_job_once(runner: JobRunner, works: Works) -> None:
    job = runner.create(job_to("write", text="x"), run=False)
    with ThreadPoolExecutor(20) as threads:
        done = list(threads.map(lambda _: runner.run(job.job_id).done, range(20)))
    assert done.count(True) == 1  # UWS-035
    wait_for(runner, job.job_id, Phase.COMPLETED)
    assert works.begun == [job.job_id]
