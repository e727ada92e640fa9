"""A cone of each table that gives rows, for those who want to see that the search works (SCS-025)."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
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
_REST: Final = 30.0
"""Seconds after a failure in which a table is not asked again."""


@dataclass(slots=True)
class _Sample:
    """What is known of one table: the cone of which snapshot, and until when nothing is asked again."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    place: str | None = None
    cone: Cone | None = None
    rests_until: float = -math.inf


class SampleCones:
    """Finds them once in each snapshot. Safe to use from many threads.

    What is told of a table stands in registry records, so it changes with the rows alone: where they cannot
    be asked, the cone of the snapshot before is told on.
    """

    def __init__(
        self,
        queries: Queries,
        clock: Callable[[], datetime],
        seconds: float,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._queries = queries
        self._clock = clock
        self._seconds = seconds
        self._monotonic = monotonic
        self._samples: defaultdict[str, _Sample] = defaultdict(_Sample)

    def __call__(self, table: ConeTable) -> Cone | None:
        """A cone round a row of the table that everybody may see; None where there is no such row, or none
        could be found yet. May block."""
        sample = self._samples[table.table.qualified]
        with sample.lock:
            if self._monotonic() >= sample.rests_until:
                try:
                    self._bring_up_to_date(sample, table)
                except (AdqlError, EngineError, StoreError, ServiceError) as error:
                    sample.rests_until = self._monotonic() + _REST
                    _log.warning("no sample of a cone search: %s", type(error).__name__)
            return sample.cone

    def _bring_up_to_date(self, sample: _Sample, table: ConeTable) -> None:
        with self._queries.current.use() as (snapshot, engine):
            place = str(snapshot.engine_file)
            if sample.place == place:
                return
            asker = Asker(ANONYMOUS, self._clock(), "", self._seconds, None)
            context = self._queries.context(asker, self._seconds)
            with ask(Question(table.first_place(), 1), context, snapshot, engine) as answer:
                rows = [row for batch in answer.batches for row in batch.to_pylist()]
            sample.cone = Cone(rows[0]["lon"], rows[0]["lat"], _RADIUS) if rows else None
            sample.place = place
