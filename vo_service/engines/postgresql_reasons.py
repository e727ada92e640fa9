"""What PostgreSQL says when a statement does not end well, as errors of this room.

Decided by SQLSTATE alone, since messages come in the server's language; the texts of values that could not be
computed with are read where they are English, for the reason that users are told.
"""

from __future__ import annotations

import re

from vo_service.engines.errors import (
    EngineDown,
    EngineError,
    QueryCancelled,
    QueryFailed,
    QueryTimeout,
    QueryTooLarge,
)

_CANCELLED = "57014"
_TOO_LARGE = re.compile(r"53[124]00|54000|54001")  # disk, memory, configured limit; program limits
_TOO_WIDE = "54011"
_WIDTH = (
    "a row of it, or of what it joins, groups and sorts, has more columns than the 1664 of the database "
    "(of a geometry each number is one); select fewer of them, in derived tables too"
)
_DOWN = re.compile(  # connection, shutdown, too many of them, damage, input and output, login, no database,
    # and a right that the role lacks: what queries are written for is granted, so it is nobody's query
    r"08...|57P0.|53300|XX001|XX002|58...|28...|3D000|42501"
)
_LONGEST = 60

_TYPES = {
    "smallint": "a SMALLINT",
    "integer": "an INTEGER",
    "bigint": "a BIGINT",
    "real": "a REAL",
    "double precision": "a DOUBLE PRECISION",
    "timestamp": "a TIMESTAMP",
    "date": "a date",
}
_SAID = re.compile(r'"ADQL: (?P<reason>.* is not an? [A-Z ]+[^"]*)"', re.DOTALL)  # adql/sql/texts.py
_TEXT = re.compile(
    r'invalid input syntax for type (?P<type>[a-z ]+?)(?: without time zone)?: "(?P<value>.*?)"\s*$',
    re.MULTILINE,
)
_NUMBER = re.compile(r'"(?P<value>[^"]*)" is out of range for type (?P<type>[a-z ]+)')
_TIME = re.compile(r'(?:date/time field value|timestamp) out of range: "(?P<value>.*?)"')
_OVERFLOW = re.compile(r"(?P<type>smallint|integer|bigint|real|double precision|timestamp|date) out of range")

_FLOATING = re.compile(r"value out of range: (over|under)flow")


def error_of(error: Exception) -> EngineError:
    """The error of this room for one of ADBC, of psycopg, or of Arrow reading from them."""
    text = str(error).strip()
    state = getattr(error, "sqlstate", None) or ""
    if state == _CANCELLED or text.startswith("CANCELLED:"):  # the driver gives no state while it hands over
        if "statement timeout" in text:
            return QueryTimeout("the limit of time of the server was reached")
        return QueryCancelled("the query was stopped")
    if _TOO_LARGE.fullmatch(state) or "invalid memory alloc request size" in text:
        return QueryTooLarge()
    if state == _TOO_WIDE:
        return QueryTooLarge(_WIDTH)
    if _DOWN.fullmatch(state) or (not state and _is_loss(text)):
        return EngineDown(text)
    return QueryFailed(text, reason_of(text))


def _is_loss(text: str) -> bool:
    """Whether an error without SQLSTATE, which libpq made itself, says that the server has gone."""
    return any(
        words in text
        for words in (
            "server closed the connection",
            "connection to server",
            "no connection to the server",
            "connection not open",
            "could not receive data",
            "could not send data",
            "SSL connection has been closed",
            "lost synchronization",
            "PQstatus",
            "connection is closed",
        )
    )


def reason_of(message: str) -> str | None:
    """The reason that a message of PostgreSQL gives; None for messages that tell of no value.

    Conversions name the value that was met first, not its row; overflows of sums name their type alone.
    """
    if found := _SAID.search(message):
        return found["reason"]
    if found := _TEXT.search(message):
        return f"the text {_quoted(found['value'])} is not {_type(found['type'])}"
    if found := _NUMBER.search(message):
        return f"the number {_cut(found['value'])} is beyond {_type(found['type'])}"
    if found := _TIME.search(message):
        return f"the text {_quoted(found['value'])} is not a TIMESTAMP"
    if found := _OVERFLOW.search(message):
        return f"a number is beyond {_type(found['type'])}"
    if _FLOATING.search(message):
        return "a number is beyond its type"
    return None


def _type(name: str) -> str:
    return _TYPES.get(name.strip(), "its type")


def _quoted(text: str) -> str:
    return f"'{_cut(text)}'"


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."
