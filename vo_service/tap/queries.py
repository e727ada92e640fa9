"""A TAP query with the tables of its user: the same for synchronous queries and for jobs (TAP-157).

TapRequest      what is asked                     (tap/parameters)
TapQuery        the same with who asks; its pieces are the bytes of the answer
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, field, replace

from vo_service.asking.queries import Asked, Asker, Queries
from vo_service.asking.tables import Told
from vo_service.asking.uploads import ReadUploads, read_within
from vo_service.dali.streams import Cancellation
from vo_service.formats import Info
from vo_service.query import Upload
from vo_service.tap.parameters import TapRequest

STANDARD_ID = "ivo://ivoa.net/std/TAP"


@dataclass(frozen=True, slots=True)
class TapQueries:
    """What all TAP queries of a process share."""

    queries: Queries
    read_uploads: ReadUploads

    def query(
        self, asked: TapRequest, asker: Asker, on_snapshot: Callable[[int], None] | None = None
    ) -> TapQuery:
        """One query, nothing of which has been done yet."""
        return TapQuery(self, asked, asker, on_snapshot)


@dataclass(slots=True)
class TapQuery:
    """A query about to be answered, once."""

    _shared: TapQueries
    _asked: TapRequest
    _asker: Asker
    _on_snapshot: Callable[[int], None] | None
    told: Told = field(default_factory=Told)

    def pieces(self, cancellation: Cancellation) -> Generator[bytes, None, None]:
        """The bytes of the answer, the tables of the user having been read; see `Answering.pieces`."""
        until = time.monotonic() + self._asker.seconds
        uploads = self._uploads(cancellation, until)
        answering = self._shared.queries.answering(
            asked_of(self._asked),
            self._asker,
            uploads,
            until - time.monotonic(),
            self._on_snapshot,
            self.told,
        )
        yield from answering.pieces(cancellation)

    def finish(self) -> None:
        """Raises ServiceError where the bytes say behind the rows that the query failed."""
        if self.told.error is not None:
            raise self.told.error

    def _uploads(self, cancellation: Cancellation, until: float) -> tuple[Upload, ...]:
        """The tables of the user; a query whose tables are wrong has ended with them, as failed."""
        shared, asked = self._shared, self._asked
        return read_within(
            lambda check: shared.read_uploads(asked.form, self._asker.parts, check),
            cancellation,
            until,
            self.told,
            shared.queries.account,
            asked.runid,
        )


def asked_of(request: TapRequest) -> Asked:
    """What a TAP request asks, as any service asks it."""
    return Asked(
        request.adql,
        STANDARD_ID,
        request.format,
        request.version,
        request.maxrec,
        request.runid,
        (Info("LANG", f"{request.language}-{request.version}"),),
    )


def metadata_only(asked: TapRequest) -> TapRequest:
    """The request with no rows, as HEAD wants it."""
    return replace(asked, maxrec=0)
