"""One query, from the question to the bytes of its answer; runs in a thread, knows no HTTP.

What goes wrong before the first batch is raised, for the client to be told with a status. After that the
status has gone: the outcome is written behind the rows where the format has a place for it, else the stream
breaks off (DALI-114).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from itertools import chain

from vo_service import __version__
from vo_service.adql import AdqlError
from vo_service.dali.current import Current
from vo_service.dali.streams import Cancellation
from vo_service.engines import Engine, EngineError
from vo_service.formats import OK, OVERFLOW, EncodingError, Info, TableDescription, failed
from vo_service.query import Answer, Context, Question, Stop, ask
from vo_service.store import StoreError
from vo_service.tap.errors import service_error
from vo_service.tap.parameters import TapRequest

_log = logging.getLogger(__name__)

_STANDARD = "ivo://ivoa.net/std/TAP"


@dataclass(frozen=True, slots=True)
class Answering:
    """A query about to be answered: what was asked, in which circumstances, and how many rows at most."""

    request: TapRequest
    context: Context
    current: Current[Engine]
    maxrec: int

    def pieces(self, cancellation: Cancellation) -> Generator[bytes, None, None]:
        """The bytes of the answer. Raises ServiceError, before the first of them or, where the format has no
        place for an error, after some."""
        started = time.perf_counter()
        state = "failed"
        try:
            with self.current.use() as (snapshot, engine):
                question = Question(self.request.adql, self.maxrec, self.request.version)
                stop = Stop()
                cancellation.on_cancel(stop.ask)
                try:
                    with ask(question, self.context, snapshot, engine, stop) as answer:
                        yield from self._encoded(answer)
                finally:
                    cancellation.on_cancel(None)
            state = "done"
        except (AdqlError, EngineError, EncodingError, StoreError) as error:
            raise service_error(error) from error
        finally:
            _log.info(
                "query state=%s seconds=%.4f runid=%s",
                "gone" if cancellation.requested else state,
                time.perf_counter() - started,
                self.request.runid,
            )

    def _encoded(self, answer: Answer) -> Iterator[bytes]:
        """Header, rows and outcome, the first batch being there before the header goes."""
        encoder = self.request.format.make()
        batches = iter(answer.batches)
        first = next(batches, None)
        yield from encoder.begin(TableDescription(answer.columns, self._infos(answer)))
        try:
            for batch in batches if first is None else chain((first,), batches):
                yield from encoder.rows(batch)
            outcome = OVERFLOW if answer.overflowed else OK
        except (EngineError, EncodingError) as error:
            if not self.request.format.tells_outcome:
                raise
            outcome = failed(service_error(error).text)
        yield from encoder.end(outcome)

    def _infos(self, answer: Answer) -> tuple[Info, ...]:
        """What an answer says of itself (TAP-104)."""
        request = self.request
        return (
            Info("standardID", _STANDARD),
            Info("QUERY", request.adql),
            Info("LANG", f"{request.language}-{request.version}"),
            Info("MAXREC", str(self.maxrec)),
            Info("server", f"vo-service/{__version__}"),
            Info("snapshot", str(answer.snapshot)),
            *(Info("warning", "", text) for text in answer.warnings),
        )
