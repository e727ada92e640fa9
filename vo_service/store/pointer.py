"""Which snapshot is current, asked before every query: over one connection that is kept for that.

A transaction of its own would cost a small query a tenth of its time.
"""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from typing import Any

from sqlalchemy.exc import SQLAlchemyError

from vo_service.store.catalogue import Catalogue
from vo_service.store.catalogue_tables import CURRENT
from vo_service.store.errors import CatalogueError


class Pointer:
    """Reads the pointer of one catalogue. Safe for several threads."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue
        self._engine = catalogue.engine
        self._sql = str(CURRENT.compile(self._engine, compile_kwargs={"literal_binds": True}))
        self._lock = threading.Lock()
        self._connection: Any = None
        self._mark: object = None
        self._failure = float("-inf"), ""
        self._driver_errors: type[Exception] = self._engine.dialect.loaded_dbapi.Error

    def number(self) -> int | None:
        """Number of the current snapshot, None before the first. Raises CatalogueError."""
        called = time.monotonic()
        with self._lock:
            failed, reason = self._failure
            if failed > called:  # not each of those who wait has to wait for the same failure
                raise CatalogueError(reason)
            try:
                return self._asked_well()
            except (SQLAlchemyError, self._driver_errors) as error:
                self._drop()
                reason = f"the catalogue database failed: {str(error).partition(chr(10))[0]}"
                self._failure = time.monotonic(), reason
                raise CatalogueError(reason) from error

    def _asked_well(self) -> int | None:
        """Asked once more where an old connection fails: the database may have been started anew."""
        if self._connection is not None and self._mark == self._catalogue.file_mark():
            try:
                return self._asked()
            except (SQLAlchemyError, self._driver_errors):
                pass
        self._drop()
        return self._asked()

    def close(self) -> None:
        """Close the connection; it opens again when it is needed."""
        with self._lock:
            self._drop()

    def _asked(self) -> int | None:
        if self._connection is None:
            self._mark = self._catalogue.file_mark()
            fairy = self._engine.raw_connection()
            fairy.detach()  # kept for good: it does not count among those of the pool
            self._connection = fairy.dbapi_connection
        cursor = self._connection.cursor()
        try:
            cursor.execute(self._sql)
            row = cursor.fetchone()
        finally:
            cursor.close()
        self._connection.rollback()  # a transaction that stays open would not see the next snapshot
        return None if row is None or row[0] is None else int(row[0])

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(self._driver_errors):  # it may be broken
                connection.close()
