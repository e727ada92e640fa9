"""Which data sets are in the list of the node: those that everybody may see now, the newest first."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from hips.tiles.grid import DEEPEST, pixel_side
from hips.trees.properties import list_record
from vo_service.access import ANONYMOUS, Rights
from vo_service.adql import AdqlError
from vo_service.atlas import Publisher
from vo_service.dali.current import Current
from vo_service.dali.errors import ServiceAway
from vo_service.dali.outage import Outage
from vo_service.engines import Engine, EngineError, Limits, StoredRows
from vo_service.products.stored import FILE_COLUMNS, StoredFile, stored_file
from vo_service.query import Context, Question, ask
from vo_service.store import Snapshot, StoreError
from vo_service.trees.documents import tree_address
from vo_service.trees.live_documents import ROW, Subject, listed_properties

_log = logging.getLogger(__name__)

_SECONDS: Final = 60.0
"""That asking for all that is listed may take."""
_FRESH: Final = 300.0
"""Seconds for which an answer holds, unless there is another snapshot: what opens meanwhile comes later."""
_BATCH: Final = 10_000
_QUERY: Final = (
    "SELECT TOP {most} dataset_id, {columns} FROM ivoa.obscore "
    "WHERE dataset_id IS NOT NULL AND dataproduct_type IN ('image', 'cube') AND s_pixel_scale >= {smallest} "
    "AND s_xel1 * s_xel2 <= {pixels} AND data_rights = 'Public' AND obs_release_date IS {known} "
    "ORDER BY {order}"
)
_LENGTHS: Final = ("s_xel1", "s_xel2", "em_xel", "pol_xel")
_BLANK: Final = "no_valid_pixels"
_SMALLEST: Final = 3600.0 * pixel_side(DEEPEST)
"""Pixels, in arcsec, that no tree is deep enough for if they are smaller."""

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Listed:
    """What was listed of a snapshot, and when that was asked."""

    snapshot: int
    asked: float
    subjects: tuple[Subject, ...]
    names: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Forgotten:
    """The names that are listed no more of those that were listed of a snapshot; they only become more."""

    snapshot: int | None = None
    names: set[str] = field(default_factory=set)


class LiveList:
    """The data sets that are listed, ``most`` of them, whose planes have at most ``pixels``. Safe to use from
    many threads; its methods may block."""

    def __init__(
        self,
        current: Current[Engine],
        newest: Callable[[], int | None],
        rights: Rights,
        clock: Callable[[], datetime],
        publisher: Callable[[], Publisher],
        most: int,
        pixels: int,
    ) -> None:
        self._current = current
        self._newest = newest
        self._rights = rights
        self._clock = clock
        self._publisher = publisher
        self._most = most
        self._pixels = pixels
        self._lock = threading.Lock()
        self._last: _Listed | None = None
        self._forgotten_lock = threading.Lock()
        self._forgotten = _Forgotten()
        self._outage = Outage(_log, "trees of single data sets are not listed")

    def state(self) -> object:
        """Another one whenever another list may follow from the holdings. Raises as `records`."""
        forgotten = self._forgotten
        return self._number(), forgotten.snapshot, len(forgotten.names)

    def forget(self, name: str) -> None:
        """A data set turned out to have no tree, whatever its row tells: it is not listed any more, until
        there is another snapshot. One that is not listed, or not yet, changes nothing. Does not wait for a
        list that is being asked for."""
        last = self._last
        if last is None or name not in last.names:
            return
        with self._forgotten_lock:
            if self._forgotten.snapshot != last.snapshot:
                self._forgotten = _Forgotten(last.snapshot)
            self._forgotten.names.add(name)

    def records(self, address: str) -> list[str]:
        """A record for each tree, in the order of the list (HIPS-111 to -113). Raises ServiceError (503)
        where the holdings cannot be asked."""
        publisher, now = self._publisher(), self._clock()
        return [
            list_record(listed_properties(subject, publisher, now), tree_address(address, subject.name))
            for subject in self._subjects()
        ]

    def names(self) -> list[str]:
        """Of the data sets that are listed. Raises as `records`."""
        return [subject.name for subject in self._subjects()]

    def _subjects(self) -> list[Subject]:
        if not self._most or self._number() is None:
            return []
        try:
            with self._lock, self._current.use() as (snapshot, engine):
                last = self._last
                if last is None or last.snapshot != snapshot.number or time.monotonic() - last.asked > _FRESH:
                    asked, subjects = time.monotonic(), self._asked(snapshot, engine)
                    names = frozenset(subject.name for subject in subjects)
                    self._last = last = _Listed(snapshot.number, asked, subjects, names)
        except (AdqlError, EngineError, StoreError) as error:
            self._outage.note(error)
            raise _away() from error
        forgotten = self._forgotten
        if forgotten.snapshot != last.snapshot:
            return list(last.subjects)
        return [subject for subject in last.subjects if subject.name not in forgotten.names]

    def _number(self) -> int | None:
        """Of the newest snapshot. Raises ServiceError while nobody is to ask, or nobody can tell."""
        if self._outage.pauses:
            raise _away()
        try:
            return self._newest()
        except StoreError as error:
            self._outage.note(error)
            raise _away() from error

    def _asked(self, snapshot: Snapshot, engine: Engine) -> tuple[Subject, ...]:
        rows = self._answer(snapshot, engine, "NOT NULL", "obs_release_date DESC, dataset_id", self._most)
        if len(rows) < self._most and self._rights.unlisted_open:
            rows += self._answer(snapshot, engine, "NULL", "dataset_id", self._most - len(rows))
        stored = StoredRows(engine, snapshot.tables, _SECONDS)
        files = _files(stored, {row["dataset_id"]: _pixels(row) for row in rows})
        blank = _blank(stored, [file.product_id for file in files.values()])
        now = self._clock()
        found = []
        for row in rows:
            file = files.get(row["dataset_id"])
            if file is None or file.fault is not None or file.product_id in blank:
                continue
            if all(self._rights.is_open(each.origin, each.release_date, now) for each in file.claims):
                found.append(Subject(file, row, True))
        return tuple(found)

    def _answer(self, snapshot: Snapshot, engine: Engine, known: str, order: str, most: int) -> list[Row]:
        """Rows of data sets whose release date is known, or is not."""
        columns = ", ".join(dict.fromkeys((*ROW, *_LENGTHS)))
        told = {"columns": columns, "smallest": _SMALLEST, "pixels": self._pixels, "known": known}
        adql = _QUERY.format(most=most, order=order, **told)
        limits = Limits(_SECONDS, _BATCH)
        context = Context(ANONYMOUS, self._clock(), "", limits, self._rights)
        with ask(Question(adql, None), context, snapshot, engine) as answered:
            return [row for batch in answered.batches for row in batch.to_pylist()]


def _away() -> ServiceAway:
    return ServiceAway("The trees of single data sets cannot be listed at present.")


def _files(stored: StoredRows, pixels: Mapping[str, int]) -> dict[str, StoredFile]:
    """The science files of data sets, by their names; without those that have other pixels than these, along
    axes that no tree can show."""
    columns = (*FILE_COLUMNS, "axes")
    rows = stored.find_among("holdings.product", columns, "dataset_id", list(pixels)).to_pylist()
    found = {}
    for row in rows:
        name, axes = row["dataset_id"], (row["axes"] or "").split()
        if row["is_primary"] == 1 and math.prod(map(int, axes)) == pixels[name]:
            found[name] = stored_file(row)
    return found


def _pixels(row: Row) -> int:
    """Of the axes that a row tells of."""
    return math.prod(row[name] or 1 for name in _LENGTHS)


def _blank(stored: StoredRows, products: list[str]) -> set[str]:
    """Those of which no pixel is a number."""
    columns = ("product_id", "error_class")
    rows = stored.find_among("holdings.measurement", columns, "product_id", products).to_pylist()
    return {row["product_id"] for row in rows if row["error_class"] == _BLANK}
