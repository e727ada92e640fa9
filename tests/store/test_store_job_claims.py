"""Several processes at the jobs of one catalogue: each job is run once, and none is lost with a process."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from multiprocessing import get_context

import pytest
from job_catalogues import new_job, open_catalogue
from job_claimer import claim_jobs

from vo_service.store import Catalogue
from vo_service.store.jobs import JobQuota, Jobs, Phase
from vo_service.store.workers import Workers


class Claimer:
    """A worker in a process of its own: what it says, and how to end it."""

    def __init__(self, url: str, name: str, seconds: float) -> None:
        forking = get_context("forkserver")  # a new interpreter each would take seconds to start
        forking.set_forkserver_preload(["vo_service.dali.uws.runner"])
        self._told, tell = forking.Pipe(duplex=False)
        self._stop = forking.Event()
        self.process = forking.Process(target=claim_jobs, args=(url, name, seconds, tell, self._stop))
        self.process.start()
        tell.close()

    def line(self) -> tuple[str, ...]:
        """The next thing it says."""
        assert self._told.poll(60)
        said: tuple[str, ...] = self._told.recv()
        return said

    def finish(self) -> None:
        """Have it end the job that it has, and take no more."""
        self._stop.set()

    def lines(self) -> list[tuple[str, ...]]:
        """All that it says until its end, which is now."""
        self.finish()
        self.process.join(60)
        found = []
        while self._told.poll(0):
            try:
                found.append(self._told.recv())
            except EOFError:
                break
        return found

    def kill(self) -> None:
        self.process.kill()
        self.process.join()


Start = Callable[[str, float], Claimer]


@pytest.fixture
def catalogue(catalogue_url: str) -> Iterator[Catalogue]:
    with open_catalogue(catalogue_url, 20) as opened:
        yield opened


@pytest.fixture
def jobs(catalogue: Catalogue) -> Jobs:
    return Jobs(catalogue, lambda: datetime.now(UTC), JobQuota(1000, 10**6, 10**12))


@pytest.fixture
def start(catalogue_url: str) -> Iterator[Start]:
    """Starts a claimer that takes so many seconds for a job."""
    started: list[Claimer] = []

    def run(name: str, seconds: float) -> Claimer:
        started.append(Claimer(catalogue_url, name, seconds))
        return started[-1]

    yield run
    for claimer in started:
        claimer.kill()


def wait_until(true: Callable[[], bool], seconds: float = 60.0) -> None:
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def all_completed(jobs: Jobs) -> bool:
    return set(jobs.counts()) == {("tap", Phase.COMPLETED)}


def test_each_job_is_run_once(jobs: Jobs, start: Start) -> None:
    ids = [jobs.create(new_job(client=f"client{number % 3}"), run=True).job_id for number in range(40)]
    claimers = [start(f"c{number}", 0.02) for number in range(3)]
    wait_until(lambda: all_completed(jobs))
    lines = [line for process in claimers for line in process.lines()]
    assert Counter(line[1] for line in lines if line[0] == "took") == Counter(ids)  # UWS-035
    assert Counter(line[1] for line in lines if line[0] == "ended") == Counter(ids)


def test_the_job_of_a_killed_process_is_run_by_another(jobs: Jobs, start: Start) -> None:
    job_id = jobs.create(new_job(), run=True).job_id
    first = start("first", 60)
    assert first.line() == ("took", job_id, "1")
    first.kill()
    second = start("second", 0)
    wait_until(lambda: all_completed(jobs))  # UWS-026
    assert second.lines() == [("took", job_id, "2"), ("ended", job_id)]


def test_a_job_that_takes_two_processes_down_ends_in_error(jobs: Jobs, start: Start) -> None:
    job_id = jobs.create(new_job(), run=True).job_id
    for attempt in ("1", "2"):
        process = start("doomed", 60)
        assert process.line() == ("took", job_id, attempt)
        process.kill()
    start("innocent", 0)
    wait_until(lambda: set(jobs.counts()) == {("tap", Phase.ERROR)})
    job = jobs.find(job_id)
    assert job is not None
    assert job.error is not None
    assert job.error.transient  # UWS-071
    assert "ended 2 times while it ran this job" in job.error.message
    assert job.ended is not None


def test_a_process_that_was_given_up_cannot_overwrite(jobs: Jobs, start: Start, catalogue: Catalogue) -> None:
    job_id = jobs.create(new_job(), run=True).job_id
    frozen = start("frozen", 60)
    assert frozen.line() == ("took", job_id, "1")
    os.kill(frozen.process.pid, signal.SIGSTOP)
    with catalogue.reading() as connection:
        worker = connection.exec_driver_sql("SELECT worker FROM job").scalar()
    Workers(catalogue, lambda: datetime.now(UTC)).requeue(worker)
    second = start("second", 0)
    wait_until(lambda: all_completed(jobs))
    before = jobs.find(job_id)
    os.kill(frozen.process.pid, signal.SIGCONT)
    frozen.finish()
    assert frozen.line() == ("fenced", job_id)  # UWS-023
    assert jobs.find(job_id) == before
    assert before is not None
    assert [result.file for result in before.results] == ["second"]
    assert ("ended", job_id) in second.lines()


def test_nothing_is_lost_while_processes_are_killed(jobs: Jobs, start: Start) -> None:
    ids = [jobs.create(new_job(client=f"client{number % 3}"), run=True).job_id for number in range(30)]
    for _ in range(3):
        doomed = [start("doomed", 60)]  # before the quick one, which might use up all jobs meanwhile
        assert doomed[0].line()[0] == "took"
        doomed.append(start("doomed", 0.1))
        assert [doomed[1].line()[0] for _ in range(3)] == ["took", "ended", "took"]
        for process in doomed:
            process.kill()
    for number in range(2):
        start(f"steady{number}", 0.01)
    wait_until(lambda: not {P for _, P in jobs.counts()} & {Phase.QUEUED, Phase.EXECUTING})
    phases = {job_id: jobs.find(job_id) for job_id in ids}
    assert all(job is not None and job.phase in (Phase.COMPLETED, Phase.ERROR) for job in phases.values())
    assert sum(job is not None and job.phase is Phase.ERROR for job in phases.values()) <= 3
