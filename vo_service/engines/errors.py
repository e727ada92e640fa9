"""What can go wrong in an engine, in words of ours; nothing of a database library gets past this room.

EngineError
  +-- QueryTimeout     the limit of time was reached
  +-- QueryTooLarge    the limit of memory or of temporary space was reached
  +-- QueryCancelled   somebody stopped it
  +-- QueryFailed      it cannot be computed on these rows (a conversion, an overflow)
  +-- EngineDown       the engine or its file does not answer
        +-- EngineAway   it cannot be reached: nothing was asked of it
"""

from __future__ import annotations

_TOO_LARGE = (
    "the query needs more memory than it may take; sort, group, join or compare fewer rows, "
    "or fewer and shorter columns"
)


class EngineError(Exception):
    """The statement did not end well; the message is for the log, not for users."""


class QueryTimeout(EngineError):
    """The limit of time was reached."""


class QueryTooLarge(EngineError):
    """The limit of memory or of temporary space was reached, or would be.

    ``reason`` says in words for users what in the query is too much and what would make it less, where that
    is known. What an engine says of it is about its own settings: it is the cause of this error, no more.
    """

    def __init__(self, reason: str | None = None) -> None:
        super().__init__(reason or _TOO_LARGE)
        self.reason = reason


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
    """The engine does not answer, or not any more."""


class EngineAway(EngineDown):
    """The engine cannot be reached, or has not got the data yet: nothing was asked of it."""
