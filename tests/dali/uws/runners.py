"""Job runners without HTTP, on a database and a directory, for work that does as its parameters say.

``DO`` is one of: ``write`` (TEXT, the result), ``hold`` (until it is stopped), ``numb`` (as hold, but deaf
for SECONDS), ``pour`` (write without end), ``fail`` (a ServiceError of kind TEXT), ``bug``.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Event
from pathlib import Path

from live_service import files_below

from vo_service.dali.errors import ErrorKind, ServiceError
from vo_service.dali.parameters import Form
from vo_service.dali.streams import Cancellation
from vo_service.dali.uws.runner import JobRunner
from vo_service.dali.uws.work import Explanation, JobLimits, JobService, Sink
from vo_service.store import Catalogue
from vo_service.store.job_files import JobFiles
from vo_service.store.jobs import Job, JobQuota, NewJob, Phase, new_job_id

LIMITS = JobLimits(seconds_default=60, seconds_hard=600, days_default=1, days_hard=10, result_bytes=100_000)
SNAPSHOT = 7


def now() -> datetime:
    return datetime.now(UTC)


class Works:
    """The work of one runner, and what it saw: ids of jobs begun, and of those stopped."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.stopped: list[str] = []

    def __call__(self, job: Job, cancellation: Cancellation, sink: Sink) -> None:
        self.begun.append(job.job_id)
        wanted = {name: values[0] for name, values in Form.of(job.parameters).values.items()}
        sink.on_snapshot(SNAPSHOT)
        match wanted["DO"]:
            case "write":
                with sink.result("result", "text/plain", "txt") as file:
                    file.write(wanted["TEXT"].encode())
            case "hold" | "numb":
                stop = threading.Event()
                cancellation.on_cancel(stop.set)
                with sink.result("result", "text/plain", "txt") as file:
                    file.write(b"half of it")
                    file.flush()
                    stop.wait(60)
                    if wanted["DO"] == "numb":
                        time.sleep(float(wanted["SECONDS"]))
                        return
                    self.stopped.append(job.job_id)
                    raise ServiceError(ErrorKind.UNAVAILABLE, "The work was stopped.")
            case "pour":
                with sink.result("result", "text/plain", "txt") as file:
                    while True:
                        file.write(b"x" * 10_000)
                        file.flush()
            case "fail":
                raise ServiceError(ErrorKind(wanted["TEXT"]), "It went wrong.", "Do otherwise.")
            case "bug":
                raise KeyError("/a/path/of/ours")


def explain(form: Form, text: str) -> Explanation:
    return Explanation(text.encode(), "text/plain")


def toy(works: Works, limits: JobLimits = LIMITS) -> JobService:
    return JobService("toy", "toy/async", (), works, explain, limits)


def job_to(do: str, **facts: object) -> NewJob:
    """A job that does something; ``text`` and ``seconds`` are its parameters, the rest its facts."""
    parameters = [("DO", do)]
    parameters += [(name.upper(), str(facts.pop(name))) for name in ("text", "seconds") if name in facts]
    plain: dict[str, object] = {
        "job_id": new_job_id(),
        "service": "toy",
        "owner": None,
        "scopes": frozenset(),
        "client": "someone",
        "run_id": None,
        "duration": 60,
        "lifetime": timedelta(days=1),
        "request_id": "00ff",
        "base_url": "http://service.example",
        "parameters": tuple(parameters),
    }
    return NewJob(**(plain | facts))  # type: ignore[arg-type]


@contextmanager
def open_runner(
    url: str,
    home: Path,
    works: Works,
    slots: int = 2,
    limits: JobLimits = LIMITS,
    clock: Callable[[], datetime] = now,
    busy_seconds: float = 5,
) -> Iterator[JobRunner]:
    """One process's runner, already one of the workers."""
    catalogue = Catalogue.open(url, busy_seconds)
    runner = JobRunner(
        catalogue, JobFiles(home / "jobs"), [toy(works, limits)], slots, JobQuota(1000, 10**6, 10**12), clock
    )
    runner.start()
    wait_until(lambda: runner._worker is not None)
    try:
        yield runner
    finally:
        runner.stop()
        catalogue.close()


def run_jobs(url: str, home: Path, tell: Connection, stop: Event) -> None:
    """A runner in a process of its own, which says when it is ready."""
    with open_runner(url, home, Works()):
        tell.send("ready")
        stop.wait()


def wait_until(true: Callable[[], bool], seconds: float = 50.0) -> float:
    """How long it took to become true; less than jobs go on that nobody stops."""
    began = time.monotonic()
    while not true():
        assert time.monotonic() - began < seconds
        time.sleep(0.005)
    return time.monotonic() - began


def phase_of(runner: JobRunner, job_id: str) -> Phase | None:
    found = runner.jobs.find(job_id)
    return None if found is None else found.phase


def wait_for(runner: JobRunner, job_id: str, *phases: Phase) -> Job:
    """The job, once it is in one of the phases."""
    wait_until(lambda: phase_of(runner, job_id) in phases)
    found = runner.jobs.find(job_id)
    assert found is not None
    return found


def begin(runner: JobRunner, works: Works, **facts: object) -> str:
    """The id of a job that holds."""
    job_id = runner.create(job_to("hold", **facts), run=True).job_id
    wait_until(lambda: job_id in works.begun)
    return job_id


def files_of(runner: JobRunner, job_id: str) -> list[str]:
    """The files of a job, by their places below its directory."""
    place = runner.files.place(job_id)
    return sorted(str(file.relative_to(place)) for file in files_below(place))
