"""One thread that calls back when a time is up, however many statements wait for theirs.

A thread for each statement would cost more than many a query does.
"""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections.abc import Callable


class Alarm:
    """One time to be called at. ``cancel`` is final, save for a call that is being made at that moment."""

    def __init__(self, ring: Callable[[], None]) -> None:
        self.ring: Callable[[], None] | None = ring

    def cancel(self) -> None:
        """Do not ring."""
        self.ring = None


class Clock:
    """Alarms of one engine. The thread starts with the first alarm and ends with :meth:`close`."""

    def __init__(self) -> None:
        self._alarms: list[tuple[float, int, Alarm]] = []
        self._order = itertools.count()
        self._changed = threading.Condition()
        self._closed = False
        self._thread: threading.Thread | None = None

    def set(self, seconds: float, ring: Callable[[], None]) -> Alarm:
        """Call ``ring``, which must be quick and raise nothing, when so many seconds have passed."""
        alarm = Alarm(ring)
        with self._changed:
            entry = (time.monotonic() + seconds, next(self._order), alarm)
            heapq.heappush(self._alarms, entry)
            if self._thread is None:
                self._thread = threading.Thread(target=self._watch, name="query-clock", daemon=True)
                self._thread.start()
            elif self._alarms[0] is entry:
                self._changed.notify()
        return alarm

    def close(self) -> None:
        """Forget all alarms and end the thread."""
        with self._changed:
            self._closed = True
            self._alarms.clear()
            self._changed.notify()

    def _watch(self) -> None:
        while (due := self._wait()) is not None:
            ring = due.ring  # read once: it may be cancelled at this moment
            if ring is not None:
                ring()

    def _wait(self) -> Alarm | None:
        """The next alarm, when its time has come; None at the end."""
        with self._changed:
            while not self._closed:
                while self._alarms and self._alarms[0][2].ring is None:
                    heapq.heappop(self._alarms)
                if not self._alarms:
                    self._changed.wait()
                elif (left := self._alarms[0][0] - time.monotonic()) > 0:
                    self._changed.wait(left)
                else:
                    return heapq.heappop(self._alarms)[2]
            return None
