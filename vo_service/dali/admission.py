"""Who may begin another piece of work now: limits for each client in all processes, and for the queue of this
one."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from vo_service.dali.errors import ErrorKind, ServiceError
from vo_service.store.board import Board, BoardFull


@dataclass(frozen=True, slots=True)
class AdmissionLimits:
    """Pieces of work that one client has running or waiting in all processes of this host; those that run at
    a time, and that wait, in this process."""

    per_client: int
    running: int
    waiting: int


class Admission:
    """Counts pieces of work of one ``kind`` from their arrival to their end. Safe to use from any thread.

    Nobody waits here for another one to end, only for the short lock of the board. ``opened`` hears how many
    more there are.
    """

    def __init__(
        self,
        board: Board,
        limits: AdmissionLimits,
        opened: Callable[[int], None] = lambda change: None,
        kind: str = "queries",
    ) -> None:
        self._kind = kind
        self._board = board
        self._limits = limits
        self._opened = opened
        self._lock = threading.Lock()
        self._admitted = 0

    def admit(self, client: str) -> Callable[[], None]:
        """Let a client begin; what comes back must be called once when its work is over.

        Raises ServiceError (429, with Retry-After) beyond a limit.
        """
        with self._lock:
            if self._admitted >= self._limits.running + self._limits.waiting:
                raise _limit(f"Too many {self._kind} wait for their turn", "Try again in some seconds.")
            self._admitted += 1
        claimant = f"{self._kind} {client}"
        try:
            self._claim(claimant)
        except ServiceError:
            with self._lock:
                self._admitted -= 1
            raise
        self._opened(1)
        return self._ticket(claimant)

    def _claim(self, client: str) -> None:
        most = self._limits.per_client
        try:
            if self._board.claim(client) <= most:
                return
        except BoardFull as error:
            raise _limit("Too many clients ask at a time", "Try again in some seconds.") from error
        self._board.sweep()  # a process that was killed may have left claims
        if self._board.claims(client) > most:
            self._board.release(client)
            raise _limit(
                f"You have {most} {self._kind} running or waiting,"
                " the most that this service allows a client",
                "Wait for some of them to end, or run them as asynchronous jobs.",
            )

    def _ticket(self, client: str) -> Callable[[], None]:
        left = [client]

        def over() -> None:
            with self._lock:
                if not left:
                    return
                left.clear()
                self._admitted -= 1
            self._board.release(client)
            self._opened(-1)

        return over


def _limit(message: str, hint: str) -> ServiceError:
    return ServiceError(ErrorKind.LIMIT, f"{message}.", hint)
