"""Jobs that end while nobody runs them: what they have shown is put in order by others, once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from runners import LIMITS, Works, job_to, now, open_runner, toy, wait_until

from vo_service.dali.streams import Cancellation
from vo_service.dali.uws.settling import Settler
from vo_service.dali.uws.work import JobService, Sink
from vo_service.store import Catalogue
from vo_service.store.errors import DiskFull
from vo_service.store.job import Claim, Held, Job, JobError, Phase, StoredResult
from vo_service.store.job_files import JobFiles
from vo_service.store.job_queue import JobQueue
from vo_service.store.job_settling import UnsettledJobs
from vo_service.store.job_tables import worker
from vo_service.store.jobs import JobQuota, Jobs
from vo_service.store.workers import Workers

NAME = "status"


@dataclass
class Settled:
    """What puts jobs in order, and of which jobs and phases it was asked to."""

    heard: list[tuple[str, Phase]] = field(default_factory=list)
    fault: Exception | None = None
    grows_on: bool = False

    def __call__(self, job: Job, sink: Sink, phase: Phase) -> None:
        self.heard.append((job.job_id, phase))
        (earlier,) = job.results
        content = (sink.directory / earlier.file).read_bytes()
        if self.fault is not None:
            raise self.fault
        (sink.attempt / "whole").write_bytes(content + b", whole")
        etag = "" if self.grows_on else '"1"'
        sink.conclude([StoredResult(NAME, f"{sink.attempt.name}/whole", "text/plain", 1, etag)])

    @property
    def service(self) -> JobService:
        return replace(toy(Works(), LIMITS), closing=self)


class Bench:
    """A database with a job that a worker has begun: it has shown what still grows."""

    def __init__(self, url: str, home: Path) -> None:
        self.catalogue = Catalogue.open(url)
        self.jobs = Jobs(self.catalogue, now, JobQuota(100, 100, 10**12))
        self.queue = JobQueue(self.catalogue, now)
        self.files = JobFiles(home / "jobs")
        self.worker = Workers(self.catalogue, now)
        self.settled = Settled()
        self.settler = Settler(UnsettledJobs(self.catalogue, now), self.files, [self.settled.service])
        claim = Claim(self.worker.join(), frozenset({"toy"}))
        self.job_id = self.jobs.create(job_to("hold"), True, claim).job_id
        self.held = Held(self.job_id, claim.worker, 1)
        self.place = self.files.start_attempt(self.job_id)
        (self.place / "raw").write_bytes(b"some of it")
        file = f"{self.place.name}/raw"
        assert self.queue.show(self.held, [StoredResult(NAME, file, "text/plain", 0, "")])

    @property
    def job(self) -> Job:
        found = self.jobs.find(self.job_id)
        assert found is not None
        return found

    def die(self) -> None:
        """The worker ends without a word, and others find that out."""
        other = Workers(self.catalogue, now)
        other.join()
        other._bury_one(self.held.worker, self._beat())
        other.leave()

    def _beat(self) -> float:
        with self.catalogue.reading() as connection:
            wanted = sa.select(worker.c.heartbeat).where(worker.c.worker_id == self.held.worker)
            return float(connection.scalar(wanted) or 0.0)

    def left(self) -> list[str]:
        return sorted(path.name for path in self.files.place(self.job_id).rglob("*") if path.is_file())


@pytest.fixture
def bench(catalogue_url: str, tmp_path: Path) -> Iterator[Bench]:
    made = Bench(catalogue_url, tmp_path)
    yield made
    made.catalogue.close()


def test_what_a_living_worker_holds_is_its_own(bench: Bench) -> None:
    bench.settler.settle(Cancellation())  # while it runs
    bench.jobs.abort(bench.job_id)
    bench.settler.settle(Cancellation())  # the worker is about to hear of it
    assert bench.settled.heard == [] and bench.job.results[0].grows


def test_what_a_living_worker_lets_go_is_put_in_order(bench: Bench) -> None:
    bench.queue.let_go(bench.held)  # it runs: nothing is let go
    bench.jobs.abort(bench.job_id)
    bench.settler.settle(Cancellation())
    assert bench.settled.heard == []
    assert bench.queue.final_files(bench.job_id) is None  # what is needed for that stays
    bench.queue.let_go(bench.held)
    bench.settler.settle(Cancellation())
    assert bench.settled.heard == [(bench.job_id, Phase.ABORTED)] and not bench.job.results[0].grows
    assert bench.queue.final_files(bench.job_id) == {bench.job.results[0].file}


def test_jobs_that_cannot_be_put_in_order_keep_nobody_waiting(bench: Bench) -> None:
    bench.jobs.abort(bench.job_id)
    bench.die()
    unsettled = UnsettledJobs(bench.catalogue, now)
    assert unsettled.find({"toy"}, {bench.job_id}) == []
    assert [job.job_id for job in unsettled.find({"toy"}, {"another"})] == [bench.job_id]


def test_nothing_is_begun_while_the_service_ends(bench: Bench) -> None:
    bench.jobs.abort(bench.job_id)
    bench.die()
    ending = Cancellation()
    ending.cancel()
    bench.settler.settle(ending)
    assert bench.settled.heard == []


@pytest.mark.parametrize("abort_first", [True, False])
def test_a_job_that_is_aborted_without_a_worker_is_put_in_order_once(bench: Bench, abort_first: bool) -> None:
    for do in (bench.jobs.abort, lambda job_id: bench.die())[:: 1 if abort_first else -1]:
        do(bench.job_id)
    bench.settler.settle(Cancellation())
    bench.settler.settle(Cancellation())
    assert bench.settled.heard == [(bench.job_id, Phase.ABORTED)]
    (result,) = bench.job.results
    path = bench.files.place(bench.job_id) / result.file
    assert path.read_bytes() == b"some of it, whole" and bench.job.phase is Phase.ABORTED
    assert bench.left() == ["whole"]
    # one who was given up and lives says how it ended: nothing of that counts any more
    error = JobError("stopped", transient=True, status=503)
    raw = StoredResult(NAME, f"{bench.place.name}/raw", "text/plain", 1, '"2"')
    assert not bench.queue.fail(bench.held, Phase.ABORTED, None, error, [raw])
    assert bench.job.results == (result,)


def test_a_job_that_is_given_up_is_put_in_order(bench: Bench) -> None:
    bench.die()
    another = Workers(bench.catalogue, now)
    claim = Claim(another.join(), frozenset({"toy"}))
    assert bench.queue.claim(claim) is not None
    another.requeue(claim.worker)  # the second death
    assert bench.job.phase is Phase.ERROR
    bench.settler.settle(Cancellation())
    assert bench.settled.heard == []  # a row of the worker is there
    with bench.catalogue.writing() as connection:
        connection.execute(sa.delete(worker).where(worker.c.worker_id == claim.worker))
    bench.settler.settle(Cancellation())
    assert bench.settled.heard == [(bench.job_id, Phase.ERROR)] and not bench.job.results[0].grows


@pytest.mark.parametrize("fault", [DiskFull("no room"), RuntimeError("a mistake of ours")], ids=repr)
def test_what_fails_is_left_alone_for_a_while(bench: Bench, fault: Exception) -> None:
    bench.jobs.abort(bench.job_id)
    bench.die()
    bench.settled.fault = fault
    for _ in range(3):
        bench.settler.settle(Cancellation())
    assert len(bench.settled.heard) == 1
    assert bench.left() == ["raw"] and bench.job.results[0].grows


def test_what_can_only_be_done_in_part_is_not_done_again_at_once(bench: Bench) -> None:
    bench.jobs.abort(bench.job_id)
    bench.die()
    bench.settled.grows_on = True
    for _ in range(3):
        bench.settler.settle(Cancellation())
    assert len(bench.settled.heard) == 1 and bench.job.results[0].file.endswith("/whole")


def test_who_comes_second_changes_nothing(bench: Bench) -> None:
    bench.jobs.abort(bench.job_id)
    bench.die()
    (job,) = UnsettledJobs(bench.catalogue, now).find({"toy"}, ())
    bench.settler.settle(Cancellation())
    assert not UnsettledJobs(bench.catalogue, now).settle(job, [])
    assert bench.job.results


def test_services_without_such_work_are_left_alone(bench: Bench) -> None:
    bench.jobs.abort(bench.job_id)
    bench.die()
    Settler(UnsettledJobs(bench.catalogue, now), bench.files, [toy(Works())]).settle(Cancellation())
    assert bench.job.results[0].grows and bench.settled.heard == []


def test_a_runner_does_so(bench: Bench, catalogue_url: str, tmp_path: Path) -> None:
    bench.jobs.abort(bench.job_id)
    bench.die()
    with open_runner(catalogue_url, tmp_path, Works(), slots=0) as runner:
        runner._settler = bench.settler
        wait_until(lambda: not bench.job.results[0].grows)
