"""A snapshot that another version of this software made, brought to the tables and columns of this one.

No product is opened for it: tables are carried over with nulls for what is new in them, footprints are
measured anew from their outlines, and the rows of files are made anew from their records, the archive rows
and what is known of their pixels. Archive rows that no file answers for have nulls in new columns until they
are harvested again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa

from tap_schema import Table
from vo_service.holdings.assemble import Setting
from vo_service.holdings.comparison import Known, known_files
from vo_service.holdings.finish import footprint_rows
from vo_service.holdings.rebuild import FOOTPRINTS, listed_entries, rebuild_units
from vo_service.holdings.record_store import load_records
from vo_service.store import Catalogue, Draft, Snapshot, Snapshots

_NAMED = 3  # of what a snapshot lacked


@dataclass(frozen=True, slots=True)
class Renewal:
    """What came of it: the snapshot in today's layout, the number of the former one and what that lacked;
    ``left``: files whose rows could only be carried over, since the catalogue has lost their records."""

    snapshot: Snapshot
    former: int
    lacked: tuple[str, ...]
    left: int

    @property
    def notice(self) -> str:
        """The renewal in a sentence."""
        text = f"snapshot {self.former} was made by another version of vo-service"
        if self.lacked:
            named = ", ".join(self.lacked[:_NAMED]) + (", ..." if len(self.lacked) > _NAMED else "")
            text += f" and had no {named}"
        text += f": snapshot {self.snapshot.number} holds the same in the layout of this version"
        if self.left:
            text += f"; {self.left} files have no value in new columns, since their records are lost"
        return text


def renew(snapshots: Snapshots, catalogue: Catalogue, setting: Setting) -> Renewal | None:
    """Publish the current snapshot in the layout of this version; None where it has that, or there is none.

    Only within ``snapshots.writer``. Raises DiskFull and other StoreErrors; then nothing has changed.
    """
    base = snapshots.current()
    if base is None or not snapshots.is_outdated(base):
        return None
    draft = snapshots.draft()
    try:
        left = 0
        if base.lacks:
            _renew_footprints(draft, base, setting.published.storage[FOOTPRINTS])
            left = _renew_files(draft, base, catalogue, setting)
        snapshot = snapshots.publish(draft, base)
    except BaseException:
        draft.discard()
        raise
    return Renewal(snapshot, base.number, base.lacks, left)


def _renew_footprints(draft: Draft, base: Snapshot, table: Table) -> None:
    """All that is known of a footprint follows from its outline."""
    if not any(lack.startswith(FOOTPRINTS) for lack in base.lacks):
        return
    draft.replace(FOOTPRINTS, table.arrow_schema().empty_table())
    draft.change(FOOTPRINTS, insert=_measured_anew(base, table))


def _measured_anew(base: Snapshot, table: Table) -> Iterator[pa.RecordBatch]:
    for batch in base.read_batches(FOOTPRINTS, ["region"]):
        yield from footprint_rows(batch["region"], table, set()).to_batches()


def _renew_files(draft: Draft, base: Snapshot, catalogue: Catalogue, setting: Setting) -> int:
    """Make the rows of all files anew whose units have their records; how many files are left as they are."""
    listed = known_files(base)
    units: dict[str, list[Known]] = defaultdict(list)
    for each in listed.values():
        units[each.unit].append(each)
    recorded = load_records(catalogue, [each.file for each in listed.values()])
    former = [
        each for files in units.values() if all(one.file in recorded for one in files) for each in files
    ]
    if former:
        rebuild_units(draft, base, setting, catalogue, listed, listed_entries(former, catalogue), former)
    return len(listed) - len(former)
