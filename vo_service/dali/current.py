"""The snapshot that new requests run on, and what was opened on it, shared by all requests of a process.

A request starts on the newest snapshot; what runs on an older one finishes there, and the older one is closed
and its lease given back when its last request has ended (design 5.1).
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

from vo_service.dali.errors import ErrorKind, ServiceError
from vo_service.store import Snapshot, Snapshots

T = TypeVar("T")


@dataclass(slots=True)
class _Opened(Generic[T]):
    snapshot: Snapshot
    thing: T
    closing: ExitStack
    users: int = 0


class Current(Generic[T]):
    """Hands out the newest snapshot with what ``open_on`` opened on it. Safe to use from many threads."""

    def __init__(
        self, snapshots: Snapshots, open_on: Callable[[Snapshot], AbstractContextManager[T]]
    ) -> None:
        self._snapshots = snapshots
        self._open_on = open_on
        self._lock = threading.Lock()
        self._newest: _Opened[T] | None = None

    @contextmanager
    def use(self) -> Iterator[tuple[Snapshot, T]]:
        """The newest snapshot and what is open on it, for as long as the block lasts.

        Raises ServiceError (503) where nothing was ever ingested.
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
        number = self._snapshots.current_number()
        if number is None:
            raise _no_data()
        with self._lock:
            replaced = None
            if self._newest is None or self._newest.snapshot.number < number:
                fresh = self._open()
                replaced, self._newest = self._newest, fresh
            opened = self._newest
            opened.users += 1
            idle = replaced is not None and replaced.users == 0
        if replaced is not None and idle:
            replaced.closing.close()
        return opened

    def _leave(self, opened: _Opened[T]) -> None:
        with self._lock:
            opened.users -= 1
            last = opened.users == 0 and opened is not self._newest
        if last:
            opened.closing.close()

    def _open(self) -> _Opened[T]:
        with ExitStack() as stack:
            snapshot = stack.enter_context(self._snapshots.lease())
            if snapshot is None:
                raise _no_data()
            thing = stack.enter_context(self._open_on(snapshot))
            return _Opened(snapshot, thing, stack.pop_all())


def _no_data() -> ServiceError:
    return ServiceError(ErrorKind.UNAVAILABLE, "The service holds no data yet.")
