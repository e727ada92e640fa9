"""What goes wrong in the rooms below, in words and with a status for clients (DALI 5.2, TAP-120 to 128)."""

from __future__ import annotations

import logging
from typing import Final

from vo_service.adql import AdqlError
from vo_service.dali.errors import ErrorKind, ServiceAway, ServiceError, usage
from vo_service.engines import (
    EngineAway,
    EngineDown,
    EngineError,
    QueryCancelled,
    QueryFailed,
    QueryTimeout,
    QueryTooLarge,
)
from vo_service.formats import EncodingError, NoRoom
from vo_service.store import StoreError

_log = logging.getLogger(__name__)

Trouble = AdqlError | EngineError | EncodingError | StoreError
TROUBLES: Final = (AdqlError, EngineError, EncodingError, StoreError)
"""The same, to be caught."""


def service_error(error: Trouble) -> ServiceError:
    """The error for the client; what the operator alone should hear of it goes to the log."""
    _note(error)
    match error:
        case AdqlError():
            return usage(f"line {error.line}, column {error.column}: {error.message}", error.hint)
        case QueryTimeout():
            return ServiceError(
                ErrorKind.TIMEOUT,
                "The query took longer than this service allows.",
                "Narrow it (position, fewer joins), or ask for fewer rows.",
            )
        case QueryTooLarge(reason=str(reason)):
            return ServiceError(ErrorKind.UNAVAILABLE, f"The query is too large for this service: {reason}.")
        case QueryTooLarge():
            return ServiceError(
                ErrorKind.UNAVAILABLE,
                "The query needs more memory than this service allows.",
                "Sort, group, join or compare fewer rows, or fewer and shorter columns.",
            )
        case QueryCancelled():
            return ServiceError(ErrorKind.UNAVAILABLE, "The query was stopped.")
        case EngineDown() | StoreError():
            begun = isinstance(error, EngineDown) and not isinstance(error, EngineAway)
            return ServiceAway("The database of this service does not answer at present.", begun=begun)
        case QueryFailed(reason=str(reason)):
            return usage(
                f"The query cannot be computed on these rows: {reason}.",
                "Leave such values out with WHERE, or compute with DOUBLE PRECISION.",
            )
        case EngineError():
            return usage(
                "The query cannot be computed on these rows (a conversion or an overflow, for example)."
            )
        case NoRoom(disk_full=True):
            return ServiceError(
                ErrorKind.UNAVAILABLE, f"The answer cannot be made in this format at present: {error}."
            )
        case NoRoom():
            return usage(
                f"The answer is too large for this format: {error}.",
                "Ask for fewer rows or columns, or for a format that needs no such room, as VOTable.",
            )
        case EncodingError():
            return ServiceError(ErrorKind.INTERNAL, f"The answer cannot be written in this format: {error}.")


def _note(error: Trouble) -> None:
    """Log what a client is told in other words. What an engine says of a query may repeat some of it, which
    no log shows (AUTH-051): of that stands the kind alone, by which a mistake of ours is known."""
    match error:
        case EngineDown() | StoreError():
            _log.error("no answer from the database: %s", str(error).partition("\n")[0])
        case QueryFailed(reason=None):
            _log.warning(
                "query failed in the engine, without words for users: %s", str(error).partition(":")[0]
            )
