"""One query, from the question to the bytes of its answer; runs in a thread, knows no HTTP.

A synchronous query and a job make their bytes here, so that both give the same.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Executor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path

import pyarrow as pa

from tap_schema import Column
from vo_service import __version__
from vo_service.asking.errors import TROUBLES, service_error
from vo_service.asking.row_services import RowServices, described_services, no_services
from vo_service.asking.tables import Portion, Portions, TableBytes, Told, Worded, plainly
from vo_service.dali.current import Current
from vo_service.dali.streams import Cancellation
from vo_service.engines import Engine
from vo_service.formats import SPOOL_BYTES, Format, Info, Outcome, TableDescription
from vo_service.query import Answer, Context, Question, Stop, ask, read_ahead

_log = logging.getLogger(__name__)

Batches = Generator[pa.RecordBatch, None, None]
Account = Callable[[str, float, int, int], None]
"""Hears how a query ended (done, failed, gone), its seconds, rows and bytes."""

Describe = Callable[[Column], Column]
"""A column of a result as its answer describes it, where that is not as its table does."""


def as_published(column: Column) -> Column:
    """As the table has it."""
    return column


def tell_end(state: str, seconds: float, told: Told, account: Account, runid: str | None) -> None:
    """Count a query that has ended, and log it."""
    account(state, seconds, told.rows, told.bytes)
    _log.info(
        "query state=%s seconds=%.4f rows=%d bytes=%d runid=%s", state, seconds, told.rows, told.bytes, runid
    )


def told_of(
    answer: Answer, question: Question, now: datetime, citation: str | None, infos: tuple[Info, ...] = ()
) -> tuple[Info, ...]:
    """What an answer says of itself (TAP-104); ``infos`` stand behind the query."""
    cited = (Info("citation", citation, ucd="meta.bib"),) if citation else ()
    return (
        Info("QUERY", question.adql),
        *infos,
        Info("QUERY_TIMESTAMP", f"{now:%Y-%m-%dT%H:%M:%SZ}"),
        Info("server", f"vo-service/{__version__}"),
        Info("snapshot", str(answer.snapshot)),
        *cited,
        *(Info("warning", "", text) for text in answer.warnings),
    )


@contextmanager
def counted(told: Told, account: Account, runid: str | None, cancellation: Cancellation) -> Iterator[None]:
    """A query from its beginning to its end, which is told however it comes."""
    started = time.perf_counter()
    state = "failed"
    try:
        yield
        state = "done" if told.error is None else "failed"
    finally:
        state = "gone" if cancellation.requested else state
        tell_end(state, time.perf_counter() - started, told, account, runid)


@contextmanager
def answered(
    question: Question,
    context: Context,
    current: Current[Engine],
    cancellation: Cancellation,
    on_snapshot: Callable[[int], None] | None = None,
) -> Iterator[Answer]:
    """The answer to a question on the newest snapshot, whose number ``on_snapshot`` hears before; a
    cancellation stops it. Raises ServiceError, also for what goes wrong while the rows are read."""
    try:
        with current.use() as (snapshot, engine):
            if on_snapshot is not None:
                on_snapshot(snapshot.number)
            stop = Stop()
            cancellation.on_cancel(stop.ask)
            try:
                with ask(question, context, snapshot, engine, stop) as answer:
                    yield answer
            finally:
                cancellation.on_cancel(None)
    except TROUBLES as error:
        raise service_error(error) from error


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
    wording: Worded = plainly
    describe: Describe = as_published

    def pieces(self, cancellation: Cancellation) -> Generator[bytes, None, None]:
        """The bytes of the answer. Raises ServiceError as `TableBytes.pieces`."""
        with (
            counted(self.told, self.account, self.runid, cancellation),
            answered(self.question, self.context, self.current, cancellation, self.on_snapshot) as answer,
        ):
            yield from self._encoded(answer)

    def _encoded(self, answer: Answer) -> Iterator[bytes]:
        table = TableBytes(self.format, self.told, self.wording, self.place, self.spool_bytes)
        yield from table.pieces(
            self._portions(answer),
            partial(self._described, answer),
            lambda: Outcome("OVERFLOW" if answer.overflowed else "OK", infos=self._counts()),
        )

    def _portions(self, answer: Answer) -> Portions:
        """The rows as they come from the engine; the first of them wait where they may be the last."""
        batches = answer.batches
        first = next(batches, None)
        if first is None:
            return
        more = first.num_rows >= answer.batch_rows
        yield Portion(first, more)
        if more:
            batches = self._ahead(answer, batches)
        with closing(batches):
            for batch in batches:
                yield Portion(batch, leaves=True)

    def _ahead(self, answer: Answer, batches: Batches) -> Batches:
        return batches if self.readers is None else read_ahead(answer, batches, self.readers)

    def _counts(self) -> tuple[Info, ...]:
        return (Info("rows", str(self.told.rows)),)

    def _described(self, answer: Answer) -> TableDescription:
        services = described_services(answer.columns, answer.origins, self.context.base_url, self.services)
        columns = tuple(self.describe(column) for column in answer.columns)
        return TableDescription(columns, self._infos(answer), resources=(*services, *self.resources))

    def _infos(self, answer: Answer) -> tuple[Info, ...]:
        told = told_of(answer, self.question, self.context.now, self.citation, self.infos)
        return (Info("standardID", self.standard_id), *told)
