"""The one shape of all encoders: begin, a piece for each batch, join the pieces in order, end."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pyarrow as pa

from vo_service.formats.description import Outcome, Status, TableDescription

Piece = bytes | bytearray
"""What `Encoder.piece` makes and `Encoder.join` reads, and nobody else: it need not be what a client gets."""


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
    """Turns one table into bytes. One encoder serves one table.

    The work is in `piece`, which several threads may call at a time, each with a batch of its own; the bytes
    for the client come out of `begin`, `join` and `end`, which are called in the order of the rows, by one
    thread at a time. `rows` does both for callers with one thread.
    """

    @property
    def replaced(self) -> int:
        """Cells that were altered because the format cannot hold them as they are (characters outside a
        type's set, texts over a declared length), for the log; exact once all pieces are made."""
        return 0

    @property
    def length(self) -> int | None:
        """Bytes of the whole, where they are known as soon as `end` gives the first of them."""
        return None

    @abstractmethod
    def begin(self, table: TableDescription) -> Iterator[bytes]:
        """What stands in front of the rows."""

    @abstractmethod
    def piece(self, batch: pa.RecordBatch) -> Piece:
        """The rows of one batch, columns in the order of the description.

        From any thread, between `begin` and `end`; batches need not come in order. Raises EncodingError.
        """

    def join(self, piece: Piece) -> bytes:
        """What goes to the client of the next piece, in the order of the batches; may be nothing."""
        return bytes(piece)

    def rows(self, batch: pa.RecordBatch) -> Iterator[bytes]:
        """`piece` and `join` of one batch. Raises EncodingError."""
        joined = self.join(self.piece(batch))
        if joined:
            yield joined

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

    ``outcomes`` are those that the body has a place for behind the rows; a failure that it cannot tell of
    after the first bytes can only be told by closing the connection. An answer of a ``spooled`` format begins
    with facts that are known only at its end: its encoder gives no byte before `end`.
    """

    media_type: str
    aliases: tuple[str, ...]
    extension: str
    outcomes: frozenset[Status]
    encoder: Callable[[SpoolPlace], Encoder]
    spooled: bool = False

    def make(self, place: Path | None = None, spool_bytes: int = SPOOL_BYTES) -> Encoder:
        """An encoder for one table. ``place`` is the directory for the file that a ``spooled`` format needs
        until its end (the system's for temporary files where it is None), ``spool_bytes`` the most that it
        may take; the file has no name there."""
        return self.encoder(SpoolPlace(place, spool_bytes))
