"""The connections of one engine: opened when wanted, kept while they are well, so many and no more."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress

from vo_service.engines.errors import EngineAway, EngineError
from vo_service.engines.postgresql_session import Session

_LOOK_SECONDS = 0.1  # how often one who waits looks whether he still shall


class Pool:
    """At most ``size`` sessions by ``address``. Safe for several threads."""

    def __init__(self, address: str, size: int) -> None:
        self._address = address
        self._free = size
        self._idle: list[Session] = []
        self._changed = threading.Condition()
        self._closed = False

    def take(self, check: Callable[[], None]) -> tuple[Session, bool]:
        """A session, and whether it has been used before (then the server may have left it since).

        Where all are in use it waits, calling ``check`` now and then, which raises when waiting shall end.
        """
        with self._changed:
            while not self._free:
                self._changed.wait(_LOOK_SECONDS)
                check()
            if self._closed:
                raise EngineAway("the engine has been closed")
            self._free -= 1
            if self._idle:
                return self._idle.pop(), True
        return self._opened(), False

    def renew(self, session: Session) -> Session:
        """A fresh session in the place of one that does not answer. Raises EngineAway."""
        session.close()
        with self._changed:
            idle, self._idle = self._idle, []  # what one has lost, the others have too
        for other in idle:
            other.close()
        return self._opened()

    def _opened(self) -> Session:
        try:
            return Session(self._address)
        except EngineError as error:
            self._release()
            raise EngineAway(str(error)) from error

    def give(self, session: Session) -> None:
        """Take a session back that has ended its statement."""
        well = False
        with suppress(EngineError):
            session.forget()
            well = True
        with self._changed:
            if well and not self._closed:
                self._idle.append(session)
                self._free += 1
                self._changed.notify()
                return
        self.drop(session)

    def drop(self, session: Session) -> None:
        """End a session that is of no more use."""
        session.close()
        self._release()

    def _release(self) -> None:
        with self._changed:
            self._free += 1
            self._changed.notify()

    def close(self) -> None:
        """End the sessions that are idle now, and the others as they come back."""
        with self._changed:
            self._closed = True
            idle, self._idle = self._idle, []
            self._changed.notify_all()
        for session in idle:
            session.close()
