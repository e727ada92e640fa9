"""Requests that wait for the same work: it is done once, for as long as somebody waits."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from live_service import until

from vo_service.dali.streams import Cancellation, ClientGone
from vo_service.trees.live_flights import Flights


class Client:
    """Whether it is still there."""

    def __init__(self) -> None:
        self.left = asyncio.Event()

    async def receive(self) -> dict[str, Any]:
        await self.left.wait()
        return {"type": "http.disconnect"}


class Work:
    """Waits until it may end, or is told to."""

    def __init__(self, error: Exception | None = None) -> None:
        self.begun, self.over, self.cancelled = 0, threading.Event(), 0
        self._error = error

    def __call__(self, cancellation: Cancellation) -> None:
        self.begun += 1
        cancellation.on_cancel(self.over.set)
        assert self.over.wait(60.0)
        cancellation.on_cancel(None)
        if cancellation.requested:
            self.cancelled += 1
            raise ClientGone
        if self._error is not None:
            raise self._error


def within(test: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(asyncio.wait_for(test(), 60.0))


async def begun(work: Work) -> None:
    assert await asyncio.to_thread(until, lambda: work.begun)


def test_all_wait_for_one() -> None:
    async def test() -> None:
        flights, work, clients = Flights(4), Work(), [Client() for _ in range(5)]
        waiting = [asyncio.ensure_future(flights.join("a", work, each.receive)) for each in clients]
        await begun(work)
        clients[0].left.set()
        with pytest.raises(ClientGone):
            await waiting[0]
        assert not work.over.is_set()
        work.over.set()
        await asyncio.gather(*waiting[1:])
        assert (work.begun, work.cancelled) == (1, 0)
        await flights.join("a", work, Client().receive)
        assert work.begun == 2

    within(test)


def test_what_goes_wrong_is_told_to_all() -> None:
    async def test() -> None:
        flights, work = Flights(4), Work(ValueError("no"))
        waiting = [asyncio.ensure_future(flights.join("a", work, Client().receive)) for _ in range(3)]
        await begun(work)
        work.over.set()
        for each in waiting:
            with pytest.raises(ValueError, match="no"):
                await each
        assert work.begun == 1

    within(test)


def test_it_ends_when_the_last_has_left() -> None:
    async def test() -> None:
        flights, work, clients = Flights(4), Work(), [Client(), Client()]
        waiting = [asyncio.ensure_future(flights.join("a", work, each.receive)) for each in clients]
        await begun(work)
        for client in clients:
            client.left.set()
        for each in waiting:
            with pytest.raises(ClientGone):
                await each
        new, other = Work(), Client()
        new.over.set()
        await flights.join("a", new, other.receive)
        assert new.begun == 1
        assert until(lambda: work.cancelled == 1)

    within(test)


def test_other_work_has_flights_of_its_own() -> None:
    async def test() -> None:
        flights, one, two = Flights(4), Work(), Work()
        waiting = [
            asyncio.ensure_future(flights.join(key, work, Client().receive))
            for key, work in (("a", one), ("b", two))
        ]
        await begun(one)
        await begun(two)
        two.over.set()
        await waiting[1]
        assert not waiting[0].done()
        one.over.set()
        await waiting[0]

    within(test)
