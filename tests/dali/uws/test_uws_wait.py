"""Requests that wait for a job to change."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from lxml import etree
from runners import wait_until
from toy_jobs import Toy, open_toy

from vo_service.dali.parameters import Form
from vo_service.dali.uws.listing import read_wait
from vo_service.dali.uws.waiting import Waiters

UWS = "{http://www.ivoa.net/xml/UWS/v1.0}"


def phase_of(answer: httpx.Response) -> str | None:
    assert answer.status_code == 200, answer.text
    return etree.fromstring(answer.content).findtext(f"{UWS}phase")


def timed(ask: Callable[[], httpx.Response]) -> tuple[httpx.Response, float]:
    began = time.monotonic()
    return ask(), time.monotonic() - began


@contextmanager
def meanwhile(toy: Toy, act: Callable[[], object]) -> Iterator[None]:
    """Something that happens once a request of the block waits."""

    def act_then() -> None:
        wait_until(lambda: toy.runner.waiters.count > 0)
        act()

    thread = threading.Thread(target=act_then)
    thread.start()
    yield
    thread.join()


async def waiting(toy: Toy, count: int) -> None:
    """Go on once so many requests wait."""
    for _ in range(1000):
        if toy.runner.waiters.count == count:
            return
        await anyio.sleep(0.03)
    raise AssertionError(f"{toy.runner.waiters.count} requests wait, not {count}")


@pytest.fixture(scope="module")
def idle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Toy]:
    """A process that takes no jobs: what is queued stays so."""
    with open_toy(tmp_path_factory.mktemp("idle"), slots=0) as toy:
        yield toy


def test_a_wait_without_a_change_ends_when_it_is_over(idle: Toy) -> None:
    # UWS-080
    job = idle.make(TEXT="a", run=True)
    answer, seconds = timed(lambda: idle.ask("GET", job, params={"WAIT": "1"}))
    assert phase_of(answer) == "QUEUED"
    assert 0.9 < seconds < 20


@pytest.mark.parametrize("state", ["COMPLETED", "ERROR", "ABORTED"])
def test_nobody_waits_for_a_job_that_has_ended(toy: Toy, state: str) -> None:
    # UWS-081
    job = toy.make(run=True, **({"TEXT": "a"} if state == "COMPLETED" else {}))
    assert toy.end(job) in ("COMPLETED", "ERROR")
    if state == "ABORTED":
        job = toy.make(TEXT="a")
        toy.ask("POST", f"{job}/phase", data={"PHASE": "ABORT"})
    for waiting in ({"WAIT": "60"}, {"WAIT": "-1"}, {"WAIT": "60", "PHASE": state}):
        answer, seconds = timed(lambda sent=waiting: toy.ask("GET", job, params=sent))
        assert phase_of(answer) == state
        assert seconds < 30


def test_a_job_in_another_phase_is_told_at_once(idle: Toy) -> None:
    # UWS-082
    job = idle.make(TEXT="a")
    for phases in (["QUEUED"], ["EXECUTING", "QUEUED"], ["COMPLETED"]):
        answer, seconds = timed(lambda of=phases: idle.ask("GET", job, params={"WAIT": "60", "PHASE": of}))
        assert phase_of(answer) == "PENDING"
        assert seconds < 30


@pytest.mark.parametrize(
    "sent",
    [
        {"WAIT": "30"},
        {"wait": "-1"},
        {"Wait": "30", "phase": "PENDING"},
        {"WAIT": "30", "PHASE": ["PENDING", "QUEUED"]},
    ],
)
def test_a_change_of_phase_ends_the_wait(idle: Toy, sent: dict[str, Any]) -> None:
    # UWS-083, UWS-085, UWS-088, TAP-153
    job = idle.make(TEXT="a")
    with meanwhile(idle, lambda: idle.runner.run(job[1:])):
        answer, seconds = timed(lambda: idle.ask("GET", job, params=sent))
    assert phase_of(answer) == "QUEUED"
    assert seconds < 10


def test_the_end_of_the_work_ends_the_wait(toy: Toy) -> None:
    # UWS-085
    job = toy.make(TEXT="a", SECONDS="0.4", run=True)
    answer, seconds = timed(lambda: toy.ask("GET", job, params={"WAIT": "-1", "PHASE": "EXECUTING"}))
    assert phase_of(answer) == "COMPLETED"
    assert seconds < 10


def test_other_changes_and_deletion_end_the_wait_too(idle: Toy) -> None:
    # UWS-085
    job = idle.make(TEXT="a")
    with meanwhile(idle, lambda: idle.runner.set_duration(job[1:], 17)):
        answer, seconds = timed(lambda: idle.ask("GET", job, params={"WAIT": "30"}))
    assert "17" in answer.text
    assert seconds < 10
    with meanwhile(idle, lambda: idle.runner.delete(job[1:])):
        answer, seconds = timed(lambda: idle.ask("GET", job, params={"WAIT": "30"}))
    assert answer.status_code == 404
    assert seconds < 10


def test_a_change_in_another_process_ends_the_wait(home: Path) -> None:
    # UWS-085: both have the database in common, and nothing else
    with open_toy(home, slots=0) as one, open_toy(home, slots=0) as other:
        job = one.make(TEXT="a")
        with meanwhile(one, lambda: other.runner.run(job[1:])):
            answer, seconds = timed(lambda: one.ask("GET", job, params={"WAIT": "30"}))
        assert phase_of(answer) == "QUEUED"
        assert seconds < 15


@pytest.mark.parametrize(
    "sent",
    [
        {"WAIT": "soon"},
        {"WAIT": "1.5"},
        {"WAIT": ["1", "1"]},
        {"WAIT": "1", "PHASE": "FOO"},
        {"WAIT": "1", "PHASE": "pending"},
    ],
)
def test_a_wait_that_cannot_be_read_is_refused(idle: Toy, sent: dict[str, Any]) -> None:
    # UWS-083, UWS-088
    assert idle.ask("GET", idle.make(), params=sent).status_code == 400


def test_only_a_get_of_a_job_waits(idle: Toy) -> None:
    # UWS-011, UWS-083, UWS-086
    job = idle.make(TEXT="a")
    for method, path, wait in (
        ("HEAD", job, "60"),
        ("GET", job, "0"),
        ("GET", job, ""),
        ("GET", f"{job}/phase", "60"),
        ("GET", f"{job}/parameters", "60"),
        ("GET", f"{job}/results", "60"),
    ):
        answer, seconds = timed(
            lambda of=(method, path, wait): idle.ask(of[0], of[1], params={"WAIT": of[2]})
        )
        assert answer.status_code == 200
        assert seconds < 30


def test_many_wait_and_nobody_else_does(idle: Toy) -> None:
    # UWS-087: 400 waiters, more than there are threads
    jobs = [idle.make(TEXT="a") for _ in range(4)]

    async def ask_all() -> tuple[float, list[str | None]]:
        async with anyio.create_task_group() as group:
            phases: list[str | None] = []

            async def wait(job: str) -> None:
                phases.append(phase_of(await idle.ask_async("GET", job, params={"WAIT": "50"})))

            for number in range(400):
                group.start_soon(wait, jobs[number % 4])
            await waiting(idle, 400)
            began = time.monotonic()
            await idle.ask_async("GET", f"{jobs[0]}/phase")
            small = time.monotonic() - began
            for job in jobs:
                await idle.ask_async("POST", f"{job}/phase", data={"PHASE": "ABORT"})
        return small, phases

    small, phases = anyio.run(ask_all)
    assert phases == ["ABORTED"] * 400
    assert small < 10
    assert idle.runner.waiters.count == 0


def test_a_client_that_leaves_is_not_waited_for(idle: Toy) -> None:
    # UWS-087
    job = idle.make(TEXT="a")
    sent: list[Any] = []

    async def leave() -> None:
        gone = asyncio.Event()
        first = True

        async def receive() -> dict[str, Any]:
            nonlocal first
            if first:
                first = False
                return {"type": "http.request", "body": b"", "more_body": False}
            await gone.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {
            "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET",
            "path": f"/toy/async{job}", "raw_path": f"/toy/async{job}".encode(), "query_string": b"WAIT=60",
            "headers": [(b"host", b"t")], "scheme": "http", "server": ("t", 80), "client": ("127.0.0.1", 1),
        }  # fmt: skip
        request = asyncio.ensure_future(idle.app(scope, receive, send))
        await waiting(idle, 1)
        gone.set()
        await asyncio.wait_for(request, 5)

    anyio.run(leave)
    assert idle.runner.waiters.count == 0


def test_beyond_so_many_nobody_waits() -> None:
    # UWS-089
    async def enter() -> list[bool]:
        waiters = Waiters(most=1)
        with waiters.on("a", 1) as first, waiters.on("a", 1) as second:
            both = [first is None, second is None]
        with waiters.on("a", 1) as third:
            return [*both, third is None]

    assert anyio.run(enter) == [False, True, False]


def test_only_those_are_woken_who_do_not_know_the_state() -> None:
    # UWS-082
    async def tell() -> tuple[bool, bool, bool]:
        waiters = Waiters()
        never: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        with waiters.on("a", 1) as one, waiters.on("a", 2) as two, waiters.on("gone", 1) as three:
            assert one is not None and two is not None and three is not None
            waiters.tell(waiters.watched(), {"a": 2})
            found = [await each.wait(0.05, never) for each in (one, two, three)]
            return found[0], found[1], found[2]

    assert anyio.run(tell) == (True, False, True)


@pytest.mark.parametrize(("asked", "seconds"), [("3", 3.0), ("61", 60.0), ("9" * 18, 60.0), ("-1", 60.0)])
def test_nobody_waits_longer_than_proxies_bear(asked: str, seconds: float) -> None:
    # UWS-083, UWS-084
    wait = read_wait(Form.of([("wait", asked)]))
    assert wait is not None
    assert wait.seconds == seconds
