"""Work on which many requests of a client wait: done once, for as long as any of them still waits."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

from anyio import CapacityLimiter, to_thread
from starlette.types import Receive

from vo_service.dali.errors import ErrorKind, ServiceError
from vo_service.dali.leaving import client_left
from vo_service.dali.streams import Cancellation, ClientGone

_PAUSE: Final = 0.5
"""Seconds after which work that was not let in is tried again."""
_NOT_NOW: Final = (ErrorKind.LIMIT, ErrorKind.BUSY)
"""Errors of work that was not let in."""
_AGAIN: Final = "Try again in some seconds."
_Key = tuple[str, str]


@dataclass(slots=True, eq=False)
class _Flight:
    """Work that is being done, or will be, and how many wait for it."""

    cancellation: Cancellation = field(default_factory=Cancellation)
    waiting: int = 0
    is_at_work: bool = False
    working: asyncio.Future[None] = field(init=False)


@dataclass(slots=True, eq=False)
class _Lane:
    """The work of one client, which is begun in the order in which it came; ``flights``: not over yet."""

    abreast: asyncio.Semaphore
    flights: int = 0


class Flights:
    """Work of clients by keys, ``threads`` of it at a time. Of one event loop.

    A client for tiles asks for tens of them at once, which may all be of one result: they take one thread,
    and count as one thing that the client waits for. Of different results ``abreast`` are worked at for one
    client, and up to ``queued`` wait for their turn: a client that looks through a cube is not to be told to
    come again. So does work that was refused because others are at work. Nothing waits for longer than
    ``patience`` (seconds) before it is begun.
    """

    def __init__(self, threads: int, abreast: int, queued: int, patience: float) -> None:
        self._threads = asyncio.Semaphore(threads)
        self._unlimited = CapacityLimiter(math.inf)
        self._abreast = abreast
        self._queued = queued
        self._patience = patience
        self._flying: dict[_Key, _Flight] = {}
        self._lanes: dict[str, _Lane] = {}

    async def join(
        self, client: str, key: str, work: Callable[[Cancellation], None], receive: Receive
    ) -> None:
        """Wait for the work of that key, begun here where nobody waits for it yet. Raises what it raises,
        ServiceError where too much of that client waits already or its turn does not come in time (429), or
        no thread is free in time (503), and ClientGone once the client leaves; the work is ended when the
        last one has left."""
        flight = self._flying.get((client, key))
        if flight is None:
            flight = self._begin((client, key), work)
        flight.waiting += 1
        leaving = asyncio.ensure_future(client_left(receive))
        try:
            await asyncio.wait((flight.working, leaving), return_when=asyncio.FIRST_COMPLETED)
            if not flight.working.done():
                raise ClientGone
            flight.working.result()
        finally:
            leaving.cancel()
            flight.waiting -= 1
            if not flight.waiting and not flight.working.done():
                self._end((client, key), flight)

    def _begin(self, key: _Key, work: Callable[[Cancellation], None]) -> _Flight:
        client = key[0]
        lane = self._lanes.setdefault(client, _Lane(asyncio.Semaphore(self._abreast)))
        if lane.flights >= self._abreast + self._queued:
            raise ServiceError(ErrorKind.LIMIT, f"{lane.flights} results are made for you.", _AGAIN)
        lane.flights += 1
        flight = _Flight()
        flight.working = asyncio.ensure_future(self._worked(lane, work, flight))
        self._flying[key] = flight

        def over(working: asyncio.Future[None]) -> None:
            self._forget(key, flight)
            lane.flights -= 1
            if not lane.flights:
                del self._lanes[client]
            if not working.cancelled():
                working.exception()  # seen, so that nobody reports it as lost

        flight.working.add_done_callback(over)
        return flight

    async def _worked(self, lane: _Lane, work: Callable[[Cancellation], None], flight: _Flight) -> None:
        clock = asyncio.get_running_loop().time
        until = clock() + self._patience
        async with _turn(lane.abreast, until, _not_your_turn):
            while True:
                try:
                    async with _turn(self._threads, until, _no_thread):
                        await self._at_work(work, flight)
                    return
                except ServiceError as error:
                    if error.kind not in _NOT_NOW or clock() >= until:
                        raise
                await asyncio.sleep(_PAUSE)

    async def _at_work(self, work: Callable[[Cancellation], None], flight: _Flight) -> None:
        flight.is_at_work = True
        try:
            await to_thread.run_sync(work, flight.cancellation, limiter=self._unlimited)
        finally:
            flight.is_at_work = False

    def _end(self, key: _Key, flight: _Flight) -> None:
        """Nobody waits any more; whoever comes now begins anew."""
        self._forget(key, flight)
        flight.cancellation.cancel()
        if not flight.is_at_work:
            flight.working.cancel()

    def _forget(self, key: _Key, flight: _Flight) -> None:
        if self._flying.get(key) is flight:
            del self._flying[key]


@asynccontextmanager
async def _turn(
    places: asyncio.Semaphore, until: float, too_late: Callable[[], ServiceError]
) -> AsyncIterator[None]:
    """One of the places, while the block lasts. Raises what ``too_late`` gives where none is free until then,
    by the clock of the event loop."""
    try:
        async with asyncio.timeout_at(until):
            await places.acquire()
    except TimeoutError as error:
        raise too_late() from error
    try:
        yield
    finally:
        places.release()


def _not_your_turn() -> ServiceError:
    return ServiceError(ErrorKind.LIMIT, "Other results are made for you before this one.", _AGAIN)


def _no_thread() -> ServiceError:
    return ServiceError(ErrorKind.BUSY, "The service makes results for others at present.", _AGAIN)
