"""Maps, and their bytes, that were asked for last, within a bound on their size."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Generic, TypeVar

V = TypeVar("V")


class KeptBySize(Generic[V]):
    """Values with their sizes in bytes, ``most`` bytes of them. Safe to use from many threads."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._values: OrderedDict[Hashable, tuple[V, int]] = OrderedDict()
        self._bytes = 0

    def find(self, key: Hashable) -> V | None:
        """The value, or None where there is none, or no longer."""
        with self._lock:
            if key not in self._values:
                return None
            self._values.move_to_end(key)
            return self._values[key][0]

    def keep(self, key: Hashable, value: V, size: int) -> None:
        """Keep a value; those that were asked for longest ago go. One that is too large is not kept."""
        with self._lock:
            known = self._values.pop(key, None)
            self._bytes -= known[1] if known is not None else 0
            if size > self._most:
                return
            self._values[key] = value, size
            self._bytes += size
            while self._bytes > self._most:
                _, (_, gone) = self._values.popitem(last=False)
                self._bytes -= gone
