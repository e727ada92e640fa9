"""Bytes that are far have threads of their own, so that nobody waits behind a server that does not answer."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

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
