"""Files into the next snapshot: discover, describe what is new, regroup what it touches, match, publish.

A file is new when its place, size or time of change is. Only the units (member sets, or folders without one)
that hold a new, changed or vanished file are made anew; their other files come from their records. A file
that has gone is withdrawn: its rows leave the next snapshot but for a tombstone, and the run log says so.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa

from tap_schema import Published
from vo_service import __version__
from vo_service.holdings.assemble import Assembly, FileEntry, Setting, assemble
from vo_service.holdings.changes import Removal, insert_tables, read_where
from vo_service.holdings.comparison import (
    Comparison,
    Known,
    compare,
    known_files,
    listed_files,
    seek_digests,
)
from vo_service.holdings.contents import Describer, content_of
from vo_service.holdings.finish import did_of, footprint_rows
from vo_service.holdings.group import Place, place_of, unit_of
from vo_service.holdings.observations import observation_rows
from vo_service.holdings.pool import describe_all
from vo_service.holdings.record_store import drop_records, keep_records, load_records
from vo_service.holdings.records import FoundFile, Product
from vo_service.holdings.reports import IngestReport, Progress, silent
from vo_service.holdings.roots import Naming, name_roots
from vo_service.holdings.tombstones import Tombstone, bury, listing_of, read_tombstones
from vo_service.holdings.versions import name_products, number_versions
from vo_service.store import Catalogue, Draft, RunEntry, RunLog, Snapshot, Snapshots, StoreError

_LISTED_FAILURES = 1000


@dataclass(frozen=True, slots=True)
class _Run:
    """What the steps of one run share. ``retry``: classes of errors to try again."""

    run_id: str
    setting: Setting
    snapshots: Snapshots
    catalogue: Catalogue
    base: Snapshot | None
    naming: Naming
    retry: frozenset[str]
    workers: int
    progress: Progress


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What came of the files: ``listed`` are to be published, ``entries`` are for the run log; ``ok``,
    ``failed`` and ``skipped`` count the files found, ``broken`` those that were broken before and still
    are."""

    listed: Sequence[Product]
    entries: Sequence[RunEntry]
    ok: int
    failed: int
    skipped: int
    broken: int

    @property
    def found(self) -> int:
        return self.ok + self.failed + self.skipped


def ingest(
    paths: Sequence[Path],
    *,
    home: Path,
    snapshots: Snapshots,
    catalogue: Catalogue,
    published: Published,
    authority: str,
    root_name: str | None = None,
    retry: Collection[str] = (),
    withdraw: Collection[str] = (),
    workers: int = 1,
    keep: int | None = None,
    wait_seconds: float = 0.0,
    progress: Progress = silent,
) -> IngestReport:
    """Bring the snapshot up to date with the files below ``paths``.

    Each directory is an ingest root, named ``root_name`` or after itself, or the one that has moved there;
    the file of a single-file path belongs to the root that holds it, if there is one, else to its directory.
    Files that failed with an error of a class in ``retry`` are tried again though they have not changed. All
    files of the roots ``withdraw`` are withdrawn. ``authority`` is fixed at the first run of a home. ``keep``
    is the number of snapshots to keep (None: all). The command's exit code is ``report.exit_code``. Where
    nothing has changed nothing is published and ``report.snapshot`` is None.

    Raises RootError for a path that cannot be a root, WriterBusy, DiskFull and other StoreErrors; then the
    former snapshot stays current. A run that is killed leaves nothing but its entry in the run log.
    """
    authority = catalogue.settled("authority", authority)
    with snapshots.writer("vo-service ingest", wait_seconds):
        base = snapshots.current()
        known = known_files(base)
        naming = name_roots(paths, root_name, catalogue, listed_files(known.values()), withdraw)
        setting = Setting(published, authority, datetime.now(UTC).replace(tzinfo=None, microsecond=0))
        with _logged(catalogue) as run_id:
            run = _Run(
                run_id, setting, snapshots, catalogue, base, naming, frozenset(retry), workers, progress
            )
            report = _ingest(run, known)
        for name in naming.leaving:
            catalogue.drop_root(name)
        if keep is not None:
            snapshots.prune(keep)
    return report


@contextmanager
def _logged(catalogue: Catalogue) -> Iterator[str]:
    """The identifier of a run in the run log, which says so where the block fails."""
    log = RunLog(catalogue)
    run_id = log.start("ingest", f"vo-service {__version__}")
    try:
        yield run_id
    except BaseException:
        log.finish(run_id, "failed")
        raise


