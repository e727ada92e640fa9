"""A second DuckDB on a snapshot's engine file, for one statement at a time, with memory of its own.

DuckDB knows one limit of memory for all statements of an instance, and fails whichever of them asks when it
is used up: a small one beside large ones as well. What failed so before its first row runs here again, alone.
An instance in memory with the file attached is used, since DuckDB opens a file once a process. It is open
only while a statement uses it, so that its memory is given back.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import duckdb

from vo_service.store.engine_file import literal

Config = Mapping[str, str | bool | int | float | list[str]]

_LOCKS = {"enable_external_access": "false", "lock_configuration": "true"}
_POLL_SECONDS = 0.05


class Alone:
    """The place for one statement of an engine, and the queue before it."""

    def __init__(self, engine_file: Path, config: Config) -> None:
        """``config`` is that of the shared instance; what is spilled goes to a directory beside its own."""
        self._file = engine_file
        self._config = {name: value for name, value in config.items() if name not in _LOCKS}
        if self._config["temp_directory"]:
            self._config["temp_directory"] = f"{self._config['temp_directory']}/alone"
        self._turn = threading.Lock()

    def enter(self, check: Callable[[], None]) -> duckdb.DuckDBPyConnection:
        """Wait for the turn and open the instance; `leave` must follow.

        ``check`` is called while waiting, and ends it by what it raises. Raises duckdb.Error where the
        instance cannot be opened.
        """
        while not self._turn.acquire(timeout=_POLL_SECONDS):
            check()
        try:
            return self._opened()
        except BaseException:
            self._turn.release()
            raise

    def leave(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Close what `enter` opened, and let the next one in."""
        try:
            with suppress(duckdb.Error):
                connection.close()
        finally:
            self._turn.release()

    def _opened(self) -> duckdb.DuckDBPyConnection:
        connection = duckdb.connect(":memory:", config=dict(self._config))
        try:
            connection.execute(f"ATTACH {literal(self._file)} AS snapshot (READ_ONLY)").fetchall()
            connection.execute("USE snapshot").fetchall()
            for name, value in _LOCKS.items():
                connection.execute(f"SET {name} = {value}").fetchall()
        except BaseException:
            connection.close()
            raise
        return connection
