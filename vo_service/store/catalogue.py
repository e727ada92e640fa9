"""The catalogue database: the snapshot pointer, leases, the run log, roots, settings that must not change.

SQLAlchemy Core on SQLite (WAL) by default, on PostgreSQL by its URL. Every transaction is either
:meth:`Catalogue.reading` or :meth:`Catalogue.writing`; a writing one takes SQLite's write lock at its start,
so that it waits for its turn instead of failing half-way.
"""

from __future__ import annotations

import shutil
import sqlite3
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from vo_service.store import job_tables as _job_tables  # noqa: F401  (they belong to METADATA)
from vo_service.store.catalogue_file import IDENTITY, CatalogueFile, Mark
from vo_service.store.catalogue_tables import METADATA, digest, pointer, root, setting
from vo_service.store.disk import says_full
from vo_service.store.errors import CatalogueError, DiskFull, StoreError

LAYOUT = 1
_BUSY_SECONDS = 30
_NAMES_AT_A_TIME = 500  # in one question
_CONNECT_SECONDS = 5  # a server that takes longer is not there
_SILENT_SECONDS = {"keepalives_idle": 5, "keepalives_interval": 2, "keepalives_count": 3}
_POLL_SECONDS = 0.002
_ROOM_BYTES = 64 * 1024  # the index of SQLite's log takes 32 KiB before anything is written
_CREATE_LOCK = 7160263  # any number, the same for everybody who creates the tables in one PostgreSQL database

RootPlace: TypeAlias = Path | str
"""Where an ingest root is: a directory of this machine, or the URL that its files lie below."""


