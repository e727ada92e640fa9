"""The one shape of all encoders: begin, the rows of each batch in order, end."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pyarrow as pa

from vo_service.formats.description import Outcome, TableDescription


class EncodingError(ValueError):
    """A value that a format has no place for; ``column`` says where, empty where it is none's."""

    def __init__(self, column: str, message: str) -> None:
        self.column = column
        super().__init__(f"column {column}: {message}" if column else message)


class NoRoom(EncodingError):
    """The rows that a spooled format puts aside have no room: ``disk_full``, or they are too many."""

    def __init__(self, message: str, disk_full: bool) -> None:
        self.disk_full = disk_full
        super().__init__("", message)


class Encoder(ABC):
    """Turns one table into bytes: `begin`, `rows` of each batch in order, `end`, by one thread at a time. One
    encoder serves one table.
    """

    @property
    def length(self) -> int | None:
        """Bytes of the whole, where they are known as soon as `end` gives the first of them."""
        return None

    @abstractmethod
    def begin(self, table: TableDescription) -> Iterator[bytes]:
        """What stands in front of the rows."""

    @abstractmethod
    def rows(self, batch: pa.RecordBatch) -> Iterator[bytes]:
        """The rows of the next batch, columns in the order of the description; may give no bytes yet.

        Raises EncodingError.
        """

    @abstractmethod
    def end(self, outcome: Outcome) -> Iterator[bytes]:
        """What stands behind the rows; after this the encoder is spent."""

    def close(self) -> None:  # noqa: B027  (most hold nothing)
        """Gives back what the encoder holds (a spool file), however far it came. Safe to call twice."""


SPOOL_BYTES: Final = 2 << 30
"""What the rows of one answer may take on disk, packed, where nobody says otherwise."""


@dataclass(frozen=True, slots=True)
class SpoolPlace:
    """Where a format may put rows aside, and how many bytes of them at most."""

    directory: Path | None = None
    most_bytes: int = SPOOL_BYTES


@dataclass(frozen=True, slots=True)
class Format:
    """An output format: its media type with the parameters it answers with, other names it is asked by.

    ``tells_errors``: the body has a place for ERROR behind the rows; without one, a failure after the first
    bytes can only be told by closing the connection. An answer of a ``spooled`` format begins with facts that
    are known only at its end: its encoder gives no byte before `end`.
    """

    media_type: str
    aliases: tuple[str, ...]
    extension: str
    encoder: Callable[[SpoolPlace], Encoder]
    tells_errors: bool = False
    spooled: bool = False

    def make(self, place: Path | None = None, spool_bytes: int = SPOOL_BYTES) -> Encoder:
        """An encoder for one table. ``place`` is the directory for the file that a ``spooled`` format needs
        until its end (the system's for temporary files where it is None), ``spool_bytes`` the most that it
        may take; the file has no name there."""
        return self.encoder(SpoolPlace(place, spool_bytes))
