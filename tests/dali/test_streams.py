"""From the thread that works to the client that takes: order, back-pressure, errors, a client that leaves."""

from __future__ import annotations

import asyncio
import gc
import tempfile
import threading
import time
import weakref
from collections.abc import Awaitable, Callable, Generator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest
from starlette.requests import Request

from vo_service.dali.errors import ServiceError
from vo_service.dali.streams import (
    Cancellation,
    ClientGone,
    Pump,
    PumpedResponse,
    Spool,
    SpoolLimits,
    SpoolRoom,
    StalledReader,
    Work,
    first_piece,
)

Pieces = Generator[bytes, None, None]


def spool(**limits: float) -> Spool:
    """A spool in the system's directory for temporary files."""
    return SpoolRoom(Path(tempfile.gettempdir()), SpoolLimits(**limits)).spool()  # type: ignore[arg-type]


def pump_of(work: Work) -> Pump:
    return Pump(work, spool())


def run(test: Callable[[ThreadPoolExecutor], Awaitable[None]]) -> None:
    async def whole() -> None:
        with ThreadPoolExecutor(1) as executor:
            await asyncio.wait_for(test(executor), 20)

    asyncio.run(whole())


async def drained(pump: Pump) -> bytes:
    taken, last = b"", False
    while not last:
        piece, last = await pump.take()
        taken += piece
    return taken


async def over(executor: ThreadPoolExecutor) -> None:
    """Returns once the only thread of ``executor`` has ended the work before."""
    await asyncio.wrap_future(executor.submit(lambda: None))


def request_of(messages: list[dict[str, str]]) -> Request:
    """A request whose client leaves once its messages are spent, or stays for ever without any."""

    async def receive() -> dict[str, str]:
        if messages:
            return messages.pop(0)
        await asyncio.sleep(3600)
        raise AssertionError

    return Request({"type": "http", "method": "GET", "headers": []}, receive)  # type: ignore[arg-type]


def test_all_bytes_come_in_order_and_the_end_is_told() -> None:
    def work(_: Cancellation) -> Pieces:
        for number in range(2000):
            yield b"%d," % number

    async def test(executor: ThreadPoolExecutor) -> None:
        pump = pump_of(work)
        pump.start(executor.submit, 10)
        assert await drained(pump) == b"".join(b"%d," % number for number in range(2000))

    run(test)


def test_what_waits_together_is_taken_together() -> None:
    async def test(executor: ThreadPoolExecutor) -> None:
        pump = pump_of(lambda _: (piece for piece in (b"a", b"b", b"c")))
        pump.start(executor.submit, 10)
        await over(executor)
        assert await pump.take() == (b"abc", True)

    run(test)


def test_a_piece_leaves_while_the_work_goes_on() -> None:
    going_on = threading.Event()

    def work(_: Cancellation) -> Pieces:
        yield b"early"
        going_on.wait(10)
        yield b"late"

    async def test(executor: ThreadPoolExecutor) -> None:
        pump = pump_of(work)
        pump.start(executor.submit, 10)
        assert await pump.take() == (b"early", False)
        going_on.set()
        assert await drained(pump) == b"late"

    run(test)


def test_the_work_ends_whatever_its_client_does() -> None:
    """What the client has not taken waits on disk; the thread is free for others."""

    def work(_: Cancellation) -> Pieces:
        for number in range(50):
            yield bytes([number]) * (1 << 20)

    async def test(executor: ThreadPoolExecutor) -> None:
        pump = pump_of(work)
        pump.start(executor.submit, 10)
        await over(executor)
        assert await drained(pump) == b"".join(bytes([number]) * (1 << 20) for number in range(50))

    run(test)


def test_the_work_waits_for_a_reader_where_the_spool_is_full() -> None:
    made = 0

    def work(_: Cancellation) -> Pieces:
        nonlocal made
        for _number in range(100):
            made += 1
            yield bytes(1 << 18)

    async def test(executor: ThreadPoolExecutor) -> None:
        pump = Pump(work, spool(memory_bytes=1 << 20, file_bytes=1 << 20))
        pump.start(executor.submit, 10)
        await asyncio.sleep(0.3)
        assert made < 12
        assert len(await drained(pump)) == 100 << 18

    run(test)


