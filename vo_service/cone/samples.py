"""A cone of each table that gives rows, for those who want to see that the search works (SCS-025)."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import datetime
from typing import Final

from capabilities.cone import Cone
from vo_service.access import ANONYMOUS
from vo_service.adql import AdqlError
from vo_service.asking.queries import Asker, Queries
from vo_service.cone.tables import ConeTable
from vo_service.dali.errors import ServiceError
from vo_service.engines import EngineError
from vo_service.query import Question, ask
from vo_service.store import StoreError

_log = logging.getLogger(__name__)

_RADIUS: Final = 0.001  # degrees


class SampleCones:
    """Finds them once in each snapshot. Safe to use from many threads."""

    def __init__(self, queries: Queries, clock: Callable[[], datetime], seconds: float) -> None:
        self._queries = queries
        self._clock = clock
        self._seconds = seconds
        self._lock = threading.Lock()
        self._found: dict[str, tuple[str, Cone | None]] = {}

    def __call__(self, table: ConeTable) -> Cone | None:
        """A cone round a row of the table that everybody may see; None where there is no such row, or none
        can be found at present. May block."""
        try:
            with self._lock:
                return self._of_newest(table)
        except (AdqlError, EngineError, StoreError, ServiceError) as error:
            _log.warning("no sample of a cone search: %s", type(error).__name__)
            return None

    def _of_newest(self, table: ConeTable) -> Cone | None:
        name = table.table.qualified
        with self._queries.current.use() as (snapshot, engine):
            place = str(snapshot.engine_file)
            known = self._found.get(name)
            if known is None or known[0] != place:
                lon, lat = table.lon.adql_name, table.lat.adql_name
                query = (
                    f"SELECT TOP 1 {lon} AS lon, {lat} AS lat FROM {table.table.adql_name}"  # noqa: S608 - published names
                    f" WHERE {lon} IS NOT NULL AND {lat} IS NOT NULL"
                )
                asker = Asker(ANONYMOUS, self._clock(), "", self._seconds, None)
                context = self._queries.context(asker, self._seconds)
                with ask(Question(query, 1), context, snapshot, engine) as answer:
                    rows = [row for batch in answer.batches for row in batch.to_pylist()]
                test = Cone(rows[0]["lon"], rows[0]["lat"], _RADIUS) if rows else None
                known = self._found[name] = (place, test)
            return known[1]
