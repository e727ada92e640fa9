"""Results that grow: sent as they are made at that moment, and never as the file that they are made of."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import toy_jobs
from toy_jobs import Toy, open_toy

from vo_service.dali.results import JobFile, open_file
from vo_service.dali.streams import Cancellation
from vo_service.dali.uws import handlers
from vo_service.dali.uws.work import JobLimits, JobService, Sink
from vo_service.store.jobs import Job, StoredResult


class Growing:
    """Work whose result grows until it is told to stop."""

    def __init__(self) -> None:
        self.made = 0
        self.is_there = True
        self.shall_move, self.has_moved = threading.Event(), threading.Event()

    def work(self, job: Job, cancellation: Cancellation, sink: Sink) -> None:
        stopped = threading.Event()
        cancellation.on_cancel(stopped.set)
        (sink.attempt / "raw").write_bytes(b"not for clients")
        sink.show([StoredResult("result", f"{sink.attempt.name}/raw", "text/plain", 0, "")])
        stopped.wait(60)
        raise RuntimeError("stopped")

    def work_that_moves(self, job: Job, cancellation: Cancellation, sink: Sink) -> None:
        """Shows a part; then the same one elsewhere, after which it is no longer where it was, as the next
        attempt does."""
        places = [sink.attempt / name for name in ("old", "new")]
        for number, place in enumerate(places):
            place.write_bytes(b"a part")
            sink.show([StoredResult("part", f"{sink.attempt.name}/{place.name}", "text/plain", 6, '"1"')])
            if not number:
                self.shall_move.wait(60)
        places[0].unlink()
        self.has_moved.set()

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


def moving(toy: Toy, growing: Growing, monkeypatch: pytest.MonkeyPatch) -> str:
    """The path of a job that has shown a part, and moves it when the next one opens it."""
    service = toy.runner._services["toy"]
    toy.runner._services["toy"] = replace(service, work=growing.work_that_moves)

    def opened(file: JobFile) -> object:
        growing.shall_move.set()
        assert growing.has_moved.wait(60)
        return open_file(file)

    monkeypatch.setattr(handlers, "open_file", opened)
    job = toy.make(run=True)
    while b"part" not in toy.ask("GET", f"{job}/results").content:
        toy.ask("GET", job, params={"WAIT": "1"})
    return job


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_part_that_moves_while_it_is_asked_for_is_found(
    toy: Toy, growing: Growing, monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    job = moving(toy, growing, monkeypatch)
    answer = toy.ask(method, f"{job}/results/part")
    assert answer.status_code == 200 and answer.headers["Content-Length"] == "6"
    assert answer.content == (b"a part" if method == "GET" else b"")


def test_a_part_that_moves_each_time_is_worth_another_try(
    toy: Toy, growing: Growing, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = moving(toy, growing, monkeypatch)
    find = toy.runner.jobs.find
    looks = 0

    def found(job_id: str) -> Job | None:
        nonlocal looks
        looks += 1
        known = find(job_id)
        assert known is not None
        return replace(known, results=tuple(replace(one, file=f"x{looks}") for one in known.results))

    monkeypatch.setattr(toy.runner.jobs, "find", found)
    answer = toy.ask("GET", f"{job}/results/part")
    assert answer.status_code == 503 and "once more" in answer.text


def test_a_part_that_is_gone_for_good_is_not_looked_for_again(
    toy: Toy, growing: Growing, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = moving(toy, growing, monkeypatch)
    assert toy.ask("GET", f"{job}/results/part").status_code == 200
    for path in toy.runner.files.place(job.strip("/")).rglob("new"):
        path.unlink()
    assert toy.ask("GET", f"{job}/results/part").status_code == 404
