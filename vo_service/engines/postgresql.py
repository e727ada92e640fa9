"""PostgreSQL on one loaded snapshot, through ADBC: read-only, within limits, several queries at a time.

The fences behind the parser's: the role can read the views of snapshots and nothing else, its transactions
are read-only, and a text is run only where it can stand in the parentheses of a FROM clause, which is one
SELECT. Tables of one statement are temporary ones of the session that runs it, gone when it ends.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import pyarrow as pa

from vo_service.engines.clock import Clock
from vo_service.engines.errors import (
    EngineAway,
    EngineDown,
    EngineError,
    QueryCancelled,
    QueryFailed,
    QueryTimeout,
)
from vo_service.engines.interface import Batches, Limits, Statement
from vo_service.engines.postgresql_pool import Pool
from vo_service.engines.postgresql_session import Session, address_of, stream_of, translated

MEMORY_BYTES = 512 << 20
_CONNECTIONS = 8
_INSIST_SECONDS = 0.1
_PATIENCE_SECONDS = 1.0  # what a session may take to end a statement before it is given up
_SHARE = 8  # parts of the memory that one sort or hash of a statement may take
_LEAST_WORK_BYTES = 4 << 20
_EXPLAINING = Limits(seconds=30.0, batch_rows=1000)


class PostgreSQLEngine:
    """Runs statements as the role of ``url``, with ``schemas`` for the names of published ones.

    A sort or hash takes a part of ``memory_bytes``, then goes to the server's disk. At most ``connections``
    statements run at a time; more of them wait, within their time. Raises EngineAway where the server does
    not answer, or the driver is not installed.
    """

    dialect = "postgres"

    def __init__(
        self,
        url: str,
        schemas: Mapping[str, str],
        *,
        memory_bytes: int = MEMORY_BYTES,
        connections: int = _CONNECTIONS,
    ) -> None:
        self.schemas = dict(schemas)
        work_bytes = max(memory_bytes // _SHARE, _LEAST_WORK_BYTES)
        self._pool = Pool(address_of(url, {"work_mem": f"{work_bytes >> 10}kB"}), connections)
        self._statements: set[_Running] = set()
        self._guard = threading.Lock()
        self._closed = False
        self._clock = Clock()
        session, _ = self._pool.take(lambda: None)
        self._pool.give(session)

    @contextmanager
    def run(self, statement: Statement, limits: Limits) -> Iterator[Batches]:
        """As `Engine.run`; the time that is allowed begins here. Raises EngineError, as reading does."""
        with self._running(limits) as running:
            yield Batches(running.read(statement), running.cancel)

    def explain(self, statement: Statement) -> str:
        """As `Engine.explain`."""
        with self._running(_EXPLAINING) as running:
            return running.explain(statement)

    @contextmanager
    def _running(self, limits: Limits) -> Iterator[_Running]:
        running = self._begin(limits)
        try:
            yield running
        finally:
            running.end()
            with self._guard:
                self._statements.discard(running)
                self._close_when_idle()

    def _begin(self, limits: Limits) -> _Running:
        with self._guard:
            if self._closed:
                raise EngineAway("the engine has been closed")
            running = _Running(self._pool, self._clock, limits)
            self._statements.add(running)
        return running

    def close(self) -> None:
        """End the statements that run, with QueryCancelled, and all connections."""
        with self._guard:
            self._closed = True
            for running in self._statements:
                running.cancel()
            self._close_when_idle()

    def _close_when_idle(self) -> None:
        if self._closed and not self._statements:
            self._clock.close()
            self._pool.close()


class _Running:
    """One statement on a session of its own, with a clock that stops it."""

    def __init__(self, pool: Pool, clock: Clock, limits: Limits) -> None:
        self._pool = pool
        self._clock = clock
        self._limits = limits
        self._late = False
        self._cancelled = False
        self._ended = False
        self._session: Session | None = None
        self._cursor: Any = None
        self._stream: Any = None  # a result that has not been read to its end
        self._stopping = threading.Lock()
        self._using = threading.Lock()
        self._alarm = clock.set(limits.seconds, self._stop)

    def _stop(self) -> None:
        self._late = True
        self._insist()

    def cancel(self) -> None:
        """End the statement; whoever reads it is told."""
        self._cancelled = True
        self._insist()

    def _insist(self) -> None:
        """Interrupt until it has ended: the server forgets an interrupt that comes just before a start.

        In a thread, since the way to the server may be slow, and the clock has others to call.
        """
        if not self._ended:
            threading.Thread(target=self._interrupt, name="query-stop", daemon=True).start()
            self._clock.set(_INSIST_SECONDS, self._insist)

    def _interrupt(self) -> None:
        """Nothing is interrupted once it has ended: the session may run the next statement by then."""
        if self._stopping.acquire(blocking=False):
            try:
                cursor = self._cursor
                if cursor is not None and not self._ended:
                    with suppress(EngineError), translated():
                        cursor.adbc_cancel()
            finally:
                self._stopping.release()

    def read(self, statement: Statement) -> Iterator[pa.RecordBatch]:
        """The batches, the statement being started for the first; errors of the engine come out as ours."""
        cursor = self._start(statement)
        with self._told():
            cursor.execute(statement.sql, statement.parameters or None)
            self._stream = stream = stream_of(cursor)
            _refuse_foreign_types(stream.schema)
        while (batch := self._next(stream)) is not None:
            for start in range(0, batch.num_rows, self._limits.batch_rows):
                self._check()
                yield batch.slice(start, self._limits.batch_rows)

    def _next(self, stream: Any) -> pa.RecordBatch | None:
        try:
            with self._told():
                return stream.read_next_batch()
        except StopIteration:
            self._stream = None
            self._check()
            return None
        except EngineError:
            self._stream = None  # the driver has read the error: nothing is left on its way
            raise

    def explain(self, statement: Statement) -> str:
        """The plan of the statement, in the server's words."""
        self._start(statement)
        assert self._session is not None
        with self._told():
            return self._session.explain(statement.sql)

    def _start(self, statement: Statement) -> Any:
        """A cursor on a session that has the statement's tables and has found it to be a SELECT."""
        self._check()
        with self._told():
            session = self._ready(statement)
            self._check()
            session.check(statement.sql)
            self._check()
            return self._cursor

    def _ready(self, statement: Statement) -> Session:
        self._session, used = self._pool.take(self._check)
        try:
            self._open(self._session, statement)
        except EngineDown:
            if not used:
                raise
            broken, self._session, self._cursor = self._session, None, None  # the server was restarted
            self._session = self._pool.renew(broken)
            self._open(self._session, statement)
        return self._session

    def _open(self, session: Session, statement: Statement) -> None:
        self._cursor = session.cursor()
        session.prepare(self._limits.seconds, statement.tables)

    def _check(self) -> None:
        """An interrupt between two batches stops nothing by itself."""
        if self._late:
            raise QueryTimeout("the limit of time was reached")
        if self._cancelled or self._ended:
            raise QueryCancelled("the query was stopped")

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Use of the session by one thread; errors as ours; an interrupt of ours says why that came."""
        try:
            with self._using, translated():
                if self._ended:  # the session may be somebody else's by now
                    raise QueryCancelled("the query was stopped")
                yield
        except EngineError:
            self._check()
            raise

    def end(self) -> None:
        """Stop what still runs and give the session back, if it answers."""
        self._alarm.cancel()
        if self._session is None:
            self._ended = True
        elif self._stream is None and not self._late and not self._cancelled:
            self._finish(self._session)
        else:
            finishing = threading.Thread(target=self._finish, args=(self._session,), daemon=True)
            finishing.start()
            finishing.join(_PATIENCE_SECONDS)

    def _finish(self, session: Session) -> None:
        """Read what is still on its way, else the session could not run another statement, and give it back.

        Where the server does not answer this runs on behind the caller, until the connection is lost.
        """
        if self._stream is not None:
            self._interrupt()
        while not self._using.acquire(timeout=_INSIST_SECONDS):  # somebody reads in another thread
            self._interrupt()
        try:
            if self._stream is not None:
                with suppress(EngineError, StopIteration), translated():
                    while True:
                        self._stream.read_next_batch()
            self._ended = True
        finally:
            self._using.release()
        # an interrupt on its way arrives before the lock is ours: it is not for the next statement
        with self._stopping, suppress(EngineError), translated():
            self._cursor.close()
        self._pool.give(session)


def _refuse_foreign_types(schema: pa.Schema) -> None:
    """NUMERIC comes as text with a label: a mistake of whoever wrote the SQL, and never an answer."""
    for field in schema:
        if isinstance(field.type, pa.BaseExtensionType):
            raise QueryFailed(f"column {field.name} has the type {field.type}, which is none of ours")
