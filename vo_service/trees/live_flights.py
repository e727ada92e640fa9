"""Work on which many requests of a client wait: done once, for as long as any of them still waits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from anyio import CapacityLimiter, to_thread
from starlette.types import Receive

from vo_service.dali.leaving import client_left
from vo_service.dali.streams import Cancellation, ClientGone


@dataclass(slots=True, eq=False)
class _Flight:
    """Work that is being done, and how many wait for it."""

    cancellation: Cancellation = field(default_factory=Cancellation)
    waiting: int = 0
    working: asyncio.Future[None] = field(init=False)


class Flights:
    """Work by keys, ``threads`` of them at a time. Of one event loop.

    A client for tiles asks for tens of them at once, which may all be of one result: they take one thread,
    and count as one thing that the client waits for.
    """

    def __init__(self, threads: int) -> None:
        self._threads = CapacityLimiter(threads)
        self._flying: dict[str, _Flight] = {}

    async def join(self, key: str, work: Callable[[Cancellation], None], receive: Receive) -> None:
        """Wait for the work of that key, begun here where nobody waits for it yet. Raises what it raises, and
        ClientGone once the client leaves; the work is ended when the last one has left."""
        flight = self._flying.get(key)
        if flight is None:
            flight = self._begin(key, work)
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
                self._forget(key, flight)  # whoever comes now begins anew
                flight.cancellation.cancel()

    def _begin(self, key: str, work: Callable[[Cancellation], None]) -> _Flight:
        flight = _Flight()
        flight.working = asyncio.ensure_future(
            to_thread.run_sync(work, flight.cancellation, limiter=self._threads)
        )
        self._flying[key] = flight

        def over(working: asyncio.Future[None]) -> None:
            self._forget(key, flight)
            if not working.cancelled():
                working.exception()  # seen, so that nobody reports it as lost

        flight.working.add_done_callback(over)
        return flight

    def _forget(self, key: str, flight: _Flight) -> None:
        if self._flying.get(key) is flight:
            del self._flying[key]
