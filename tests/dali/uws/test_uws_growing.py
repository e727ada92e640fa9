"""Results that grow: sent as they are made at that moment, and never as the file that they are made of."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import toy_jobs
from toy_jobs import Toy, open_toy

from vo_service.dali.streams import Cancellation
from vo_service.dali.uws.work import JobLimits, JobService, Sink
from vo_service.store.jobs import Job, StoredResult


class Growing:
    """Work whose result grows until it is told to stop."""

    def __init__(self) -> None:
        self.made = 0
        self.is_there = True

    def work(self, job: Job, cancellation: Cancellation, sink: Sink) -> None:
        stopped = threading.Event()
        cancellation.on_cancel(stopped.set)
        (sink.attempt / "raw").write_bytes(b"not for clients")
        sink.show([StoredResult("result", f"{sink.attempt.name}/raw", "text/plain", 0, "")])
        stopped.wait(60)
        raise RuntimeError("stopped")

    def make(self, job: Job, path: Path) -> bytes:
        if not self.is_there:
            raise FileNotFoundError(path)
        self.made += 1
        return b"made of it"


@pytest.fixture
def growing() -> Growing:
    return Growing()


@pytest.fixture
def toy(tmp_path: Path, growing: Growing, monkeypatch: pytest.MonkeyPatch) -> Iterator[Toy]:
    plain = toy_jobs.toy_service

    def service(limits: JobLimits = toy_jobs.LIMITS) -> JobService:
        return replace(plain(limits), work=growing.work, growing={"result": growing.make})

    monkeypatch.setattr(toy_jobs, "toy_service", service)
    with open_toy(tmp_path) as opened:
        yield opened


def test_a_result_that_grows_is_never_sent_raw(toy: Toy, growing: Growing) -> None:
    job = toy.make(run=True)
    while (answer := toy.ask("GET", f"{job}/results/result")).status_code == 404:
        toy.ask("GET", job, params={"WAIT": "1"})
    assert answer.content == b"made of it" and answer.headers["Content-Type"] == "text/plain"
    head = toy.ask("HEAD", f"{job}/results/result")
    assert head.status_code == 200 and "Content-Length" not in head.headers and growing.made == 1
    growing.is_there = False  # its attempt has gone, and the next has not shown where it goes on
    answer = toy.ask("GET", f"{job}/results/result")
    assert answer.status_code == 503 and b"not for clients" not in answer.content
    toy.ask("POST", f"{job}/phase", data={"PHASE": "ABORT"})
