"""The one error a query can raise before an engine has seen it."""

from __future__ import annotations

from typing import NamedTuple


class Place(NamedTuple):
    """Where something stands in the query text; both numbers count from 1."""

    line: int
    column: int


class AdqlError(ValueError):
    """A query that is no ADQL, names what is not published, or asks for what is not built.

    ``message`` says what is wrong, ``hint`` what would be right, ``line`` and ``column`` (from 1) where.
    """

    def __init__(self, message: str, line: int, column: int, hint: str | None = None) -> None:
        self.message = message
        self.line = line
        self.column = column
        self.hint = hint
        text = f"line {line}, column {column}: {message}"
        super().__init__(f"{text}; {hint}" if hint else text)

    @classmethod
    def at(cls, place: Place, message: str, hint: str | None = None) -> AdqlError:
        """The same error from a place."""
        return cls(message, place.line, place.column, hint)


def shown(number: float) -> str:
    """A number in a message: as short as it can be without becoming another one."""
    short = f"{number:g}"
    return short if float(short) == number else repr(number)
