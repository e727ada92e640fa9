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

from tap_schema import Published
from vo_service import __version__
from vo_service.holdings.assemble import NOTHING_STATED, Assembly, FileEntry, Setting, Stated
from vo_service.holdings.comparison import (
    Comparison,
    Known,
    compare,
    known_files,
    listed_files,
    seek_digests,
)
from vo_service.holdings.contents import Describer, content_of
from vo_service.holdings.group import Place, place_of, unit_of
from vo_service.holdings.gzip_indexes import FOLDER, sweep_indexes
from vo_service.holdings.manifest import ManifestEntry
from vo_service.holdings.measurement import PixelLimits
from vo_service.holdings.measurement_store import adopt_measured, forget_measured
from vo_service.holdings.out_of_reach import (
    keep_out_of_reach,
    read_out_of_reach,
    still_out_of_reach,
    tars_to_open,
)
from vo_service.holdings.pixel_pass import PixelPass
from vo_service.holdings.pool import describe_all
from vo_service.holdings.projects import read_projects
from vo_service.holdings.rebuild import listed_entries, rebuild_units
from vo_service.holdings.record_store import drop_records, keep_records
from vo_service.holdings.records import FoundFile, Product
from vo_service.holdings.renew import renew
from vo_service.holdings.reports import IngestReport, Progress, silent
from vo_service.holdings.roots import Naming, name_roots
from vo_service.holdings.tombstones import Tombstone, bury, listing_of, read_tombstones
from vo_service.holdings.versions import name_products, number_versions
from vo_service.store import Catalogue, Draft, RunEntry, RunLog, Snapshot, Snapshots

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
    paths: Sequence[Path | str],
    *,
    home: Path,
    snapshots: Snapshots,
    catalogue: Catalogue,
    published: Published,
    authority: str,
    root_name: str | None = None,
    retry: Collection[str] = (),
    withdraw: Collection[str] = (),
    entries: Sequence[ManifestEntry] = (),
    workers: int = 1,
    keep: int | None = None,
    wait_seconds: float = 0.0,
    progress: Progress = silent,
    pixels: PixelLimits | None = None,
    stated: Stated = NOTHING_STATED,
) -> IngestReport:
    """Bring the snapshot up to date with the files below ``paths`` (those that are text are URLs) and the
    ``entries`` of a manifest.

    Each directory is an ingest root, named ``root_name`` or after itself, or the one that has moved there;
    the file of a single-file path belongs to the root that holds it, if there is one, else to its directory.
    Files that failed with an error of a class in ``retry`` are tried again though they have not changed. All
    files of the roots ``withdraw`` are withdrawn. ``authority`` is fixed at the first run of a home. ``keep``
    is the number of snapshots to keep (None: all). The command's exit code is ``report.exit_code``. Where
    nothing has changed nothing is published and ``report.snapshot`` is None. With limits for ``pixels`` those
    of images are measured in a second pass, which publishes another snapshot behind the first. ``stated`` are
    the operator's tables.

    Raises RootError for a path that cannot be a root, WriterBusy, DiskFull and other StoreErrors; then the
    former snapshot stays current. A run that is killed leaves nothing but its entry in the run log.
    """
    authority = catalogue.settled("authority", authority)
    with snapshots.writer("vo-service ingest", wait_seconds):
        changed = datetime.now(UTC).replace(tzinfo=None, microsecond=0)
        projects = read_projects(snapshots.current())
        setting = Setting(published, authority, changed, projects, stated)
        renewal = renew(snapshots, catalogue, setting)
        base = snapshots.current()
        known = known_files(base)
        naming = name_roots(paths, root_name, catalogue, listed_files(known.values()), withdraw, entries)
        with _logged(catalogue) as run_id:
            run = _Run(
                run_id, setting, snapshots, catalogue, base, naming, frozenset(retry), workers, progress
            )
            report = _ingest(run, known)
        if renewal is not None:
            report = replace(report, notices=(renewal.notice, *report.notices))
        for name in naming.leaving:
            catalogue.drop_root(name)
        if keep is not None:
            snapshots.prune(keep)
    indexes = home / FOLDER
    if indexes.is_dir():
        sweep_indexes(indexes, (each.file for each in known_files(snapshots.current()).values()))
    if pixels is None:
        return report
    pass_ = PixelPass(
        setting, snapshots, catalogue, naming.roots, pixels, frozenset(retry), workers, indexes=indexes
    )
    return replace(report, pixels=pass_.run(keep, wait_seconds, progress))


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
    former = read_out_of_reach(run.catalogue)
    comparison = compare(run.naming, known, run.retry, run.progress, tars_to_open(former, run.retry))
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
        adopt_measured(run.catalogue, outcome.listed)
        snapshot = _publish(run, comparison, outcome)
        outdated = _outdated(comparison, outcome.listed)
        drop_records(run.catalogue, outdated)
        forget_measured(run.catalogue, outdated)
    else:
        log.record(run.run_id, outcome.entries)
        log.finish(run.run_id, "done")
    keep_out_of_reach(run.catalogue, still_out_of_reach(former, run.naming, comparison))
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
    describe = Describer(seek_digests(comparison, run.catalogue), comparison.stated, comparison.tars)
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
        assembly = rebuild_units(
            draft, run.base, run.setting, run.catalogue, comparison.known, entries, former, comparison.gone
        )
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
    names = name_products(fresh, comparison, tombstones)
    versions = number_versions(fresh, names, comparison, tombstones)
    entries = [
        FileEntry(product, names[place], versions[place], fresh=True) for place, product in fresh.items()
    ]
    return entries + listed_entries(others, catalogue), former


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


def _count_unlisted(snapshot: Snapshot | None) -> int:
    if snapshot is None:
        return 0
    rows = snapshot.read("holdings.dataset", ["dataset_id"], "origin = 'file' AND obs_release_date IS NULL")
    return int(rows.num_rows)
