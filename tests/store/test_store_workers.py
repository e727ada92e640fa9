"""Who is taken for dead: never the living, whether clocks disagree or the database stood still."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest
from job_catalogues import Clock, new_job, open_catalogue, sign_off, sign_on
from sqlalchemy import event

from vo_service.store import Catalogue
from vo_service.store.job_queue import JobQueue
from vo_service.store.jobs import Claim, Held, Job, JobQuota, Jobs, Phase
from vo_service.store.processes import Process, this_process
from vo_service.store.workers import Workers

TAP = frozenset(("tap",))


class Watch:
    """A monotonic clock that is set by hand."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def catalogue(catalogue_url: str) -> Iterator[Catalogue]:
    with open_catalogue(catalogue_url) as opened:
        yield opened


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture
def ours(catalogue: Catalogue, clock: Clock, watch: Watch) -> Workers:
    made = Workers(catalogue, clock, monotonic=watch)
    made.join()
    return made


def elsewhere(catalogue: Catalogue, clock: Clock) -> Workers:
    return Workers(catalogue, clock, Process("another host", 1, 1))


def phase(jobs: Jobs, job_id: str) -> Phase:
    found = jobs.find(job_id)
    assert found is not None
    return found.phase


@pytest.fixture
def jobs(catalogue: Catalogue, clock: Clock) -> Jobs:
    return Jobs(catalogue, clock, JobQuota(100, 10**6, 10**12))


def beat_for(ours: Workers, watch: Watch, seconds: float) -> int:
    """Our own upkeep for so long; how many workers it buried."""
    buried = 0
    for _ in range(int(seconds / 5)):
        watch.seconds += 5
        ours.beat()
        buried += ours.bury()
    return buried


def test_a_process_of_this_host_is_dead_when_it_has_ended(
    catalogue: Catalogue, clock: Clock, ours: Workers, jobs: Jobs
) -> None:
    child = subprocess.Popen(["sleep", "60"])
    process = replace(this_process(), pid=child.pid, started=0)
    other = Workers(catalogue, clock, process).join()
    job = jobs.create(new_job(), run=True, claim=Claim(other, TAP))
    assert ours.bury() == 0
    child.kill()
    child.wait()
    assert ours.bury() == 1
    assert phase(jobs, job.job_id) is Phase.QUEUED
    assert ours.bury() == 0


def test_another_process_with_the_same_number_is_not_the_dead_one(
    catalogue: Catalogue, clock: Clock, ours: Workers
) -> None:
    own = this_process()
    Workers(catalogue, clock, replace(own, started=own.started - 5)).join()
    assert own.pid == os.getpid()
    assert ours.bury() == 1


def test_another_host_is_dead_when_its_heart_stands_still(
    catalogue: Catalogue, clock: Clock, ours: Workers, jobs: Jobs, watch: Watch
) -> None:
    other = elsewhere(catalogue, clock)
    claim = Claim(other.join(), TAP)
    job = jobs.create(new_job(), run=True, claim=claim)
    for _ in range(10):
        assert beat_for(ours, watch, 25) == 0
        other.beat()
    assert beat_for(ours, watch, 45) == 1
    assert phase(jobs, job.job_id) is Phase.QUEUED
    assert not other.beat()  # it finds out
    queue = JobQueue(catalogue, clock)
    assert not queue.complete(Held(job.job_id, claim.worker, job.attempt), 1, [])


def test_clocks_of_hosts_may_disagree(
    catalogue: Catalogue, clock: Clock, ours: Workers, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = elsewhere(catalogue, clock)
    monkeypatch.setattr("time.time", lambda: 12.0)  # a host that lives in 1970
    other.join()
    monkeypatch.undo()
    assert beat_for(ours, watch, 20) == 0


def test_who_could_not_write_himself_judges_nobody(
    catalogue: Catalogue, clock: Clock, ours: Workers, watch: Watch
) -> None:
    other = elsewhere(catalogue, clock)
    other.join()
    assert beat_for(ours, watch, 20) == 0
    watch.seconds += 3600  # the database was locked for everybody
    assert ours.bury() == 0
    assert beat_for(ours, watch, 30) == 0
    other.beat()
    assert beat_for(ours, watch, 25) == 0


def test_signs_of_life_at_the_last_moment_count(
    catalogue: Catalogue, clock: Clock, ours: Workers, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = elsewhere(catalogue, clock)
    other.join()
    beat_for(ours, watch, 25)
    bury_one = Workers._bury_one

    def beat_first(self: Workers, worker_id: str, heartbeat: float) -> None:
        other.beat()
        bury_one(self, worker_id, heartbeat)

    monkeypatch.setattr(Workers, "_bury_one", beat_first)
    beat_for(ours, watch, 15)
    assert other.beat()


def test_jobs_of_a_worker_that_nobody_knows_wait_again(
    catalogue: Catalogue, ours: Workers, jobs: Jobs
) -> None:
    sign_on(catalogue, "lost")
    job = jobs.create(new_job(), run=True, claim=Claim("lost", TAP))
    sign_off(catalogue, "lost")
    assert ours.bury() == 1
    assert phase(jobs, job.job_id) is Phase.QUEUED


def test_who_joins_while_another_looks_is_not_buried(
    catalogue: Catalogue, clock: Clock, ours: Workers, jobs: Jobs
) -> None:
    """It joins and takes its first job between the questions of which workers there are, and which of them
    hold jobs."""
    looker = threading.get_ident()
    new: list[Job] = []

    def join() -> None:
        other = elsewhere(catalogue, clock)
        new.append(jobs.create(new_job(), run=True, claim=Claim(other.join(), TAP)))

    def in_between(*_: object) -> None:
        if threading.get_ident() == looker and not new:
            thread = threading.Thread(target=join)
            thread.start()
            thread.join()

    event.listen(catalogue.engine, "after_cursor_execute", in_between)
    assert ours.bury() == 0
    event.remove(catalogue.engine, "after_cursor_execute", in_between)
    assert phase(jobs, new[0].job_id) is Phase.EXECUTING


def test_who_leaves_gives_its_jobs_back(
    catalogue: Catalogue, clock: Clock, ours: Workers, jobs: Jobs
) -> None:
    own = ours.join()
    job = jobs.create(new_job(), run=True, claim=Claim(own, TAP))
    ours.leave()
    found = jobs.find(job.job_id)
    assert found is not None
    assert (found.phase, found.attempt) == (Phase.QUEUED, 1)
    ours.leave()
    sign_on(catalogue, "doomed")
    again = JobQueue(catalogue, clock).claim(Claim("doomed", TAP))
    assert again is not None
    sign_off(catalogue, "doomed")
    assert ours.bury() == 1
    assert phase(jobs, job.job_id) is Phase.QUEUED  # only deaths are counted, of which this was the first


def test_one_of_the_living_is_the_first(catalogue: Catalogue, clock: Clock, ours: Workers) -> None:
    other = elsewhere(catalogue, clock)
    other.join()
    ours.bury()
    other.bury()
    assert ours.first != other.first
