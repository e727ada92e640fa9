"""Published snapshots on both engines, for tests that want the same answer from each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
from postgres_cluster import Database

from vo_service.engines import DuckDBEngine, Engine, Limits, PostgreSQLEngine, Statement
from vo_service.engines.postgresql_loader import PostgreSQLMirror
from vo_service.engines.postgresql_tables import schema_names
from vo_service.store import Catalogue, Snapshot, Snapshots

LIMITS = Limits(seconds=30.0, batch_rows=1000)
MEMORY_BYTES = 200_000_000


@dataclass(frozen=True)
class TwoEngines:
    """A snapshot, and engines open on it."""

    snapshot: Snapshot
    duckdb: DuckDBEngine
    postgresql: PostgreSQLEngine

    def __iter__(self) -> Iterator[Engine]:
        return iter((self.duckdb, self.postgresql))

    def run(
        self, engine: Engine, sql: str, tables: Mapping[str, pa.Table] | None = None, limits: Limits = LIMITS
    ) -> pa.Table:
        """The rows of one statement in the engine's own SQL, which names schemas as the engine does
        (``engine.schemas``); tables handed with it by their names. Raises EngineError."""
        with engine.run(Statement(sql, tables=tables or {}), limits) as batches:
            found = list(batches.stream)
        return pa.Table.from_batches(found) if found else pa.table({})


@contextmanager
def publish(home: Path, contents: Mapping[str, pa.Table]) -> Iterator[Snapshot]:
    """The first snapshot of a home directory, with these rows by ``schema.table``."""
    catalogue = Catalogue.open_in(home)
    snapshots = Snapshots(home, catalogue)
    with snapshots.writer("a test", 0.0):
        draft = snapshots.draft()
        for name, rows in contents.items():
            draft.change(name, insert=rows)
        snapshot = snapshots.publish(draft, None)
    yield snapshot
    snapshots.close()
    catalogue.close()


class Engines:
    """Opens engines for tests. All are closed with the fixture ``engines``, which gives this."""

    def __init__(
        self, make_database: Callable[[], Database], make_home: Callable[[], Path], closing: ExitStack
    ) -> None:
        self._make_database = make_database
        self._make_home = make_home
        self._closing = closing

    def postgresql(self, snapshot: Snapshot) -> PostgreSQLEngine:
        """PostgreSQL on a snapshot, which is loaded into a database of its own."""
        database = self._make_database()
        PostgreSQLMirror(database.owner_url, database.reader_url, "a test").load(snapshot)
        engine = PostgreSQLEngine(
            database.reader_url, schema_names(snapshot), memory_bytes=MEMORY_BYTES, connections=4
        )
        self._closing.callback(engine.close)
        return engine

    def on(self, contents: Mapping[str, pa.Table]) -> TwoEngines:
        """Both engines on a new snapshot that has these rows.

        The rows go by ``schema.table``, hidden tables too, and have the stored columns
        (``published().storage[name].arrow_schema()``); what is not given is empty.
        """
        snapshot = self._closing.enter_context(publish(self._make_home(), contents))
        duckdb = DuckDBEngine(snapshot.engine_file, memory_bytes=MEMORY_BYTES)
        self._closing.callback(duckdb.close)
        return TwoEngines(snapshot, duckdb, self.postgresql(snapshot))
