"""Processes that share jobs and are killed: each job is run to its end by somebody."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
from live_service import a_second
from runners import Works, files_of, job_to, open_runner, phase_of, run_jobs, wait_for, wait_until

from vo_service.dali.uws.runner import JobRunner
from vo_service.store.jobs import FINAL, Phase

Start = Callable[[], BaseProcess]


@pytest.fixture
def start(catalogue_url: str, tmp_path: Path) -> Iterator[Start]:
    """Starts a worker with two slots in a process of its own; it has signed on when this returns."""
    forking = get_context("forkserver")  # a new interpreter each would take seconds to start
    forking.set_forkserver_preload(["vo_service.dali.uws.runner"])
    stop = forking.Event()
    started: list[BaseProcess] = []

    def run() -> BaseProcess:
        told, tell = forking.Pipe(duplex=False)
        process = forking.Process(target=run_jobs, args=(catalogue_url, tmp_path, tell, stop))
        process.start()
        tell.close()
        started.append(process)
        assert told.poll(60)
        assert told.recv() == "ready"
        return process

    yield run
    for process in started:
        process.kill()
        process.join()


@pytest.fixture
def ours(catalogue_url: str, tmp_path: Path, start: Start) -> Iterator[JobRunner]:
    """A worker of this process that runs nothing itself; it is there after the others."""
    start()
    with open_runner(catalogue_url, tmp_path, Works(), slots=0) as opened:
        yield opened


def kill(process: BaseProcess) -> None:
    process.kill()
    process.join()


def test_an_abort_reaches_another_process_within_a_second(ours: JobRunner) -> None:
    took = []
    for _ in range(3):  # the machine may have been busy with something else during one of them
        job_id = ours.create(job_to("hold"), run=True).job_id
        wait_for(ours, job_id, Phase.EXECUTING)
        wait_until(lambda held=job_id: any(name.endswith(".txt") for name in files_of(ours, held)))
        ours.abort(job_id)
        took.append(wait_until(lambda held=job_id: files_of(ours, held) == []))
    assert min(took) < a_second()  # UWS-029: the work has ended


def test_a_job_of_a_killed_process_is_run_by_the_next(ours: JobRunner, start: Start) -> None:
    first = start()
    ids = [ours.create(job_to("numb", seconds=0), run=True).job_id for _ in range(4)]
    wait_until(lambda: all(phase_of(ours, job_id) is Phase.EXECUTING for job_id in ids))
    kill(first)
    start()
    wait_until(lambda: [ours.jobs.find(job_id).attempt for job_id in ids].count(2) == 2)  # type: ignore[union-attr]
    wait_until(lambda: all(phase_of(ours, job_id) is Phase.EXECUTING for job_id in ids))  # UWS-026
    for job_id in ids:
        ours.set_duration(job_id, 1)
    wait_until(lambda: all(phase_of(ours, job_id) in FINAL for job_id in ids))


def test_what_waits_and_what_is_done_outlives_all_processes(
    catalogue_url: str, tmp_path: Path, start: Start
) -> None:
    with open_runner(catalogue_url, tmp_path, Works(), slots=0) as ours:
        done = ours.create(job_to("write", text="done"), run=True).job_id
        failed = ours.create(job_to("fail", text="usage"), run=True).job_id
        process = start()
        wait_for(ours, done, Phase.COMPLETED)
        wait_for(ours, failed, Phase.ERROR)
        kill(process)
        pending = ours.create(job_to("write", text="pending"), run=False).job_id
        queued = ours.create(job_to("write", text="queued"), run=True).job_id
        aborted = ours.create(job_to("hold"), run=True).job_id
        ours.abort(aborted)
        before = {job_id: ours.jobs.find(job_id) for job_id in (done, failed, pending, aborted)}
    start()
    with open_runner(catalogue_url, tmp_path, Works(), slots=0) as ours:
        assert (ours.files.place(queued) / wait_for(ours, queued, Phase.COMPLETED).results[0].file).exists()
        assert {job_id: ours.jobs.find(job_id) for job_id in before} == before
        kept = before[done]
        assert kept is not None
        assert (ours.files.place(done) / kept.results[0].file).read_bytes() == b"done"


def test_no_job_is_lost_while_processes_come_and_go(ours: JobRunner, start: Start) -> None:
    ids = []
    for _ in range(4):
        process = start()
        for number in range(8):
            client = f"client{number % 3}"
            ids.append(ours.create(job_to("write", text="x" * 1000, client=client), run=True).job_id)
        kill(process)
    wait_until(lambda: all(phase_of(ours, job_id) in FINAL for job_id in ids), 60)
    ended = [ours.jobs.find(job_id) for job_id in ids]
    for job in ended:
        assert job is not None
        if job.phase is Phase.ERROR:  # it happened to run in two of those that were killed
            assert job.error is not None and "2 times" in job.error.message
            continue
        assert job.phase is Phase.COMPLETED
        assert (ours.files.place(job.job_id) / job.results[0].file).read_bytes() == b"x" * 1000
