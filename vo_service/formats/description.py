"""What an encoder is told besides the rows: columns, INFOs, and how the query ended."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

from tap_schema import Column

Status = Literal["OK", "OVERFLOW", "ERROR"]


@dataclass(frozen=True, slots=True)
class Info:
    """One INFO of a VOTable: a name, a value, text for people, and perhaps a UCD (VOT-105)."""

    name: str
    value: str
    text: str = ""
    ucd: str | None = None


@dataclass(frozen=True, slots=True)
class TableDescription:
    """A result table before its rows: columns in order, INFOs that stand in front of it, words about it.

    ``resources`` are whole RESOURCE elements (service descriptors, DataLink 1.1 section 4) that a VOTable
    carries behind the table.
    """

    columns: tuple[Column, ...]
    infos: tuple[Info, ...] = ()
    name: str | None = None
    description: str | None = None
    resources: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a query ended, known only after its last row: OK, OVERFLOW (cut by a limit), ERROR with a message.

    ``infos`` are facts that are known only then, such as the number of rows.
    """

    status: Status
    message: str = ""
    infos: tuple[Info, ...] = field(default=())


OK: Final = Outcome("OK")
OVERFLOW: Final = Outcome("OVERFLOW")


def failed(message: str) -> Outcome:
    """The outcome ERROR, with what went wrong in words for the user."""
    return Outcome("ERROR", message)
