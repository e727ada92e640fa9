"""What was looked up last in one snapshot: forgotten when another one answers."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import Generic, TypeVar

from vo_service.products.named_sets import NamedDataSet
from vo_service.products.stored import StoredFile

T = TypeVar("T")

_DATA_SETS = 2000
_MEMBERS = 500
_FILES_OF_MEMBER = 100  # those of larger members are looked up each time


class Last(Generic[T]):
    """The things used last by their names, at most so many. Safe to use from many threads."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = Lock()
        self._known: OrderedDict[str, T] = OrderedDict()

    def among(self, names: Iterable[str]) -> dict[str, T]:
        """Those of the names that are remembered."""
        found = {}
        with self._lock:
            for name in names:
                known = self._known.get(name)
                if known is not None:
                    self._known.move_to_end(name)
                    found[name] = known
        return found

    def keep(self, found: Mapping[str, T]) -> None:
        """Remember these things by their names; those that were not used for the longest time make room."""
        with self._lock:
            self._known.update(found)
            while len(self._known) > self._most:
                self._known.popitem(last=False)


@dataclass(frozen=True, slots=True)
class Remembered:
    """Data sets by their names, and files of no data set by the uid of their member."""

    datasets: Last[NamedDataSet] = field(default_factory=lambda: Last(_DATA_SETS))
    loose: Last[tuple[StoredFile, ...]] = field(default_factory=lambda: Last(_MEMBERS))

    def keep_loose(self, found: Mapping[str, tuple[StoredFile, ...]]) -> None:
        """Remember the files of these members where they are not too many."""
        self.loose.keep({uid: files for uid, files in found.items() if len(files) <= _FILES_OF_MEMBER})


class RememberedNow:
    """What is remembered of the newest snapshot that anybody asked for."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._number = -1
        self._kept = Remembered()

    def of(self, snapshot: int) -> Remembered:
        """What is remembered of a snapshot; of one that is not the newest nothing is, and nothing will be."""
        with self._lock:
            if snapshot > self._number:
                self._number, self._kept = snapshot, Remembered()
            return self._kept if snapshot == self._number else Remembered()
