"""What can go wrong with a request, and the HTTP status of each kind, in one table (DALI 5.2).

    ServiceError          anything the client is told; carries its kind, a sentence, and perhaps a hint
    ServiceAway           of these: what answers is not there at present, so that a job can wait for it

Rooms below raise errors of their own; the protocol rooms translate them into these at their border.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum


class ErrorKind(Enum):
    """Kinds of error, named for what the client did or met."""

    USAGE = "usage"
    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not found"
    CONFLICT = "conflict"
    GONE = "gone"
    CONDITION = "condition"
    RANGE = "range"
    BODY_TOO_LARGE = "body too large"
    BODY_TYPE = "body type"
    ADDRESS_TOO_LONG = "address too long"
    HEADERS_TOO_LARGE = "headers too large"
    LIMIT = "limit"
    BUSY = "busy"
    TIMEOUT = "timeout"
    UNAVAILABLE = "unavailable"
    INTERNAL = "internal"


# TAP-123: a time limit is 503 and not 408, which HTTP lets clients repeat by themselves.
STATUS: Mapping[ErrorKind, int] = {
    ErrorKind.USAGE: 400,
    ErrorKind.UNAUTHENTICATED: 401,
    ErrorKind.FORBIDDEN: 403,
    ErrorKind.NOT_FOUND: 404,
    ErrorKind.CONFLICT: 409,
    ErrorKind.GONE: 410,
    ErrorKind.CONDITION: 412,
    ErrorKind.RANGE: 416,
    ErrorKind.BODY_TOO_LARGE: 413,
    ErrorKind.BODY_TYPE: 415,
    ErrorKind.ADDRESS_TOO_LONG: 414,
    ErrorKind.HEADERS_TOO_LARGE: 431,
    ErrorKind.LIMIT: 429,
    ErrorKind.BUSY: 503,
    ErrorKind.TIMEOUT: 503,
    ErrorKind.UNAVAILABLE: 503,
    ErrorKind.INTERNAL: 500,
}

_TRANSIENT = frozenset(
    (ErrorKind.LIMIT, ErrorKind.BUSY, ErrorKind.TIMEOUT, ErrorKind.UNAVAILABLE, ErrorKind.INTERNAL)
)
_RETRY_AFTER = {ErrorKind.LIMIT: "5", ErrorKind.BUSY: "5", ErrorKind.UNAVAILABLE: "30"}  # DALI-099: seconds


class ServiceError(Exception):
    """An error for the client: ``message`` is a sentence that stands alone, ``hint`` what would be right.

    Neither holds SQL, paths of the server, host names or credentials (DALI-100).
    """

    def __init__(
        self, kind: ErrorKind, message: str, hint: str | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message
        self.hint = hint
        retry = {"Retry-After": _RETRY_AFTER[kind]} if kind in _RETRY_AFTER else {}
        self.headers: Mapping[str, str] = {**retry, **(headers or {})}

    def __reduce__(self) -> tuple[object, ...]:  # it may come from another process
        return type(self), (self.kind, self.message, self.hint, self.headers)

    @property
    def status(self) -> int:
        """The HTTP status of its kind."""
        return STATUS[self.kind]

    @property
    def transient(self) -> bool:
        """Whether the same request may succeed later (UWS-071, DALI-105)."""
        return self.kind in _TRANSIENT

    @property
    def text(self) -> str:
        """The message, and the hint on a line of its own."""
        return f"{self.message}\n{self.hint}" if self.hint else self.message


class ServiceAway(ServiceError):
    """503: what answers is not there at present, and the same will be answered once it is.

    ``begun``: it was lost over this request, which may be the cause of that.
    """

    def __init__(self, message: str, hint: str | None = None, begun: bool = False) -> None:
        super().__init__(ErrorKind.UNAVAILABLE, message, hint)
        self.begun = begun

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.message, self.hint, self.begun)


def usage(message: str, hint: str | None = None) -> ServiceError:
    """A mistake in the request (400)."""
    return ServiceError(ErrorKind.USAGE, message, hint)
