"""What DuckDB says of a value that it could not compute with, in words for users: the value, and no SQL."""

from __future__ import annotations

import re

_TYPES = {
    "INT8": "an integer of 8 bits",
    "INT16": "a SMALLINT",
    "INT32": "an INTEGER",
    "INT64": "a BIGINT",
    "FLOAT": "a REAL",
    "DOUBLE": "a DOUBLE PRECISION",
    "TIMESTAMP": "a TIMESTAMP",
}
_LONGEST = 60

_SAID = re.compile(
    r"Could not convert string 'ADQL: (?P<reason>.*)' to INT32", re.DOTALL
)  # adql/sql/texts.py
_TEXT = re.compile(r"Could not convert string '(?P<value>.*)' to (?P<type>\w+)", re.DOTALL)
_TIME = re.compile(r'timestamp field[^"]*"(?P<value>[^\n]*)"(?:, expected| when casting|$)', re.MULTILINE)
_NUMBER = re.compile(
    r"Type \w+ with value (?P<value>\S+) can't be cast because the value is out of range for the destination "
    r"type (?P<type>\w+)"
)
_OVERFLOW = re.compile(
    r"Overflow in (?P<what>addition|subtraction|multiplication|division)(?: of (?P<type>\w+))? "
    r"\(?(?P<terms>-?\d+ [-+*/] -?\d+)\)?"
)


def reason_of(message: str) -> str | None:
    """The reason that a message of DuckDB gives; None for messages that tell of no value.

    Conversions and overflows name the value that was met first, not its row.
    """
    if found := _SAID.search(message):
        return found["reason"]
    if found := _TEXT.search(message):
        return f"the text {_quoted(found['value'])} is not {_type(found['type'])}"
    if found := _TIME.search(message):
        return f"the text {_quoted(found['value'])} is not a TIMESTAMP"
    if found := _NUMBER.search(message):
        return f"the number {found['value']} is beyond {_type(found['type'])}"
    if found := _OVERFLOW.search(message):
        return f"{found['terms']} is beyond {_type(found['type'] or 'INT64')}"
    if "Overflow in negation" in message:
        return "a number is beyond its type"
    return None


def _type(name: str) -> str:
    return _TYPES.get(name, "its type")


def _quoted(text: str) -> str:
    return f"'{text if len(text) <= _LONGEST else text[: _LONGEST - 3] + '...'}'"