def test_a_reader_who_takes_nothing_is_told_so_behind_what_waits() -> None:
    ended: list[str] = []

    def work(_: Cancellation) -> Pieces:
        try:
            while True:
                yield b"row " * 1000
        except StalledReader as error:
            yield f"ended: {error.message}".encode()
            yield b" really"
        ended.append("by itself")

    async def test(executor: ThreadPoolExecutor) -> None:
        pump = Pump(work, spool(memory_bytes=9000, file_bytes=9000, stall_seconds=0.1))
        pump.start(executor.submit, 10)
        await over(executor)
        answer = await drained(pump)
        assert answer.startswith(b"row ") and b"read too slowly" in answer and answer.endswith(b" really")
        assert ended == ["by itself"]

    run(test)


def test_an_answer_that_has_no_words_for_it_breaks_off_when_its_reader_stalls() -> None:
    def work(_: Cancellation) -> Pieces:
        while True:
            yield b"row\n" * 1000

    async def test(executor: ThreadPoolExecutor) -> None:
        pump = Pump(work, spool(memory_bytes=9000, file_bytes=9000, stall_seconds=0.1))
        pump.start(executor.submit, 10)
        await over(executor)
        with pytest.raises(StalledReader):
            await drained(pump)

    run(test)


def test_the_end_of_the_work_is_told_once_however_it_comes() -> None:
    def fails(_: Cancellation) -> Pieces:
        yield b"x"
        raise KeyError("bad")

    async def test(executor: ThreadPoolExecutor) -> None:
        free = threading.Event()
        told: list[str] = []
        failing = Pump(fails, spool(), lambda: told.append("failed"))
        failing.start(executor.submit, 10)
        await over(executor)
        failing.close()
        executor.submit(free.wait, 10)
        given_up = Pump(fails, spool(), lambda: told.append("given up"))
        given_up.start(executor.submit, 0.01)
        with pytest.raises(ServiceError, match="busy"):
            await given_up.take()
        left = Pump(fails, spool(), lambda: told.append("left"))
        left.start(executor.submit, 0.01)
        left.close()
        await asyncio.sleep(0.05)
        free.set()
        assert told == ["failed", "given up", "left"]

    run(test)


def test_an_error_comes_out_after_what_was_made_before_it() -> None:
    def work(_: Cancellation) -> Pieces:
        yield b"good"
        raise KeyError("bad")

    async def test(executor: ThreadPoolExecutor) -> None:
        pump = pump_of(work)
        pump.start(executor.submit, 10)
        await over(executor)
        assert await pump.take() == (b"good", False)
        with pytest.raises(KeyError):
            await pump.take()

    run(test)


def test_an_error_before_the_first_piece_is_raised_to_the_handler() -> None:
    def work(_: Cancellation) -> Pieces:
        raise KeyError("bad")
        yield b""

    async def test(executor: ThreadPoolExecutor) -> None:
        pump = pump_of(work)
        pump.start(executor.submit, 10)
        with pytest.raises(KeyError):
            await first_piece(pump, request_of([]))

    run(test)


def test_a_client_that_leaves_before_the_first_piece_ends_the_work_at_once() -> None:
    stopped = threading.Event()

    def work(cancellation: Cancellation) -> Pieces:
        cancellation.on_cancel(stopped.set)
        assert stopped.wait(18)  # as a query that is interrupted
        yield b"nobody takes this"

    async def test(executor: ThreadPoolExecutor) -> None:
        pump = pump_of(work)
        pump.start(executor.submit, 10)
        await asyncio.sleep(0.05)
        started = time.monotonic()
        with pytest.raises(ClientGone):
            await first_piece(pump, request_of([{"type": "http.disconnect"}]))
        await over(executor)
        assert time.monotonic() - started < 15  # unstopped it takes 18

    run(test)


