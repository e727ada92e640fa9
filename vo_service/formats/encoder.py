"""The one shape of all encoders: begin, rows, end."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa

from vo_service.formats.description import Outcome, TableDescription


class EncodingError(ValueError):
    """A value that a format has no place for; ``column`` says where."""

    def __init__(self, column: str, message: str) -> None:
        self.column = column
        super().__init__(f"column {column}: {message}")


class Encoder(Protocol):
    """Turns one table into bytes, piece by piece. One encoder serves one table.

    ``replaced`` counts cells that were altered because the format cannot hold them as they are (characters
    outside a type's set, texts over a declared length), for the log.
    """

    replaced: int

    def begin(self, table: TableDescription) -> Iterator[bytes]:
        """What stands in front of the rows."""
        ...

    def rows(self, batch: pa.RecordBatch) -> Iterator[bytes]:
        """The rows of one batch, columns in the order of the description; raises EncodingError."""
        ...

    def end(self, outcome: Outcome) -> Iterator[bytes]:
        """What stands behind the rows; after this the encoder is spent."""
        ...


@dataclass(frozen=True, slots=True)
class Format:
    """An output format: its media type with the parameters it answers with, other names it is asked by.

    ``tells_outcome`` is whether the body has a place for OVERFLOW and ERROR; without one a failure after the
    first bytes can only be told by closing the connection.
    """

    media_type: str
    aliases: tuple[str, ...]
    extension: str
    tells_outcome: bool
    make: Callable[[], Encoder]
