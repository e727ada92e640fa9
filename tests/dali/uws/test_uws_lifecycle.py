"""What jobs are granted, what their results are written into, and how they are swept away."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from runners import LIMITS, Works, job_to, open_runner, phase_of, wait_for, wait_until

from vo_service.dali.errors import ErrorKind, ServiceError
from vo_service.dali.streams import Cancellation
from vo_service.dali.uws.limits import granted_destruction, granted_duration, granted_lifetime, too_many
from vo_service.dali.uws.runner import JobRunner
from vo_service.dali.uws.sink import JobSink, Stopped
from vo_service.dali.uws.sweeper import Sweeper
from vo_service.store.errors import Excess, TooManyJobs
from vo_service.store.jobs import Phase, new_job_id

NOW = datetime(2026, 3, 1, tzinfo=UTC)
MOMENTS = st.datetimes(datetime(1, 1, 2), datetime(9999, 12, 1), timezones=st.just(UTC))


def test_a_duration_is_granted_up_to_the_limit() -> None:
    assert granted_duration(None, LIMITS) == 60
    assert granted_duration(7, LIMITS) == 7
    assert granted_duration(0, LIMITS) == 600  # UWS-114 TAP-150: no limit means ours
    assert granted_duration(601, LIMITS) == 600
    assert granted_duration(10**12, LIMITS) == 600
    boundless = replace(LIMITS, seconds_hard=1e15, seconds_default=1e14)
    assert granted_duration(10**12, boundless) == 2**31 - 1  # UWS-064: an xs:int
    assert granted_duration(None, boundless) == 2**31 - 1
    assert granted_duration(None, replace(LIMITS, seconds_default=0.2)) == 1


@given(asked=MOMENTS)
def test_a_destruction_is_granted_between_now_and_the_limit(asked: datetime) -> None:
    created = NOW - timedelta(days=4)
    granted = granted_destruction(asked, created, NOW, LIMITS)
    assert NOW <= granted <= created + timedelta(days=10)  # UWS-112 TAP-151
    if NOW <= asked <= created + timedelta(days=10):
        assert granted == asked
    if asked > NOW:
        assert granted_lifetime(asked, NOW, LIMITS) == min(asked - NOW, timedelta(days=10))
    assert granted_lifetime(None, NOW, LIMITS) == timedelta(days=1)  # UWS-110


@pytest.mark.parametrize("ago", [timedelta(0), timedelta(milliseconds=1), timedelta(days=9000)])
def test_no_job_is_made_to_be_gone_already(ago: timedelta) -> None:
    with pytest.raises(ServiceError) as caught:
        granted_lifetime(NOW - ago, NOW, LIMITS)
    assert caught.value.kind is ErrorKind.USAGE and "has passed" in caught.value.text


@pytest.mark.parametrize(
    ("excess", "words", "cure"),
    [
        (Excess.BUSY, "50 jobs waiting or running", "abort one"),
        (Excess.UNSTARTED, "50 jobs that were made and not run", "Run or delete"),
        (Excess.KEPT, "50 jobs.", "Delete some"),
        (Excess.BYTES, "50 bytes of uploads and results", "delete their jobs"),
    ],
)
def test_too_many_jobs_are_refused_for_a_while(excess: Excess, words: str, cure: str) -> None:
    error = too_many(TooManyJobs(50, excess))
    assert (error.kind, error.status) == (ErrorKind.LIMIT, 429)
    assert words in error.message
    assert cure in str(error.hint)
    assert "Retry-After" in error.headers  # UWS-041


def sink(place: Path, most: int = 100, cancellation: Cancellation | None = None) -> JobSink:
    attempt = place / "attempt"
    attempt.mkdir()
    return JobSink(place, attempt, most, cancellation or Cancellation())


def test_results_are_listed_as_they_were_begun(tmp_path: Path) -> None:
    made = sink(tmp_path)
    with made.result("a", "text/csv", "csv") as first, made.result("b", "text/plain", "txt") as second:
        second.write(b"22")
        first.write(b"1")
        assert made.results == ()
    assert [(one.result_id, one.media_type, one.size) for one in made.results] == [
        ("a", "text/csv", 1),
        ("b", "text/plain", 2),
    ]
    assert len({one.etag for one in made.results}) == 2
    assert (tmp_path / made.results[0].file).read_bytes() == b"1"


def test_a_result_may_be_written_out_of_order(tmp_path: Path) -> None:
    made = sink(tmp_path)
    with made.result("a", "image/fits", "fits") as file:
        file.write(b"....end")
        file.seek(0)
        file.write(b"head")
    assert (tmp_path / made.results[0].file).read_bytes() == b"headend"
    assert made.results[0].size == 7


def test_a_failed_result_is_none(tmp_path: Path) -> None:
    made = sink(tmp_path)
    with pytest.raises(ValueError, match="mine"), made.result("a", "text/csv", "csv"):
        raise ValueError("mine")
    assert made.results == ()


def test_results_together_have_a_limit(tmp_path: Path) -> None:
    made = sink(tmp_path, most=10)
    with made.result("a", "text/csv", "csv") as file:
        file.write(b"x" * 10)
    with pytest.raises(ServiceError) as error, made.result("b", "text/csv", "csv") as file:
        file.write(b"x")
    assert (error.value.kind, error.value.transient) == (ErrorKind.USAGE, False)


def test_who_writes_on_after_the_stop_is_stopped(tmp_path: Path) -> None:
    cancellation = Cancellation()
    made = sink(tmp_path, cancellation=cancellation)
    with pytest.raises(Stopped), made.result("a", "text/csv", "csv") as file:
        file.write(b"x")
        cancellation.cancel()
        file.write(b"y")


def test_a_small_disk_is_told_to_the_client(tmp_path: Path) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("this machine has no /dev/full")
    made = sink(tmp_path, most=10**9)
    with pytest.raises(ServiceError) as error, made.result("a", "text/csv", "csv") as file:
        os.dup2(os.open(full, os.O_WRONLY), file.fileno())
        file.write(b"x" * 10**7)
    assert (error.value.kind, error.value.transient) == (ErrorKind.UNAVAILABLE, True)
    assert made.results == ()


class Ahead:
    """A clock that may be set ahead."""

    def __init__(self) -> None:
        self.by = timedelta(0)

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.by


@pytest.fixture
def clock() -> Ahead:
    return Ahead()


@pytest.fixture
def runner(catalogue_url: str, tmp_path: Path, clock: Ahead) -> Iterator[JobRunner]:
    with open_runner(catalogue_url, tmp_path, Works(), clock=clock) as opened:
        yield opened


def test_a_sweep_takes_jobs_at_their_destruction_with_all_their_files(
    runner: JobRunner, clock: Ahead
) -> None:
    sweeper = Sweeper(runner.jobs, runner.files)
    old = [runner.create(job_to("write", text="x"), run=True).job_id for _ in range(3)]
    young = runner.create(job_to("write", text="x", lifetime=timedelta(days=3)), run=True).job_id
    for job_id in (*old, young):
        wait_for(runner, job_id, Phase.COMPLETED)
    clock.by = timedelta(days=2)
    sweeper.sweep()  # or the runner's own, in the same moment
    wait_until(lambda: not any(runner.files.place(job_id).exists() for job_id in old))  # UWS-113
    assert runner.jobs.expired(10) == ()
    assert phase_of(runner, young) is Phase.COMPLETED
    assert any(runner.files.place(young).rglob("*.txt"))


def age(place: Path) -> None:
    then = time.time() - 7200
    for part in (*place.rglob("*"), place):
        os.utime(part, (then, then))


def test_files_that_no_job_names_are_swept_once_they_are_old(runner: JobRunner) -> None:
    files, sweeper = runner.files, Sweeper(runner.jobs, runner.files)
    done = runner.create(job_to("write", text="x"), run=True).job_id
    running = runner.create(job_to("hold"), run=True).job_id
    named = wait_for(runner, done, Phase.COMPLETED).results[0].file
    wait_for(runner, running, Phase.EXECUTING)
    vain = files.start_attempt(done)
    own = files.start_attempt(running)
    files.keep_upload(done, b"mine")
    beside, young = ((files.place(done) / named).with_name(name) for name in ("open.tar", "young.tar"))
    beside.write_bytes(b"of a worker that is dead")
    of_no_job = new_job_id()
    lost, fresh = files.start_attempt(of_no_job), files.start_attempt(new_job_id())
    for job_id in (done, running, of_no_job):
        age(files.place(job_id))
    young.write_bytes(b"its worker may be about to list it")
    then = time.time() - 7200
    os.utime(young.parent, (then, then))
    sweeper.sweep_orphans()
    assert young.exists() and not beside.exists()
    wait_until(lambda: not vain.exists() and not lost.parent.exists())  # the runner's own may be at it
    assert (files.place(done) / named).exists()
    assert any((files.place(done) / "uploads").iterdir())
    assert own.exists()
    assert fresh.exists()
    runner.abort(running)
