"""From rows, some at a time, to the bytes of a table in a format; runs in a thread, knows no HTTP.

What goes wrong before the first byte is raised, for the client to be told with a status. After that the
status has gone: the outcome is written behind the rows where the format has a place for it, else the stream
breaks off (DALI-114).
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from vo_service.asking.errors import TROUBLES, Trouble, service_error
from vo_service.dali.errors import ServiceError
from vo_service.dali.request_log import signed
from vo_service.formats import SPOOL_BYTES, Encoder, Format, Outcome, TableDescription, failed

Worded = Callable[[ServiceError], str]
"""The text of an error in the words of a protocol."""


def plainly(error: ServiceError) -> str:
    """The text as it is."""
    return error.text


@dataclass(slots=True)
class Told:
    """What is known of an answer once its pieces have been taken.

    ``error`` is what the bytes say behind the rows, where the query failed after the first of them: a job has
    failed then, whatever its file looks like. ``length`` are the bytes that there will be, where that is
    known with the first of them.
    """

    rows: int = 0
    bytes: int = 0
    error: ServiceError | None = None
    length: int | None = None


class Portion(NamedTuple):
    """Rows, and whether they leave before the next ones are made; else they wait for these, or the end."""

    rows: pa.RecordBatch
    leaves: bool


Portions = Generator[Portion, None, None]


@dataclass(frozen=True, slots=True)
class TableBytes:
    """One table in a format, made once. ``told`` hears what became of it, ``wording`` is the text of an error
    behind its rows; ``place`` is a directory for what formats must put aside, ``spool_bytes`` the most of it.
    """

    format: Format
    told: Told
    wording: Worded = plainly
    place: Path | None = None
    spool_bytes: int = SPOOL_BYTES

    def pieces(
        self,
        portions: Portions,
        described: Callable[[], TableDescription],
        outcome: Callable[[], Outcome],
    ) -> Iterator[bytes]:
        """The bytes. What stands in front of the rows is asked for when the first of them are there, the
        outcome behind the last.

        Raises ServiceError, before the first of them or, where the format has no place for an error, after
        some. A ServiceError that is thrown in ends the table in the same ways.
        """
        encoder = self.format.make(self.place, self.spool_bytes)
        held: list[bytes] = []
        try:
            try:
                with closing(portions):
                    first = next(portions, None)
                    held += encoder.begin(described())
                    for rows, leaves in chain(() if first is None else (first,), portions):
                        held += self._rows(encoder, rows)
                        if leaves:
                            yield self._given(held)
                end = outcome()
            except (*TROUBLES, ServiceError) as error:
                end = self._failed(error)
            for part in encoder.end(end):
                held.append(part)
                if self.format.spooled:  # the whole of its answer comes now, a batch at a time
                    self.told.length = encoder.length
                    yield self._given(held)
            yield self._given(held)
        except TROUBLES as error:
            raise service_error(error) from error
        finally:
            encoder.close()

    def _rows(self, encoder: Encoder, rows: pa.RecordBatch) -> Iterator[bytes]:
        yield from encoder.rows(rows)
        self.told.rows += rows.num_rows

    def _given(self, held: list[bytes]) -> bytes:
        """What leaves now."""
        piece = b"".join(held)
        held.clear()
        self.told.bytes += len(piece)
        return piece

    def _failed(self, error: Trouble | ServiceError) -> Outcome:
        """The outcome that tells of an error; raises it where there is still a better way, or no other."""
        if not self.told.bytes or not self.format.tells_errors:
            raise error
        self.told.error = error if isinstance(error, ServiceError) else service_error(error)
        return failed(signed(self.wording(self.told.error)))
