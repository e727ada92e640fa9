"""Where named targets are, for ``source('M83')``: from a snapshot's observations, else from a resolver."""

from __future__ import annotations

import re
import threading
from collections import Counter, OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from typing import Final

import numpy as np
import pyarrow as pa

from vo_service.adql import UnknownName
from vo_service.query.resolver import Resolver, Wait, no_limit
from vo_service.sky import mean_positions, unit_vectors
from vo_service.store import Snapshot

_TABLE: Final = "holdings.observation"
_COLUMNS: Final = ("target_name", "canonical_target", "s_ra", "s_dec")
_SEPARATORS = re.compile(r"[\s_+\-]+")
_SPREAD: Final = 1.0
"""Degrees from their middle beyond which the observations of a source are not of one place: it moves."""
_SNAPSHOTS_KEPT: Final = 3
_NEAR_AT_MOST: Final = 20_000


class Targets:
    """The names that queries may use, for as long as a server runs: those of its newest snapshots are kept.

    ``resolver`` knows names that the holdings do not. Safe to use from many threads.
    """

    def __init__(self, resolver: Resolver | None = None) -> None:
        self._resolver = resolver
        self._lock = threading.Lock()
        self._books: OrderedDict[str, _Reading] = OrderedDict()

    def on(self, snapshot: Snapshot, wait: Wait = no_limit) -> SnapshotTargets:
        """The names for a query on a snapshot; ``wait`` as `Resolver.position` has it."""
        return SnapshotTargets(self, snapshot, wait)

    def position(self, name: str, snapshot: Snapshot, wait: Wait) -> tuple[float, float]:
        """As `SnapshotTargets.position`."""
        book = self._book_of(snapshot)
        found = book.position(name)
        if found is None and self._resolver is not None and plain(name):
            found = self._resolver.position(name, wait)
        if found is None:
            raise UnknownName(name, book.near(name))
        return found

    def _book_of(self, snapshot: Snapshot) -> Book:
        """The names of a snapshot; read once, while other snapshots can be asked for theirs."""
        place = str(snapshot.engine_file)
        with self._lock:
            reading = self._books.setdefault(place, _Reading())
            self._books.move_to_end(place)
            if len(self._books) > _SNAPSHOTS_KEPT:
                self._books.popitem(last=False)
        return reading.of(snapshot)


@dataclass(frozen=True, slots=True)
class SnapshotTargets:
    """The names that a query on one snapshot may use. As `adql.Names`."""

    targets: Targets
    snapshot: Snapshot
    wait: Wait

    def position(self, name: str) -> tuple[float, float]:
        """Longitude and latitude, degrees, ICRS. Raises UnknownName."""
        return self.targets.position(name, self.snapshot, self.wait)


class _Reading:
    """The names of one snapshot, read by the first who asks."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._book: Book | None = None

    def of(self, snapshot: Snapshot) -> Book:
        with self._lock:
            if self._book is None:
                self._book = _read(snapshot.read(_TABLE, list(_COLUMNS)))
            return self._book


@dataclass(frozen=True)
class Book:
    """Positions by the keys of sources, and the keys that a plain name may mean."""

    places: Mapping[str, tuple[float, float]]
    keys: Mapping[str, frozenset[str]]
    shown: Mapping[str, str]
    """How a source is mostly called, by its key."""

    def position(self, name: str) -> tuple[float, float] | None:
        """The position of the one source that a name means, None where there is none or several."""
        wanted = plain(name)
        if wanted in self._by_key:
            return self.places[self._by_key[wanted]]
        found = self.keys.get(wanted, frozenset())
        return self.places[next(iter(found))] if len(found) == 1 else None

    def near(self, name: str) -> tuple[str, ...]:
        """Names that are much alike; where the name means several sources, the keys of these."""
        wanted = plain(name)
        several = self.keys.get(wanted)
        if several:
            return tuple(sorted(several))[:5]
        names = self._names
        if len(names) > _NEAR_AT_MOST:
            names = [each for each in names if each[:2] == wanted[:2]][:_NEAR_AT_MOST]
        found = get_close_matches(wanted, names, n=3, cutoff=0.6)
        return tuple(dict.fromkeys(self._called(each) for each in found))

    @cached_property
    def _by_key(self) -> dict[str, str]:
        return {plain(key): key for key in self.places}

    @cached_property
    def _names(self) -> list[str]:
        return sorted({*self.keys, *self._by_key})

    def _called(self, name: str) -> str:
        key = self._by_key.get(name) or min(self.keys[name])
        return self.shown.get(key, key)


def plain(name: str) -> str:
    """A name in lower case without blanks, underscores, plus and minus signs, as keys of targets are."""
    return _SEPARATORS.sub("", name.lower())


def _read(rows: pa.Table) -> Book:
    """Middle of the positions of each source, and the names that observations give it."""
    codes = rows["canonical_target"].combine_chunks().dictionary_encode()
    keys = codes.dictionary.to_pylist()
    numbers = codes.indices.fill_null(-1).to_numpy().astype(np.int64)
    lon, lat = (rows[name].fill_null(float("nan")).to_numpy() for name in ("s_ra", "s_dec"))
    xyz = unit_vectors(lon, lat) if len(lon) else np.empty((0, 3))
    placed = (numbers >= 0) & np.isfinite(xyz[:, 0])
    sums = np.zeros((len(keys), 3))
    np.add.at(sums, numbers[placed], xyz[placed])
    length = np.sqrt(np.einsum("ij,ij->i", sums, sums))
    middle = sums / np.where(length > 0.0, length, 1.0)[:, None]
    farthest = np.zeros(len(keys))
    away = xyz[placed] - middle[numbers[placed]]
    np.maximum.at(farthest, numbers[placed], np.sqrt(np.einsum("ij,ij->i", away, away)))
    fixed = (length > 0.0) & (farthest <= 2.0 * np.sin(np.radians(_SPREAD) / 2.0))
    centre_lon, centre_lat = mean_positions(lon[placed], lat[placed], numbers[placed], len(keys))
    places = {keys[i]: (float(centre_lon[i]), float(centre_lat[i])) for i in np.flatnonzero(fixed)}
    return _book(places, rows["target_name"].to_pylist(), numbers.tolist(), keys)


def _book(
    places: Mapping[str, tuple[float, float]], names: list[str | None], numbers: list[int], keys: list[str]
) -> Book:
    counts = Counter((number, name) for number, name in zip(numbers, names) if number >= 0 and name)
    meant: dict[str, set[str]] = {}
    shown: dict[str, str] = {}
    for (number, name), _ in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        key = keys[number]
        if key in places:
            shown.setdefault(key, name)
            meant.setdefault(plain(name), set()).add(key)
    return Book(places, {name: frozenset(found) for name, found in meant.items()}, shown)
