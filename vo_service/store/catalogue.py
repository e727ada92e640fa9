"""The catalogue database: the snapshot pointer, leases, the run log, roots, settings that must not change.

SQLAlchemy Core on SQLite (WAL) by default, on PostgreSQL by its URL. Every transaction is either
:meth:`Catalogue.reading` or :meth:`Catalogue.writing`; a writing one takes SQLite's write lock at its start,
so that it waits for its turn instead of failing half-way.
"""

from __future__ import annotations

import shutil
import sqlite3
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.exc import SQLAlchemyError

from vo_service.store.disk import says_full
from vo_service.store.errors import CatalogueError, DiskFull, StoreError

LAYOUT = 1
_BUSY_SECONDS = 30
_RETRY_SECONDS = 0.01
_ROOM_BYTES = 64 * 1024  # the index of SQLite's log takes 32 KiB before anything is written
_CREATE_LOCK = 7160263  # any number, the same for everybody who creates the tables in one PostgreSQL database

RootPlace: TypeAlias = Path | str
"""Where an ingest root is: a directory of this machine, or the URL that its files lie below."""

METADATA = sa.MetaData()

setting = sa.Table(
    "setting",
    METADATA,
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)
root = sa.Table(
    "root",
    METADATA,
    sa.Column("name", sa.String(200), primary_key=True),
    sa.Column("path", sa.Text, nullable=False),
)
snapshot = sa.Table(
    "snapshot",
    METADATA,
    sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("state", sa.String(16), nullable=False),  # published, dropped
    sa.Column("created", sa.String(32), nullable=False),
)
pointer = sa.Table(
    "pointer",
    METADATA,
    sa.Column("name", sa.String(16), primary_key=True),
    sa.Column("number", sa.BigInteger, nullable=True),
)
lease = sa.Table(
    "lease",
    METADATA,
    sa.Column("lease_id", sa.String(32), primary_key=True),
    sa.Column("number", sa.BigInteger, nullable=False, index=True),
    sa.Column("host", sa.String(200), nullable=False),
    sa.Column("pid", sa.BigInteger, nullable=False),
    sa.Column("started", sa.BigInteger, nullable=False),
    sa.Column("heartbeat", sa.Float(53), nullable=False),  # seconds since 1970
)
run = sa.Table(
    "run",
    METADATA,
    sa.Column("run_id", sa.String(64), primary_key=True),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("state", sa.String(16), nullable=False, index=True),
    sa.Column("started", sa.DateTime, nullable=False),
    sa.Column("finished", sa.DateTime, nullable=True),
    sa.Column("snapshot", sa.BigInteger, nullable=True),
    *(
        sa.Column(name, sa.BigInteger, nullable=False, default=0)
        for name in (
            "product_count",
            "ok_count",
            "failed_count",
            "skipped_count",
            "row_count",
            "rejected_count",
        )
    ),
    sa.Column("software", sa.String(64), nullable=False),
    sa.Column("host", sa.String(200), nullable=False),
    sa.Column("pid", sa.BigInteger, nullable=False),
    sa.Column("process_started", sa.BigInteger, nullable=False),
)
run_product = sa.Table(
    "run_product",
    METADATA,
    sa.Column("entry", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("run_id", sa.String(64), sa.ForeignKey("run.run_id"), nullable=False, index=True),
    sa.Column("root", sa.Text, nullable=True),
    sa.Column("path", sa.Text, nullable=True),
    sa.Column("line", sa.BigInteger, nullable=True),
    sa.Column("product_id", sa.Text, nullable=True),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("error_class", sa.String(64), nullable=True),
    sa.Column("error_message", sa.Text, nullable=True),
    sa.Column("repair_count", sa.BigInteger, nullable=True),
    sa.Column("duration", sa.Float(53), nullable=True),
)
digest = sa.Table(
    "digest",
    METADATA,
    sa.Column("product_id", sa.String(300), primary_key=True),
    sa.Column("version", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("size", sa.BigInteger, nullable=False),
    sa.Column("modified_ns", sa.BigInteger, nullable=False),
    sa.Column("sha256", sa.String(64), nullable=False),
)


class Catalogue:
    """An open catalogue database. Safe for several threads; each process opens its own."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine

    @classmethod
    def open(cls, url: str) -> Catalogue:
        """Open the database at an SQLAlchemy URL and create what is missing in it.

        Raises CatalogueError when it cannot be reached, or holds the layout of another version.
        """
        try:
            parsed = sa.make_url(url)
            engine = sa.create_engine(parsed, connect_args=_connect_args(parsed))
        except (SQLAlchemyError, ImportError) as error:
            raise CatalogueError(f"catalogue URL: {_words(error)}") from error
        event.listen(engine, "begin", _begin)
        if parsed.get_backend_name() == "sqlite":
            event.listen(engine, "connect", _prepare_sqlite)
        catalogue = cls(engine)
        try:
            catalogue._create()
        except StoreError:
            engine.dispose()
            raise
        return catalogue

    @classmethod
    def open_in(cls, home: Path) -> Catalogue:
        """Open the default catalogue, ``HOME/catalogue.sqlite``."""
        return cls.open(f"sqlite:///{home / 'catalogue.sqlite'}")

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A transaction that only reads. Raises CatalogueError when the database fails."""
        with self._translated(), self._engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """A transaction that writes; it is committed at the end of the block, undone by an exception.

        Raises CatalogueError when the database fails.
        """
        with self._translated(), self._engine.connect() as raw:
            connection = raw.execution_options(vo_writes=True)
            with connection.begin():
                yield connection

    def settled(self, name: str, value: str) -> str:
        """The value fixed under ``name`` at the first call, which this one is if there is none yet."""
        with self.writing() as connection:
            found = connection.scalar(sa.select(setting.c.value).where(setting.c.name == name))
            if found is not None:
                return str(found)
            connection.execute(sa.insert(setting).values(name=name, value=value))
            return value

    def find_setting(self, name: str) -> str | None:
        """The value fixed under ``name``, or None."""
        with self.reading() as connection:
            return connection.scalar(sa.select(setting.c.value).where(setting.c.name == name))

    def roots(self) -> Mapping[str, RootPlace]:
        """The ingest roots: name to directory on this machine, or URL."""
        with self.reading() as connection:
            rows = connection.execute(sa.select(root.c.name, root.c.path).order_by(root.c.name))
            return {name: path if "://" in path else Path(path) for name, path in rows}

    def register_root(self, name: str, path: RootPlace) -> None:
        """Name an ingest root; a name that is known already moves to the new directory or URL."""
        with self.writing() as connection:
            changed = connection.execute(sa.update(root).where(root.c.name == name).values(path=str(path)))
            if changed.rowcount == 0:
                connection.execute(sa.insert(root).values(name=name, path=str(path)))

    def drop_root(self, name: str) -> None:
        """Forget an ingest root; nothing happens where there is none of that name."""
        with self.writing() as connection:
            connection.execute(sa.delete(root).where(root.c.name == name))

    def find_digest(self, product_id: str, version: int, size: int, modified_ns: int) -> str | None:
        """The SHA-256 (hexadecimal) of a product as remembered, None when the file has changed since."""
        statement = sa.select(digest.c.sha256).where(
            digest.c.product_id == product_id,
            digest.c.version == version,
            digest.c.size == size,
            digest.c.modified_ns == modified_ns,
        )
        with self.reading() as connection:
            return connection.scalar(statement)

    def keep_digest(self, product_id: str, version: int, size: int, modified_ns: int, sha256: str) -> None:
        """Remember the SHA-256 (hexadecimal) of a product in its present state, for all workers."""
        with self.writing() as connection:
            connection.execute(sa.delete(digest).where(digest.c.product_id == product_id))
            connection.execute(
                sa.insert(digest).values(
                    product_id=product_id, version=version, size=size, modified_ns=modified_ns, sha256=sha256
                )
            )

    def _create(self) -> None:
        with self.writing() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_CREATE_LOCK)))
            METADATA.create_all(connection)
            found = connection.scalar(sa.select(setting.c.value).where(setting.c.name == "layout"))
            if found is None:
                connection.execute(sa.insert(setting).values(name="layout", value=str(LAYOUT)))
                connection.execute(sa.insert(pointer).values(name="current", number=None))
            elif found != str(LAYOUT):
                raise CatalogueError(
                    f"the catalogue database has layout {found}, this vo-service reads layout {LAYOUT}"
                )

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except SQLAlchemyError as error:
            if says_full(_words(error)) or self._lacks_room():
                raise DiskFull("writing to the catalogue database") from error
            raise CatalogueError(
                f"the catalogue database{self._file_name()} failed: {_words(error)}"
            ) from error

    def _file(self) -> Path | None:
        url = self._engine.url
        return Path(url.database) if url.get_backend_name() == "sqlite" and url.database else None

    def _file_name(self) -> str:
        file = self._file()
        return f" ({file.name})" if file else ""

    def _lacks_room(self) -> bool:
        """Whether SQLite's own files no longer fit: it then speaks of an input or output error only."""
        file = self._file()
        try:
            return file is not None and shutil.disk_usage(file.parent).free < _ROOM_BYTES
        except OSError:
            return False


def _connect_args(url: sa.URL) -> dict[str, Any]:
    if url.get_backend_name() == "sqlite":
        return {"timeout": _BUSY_SECONDS, "check_same_thread": False}
    return {}


def _prepare_sqlite(connection: Any, _record: object) -> None:
    """WAL lets readers and the writer work side by side; FULL makes a commit outlast a power cut.

    Transactions are begun by :func:`_begin`, so the driver must not begin any of its own."""
    connection.isolation_level = None
    cursor = connection.cursor()
    _switch_to_wal(cursor)
    for pragma in ("synchronous = FULL", "foreign_keys = ON"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _switch_to_wal(cursor: Any) -> None:
    """Two that switch a new file at once hold each other up: SQLite then refuses one without any wait."""
    deadline = time.monotonic() + _BUSY_SECONDS
    while True:
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
        time.sleep(_RETRY_SECONDS)


def _begin(connection: sa.Connection) -> None:
    if connection.dialect.name == "sqlite":
        writes = connection.get_execution_options().get("vo_writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _words(error: Exception) -> str:
    """The database's own words, without the statement and the link that SQLAlchemy adds."""
    return str(getattr(error, "orig", None) or error).partition("\n")[0]
