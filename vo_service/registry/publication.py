"""Keeps the stored records as the service is now: looked at before each answer, written only on a change."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from capabilities import TapService
from capabilities.records import Archive, Extent, RecordMaker, records_of
from tap_schema import published
from vo_service.adql import AdqlError
from vo_service.dali.current import Current
from vo_service.dali.errors import ServiceError
from vo_service.engines import Engine, EngineError
from vo_service.registry.coverage import Asking, extent_of
from vo_service.registry.documents import new_records
from vo_service.store import StoreError
from vo_service.store.records import Records

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Published:
    """What records are made from, besides the holdings: what the operator says, and what TAP declares."""

    archive: Archive
    tap: TapService


class Publication:
    """Brings the records of one catalogue up to date. Safe for several threads; its methods may block."""

    def __init__(
        self,
        records: Records,
        current: Current[Engine],
        describe: Callable[[], Published],
        asking: Asking,
        page: int,
    ) -> None:
        self._records = records
        self._current = current
        self._describe = describe
        self._asking = asking
        self._page = page
        self._lock = threading.Lock()
        self._extent: tuple[int, Extent] | None = None
        self._done: tuple[int | None, Published] | None = None

    def refresh(self) -> Published:
        """Write the records anew where the holdings or what is said of them have changed; what they are made
        from. Where the holdings cannot be asked all records stay as they are.

        Raises CatalogueError.
        """
        described = self._describe()
        with self._lock:
            try:
                number, extent = self._holdings()
            except (AdqlError, EngineError, ServiceError, StoreError) as error:
                _log.warning("records stay as they are, the holdings cannot be asked: %s", error)
                return described
            if self._done != (number, described):
                wanted, broken = new_records(self._makers(described, extent))
                if self._records.refresh(wanted, broken, number, self._asking.clock):
                    self._done = (number, described)
        return described

    def _makers(self, described: Published, extent: Extent) -> Mapping[str, RecordMaker]:
        return records_of(described.archive, published(), described.tap, extent, self._page)

    def _holdings(self) -> tuple[int, Extent]:
        """The number of the current snapshot and what that covers, asked once for each snapshot."""
        with self._current.use() as (snapshot, engine):
            if self._extent is None or self._extent[0] != snapshot.number:
                self._extent = snapshot.number, extent_of(snapshot, engine, self._asking)
            return self._extent
