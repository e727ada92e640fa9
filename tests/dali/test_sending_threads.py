"""Bytes that are far have threads of their own, so that nobody waits behind a server that does not answer."""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any

import anyio
import httpx
from anyio import CapacityLimiter, to_thread
from live_service import until
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from vo_service.dali.sending import Sendable, send_stored

MORE_THAN_THERE_ARE = 60
"""Requests at a time, of which the threads that all share are fewer."""


@dataclass
class Far:
    """Bytes that come once ``answers`` is set, and how many wait for them."""

    answers: threading.Event
    waiting: list[int]
    closed: list[int] = field(default_factory=list)

    def read_at(self, offset: int, length: int) -> bytes:
        self.waiting.append(offset)
        assert self.answers.wait(60)
        return b"far"[offset : offset + length]

    def close(self) -> None:
        self.closed.append(1)


class Near:
    """Bytes that are there."""

    def read_at(self, offset: int, length: int) -> bytes:
        return b"near"[offset : offset + length]

    def close(self) -> None:
        pass


def test_slow_bytes_delay_no_others() -> None:
    far = Far(threading.Event(), [])
    few = CapacityLimiter(2)

    async def send_far(request: Request) -> Response:
        return send_stored(request, Sendable(far, 3, '"far"', None, "text/plain", few), {})

    async def send_near(request: Request) -> Response:
        return send_stored(request, Sendable(Near(), 4, '"near"', None, "text/plain"), {})

    app = Starlette(routes=[Route("/far", send_far), Route("/near", send_near)])
    answers: list[str] = []

    async def ask() -> None:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://x", timeout=60) as browser:

            async def ask_far() -> None:
                answers.append((await browser.get("/far")).text)

            async with anyio.create_task_group() as tasks:
                for _ in range(MORE_THAN_THERE_ARE):
                    tasks.start_soon(ask_far)
                assert await to_thread.run_sync(until, lambda: len(far.waiting) == few.total_tokens)
                assert to_thread.current_default_thread_limiter().borrowed_tokens == 0
                try:
                    assert (await browser.get("/near")).text == "near" and not answers
                finally:
                    far.answers.set()

    anyio.run(ask)
    assert answers == ["far"] * MORE_THAN_THERE_ARE == ["far"] * len(far.closed)


@dataclass
class Watched:
    """Bytes that tell of reading and closing; a block past the first comes once ``answers`` is set."""

    size: int
    answers: threading.Event
    open_now: int = 0
    closed: bool = False
    closed_while_read: bool = False
    begun: list[int] = field(default_factory=list)

    def read_at(self, offset: int, length: int) -> bytes:
        self.begun.append(offset)
        if offset:
            self.open_now += 1
            assert self.answers.wait(60)
            self.open_now -= 1
        return bytes(min(length, self.size - offset))

    def close(self) -> None:
        self.closed_while_read = self.open_now > 0
        self.closed = True


def watched_app(watched: Watched) -> Starlette:
    async def send(request: Request) -> Response:
        return send_stored(request, Sendable(watched, watched.size, '"w"', None, "text/plain"), {})

    return Starlette(routes=[Route("/", send)])


def asked(app: Starlette, taken: Callable[[bytes], Awaitable[bool]]) -> None:
    """A GET whose client takes pieces until ``taken`` says that it leaves."""

    async def main() -> None:
        left = anyio.Event()

        async def receive() -> dict[str, object]:
            await left.wait()
            return {"type": "http.disconnect"}

        async def send(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.body" and await taken(message.get("body", b"")):
                left.set()
                await anyio.sleep_forever()

        scope = {"type": "http", "method": "GET", "path": "/", "headers": [], "query_string": b""}
        with anyio.fail_after(60):
            await app({**scope, "root_path": "", "http_version": "1.1"}, receive, send)

    anyio.run(main)


def test_the_next_block_is_read_while_one_is_sent() -> None:
    watched = Watched(5 << 20, threading.Event())

    async def taken(piece: bytes) -> bool:
        # the second block is being read though the first is not sent yet
        assert await to_thread.run_sync(until, lambda: len(watched.begun) >= 2)
        watched.answers.set()
        return False

    asked(watched_app(watched), taken)
    assert watched.begun == [0, 2 << 20, 4 << 20]
    assert watched.closed


def test_bytes_are_closed_when_nobody_reads_them_any_more() -> None:
    watched = Watched(5 << 20, threading.Event())

    async def taken(piece: bytes) -> bool:
        assert await to_thread.run_sync(until, lambda: watched.open_now > 0)
        threading.Timer(0.3, watched.answers.set).start()
        return True  # leaves while the next block is being read

    asked(watched_app(watched), taken)
    assert watched.closed
    assert not watched.closed_while_read
    assert watched.begun == [0, 2 << 20]


@dataclass
class Doubtful:
    """Bytes of which each range may be of another source; it notes what it was asked."""

    asked: list[object] = field(default_factory=list)

    def read_at(self, offset: int, length: int) -> bytes:
        self.asked.append((offset, length))
        return bytes(length)

    def confirm(self) -> None:
        self.asked.append("confirm")

    def leave(self) -> None:
        self.asked.append("leave")

    def close(self) -> None:
        self.asked.append("close")


def ask_doubtful(method: str, range_methods: tuple[str, ...] | None = None) -> tuple[int, list[object]]:
    """The status of an answer of two ranges, and what its bytes were asked."""
    doubtful = Doubtful()
    more = {} if range_methods is None else {"range_methods": range_methods}

    async def send(request: Request) -> Response:
        return send_stored(request, Sendable(doubtful, 1000, '"d"', None, "text/plain"), {}, **more)

    async def ask() -> int:
        transport = httpx.ASGITransport(app=Starlette(routes=[Route("/", send, methods=["GET", "POST"])]))
        async with httpx.AsyncClient(transport=transport, base_url="http://x") as browser:
            return (await browser.request(method, "/", headers={"Range": "bytes=0-9,500-509"})).status_code

    return anyio.run(ask), doubtful.asked


def test_each_range_is_confirmed_before_its_last_bytes() -> None:
    assert ask_doubtful("GET") == (206, [(0, 10), "confirm", (500, 10), "confirm", "leave", "close"])


def test_ranges_count_for_the_methods_of_a_door() -> None:
    assert ask_doubtful("POST") == (200, [(0, 1000), "confirm", "leave", "close"])
    assert ask_doubtful("POST", ("GET", "POST"))[0] == 206
