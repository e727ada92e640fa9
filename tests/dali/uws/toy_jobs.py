"""A small service that has jobs, with real database, runner and handlers, for the tests of UWS over HTTP.

Its jobs take STEPS (several), TEXT and SECONDS: they work for so many seconds and write TEXT as their result.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import anyio
import httpx
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware

from vo_service.access.tokens import Tokens, make_token
from vo_service.dali.addresses import Addresses
from vo_service.dali.doorkeeper import Doorkeeper
from vo_service.dali.edge import Edge
from vo_service.dali.errors import ServiceError, usage
from vo_service.dali.front import Front
from vo_service.dali.identity import AuthPolicy, Identity
from vo_service.dali.multipart import BodyLimits
from vo_service.dali.parameters import RUNID, Form, Parameter, plain
from vo_service.dali.replies import answer_http_error, answer_service_error
from vo_service.dali.request_log import RequestLog
from vo_service.dali.streams import Cancellation
from vo_service.dali.uws.handlers import JobDoor, JobHandlers
from vo_service.dali.uws.runner import JobRunner
from vo_service.dali.uws.work import Explanation, JobLimits, JobService, Sink
from vo_service.store import Catalogue
from vo_service.store.job_files import JobFiles
from vo_service.store.jobs import Job, JobQuota
from vo_service.store.tokens import TokenTable

BASE = "https://vo.example.org/x"
JOBS = f"{BASE}/toy/async"
STEPS = Parameter("STEPS", plain, "what to do", many=True)
TEXT = Parameter("TEXT", plain, "what to write")
SECONDS = Parameter("SECONDS", float, "how long to work")
LIMITS = JobLimits(seconds_default=60, seconds_hard=600, days_default=1, days_hard=10, result_bytes=100_000)


def now() -> datetime:
    return datetime.now(UTC)


def work(job: Job, cancellation: Cancellation, sink: Sink) -> None:
    form = Form.of(job.parameters)
    form.one(RUNID)  # a wrong one is an error of the job
    text, seconds = form.one(TEXT), form.one(SECONDS)
    stopped = threading.Event()
    cancellation.on_cancel(stopped.set)
    sink.on_snapshot(7)
    if text is None:
        raise usage("TEXT is missing.", "Send it.")
    with sink.result("result", "text/plain", "txt") as file:
        file.write(text.encode())
        if stopped.wait(seconds or 0):
            raise RuntimeError("stopped")
    with sink.result("second result", "application/json", "json") as file:
        file.write(b"{}")


def explain(form: Form, text: str) -> Explanation:
    return Explanation(f"{text}\n".encode(), "text/plain")


def toy_service(limits: JobLimits = LIMITS) -> JobService:
    return JobService("toy", "toy/async", (STEPS, TEXT, SECONDS, RUNID), work, explain, limits)


@dataclass
class Toy:
    """One process of the service: `ask` sends a request to it; `others` are apps on the same database."""

    app: Starlette
    runner: JobRunner
    catalogue: Catalogue

    def token(self, subject: str) -> Mapping[str, str]:
        """Headers of somebody with a fresh token."""
        new = make_token(subject, frozenset(), now(), None)
        TokenTable(self.catalogue).add(new.stored)
        return {"Authorization": f"Bearer {new.text}"}

    def ask(self, method: str, path: str = "", **arguments: Any) -> httpx.Response:
        """One request to the job list, or to what lies below it; an absolute path stays one."""
        return anyio.run(lambda: self.ask_async(method, path, **arguments))

    async def ask_async(self, method: str, path: str = "", **arguments: Any) -> httpx.Response:
        transport = httpx.ASGITransport(app=self.app, client=("127.0.0.1", 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://t") as client:
            return await client.request(method, f"/toy/async{path}", **arguments)

    def make(self, run: bool = False, **parameters: Any) -> str:
        """A new job; its path below the list."""
        files = parameters.pop("files", None)
        headers = parameters.pop("headers", None)
        data = {**parameters, **({"PHASE": "RUN"} if run else {})}
        made = self.ask("POST", data=data, files=files, headers=headers)
        assert made.status_code == 303, made.text
        location = made.headers["Location"]
        assert location.startswith(f"{JOBS}/")
        return location.removeprefix(JOBS)

    def phase(self, job: str) -> str:
        return self.ask("GET", f"{job}/phase").text

    def end(self, job: str) -> str:
        """The phase of a job once it is final."""
        for _ in range(50):
            phase = self.phase(job)
            if phase in ("COMPLETED", "ERROR", "ABORTED"):
                return phase
            self.ask("GET", job, params={"WAIT": "5"})
        raise AssertionError(f"the job is still {phase}")


@contextmanager
def open_toy(
    home: Path,
    limits: JobLimits = LIMITS,
    slots: int = 2,
    per_client: int = 50,
    upload_bytes: int = 100_000,
    busy_seconds: float = 5,
) -> Iterator[Toy]:
    """The service on a database and a directory of jobs below ``home``."""
    place = home / "spill"
    place.mkdir(exist_ok=True)
    with ExitStack() as closing:
        catalogue = Catalogue.open(f"sqlite:///{home / 'catalogue.sqlite'}", busy_seconds)
        closing.callback(catalogue.close)
        identity = Identity(AuthPolicy("auto"), Tokens(TokenTable(catalogue), now))
        service = toy_service(limits)
        runner = JobRunner(
            catalogue, JobFiles(home / "jobs"), [service], slots, JobQuota(per_client, 10**6, 10**12), now
        )
        runner.start()
        closing.callback(runner.stop)
        door = JobDoor(Addresses(BASE), BodyLimits(10_000, upload_bytes), place)
        handlers = JobHandlers(service, runner, identity, door, now)
        app = Starlette(
            routes=handlers.routes(),
            middleware=[
                Middleware(RequestLog, trust_proxy=False),
                Middleware(Edge, software="toy"),
                Middleware(Front),
                Middleware(Doorkeeper, identity=identity, base_url=BASE),
            ],
            exception_handlers={ServiceError: answer_service_error, HTTPException: answer_http_error},
        )
        app.router.redirect_slashes = False
        yield Toy(app, runner, catalogue)
