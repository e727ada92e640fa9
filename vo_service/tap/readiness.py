"""Whether jobs may begin: what answers queries is there, as far as this process knows.

It is taken to be there until somebody met the opposite. Then it is asked now and then, in a thread of its
own, until it answers; meanwhile jobs wait in the queue, and to look at that costs nothing.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from vo_service.dali.errors import ServiceAway

_log = logging.getLogger(__name__)

_FIRST_SECONDS = 0.2
_LAST_SECONDS = 5.0


class Readiness:
    """Safe for several threads. ``trouble`` says what keeps queries from being answered now, None where
    nothing does; it may block."""

    def __init__(self, trouble: Callable[[], str | None]) -> None:
        self._trouble = trouble
        self._ready = True
        self._lock = threading.Lock()
        self._closed = threading.Event()

    def __call__(self) -> bool:
        """Whether jobs may begin."""
        return self._ready

    @contextmanager
    def doubted(self) -> Iterator[None]:
        """Doubt it where the block ends in ServiceAway."""
        try:
            yield
        except ServiceAway:
            self.doubt()
            raise

    def doubt(self) -> None:
        """No job begins until queries have been seen to be answered."""
        with self._lock:
            if self._ready and not self._closed.is_set():
                looking = threading.Thread(target=self._look, name="readiness", daemon=True)
                try:
                    looking.start()
                except RuntimeError as error:  # no room for a thread: the next job doubts it again
                    _log.warning("nobody looks whether queries are answered: %s", error)
                    return
                self._ready = False

    def close(self) -> None:
        """Look no more."""
        self._closed.set()

    def _look(self) -> None:
        pause = _FIRST_SECONDS
        while not self._closed.wait(pause):
            if self._is_well():
                with self._lock:
                    self._ready = True
                return
            pause = min(2 * pause, _LAST_SECONDS)

    def _is_well(self) -> bool:
        try:
            return self._trouble() is None
        except Exception:  # the top of a thread without which no job would ever begin again
            _log.exception("looking whether queries are answered failed")
            return False
