"""The snapshot that new requests run on, and what was opened on it, shared by all requests of a process.

A request starts on the newest snapshot; what runs on an older one finishes there, and the older one is closed
and its lease given back when its last request has ended (design 5.1). While the catalogue does not answer,
requests go on with the snapshot that is open.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

from vo_service.dali.errors import ErrorKind, ServiceError
from vo_service.dali.outage import Outage
from vo_service.store import Snapshot, Snapshots, StoreError

T = TypeVar("T")

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Opened(Generic[T]):
    snapshot: Snapshot
    thing: T
    closing: ExitStack
    users: int = 0


class Current(Generic[T]):
    """Hands out snapshots with what ``open_on`` opened on them. Safe to use from many threads."""

    def __init__(
        self, snapshots: Snapshots, open_on: Callable[[Snapshot], AbstractContextManager[T]]
    ) -> None:
        self._snapshots = snapshots
        self._open_on = open_on
        self._lock = threading.Lock()
        self._newest: _Opened[T] | None = None
        self._outage = Outage(_log, "queries go on with the snapshot that is open")

    @contextmanager
    def use(self) -> Iterator[tuple[Snapshot, T]]:
        """The newest snapshot, and what is open on it, while the block lasts.

        Raises ServiceError (503) where nothing was ever ingested, StoreError where the catalogue does not
        answer and no snapshot is open.
        """
        opened = self._enter()
        try:
            yield opened.snapshot, opened.thing
        finally:
            self._leave(opened)

    def close(self) -> None:
        """Let go of the newest snapshot; it closes once its last user has left."""
        with self._lock:
            newest, self._newest = self._newest, None
            idle = newest is not None and newest.users == 0
        if newest is not None and idle:
            newest.closing.close()

    def _enter(self) -> _Opened[T]:
        number = self._number()
        replaced = None
        with self._lock:
            opened = self._newest
            if opened is None or opened.snapshot.number < number:
                opened, replaced = self._renewed(opened)
            opened.users += 1
        if replaced is not None:
            replaced.closing.close()
        return opened

    def _renewed(self, open_now: _Opened[T] | None) -> tuple[_Opened[T], _Opened[T] | None]:
        """The newest snapshot, opened, and the one before it where nobody uses that any more."""
        try:
            self._newest = self._open()
        except StoreError as error:
            if open_now is None:
                raise
            self._outage.note(error)
            return open_now, None
        idle = open_now is not None and open_now.users == 0
        return self._newest, open_now if idle else None

    def _leave(self, opened: _Opened[T]) -> None:
        with self._lock:
            opened.users -= 1
            last = opened.users == 0 and opened is not self._newest
        if last:
            opened.closing.close()

    def _number(self) -> int:
        """The number of the newest snapshot that is known of."""
        open_now = self._newest
        if open_now is not None and self._outage.pauses:
            return open_now.snapshot.number
        try:
            number = self._snapshots.current_number()
        except StoreError as error:
            if open_now is None:
                raise
            self._outage.note(error)
            return open_now.snapshot.number
        if number is None:
            raise _no_data()
        return number

    def _open(self) -> _Opened[T]:
        with ExitStack() as stack:
            snapshot = stack.enter_context(self._snapshots.lease())
            if snapshot is None:
                raise _no_data()
            thing = stack.enter_context(self._open_on(snapshot))
            return _Opened(snapshot, thing, stack.pop_all())


def _no_data() -> ServiceError:
    return ServiceError(ErrorKind.UNAVAILABLE, "The service holds no data yet.")
