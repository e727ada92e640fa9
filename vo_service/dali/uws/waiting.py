"""Requests that wait for a job to change, without a thread, a connection or a lock each (UWS 2.2.1.2).

A waiting request holds one asyncio event. The process's watch of the job database (`dali.uws.runner`) asks
`Waiters.watched` which jobs are waited for, and tells the newest version of them to `Waiters.tell`, from its
own thread.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field


@dataclass(slots=True, eq=False)
class Waiter:
    """One waiting request: ``seen`` is the version that it knows."""

    seen: int
    loop: asyncio.AbstractEventLoop
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    released: bool = False

    async def wait(self, seconds: float, leaving: asyncio.Future[None]) -> bool:
        """Whether the job changed within ``seconds``; ask the database what it became. False, too, as soon as
        ``leaving`` is done, or where all waiters were released."""
        change = asyncio.ensure_future(self.changed.wait())
        try:
            await asyncio.wait(
                (change, leaving), timeout=max(0.0, seconds), return_when=asyncio.FIRST_COMPLETED
            )
        finally:
            change.cancel()
        woken = self.changed.is_set() and not leaving.done() and not self.released
        self.changed.clear()
        return woken


class Waiters:
    """All waiting requests of a process. ``most``: beyond so many, nobody waits (UWS-089)."""

    def __init__(self, most: int = 5000) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._waiting: dict[str, set[Waiter]] = {}
        self._count = 0
        self._released = False

    @contextmanager
    def on(self, job_id: str, seen: int) -> Iterator[Waiter | None]:
        """A waiter on a job whose version ``seen`` the caller knows; None where too many wait already.

        A change that `tell` hears of from now on wakes it; the caller reads the job once more inside the
        block, so that none is lost in between (UWS-082).
        """
        waiter = Waiter(seen, asyncio.get_running_loop())
        with self._lock:
            room = self._count < self._most and not self._released
            if room:
                self._count += 1
                self._waiting.setdefault(job_id, set()).add(waiter)
        try:
            yield waiter if room else None
        finally:
            if room:
                self._forget(job_id, waiter)

    @property
    def count(self) -> int:
        """Requests that wait now."""
        return self._count

    def watched(self) -> frozenset[str]:
        """The jobs that are waited for."""
        with self._lock:
            return frozenset(self._waiting)

    def tell(self, watched: frozenset[str], versions: Mapping[str, int]) -> None:
        """Wake those whose job has another version than they know. A job of ``watched`` that ``versions``
        does not have is deleted."""
        with self._lock:
            woken = [
                waiter
                for job_id in watched
                for waiter in self._waiting.get(job_id, ())
                if versions.get(job_id) != waiter.seen
            ]
        _wake(woken)

    def release(self) -> None:
        """Nobody waits any more, now or later: the process ends soon, and answers with what is known now."""
        with self._lock:
            self._released = True
            woken = [waiter for waiters in self._waiting.values() for waiter in waiters]
        for waiter in woken:
            waiter.released = True
        _wake(woken)

    def _forget(self, job_id: str, waiter: Waiter) -> None:
        with self._lock:
            self._count -= 1
            others = self._waiting[job_id]
            others.discard(waiter)
            if not others:
                del self._waiting[job_id]


def _wake(waiters: Iterable[Waiter]) -> None:
    for waiter in waiters:
        with suppress(RuntimeError):  # its loop is closed: the process ends
            waiter.loop.call_soon_threadsafe(waiter.changed.set)
