"""The file of an SQLite catalogue under a process that has it open: no other takes its place unnoticed.

SQLite goes on with a file that was moved away, and makes an empty one where it finds none. So a connection
counts only while the file that it has open is the one that lies at the path; and once the catalogue is known
by its identity, connections are made to that catalogue alone: to the file that was opened, or to a copy of it
that was put in its place. Nobody here opens the file but SQLite itself: to close it otherwise would end the
locks of all connections of this process.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any, Final, NoReturn, TypeAlias
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.exc import DisconnectionError

IDENTITY: Final = "home"
"""The setting that tells one catalogue from another."""

Mark: TypeAlias = tuple[int, int] | None
"""Which file lies at a path: device and inode; None where there is none."""

_MARK: Final = "vo_file"


class CatalogueFile:
    """Listens to the pool of an engine on the file at ``path``."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._identity: str | None = None
        self._known: Mark = None

    def listen_to(self, engine: sa.Engine) -> None:
        """Guard the connections of an engine."""
        event.listen(engine, "do_connect", self._on_opening)
        event.listen(engine, "checkout", self._on_use)

    def settle(self, identity: str) -> None:
        """From now on the catalogue of that identity alone is connected to."""
        self._known = self.mark()
        self._identity = identity

    def mark(self) -> Mark:
        """Which file lies at the path now."""
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino

    def _on_opening(self, _dialect: object, record: Any, arguments: list[Any], words: dict[str, Any]) -> None:
        """Before a connection is made: it shall not make the file. Raises sqlite3.OperationalError."""
        mark = self.mark()
        record.info[_MARK] = mark
        if self._identity is None:
            return
        if mark is None:
            _refuse("it is not where it was; put it back")
        if self._path.stat().st_size == 0:  # SQLite would throw away the log of the one that lay here
            _refuse("an empty file lies in its place; put it back")
        if mark != self._known:
            self._recognise()
            self._known = mark
        arguments[0] = _address(self._path, mode="rw")
        words["uri"] = True

    def _on_use(self, _connection: object, record: Any, _proxy: object) -> None:
        """Before a kept connection is used: another is made where it has a file open that was moved away."""
        if record.info.get(_MARK) != self.mark():
            raise DisconnectionError("the file of the catalogue was moved")

    def _recognise(self) -> None:
        """Look into a file that was not there before, without its log: that may be another one's."""
        address = _address(self._path, mode="ro", immutable="1")
        try:
            with closing(sqlite3.connect(address, uri=True)) as connection:
                asked = connection.execute("SELECT value FROM setting WHERE name = ?", (IDENTITY,))
                row = asked.fetchone()
        except sqlite3.Error:
            row = None
        if row is None or row[0] != self._identity:
            _refuse("something else lies in its place; put it back")


def _address(path: Path, **query: str) -> str:
    return f"file:{quote(str(path))}?{'&'.join(f'{name}={value}' for name, value in query.items())}"


def _refuse(reason: str) -> NoReturn:
    raise sqlite3.OperationalError(reason)
