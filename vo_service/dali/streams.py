"""From a thread that makes bytes to a client that takes them, with little waiting between (design 5.7, 5.10).

The work (a query and its encoding) runs in a thread, so that the event loop never waits for it. It may run
ahead of the client by a few megabytes only. Pieces that wait together leave together: a small answer goes in
one packet, a slow one leaves piece by piece as it is made. When the client goes away the work is told to
stop: what it registered with its `Cancellation` is called, and the next piece it hands over raises
`ClientGone`.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Generator, Mapping
from concurrent.futures import Executor, Future
from contextlib import closing, suppress

from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from vo_service.dali.errors import ErrorKind, ServiceError

_AHEAD_BYTES = 4 << 20  # bytes that may wait for the client before the work has to


class ClientGone(Exception):
    """Raised inside the work when nobody waits for its bytes any more."""


class Cancellation:
    """How the event loop's side tells the work to stop; the work registers what ends it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._stop: Callable[[], None] | None = None
        self._requested = False

    @property
    def requested(self) -> bool:
        """Whether somebody asked the work to end."""
        return self._requested

    def on_cancel(self, stop: Callable[[], None] | None) -> None:
        """From now on ``stop`` ends the work; None once there is nothing left to end.

        ``stop`` must be quick and safe to call from another thread. It is called at once where the end was
        asked for before, and never after a later ``on_cancel(None)`` has returned.
        """
        with self._lock:
            self._stop = stop
            if self._requested and stop is not None:
                stop()

    def cancel(self) -> None:
        """Ask the work to end. Only the first call does something."""
        with self._lock:
            if not self._requested:
                self._requested = True
                if self._stop is not None:
                    self._stop()


Work = Callable[[Cancellation], Generator[bytes, None, None]]


class Pump:
    """The bytes of one answer on their way from the work's thread to the event loop, which made the pump.

    ``work(cancellation)`` gives pieces of any size. What it raises comes out of `take`.
    """

    def __init__(self, work: Work) -> None:
        self._work = work
        self._loop = asyncio.get_running_loop()
        self._arrived = asyncio.Event()
        self._change = threading.Condition()  # guards everything below
        self._pieces: list[bytes] = []
        self._waiting_bytes = 0
        self._error: BaseException | None = None
        self._ended = False
        self._closed = False
        self._running: Future[None] | None = None
        self.cancellation = Cancellation()

    def start(self, executor: Executor, patience: float) -> None:
        """Have ``executor`` do the work.

        Where none of its threads is free within ``patience`` seconds, the work is given up, and `take` raises
        ServiceError (503).
        """
        self._running = executor.submit(self._run)
        self._loop.call_later(patience, self._give_up)

    def close(self) -> None:
        """Nobody wants more: end the work. Safe to call twice, and after the end."""
        with self._change:
            if self._ended:
                return
            self._closed = True
            self._change.notify_all()
        if self._running is None or not self._running.cancel():
            self.cancellation.cancel()

    async def take(self) -> tuple[bytes, bool]:
        """What has arrived, waiting for something to arrive, and whether that was the last of it.

        Raises what the work raised, once everything it made before has been taken.
        """
        while True:
            with self._change:
                if self._pieces or self._ended:
                    taken = b"".join(self._pieces)
                    self._pieces.clear()
                    self._waiting_bytes = 0
                    self._change.notify_all()
                    if self._error is not None and not taken:
                        raise self._error
                    return taken, self._ended and self._error is None
                self._arrived.clear()
            await self._arrived.wait()

    def _give_up(self) -> None:
        if self._running is not None and self._running.cancel():
            self._end(ServiceError(ErrorKind.BUSY, "The service is busy with other queries; try again soon."))

    def _run(self) -> None:
        try:
            with closing(self._work(self.cancellation)) as pieces:
                for piece in pieces:
                    self._hand_over(piece)
        except ClientGone:
            self._end(None)
        except BaseException as error:  # the top of a job: whatever it is, the request hears of it
            self._end(error)
        else:
            self._end(None)

    def _hand_over(self, piece: bytes) -> None:
        with self._change:
            while self._waiting_bytes > _AHEAD_BYTES and not self._closed:
                self._change.wait()
            if self._closed:
                raise ClientGone
            first = not self._pieces
            self._pieces.append(piece)
            self._waiting_bytes += len(piece)
        if first:
            self._wake()

    def _end(self, error: BaseException | None) -> None:
        with self._change:
            self._error = error
            self._ended = True
        self._wake()

    def _wake(self) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(self._arrived.set)


async def first_piece(pump: Pump, request: Request) -> tuple[bytes, bool]:
    """As `Pump.take`, but ends the work and raises `ClientGone` where the client leaves before anything came.

    The request's body must have been read before.
    """
    taking = asyncio.ensure_future(pump.take())
    leaving = asyncio.ensure_future(_disconnected(request.receive))
    try:
        await asyncio.wait((taking, leaving), return_when=asyncio.FIRST_COMPLETED)
        if not taking.done():
            raise ClientGone
        return taking.result()
    except BaseException:
        pump.close()
        raise
    finally:
        taking.cancel()
        leaving.cancel()


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


class PumpedResponse(StreamingResponse):
    """A response whose body comes out of a pump, and which stops the pump however it ends."""

    def __init__(self, pump: Pump, first: bytes, media_type: str, headers: Mapping[str, str]) -> None:
        super().__init__(_body(pump, first), media_type=media_type, headers=headers)
        self._pump = pump

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._pump.close()


async def _body(pump: Pump, first: bytes) -> AsyncIterator[bytes]:
    yield first
    last = False
    while not last:
        piece, last = await pump.take()
        if piece:
            yield piece
