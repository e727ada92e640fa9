"""Whose work runs next in the threads of one process."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from functools import partial


@dataclass(slots=True, eq=False)
class _Turn:
    """Work of a client; from when it may begin until it has ended it ``holds`` one of the threads."""

    client: str
    work: Callable[[], None]
    future: Future[None] = field(default_factory=Future)
    holds: bool = False


@dataclass(slots=True)
class _Waiting:
    """Work of one client that has no thread yet, oldest first."""

    since: int
    turns: deque[_Turn] = field(default_factory=deque)


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
        """Have work done when it is the client's turn; cancelling what comes back, until a thread has begun,
        keeps it from being done.

        ``work`` raises nothing. Raises RuntimeError where no thread will do it: the executor was shut down,
        or the system has no room for another thread.
        """
        turn = _Turn(client, work)
        with self._lock:
            self._arrived += 1
            waiting = self._waiting.setdefault(client, _Waiting(self._arrived))
            waiting.turns.append(turn)
        turn.future.add_done_callback(partial(self._forget, client))
        self._fill()
        if turn.future.cancelled():
            raise RuntimeError("no thread takes the work")
        return turn.future

    def _forget(self, client: str, ended: Future[None]) -> None:
        """Work that was cancelled leaves the queue, with all that it holds."""
        if not ended.cancelled():
            return
        with self._lock:
            waiting = self._waiting.get(client)
            if waiting is not None:
                waiting.turns = deque(each for each in waiting.turns if each.future is not ended)
                if not waiting.turns:
                    del self._waiting[client]

    def _fill(self) -> None:
        """Start what may start; where a thread cannot be had, everything that waits is cancelled."""
        while (turn := self._next()) is not None:
            try:
                self._executor.submit(self._work, turn)
            except RuntimeError:
                # an executor that could not start a thread has queued the work all the same: another of its
                # threads may have begun it by now, and else finds it cancelled
                if turn.future.cancel():
                    self._end(turn)
                    self._cancel_all()
                    return

    def _next(self) -> _Turn | None:
        """The next work, its thread reserved."""
        with self._lock:
            if not self._free or (client := self._next_client()) is None:
                return None
            turn = self._take(client)
            turn.holds = True
            self._free -= 1
            self._running[client] += 1
            return turn

    def _next_client(self) -> str | None:
        may = [client for client in self._waiting if self._running[client] < self._most]
        return min(may, key=lambda client: (self._running[client], self._waiting[client].since), default=None)

    def _take(self, client: str) -> _Turn:
        waiting = self._waiting[client]
        first = waiting.turns.popleft()
        if waiting.turns:
            self._arrived += 1
            waiting.since = self._arrived  # behind those who have as many threads and came before
        else:
            del self._waiting[client]
        return first

    def _work(self, turn: _Turn) -> None:
        begins = turn.future.set_running_or_notify_cancel()
        try:
            if begins:
                turn.work()
        finally:
            self._end(turn)
            if begins:
                turn.future.set_result(None)
            self._fill()

    def _end(self, turn: _Turn) -> None:
        """Free the thread of a turn. Only the first call does something."""
        with self._lock:
            if turn.holds:
                turn.holds = False
                self._free += 1
                self._running[turn.client] -= 1
                if not self._running[turn.client]:
                    del self._running[turn.client]

    def _cancel_all(self) -> None:
        with self._lock:
            waiting = [turn.future for each in self._waiting.values() for turn in each.turns]
            self._waiting.clear()
        for future in waiting:
            future.cancel()