def test_a_client_that_leaves_amid_the_answer_ends_the_work_and_closes_it() -> None:
    closed = threading.Event()

    def work(_: Cancellation) -> Pieces:
        try:
            while True:
                yield bytes(1 << 20)
        finally:
            closed.set()

    async def test(executor: ThreadPoolExecutor) -> None:
        pump = pump_of(work)
        pump.start(executor.submit, 10)
        first, last = await first_piece(pump, request_of([]))
        assert not last
        sent: list[object] = []
        enough = asyncio.Event()

        async def send(message: object) -> None:
            sent.append(message)
            if len(sent) == 5:
                enough.set()

        async def receive() -> dict[str, str]:
            await enough.wait()
            return {"type": "http.disconnect"}

        response = PumpedResponse(pump, first, {"content-type": "text/plain"})
        await response({"type": "http", "asgi": {"spec_version": "2.3"}}, receive, send)  # type: ignore[arg-type]
        await over(executor)
        assert closed.is_set()

    run(test)


def test_a_cancellation_asked_for_early_reaches_work_that_registers_late() -> None:
    calls: list[str] = []
    cancellation = Cancellation()
    cancellation.cancel()
    cancellation.cancel()
    cancellation.on_cancel(lambda: calls.append("stop"))
    assert calls == ["stop"] and cancellation.requested


def test_a_cancellation_after_the_end_reaches_nobody() -> None:
    calls: list[str] = []
    cancellation = Cancellation()
    cancellation.on_cancel(lambda: calls.append("stop"))
    cancellation.on_cancel(None)
    cancellation.cancel()
    assert calls == []


def test_work_that_waits_too_long_for_its_turn_is_given_up_with_503() -> None:
    free = threading.Event()

    async def test(executor: ThreadPoolExecutor) -> None:
        executor.submit(free.wait, 10)
        pump = pump_of(lambda _: (piece for piece in (b"never",)))
        pump.start(executor.submit, 0.05)
        with pytest.raises(ServiceError, match="busy") as caught:
            await first_piece(pump, request_of([]))
        free.set()
        assert (caught.value.status, caught.value.headers) == (503, {"Retry-After": "5"})

    run(test)


def test_work_that_got_its_turn_in_time_is_not_given_up() -> None:
    def work(_: Cancellation) -> Pieces:
        time.sleep(0.8)
        yield b"late"

    async def test(executor: ThreadPoolExecutor) -> None:
        pump = pump_of(work)

        def begun(work: Callable[[], None]) -> Future[None]:
            """The work, once a thread has it: a busy machine takes its time."""
            future = executor.submit(work)
            while not future.running():
                time.sleep(0.001)
            return future

        pump.start(begun, 0.1)
        assert await drained(pump) == b"late"

    run(test)


def test_nothing_keeps_an_answer_in_memory_once_it_was_taken() -> None:
    class Question:
        def work(self, _: Cancellation) -> Pieces:
            yield b"answer"

    async def test(executor: ThreadPoolExecutor) -> None:
        question = Question()
        alive = weakref.ref(question)
        pump = pump_of(question.work)
        pump.start(executor.submit, 60.0)  # the patience with its queue, which it had no need of
        assert await drained(pump) == b"answer"
        await over(executor)
        del pump, question
        await asyncio.sleep(0.05)
        gc.collect()
        assert alive() is None

    run(test)


def test_a_client_that_leaves_the_queue_leaves_no_work_behind() -> None:
    begun: list[str] = []

    def work(_: Cancellation) -> Pieces:
        begun.append("work")
        yield b""

    async def test(executor: ThreadPoolExecutor) -> None:
        free = threading.Event()
        executor.submit(free.wait, 10)
        pump = pump_of(work)
        pump.start(executor.submit, 10)
        with pytest.raises(ClientGone):
            await first_piece(pump, request_of([{"type": "http.disconnect"}]))
        free.set()
        await over(executor)
        assert begun == []

    run(test)
