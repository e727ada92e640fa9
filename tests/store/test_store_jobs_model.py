"""Jobs against a model of UWS 1.1, section 2.1.3: whatever owners, workers and the clock do, in any order."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from job_catalogues import Clock, new_job, open_catalogue, sign_off, sign_on

from vo_service.store import Catalogue
from vo_service.store.job_queue import JobQueue
from vo_service.store.jobs import Amended, Claim, Held, Job, JobError, JobQuota, Jobs, Phase, StoredResult
from vo_service.store.processes import Process
from vo_service.store.workers import Workers

P = Phase
FOLLOWS = {
    P.PENDING: {P.QUEUED, P.EXECUTING, P.ABORTED},
    P.QUEUED: {P.EXECUTING, P.ABORTED},
    P.EXECUTING: {P.COMPLETED, P.ERROR, P.ABORTED, P.QUEUED},  # QUEUED: the server ended, not the job
    P.COMPLETED: set(),
    P.ERROR: set(),
    P.ABORTED: set(),
}
"""What the standard lets follow each phase that this service has."""

RUNS = itertools.count()
WORKERS = ("w1", "w2")
ERROR = JobError("a sentence", transient=True, status=503)


@dataclass
class Expected:
    """A job as the model has it."""

    phase: Phase
    client: str
    created: datetime
    destruction: datetime
    duration: int
    parameters: tuple[tuple[str, str], ...]
    worker: str | None = None
    attempt: int = 0
    deaths: int = 0
    snapshot: int | None = None
    started: datetime | None = None
    ended: datetime | None = None
    error: JobError | None = None
    results: tuple[StoredResult, ...] = ()
    version: int = 1

    def become(self, phase: Phase) -> None:
        assert phase in FOLLOWS[self.phase]
        self.phase = phase


class JobMachine(RuleBasedStateMachine):
    """Owners, two workers that may die, and a clock that goes on."""

    catalogue: Catalogue

    ids = Bundle("ids")
    holds = Bundle("holds")

    def __init__(self) -> None:
        super().__init__()
        self.run = next(RUNS)
        self.service = f"service{self.run}"
        self.clock = Clock()
        self.jobs = Jobs(self.catalogue, self.clock, JobQuota(1000, 10**6, 10**12))
        self.queue = JobQueue(self.catalogue, self.clock)
        self.expected: dict[str, Expected] = {}
        self.order: list[str] = []
        self.lives = dict.fromkeys(WORKERS, 0)
        sign_on(self.catalogue, *(self.claim(worker).worker for worker in WORKERS))

    def claim(self, worker: str, lives_ago: int = 0) -> Claim:
        return Claim(f"{worker}-{self.lives[worker] - lives_ago}-{self.run}", frozenset((self.service,)))

    def waits(self) -> bool:
        """Whether any job waits for a worker."""
        return any(one.phase is P.QUEUED and self.there(job_id) for job_id, one in self.expected.items())

    def there(self, job_id: str) -> Expected | None:
        found = self.expected.get(job_id)
        return None if found is None or found.destruction <= self.clock.now else found

    def begin(self, one: Expected, claim: Claim) -> None:
        one.become(P.EXECUTING)
        one.worker, one.started, one.snapshot = claim.worker, self.clock.now, None
        one.attempt += 1

    @rule(
        target=ids,
        client=st.sampled_from("ab"),
        run=st.booleans(),
        worker=st.sampled_from((None, *WORKERS)),
        days=st.integers(1, 4),
    )
    def create(self, client: str, run: bool, worker: str | None, days: int) -> str:
        claim = None if worker is None else self.claim(worker)
        new = new_job(
            service=self.service,
            owner=f"owner{self.run}",
            client=f"{client}{self.run}",
            lifetime=timedelta(days=days),
        )
        starts = run and claim is not None and not self.waits()
        made = self.jobs.create(new, run, claim if run else None)
        one = Expected(
            P.PENDING, client, self.clock.now, self.clock.now + new.lifetime, new.duration, new.parameters
        )
        if starts and claim is not None:
            self.begin(one, claim)
        elif run:
            one.become(P.QUEUED)
        self.expected[new.job_id] = one
        self.order.append(new.job_id)
        self.same(made, one)
        return new.job_id

    @rule(job_id=ids, worker=st.sampled_from((None, *WORKERS)))
    def start(self, job_id: str, worker: str | None) -> None:
        claim = None if worker is None else self.claim(worker)
        waits = self.waits()
        changed = self.jobs.run(job_id, claim)
        one = self.there(job_id)
        assert changed.done == (one is not None and one.phase is P.PENDING)
        if changed.done and one is not None:
            if claim is None or waits:
                one.become(P.QUEUED)
            else:
                self.begin(one, claim)
            one.version += 1

    @rule(job_id=ids)
    def abort(self, job_id: str) -> None:
        changed = self.jobs.abort(job_id)
        one = self.there(job_id)
        assert changed.done == (one is not None and bool(FOLLOWS[one.phase]))
        if changed.done and one is not None:
            one.become(P.ABORTED)
            one.ended = self.clock.now
            one.version += 1

    @rule(job_id=ids)
    def delete(self, job_id: str) -> None:
        assert self.jobs.delete(job_id) == (self.there(job_id) is not None)
        self.expected.pop(job_id, None)

    @rule(job_id=ids, value=st.text(max_size=5))
    def amend(self, job_id: str, value: str) -> None:
        parameters = (("QUERY", value.encode("utf-8", "replace").decode()),)
        changed = self.jobs.amend(job_id, lambda job: Amended(parameters, (), None))
        one = self.there(job_id)
        assert changed.done == (one is not None and one.phase is P.PENDING)
        if changed.done and one is not None:
            one.parameters = parameters
            one.version += 1

    @rule(job_id=ids, seconds=st.integers(1, 10**6))
    def set_duration(self, job_id: str, seconds: int) -> None:
        changed = self.jobs.set_duration(job_id, seconds)
        one = self.there(job_id)
        assert changed.done == (one is not None and bool(FOLLOWS[one.phase]))
        if changed.done and one is not None:
            one.duration = seconds
            one.version += 1

    @rule(job_id=ids, hours=st.integers(-30, 60))
    def set_destruction(self, job_id: str, hours: int) -> None:
        when = self.clock.now + timedelta(hours=hours)
        changed = self.jobs.set_destruction(job_id, when)
        one = self.there(job_id)
        assert changed.done == (one is not None)
        if one is not None:
            one.destruction = when
            one.version += 1

    @rule(target=holds, worker=st.sampled_from(WORKERS))
    def take(self, worker: str) -> Held | None:
        claim = self.claim(worker)
        job = self.queue.claim(claim)
        waiting = [
            (
                sum(o.client == one.client and o.phase is P.EXECUTING for o in self.expected.values()),
                one.created,
            )
            for job_id in self.order
            if (one := self.there(job_id)) is not None and one.phase is P.QUEUED
        ]
        if job is None:
            assert not waiting
            return None
        one = self.expected[job.job_id]
        running = sum(o.client == one.client and o.phase is P.EXECUTING for o in self.expected.values())
        assert (running, one.created) == min(waiting)
        self.begin(one, claim)
        one.version += 1
        return Held(job.job_id, claim.worker, job.attempt)

    @rule(target=holds, job_id=ids)
    def hold(self, job_id: str) -> Held | None:
        """What the worker that a job was claimed for by `create` or `start` knows."""
        one = self.expected.get(job_id)
        if one is None or one.phase is not P.EXECUTING or one.worker is None:
            return None
        return Held(job_id, one.worker, one.attempt)

    def held_by(self, held: Held | None) -> Expected | None:
        """The job, where what a worker believes to hold is still its own."""
        one = None if held is None else self.expected.get(held.job_id)
        if one is None or held is None or one.phase is not P.EXECUTING:
            return None
        return one if (one.worker, one.attempt) == (held.worker, held.attempt) else None

    def has_ended(self, held: Held, phase: Phase) -> bool:
        """Whether it is the same word once more."""
        one = self.expected.get(held.job_id)
        return one is not None and (one.phase, one.worker, one.attempt) == (phase, held.worker, held.attempt)

    @rule(held=holds, snapshot=st.none() | st.integers(1, 9), good=st.booleans(), number=st.integers(0, 2))
    def end(self, held: Held | None, snapshot: int | None, good: bool, number: int) -> None:
        if held is None:
            return
        one = self.held_by(held)
        results = tuple(StoredResult(f"r{n}", f"x/{n}", "text/csv", n, f'"{n}"') for n in range(number))
        if good:
            told = self.queue.complete(held, snapshot, results)
        else:
            told = self.queue.fail(held, P.ABORTED if number else P.ERROR, snapshot, ERROR)
        wanted = P.COMPLETED if good else P.ABORTED if number else P.ERROR
        assert told == (one is not None or self.has_ended(held, wanted))
        if one is not None:
            one.become(P.COMPLETED if good else P.ABORTED if number else P.ERROR)
            one.results = results if good else ()
            one.error = None if good else ERROR
            one.ended, one.snapshot = self.clock.now, snapshot
            one.version += 1

    @rule(held=holds)
    def name_snapshot(self, held: Held | None) -> None:
        if held is None:
            return
        self.queue.name_snapshots({held: 5})
        one = self.held_by(held)
        if one is not None:
            one.snapshot = 5
            one.version += 1

    @rule(held=holds)
    def give_back(self, held: Held | None) -> None:
        if held is None:
            return
        one = self.held_by(held)
        self.queue.give_back([held])
        if one is not None:
            self.wait_again(one)

    def wait_again(self, one: Expected) -> None:
        one.become(P.QUEUED)
        one.worker = one.started = one.snapshot = None
        one.version += 1

    @rule(worker=st.sampled_from(WORKERS))
    def die(self, worker: str) -> None:
        """A worker ends without a word, and somebody finds it out."""
        dead = self.claim(worker).worker
        sign_off(self.catalogue, dead)
        self.lives[worker] += 1
        sign_on(self.catalogue, self.claim(worker).worker)
        Workers(self.catalogue, self.clock, Process("elsewhere", 1, 1)).requeue(dead)
        for one in self.expected.values():
            if one.phase is P.EXECUTING and one.worker == dead:
                one.deaths += 1
                if one.deaths < 2:
                    self.wait_again(one)
                else:
                    one.become(P.ERROR)
                    one.ended = self.clock.now
                    one.version += 1
                    one.error = replace(ERROR, message="twice")

    @rule(worker=st.sampled_from(WORKERS))
    def take_as_dead(self, worker: str) -> None:
        """Who was given up and does not know it yet takes nothing."""
        assert self.queue.claim(self.claim(worker, 1)) is None

    @rule(hours=st.sampled_from((0.001, 1, 25)))
    def advance(self, hours: float) -> None:
        self.clock.advance(hours=hours)

    @rule()
    def sweep(self) -> None:
        expired = [job_id for job_id in self.jobs.expired(10**6) if job_id in self.expected]
        assert set(expired) == {job_id for job_id in self.expected if self.there(job_id) is None}
        self.jobs.delete_all(expired)
        for job_id in expired:
            del self.expected[job_id]

    def same(self, job: Job, one: Expected) -> None:
        assert (job.phase, job.attempt, job.version) == (one.phase, one.attempt, one.version)
        assert (job.duration, job.destruction, job.snapshot) == (one.duration, one.destruction, one.snapshot)
        assert (job.created, job.started, job.ended) == (one.created, one.started, one.ended)
        assert job.parameters == one.parameters
        assert job.results == one.results
        if one.error is None or one.error.message == "twice":
            assert (job.error is None) == (one.error is None)
        else:
            assert job.error == one.error

    @invariant()
    def all_is_as_expected(self) -> None:
        there = [job_id for job_id in self.order if self.there(job_id) is not None]
        listed = self.jobs.listed(self.service, f"owner{self.run}")
        newest_first = sorted(there, key=lambda job_id: (self.expected[job_id].created, job_id), reverse=True)
        assert [one.job_id for one in listed] == newest_first
        for job_id in self.order[-3:] + self.order[:1]:
            found, one = self.jobs.find(job_id), self.there(job_id)
            assert (found is None) == (one is None)
            if found is not None and one is not None:
                self.same(found, one)
        look = self.queue.look(there, None, ())
        assert look.versions == {job_id: self.expected[job_id].version for job_id in there}


@pytest.fixture
def catalogue(catalogue_url: str) -> Iterator[Catalogue]:
    with open_catalogue(catalogue_url) as opened:
        yield opened


def test_jobs_follow_the_model(catalogue: Catalogue) -> None:
    class Machine(JobMachine):  # UWS-020 to UWS-023, UWS-026, UWS-029, UWS-030, UWS-035, UWS-113, UWS-116
        pass

    Machine.catalogue = catalogue
    run_state_machine_as_test(
        Machine, settings=settings(max_examples=25, stateful_step_count=30, deadline=None)
    )
