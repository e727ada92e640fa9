"""Archive rows into the next snapshot: read, map, compare with what is there, match with data sets, publish.

Rows are read once into a spool file; what they replace is deleted first, then they are written batch by
batch, so memory goes by the batch and not by the table. A row is known by what it describes, not by where
it came from: harvesting it again, or from another copy, replaces it.
"""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Protocol

import pyarrow as pa

from tap_schema import Published
from vo_service import __version__
from vo_service.holdings.archive import Reject
from vo_service.holdings.assemble import NOTHING_STATED, Setting, Stated
from vo_service.holdings.harvest_rows import fill_rows, state_untold
from vo_service.holdings.harvest_sides import SideSpool, fill_side_table, read_side_table
from vo_service.holdings.harvest_sources import ArchiveTable
from vo_service.holdings.harvest_spool import Spool, read_source
from vo_service.holdings.projects import read_projects
from vo_service.holdings.renew import renew
from vo_service.holdings.reports import HarvestReport, Progress, silent
from vo_service.holdings.side_tables import side_table_of
from vo_service.store import Catalogue, Draft, RunEntry, RunLog, Snapshot, Snapshots

_LISTED_REJECTS = 1000
_DECAY_MS = 100


class _Found(Protocol):
    """What was read of a table: how many lines, how many rows these make, how many to write, how many said
    the same again, what was refused."""

    lines: int
    read: int
    rejects: list[Reject]

    @property
    def kept(self) -> int: ...

    @property
    def duplicates(self) -> int: ...


@dataclass(frozen=True, slots=True)
class _Written:
    """What was written: rows of ``table``, how many of them new; counts as in HarvestReport."""

    table: str
    new: int
    matched: int = 0
    filled: int = 0


_Fill = Callable[[Draft, Snapshot | None], _Written]


@dataclass(frozen=True, slots=True)
class _Run:
    """What the steps of one harvest share; ``spool`` is the file that mapped rows wait in."""

    run_id: str
    source: ArchiveTable
    setting: Setting
    catalogue: Catalogue
    spool: Path
    progress: Progress


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
    stated: Stated = NOTHING_STATED,
) -> HarvestReport:
    """Add the rows of an archive table, or bring those that are there up to date.

    ``authority`` is fixed at the first run of a home. ``keep`` is the number of snapshots to keep (None:
    all), ``stated`` the operator's tables. A snapshot of another version of this software is brought to this
    one's layout before, and published, whatever the rows are. The command's exit code is
    ``report.exit_code``. Raises SourceError for a table that cannot be read, WriterBusy, DiskFull and other
    StoreErrors; then the former snapshot stays current.
    """
    authority = catalogue.settled("authority", authority)
    log = RunLog(catalogue)
    with _thrifty_memory(), snapshots.writer(f"vo-service harvest {source.name}", wait_seconds):
        run_id = log.start("harvest", f"vo-service {__version__}")
        scratch = home / "harvest" / "spool"
        try:
            shutil.rmtree(scratch, ignore_errors=True)
            scratch.mkdir(parents=True)
            changed = datetime.now(UTC).replace(tzinfo=None, microsecond=0)
            projects = read_projects(snapshots.current())
            setting = Setting(published, authority, changed, projects, stated)
            renewal = renew(snapshots, catalogue, setting)
            base = snapshots.current()
            run = _Run(run_id, source, setting, catalogue, scratch / "rows.parquet", progress)
            found, fill = _read(run)
            report = _publish(run, found, fill, base, snapshots)
            if renewal is not None:
                report = replace(report, notices=(renewal.notice,))
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


def _read(run: _Run) -> tuple[_Found, _Fill]:
    """All rows mapped, and the function that writes them."""
    batches = run.source.tables()
    first = next(batches, None)
    whole = batches if first is None else itertools.chain([first], batches)
    kind = None if first is None else side_table_of(first.column_names)
    storage = run.setting.published.storage
    if kind is not None:
        side = read_side_table(run.source, whole, kind, storage[kind.table], run.run_id, run.progress)
        return side, partial(_fill_side, run, side)
    table = run.setting.published["holdings.archive_row"]
    spool = read_source(run.source, whole, run.spool, table, run.run_id, run.progress)
    return spool, partial(_fill_rows, run, spool)


def _fill_rows(run: _Run, spool: Spool, draft: Draft, base: Snapshot | None) -> _Written:
    state_untold(draft, run.source.name, spool.defaults, run.setting)
    new, matched = fill_rows(draft, base, spool, run.setting, run.catalogue, run.progress)
    return _Written("holdings.archive_row", new, matched=matched)


def _fill_side(run: _Run, side: SideSpool, draft: Draft, base: Snapshot | None) -> _Written:
    new, filled = fill_side_table(draft, base, side, run.source.name, run.setting)
    return _Written(side.kind.table, new, filled=filled)


def _publish(
    run: _Run, found: _Found, fill: _Fill, base: Snapshot | None, snapshots: Snapshots
) -> HarvestReport:
    rejected = len(found.rejects)
    log = RunLog(run.catalogue)
    log.record(run.run_id, (_entry(run.source, reject) for reject in found.rejects))
    log.count(
        run.run_id,
        row_count=found.read,
        rejected_count=rejected,
        ok_count=found.kept,
        failed_count=rejected,
        skipped_count=found.duplicates,
    )
    report = HarvestReport(
        run_id=run.run_id,
        snapshot=None,
        source=run.source.name,
        lines=found.lines,
        read=found.read,
        kept=found.kept,
        new=0,
        matched=0,
        rejected=rejected,
        duplicates=found.duplicates,
        rejects=tuple(_entry(run.source, reject) for reject in found.rejects[:_LISTED_REJECTS]),
        warnings=run.source.warnings,
    )
    if not found.kept:  # a snapshot like the last one would push a good one out
        log.finish(run.run_id, "done")
        return report
    draft = snapshots.draft(run.run_id)
    try:
        written = fill(draft, base)
        run.progress("publishing", 0, None)
        snapshot = snapshots.publish(draft, base)
    except BaseException:
        draft.discard()
        raise
    return replace(
        report,
        snapshot=snapshot.number,
        table=written.table,
        new=written.new,
        matched=written.matched,
        filled=written.filled,
    )
