"""What can go wrong in an engine, in words of ours; nothing of a database library gets past this room.

EngineError
  +-- QueryTimeout     the limit of time was reached
  +-- QueryTooLarge    the limit of memory or of temporary space was reached
  +-- QueryCancelled   somebody stopped it
  +-- QueryFailed      it cannot be computed on these rows (a conversion, an overflow)
  +-- EngineDown       the engine or its file does not answer
"""

from __future__ import annotations


class EngineError(Exception):
    """The statement did not end well; the message is for the log, not for users."""


class QueryTimeout(EngineError):
    """The limit of time was reached."""


class QueryTooLarge(EngineError):
    """The limit of memory or of temporary space was reached."""


class QueryCancelled(EngineError):
    """The query was stopped from outside."""


class QueryFailed(EngineError):
    """The statement cannot be computed on these rows.

    ``reason`` says in words for users which value it was, where the engine tells: no SQL, no internals.
    """

    def __init__(self, message: str, reason: str | None = None) -> None:
        super().__init__(message)
        self.reason = reason


class EngineDown(EngineError):
    """The engine does not answer."""
