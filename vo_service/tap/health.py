"""Whether queries can be answered now, tried with a real one, and when the metadata changed last."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from vo_service.access import ANONYMOUS, Rights
from vo_service.adql import AdqlError
from vo_service.dali.current import Current
from vo_service.dali.errors import ServiceError
from vo_service.engines import Engine, EngineError, Limits
from vo_service.query import Context, Question, ask
from vo_service.store import StoreError

_PROBE = "SELECT TOP 1 table_name FROM tap_schema.tables"
_SECONDS_KEPT = 5.0

Notes = Callable[[], Iterable[str]]
"""Says what is wrong with a part of the service, in words for clients; nothing where all is well."""


@dataclass(frozen=True, slots=True)
class State:
    """The state of the service at one moment: what keeps queries from being answered, None where nothing
    does, and what people should know, beginning with that."""

    trouble: str | None
    notes: tuple[str, ...]


class Health:
    """The health of one process's TAP service. Its methods may be called from any thread, and may block."""

    def __init__(
        self, current: Current[Engine], rights: Rights, limits: Limits, clock: Callable[[], datetime]
    ) -> None:
        self._current = current
        self._rights = rights
        self._limits = limits
        self._clock = clock
        self._lock = threading.Lock()
        self._tried = -_SECONDS_KEPT
        self._trouble: str | None = None
        self._notes: tuple[str, ...] = ()
        self._watches: list[Notes] = []
        self.since = clock()

    def trouble(self) -> str | None:
        """What keeps queries from being answered, in words for clients; None where nothing does.

        The answer may be some seconds old.
        """
        with self._lock:
            self._refresh()
            return self._trouble

    def look_again(self) -> str | None:
        """As `trouble`, as it is now."""
        with self._lock:
            self._tried = -_SECONDS_KEPT
            self._refresh()
            return self._trouble

    def state(self) -> State:
        """The trouble together with all that people should know, as old as `trouble`."""
        with self._lock:
            self._refresh()
            told = () if self._trouble is None else (self._trouble,)
            return State(self._trouble, (*told, *self._notes))

    def watch(self, notes: Notes) -> None:
        """Ask for notes on another part of the service too; that may block, and raises nothing."""
        self._watches.append(notes)

    def snapshot(self) -> int | None:
        """The number of the snapshot that answers, or None while none does."""
        try:
            with self._current.use() as (snapshot, _):
                return snapshot.number
        except (ServiceError, StoreError, EngineError):
            return None

    def metadata_changed(self) -> datetime:
        """When the published metadata were last written: when the current snapshot was made (UTC)."""
        try:
            with self._current.use() as (snapshot, _):
                return datetime.fromisoformat(snapshot.manifest.created).astimezone(UTC)
        except (ServiceError, StoreError, EngineError):
            return self.since

    def _refresh(self) -> None:
        if time.monotonic() - self._tried >= _SECONDS_KEPT:
            self._trouble = self._try()
            self._notes = tuple(note for watch in self._watches for note in watch())
            self._tried = time.monotonic()

    def _try(self) -> str | None:
        context = Context(ANONYMOUS, self._clock(), "", self._limits, self._rights)
        try:
            with (
                self._current.use() as (snapshot, engine),
                ask(Question(_PROBE, 1), context, snapshot, engine) as answer,
            ):
                rows = sum(batch.num_rows for batch in answer.batches)
            return None if rows == 1 else "The tables of the service are not described."
        except ServiceError as error:
            return error.message
        except (AdqlError, EngineError, StoreError):
            return "The database of this service does not answer at present."