class Catalogue:
    """An open catalogue database. Safe for several threads; each process opens its own."""

    def __init__(self, engine: sa.Engine, busy_seconds: float, home: Path | None) -> None:
        self._engine = engine
        self._busy_seconds = busy_seconds
        self._home = home
        self._path = _file_of(engine.url)
        self._recognising = _Recognising(engine) if self._path is None else CatalogueFile(self._path)
        self._identity = ""  # until it is settled, which is before anybody gets the catalogue
        self._turn = threading.Lock()  # SQLite has one writer: ours wait here, in order, without polling

    @classmethod
    def open(cls, url: str, busy_seconds: float = _BUSY_SECONDS, home: Path | None = None) -> Catalogue:
        """Open the database at an SQLAlchemy URL and create what is missing in it.

        ``busy_seconds``: how long a transaction waits for somebody else's, and for a connection at all.
        ``home``: whose catalogue it is; one that has snapshots already has a catalogue, too.
        Raises CatalogueError when it cannot be reached, holds the layout of another version, or would have to
        be made in a home that has lost its own.
        """
        try:
            parsed = sa.make_url(url)
            engine = sa.create_engine(
                parsed,
                connect_args=_connect_args(parsed, busy_seconds),
                pool_timeout=busy_seconds,
                pool_pre_ping=parsed.get_backend_name() != "sqlite",  # after a restart of the database
            )
        except (SQLAlchemyError, ImportError) as error:
            raise CatalogueError(f"catalogue URL: {_words(error)}") from error
        event.listen(engine, "begin", _Beginning(busy_seconds))
        if parsed.get_backend_name() == "sqlite":
            event.listen(engine, "connect", _Preparing(busy_seconds))
        catalogue = cls(engine, busy_seconds, home)
        catalogue._recognising.listen_to(engine)
        try:
            catalogue._create()
        except StoreError:
            engine.dispose()
            raise
        return catalogue

    @classmethod
    def open_in(cls, home: Path) -> Catalogue:
        """Open the default catalogue, ``HOME/catalogue.sqlite``."""
        return cls.open(f"sqlite:///{home / 'catalogue.sqlite'}", home=home)

    @property
    def engine(self) -> sa.Engine:
        """What connects to the database."""
        return self._engine

    @property
    def identity(self) -> str:
        """What tells this catalogue from every other, for good."""
        return self._identity

    def file_mark(self) -> Mark:
        """Which file is the catalogue: another answer than before means that connections which were kept are
        to that no more. Always None where it lies on a server."""
        return self._recognising.mark() if isinstance(self._recognising, CatalogueFile) else None

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
        deadline = time.monotonic() + self._busy_seconds
        with self._writers_turn(), self._translated(), self._engine.connect() as raw:
            connection = raw.execution_options(vo_writes_by=deadline)
            with connection.begin():
                yield connection

    @contextmanager
    def _writers_turn(self) -> Iterator[None]:
        if self._engine.dialect.name != "sqlite":
            yield
            return
        if not self._turn.acquire(timeout=self._busy_seconds):
            raise CatalogueError(f"the catalogue database{self._file_name()} failed: database is locked")
        try:
            yield
        finally:
            self._turn.release()

    def settled(self, name: str, value: str) -> str:
        """The value fixed under ``name`` at the first call, which this one is if there is none yet."""
        known = self.find_setting(name)
        if known is not None:  # the common case waits for no writer
            return known
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

    def find_digests(self, product_ids: Sequence[str]) -> dict[tuple[str, int, int, int], str]:
        """What is remembered of many products, by product_id, version, size and modified_ns."""
        found: dict[tuple[str, int, int, int], str] = {}
        with self.reading() as connection:
            for start in range(0, len(product_ids), _NAMES_AT_A_TIME):
                names = product_ids[start : start + _NAMES_AT_A_TIME]
                statement = sa.select(digest).where(digest.c.product_id.in_(names))
                for row in connection.execute(statement):
                    found[row.product_id, row.version, row.size, row.modified_ns] = row.sha256
        return found

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
        if self._path is not None and not _has_content(self._path):
            self._refuse_second()  # before anything is made
        with self.writing() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_CREATE_LOCK)))
            METADATA.create_all(connection)
            found = connection.scalar(sa.select(setting.c.value).where(setting.c.name == "layout"))
            if found is None:
                self._refuse_second()
                connection.execute(sa.insert(setting).values(name="layout", value=str(LAYOUT)))
                connection.execute(sa.insert(pointer).values(name="current", number=None))
            elif found != str(LAYOUT):
                raise CatalogueError(
                    f"the catalogue database has layout {found}, this vo-service reads layout {LAYOUT}"
                )
        self._settle()

    def _settle(self) -> None:
        """Give the catalogue its identity, if it has none yet, and keep to it from now on."""
        identity = self.find_setting(IDENTITY)
        if identity is None:
            identity = self.settled(IDENTITY, uuid.uuid4().hex)
            if self._path is not None:  # out of the log, for those who look into the file alone
                with self._translated(), self._engine.connect() as connection:
                    connection.exec_driver_sql("PRAGMA wal_checkpoint(PASSIVE)")
        self._recognising.settle(identity)
        self._identity = identity

    def _refuse_second(self) -> None:
        """Raises CatalogueError where the home has snapshots: a new catalogue would know none of them, and
        the next command would sweep them away."""
        snapshots = self._home / "snapshots" if self._home else None
        if snapshots and snapshots.is_dir() and any(place.name.isdigit() for place in snapshots.iterdir()):
            raise CatalogueError(
                f"the catalogue database{self._file_name()} is missing or empty, but there are snapshots that"
                " belong to it: put it back (only to begin anew without them, remove the directory snapshots)"
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

    def _file_name(self) -> str:
        return f" ({self._path.name})" if self._path else ""

    def _lacks_room(self) -> bool:
        """Whether SQLite's own files no longer fit: it then speaks of an input or output error only."""
        try:
            return self._path is not None and shutil.disk_usage(self._path.parent).free < _ROOM_BYTES
        except OSError:
            return False


def _file_of(url: sa.URL) -> Path | None:
    if url.get_backend_name() != "sqlite" or not url.database or url.database.startswith("file:"):
        return None
    return None if url.database == ":memory:" else Path(url.database).absolute()


def _has_content(file: Path) -> bool:
    try:
        return file.stat().st_size > 0
    except OSError:
        return False


def _connect_args(url: sa.URL, busy_seconds: float) -> dict[str, Any]:
    if url.get_backend_name() == "sqlite":
        return {"timeout": busy_seconds, "check_same_thread": False}
    if url.get_backend_name() == "postgresql":
        connecting = max(2, min(int(busy_seconds), _CONNECT_SECONDS))
        waiting = {
            "connect_timeout": connecting,
            "options": f"-c lock_timeout={int(busy_seconds * 1000)}",
            "tcp_user_timeout": 2000 * connecting,  # one that has gone without a word is found out by then
            **_SILENT_SECONDS,
        }
        return {name: value for name, value in waiting.items() if name not in url.query}
    return {}


class _Recognising:
    """Listens to the pool of an engine on a server: once the catalogue is known by its identity, there are no
    connections to another one, as where the database was made anew."""

    def __init__(self, engine: sa.Engine) -> None:
        asking = sa.select(setting.c.value).where(setting.c.name == IDENTITY)
        self._sql = str(asking.compile(engine, compile_kwargs={"literal_binds": True}))
        self._error: type[Exception] = engine.dialect.loaded_dbapi.OperationalError
        self._identity: str | None = None

    def listen_to(self, engine: sa.Engine) -> None:
        event.listen(engine, "connect", self._on_connection)

    def settle(self, identity: str) -> None:
        self._identity = identity

    def _on_connection(self, connection: Any, _record: object) -> None:
        if self._identity is None:
            return
        try:
            cursor = connection.cursor()
            cursor.execute(self._sql)
            row = cursor.fetchone()
            cursor.close()
            connection.rollback()
        except BaseException:
            connection.close()
            raise
        if row is None or row[0] != self._identity:
            connection.close()
            raise self._error("it is another one than before; put that back")


class _Preparing:
    """WAL lets readers and the writer work side by side; FULL makes a commit outlast a power cut.

    Transactions are begun by :class:`_Beginning`, so the driver must not begin any of its own. Two that
    switch a new file to WAL at once hold each other up: SQLite then refuses one without any wait."""

    def __init__(self, busy_seconds: float) -> None:
        self._busy_seconds = busy_seconds

    def __call__(self, connection: Any, _record: object) -> None:
        connection.isolation_level = None
        cursor = connection.cursor()
        deadline = time.monotonic() + self._busy_seconds
        _take_lock(lambda: cursor.execute("PRAGMA journal_mode = WAL"), deadline)
        for pragma in ("synchronous = FULL", "foreign_keys = ON"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()


class _Beginning:
    """Begins transactions. Writers ask for SQLite's lock every few milliseconds: its own way to wait sleeps
    ever longer, so that among several writers some would not get their turn at all."""

    def __init__(self, busy_seconds: float) -> None:
        self._busy_seconds = busy_seconds

    def __call__(self, connection: sa.Connection) -> None:
        if connection.dialect.name != "sqlite":
            return
        deadline = connection.get_execution_options().get("vo_writes_by")
        if deadline is None:
            connection.exec_driver_sql("BEGIN")
            return
        connection.exec_driver_sql("PRAGMA busy_timeout = 0")
        try:
            _take_lock(lambda: connection.exec_driver_sql("BEGIN IMMEDIATE"), deadline)
        finally:
            connection.exec_driver_sql(f"PRAGMA busy_timeout = {int(self._busy_seconds * 1000)}")


def _take_lock(ask: Callable[[], object], deadline: float) -> None:
    """Ask for a lock of SQLite until it is given; after the deadline the error that it was not is raised."""
    while True:
        try:
            ask()
            return
        except (OperationalError, sqlite3.OperationalError) as error:
            if not _is_busy(getattr(error, "orig", error)) or time.monotonic() >= deadline:
                raise
        time.sleep(_POLL_SECONDS)


def _is_busy(error: object) -> bool:
    """Whether somebody else holds a lock. The codes of SQLite say more in their higher bits, as that another
    process recovers the log (SQLITE_BUSY_RECOVERY)."""
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return code is not None and code & 0xFF == sqlite3.SQLITE_BUSY


def _words(error: Exception) -> str:
    """The database's own words, without the statement and the link that SQLAlchemy adds."""
    return str(getattr(error, "orig", None) or error).partition("\n")[0]
