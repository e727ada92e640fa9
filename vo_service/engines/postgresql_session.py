"""Connections to PostgreSQL, and a reader's session: one statement at a time, forgotten before the next."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from types import MappingProxyType
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

import pyarrow as pa

from vo_service.engines.errors import EngineAway, QueryFailed
from vo_service.engines.postgresql_reasons import error_of
from vo_service.settings import POSTGRESQL_ADDRESS

_BATCH_BYTES = 1 << 20
_BELT_SECONDS = 5.0  # the server's own limit of time lies so much behind ours
_LONGEST_TIMEOUT = 2**31 - 1
_CONNECTION = {  # what libpq does where an address says nothing else: a server that has gone is found out
    "connect_timeout": "10",
    "keepalives_idle": "20",
    "keepalives_interval": "5",
    "keepalives_count": "4",
    "tcp_user_timeout": "40000",
    "application_name": "vo-service",
}
_SETTINGS = {  # what DISCARD ALL goes back to
    "default_transaction_read_only": "on",
    "search_path": "pg_temp",
    "TimeZone": "UTC",
    "DateStyle": "ISO",
    "IntervalStyle": "postgres",
    "extra_float_digits": "1",
    "bytea_output": "hex",
    "client_encoding": "UTF8",
    "standard_conforming_strings": "on",
    "idle_in_transaction_session_timeout": "60000",
    "jit": "off",  # compiling takes longer than most queries of a catalogue do
}


class Session:
    """One connection. Methods raise EngineError; after EngineDown it is of no more use."""

    def __init__(self, address: str) -> None:
        self._connection = connect(address, autocommit=True)

    def prepare(self, seconds: float, tables: Mapping[str, pa.Table]) -> None:
        """Get ready for a statement that may run for ``seconds`` and reads ``tables``."""
        milliseconds = min(int((seconds + _BELT_SECONDS) * 1000), _LONGEST_TIMEOUT)
        self._execute(f"SET statement_timeout = {max(milliseconds, 1)}")
        if tables:
            self._execute("SET default_transaction_read_only = off")
            for name, table in tables.items():
                self._hand_over(name, table)
            self._execute("SET default_transaction_read_only = on")

    def _hand_over(self, name: str, table: pa.Table) -> None:
        with translated(), self._connection.cursor() as cursor:
            cursor.adbc_ingest(name, table, mode="create", temporary=True)
        self._execute(f"ANALYZE {quoted(name)}")  # without figures the planner takes it for a large one

    def check(self, sql: str) -> None:
        """Refuse all but one SELECT: nothing else can stand in the parentheses of a FROM clause.

        Raises QueryFailed; the statement is not run.
        """
        if "\0" in sql:
            raise QueryFailed("a NUL character, at which the server would take the text to end")
        with translated(), self._connection.cursor() as cursor:
            cursor.adbc_execute_schema(f"SELECT * FROM (\n{sql}\n) AS statement")

    def cursor(self) -> Any:
        """A cursor that answers in batches of some 1 MB."""
        with translated():
            cursor = self._connection.cursor()
            cursor.adbc_statement.set_options(**{"adbc.postgresql.batch_size_hint_bytes": str(_BATCH_BYTES)})
        return cursor

    def explain(self, sql: str) -> str:
        """The plan of a statement that was checked."""
        with translated(), self._connection.cursor() as cursor:
            cursor.adbc_statement.set_options(**{"adbc.postgresql.use_copy": "false"})
            cursor.execute(f"EXPLAIN {sql}")
            return "\n".join(line for (line,) in cursor.fetchall())

    def forget(self) -> None:
        """Drop temporary tables, locks, what was prepared; settings are again as at the start."""
        self._execute("DISCARD ALL")

    def close(self) -> None:
        """End the connection, in whatever state it is."""
        with suppress(_driver().Error, OSError):
            self._connection.close()

    def _execute(self, sql: str) -> None:
        with translated(), self._connection.cursor() as cursor:
            cursor.execute(sql)


def connect(address: str, *, autocommit: bool) -> Any:
    """A connection of the driver. Raises EngineAway."""
    if not POSTGRESQL_ADDRESS.fullmatch(address):  # libpq would repeat parts of it
        raise EngineAway(f"PostgreSQL cannot be reached at {shown(address)}")
    try:
        return _driver().connect(address, autocommit=autocommit)
    except (_driver().Error, OSError) as error:
        raise EngineAway(f"PostgreSQL cannot be reached at {shown(address)}: {error}") from error


def stream_of(cursor: Any) -> Any:
    """The result of a cursor as a stream of record batches, read by ``read_next_batch`` alone.

    The driver's own reader: one of Arrow loses the SQLSTATE of an error that comes while it reads.
    """
    from adbc_driver_manager._reader import AdbcRecordBatchReader

    handle = cursor.fetch_arrow()
    return AdbcRecordBatchReader._import_from_c(handle.address)


def address_of(url: str, settings: Mapping[str, str] = MappingProxyType({})) -> str:
    """``url`` (a libpq URI) with what every session of this service starts with, and ``settings`` besides."""
    head, _, query = url.partition("?")
    options = dict(parse_qsl(query, keep_blank_values=True))
    wanted = [options.pop("options", "")]
    wanted += [f"-c {name}={_escaped(value)}" for name, value in {**_SETTINGS, **settings}.items()]
    merged = {**_CONNECTION, **options, "options": " ".join(wanted).strip()}
    return f"{head}?{urlencode(merged, quote_via=quote)}"


def shown(url: str) -> str:
    """An address without what is secret in it, for messages: host, port and database.

    Of an address that does not parse nothing is shown: any part of it may be one of a password.
    """
    found = POSTGRESQL_ADDRESS.fullmatch(url)
    if found is None:
        return "an address that cannot be read"
    place = found["hosts"] or dict(parse_qsl(found["options"] or "")).get("host", "this machine")
    return f"{found['database'] or 'the default database'} on {place}"


def quoted(*names: str) -> str:
    """An identifier of one or more parts, each in double quotes."""
    return ".".join('"' + name.replace('"', '""') + '"' for name in names)


@contextmanager
def translated() -> Iterator[None]:
    """Errors of the driver, or of Arrow reading from it, become errors of this room, cause kept."""
    try:
        yield
    except (_driver().Error, pa.ArrowException, OSError) as error:
        raise error_of(error) from error


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace(" ", "\\ ")


def _driver() -> Any:
    """The ADBC driver, imported at its first use. Raises EngineAway where it is not installed."""
    try:
        from adbc_driver_postgresql import dbapi
    except ImportError as error:
        raise EngineAway(
            "the engine postgresql needs its driver: install vo-service with the extra `postgresql` "
            "(pip install 'vo-service[postgresql]')"
        ) from error
    return dbapi
