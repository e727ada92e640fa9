"""The work runs in a thread, so that the event loop never waits for it, and ahead of the client.

Pieces that wait together leave together: a small answer goes in one packet, a slow one leaves piece by piece
as it is made. When the client goes away the work is told to stop: what it registered with its `Cancellation`
is called, and the next piece it hands over raises inside it.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Generator
from concurrent.futures import Future
from contextlib import closing, suppress
from contextvars import copy_context
from functools import partial

from anyio import to_thread

from vo_service.dali.errors import ErrorKind, ServiceError
from vo_service.dali.streams.spool import Spool, SpoolClosed


class ClientGone(Exception):
    """The client left before anything came."""


class StalledReader(ServiceError):
    """Thrown into the work whose reader takes nothing while its spool is full."""

    def __init__(self) -> None:
        super().__init__(
            ErrorKind.TIMEOUT,
            "The answer was read too slowly to be kept any longer; it ends before its last row.",
            "Ask for fewer rows or columns, or run the query as an asynchronous job.",
        )


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
"""Gives pieces of any size. `StalledReader` is thrown into it at most once; the little that it still gives
then, and what it raises, is how the answer ends."""

Submit = Callable[[Callable[[], None]], Future[None]]
"""Has something done in a thread. Raises RuntimeError where no thread will do it."""


class Pump:
    """The bytes of one answer on their way from the work's thread to the event loop, which made the pump.

    They wait in ``spool``, the pump's own. What the work raises comes out of `take`. ``over`` is called once,
    in any thread, when no thread works on it any more: its end, a failure, or given up in the queue.
    """

    def __init__(self, work: Work, spool: Spool, over: Callable[[], None] = lambda: None) -> None:
        self._work = work
        self._spool = spool
        self._over = over
        self._loop = asyncio.get_running_loop()
        self._arrived = asyncio.Event()
        self._error: BaseException | None = None
        self._ended = False
        self._running: Future[None] | None = None
        self._patience: asyncio.TimerHandle | None = None
        self.cancellation = Cancellation()

    def start(self, submit: Submit, patience: float) -> None:
        """Have the work done by a thread.

        Where none takes it within ``patience`` seconds, the work is given up, and `take` raises ServiceError
        (503).
        """
        try:
            # the thread knows by the context which request it works for
            self._running = submit(partial(copy_context().run, self._run))
        except RuntimeError as error:  # no thread takes it: the server ends, or has no room for more of them
            self._over()
            raise ServiceError(ErrorKind.BUSY, "The service takes no query now; try again soon.") from error
        self._patience = self._loop.call_later(patience, self._give_up)

    def close(self) -> None:
        """Nobody wants more: end the work and forget what waits. Safe to call twice, and after the end."""
        if not self._ended:
            if self._withdrawn():
                self._ended = True
            else:
                self.cancellation.cancel()
        self._spool.close()
        self._end_patience()

    async def take(self) -> tuple[bytes, bool]:
        """What has arrived, waiting for something to arrive, and whether that was the last of it.

        Raises what the work raised, once everything it made before has been taken.
        """
        while True:
            self._arrived.clear()  # before looking: what comes from now on sets it again
            ended = self._ended
            if ended or self._spool.waiting:
                self._end_patience()
            if self._spool.waiting:
                if self._spool.next_on_disk:
                    taken = await to_thread.run_sync(self._spool.take)
                else:
                    taken = self._spool.take()
                return taken, ended and self._error is None and not self._spool.waiting
            if ended:
                if self._error is not None:
                    raise self._error
                return b"", True
            await self._arrived.wait()

    def _give_up(self) -> None:
        if not self._ended and self._withdrawn():
            self._end(ServiceError(ErrorKind.BUSY, "The service is busy with other queries; try again soon."))

    def _end_patience(self) -> None:
        """The work had its turn: the clock, which would keep it in memory, is not needed any more."""
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _withdrawn(self) -> bool:
        """Whether the work could be kept from beginning."""
        if self._running is None or not self._running.cancel():
            return False
        self._over()
        return True

    def _run(self) -> None:
        error: BaseException | None = None
        try:
            with closing(self._work(self.cancellation)) as pieces:
                self._move(pieces)
        except SpoolClosed:
            pass
        except BaseException as caught:  # the top of a job: whatever it is, the request hears of it
            error = caught
        self._over()
        self._end(error)

    def _move(self, pieces: Generator[bytes, None, None]) -> None:
        for piece in pieces:
            if not piece:
                continue
            if self._spool.put(piece):
                self._wake()
            else:
                with suppress(StopIteration):
                    self._spool.put_last(pieces.throw(StalledReader()))
                for word in pieces:
                    self._spool.put_last(word)
                return

    def _end(self, error: BaseException | None) -> None:
        self._error = error
        self._ended = True
        self._wake()

    def _wake(self) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(self._arrived.set)
