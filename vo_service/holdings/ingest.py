"""Files into the next snapshot: discover, describe what is new, regroup what it touches, match, publish.

A file is new when its place, size or time of change is. Only the units (member sets, or folders without one)
that hold a new, changed or vanished file are made anew; their other files come from their records. A file
that has gone is withdrawn: its rows leave the next snapshot, and the run log says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

import pyarrow as pa

from tap_schema import Published
from vo_service import __version__
from vo_service.holdings.assemble import Assembly, FileEntry, Setting, assemble
from vo_service.holdings.changes import Removal, insert_tables, read_where
from vo_service.holdings.discover import Unreachable, discover
from vo_service.holdings.finish import did_of, footprint_rows
from vo_service.holdings.group import Place, place_of, unit_of
from vo_service.holdings.ids import assign, product_id
from vo_service.holdings.observations import observation_rows
from vo_service.holdings.pool import describe_all
from vo_service.holdings.record_store import drop_records, keep_records, load_records
from vo_service.holdings.records import FoundFile, Product
from vo_service.holdings.reports import IngestReport, Progress, silent
from vo_service.holdings.roots import Root, name_roots
from vo_service.store import Catalogue, Draft, RunEntry, RunLog, Snapshot, Snapshots, StoreError

_LISTED_FAILURES = 1000


@dataclass(frozen=True, slots=True)
class Known:
    """A file as the current snapshot lists it. ``unit`` is the member uid, else root and folder."""

    file: FoundFile
    product_id: str
    version: int
    unit: str
    dataset_id: str | None
    is_primary: bool


@dataclass(slots=True)
class Plan:
    """What discovery found against what the snapshot lists."""

    fresh: list[FoundFile] = field(default_factory=list)
    unchanged: int = 0
    gone: list[Known] = field(default_factory=list)
    problems: list[Unreachable] = field(default_factory=list)
    known: dict[Place, Known] = field(default_factory=dict)


def ingest(
    paths: Sequence[Path],
    *,
    home: Path,
    snapshots: Snapshots,
    catalogue: Catalogue,
    published: Published,
    authority: str,
    root_name: str | None = None,
    workers: int = 1,
    keep: int | None = None,
    wait_seconds: float = 0.0,
    progress: Progress = silent,
) -> IngestReport:
    """Bring the snapshot up to date with the files below ``paths``.

    Each directory is an ingest root, named ``root_name`` or after itself; the file of a single-file path
    belongs to the root that holds it, if there is one, else to its directory. ``authority`` is fixed at the
    first run of a home. ``keep`` is the number of snapshots to keep (None: all). The command's exit code is
    ``report.exit_code``. Where nothing has changed nothing is published and ``report.snapshot`` is None.

    Raises RootError for a path that cannot be a root, WriterBusy, DiskFull and other StoreErrors; then the
    former snapshot stays current. A run that is killed leaves nothing but its entry in the run log.
    """
    authority = catalogue.settled("authority", authority)
    log = RunLog(catalogue)
    with snapshots.writer("vo-service ingest", wait_seconds):
        roots = name_roots(paths, root_name, catalogue)
        run_id = log.start("ingest", f"vo-service {__version__}")
        try:
            setting = Setting(published, authority, datetime.now(UTC).replace(tzinfo=None, microsecond=0))
            report = _run(roots, run_id, setting, snapshots, catalogue, workers, progress)
        except BaseException:
            log.finish(run_id, "failed")
            raise
        if keep is not None:
            snapshots.prune(keep)
    return report


def _run(
    roots: Sequence[Root],
    run_id: str,
    setting: Setting,
    snapshots: Snapshots,
    catalogue: Catalogue,
    workers: int,
    progress: Progress,
) -> IngestReport:
    base = snapshots.current()
    plan = _plan(roots, base, progress)
    products = _describe(plan.fresh, roots, workers, progress)
    entries = _log_entries(plan, products)
    log = RunLog(catalogue)
    failed = [entry for entry in entries if entry.state == "failed"]
    ok = len(products) - sum(product.state == "failed" for product in products)
    log.count(
        run_id,
        product_count=len(plan.fresh) + plan.unchanged,
        ok_count=ok,
        failed_count=len(failed),
        skipped_count=plan.unchanged,
    )
    report = IngestReport(
        run_id=run_id,
        snapshot=None,
        found=len(plan.fresh) + plan.unchanged,
        ok=ok,
        failed=len(failed),
        skipped=plan.unchanged,
        withdrawn=len(plan.gone),
        datasets=0 if base is None else base.count_rows("holdings.dataset"),
        rows=0 if base is None else base.count_rows("ivoa.obscore"),
        unlisted=_count_unlisted(base),
        failures=tuple(failed[:_LISTED_FAILURES]),
    )
    if not products and not plan.gone:
        log.record(run_id, entries)
        log.finish(run_id, "done")
        return report
    keep_records(catalogue, products)
    snapshot = _publish(base, plan, products, entries, run_id, setting, snapshots, catalogue, progress)
    drop_records(catalogue, _outdated(plan, products))
    return replace(
        report,
        snapshot=snapshot.number,
        datasets=snapshot.count_rows("holdings.dataset"),
        rows=snapshot.count_rows("ivoa.obscore"),
        unlisted=_count_unlisted(snapshot),
    )


def _plan(roots: Sequence[Root], base: Snapshot | None, progress: Progress) -> Plan:
    """Compare the files below the roots with the snapshot. What lies below a folder that could not be read is
    taken as still there."""
    plan = Plan(known=_known_files(base))
    found: set[Place] = set()
    for root in roots:
        for each in discover(root.start, root.name):
            if isinstance(each, Unreachable):
                plan.problems.append(replace(each, path=root.below(each.path)))
                continue
            file = replace(each, path=root.below(each.path))
            if not root.owns(file.path):
                continue
            place = (file.root, file.path)
            found.add(place)
            known = plan.known.get(place)
            if known is not None and known.file == file:
                plan.unchanged += 1
            else:
                plan.fresh.append(file)
            progress("discovering", len(found), None)
    for place, known in plan.known.items():
        if place not in found and _is_gone(known.file, roots, plan.problems):
            plan.gone.append(known)
    return plan


def _is_gone(file: FoundFile, roots: Sequence[Root], problems: Iterable[Unreachable]) -> bool:
    """Whether the run looked where the file was and did not find it."""
    looked = any(root.name == file.root and root.covers(file.path) for root in roots)
    hidden = any(
        problem.root == file.root
        and (problem.path == "." or file.path == problem.path or file.path.startswith(f"{problem.path}/"))
        for problem in problems
    )
    return looked and not hidden


_COLUMNS = "root path product_id dataset_id is_primary version size_bytes member_ous_uid _modified_ns".split()


def _known_files(base: Snapshot | None) -> dict[Place, Known]:
    if base is None:
        return {}
    known = {}
    for row in base.read("holdings.product", _COLUMNS).to_pylist():
        file = FoundFile(row["root"], row["path"], row["size_bytes"], row["_modified_ns"])
        folder = PurePosixPath(file.path).parent.as_posix()
        unit = row["member_ous_uid"] if row["member_ous_uid"] is not None else f"{file.root}:{folder}"
        known[file.root, file.path] = Known(
            file, row["product_id"], row["version"], unit, row["dataset_id"], bool(row["is_primary"])
        )
    return known


def _describe(
    files: Sequence[FoundFile], roots: Sequence[Root], workers: int, progress: Progress
) -> list[Product]:
    """All fresh files described, in the order of their places whatever the order of the workers."""
    products = []
    places = {root.name: root.directory for root in roots}
    described = describe_all(files, places, workers if len(files) > 1 else 0)
    for done, product in enumerate(described, 1):
        products.append(product)
        progress("reading", done, len(files))
    return sorted(products, key=place_of)


def _log_entries(plan: Plan, products: Sequence[Product]) -> list[RunEntry]:
    entries = [
        RunEntry(
            product.file.root,
            product.file.path,
            product.state,
            error_class=product.error_kind,
            error_message=product.error_message,
            repair_count=len(product.repairs),
            duration=product.duration,
        )
        for product in products
    ]
    entries += [
        RunEntry(each.root, each.path, "failed", error_class=each.kind, error_message=each.message)
        for each in plan.problems
    ]
    entries += [
        RunEntry(each.file.root, each.file.path, "withdrawn", product_id=each.product_id)
        for each in plan.gone
    ]
    return entries


def _outdated(plan: Plan, products: Sequence[Product]) -> list[FoundFile]:
    """Former states of files that are listed in another state now, or not at all."""
    former = [plan.known[place_of(product)].file for product in products if place_of(product) in plan.known]
    return former + [each.file for each in plan.gone]


def _publish(
    base: Snapshot | None,
    plan: Plan,
    products: Sequence[Product],
    log_entries: Sequence[RunEntry],
    run_id: str,
    setting: Setting,
    snapshots: Snapshots,
    catalogue: Catalogue,
    progress: Progress,
) -> Snapshot:
    entries, former = _affected(plan, products, catalogue)
    ids = {place_of(entry.product): entry.product_id for entry in entries}
    RunLog(catalogue).record(run_id, (_with_id(entry, ids) for entry in log_entries))
    draft = snapshots.draft(run_id)
    try:
        _fill(draft, base, plan, entries, former, setting)
        progress("publishing", 0, None)
        return snapshots.publish(draft, base)
    except BaseException:
        draft.discard()
        raise


def _with_id(entry: RunEntry, ids: Mapping[Place, str]) -> RunEntry:
    return replace(entry, product_id=entry.product_id or ids.get((entry.root or "", entry.path or "")))


def _affected(
    plan: Plan, products: Sequence[Product], catalogue: Catalogue
) -> tuple[list[FileEntry], list[Known]]:
    """Every file of the units that are made anew, and all that these units had in the snapshot."""
    fresh = {place_of(product): product for product in products}
    units = {unit_of(product) for product in products} | {each.unit for each in plan.gone}
    units |= {plan.known[place].unit for place in fresh if place in plan.known}
    former = [each for each in plan.known.values() if each.unit in units]
    gone = {(each.file.root, each.file.path) for each in plan.gone}
    others = [each for each in former if (each.file.root, each.file.path) not in gone | fresh.keys()]
    records = load_records(catalogue, [each.file for each in others])
    lost = [each.file.path for each in others if each.file not in records]
    if lost:
        raise StoreError(f"the catalogue has lost the record of {lost[0]} and {len(lost) - 1} other files")
    kept_ids = {place: each.product_id for place, each in plan.known.items()}
    names = assign(
        [(place, product_id(product), "/".join(place)) for place, product in fresh.items()],
        {place: name for place, name in kept_ids.items() if place in fresh},
        [name for place, name in kept_ids.items() if place not in fresh],
    )
    entries = [
        FileEntry(product, names[place], _next_version(plan.known.get(place)), fresh=True)
        for place, product in fresh.items()
    ]
    entries += [FileEntry(records[each.file], each.product_id, each.version, fresh=False) for each in others]
    return entries, former


def _next_version(known: Known | None) -> int:
    return 1 if known is None else known.version + 1


def _fill(
    draft: Draft,
    base: Snapshot | None,
    plan: Plan,
    entries: Sequence[FileEntry],
    former: Sequence[Known],
    setting: Setting,
) -> None:
    """Take out what the affected units had and put in what they have now."""
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
        card_product_ids=_changed_cards(plan, entries),
        dataset_ids=old_sets,
        archive_row_ids=rows,
        member_uids=uids,
    ).apply(draft)
    assembly = _assemble(base, plan, entries, archive, old_sets, setting)
    footprints = (
        set() if base is None else set(base.read("_hidden.footprint", ["footprint_id"])[0].to_pylist())
    )
    made = dict(assembly.tables)
    regions = made["ivoa.obscore"]["s_region"].combine_chunks()
    made["_hidden.footprint"] = footprint_rows(regions, tables["_hidden.footprint"], footprints)
    made["holdings.observation"] = observation_rows([assembly.parts], tables["holdings.observation"])
    insert_tables(draft, made)


def _changed_cards(plan: Plan, entries: Sequence[FileEntry]) -> list[str]:
    known = {each.product_id for each in plan.known.values()}
    return [each.product_id for each in plan.gone] + [
        entry.product_id for entry in entries if entry.fresh and entry.product_id in known
    ]


def _assemble(
    base: Snapshot | None,
    plan: Plan,
    entries: Sequence[FileEntry],
    archive: pa.Table,
    old_sets: Sequence[str],
    setting: Setting,
) -> Assembly:
    mine = set(old_sets)
    every = [] if base is None else base.read("holdings.dataset", ["dataset_id"])[0].to_pylist()
    kept = {
        place: each.dataset_id
        for place, each in plan.known.items()
        if each.is_primary and each.dataset_id in mine
    }
    return assemble(entries, archive, setting, kept=kept, taken=[name for name in every if name not in mine])


def _count_unlisted(snapshot: Snapshot | None) -> int:
    if snapshot is None:
        return 0
    rows = snapshot.read("holdings.dataset", ["dataset_id"], "origin = 'file' AND obs_release_date IS NULL")
    return int(rows.num_rows)
