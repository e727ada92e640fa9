"""Tables of projects and other side tables into a draft, and what they tell into the rows that lack it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tap_schema import Table
from vo_service.holdings.archive import Reject
from vo_service.holdings.assemble import Setting
from vo_service.holdings.changes import read_where
from vo_service.holdings.harvest_sources import ArchiveTable
from vo_service.holdings.harvest_spool import first_of_each, stamped
from vo_service.holdings.projects import FACTS, RULE, Projects, owners_of, without_project_facts
from vo_service.holdings.reports import Progress
from vo_service.holdings.side_tables import SideTable, map_side_rows
from vo_service.store import Draft, Snapshot

_PROJECT = "holdings.project"
_IN = "{} IN (SELECT unnest(?))"


@dataclass(slots=True)
class SideSpool:
    """What was read of a side table: rows of its table, each once, and how many said the same again. Each
    line makes one row."""

    kind: SideTable
    rows: pa.Table
    lines: int = 0
    read: int = 0
    duplicates: int = 0
    rejects: list[Reject] = field(default_factory=list)

    @property
    def kept(self) -> int:
        """How many rows there are to write."""
        return int(self.rows.num_rows)


def read_side_table(
    source: ArchiveTable,
    batches: Iterable[pa.Table],
    kind: SideTable,
    table: Table,
    run_id: str,
    progress: Progress,
) -> SideSpool:
    """Map all rows; of rows with one key the first is taken."""
    parts = [table.arrow_schema().empty_table()]
    spool = SideSpool(kind, parts[0])
    for raw in batches:
        mapped = map_side_rows(raw, kind, table, spool.read + 1, source.units, source.name)
        parts.append(stamped(mapped.rows, {"run_id": run_id}))
        spool.lines += raw.num_rows
        spool.read += raw.num_rows
        spool.rejects += mapped.rejects
        progress("reading", spool.read, None)
    rows = pa.concat_tables(parts).combine_chunks()
    _names, fresh = first_of_each(rows[table.primary_key[0]].combine_chunks())
    spool.rows = rows.filter(pa.array(fresh))
    spool.duplicates = int(np.count_nonzero(~fresh))
    return spool


def fill_side_table(
    draft: Draft, base: Snapshot | None, spool: SideSpool, source: str, setting: Setting
) -> tuple[int, int]:
    """Write the rows; how many of them are new, and how many rows of ``ivoa.obscore`` took facts from them.

    What the same source had told before is replaced, but for projects: those stay known.
    """
    name = spool.kind.table
    key = setting.published.storage[name].primary_key[0]
    keys = spool.rows[key].combine_chunks()
    known = read_where(base, setting.published.storage, name, key, keys.to_pylist(), [key])
    draft.change(name, delete=pa.table({key: keys}))
    if name != _PROJECT:
        draft.change(name, delete=pa.table({"source": [source]}))
    draft.change(name, insert=spool.rows)
    taken = _refill(draft, base, spool.rows, setting) if name == _PROJECT and base is not None else 0
    return spool.kept - known.num_rows, taken


def _refill(draft: Draft, base: Snapshot, rows: pa.Table, setting: Setting) -> int:
    """Facts of these projects into the rows that lack them, or had taken them from an older table."""
    tables = setting.published.storage
    repair = tables["holdings.repair"]
    projects = setting.projects.changed_by(rows)
    codes = rows["proposal_id"].to_pylist()
    former = base.read(
        "holdings.repair", ["repair_id", "dataset_id", "archive_row_id", "item"], "rule_id = ?", [RULE]
    )
    dids = _concerned(base, projects, former, codes, repair)
    outdated: list[str] = []
    made: list[pa.Table] = [repair.arrow_schema().empty_table()]
    draft.change("ivoa.obscore", delete=pa.table({"obs_publisher_did": pa.array(dids, pa.string())}))
    for batch in base.read_batches(
        "ivoa.obscore", where=_IN.format("obs_publisher_did"), params=[dids], batch_rows=5_000
    ):
        obscore = pa.Table.from_batches([batch])
        mine = pc.is_in(owners_of(former), value_set=owners_of(obscore))
        outdated += former["repair_id"].filter(mine).to_pylist()
        filled, repairs = projects.fill(without_project_facts(obscore, former), repair)
        draft.change("ivoa.obscore", insert=filled)
        made.append(repairs)
    draft.change("holdings.repair", delete=pa.table({"repair_id": pa.array(outdated, pa.string())}))
    draft.change("holdings.repair", insert=pa.concat_tables(made))
    _rename_observations(draft, base, projects, setting.projects, codes)
    return len(dids)


def _concerned(
    base: Snapshot, projects: Projects, former: pa.Table, codes: list[str], repair: Table
) -> list[str]:
    """Identifiers of the rows that take something, or took something before."""
    needed = ["obs_publisher_did", "dataset_id", "proposal_id", *FACTS]
    found: list[str] = []
    for batch in base.read_batches("ivoa.obscore", needed, _IN.format("proposal_id"), [codes]):
        obscore = pa.Table.from_batches([batch])
        bare = without_project_facts(obscore, former)
        _filled, repairs = projects.fill(bare, repair)
        owners = owners_of(obscore)
        mine = pc.or_(
            pc.is_in(owners, value_set=owners_of(repairs)), pc.is_in(owners, value_set=owners_of(former))
        )
        found += obscore["obs_publisher_did"].filter(mine).to_pylist()
    return found


def _rename_observations(
    draft: Draft, base: Snapshot, projects: Projects, former: Projects, codes: list[str]
) -> None:
    """Title and PI of the observations whose rows had none of their own."""
    rows = base.read("holdings.observation", where=_IN.format("proposal_id"), params=[codes])
    renamed = projects.rename(rows, former)
    if renamed.num_rows:
        draft.change("holdings.observation", delete=renamed.select(["observation_id"]))
        draft.change("holdings.observation", insert=renamed)
