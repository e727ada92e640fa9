"""Jobs whose service has not what it needs: they wait for it in the queue, and not for ever."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from runners import LIMITS, Works, files_of, job_to, now, phase_of, toy, wait_for, wait_until

from vo_service.dali.errors import ServiceAway
from vo_service.dali.streams import Cancellation
from vo_service.dali.uws.runner import JobRunner
from vo_service.dali.uws.work import Sink
from vo_service.store import Catalogue
from vo_service.store.job_files import JobFiles
from vo_service.store.jobs import Job, JobQuota, Phase


class Needy:
    """Work that needs what may be ``away``; ``begun`` is when that shows, ``writes`` before or after."""

    def __init__(self) -> None:
        self.away = self.begun = self.writes = False
        self.ready = True
        self.tries: list[str] = []

    def __call__(self, job: Job, cancellation: Cancellation, sink: Sink) -> None:
        self.tries.append(job.job_id)
        sink.on_snapshot(7)
        with sink.result("result", "text/plain", "txt") as file:
            if self.writes:
                file.write(b"some of it")
            if self.away:
                raise ServiceAway("It is not there.", begun=self.begun)
            file.write(b"all of it")


@pytest.fixture
def needy() -> Needy:
    return Needy()


@pytest.fixture
def runner(catalogue_url: str, tmp_path: Path, needy: Needy) -> Iterator[JobRunner]:
    """A worker with two slots, whose jobs wait while ``needy`` is not ready; another service is always so."""
    catalogue = Catalogue.open(catalogue_url, 5)
    service = replace(toy(Works()), name="needy", work=needy, ready=lambda: needy.ready)
    runner = JobRunner(
        catalogue,
        JobFiles(tmp_path / "jobs"),
        [service, toy(Works(), LIMITS)],
        2,
        JobQuota(1000, 10**6, 10**12),
        now,
    )
    runner.start()
    wait_until(lambda: runner._worker is not None)
    yield runner
    runner.stop()
    catalogue.close()


def make(runner: JobRunner, **facts: object) -> str:
    return runner.create(job_to("write", service="needy", text="x", **facts), run=True).job_id


def test_jobs_wait_until_their_service_is_ready_and_no_others_do(runner: JobRunner, needy: Needy) -> None:
    needy.ready = False
    made = make(runner)
    pending = runner.create(job_to("write", service="needy", text="x"), run=False).job_id
    assert runner.run(pending).done
    other = runner.create(job_to("write", text="x"), run=True).job_id
    wait_for(runner, other, Phase.COMPLETED)
    later = runner.create(job_to("write", text="x"), run=True).job_id  # by the watch, others waiting before
    wait_for(runner, later, Phase.COMPLETED)
    assert [phase_of(runner, job) for job in (made, pending)] == [Phase.QUEUED] * 2
    assert needy.tries == []
    needy.ready = True
    assert [wait_for(runner, job, Phase.COMPLETED).attempt for job in (made, pending)] == [1, 1]


def test_a_job_that_misses_what_it_needs_waits_once_more(
    runner: JobRunner, needy: Needy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vo_service.dali.uws.lifecycle._TRIES", 10**6)  # a second's worth is 50
    needy.away = True
    job_id = make(runner)
    wait_until(lambda: len(needy.tries) > 5)
    assert phase_of(runner, job_id) in (Phase.QUEUED, Phase.EXECUTING)
    needy.away = False
    job = wait_for(runner, job_id, Phase.COMPLETED)
    assert job.error is None
    wait_until(lambda: files_of(runner, job_id) == [job.results[0].file])


@pytest.mark.parametrize(("begun", "tries"), [(True, 3), (False, 50)])
def test_it_does_not_wait_for_ever(runner: JobRunner, needy: Needy, begun: bool, tries: int) -> None:
    needy.away, needy.begun = True, begun
    job = wait_for(runner, make(runner), Phase.ERROR)
    assert job.error is not None
    assert (job.error.message, job.error.transient, job.error.status) == ("It is not there.", True, 503)
    assert len(needy.tries) == job.attempt == tries


def test_what_has_given_rows_is_not_begun_anew(runner: JobRunner, needy: Needy) -> None:
    needy.away = needy.writes = True
    assert wait_for(runner, make(runner), Phase.ERROR).attempt == 1


def test_a_waiting_job_can_be_aborted_and_deleted(runner: JobRunner, needy: Needy) -> None:
    needy.ready = False
    aborted, deleted = make(runner), make(runner)
    assert runner.abort(aborted).done and runner.delete(deleted)
    needy.ready = True
    wait_for(runner, make(runner), Phase.COMPLETED)
    assert phase_of(runner, aborted) is Phase.ABORTED and phase_of(runner, deleted) is None
    assert len(needy.tries) == 1


def test_the_end_of_the_process_leaves_what_waits(
    catalogue_url: str, tmp_path: Path, runner: JobRunner, needy: Needy
) -> None:
    needy.away = True
    job_id = make(runner)
    wait_until(lambda: len(needy.tries) > 2)
    runner.stop()
    wait_until(lambda: not any(thread.name == "job" for thread in threading.enumerate()))
    assert phase_of(runner, job_id) is Phase.QUEUED
