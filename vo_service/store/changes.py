"""Whether anybody has written to the catalogue database, asked often and cheaply."""

from __future__ import annotations

from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from vo_service.store.catalogue import Catalogue
from vo_service.store.errors import CatalogueError

_SQLITE_SECONDS = 0.05
_SERVER_SECONDS = 0.2


class Changes:
    """Notices that a database was written to, by whatever process. For one thread.

    SQLite tells each connection by a number when another one has written, which takes ten microseconds to
    ask; of other databases it is always taken that they were.
    """

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._engine = catalogue.engine
        self._is_sqlite = self._engine.dialect.name == "sqlite"
        self._connection: Any = None
        self._mark: object = None
        self._version: int | None = None
        self.seconds = _SQLITE_SECONDS if self._is_sqlite else _SERVER_SECONDS
        """How long to wait between two questions."""

    def seen(self) -> bool:
        """Whether there may be something new since the last call. Raises CatalogueError."""
        if not self._is_sqlite:
            return True
        mark = self._catalogue.file_mark()
        if mark != self._mark:  # the connection is to a file that was moved away
            self.close()
            self._mark = mark
        try:
            if self._connection is None:
                self._connection = self._engine.raw_connection()
            cursor = self._connection.cursor()
            version = int(cursor.execute("PRAGMA data_version").fetchone()[0])
            cursor.close()
        except (SQLAlchemyError, self._engine.dialect.loaded_dbapi.Error) as error:
            self.close()
            raise CatalogueError(f"the catalogue database failed: {error}") from error
        changed = version != self._version
        self._version = version
        return changed

    def close(self) -> None:
        """Let go of the connection."""
        connection, self._connection, self._version = self._connection, None, None
        if connection is not None:
            connection.invalidate()
