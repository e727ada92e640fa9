"""How a question is stopped, whichever of its statements runs at that moment."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from vo_service.engines import QueryCancelled


class Stop:
    """Ends what runs, and keeps what has not begun from running. Safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._end: Callable[[], None] | None = None
        self._asked = False

    def ask(self) -> None:
        """Stop now."""
        with self._lock:
            self._asked = True
            if self._end is not None:
                self._end()

    def check(self) -> None:
        """Raises QueryCancelled where stopping was asked for."""
        with self._lock:
            if self._asked:
                raise QueryCancelled("the query was stopped")

    @contextmanager
    def ending(self, end: Callable[[], None]) -> Iterator[None]:
        """Let ``end`` be what stops it, for the block. Raises QueryCancelled where that was asked before."""
        with self._lock:
            if self._asked:
                raise QueryCancelled("the query was stopped")
            self._end = end
        try:
            yield
        finally:
            with self._lock:
                self._end = None