def _ingest(run: _Run, known: dict[Place, Known]) -> IngestReport:
    comparison = compare(run.naming, known, run.retry, run.progress)
    products = _describe(run, comparison)
    outcome = _judge(run, comparison, products)
    log = RunLog(run.catalogue)
    log.count(
        run.run_id,
        product_count=outcome.found,
        ok_count=outcome.ok,
        failed_count=outcome.failed,
        skipped_count=outcome.skipped,
    )
    snapshot = run.base
    published = bool(outcome.listed or comparison.gone)
    if published:
        keep_records(run.catalogue, outcome.listed)
        snapshot = _publish(run, comparison, outcome)
        drop_records(run.catalogue, _outdated(comparison, outcome.listed))
    else:
        log.record(run.run_id, outcome.entries)
        log.finish(run.run_id, "done")
    return IngestReport(
        run_id=run.run_id,
        snapshot=snapshot.number if published and snapshot is not None else None,
        found=outcome.found,
        ok=outcome.ok,
        failed=outcome.failed,
        skipped=outcome.skipped,
        withdrawn=len(comparison.gone),
        broken=outcome.broken,
        datasets=0 if snapshot is None else snapshot.count_rows("holdings.dataset"),
        rows=0 if snapshot is None else snapshot.count_rows("ivoa.obscore"),
        unlisted=_count_unlisted(snapshot),
        failures=tuple(entry for entry in outcome.entries if entry.state == "failed")[:_LISTED_FAILURES],
        notices=run.naming.notices,
    )


def _describe(run: _Run, comparison: Comparison) -> list[Product]:
    """All files to read described, in the order of their places whatever the order of the workers."""
    files = comparison.to_read
    describe = Describer(seek_digests(comparison, run.catalogue))
    places = {root.name: root.directory for root in run.naming.roots}
    described = describe_all(files, places, run.workers if len(files) > 1 else 0, describe=describe)
    products = []
    for done, product in enumerate(described, 1):
        products.append(product)
        run.progress("reading", done, len(files))
    return sorted(products, key=place_of)


def _judge(run: _Run, comparison: Comparison, products: Sequence[Product]) -> _Outcome:
    """Files that were tried again and failed in the same way stay as they are; they count as failed where
    the operator asked for them, else as unchanged."""
    as_before = [each for each in products if comparison.failed_as_before(each)]
    told = [each for each in as_before if each.error_kind in run.retry]
    places = {place_of(each) for each in as_before}
    listed = [each for each in products if place_of(each) not in places]
    entries = [_entry(product) for product in (*listed, *told)]
    entries += [
        RunEntry(each.root, each.path, "failed", error_class=each.kind, error_message=each.message)
        for each in comparison.problems
    ]
    failed = sum(entry.state == "failed" for entry in entries)
    entries += [
        RunEntry(each.file.root, each.file.path, "withdrawn", product_id=each.product_id)
        for each in comparison.gone
    ]
    settled = {place_of(each) for each in (*listed, *told)} | {each.place for each in comparison.gone}
    return _Outcome(
        listed=listed,
        entries=entries,
        ok=sum(product.state == "ok" for product in listed),
        failed=failed,
        skipped=comparison.unchanged + len(as_before) - len(told),
        broken=sum(
            each.error is not None and each.place not in settled for each in comparison.known.values()
        ),
    )


def _entry(product: Product) -> RunEntry:
    return RunEntry(
        product.file.root,
        product.file.path,
        product.state,
        error_class=product.error_kind,
        error_message=product.error_message,
        repair_count=len(product.repairs),
        duration=product.duration,
    )


def _outdated(comparison: Comparison, products: Sequence[Product]) -> list[FoundFile]:
    """Former states of files that are listed in another state now, or not at all."""
    former = [comparison.known.get(place_of(product)) for product in products]
    now = {product.file for product in products}
    gone = [each.file for each in comparison.gone]
    return [each.file for each in former if each is not None and each.file not in now] + gone


def _publish(run: _Run, comparison: Comparison, outcome: _Outcome) -> Snapshot:
    tombstones = read_tombstones(run.base)
    entries, former = _affected(comparison, outcome.listed, tombstones, run.catalogue)
    ids = {place: each.product_id for place, each in comparison.known.items()}
    ids |= {place_of(entry.product): entry.product_id for entry in entries}
    RunLog(run.catalogue).record(run.run_id, (_with_id(entry, ids) for entry in outcome.entries))
    draft = run.snapshots.draft(run.run_id)
    try:
        assembly = _fill(draft, run, comparison, entries, former)
        _bury(draft, run, comparison, tombstones, entries, former, assembly)
        run.progress("publishing", 0, None)
        return run.snapshots.publish(draft, run.base)
    except BaseException:
        draft.discard()
        raise


def _with_id(entry: RunEntry, ids: Mapping[Place, str]) -> RunEntry:
    return replace(entry, product_id=entry.product_id or ids.get((entry.root or "", entry.path or "")))


