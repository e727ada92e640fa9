"""Whose job is next, and how many a client may have, on each kind of catalogue database."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from job_catalogues import Clock, held, new_job, phase_of, sign_off

from vo_service.store import Catalogue
from vo_service.store.errors import TooManyJobs
from vo_service.store.job_queue import JobQueue
from vo_service.store.jobs import (
    Amended,
    Claim,
    JobQuota,
    Jobs,
    Phase,
    StoredResult,
    StoredUpload,
)

TAP = Claim("w1", frozenset(("tap",)))


def test_nobody_is_overtaken(jobs: Jobs, queue: JobQueue, clock: Clock) -> None:
    """A slot that is free for a moment belongs to who waits, not to who comes in that moment."""
    jobs.create(new_job(service="soda"), run=True)  # which our workers do not run
    first = jobs.create(new_job(client="a"), run=True)
    clock.advance(seconds=1)
    pending = jobs.create(new_job(client="b"), run=False)
    for late in (jobs.create(new_job(client="b"), run=True, claim=TAP), jobs.run(pending.job_id, TAP).job):
        assert late is not None
        assert (late.phase, late.attempt, late.started) == (Phase.QUEUED, 0, None)
    taken = queue.claim(TAP)
    assert taken is not None
    assert taken.job_id == first.job_id


def test_who_was_given_up_takes_nothing(catalogue: Catalogue, jobs: Jobs, queue: JobQueue) -> None:
    """Else its jobs would be taken for those of a dead worker, and a job for one that kills its workers."""
    sign_off(catalogue, "w1")
    made = jobs.create(new_job(), run=True, claim=TAP)
    assert made.phase is Phase.QUEUED
    assert queue.claim(TAP) is None
    jobs.abort(made.job_id)
    pending = jobs.create(new_job(), run=False)
    assert jobs.run(pending.job_id, TAP).done
    assert phase_of(jobs, pending.job_id) is Phase.QUEUED
    taken = queue.claim(Claim("w2", TAP.services))
    assert taken is not None
    assert taken.job_id == pending.job_id


def test_a_client_has_only_so_many_jobs_at_once(jobs: Jobs, queue: JobQueue) -> None:
    first = jobs.create(new_job(), run=True, claim=TAP)
    jobs.create(new_job(), run=True)
    pending = jobs.create(new_job(), run=False)
    last = jobs.create(new_job(), run=True)
    with pytest.raises(TooManyJobs, match="3 jobs waiting or running of this client"):
        jobs.create(new_job(), run=True)  # UWS-041
    with pytest.raises(TooManyJobs):
        jobs.run(pending.job_id)
    assert phase_of(jobs, pending.job_id) is Phase.PENDING
    assert jobs.create(new_job(client="other"), run=True)
    queue.complete(held(first), 1, [])
    assert jobs.run(pending.job_id).done
    with pytest.raises(TooManyJobs):
        jobs.create(new_job(), run=True)
    jobs.abort(last.job_id)
    jobs.create(new_job(), run=True)
    for _ in range(60):
        jobs.create(new_job(), run=False)
    with pytest.raises(TooManyJobs, match="60 jobs that were made and not run of this client"):
        jobs.create(new_job(), run=False)


def test_a_client_keeps_only_so_many_jobs(catalogue: Catalogue, clock: Clock, queue: JobQueue) -> None:
    jobs = Jobs(catalogue, clock, JobQuota(10, 3, 10**12))
    first = jobs.create(new_job(), run=True, claim=TAP)
    queue.complete(held(first), 1, [])
    pending = jobs.create(new_job(), run=False)
    jobs.create(new_job(lifetime=timedelta(seconds=10)), run=False)
    with pytest.raises(TooManyJobs, match="3 jobs of this client"):
        jobs.create(new_job(), run=False)
    assert jobs.run(pending.job_id).done  # it is one of the three
    assert jobs.create(new_job(client="other"), run=True)
    clock.advance(seconds=10)
    jobs.create(new_job(), run=False)
    with pytest.raises(TooManyJobs):
        jobs.create(new_job(), run=True)
    jobs.delete(first.job_id)
    assert jobs.create(new_job(), run=True)


def test_files_of_a_client_take_only_so_much_room(
    catalogue: Catalogue, clock: Clock, queue: JobQueue
) -> None:
    jobs = Jobs(catalogue, clock, JobQuota(10, 100, 1000))
    upload = StoredUpload("t", "0", "text/csv", 400)
    first = jobs.create(new_job(uploads=(upload,)), run=True, claim=TAP)
    pending = jobs.create(new_job(), run=False)
    result = StoredResult("result", "result", "text/csv", 599, "tag")
    queue.complete(held(first), 1, [result])
    second = jobs.create(new_job(), run=True, claim=TAP)
    queue.complete(held(second), 1, [replace(result, size=1)])
    for action in (lambda: jobs.create(new_job(), run=False), lambda: jobs.run(pending.job_id)):
        with pytest.raises(TooManyJobs, match="1000 bytes of uploads and results"):
            action()
    with pytest.raises(TooManyJobs):
        jobs.amend(pending.job_id, lambda job: Amended((), (upload,), None))
    assert jobs.create(new_job(client="other"), run=True)
    jobs.delete(first.job_id)
    assert jobs.amend(pending.job_id, lambda job: Amended((), (upload,), None)).done
    assert jobs.run(pending.job_id).done


def test_jobs_past_their_destruction_count_for_nobody(jobs: Jobs, clock: Clock) -> None:
    for _ in range(3):
        jobs.create(new_job(lifetime=timedelta(seconds=10)), run=True)
    clock.advance(seconds=10)  # and not swept away yet
    assert jobs.create(new_job(), run=True)


def test_a_clients_limit_holds_for_requests_at_the_same_time(jobs: Jobs) -> None:
    def create(number: int) -> bool:
        try:
            jobs.create(new_job(), run=True)
        except TooManyJobs:
            return False
        return True

    with ThreadPoolExecutor(10) as threads:
        assert list(threads.map(create, range(10))).count(True) == 3


def test_a_run_that_is_repeated_counts_once(catalogue: Catalogue) -> None:
    jobs = Jobs(catalogue, Clock(), JobQuota(1, 10**6, 10**12))
    job = jobs.create(new_job(), run=False)
    with ThreadPoolExecutor(8) as threads:  # UWS-037: none of them is told of a limit
        done = list(threads.map(lambda _: jobs.run(job.job_id).done, range(8)))
    assert done.count(True) == 1


def test_the_next_job_is_of_who_has_the_fewest_running(jobs: Jobs, queue: JobQueue, clock: Clock) -> None:
    order = {}
    for name, client in (("a1", "a"), ("a2", "a"), ("a3", "a"), ("b1", "b"), ("b2", "b"), ("c1", "c")):
        clock.advance(seconds=1)
        order[jobs.create(new_job(client=client), run=True).job_id] = name
    jobs.create(new_job(service="soda", client="d"), run=True)
    taken = []
    while (job := queue.claim(TAP)) is not None:
        assert (job.phase, job.attempt) == (Phase.EXECUTING, 1)
        taken.append(order[job.job_id])
    assert taken == ["a1", "b1", "c1", "a2", "b2", "a3"]
    assert not queue.look((), "w1", TAP.services).queued
    assert queue.look((), "w1", ("soda",)).queued
