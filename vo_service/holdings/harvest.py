"""Archive rows into the next snapshot: read, map, compare with what is there, match with data sets, publish.

Rows are read once into a spool file; what they replace is deleted first, then they are written batch by
batch, so memory goes by the batch and not by the table. A row is known by what it describes, not by where
it came from: harvesting it again, or from another copy, replaces it.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.ipc
from numpy.typing import NDArray

from tap_schema import Published, Table
from vo_service import __version__
from vo_service.holdings.archive import Mapped, Reject, map_rows
from vo_service.holdings.archive_layouts import lay_out
from vo_service.holdings.archive_tables import ArchiveTables, archive_tables
from vo_service.holdings.assemble import Assembly, FileEntry, Setting, assemble
from vo_service.holdings.changes import Removal, insert_tables, read_texts, read_where
from vo_service.holdings.finish import did_of, dids
from vo_service.holdings.harvest_sources import ArchiveTable
from vo_service.holdings.ids import identifier
from vo_service.holdings.known_footprints import KnownFootprints
from vo_service.holdings.observations import PARTS, Parts, observation_batches, part_of, reduce_parts
from vo_service.holdings.records import Repair
from vo_service.holdings.reports import HarvestReport, Progress, silent
from vo_service.holdings.rows import repair_rows, table_of
from vo_service.holdings.stored import read_entries
from vo_service.store import Ahead, Catalogue, Draft, RunEntry, RunLog, Snapshot, Snapshots

_LISTED_REJECTS = 1000
_DECAY_MS = 100


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
    with _thrifty_memory(), snapshots.writer(f"vo-service harvest {source.name}", wait_seconds):
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


@contextmanager
def _thrifty_memory() -> Iterator[None]:
    """Arrow's memory from the allocator that gives freed pages back soon. The default one keeps them for
    each thread, and here threads hand each other large tables: some hundred megabytes are then lost."""
    usual = pa.default_memory_pool()
    if "jemalloc" in pa.supported_memory_backends():
        pa.jemalloc_set_decay_ms(_DECAY_MS)
        pa.set_memory_pool(pa.jemalloc_memory_pool())
    try:
        yield
    finally:
        pa.set_memory_pool(usual)


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
    with ExitStack() as stack:
        writer: pa.ipc.RecordBatchStreamWriter | None = None
        for count, mapped in stack.enter_context(Ahead(_mapped(source, table))):
            spool.read += count
            spool.rejects += mapped.rejects
            rows = _stamped(mapped.rows, {"source": source.name, "run_id": run_id}).combine_chunks()
            identifiers.append(rows["archive_row_id"].combine_chunks())
            uids.append(pc.unique(pc.drop_null(rows["member_ous_uid"].combine_chunks())))
            if writer is None:
                sink = stack.enter_context(pa.OSFile(str(path), "wb"))
                options = pa.ipc.IpcWriteOptions(compression="lz4")
                writer = stack.enter_context(pa.ipc.new_stream(sink, rows.schema, options=options))
            writer.write_table(rows)
            progress("reading", spool.read, None)
    if identifiers:
        spool.identifiers, spool.fresh = _first_of_each(pa.concat_arrays(identifiers))
        spool.uids = pc.unique(pa.concat_arrays(uids))
    return spool


def _mapped(source: ArchiveTable, table: Table) -> Iterator[tuple[int, Mapped]]:
    """How many rows the source hands out at a time, and those of them that can be mapped."""
    line = 1
    for raw in source.tables():
        laid = lay_out(raw, source.units, source.name)
        yield laid.rows.num_rows, map_rows(laid.rows, table, line, laid.units)
        line += laid.rows.num_rows


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
    with pa.OSFile(str(spool.path), "rb") as file, pa.ipc.open_stream(file) as reader:
        for batch in reader:
            fresh = spool.fresh[at : at + batch.num_rows]
            at += batch.num_rows
            rows = pa.Table.from_batches([batch])
            yield rows if fresh.all() else rows.filter(pa.array(fresh))


def _publish(
    spool: _Spool,
    source: ArchiveTable,
    run_id: str,
    setting: Setting,
    snapshots: Snapshots,
    catalogue: Catalogue,
    progress: Progress,
) -> HarvestReport:
    rejected, kept = len(spool.rejects), len(spool.identifiers)
    log = RunLog(catalogue)
    log.count(
        run_id,
        row_count=spool.read,
        rejected_count=rejected,
        ok_count=kept,
        failed_count=rejected,
        skipped_count=spool.duplicates,
    )
    report = HarvestReport(
        run_id=run_id,
        snapshot=None,
        source=source.name,
        read=spool.read,
        kept=kept,
        new=0,
        matched=0,
        rejected=rejected,
        duplicates=spool.duplicates,
        rejects=tuple(_entry(source, reject) for reject in spool.rejects[:_LISTED_REJECTS]),
        warnings=source.warnings,
    )
    if not kept:  # a snapshot like the last one would push a good one out
        log.finish(run_id, "done")
        return report
    base = snapshots.current()
    draft = snapshots.draft(run_id)
    try:
        _state_frame(draft, source.name, setting)
        new, matched = _fill(draft, base, spool, setting, catalogue, progress)
        progress("publishing", 0, None)
        snapshot = snapshots.publish(draft, base)
    except BaseException:
        draft.discard()
        raise
    return replace(report, snapshot=snapshot.number, new=new, matched=matched)


def _state_frame(draft: Draft, source: str, setting: Setting) -> None:
    """One repair row for the whole source: archives do not tell the frame of their frequencies (design 4.4),
    and a row for each of a million rows would tell no more."""
    why = f"rows of {source} do not tell the frame of their wavelengths: these are published as they are"
    [row] = repair_rows([Repair("specsys", None, None, "SPEC-FRAME-UNKNOWN", why)])
    row["repair_id"] = identifier("archive-frame", source)
    draft.change("holdings.repair", delete=pa.table({"repair_id": [row["repair_id"]]}))
    draft.change("holdings.repair", insert=table_of([row], setting.published.storage["holdings.repair"]))


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
    parts = Parts(_kept_parts(base, setting, uids, removal.dids))
    removal.apply(draft)

    footprints = KnownFootprints(
        pa.array([], pa.int64())
        if base is None
        else base.read("_hidden.footprint", ["footprint_id"])[0].combine_chunks()
    )
    own: list[pa.Table] = []
    written = 0
    with Ahead(_made(_spooled(spool), with_files, own, setting, footprints)) as batches:
        for made in batches:
            insert_tables(draft, made.tables)
            parts.add(made.parts)
            written += made.tables["holdings.archive_row"].num_rows
            del made  # the next batch is being made already
            progress("writing", written, len(spool.identifiers))
    matched = 0
    if with_files:
        assembly = _assemble(entries, old_rows, own, replaced, setting, kept, others)
        parts.add(assembly.parts)
        linked = assembly.tables["holdings.archive_row"]
        fresh = linked.filter(pc.is_in(linked["archive_row_id"], spool.identifiers))
        matched = fresh.num_rows - fresh["matched_dataset_id"].null_count
        _insert_assembly(draft, assembly, footprints, setting)
    draft.change("holdings.observation", insert=observation_batches(parts, tables["holdings.observation"]))
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


def _made(
    batches: Iterator[pa.Table],
    with_files: Sequence[str],
    own: list[pa.Table],
    setting: Setting,
    footprints: KnownFootprints,
) -> Iterator[ArchiveTables]:
    """What goes into all tables for rows that have no files of ours; those that have go to ``own``."""
    held = pa.array(with_files, pa.string())
    for rows in batches:
        if with_files:
            mine = pc.fill_null(pc.is_in(rows["member_ous_uid"], held), False)
            own.append(rows.filter(mine))
            rows = rows.filter(pc.invert(mine))
        yield _batch_tables(rows, setting, footprints)


def _batch_tables(rows: pa.Table, setting: Setting, footprints: KnownFootprints) -> ArchiveTables:
    """One batch of rows as it goes into all tables."""
    made = archive_tables(rows, setting.published, setting.authority)
    schema = setting.published.storage["holdings.archive_row"].arrow_schema()
    carriers = made.tables["ivoa.obscore"]["obs_publisher_did"]
    at = rows.schema.get_field_index("obs_publisher_did")
    linked = rows.set_column(at, "obs_publisher_did", carriers).select(schema.names).cast(schema)
    shapes = footprints.new_rows(made.tables["ivoa.obscore"], setting.published.storage["_hidden.footprint"])
    tables = {**made.tables, "holdings.archive_row": linked, "_hidden.footprint": shapes}
    return ArchiveTables(tables, made.parts)


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


def _insert_assembly(draft: Draft, assembly: Assembly, footprints: KnownFootprints, setting: Setting) -> None:
    tables = dict(assembly.tables)
    tables["_hidden.footprint"] = footprints.new_rows(
        tables["ivoa.obscore"], setting.published.storage["_hidden.footprint"]
    )
    insert_tables(draft, tables)
