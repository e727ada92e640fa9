"""One query, from the question to the bytes of its answer; runs in a thread, knows no HTTP.

A synchronous query and a job make their bytes here, so that both give the same. What goes wrong before the
first byte is raised, for the client to be told with a status. After that the status has gone: the outcome is
written behind the rows where the format has a place for it, else the stream breaks off (DALI-114).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Executor
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from tap_schema import Column
from vo_service import __version__
from vo_service.adql import AdqlError
from vo_service.asking.errors import Trouble, service_error
from vo_service.asking.row_services import RowServices, described_services, no_services
from vo_service.dali.current import Current
from vo_service.dali.errors import ServiceError
from vo_service.dali.request_log import signed
from vo_service.dali.streams import Cancellation
from vo_service.engines import Engine, EngineError
from vo_service.formats import (
    SPOOL_BYTES,
    Encoder,
    EncodingError,
    Format,
    Info,
    Outcome,
    TableDescription,
    failed,
)
from vo_service.query import Answer, Context, Question, Stop, ask, read_ahead
from vo_service.store import StoreError

_log = logging.getLogger(__name__)

Batches = Generator[pa.RecordBatch, None, None]
_TROUBLES = (AdqlError, EngineError, EncodingError, StoreError)


Account = Callable[[str, float, int, int], None]
"""Hears how a query ended (done, failed, gone), its seconds, rows and bytes."""


Wording = Callable[[ServiceError], str]
"""The text of an error in the words of a protocol."""


def plainly(error: ServiceError) -> str:
    """The text as it is."""
    return error.text


Describe = Callable[[Column], Column]
"""A column of a result as its answer describes it, where that is not as its table does."""


def as_published(column: Column) -> Column:
    """As the table has it."""
    return column


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


def tell_end(state: str, seconds: float, told: Told, account: Account, runid: str | None) -> None:
    """Count a query that has ended, and log it."""
    account(state, seconds, told.rows, told.bytes)
    _log.info(
        "query state=%s seconds=%.4f rows=%d bytes=%d runid=%s", state, seconds, told.rows, told.bytes, runid
    )


@dataclass(frozen=True, slots=True)
class Answering:
    """A query about to be answered, once: what was asked, in which circumstances and format.

    ``standard_id`` is that of the protocol; ``infos`` repeat the request in front of the rows, beside what
    every answer says of itself (TAP-104); ``citation`` is the operator's. ``place`` is a directory for what
    formats must put aside, ``spool_bytes`` the most of it. ``on_snapshot`` hears on which snapshot the query
    runs, before it runs; ``account`` hears of its end. ``readers`` are threads that read a large answer from
    the engine while this one makes bytes of it; there must be one for every answer at a time. ``services``
    are those that take a row, ``resources`` what else stands behind the table. ``wording`` is the text of an
    error as the protocol tells it, ``describe`` a column as it does.
    """

    question: Question
    context: Context
    format: Format
    standard_id: str
    infos: tuple[Info, ...]
    current: Current[Engine]
    citation: str | None = None
    runid: str | None = None
    place: Path | None = None
    spool_bytes: int = SPOOL_BYTES
    on_snapshot: Callable[[int], None] | None = None
    told: Told = field(default_factory=Told)
    account: Account = lambda state, seconds, rows, size: None
    readers: Executor | None = None
    services: RowServices = no_services
    resources: tuple[bytes, ...] = ()
    wording: Wording = plainly
    describe: Describe = as_published

    def pieces(self, cancellation: Cancellation) -> Generator[bytes, None, None]:
        """The bytes of the answer.

        Raises ServiceError, before the first of them or, where the format has no place for an error, after
        some. A ServiceError that is thrown in ends the answer in the same ways.
        """
        started = time.perf_counter()
        state = "failed"
        try:
            with self.current.use() as (snapshot, engine):
                if self.on_snapshot is not None:
                    self.on_snapshot(snapshot.number)
                stop = Stop()
                cancellation.on_cancel(stop.ask)
                try:
                    with ask(self.question, self.context, snapshot, engine, stop) as answer:
                        yield from self._encoded(answer)
                finally:
                    cancellation.on_cancel(None)
            state = "done" if self.told.error is None else "failed"
        except _TROUBLES as error:
            raise service_error(error) from error
        finally:
            state = "gone" if cancellation.requested else state
            tell_end(state, time.perf_counter() - started, self.told, self.account, self.runid)

    def _encoded(self, answer: Answer) -> Iterator[bytes]:
        """Header, rows and outcome, the first batch being there before the header goes; a small answer whole.

        Some pieces may be empty.
        """
        encoder = self.format.make(self.place, self.spool_bytes)
        try:
            batches = answer.batches
            first = next(batches, None)
            held = list(encoder.begin(self._described(answer)))
            try:
                if first is not None:
                    held += self._rows(encoder, first)
                    if first.num_rows >= answer.batch_rows:  # it may not be the last
                        yield self._given(held)
                        batches = self._ahead(answer, batches)
                with closing(batches):
                    for batch in batches:
                        held += self._rows(encoder, batch)
                        yield self._given(held)
                outcome = Outcome("OVERFLOW" if answer.overflowed else "OK", infos=self._counts())
            except (*_TROUBLES, ServiceError) as error:
                outcome = self._failed(error)
            for part in encoder.end(outcome):
                held.append(part)
                if self.format.spooled:  # the whole of its answer comes now, a batch at a time
                    self.told.length = encoder.length
                    yield self._given(held)
            yield self._given(held)
        finally:
            encoder.close()

    def _ahead(self, answer: Answer, batches: Batches) -> Batches:
        return batches if self.readers is None else read_ahead(answer, batches, self.readers)

    def _given(self, held: list[bytes]) -> bytes:
        """What leaves now."""
        piece = b"".join(held)
        held.clear()
        self.told.bytes += len(piece)
        return piece

    def _rows(self, encoder: Encoder, batch: pa.RecordBatch) -> Iterator[bytes]:
        yield from encoder.rows(batch)
        self.told.rows += batch.num_rows

    def _failed(self, error: Trouble | ServiceError) -> Outcome:
        """The outcome that tells of an error; raises it where there is still a better way, or no other."""
        if not self.told.bytes or not self.format.tells_errors:
            raise error
        self.told.error = error if isinstance(error, ServiceError) else service_error(error)
        return failed(signed(self.wording(self.told.error)))

    def _counts(self) -> tuple[Info, ...]:
        return (Info("rows", str(self.told.rows)),)

    def _described(self, answer: Answer) -> TableDescription:
        services = described_services(answer.columns, answer.origins, self.context.base_url, self.services)
        columns = tuple(self.describe(column) for column in answer.columns)
        return TableDescription(columns, self._infos(answer), resources=(*services, *self.resources))

    def _infos(self, answer: Answer) -> tuple[Info, ...]:
        """What an answer says of itself (TAP-104)."""
        cited = (Info("citation", self.citation, ucd="meta.bib"),) if self.citation else ()
        return (
            Info("standardID", self.standard_id),
            Info("QUERY", self.question.adql),
            *self.infos,
            Info("QUERY_TIMESTAMP", f"{self.context.now:%Y-%m-%dT%H:%M:%SZ}"),
            Info("server", f"vo-service/{__version__}"),
            Info("snapshot", str(answer.snapshot)),
            *cited,
            *(Info("warning", "", text) for text in answer.warnings),
        )
