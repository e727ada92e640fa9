"""The files of a build, as they are written: units first, then the maps that are made of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa

from hips.mocs.kept import NAMES_FILE, UNITS_FILE, Build, digest_of
from hips.mocs.names import HOLDINGS, PROJECT, Name, names_of
from hips.mocs.orders import Orders
from hips.mocs.owned import Places
from hips.mocs.rows import Rows, rows_of
from hips.mocs.shelves import NAMES, UNITS, Shelf, written_shelf
from hips.mocs.unions import Together
from hips.mocs.units import Footprints, Unit, UnitKey, units_of
from vo_service.access import Rights

Progress = Callable[[str, int, int | None], None]
"""Called with the name of a phase, how many things are done in it, and of how many (None: not known yet)."""


@dataclass(frozen=True, slots=True)
class Source:
    """What maps are made of: the rows of a snapshot (`rows.parts_of`), its number, how many rows it has, and
    the rule by which data are open to everybody at a moment (UTC)."""

    parts: Iterable[pa.Table]
    snapshot: int
    rows: int
    rights: Rights
    now: datetime


@dataclass(slots=True)
class UnitCount:
    """Rows, and units: all of them, those that were made, were as before, and are gone; ``unread`` are rows
    (of units that were made) with a region that is none, whose position stands for it."""

    rows: int = 0
    units: int = 0
    made: int = 0
    kept: int = 0
    gone: int = 0
    unread: int = 0

    def add(self, rows: int, units: int, made: int, unread: int) -> None:
        """What came of some rows."""
        self.rows += rows
        self.units += units
        self.made += made
        self.kept += units - made
        self.unread += unread

    @property
    def differs(self) -> bool:
        """Whether anything is not as it was before."""
        return bool(self.made or self.gone)


def write_units(
    path: Path, source: Source, before: Build | None, orders: Orders, progress: Progress
) -> UnitCount:
    """The maps of all units that rows make: those of the build before where the digest is the same."""
    known = {} if before is None else {key: row for row, key in enumerate(before.keys)}
    gone = set(known)
    count = UnitCount()
    with written_shelf(path, UNITS) as shelf:
        for table in source.parts:
            rows = rows_of(table, source.rights, source.now)
            units = units_of(rows, orders)
            changed = [unit for unit in units if not _is_same(unit, before, known)]
            footprints = Footprints.of(rows, _members(changed), orders)
            made = {unit.key for unit in changed}
            for unit in units:
                if before is None or unit.key in made:
                    maps = footprints.maps(rows, unit.rows, orders)
                else:
                    maps = before.units.maps(known[unit.key])
                shelf.add(_unit_columns(unit, rows), maps)
            gone.difference_update(unit.key for unit in units)
            count.add(len(rows), len(units), len(changed), footprints.unread)
            progress("rows", count.rows, source.rows)
    count.gone = len(gone)
    return count


def _is_same(unit: Unit, before: Build | None, known: Mapping[UnitKey, int]) -> bool:
    """Whether the rows of a unit say what they did."""
    row = known.get(unit.key)
    return before is not None and row is not None and before.digests[row] == unit.digest


def _members(units: Sequence[Unit]) -> Places:
    return np.concatenate([np.empty(0, np.intp), *(unit.rows for unit in units)])


def _unit_columns(unit: Unit, rows: Rows) -> dict[str, object]:
    told = rows.did.take(pa.array(unit.rows[rows.by_pixels[unit.rows]]))
    key = unit.key
    return {
        "project": key.project,
        "bands": key.bands,
        "year": key.year,
        "rows": len(unit.rows),
        "told": told.to_pylist(),
        "digest": unit.digest,
    }


def write_names(draft: Path, before: Build | None, orders: Orders, progress: Progress) -> None:
    """The maps of the whole, of bands and of years, from the units of a draft; projects are put together when
    they are asked for."""
    units = Shelf(draft / UNITS_FILE, UNITS)
    keys = [
        UnitKey(*key)
        for key in zip(*(units.columns[name].to_pylist() for name in ("project", "bands", "year")))
    ]
    digests = units.columns["digest"].to_pylist()
    members: dict[Name, list[int]] = {HOLDINGS: []}
    for row, key in enumerate(keys):
        for name in names_of(key):
            if name[0] != PROJECT:
                members.setdefault(name, []).append(row)
    names = sorted(members, key=lambda name: (len(name), name[0], len(name[-1]), name[-1]))
    with written_shelf(draft / NAMES_FILE, NAMES) as shelf:
        for done, name in enumerate(names):
            progress("maps", done, len(names))
            rows = members[name]
            digest = digest_of(digests[row] for row in rows)
            if before is not None and before.digest(name) == digest.hex():
                maps = before.common_maps(name)
            else:
                maps = Together(units, rows, orders).maps()
            kind, own = (name[0], None) if len(name) == 1 else name
            shelf.add({"kind": kind, "name": own, "digest": digest}, maps)
        progress("maps", len(names), len(names))
