"""DuckDB on one snapshot's engine file: read-only, locked down, several queries at a time.

Five fences stand behind the parser's: nothing is run but one SELECT that begins so (or with WITH), and that
calls or reads nothing that `duckdb_fence` names; the file is opened read-only, external access and extensions
are off, and the configuration is locked. Tables of one statement are registered on that statement's own
cursor, so that two queries never see each other's.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import MappingProxyType

import duckdb
import pyarrow as pa

from vo_service.engines.clock import Clock
from vo_service.engines.duckdb_alone import Alone
from vo_service.engines.duckdb_fence import Fence
from vo_service.engines.duckdb_reasons import reason_of
from vo_service.engines.errors import (
    EngineAway,
    EngineDown,
    EngineError,
    QueryCancelled,
    QueryFailed,
    QueryTimeout,
    QueryTooLarge,
)
from vo_service.engines.interface import Batches, Limits, Statement

_LOCKED_DOWN = {
    "enable_external_access": "false",
    "autoload_known_extensions": "false",
    "autoinstall_known_extensions": "false",
    "allow_community_extensions": "false",
    "allow_persistent_secrets": "false",
    "python_enable_replacements": "false",
    "preserve_insertion_order": "false",
    "lock_configuration": "true",  # with the rest: a later SET would fail on a file that is open already
}
MEMORY_BYTES = 2_000_000_000
SPILL_BYTES = 4_000_000_000
_INSIST_SECONDS = 0.1
_EXPLAIN_SECONDS = 30.0
_REMEMBERED = 128  # texts


class DuckDBEngine:
    """Runs statements on one engine file.

    ``memory_bytes`` is shared by all statements that run at a time (DuckDB knows no limit a query); what
    does not fit is spilled below ``spill_directory``, where one is given. A statement that runs out of memory
    beside others, before its first row, runs once more with as much memory for itself (`duckdb_alone`).
    Engines of one process on one file share it, and must be given the same limits. Raises EngineAway where
    the file cannot be opened.
    """

    dialect = "duckdb"
    schemas: Mapping[str, str] = MappingProxyType({})

    def __init__(
        self,
        engine_file: Path,
        *,
        memory_bytes: int = MEMORY_BYTES,
        spill_directory: Path | None = None,
        threads: int | None = None,
    ) -> None:
        config: dict[str, str | bool | int | float | list[str]] = dict(_LOCKED_DOWN)
        config["memory_limit"] = f"{memory_bytes // 1_000_000}MB"
        config["temp_directory"] = str(spill_directory) if spill_directory else ""
        if spill_directory:
            config["max_temp_directory_size"] = f"{SPILL_BYTES // 1_000_000}MB"
        if threads:
            config["threads"] = str(threads)
        self._statements: set[_Running] = set()
        self._guard = threading.Lock()
        self._closed = False
        self._clock = Clock()
        try:
            self._database = duckdb.connect(str(engine_file), read_only=True, config=config)
            self._selects = _Selects(Fence(self._database))
            self._alone = Alone(engine_file, config)
        except (duckdb.Error, OSError) as error:
            raise EngineAway(f"{engine_file.name} cannot be opened: {error}") from error

    @contextmanager
    def run(self, statement: Statement, limits: Limits) -> Iterator[Batches]:
        """As `Engine.run`; the time that is allowed begins here. Raises EngineError, as reading does."""
        with self._running(limits.seconds) as running:
            yield Batches(running.read(statement, limits.batch_rows), running.cancel)

    def explain(self, statement: Statement) -> str:
        """As `Engine.explain`."""
        with self._running(_EXPLAIN_SECONDS) as running:
            return running.explain(statement)

    @contextmanager
    def _running(self, seconds: float) -> Iterator[_Running]:
        running = self._begin(seconds)
        try:
            yield running
        finally:
            running.end()
            with self._guard:
                self._statements.discard(running)
                self._close_when_idle()

    def _begin(self, seconds: float) -> _Running:
        with self._guard:
            if self._closed:
                raise EngineAway("the engine has been closed")
            try:
                running = _Running(self._database.cursor(), self._selects, self._clock, seconds, self._alone)
            except duckdb.Error as error:
                raise EngineAway(str(error)) from error
            running.beside_others = bool(self._statements)
            for other in self._statements:
                other.beside_others = True
            self._statements.add(running)
        return running

    def close(self) -> None:
        """End the statements that run, with QueryCancelled, and let go of the file when they have ended."""
        with self._guard:
            self._closed = True
            for running in self._statements:
                running.cancel()
            self._close_when_idle()

    def _close_when_idle(self) -> None:
        """DuckDB refuses to close a database on which something runs."""
        if self._closed and not self._statements:
            self._clock.close()
            self._database.close()


class _Selects:
    """Texts as DuckDB parsed them, each of them one SELECT that the fence lets through.

    Those with parameters are remembered: they are look-ups, the same texts again and again.
    """

    def __init__(self, fence: Fence) -> None:
        self._fence = fence
        self._known: OrderedDict[str, duckdb.Statement] = OrderedDict()
        self._guard = threading.Lock()

    def of(self, statement: Statement, cursor: duckdb.DuckDBPyConnection) -> duckdb.Statement:
        """Raises QueryFailed for anything else than one SELECT, and duckdb.Error."""
        if not statement.parameters:
            return self._checked(statement.sql, cursor)
        with self._guard:
            known = self._known.get(statement.sql)
            if known is not None:
                self._known.move_to_end(statement.sql)
                return known
        new = self._checked(statement.sql, cursor)
        with self._guard:
            self._known[statement.sql] = new
            if len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        return new

    def _checked(self, sql: str, cursor: duckdb.DuckDBPyConnection) -> duckdb.Statement:
        """Refuse all else: a read-only file still takes temporary tables, CHECKPOINT, PREPARE and more.

        DuckDB takes SUMMARIZE, SHOW, and a FROM without SELECT for a SELECT too: the fence does not.
        """
        self._fence.check(sql, cursor)
        statements = cursor.extract_statements(sql)
        if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
            raise QueryFailed("only a single SELECT is run here")
        return statements[0]


class _Running:
    """One statement on its own cursor, with a clock that interrupts it.

    ``beside_others`` says whether another one has been there at any time, and so may have taken the memory.
    """

    def __init__(
        self,
        cursor: duckdb.DuckDBPyConnection,
        selects: _Selects,
        clock: Clock,
        seconds: float,
        alone: Alone,
    ) -> None:
        self.cursor = cursor
        self.beside_others = False
        self._alone = alone
        self._is_alone = False
        self._selects = selects
        self._late = False
        self._cancelled = False
        self._ended = False
        self._open = True
        self._stopping = threading.Lock()
        self._clock = clock
        self._alarm = clock.set(seconds, self._stop)

    def _stop(self) -> None:
        self._late = True
        self._insist()

    def cancel(self) -> None:
        """End the statement; whoever reads it is told."""
        self._cancelled = True
        self._insist()

    def _insist(self) -> None:
        """Interrupt until it has ended: DuckDB forgets an interrupt that comes just before a start."""
        if not self._ended:
            self._interrupt()
            self._clock.set(_INSIST_SECONDS, self._insist)

    def _interrupt(self) -> None:
        """The clock, a client that leaves and the end itself do: never while the cursor is being closed."""
        with self._stopping, suppress(duckdb.Error):  # the statement may just have ended by itself
            if self._open:
                self.cursor.interrupt()

    def _let_go(self) -> duckdb.DuckDBPyConnection:
        """The cursor, to be closed: from now on nobody interrupts it."""
        with self._stopping:
            self._open = False
        return self.cursor

    def read(self, statement: Statement, batch_rows: int) -> Iterator[pa.RecordBatch]:
        """The batches, the statement being started for the first; errors of the engine come out as ours."""
        self._check()
        try:
            reader, batch = self._begun(statement, batch_rows)
        except QueryTooLarge:
            if not self.beside_others:
                raise
            self._move()
            reader, batch = self._begun(statement, batch_rows)
        while batch is not None:
            self._check()
            if batch.num_rows:
                yield batch
            batch = self._next(reader)

    def _begun(
        self, statement: Statement, batch_rows: int
    ) -> tuple[Iterator[pa.RecordBatch], pa.RecordBatch | None]:
        """The reader of a statement, and its first batch."""
        with self.translated():
            select = self._prepared(statement)
            relation = self.cursor.sql(select, params=list(statement.parameters))
            reader = relation.to_arrow_reader(batch_rows)  # a sort or a sum is computed here, to its end
        return reader, self._next(reader)

    def _move(self) -> None:
        """Go where no other statement takes memory, when it is this one's turn."""
        self._let_go().close()  # and with it what the statement still held of the common memory
        with self.translated():
            self.cursor = self._alone.enter(self._check)
        self._is_alone = self._open = True

    def _next(self, reader: Iterator[pa.RecordBatch]) -> pa.RecordBatch | None:
        with self.translated():
            return next(reader, None)

    def explain(self, statement: Statement) -> str:
        """The plan of a statement."""
        with self.translated():
            self._prepared(statement)
            explained = self.cursor.execute(f"EXPLAIN {statement.sql}", list(statement.parameters))
            return "\n".join(str(row[-1]) for row in explained.fetchall())

    def _prepared(self, statement: Statement) -> duckdb.Statement:
        """The statement, if it is one that is run here, when its tables are at hand."""
        select = self._selects.of(statement, self.cursor)
        for name, table in statement.tables.items():
            self.cursor.register(name, table)
        return select

    def _check(self) -> None:
        """An interrupt between two batches stops nothing by itself."""
        if self._late:
            raise QueryTimeout("the limit of time was reached")
        if self._cancelled:
            raise QueryCancelled("the query was stopped")

    def end(self) -> None:
        """Interrupt what still runs and free the cursor."""
        self._ended = True
        self._alarm.cancel()
        self._interrupt()
        cursor = self._let_go()
        if self._is_alone:
            self._alone.leave(cursor)
        else:
            cursor.close()

    @contextmanager
    def translated(self) -> Iterator[None]:
        """Errors of DuckDB (raised by Arrow while reading) become errors of this room, cause kept."""
        try:
            yield
        except (duckdb.Error, pa.ArrowException, OSError) as error:
            raise self._error(error) from error

    def _error(self, error: Exception) -> EngineError:
        text = str(error)
        if self._late:
            return QueryTimeout("the limit of time was reached")
        if self._cancelled or isinstance(error, duckdb.InterruptException) or "INTERRUPT Error" in text:
            return QueryCancelled("the query was stopped")
        if isinstance(error, duckdb.OutOfMemoryException) or "Out of Memory Error" in text:
            return QueryTooLarge()
        if isinstance(error, duckdb.IOException | duckdb.FatalException | duckdb.ConnectionException):
            return EngineDown(text)
        return QueryFailed(text, reason_of(text))
