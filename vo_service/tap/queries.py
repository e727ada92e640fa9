"""From what a client sent to an answer on its way: the same for synchronous queries and for jobs (TAP-157).

TapRequest      what is asked                     (tap/parameters)
Asker           who asks, when, by which address
TapQuery        both together; its pieces are the bytes of the answer
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from vo_service.access import Rights, Viewer
from vo_service.dali.current import Current
from vo_service.dali.multipart import Part
from vo_service.dali.parameters import Form
from vo_service.dali.streams import Cancellation
from vo_service.engines import Engine, Limits, QueryCancelled, QueryTimeout
from vo_service.formats import SPOOL_BYTES, Info
from vo_service.query import Context, Plans, ProbeAnswers, ProbeLimits, Question, Targets, Upload
from vo_service.tap.answers import Account, Answering, Told, tell_end
from vo_service.tap.errors import service_error
from vo_service.tap.parameters import TapRequest
from vo_service.tap.row_services import RowServices, no_services

ReadUploads = Callable[[Form, Mapping[str, Part], Callable[[], None]], tuple[Upload, ...]]
"""Reads the tables that a request brings, from its form and its parts by name; what is called meanwhile, now
and then, ends it by raising. Raises ServiceError."""


@dataclass(frozen=True, slots=True)
class QueryLimits:
    """Rows given by default and at most, rows of a batch."""

    maxrec_default: int
    maxrec_hard: int
    batch_rows: int


@dataclass(frozen=True, slots=True)
class Asker:
    """The circumstances of one query: rights, moment (UTC), public address of the service, seconds that the
    answer may take, files that came along, a directory for what formats must put aside."""

    viewer: Viewer
    now: datetime
    base_url: str
    seconds: float
    place: Path | None
    parts: Mapping[str, Part] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class TapQueries:
    """What all queries of a process share."""

    current: Current[Engine]
    rights: Rights
    limits: QueryLimits
    read_uploads: ReadUploads
    targets: Targets = field(default_factory=Targets)
    probes: ProbeLimits = field(default_factory=ProbeLimits)
    citation: str | None = None
    account: Account = lambda state, seconds, rows, size: None
    readers: Executor | None = None
    spool_bytes: int = SPOOL_BYTES
    services: RowServices = no_services
    plans: Plans = field(default_factory=Plans)
    answers: ProbeAnswers = field(default_factory=ProbeAnswers)

    def query(
        self, asked: TapRequest, asker: Asker, on_snapshot: Callable[[int], None] | None = None
    ) -> TapQuery:
        """One query, nothing of which has been done yet."""
        return TapQuery(self, asked, asker, on_snapshot)


@dataclass(slots=True)
class TapQuery:
    """A query about to be answered, once."""

    _queries: TapQueries
    _asked: TapRequest
    _asker: Asker
    _on_snapshot: Callable[[int], None] | None
    told: Told = field(default_factory=Told)

    def pieces(self, cancellation: Cancellation) -> Generator[bytes, None, None]:
        """The bytes of the answer, the tables of the user having been read; see `Answering.pieces`."""
        until = time.monotonic() + self._asker.seconds
        uploads = self._uploads(cancellation, until)
        yield from self._answering(uploads, until - time.monotonic()).pieces(cancellation)

    def finish(self) -> None:
        """Raises ServiceError where the bytes say behind the rows that the query failed."""
        if self.told.error is not None:
            raise self.told.error

    def _uploads(self, cancellation: Cancellation, until: float) -> tuple[Upload, ...]:
        """The tables of the user; a query whose tables are wrong has ended with them, as failed."""
        began = time.perf_counter()

        def check() -> None:
            if cancellation.requested:
                raise service_error(QueryCancelled())
            if time.monotonic() > until:
                raise service_error(QueryTimeout())

        try:
            return self._queries.read_uploads(self._asked.form, self._asker.parts, check)
        except BaseException:
            state = "gone" if cancellation.requested else "failed"
            seconds = time.perf_counter() - began
            tell_end(state, seconds, self.told, self._queries.account, self._asked.runid)
            raise

    def _answering(self, uploads: tuple[Upload, ...], seconds: float) -> Answering:
        asked, queries = self._asked, self._queries
        maxrec = queries.limits.maxrec_default if asked.maxrec is None else asked.maxrec
        maxrec = min(maxrec, queries.limits.maxrec_hard)
        return Answering(
            Question(asked.adql, maxrec, asked.version, uploads),
            self._context(max(seconds, 0.001)),
            asked.format,
            (Info("LANG", f"{asked.language}-{asked.version}"), Info("MAXREC", str(maxrec))),
            queries.current,
            citation=queries.citation,
            runid=asked.runid,
            place=self._asker.place,
            on_snapshot=self._on_snapshot,
            told=self.told,
            account=queries.account,
            readers=queries.readers,
            spool_bytes=queries.spool_bytes,
            services=queries.services,
        )

    def _context(self, seconds: float) -> Context:
        return Context(
            viewer=self._asker.viewer,
            now=self._asker.now,
            base_url=self._asker.base_url,
            limits=Limits(seconds, self._queries.limits.batch_rows),
            rights=self._queries.rights,
            targets=self._queries.targets,
            probes=self._queries.probes,
            plans=self._queries.plans,
            answers=self._queries.answers,
        )


def metadata_only(asked: TapRequest) -> TapRequest:
    """The request with no rows, as HEAD wants it."""
    return replace(asked, maxrec=0)
