"""Something that is asked now and then does not answer: neither it nor the log is to be flooded."""

from __future__ import annotations

import logging
import time

_PAUSE_SECONDS = 5.0
_LOG_SECONDS = 60.0


class Outage:
    """When somebody may ask again, and when ``log`` is told again, in ``words``, why nothing was learnt.

    Who calls it from several threads holds a lock, or bears to see a line twice.
    """

    def __init__(self, log: logging.Logger, words: str) -> None:
        self._log = log
        self._words = words
        self._told = float("-inf")
        self.until = float("-inf")
        """Until when nobody asks, by the monotonic clock."""

    @property
    def pauses(self) -> bool:
        """Whether the last failure is so new that whoever asked again would wait for the same one."""
        return time.monotonic() < self.until

    def note(self, error: Exception) -> None:
        """It did not answer: nobody asks for some seconds. The log hears of it once a minute."""
        now = time.monotonic()
        self.until = now + _PAUSE_SECONDS
        if now - self._told >= _LOG_SECONDS:
            self._told = now
            self._log.error("%s: %s", self._words, error)
