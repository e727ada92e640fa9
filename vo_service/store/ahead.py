"""Work one step ahead of who uses it, in a thread: sorting and loading share two cores instead of one."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")

_LOOK_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class _End:
    failure: BaseException | None


class Ahead(Generic[T]):
    """The items of ``source``, made up to ``depth`` items ahead in a thread of its own.

    Iterate it within its context; leaving the context ends the thread, wherever it is. What the source raises
    is raised to who iterates, and kept in ``failure``.
    """

    def __init__(self, source: Iterator[T], depth: int = 1) -> None:
        self.failure: BaseException | None = None
        self._source = source
        self._items: queue.Queue[T | _End] = queue.Queue(depth)
        self._left = threading.Event()
        self._thread = threading.Thread(target=self._make, name="ahead", daemon=True)

    def __enter__(self) -> Ahead[T]:
        self._thread.start()
        return self

    def __exit__(self, *details: object) -> None:
        self._left.set()
        self._thread.join()

    def __iter__(self) -> Iterator[T]:
        while True:
            item = self._items.get()
            if isinstance(item, _End):
                if item.failure is not None:
                    self.failure = item.failure
                    raise item.failure
                return
            yield item

    def _make(self) -> None:
        failure: BaseException | None = None
        try:
            for item in self._source:
                if not self._put(item):
                    return
        except BaseException as error:  # it belongs to the thread that waits for the items
            failure = error
        self._put(_End(failure))

    def _put(self, item: T | _End) -> bool:
        """Hand an item over; False when nobody waits for it any more."""
        while not self._left.is_set():
            try:
                self._items.put(item, timeout=_LOOK_SECONDS)
                return True
            except queue.Full:
                continue
        return False