def _affected(
    comparison: Comparison,
    products: Sequence[Product],
    tombstones: Mapping[str, Tombstone],
    catalogue: Catalogue,
) -> tuple[list[FileEntry], list[Known]]:
    """Every file of the units that are made anew, and all that these units had in the snapshot."""
    known = comparison.known
    fresh = {place_of(product): product for product in products}
    units = {unit_of(product) for product in products} | {each.unit for each in comparison.gone}
    units |= {known[place].unit for place in fresh if place in known}
    former = [each for each in known.values() if each.unit in units]
    settled = {each.place for each in comparison.gone} | fresh.keys()
    others = [each for each in former if each.place not in settled]
    records = load_records(catalogue, [each.file for each in others])
    lost = [each.file.path for each in others if each.file not in records]
    if lost:
        raise StoreError(f"the catalogue has lost the record of {lost[0]} and {len(lost) - 1} other files")
    names = name_products(fresh, comparison, tombstones)
    versions = number_versions(fresh, names, comparison, tombstones)
    entries = [
        FileEntry(product, names[place], versions[place], fresh=True) for place, product in fresh.items()
    ]
    entries += [FileEntry(records[each.file], each.product_id, each.version, fresh=False) for each in others]
    return entries, former


def _fill(
    draft: Draft, run: _Run, comparison: Comparison, entries: Sequence[FileEntry], former: Sequence[Known]
) -> Assembly:
    """Take out what the affected units had and put in what they have now."""
    setting, base = run.setting, run.base
    tables = setting.published.storage
    uids = sorted(
        {each.unit for each in former if each.unit.startswith("uid://")}
        | {uid for entry in entries if (uid := entry.product.identity.member_ous_uid) is not None}
    )
    archive = read_where(base, tables, "holdings.archive_row", "member_ous_uid", uids)
    old_sets = sorted({each.dataset_id for each in former if each.dataset_id is not None})
    rows = archive["archive_row_id"].to_pylist()
    Removal(
        dids=[did_of(setting.authority, name) for name in (*old_sets, *rows)],
        product_ids=[each.product_id for each in former],
        card_product_ids=_changed_cards(comparison, entries),
        dataset_ids=old_sets,
        archive_row_ids=rows,
        member_uids=uids,
    ).apply(draft)
    assembly = _assemble(base, comparison, entries, archive, old_sets, setting)
    footprints = (
        set() if base is None else set(base.read("_hidden.footprint", ["footprint_id"])[0].to_pylist())
    )
    made = dict(assembly.tables)
    regions = made["ivoa.obscore"]["s_region"].combine_chunks()
    made["_hidden.footprint"] = footprint_rows(regions, tables["_hidden.footprint"], footprints)
    made["holdings.observation"] = observation_rows([assembly.parts], tables["holdings.observation"])
    insert_tables(draft, made)
    return assembly


def _bury(
    draft: Draft,
    run: _Run,
    comparison: Comparison,
    tombstones: Mapping[str, Tombstone],
    entries: Sequence[FileEntry],
    former: Sequence[Known],
    assembly: Assembly,
) -> None:
    """Tombstones for what has gone; none for what is listed again."""
    if not tombstones and not comparison.gone:
        return
    anew = {each.place for each in former}
    files = [
        (each.product_id, each.file.path, each.content)
        for place, each in comparison.known.items()
        if place not in anew
    ]
    files += [(entry.product_id, entry.product.file.path, content_of(entry.product)) for entry in entries]
    table = run.setting.published.storage["holdings.dataset"]
    listing = listing_of(files, assembly.tables.get("holdings.dataset", table.arrow_schema().empty_table()))
    burial = bury(comparison.gone, tombstones, listing, run.naming.withdrawn, run.setting.changed)
    burial.apply(draft, run.setting.published.storage["holdings.tombstone"])


def _changed_cards(comparison: Comparison, entries: Sequence[FileEntry]) -> list[str]:
    known = {each.product_id for each in comparison.known.values()}
    return [each.product_id for each in comparison.gone] + [
        entry.product_id for entry in entries if entry.fresh and entry.product_id in known
    ]


def _assemble(
    base: Snapshot | None,
    comparison: Comparison,
    entries: Sequence[FileEntry],
    archive: pa.Table,
    old_sets: Sequence[str],
    setting: Setting,
) -> Assembly:
    mine = set(old_sets)
    every = [] if base is None else base.read("holdings.dataset", ["dataset_id"])[0].to_pylist()
    kept = {
        place: each.dataset_id
        for place, each in comparison.known.items()
        if each.is_primary and each.dataset_id in mine
    }
    return assemble(entries, archive, setting, kept=kept, taken=[name for name in every if name not in mine])


def _count_unlisted(snapshot: Snapshot | None) -> int:
    if snapshot is None:
        return 0
    rows = snapshot.read("holdings.dataset", ["dataset_id"], "origin = 'file' AND obs_release_date IS NULL")
    return int(rows.num_rows)
