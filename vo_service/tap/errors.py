"""What goes wrong in the rooms below, in words and with a status for TAP clients (TAP-120 to 128)."""

from __future__ import annotations

from vo_service.adql import AdqlError
from vo_service.dali.errors import ErrorKind, ServiceError, usage
from vo_service.engines import (
    EngineDown,
    EngineError,
    QueryCancelled,
    QueryFailed,
    QueryTimeout,
    QueryTooLarge,
)
from vo_service.formats import EncodingError
from vo_service.store import StoreError


def service_error(error: AdqlError | EngineError | EncodingError | StoreError) -> ServiceError:
    """The error for the client."""
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
            return ServiceError(
                ErrorKind.UNAVAILABLE, "The database of this service does not answer at present."
            )
        case QueryFailed(reason=str(reason)):
            return usage(
                f"The query cannot be computed on these rows: {reason}.",
                "Leave such values out with WHERE, or compute with DOUBLE PRECISION.",
            )
        case EngineError():
            return usage(
                "The query cannot be computed on these rows (a conversion or an overflow, for example)."
            )
        case EncodingError():
            return ServiceError(ErrorKind.INTERNAL, f"The answer cannot be written in this format: {error}.")
