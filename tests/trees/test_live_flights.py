"""Requests that wait for the same work: it is done once, for as long as somebody waits."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from live_service import until

from vo_service.dali.errors import ErrorKind, ServiceError
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


class Refused(Work):
    """Is not let in so many times, and then done at once."""

    def __init__(self, times: int, kind: ErrorKind) -> None:
        super().__init__(ServiceError(kind, "not now"))
        self._times = times
        self.over.set()

    def __call__(self, cancellation: Cancellation) -> None:
        if self.begun == self._times:
            self._error = None
        super().__call__(cancellation)


def made(abreast: int = 4, queued: int = 10, patience: float = 60.0) -> Flights:
    return Flights(4, abreast, queued, patience)


def within(test: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(asyncio.wait_for(test(), 60.0))


async def begun(work: Work) -> None:
    assert await asyncio.to_thread(until, lambda: work.begun)


def test_all_wait_for_one() -> None:
    async def test() -> None:
        flights, work, clients = made(), Work(), [Client() for _ in range(5)]
        waiting = [asyncio.ensure_future(flights.join("me", "a", work, each.receive)) for each in clients]
        await begun(work)
        clients[0].left.set()
        with pytest.raises(ClientGone):
            await waiting[0]
        assert not work.over.is_set()
        work.over.set()
        await asyncio.gather(*waiting[1:])
        assert (work.begun, work.cancelled) == (1, 0)
        await flights.join("me", "a", work, Client().receive)
        assert work.begun == 2

    within(test)


def test_what_goes_wrong_is_told_to_all() -> None:
    async def test() -> None:
        flights, work = made(), Work(ValueError("no"))
        waiting = [asyncio.ensure_future(flights.join("me", "a", work, Client().receive)) for _ in range(3)]
        await begun(work)
        work.over.set()
        for each in waiting:
            with pytest.raises(ValueError, match="no"):
                await each
        assert work.begun == 1

    within(test)


def test_it_ends_when_the_last_has_left() -> None:
    async def test() -> None:
        flights, work, clients = made(), Work(), [Client(), Client()]
        waiting = [asyncio.ensure_future(flights.join("me", "a", work, each.receive)) for each in clients]
        await begun(work)
        for client in clients:
            client.left.set()
        for each in waiting:
            with pytest.raises(ClientGone):
                await each
        new, other = Work(), Client()
        new.over.set()
        await flights.join("me", "a", new, other.receive)
        assert new.begun == 1
        assert until(lambda: work.cancelled == 1)

    within(test)


def test_other_work_has_flights_of_its_own() -> None:
    async def test() -> None:
        flights, one, two = made(), Work(), Work()
        waiting = [
            asyncio.ensure_future(flights.join("me", key, work, Client().receive))
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


async def leave(client: Client, waiting: asyncio.Future[None]) -> None:
    client.left.set()
    with pytest.raises(ClientGone):
        await waiting


def test_the_work_of_a_client_waits_for_its_turn() -> None:
    async def test() -> None:
        flights, works, clients = made(abreast=2), [Work() for _ in range(5)], [Client() for _ in range(5)]
        waiting = [
            asyncio.ensure_future(flights.join("me", str(key), work, client.receive))
            for key, (work, client) in enumerate(zip(works, clients, strict=True))
        ]
        other = Work()
        others = asyncio.ensure_future(flights.join("other", "0", other, Client().receive))
        for each in (*works[:2], other):  # another client has turns of its own
            await begun(each)
        assert [work.begun for work in works] == [1, 1, 0, 0, 0]
        await leave(clients[2], waiting[2])  # is never begun
        works[0].over.set()
        await waiting[0]
        await begun(works[3])
        assert [work.begun for work in works] == [1, 1, 0, 1, 0]
        for work in (*works, other):
            work.over.set()
        await asyncio.gather(*waiting[3:], waiting[1], others)
        assert [work.begun for work in works] == [1, 1, 0, 1, 1]

    within(test)


def test_the_queue_of_a_client_has_an_end() -> None:
    async def test() -> None:
        flights, works = made(abreast=1, queued=2), [Work() for _ in range(3)]
        waiting = [
            asyncio.ensure_future(flights.join("me", str(key), work, Client().receive))
            for key, work in enumerate(works)
        ]
        await begun(works[0])
        with pytest.raises(ServiceError, match="3 results are made for you") as told:
            await flights.join("me", "3", Work(), Client().receive)
        assert told.value.status == 429
        joined = asyncio.ensure_future(flights.join("me", "2", works[2], Client().receive))
        for work in works:
            work.over.set()
        await asyncio.gather(*waiting, joined)
        assert [work.begun for work in works] == [1, 1, 1]

    within(test)


def test_the_queue_has_its_end_also_for_what_comes_in_one_turn() -> None:
    async def test() -> None:
        flights, works = made(abreast=1, queued=2), [Work() for _ in range(20)]
        waiting = [
            asyncio.ensure_future(flights.join("me", str(key), work, Client().receive))
            for key, work in enumerate(works)
        ]
        refused, _ = await asyncio.wait(waiting[3:])
        assert {str(each.exception()) for each in refused} == {"3 results are made for you."}
        for work in works:
            work.over.set()
        await asyncio.gather(*waiting[:3])
        assert [work.begun for work in works] == [1] * 3 + [0] * 17
        await flights.join("me", "3", works[3], Client().receive)  # there is room again

    within(test)


@pytest.mark.parametrize(
    ("threads", "status", "told"),
    [(4, 429, "for you before"), (1, 503, "for others")],
    ids=["turn", "thread"],
)
def test_what_does_not_get_its_turn_in_time_is_told_so(threads: int, status: int, told: str) -> None:
    async def test() -> None:
        flights, long, late = Flights(threads, 1, 10, 0.2), Work(), Work()
        at_work = asyncio.ensure_future(flights.join("me", "0", long, Client().receive))
        await begun(long)
        client = "me" if threads > 1 else "other"
        with pytest.raises(ServiceError, match=told) as refused:
            await asyncio.wait_for(flights.join(client, "1", late, Client().receive), 30.0)
        assert (refused.value.status, late.begun) == (status, 0)
        assert not at_work.done()  # what is at work takes the time that it takes
        long.over.set()
        late.over.set()
        await at_work
        await flights.join(client, "1", late, Client().receive)
        assert late.begun == 1

    within(test)


@pytest.mark.parametrize("kind", [ErrorKind.LIMIT, ErrorKind.BUSY])
def test_what_is_not_let_in_is_tried_again(kind: ErrorKind) -> None:
    async def test() -> None:
        work = Refused(2, kind)
        await made().join("me", "a", work, Client().receive)
        assert work.begun == 3
        with pytest.raises(ServiceError, match="not now"):
            await made(patience=0.0).join("me", "a", Refused(1, kind), Client().receive)
        client, work, flights = Client(), Refused(10**6, kind), made()
        waiting = asyncio.ensure_future(flights.join("me", "a", work, client.receive))
        await begun(work)
        await leave(client, waiting)
        tried = work.begun
        await asyncio.sleep(1.2)  # longer than until the next try
        assert work.begun <= tried + 1

    within(test)


def test_other_errors_are_told_at_once() -> None:
    async def test() -> None:
        work = Refused(2, ErrorKind.TIMEOUT)
        with pytest.raises(ServiceError, match="not now"):
            await made().join("me", "a", work, Client().receive)
        assert work.begun == 1

    within(test)
