"""The products of the current snapshot: found by name, asked for by somebody, opened."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from vo_service.access import Rights, Viewer
from vo_service.dali.current import Current
from vo_service.dali.errors import ServiceAway
from vo_service.dali.sending import OpenBytes
from vo_service.engines import Engine, EngineError, StoredRows
from vo_service.products.datasets import DataSet, KnownDataSets
from vo_service.products.named import Named, find_named
from vo_service.products.remembered import RememberedNow
from vo_service.products.stored import (
    OpenSource,
    StoredFile,
    find_file,
    find_withdrawn,
    open_file,
    open_source,
)
from vo_service.products.withdrawn import no_file, require_version
from vo_service.store import Catalogue, RootPlace, StoreError

_log = logging.getLogger(__name__)

_DATA_SETS = 1000  # whose rows are remembered


Roots = Mapping[str, RootPlace]
"""Places of ingest roots by their names."""


class Closed(Exception):
    """The viewer may not have the product; ``why`` is a sentence."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class Shelf:
    """Where every door gets its files from, so that every door asks the gate. Its methods may block."""

    def __init__(
        self,
        current: Current[Engine],
        catalogue: Catalogue,
        rights: Rights,
        clock: Callable[[], datetime],
    ) -> None:
        self._current = current
        self._catalogue = catalogue
        self._rights = rights
        self._clock = clock
        self._known = KnownDataSets(_DATA_SETS)
        self._remembered = RememberedNow()

    def find_dataset(self, name: str, address: str) -> DataSet:
        """A data set by its dataset_id, or by the product_id of one of its files. Raises ServiceError as
        `find`."""
        try:
            with self._current.use() as (snapshot, engine):
                rows = StoredRows(engine, snapshot.tables)
                found = self._known.find(snapshot.number, rows, name)
                withdrawn = None if found is not None else find_withdrawn(rows, name)
        except (EngineError, StoreError) as error:
            raise _away(error) from error
        if found is None:
            raise no_file(withdrawn, None, address)
        return found

    def find_named(self, texts: Sequence[str], authority: str, address: str) -> list[Named]:
        """What each of many identifiers names, in their order: see `named.find_named`. Raises ServiceError
        (503)."""
        try:
            with self._current.use() as (snapshot, engine):
                rows, remembered = StoredRows(engine, snapshot.tables), self._remembered.of(snapshot.number)
                return find_named(rows, texts, authority, address, remembered)
        except (EngineError, StoreError) as error:
            raise _away(error) from error

    def snapshot(self) -> int:
        """The number of the current snapshot. Raises ServiceError (503)."""
        try:
            with self._current.use() as (snapshot, _):
                return snapshot.number
        except (EngineError, StoreError) as error:
            raise _away(error) from error

    def rows(self, table: str, columns: Sequence[str], wanted: Mapping[str, str]) -> list[dict[str, Any]]:
        """Rows of a stored table; whoever shows them has asked the gate. Raises ServiceError (503)."""
        try:
            with self._current.use() as (snapshot, engine):
                found = StoredRows(engine, snapshot.tables).find(table, columns, wanted)
        except (EngineError, StoreError) as error:
            raise _away(error) from error
        rows: list[dict[str, Any]] = found.to_pylist()
        return rows

    def find(self, product_id: str, version: int | None, address: str) -> StoredFile:
        """What the holdings know of a product. ``address`` is that of the service, for links.

        Raises ServiceError: 404 where there is none of that name or version, 410 with a link to what is to be
        used instead where it was replaced (design 4.2) or withdrawn, 503 where the holdings cannot be asked.
        """
        try:
            with self._current.use() as (snapshot, engine):
                rows = StoredRows(engine, snapshot.tables)
                file = find_file(rows, product_id)
                withdrawn = None if file is not None else find_withdrawn(rows, product_id)
        except (EngineError, StoreError) as error:
            raise _away(error) from error
        if file is None:
            raise no_file(withdrawn, version, address)
        require_version(file, version, address)
        return file

    def require_open(self, file: StoredFile, viewer: Viewer) -> None:
        """The gate (design 4.3): the clock and the viewer's rights decide, at every request anew. A tar is
        closed as long as anything in it is. Raises Closed."""
        now = self._clock()
        closed = [
            claim.release_date
            for claim in file.claims
            if not self._rights.may_read(viewer, claim.origin, claim.release_date, now)
        ]
        if not closed:
            return
        dates = [each for each in closed if each is not None]
        if len(dates) < len(closed):
            told = "is not public: the archive gives no release date for it"
        else:
            told = f"is proprietary until {max(dates).replace(tzinfo=UTC):%Y-%m-%dT%H:%M:%SZ}"
        what = "This product" if not file.held else "This product, or a file in it,"
        raise Closed(f"{what} {told}.")

    def open(self, file: StoredFile) -> OpenBytes:
        """The bytes of a file, for the caller to close. Raises ServiceError as `open_file`, and 503 where the
        catalogue does not say where the files are."""
        return open_file(file, self.roots())

    def open_source(self, file: StoredFile, roots: Roots | None = None) -> OpenSource:
        """The bytes of a file as a source, for the caller to close. Whoever opens many has asked for the
        ``roots`` once. Raises as `open`."""
        return open_source(file, self.roots() if roots is None else roots)

    def is_far(self, root: str) -> bool:
        """Whether the files of a root lie with another server: each look at one costs a request. Raises
        ServiceError (503)."""
        return isinstance(self.roots().get(root), str)

    def roots(self) -> Roots:
        """Where files are now: directories of this machine, or (texts) URLs. Raises ServiceError (503)."""
        try:
            return self._catalogue.roots()
        except StoreError as error:
            raise _away(error) from error


def _away(error: Exception) -> ServiceAway:
    _log.error("no answer from the database: %s", str(error).partition("\n")[0])
    return ServiceAway("The database of this service does not answer at present.")
