"""Coverage maps as they are kept under HOME, and read again.

``HOME/moc/NUMBER/`` is a build: ``units.arrow`` with the maps of all units, ``names.arrow`` with those of
bands, years and the whole. ``HOME/moc/current.json`` says which build is served, and of which snapshot it is.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Final

from hips.mocs.errors import MocError, told_plainly
from hips.mocs.maps import JointMap, SpaceMap
from hips.mocs.names import PROJECT, Dimension, Name, names_of
from hips.mocs.orders import Orders
from hips.mocs.shelves import NAMES, UNITS, Shelf
from hips.mocs.unions import Together
from hips.mocs.units import FORMAT, Maps, UnitKey

POINTER: Final = "current.json"
UNITS_FILE: Final = "units.arrow"
NAMES_FILE: Final = "names.arrow"
FACTS_FILE: Final = "build.json"
_AGAIN: Final = "run `vo-service moc` again"
_TRIES: Final = 3


def maps_place(home: Path) -> Path:
    """The directory of all builds."""
    return home / "moc"


@dataclass(frozen=True, slots=True)
class Pointer:
    """Which build is served, and the snapshot and the moment (UTC) that it was last found to be right for."""

    build: str
    snapshot: int
    moment: datetime

    @staticmethod
    def read(home: Path) -> Pointer | None:
        """None where nothing was built yet. Raises MocError for a file that is none of ours."""
        try:
            told = json.loads((maps_place(home) / POINTER).read_text(encoding="utf-8"))
            return Pointer(str(told["build"]), int(told["snapshot"]), datetime.fromisoformat(told["moment"]))
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError) as error:
            raise MocError(f"moc/{POINTER} in the home directory is damaged; {_AGAIN}") from error

    @property
    def text(self) -> str:
        """What `read` reads."""
        told = {"build": self.build, "snapshot": self.snapshot, "moment": self.moment.isoformat()}
        return json.dumps(told) + "\n"


class Build:
    """The maps of one build. They stay readable when its files are removed."""

    def __init__(self, home: Path, pointer: Pointer) -> None:
        """Raises MocError for a build that is damaged, OSError where there is none."""
        place = maps_place(home) / pointer.build
        try:
            facts = json.loads((place / FACTS_FILE).read_text(encoding="utf-8"))
            self.made = datetime.fromisoformat(facts["made"])
            self.orders = Orders(**facts["orders"])
            self.units = Shelf(place / UNITS_FILE, UNITS)
            self.common = Shelf(place / NAMES_FILE, NAMES)
        except (ValueError, KeyError, TypeError) as error:  # Arrow's are among them
            raise MocError(f"moc/{pointer.build} in the home directory is damaged; {_AGAIN}") from error
        self.pointer = pointer

    @cached_property
    def keys(self) -> list[UnitKey]:
        """Of each unit, in the order of their rows."""
        columns = (self.units.columns[name].to_pylist() for name in ("project", "bands", "year"))
        return [UnitKey(*key) for key in zip(*columns)]

    @cached_property
    def digests(self) -> list[bytes]:
        """Of each unit."""
        found: list[bytes] = self.units.columns["digest"].to_pylist()
        return found

    @cached_property
    def _projects(self) -> dict[str, list[int]]:
        """The units of each project."""
        found: dict[str, list[int]] = {}
        for row, key in enumerate(self.keys):
            if key.project is not None:
                found.setdefault(key.project, []).append(row)
        return found

    @cached_property
    def _common(self) -> dict[Name, int]:
        """The rows of the maps that are kept as they are."""
        columns = (self.common.columns[name].to_pylist() for name in ("kind", "name"))
        return {
            (kind,) if name is None else (kind, name): row for row, (kind, name) in enumerate(zip(*columns))
        }

    def names(self) -> list[Name]:
        """All maps that there are: the whole, bands, years, projects."""
        return [*self._common, *((PROJECT, project) for project in self._projects)]

    def moc(self, name: Name, dimension: Dimension) -> SpaceMap | JointMap | None:
        """One map; None where there is none of that name."""
        row = self._common.get(name)
        if row is not None:
            return _of_shelf(self.common, row, dimension)
        rows = self._projects.get(name[1]) if name[0] == PROJECT and len(name) == 2 else None
        return None if rows is None else _of_units(Together(self.units, rows, self.orders), dimension)

    def common_maps(self, name: Name) -> Maps:
        """All three maps of a name that are kept as they are. Raises KeyError for another one."""
        return self.common.maps(self._common[name])

    def digest(self, name: Name) -> str | None:
        """Of all that the three maps of a name are made of: the same for as long as they are."""
        row = self._common.get(name)
        if row is not None:
            return bytes(self.common.columns["digest"][row].as_py()).hex()
        rows = self._projects.get(name[1]) if name[0] == PROJECT and len(name) == 2 else None
        return None if rows is None else digest_of(self.digests[row] for row in rows).hex()

    @cached_property
    def told_by_pixels(self) -> dict[str, int]:
        """Data sets (obs_publisher_did) of which the outline of the valid pixels is in the maps, which was
        for everybody when they were made; and the unit of each."""
        told = self.units.columns["told"].to_pylist()
        return {did: row for row, dids in enumerate(told) for did in dids}

    def names_with(self, dids: Collection[str]) -> frozenset[Name]:
        """The maps that have the outline of the pixels of any of these data sets: not to be served where one
        of them is closed by now."""
        rows = {self.told_by_pixels[did] for did in dids if did in self.told_by_pixels}
        return frozenset(name for row in rows for name in names_of(self.keys[row]))


def open_build(home: Path) -> Build | None:
    """The build that is served; None where there is none, or it is of another version. Raises MocError."""
    for _ in range(_TRIES):
        pointer = Pointer.read(home)
        if pointer is None:
            return None
        missing = pointer.build
        with told_plainly("reading coverage maps"):
            try:
                facts = json.loads(
                    (maps_place(home) / pointer.build / FACTS_FILE).read_text(encoding="utf-8")
                )
                return Build(home, pointer) if facts.get("format") == FORMAT else None
            except FileNotFoundError:  # replaced and removed between the two looks
                continue
            except ValueError as error:
                raise MocError(f"moc/{pointer.build} in the home directory is damaged; {_AGAIN}") from error
    raise MocError(f"moc/{missing} in the home directory is missing; {_AGAIN}")


class Builds:
    """The build that is served, opened anew when another one takes its place. Safe for several threads."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._lock = threading.Lock()
        self._mark: tuple[int, ...] | None = None
        self._build: Build | None = None

    def current(self) -> Build | None:
        """None where nothing was built yet. Raises MocError."""
        with self._lock:
            mark = self._marked()
            if mark != self._mark:
                self._build = open_build(self._home) if mark is not None else None
                self._mark = mark
            return self._build

    def _marked(self) -> tuple[int, ...] | None:
        """What differs between one pointer and the next: each is a file of its own."""
        try:
            state = (maps_place(self._home) / POINTER).stat()
        except FileNotFoundError:
            return None
        return state.st_ino, state.st_mtime_ns, state.st_size


def digest_of(digests: Iterable[bytes]) -> bytes:
    """Of what has these digests, in this order."""
    return hashlib.blake2b(b"".join(digests), digest_size=16).digest()


def _of_shelf(shelf: Shelf, row: int, dimension: Dimension) -> SpaceMap | JointMap:
    if dimension is Dimension.SPACE:
        return shelf.space(row)
    return shelf.time(row) if dimension is Dimension.TIME else shelf.frequency(row)


def _of_units(units: Together, dimension: Dimension) -> SpaceMap | JointMap:
    if dimension is Dimension.SPACE:
        return units.space()
    return units.time() if dimension is Dimension.TIME else units.frequency()
