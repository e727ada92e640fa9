"""The values that images and cubes of the holdings have in columns of few: what the self-description lists.

They are read once of each snapshot, as everybody sees them. While one request reads them, others take those
of the snapshot before.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from vo_service.access import ANONYMOUS
from vo_service.adql import AdqlError
from vo_service.asking.constraints import IMAGES, TABLE
from vo_service.asking.queries import Asker, Queries
from vo_service.engines import Engine, EngineError
from vo_service.query import Context, Question, ask
from vo_service.store import Snapshot, StoreError

_log = logging.getLogger(__name__)

MOST_OPTIONS: Final = 100
"""Columns of more values than this are not listed: a part of them would be taken for all."""

Present = Mapping[str, tuple[str, ...]]
"""The values, in order, by the name of their parameter."""


class PresentValues:
    """Knows the values of the newest snapshot. Safe to use from many threads."""

    def __init__(self, queries: Queries) -> None:
        self._queries = queries
        self._lock = threading.Lock()
        self._read: tuple[str, Present] | None = None

    def now(self, asker: Asker, seconds: float) -> Present:
        """The values now; empty where they cannot be read, which the query itself will tell of. May block.

        Raises ServiceError (503) where there are no holdings.
        """
        if not self._lock.acquire(blocking=False):
            return {} if self._read is None else self._read[1]
        try:
            return self._of_newest(asker, seconds)
        except (AdqlError, EngineError, StoreError) as error:
            _log.warning("values for the self-description were not read: %s", type(error).__name__)
            return {}
        finally:
            self._lock.release()

    def _of_newest(self, asker: Asker, seconds: float) -> Present:
        with self._queries.current.use() as (snapshot, engine):
            place = str(snapshot.engine_file)
            if self._read is None or self._read[0] != place:
                context = self._queries.context(replace(asker, viewer=ANONYMOUS), seconds)
                self._read = place, _found(context, snapshot, engine)
            return self._read[1]


def _found(context: Context, snapshot: Snapshot, engine: Engine) -> Present:
    found: dict[str, tuple[str, ...]] = {}
    for parameter in (one for one in TABLE if one.listed):
        (column,) = parameter.columns
        query = (
            f"SELECT DISTINCT {column} FROM ivoa.obscore"  # noqa: S608 - names that are written here
            f" WHERE {IMAGES} AND {column} IS NOT NULL ORDER BY {column}"
        )
        with ask(Question(query, MOST_OPTIONS + 1), context, snapshot, engine) as answer:
            values = [str(value) for batch in answer.batches for value in batch[0].to_pylist()]
        if len(values) <= MOST_OPTIONS:
            found[parameter.name] = tuple(values)
    return found
