"""Archive rows into the next snapshot: read, map, compare with what is there, match with data sets, publish.

Rows are read once into a spool file; what they replace is deleted first, then they are written batch by
batch, so memory goes by the batch and not by the table. A row is known by what it describes, not by where
it came from: harvesting it again, or from another copy, replaces it.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from tap_schema import Published
from vo_service import __version__
from vo_service.holdings.archive import Reject, map_rows
from vo_service.holdings.archive_tables import archive_tables
from vo_service.holdings.assemble import Assembly, FileEntry, Setting, assemble
from vo_service.holdings.changes import Removal, insert_tables, read_texts, read_where
from vo_service.holdings.finish import did_of, dids, footprint_rows
from vo_service.holdings.harvest_sources import ArchiveTable
from vo_service.holdings.observations import PARTS, observation_rows, part_of, reduce_parts
from vo_service.holdings.reports import HarvestReport, Progress, silent
from vo_service.holdings.stored import read_entries
from vo_service.store import Catalogue, Draft, RunEntry, RunLog, Snapshot, Snapshots

_SPOOL_ROWS = 25_000
_LISTED_REJECTS = 1000


@dataclass(slots=True)
class _Spool:
    """What was read: the mapped rows in a file, and what of them must be known before the first is written.

    Of rows for the same window the first is taken: ``fresh`` marks those, in the order of the file.
    """

    path: Path
    read: int = 0
    rejects: list[Reject] = field(default_factory=list)
    identifiers: pa.Array = field(default_factory=lambda: pa.array([], pa.string()))
    uids: pa.Array = field(default_factory=lambda: pa.array([], pa.string()))
    fresh: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, dtype=bool))

    @property
    def duplicates(self) -> int:
        """How many rows describe what an earlier one does."""
        return int(np.count_nonzero(~self.fresh))


def harvest(
    source: ArchiveTable,
    *,
    home: Path,
    snapshots: Snapshots,
    catalogue: Catalogue,
    published: Published,
    authority: str,
    keep: int | None = None,
    wait_seconds: float = 0.0,
    progress: Progress = silent,
) -> HarvestReport:
    """Add the rows of an archive table, or bring those that are there up to date.

    ``authority`` is fixed at the first run of a home. ``keep`` is the number of snapshots to keep (None:
    all). The command's exit code is ``report.exit_code``. Raises SourceError for a table that cannot be
    read, WriterBusy, DiskFull and other StoreErrors; then the former snapshot stays current.
    """
    authority = catalogue.settled("authority", authority)
    log = RunLog(catalogue)
    with snapshots.writer(f"vo-service harvest {source.name}", wait_seconds):
        run_id = log.start("harvest", f"vo-service {__version__}")
        scratch = home / "harvest" / "spool"
        try:
            shutil.rmtree(scratch, ignore_errors=True)
            scratch.mkdir(parents=True)
            spool = _read_source(source, scratch / "rows.parquet", published, run_id, progress)
            log.record(run_id, (_entry(source, reject) for reject in spool.rejects))
            setting = Setting(published, authority, datetime.now(UTC).replace(tzinfo=None, microsecond=0))
            report = _publish(spool, source, run_id, setting, snapshots, catalogue, progress)
            source.published()
        except BaseException:
            log.finish(run_id, "failed")
            raise
        finally:
            shutil.rmtree(scratch, ignore_errors=True)
        if keep is not None:
            snapshots.prune(keep)
    return report


def _entry(source: ArchiveTable, reject: Reject) -> RunEntry:
    return RunEntry(
        None,
        source.name,
        "failed",
        line=reject.line,
        error_class=reject.kind,
        error_message=f"row {reject.line}: {reject.reason}",
    )


def _read_source(
    source: ArchiveTable, path: Path, published: Published, run_id: str, progress: Progress
) -> _Spool:
    """Map all rows into the spool file."""
    table = published["holdings.archive_row"]
    spool = _Spool(path)
    identifiers: list[pa.Array] = []
    uids: list[pa.Array] = []
    writer: pq.ParquetWriter | None = None
    try:
        for raw in source.tables():
            mapped = map_rows(raw, table, spool.read + 1, source.units)
            spool.read += raw.num_rows
            spool.rejects += mapped.rejects
            rows = _stamped(mapped.rows, {"source": source.name, "run_id": run_id})
            identifiers.append(rows["archive_row_id"].combine_chunks())
            uids.append(pc.unique(pc.drop_null(rows["member_ous_uid"].combine_chunks())))
            if writer is None:
                writer = pq.ParquetWriter(path, rows.schema, compression="lz4")
            writer.write_table(rows, row_group_size=_SPOOL_ROWS)
            progress("reading", spool.read, None)
    finally:
        if writer is not None:
            writer.close()
    if identifiers:
        spool.identifiers, spool.fresh = _first_of_each(pa.concat_arrays(identifiers))
        spool.uids = pc.unique(pa.concat_arrays(uids))
    return spool


def _stamped(rows: pa.Table, texts: Mapping[str, str]) -> pa.Table:
    """The rows with one text in the whole of some columns."""
    for name, text in texts.items():
        at = rows.schema.get_field_index(name)
        rows = rows.set_column(at, name, pa.repeat(pa.scalar(text), rows.num_rows))
    return rows


def _first_of_each(identifiers: pa.Array) -> tuple[pa.Array, NDArray[np.bool_]]:
    """Each identifier once, and which rows are the first that have theirs."""
    coded = identifiers.dictionary_encode()
    fresh = np.zeros(len(identifiers), dtype=bool)
    fresh[np.unique(coded.indices.to_numpy(), return_index=True)[1]] = True
    return coded.dictionary, fresh


def _spooled(spool: _Spool) -> Iterator[pa.Table]:
    """The rows to write, batch by batch."""
    if not spool.path.exists():
        return
    at = 0
    with pq.ParquetFile(spool.path) as file:
        for number in range(file.num_row_groups):
            rows = file.read_row_group(number)
            fresh = spool.fresh[at : at + rows.num_rows]
            at += rows.num_rows
            yield rows if fresh.all() else rows.filter(pa.array(fresh))
            pa.default_memory_pool().release_unused()


def _publish(
    spool: _Spool,
    source: ArchiveTable,
    run_id: str,
    setting: Setting,
    snapshots: Snapshots,
    catalogue: Catalogue,
    progress: Progress,
) -> HarvestReport:
    base = snapshots.current()
    draft = snapshots.draft(run_id)
    try:
        new, matched = _fill(draft, base, spool, setting, catalogue, progress)
        counts = {"row_count": spool.read, "rejected_count": len(spool.rejects)}
        kept = len(spool.identifiers)
        RunLog(catalogue).count(
            run_id, **counts, ok_count=kept, failed_count=len(spool.rejects), skipped_count=spool.duplicates
        )
        progress("publishing", 0, None)
        snapshot = snapshots.publish(draft, base)
    except BaseException:
        draft.discard()
        raise
    return HarvestReport(
        run_id=run_id,
        snapshot=snapshot.number,
        source=source.name,
        read=spool.read,
        kept=kept,
        new=new,
        matched=matched,
        rejected=len(spool.rejects),
        duplicates=spool.duplicates,
        rejects=tuple(_entry(source, reject) for reject in spool.rejects[:_LISTED_REJECTS]),
    )


def _fill(
    draft: Draft,
    base: Snapshot | None,
    spool: _Spool,
    setting: Setting,
    catalogue: Catalogue,
    progress: Progress,
) -> tuple[int, int]:
    """Write everything into the draft; how many rows are new, and how many are listed as data sets of
    ours.
    """
    tables = setting.published.storage
    uids = spool.uids
    held = pa.array(sorted(set(read_texts(base, "holdings.product", "member_ous_uid"))), pa.string())
    with_files = uids.filter(pc.is_in(uids, held)).to_pylist()
    known = pa.array(read_texts(base, "holdings.archive_row", "archive_row_id"), pa.string())
    replaced = spool.identifiers.filter(pc.is_in(spool.identifiers, known))
    entries, kept, others = read_entries(base, catalogue, with_files)
    old_rows = read_where(base, tables, "holdings.archive_row", "member_ous_uid", with_files)

    removal = Removal(
        dids=dids(setting.authority, replaced).to_pylist(),
        archive_row_ids=replaced.to_pylist(),
        member_uids=uids.to_pylist() if base is not None else [],
    )
    _remove_units(removal, base, entries, old_rows, with_files, setting)
    parts = _kept_parts(base, setting, uids, removal.dids)
    removal.apply(draft)

    footprints = (
        set() if base is None else set(base.read("_hidden.footprint", ["footprint_id"])[0].to_pylist())
    )
    own: list[pa.Table] = []
    written = 0
    for rows in _spooled(spool):
        mine = pc.fill_null(pc.is_in(rows["member_ous_uid"], pa.array(with_files, pa.string())), False)
        if with_files:
            own.append(rows.filter(mine))
            rows = rows.filter(pc.invert(mine))
        parts.append(_write_batch(draft, rows, setting, footprints))
        parts = [part for part in [reduce_parts(parts)] if part is not None] if len(parts) > 8 else parts
        written += rows.num_rows
        progress("writing", written, len(spool.identifiers))
    matched = 0
    if with_files:
        assembly = _assemble(entries, old_rows, own, replaced, setting, kept, others)
        parts.append(assembly.parts)
        linked = assembly.tables["holdings.archive_row"]
        fresh = linked.filter(pc.is_in(linked["archive_row_id"], spool.identifiers))
        matched = fresh.num_rows - fresh["matched_dataset_id"].null_count
        _insert_assembly(draft, assembly, footprints, setting)
    draft.change("holdings.observation", insert=observation_rows(parts, tables["holdings.observation"]))
    return len(spool.identifiers) - len(replaced), matched


def _remove_units(
    removal: Removal,
    base: Snapshot | None,
    entries: Sequence[FileEntry],
    old_rows: pa.Table,
    uids: Sequence[str],
    setting: Setting,
) -> None:
    """All that files and archive rows of these member sets had made: it is made anew."""
    datasets = read_where(
        base,
        setting.published.storage,
        "holdings.dataset",
        "member_ous_uid",
        uids,
        ["dataset_id", "obs_publisher_did"],
    )
    removal.dataset_ids += datasets["dataset_id"].to_pylist()
    removal.product_ids += [entry.product_id for entry in entries]
    rows = old_rows["archive_row_id"].to_pylist()
    removal.archive_row_ids += rows
    removal.dids += datasets["obs_publisher_did"].to_pylist()
    removal.dids += [did_of(setting.authority, row) for row in rows]


def _kept_parts(
    base: Snapshot | None, setting: Setting, uids: pa.Array, gone: Sequence[str]
) -> list[pa.Table]:
    """What the rows that stay tell of the observations that are made anew."""
    if base is None:
        return []
    parts = []
    gone_dids = pa.array(gone, pa.string())
    for batch in base.read_batches("ivoa.obscore", PARTS):
        rows = pa.Table.from_batches([batch])
        rows = rows.filter(pc.is_in(rows["member_ous_uid"], uids))
        rows = rows.filter(pc.invert(pc.is_in(rows["obs_publisher_did"], gone_dids)))
        if rows.num_rows:
            parts.append(part_of(rows, pa.repeat(pa.scalar(1, pa.int64()), rows.num_rows)))
    reduced = reduce_parts(parts)
    return [] if reduced is None else [reduced]


def _write_batch(draft: Draft, rows: pa.Table, setting: Setting, footprints: set[int]) -> pa.Table:
    """Rows that have no files of ours, as they go into all tables; what they tell of observations."""
    made = archive_tables(rows, setting.published, setting.authority)
    schema = setting.published.storage["holdings.archive_row"].arrow_schema()
    carriers = made.tables["ivoa.obscore"]["obs_publisher_did"]
    at = rows.schema.get_field_index("obs_publisher_did")
    linked = rows.set_column(at, "obs_publisher_did", carriers).select(schema.names).cast(schema)
    regions = made.tables["ivoa.obscore"]["s_region"].combine_chunks()
    shapes = footprint_rows(regions, setting.published.storage["_hidden.footprint"], footprints)
    insert_tables(draft, {**made.tables, "holdings.archive_row": linked, "_hidden.footprint": shapes})
    return made.parts


def _assemble(
    entries: Sequence[FileEntry],
    old_rows: pa.Table,
    own: Sequence[pa.Table],
    replaced: pa.Array,
    setting: Setting,
    kept: dict[tuple[str, str], str],
    others: Sequence[str],
) -> Assembly:
    """The units with files, from their records, the archive rows that stay and the new ones."""
    names = old_rows.column_names
    stay = old_rows.filter(pc.invert(pc.is_in(old_rows["archive_row_id"], replaced)))
    fresh = [rows.select(names).cast(old_rows.schema) for rows in own]
    return assemble(entries, pa.concat_tables([stay, *fresh]), setting, kept=kept, taken=others)


def _insert_assembly(draft: Draft, assembly: Assembly, footprints: set[int], setting: Setting) -> None:
    tables = dict(assembly.tables)
    regions = tables["ivoa.obscore"]["s_region"].combine_chunks()
    tables["_hidden.footprint"] = footprint_rows(
        regions, setting.published.storage["_hidden.footprint"], footprints
    )
    insert_tables(draft, tables)
