"""Loading snapshots into PostgreSQL before readers are sent to them, and dropping those that are no more."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tap_schema import Table
from vo_service.engines.errors import EngineAway, EngineError
from vo_service.engines.postgresql_role import check_reader, check_session
from vo_service.engines.postgresql_session import address_of, connect, quoted, translated
from vo_service.engines.postgresql_tables import (
    DATA_SCHEMA,
    create_statement,
    data_name,
    index_statements,
    schema_names,
)
from vo_service.store import Snapshot, StoreError

LOCK = 0x766F5F736572  # of this service among the advisory locks of a database
_LOOK_SECONDS = 0.2
_SETTINGS = {
    "default_transaction_read_only": "off",
    "search_path": "pg_catalog",
    "lock_timeout": "10s",
    "statement_timeout": "0",
    "idle_in_transaction_session_timeout": "0",
    "synchronous_commit": "on",  # VACUUM marks nothing that is not on the disk for good
}
_SNAPSHOT_SCHEMA = re.compile(r"s\d+_[0-9a-f]{10}_\w+")
_LOG = logging.getLogger(__name__)


class PostgreSQLMirror:
    """The snapshots of one home in a PostgreSQL database of its own.

    ``owner_url`` leads to the role that owns what is loaded, ``reader_url`` to the one that queries run as.
    ``home`` is the home's identity: a database that holds those of another is refused. A loader waits up to
    ``wait_seconds`` for another one.
    """

    def __init__(self, owner_url: str, reader_url: str, home: str, wait_seconds: float = 600.0) -> None:
        self._owner_url = owner_url
        self._reader_url = reader_url
        self._home = home
        self._wait_seconds = wait_seconds

    def is_loaded(self, snapshot: Snapshot) -> bool:
        """Whether the reader can read a snapshot, asked as the reader.

        Raises EngineError; EngineAway for a reader that may do more than read, too.
        """
        with closing(connect(address_of(self._reader_url), autocommit=True)) as reader:
            check_session(reader)
            with translated(), reader.cursor() as cursor:
                cursor.execute(_readable(snapshot))
                return cursor.fetchone() is not None

    def load(self, snapshot: Snapshot) -> None:
        """Make a snapshot readable: all of it or nothing. Raises StoreError; then nothing has changed."""
        try:
            reader = check_reader(self._owner_url, self._reader_url)
            with self._owner() as owner, self._alone(owner):
                self._claim(owner)
                tables = {name: data_name(snapshot, table) for name, table in snapshot.tables.items()}
                _drop_unused(owner, tables.values())
                is_shown = _is_shown(owner, snapshot)  # loaded by another process, or for another reader
                if not is_shown:
                    present = set(_data_tables(owner))
                    for name, table in snapshot.tables.items():
                        if tables[name] not in present:
                            _load_table(owner, snapshot, table, tables[name])
                _settle(owner)
                if not is_shown:
                    _show(owner, snapshot, tables)
                _let_read(owner, snapshot, reader)
                owner.commit()
        except EngineError as error:
            raise StoreError(
                f"snapshot {snapshot.number} could not be loaded into PostgreSQL, and is not served: {error}"
            ) from error

    def keep(self, snapshots: Collection[Snapshot]) -> None:
        """Drop everything but these snapshots. What cannot be dropped now is dropped another time."""
        kept = {schema for snapshot in snapshots for schema in schema_names(snapshot).values()}
        try:
            with self._owner() as owner, self._alone(owner):
                self._claim(owner)
                for schema in owner.names("SELECT nspname FROM pg_namespace ORDER BY 1"):
                    if _SNAPSHOT_SCHEMA.fullmatch(schema) and schema not in kept:
                        owner.execute(f"DROP SCHEMA {quoted(schema)} CASCADE")
                owner.commit()
                _drop_unused(owner, ())
        except EngineError as error:
            _LOG.warning("older snapshots stay in PostgreSQL for now: %s", error)

    @contextmanager
    def _owner(self) -> Iterator[_Owner]:
        owner = _Owner(address_of(self._owner_url, _SETTINGS))
        try:
            yield owner
        finally:
            owner.close()

    @contextmanager
    def _alone(self, owner: _Owner) -> Iterator[None]:
        """Be the only loader of this database; the lock goes with the connection, however that ends."""
        deadline = time.monotonic() + self._wait_seconds
        while not owner.value(f"SELECT pg_try_advisory_lock({LOCK})"):
            owner.commit()
            if time.monotonic() > deadline:
                raise EngineAway("another process has been loading a snapshot all the time; try again later")
            time.sleep(_LOOK_SECONDS)
        owner.commit()
        yield

    def _claim(self, owner: _Owner) -> None:
        """Take the database for this home. Raises EngineAway where it holds another one's."""
        mark = f"vo-service home {self._home}"
        found = owner.value(
            "SELECT coalesce(obj_description(oid, 'pg_namespace'), '') FROM pg_namespace "
            f"WHERE nspname = '{DATA_SCHEMA}'"
        )
        if found is None:
            owner.execute(f"CREATE SCHEMA {DATA_SCHEMA}")
            owner.execute(f"COMMENT ON SCHEMA {DATA_SCHEMA} IS '{mark}'")
        elif found != mark:
            raise EngineAway(
                "this database holds the snapshots of another home; each home needs a database of its own"
            )
        owner.commit()


