"""Files that hold the same pixels and lay them on the sky in different ways: one of the headers is wrong.

Which one it is the pixels do not tell, so nothing is changed; the file that is marked as the duplicate gets
a repair row that says so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from tap_schema import Table
from vo_service.holdings.assemble import FileEntry
from vo_service.holdings.changes import read_where
from vo_service.holdings.found_files import FOUND_COLUMNS, found_file
from vo_service.holdings.measured import Measured
from vo_service.holdings.measured_tables import Marks
from vo_service.holdings.measurement import Placing
from vo_service.holdings.measurement_store import load_measured
from vo_service.holdings.records import Repair
from vo_service.holdings.rows import repair_rows, table_of
from vo_service.sky import unit_vectors
from vo_service.store import Catalogue, Draft, Snapshot

RULE = "SKY-TWIN"
TABLE = "holdings.repair"
NEAR = 0.1
"""Of a pixel: headers written again with fewer digits do not contradict each other."""

PICTURES = frozenset("image cube residual moment0 moment1 moment2 peak width alpha error derived".split())
"""Roles that show the sky. Beam patterns, masks and weights of two fields may well be the same."""

_EVEN = 0.1
"""Places that are off by the same to this part are moved: the whole image lies elsewhere."""
_CONFIDENCE = 0.3


@dataclass(frozen=True, slots=True)
class Twin:
    """One of the files with the same pixels: where it lies, and what is known of it."""

    root: str
    path: str
    role: str
    placing: Placing | None

    @classmethod
    def of(cls, measured: Measured, role: str) -> Twin:
        """The file of a measurement."""
        found = measured.measurement
        return cls(measured.file.root, measured.file.path, role, None if found is None else found.placing)


def contradiction(mine: Twin, other: Twin) -> Repair | None:
    """What the header of a file says against that of another with the same pixels; None where they agree,
    one of them has no place on the sky, or is no picture of it."""
    here, there = mine.placing, other.placing
    if here is None or there is None or not {mine.role, other.role} <= PICTURES:
        return None
    name = other.path if other.root == mine.root else f"{other.path} in {other.root}"
    apart, near = _apart(here, there), NEAR * here.pixel
    off = not bool((apart <= near).all())
    if here.projection != there.projection:
        told = f"the projection {here.projection or 'none'}, there it is {there.projection or 'none'}"
        item = "CTYPE"
    elif not off:
        return None
    elif np.ptp(apart) <= _EVEN * apart.max():
        item, told = "CRVAL", "another place"
    else:
        item, told = "CDELT", "another scale or direction"
    keyword, written = _card(here, item)
    far = f", up to {np.nanmax(apart):.3g} arcsec away" if off and not np.isnan(apart).all() else ""
    why = f"the header gives the pixels that {name} has too {told}{far}"
    return Repair(keyword, written, written, RULE, why, _CONFIDENCE)


def _card(placing: Placing, name: str) -> tuple[str, str | None]:
    return next(((key, text) for key, text in placing.cards if key.startswith(name)), (name, None))


def _apart(here: Placing, there: Placing) -> NDArray[np.float64]:
    """How far the places that either image has are from each other, arcsec; NaN where one has none."""
    mine, theirs = (np.array(each.places, dtype=np.float64) for each in (here, there))
    steps = unit_vectors(*mine.T) - unit_vectors(*theirs.T)
    somewhere = np.isfinite(mine[:, 0]) | np.isfinite(theirs[:, 0])
    chords = np.linalg.norm(steps[somewhere], axis=1)
    return np.asarray(np.degrees(2.0 * np.arcsin(np.minimum(1.0, chords / 2.0))) * 3600.0)


@dataclass(frozen=True, slots=True)
class Twins:
    """``entries`` with the repairs that tell contradictions; ``gone`` and ``told`` are rows of
    ``holdings.repair`` of files that are not made anew."""

    entries: Sequence[FileEntry]
    gone: pa.Table | None = None
    told: pa.Table | None = None

    def apply(self, draft: Draft) -> None:
        """Put the rows of other files right."""
        if self.gone is not None:
            draft.change(TABLE, delete=self.gone.select(["repair_id"]))
        if self.told is not None:
            draft.change(TABLE, insert=self.told)


def tell_twins(
    base: Snapshot | None,
    entries: Sequence[FileEntry],
    marks: Marks,
    former: Iterable[str],
    catalogue: Catalogue,
    tables: Mapping[str, Table],
) -> Twins:
    """Compare each file that is marked as a duplicate with the one that it repeats, where either is made
    anew or the mark is new. ``former`` are the products that the run takes out."""
    anew = {*former, *(entry.product_id for entry in entries)}
    remarked = set() if marks.changed is None else set(marks.changed["product_id"].to_pylist())
    wanted = {
        name: first for name, first in marks.duplicates.items() if {name, first} & anew or name in remarked
    }
    if not wanted and not remarked:
        return Twins(entries)
    twins = {
        entry.product_id: Twin.of(entry.measured, entry.product.role)
        for entry in entries
        if entry.measured is not None
    }
    twins |= _listed_twins(base, ({*wanted, *wanted.values()}) - twins.keys(), catalogue, tables)
    found = {
        name: repair
        for name, first in wanted.items()
        if name in twins and first in twins
        if (repair := contradiction(twins[name], twins[first])) is not None
    }
    told = [_with_repair(entry, found.get(entry.product_id)) for entry in entries]
    others = sorted((wanted.keys() | remarked) - anew)
    listed = read_where(base, tables, TABLE, "product_id", others)
    claims = _claims(base, others, tables)
    stay = Counter(listed["product_id"].filter(pc.not_equal(listed["rule_id"], RULE)).to_pylist())
    rows = [
        row
        for name in others
        if name in found
        for row in repair_rows([found[name]], product_id=name, first=stay[name], listed=claims[name])
    ]
    return Twins(
        told,
        listed.filter(pc.equal(listed["rule_id"], RULE)),
        table_of(rows, tables[TABLE]) if rows else None,
    )


def _claims(
    base: Snapshot | None, names: Sequence[str], tables: Mapping[str, Table]
) -> dict[str, Mapping[str, Any]]:
    """What the right to the pixels of files goes by, as they are listed."""
    columns = ["product_id", "origin", "obs_release_date"]
    rows = read_where(base, tables, "holdings.product", "product_id", names, columns).to_pylist()
    return {row["product_id"]: row for row in rows}


def _with_repair(entry: FileEntry, repair: Repair | None) -> FileEntry:
    return entry if repair is None else replace(entry, product=entry.product.repaired(repair))


def _listed_twins(
    base: Snapshot | None, names: Collection[str], catalogue: Catalogue, tables: Mapping[str, Table]
) -> dict[str, Twin]:
    """Files that the snapshot lists, by their products."""
    columns = [*FOUND_COLUMNS, "product_id", "role"]
    rows = read_where(base, tables, "holdings.product", "product_id", sorted(names), columns).to_pylist()
    files = {row["product_id"]: (found_file(row), row["role"]) for row in rows}
    measured = load_measured(catalogue, [file for file, _ in files.values()])
    return {name: Twin.of(measured[file], role) for name, (file, role) in files.items() if file in measured}
