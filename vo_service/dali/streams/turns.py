"""Whose work runs next in the threads of one process."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from functools import partial


@dataclass(slots=True)
class _Waiting:
    """Work of one client that has no thread yet, oldest first."""

    since: int
    works: deque[tuple[Future[None], Callable[[], None]]] = field(default_factory=deque)


class Turns:
    """Gives the ``slots`` threads of ``executor`` to the clients in turn: next is who has the fewest of them.

    Nobody has more than half of them (of a single one all): work that takes long cannot be put aside for
    another client who comes later. Safe to use from any thread.
    """

    def __init__(self, executor: Executor, slots: int) -> None:
        self._executor = executor
        self._free = slots
        self._most = max(1, slots // 2)
        self._lock = threading.Lock()
        self._running: Counter[str] = Counter()
        self._waiting: dict[str, _Waiting] = {}
        self._arrived = 0

    def submit(self, client: str, work: Callable[[], None]) -> Future[None]:
        """Have work done when it is the client's turn; cancelling what comes back takes it out of the queue.

        ``work`` raises nothing. Raises RuntimeError where the executor was shut down.
        """
        future: Future[None] = Future()
        with self._lock:
            self._arrived += 1
            waiting = self._waiting.setdefault(client, _Waiting(self._arrived))
            waiting.works.append((future, work))
        future.add_done_callback(partial(self._forget, client))
        self._fill()
        return future

    def _forget(self, client: str, ended: Future[None]) -> None:
        """Work that was cancelled leaves the queue, with all that it holds."""
        if not ended.cancelled():
            return
        with self._lock:
            waiting = self._waiting.get(client)
            if waiting is not None:
                waiting.works = deque(each for each in waiting.works if each[0] is not ended)
                if not waiting.works:
                    del self._waiting[client]

    def _fill(self) -> None:
        """Start what may start. Raises RuntimeError, with everything that waits cancelled."""
        while (begun := self._next()) is not None:
            client, future, work = begun
            try:
                self._executor.submit(self._work, client, future, work)
            except RuntimeError:
                self._end(client)
                self._cancel_all(future)
                raise

    def _next(self) -> tuple[str, Future[None], Callable[[], None]] | None:
        """The next work, its thread reserved."""
        with self._lock:
            while self._free and (client := self._next_client()) is not None:
                future, work = self._take(client)
                if future.set_running_or_notify_cancel():
                    self._free -= 1
                    self._running[client] += 1
                    return client, future, work
            return None

    def _next_client(self) -> str | None:
        may = [client for client in self._waiting if self._running[client] < self._most]
        return min(may, key=lambda client: (self._running[client], self._waiting[client].since), default=None)

    def _take(self, client: str) -> tuple[Future[None], Callable[[], None]]:
        waiting = self._waiting[client]
        first = waiting.works.popleft()
        if waiting.works:
            self._arrived += 1
            waiting.since = self._arrived  # behind those who have as many threads and came before
        else:
            del self._waiting[client]
        return first

    def _work(self, client: str, future: Future[None], work: Callable[[], None]) -> None:
        try:
            work()
        finally:
            self._end(client)
            future.set_result(None)
            self._go_on()

    def _go_on(self) -> None:
        """Start what may start now that a thread is free."""
        try:
            self._fill()
        except RuntimeError:  # the server ends: what waited was cancelled
            return

    def _end(self, client: str) -> None:
        with self._lock:
            self._free += 1
            self._running[client] -= 1
            if not self._running[client]:
                del self._running[client]

    def _cancel_all(self, first: Future[None]) -> None:
        with self._lock:
            waiting = [future for each in self._waiting.values() for future, _ in each.works]
            self._waiting.clear()
        first.set_result(None)
        for future in waiting:
            future.cancel()
