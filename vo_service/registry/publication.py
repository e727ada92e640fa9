"""Keeps the stored records as the service is now: looked at before each answer, written only on a change."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from capabilities import TapService
from capabilities.records import Archive, DataService, Extent, RecordMaker, records_of
from hips.mocs.kept import Build
from tap_schema import published
from vo_service.adql import AdqlError
from vo_service.dali.current import Current
from vo_service.dali.errors import ServiceError
from vo_service.engines import Engine, EngineError
from vo_service.registry.built_coverage import WholeMap, extent_of_maps
from vo_service.registry.coverage import Asking, extent_of
from vo_service.registry.documents import new_records
from vo_service.store import StoreError
from vo_service.store.records import Records

_log = logging.getLogger(__name__)

_PAUSE_SECONDS = 30.0  # between two tries of a snapshot that could not be asked: each may take minutes


@dataclass(frozen=True, slots=True)
class Published:
    """What records are made from, besides the holdings: what the operator says, and what the services
    declare."""

    archive: Archive
    tap: TapService
    others: tuple[DataService, ...] = ()


class Publication:
    """Brings the records of one catalogue up to date. Safe for several threads; its methods may block."""

    def __init__(
        self,
        records: Records,
        current: Current[Engine],
        describe: Callable[[], Published],
        asking: Asking,
        page: int,
        maps: WholeMap,
    ) -> None:
        self._records = records
        self._current = current
        self._describe = describe
        self._asking = asking
        self._page = page
        self._maps = maps
        self._lock = threading.Lock()
        self._extent: tuple[int, Extent] | None = None
        self._failed: tuple[int, float] | None = None  # the snapshot, and until when nobody tries it again
        self._mapped: tuple[Build, Extent, Extent] | None = None  # the extent by queries, and by the maps
        self._done: tuple[int | None, Published, Extent] | None = None

    def refresh(self) -> Published:
        """Write the records anew where the holdings or what is said of them have changed; what they are made
        from. Where the holdings cannot be asked all records stay as they are, and the same snapshot is not
        asked again for some seconds.

        Raises CatalogueError.
        """
        described = self._describe()
        with self._lock:
            try:
                found = self._covered(described.archive.address)
            except (AdqlError, EngineError, ServiceError, StoreError) as error:
                _log.warning("records stay as they are, the holdings cannot be asked: %s", error)
                return described
            if found is None:
                return described
            number, extent = found
            if self._done != (number, described, extent):
                wanted, broken = new_records(self._makers(described, extent))
                if self._records.refresh(wanted, broken, number, self._asking.clock):
                    self._done = (number, described, extent)
        return described

    def _makers(self, described: Published, extent: Extent) -> Mapping[str, RecordMaker]:
        tap, others = described.tap, described.others
        return records_of(described.archive, published(), tap, others, extent, self._page)

    def _covered(self, address: str) -> tuple[int, Extent] | None:
        """As `_holdings`, with what coverage maps know better, where they are built and may be shown."""
        found = self._holdings()
        build = self._maps()
        if found is None or build is None:
            return found
        number, extent = found
        if self._mapped is None or self._mapped[0] is not build or self._mapped[1] is not extent:
            self._mapped = build, extent, extent_of_maps(extent, number, build, address)
        return number, self._mapped[2]

    def _holdings(self) -> tuple[int, Extent] | None:
        """The number of the current snapshot and what that covers, asked once for each snapshot; None where
        it could not be asked a moment ago."""
        with self._current.use() as (snapshot, engine):
            if self._extent is not None and self._extent[0] == snapshot.number:
                return self._extent
            if self._failed is not None:
                number, until = self._failed
                if number == snapshot.number and time.monotonic() < until:
                    return None
            try:
                self._extent = snapshot.number, extent_of(snapshot, engine, self._asking)
            except (AdqlError, EngineError, StoreError):
                self._failed = snapshot.number, time.monotonic() + _PAUSE_SECONDS
                raise
            return self._extent
