"""The engine that the settings name, opened on snapshots."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vo_service.engines.counted import CountedEngine, Tally
from vo_service.engines.duckdb import DuckDBEngine
from vo_service.engines.errors import EngineAway
from vo_service.engines.interface import Engine
from vo_service.engines.postgresql import PostgreSQLEngine
from vo_service.engines.postgresql_loader import PostgreSQLMirror
from vo_service.engines.postgresql_tables import schema_names
from vo_service.settings import Settings
from vo_service.store import Catalogue, Snapshot, StoreError

_FOR_HEALTH = 1  # connections that are for neither queries nor jobs: a busy service is well
_NAMED = 3  # of the columns that a snapshot lacks
_LOG = logging.getLogger(__name__)


class SnapshotNotLoaded(EngineAway):
    """The engine is still loading the snapshot; it takes minutes at most."""


class SnapshotOutdated(EngineAway):
    """The snapshot lacks columns that queries are written for."""


def dialect_of(settings: Settings) -> str:
    """The dialect of the engine that the settings name, which need not be there."""
    return PostgreSQLEngine.dialect if settings.engine == "postgresql" else DuckDBEngine.dialect


def mirror_for(settings: Settings, catalogue: Catalogue) -> PostgreSQLMirror | None:
    """Where snapshots are loaded before they are published; None for an engine that reads their files."""
    if settings.postgresql_url is None or settings.postgresql_reader_url is None:
        return None
    if settings.engine != "postgresql":
        return None
    return PostgreSQLMirror(
        settings.postgresql_url, settings.postgresql_reader_url, catalogue.identity, settings.wait_seconds
    )


class Engines:
    """Opens engines for one process. ``spill`` is its own directory for what does not fit into memory;
    ``tally`` hears of all that they run."""

    def __init__(
        self, settings: Settings, catalogue: Catalogue, spill: Path, tally: Tally | None = None
    ) -> None:
        self._settings = settings
        self._spill = spill
        self._tally = tally
        self._mirror = mirror_for(settings, catalogue)
        self._loading: threading.Thread | None = None
        self._guard = threading.Lock()

    @contextmanager
    def on(self, snapshot: Snapshot) -> Iterator[Engine]:
        """An engine on a snapshot for the block.

        Raises EngineAway where it cannot be had. Of these are SnapshotOutdated, where another version of this
        software made the snapshot, and SnapshotNotLoaded, where the engine was not in use when the snapshot
        was published, or not for this reader: then it is loaded behind this, to be there later.
        """
        engine = self._open(snapshot)
        try:
            yield engine if self._tally is None else CountedEngine(engine, self._tally)
        finally:
            engine.close()

    def _open(self, snapshot: Snapshot) -> Engine:
        if snapshot.lacks:
            raise SnapshotOutdated(
                f"snapshot {snapshot.number} was made by another version of vo-service: it has no "
                f"{', '.join(snapshot.lacks[:_NAMED])}; `vo-service ingest`, `harvest` or a new start of "
                "`vo-service serve` bring it up to date"
            )
        memory = self._settings.memory_bytes
        if self._mirror is None or self._settings.postgresql_reader_url is None:
            # the threads of all workers together: more than there are cores only wait for each other
            threads = max(1, (os.cpu_count() or 1) // self._settings.workers)
            return DuckDBEngine(
                snapshot.engine_file, memory_bytes=memory, spill_directory=self._spill, threads=threads
            )
        if not self._mirror.is_loaded(snapshot):
            self._load(self._mirror, snapshot)
            raise SnapshotNotLoaded(f"snapshot {snapshot.number} is being loaded into PostgreSQL")
        return PostgreSQLEngine(
            self._settings.postgresql_reader_url,
            schema_names(snapshot),
            memory_bytes=memory,
            connections=_connections(self._settings),
        )

    def _load(self, mirror: PostgreSQLMirror, snapshot: Snapshot) -> None:
        """Start loading, unless that is going on."""
        with self._guard:
            if self._loading is None or not self._loading.is_alive():
                self._loading = threading.Thread(
                    target=_load_behind, args=(mirror, snapshot), name="snapshot-loader", daemon=True
                )
                self._loading.start()


def _connections(settings: Settings) -> int:
    """How many sessions one process has at most: by default one for each query and each job that may run, so
    that neither waits for the other."""
    return (settings.postgresql_connections or settings.queries + settings.job_slots) + _FOR_HEALTH


def _load_behind(mirror: PostgreSQLMirror, snapshot: Snapshot) -> None:
    _LOG.info("snapshot %d is not in PostgreSQL yet: loading it", snapshot.number)
    try:
        mirror.load(snapshot)
    except StoreError as error:
        _LOG.error("%s", error)
    else:
        _LOG.info("snapshot %d is loaded", snapshot.number)