class _Owner:
    """A connection of the owner, with transactions that are committed by hand."""

    def __init__(self, address: str) -> None:
        self._connection = connect(address, autocommit=False)

    def execute(self, sql: str) -> None:
        with translated(), self._connection.cursor() as cursor:
            cursor.execute(sql)

    def value(self, sql: str) -> Any:
        """The first value of the first row, None where there is no row."""
        with translated(), self._connection.cursor() as cursor:
            cursor.execute(sql)
            row = cursor.fetchone()
        return None if row is None else row[0]

    def names(self, sql: str) -> list[str]:
        """The first column."""
        with translated(), self._connection.cursor() as cursor:
            cursor.execute(sql)
            return [name for (name,) in cursor.fetchall()]

    def ingest(self, table: str, rows: pa.RecordBatchReader) -> None:
        """Add rows to a table of the data schema."""
        with translated(), self._connection.cursor() as cursor:
            cursor.adbc_ingest(table, rows, mode="append", db_schema_name=DATA_SCHEMA)

    def settle(self, table: str) -> None:
        """Mark a table as one that does not change, so that indexes alone can answer; in no transaction."""
        raw = self._connection.adbc_connection
        with translated():
            raw.set_autocommit(True)
            try:
                self.execute(f"VACUUM (FREEZE) {quoted(DATA_SCHEMA, table)}")
            finally:
                raw.set_autocommit(False)

    def commit(self) -> None:
        with translated():
            self._connection.commit()

    def rollback(self) -> None:
        with suppress(EngineError), translated():
            self._connection.rollback()

    def close(self) -> None:
        with suppress(EngineError), translated():
            self._connection.close()


def _data_tables(owner: _Owner, condition: str = "true") -> Sequence[str]:
    return owner.names(
        "SELECT c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
        f"WHERE n.nspname = '{DATA_SCHEMA}' AND c.relkind = 'r' AND {condition} ORDER BY 1"
    )


_UNSEEN = (
    "NOT EXISTS (SELECT 1 FROM pg_depend d JOIN pg_rewrite r ON r.oid = d.objid "
    "WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = c.oid)"
)


def _drop_unused(owner: _Owner, wanted: Collection[str]) -> None:
    """Drop the tables that no snapshot shows and nobody wants: what killed loaders and old snapshots left."""
    for name in _data_tables(owner, _UNSEEN):
        if name not in wanted:
            owner.execute(f"DROP TABLE {quoted(DATA_SCHEMA, name)}")
    owner.commit()


def _load_table(owner: _Owner, snapshot: Snapshot, table: Table, name: str) -> None:
    """One table with its indexes, in one transaction."""
    try:
        owner.execute(create_statement(table, name))
        rows = map(without_nul, snapshot.read_batches(table.qualified))
        owner.ingest(name, pa.RecordBatchReader.from_batches(table.arrow_schema(), rows))
        for statement in index_statements(table, name):
            owner.execute(statement)
        owner.execute(f"ANALYZE {quoted(DATA_SCHEMA, name)}")
        owner.commit()
    except EngineError:
        owner.rollback()
        raise


_UNSETTLED = "c.relallvisible < c.relpages"


def _settle(owner: _Owner) -> None:
    """Settle what was loaded now, and what a loader left that was killed before it came to that."""
    for name in _data_tables(owner, _UNSETTLED):
        owner.settle(name)


def _readable(snapshot: Snapshot) -> str:
    """SQL that gives a row where whoever asks can read all views of a snapshot."""
    schemas = sorted(schema_names(snapshot).values())
    names = ", ".join(f"'{schema}'" for schema in schemas)
    return (
        f"SELECT 1 FROM pg_namespace n WHERE nspname IN ({names}) AND has_schema_privilege(n.oid, 'USAGE') "
        "AND NOT EXISTS (SELECT 1 FROM pg_class c WHERE c.relnamespace = n.oid AND c.relkind = 'v' "
        f"AND NOT has_table_privilege(c.oid, 'SELECT')) HAVING count(*) = {len(schemas)}"
    )


def _is_shown(owner: _Owner, snapshot: Snapshot) -> bool:
    """Whether the views are there, which are made at one blow."""
    wanted = set(schema_names(snapshot).values())
    return wanted <= set(owner.names("SELECT nspname FROM pg_namespace"))


def _show(owner: _Owner, snapshot: Snapshot, tables: dict[str, str]) -> None:
    """Make the views of a snapshot."""
    schemas = schema_names(snapshot)
    for schema in schemas.values():
        owner.execute(f"CREATE SCHEMA {quoted(schema)}")
    for name, table in snapshot.tables.items():
        columns = ", ".join(quoted(column.name) for column in table.stored)
        owner.execute(
            f"CREATE VIEW {quoted(schemas[table.schema], table.name)} AS "
            f"SELECT {columns} FROM {quoted(DATA_SCHEMA, tables[name])}"
        )


def _let_read(owner: _Owner, snapshot: Snapshot, reader: str) -> None:
    """Let the reader look at the views of a snapshot: they reach the tables by the owner's rights."""
    for schema in schema_names(snapshot).values():
        owner.execute(f"GRANT USAGE ON SCHEMA {quoted(schema)} TO {quoted(reader)}")
        owner.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA {quoted(schema)} TO {quoted(reader)}")


def without_nul(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The same rows; a NUL character, which PostgreSQL cannot keep, becomes U+FFFD."""
    arrays = [
        pc.replace_substring(column, "\0", "\ufffd") if _may_hold_nul(column) else column
        for column in batch.columns
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=batch.schema)


def _may_hold_nul(column: pa.Array) -> bool:
    """Whether a byte of a text column is zero: looked for in all texts at once, which costs little."""
    if not pa.types.is_string(column.type) or not len(column):
        return False
    _, places, letters = column.buffers()
    ends = np.frombuffer(places, np.int32)[column.offset : column.offset + len(column) + 1]
    return letters is not None and not np.frombuffer(letters, np.uint8)[ends[0] : ends[-1]].all()
