"""Error texts of SODA: plain text that begins with a word of the standard's (SODA 1.0, section 5.2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from vo_service.dali.errors import ErrorKind, ServiceError

Word = Literal[
    "Error",
    "AuthenticationError",
    "AuthorizationError",
    "ServiceUnavailable",
    "UsageError",
    "MultiValuedParamNotSupported",
]

# Of the words that there are none fits a file that was replaced while it was read, so that is an Error.
WORDS: Final[Mapping[ErrorKind, Word]] = {
    ErrorKind.USAGE: "UsageError",
    ErrorKind.UNAUTHENTICATED: "AuthenticationError",
    ErrorKind.FORBIDDEN: "AuthorizationError",
    ErrorKind.NOT_FOUND: "UsageError",
    ErrorKind.CONFLICT: "Error",
    ErrorKind.GONE: "UsageError",
    ErrorKind.CONDITION: "UsageError",
    ErrorKind.RANGE: "UsageError",
    ErrorKind.BODY_TOO_LARGE: "UsageError",
    ErrorKind.BODY_TYPE: "UsageError",
    ErrorKind.ADDRESS_TOO_LONG: "UsageError",
    ErrorKind.HEADERS_TOO_LARGE: "UsageError",
    ErrorKind.LIMIT: "ServiceUnavailable",
    ErrorKind.BUSY: "ServiceUnavailable",
    ErrorKind.TIMEOUT: "ServiceUnavailable",
    ErrorKind.UNAVAILABLE: "ServiceUnavailable",
    ErrorKind.INTERNAL: "Error",
}


class MultiValuedError(ServiceError):
    """A parameter that takes one value came with several (400; SODA-011)."""

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(ErrorKind.USAGE, message, hint)

    def __reduce__(self) -> tuple[object, ...]:
        return type(self), (self.message, self.hint)


def word_of(error: ServiceError) -> Word:
    """The word that the text of an error begins with (SODA-054)."""
    return "MultiValuedParamNotSupported" if isinstance(error, MultiValuedError) else WORDS[error.kind]


def worded(error: ServiceError) -> str:
    """The text of an error behind its word (SODA-056, SODA-062)."""
    return f"{word_of(error)}: {error.text}"
