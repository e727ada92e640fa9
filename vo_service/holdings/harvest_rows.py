"""Archive rows into a draft: what they replace is deleted first, then they are written batch by batch, listed
as themselves or as the data sets of ours that they describe.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from vo_service.holdings.archive_defaults import default_names
from vo_service.holdings.archive_tables import ArchiveTables, archive_tables
from vo_service.holdings.assemble import Assembly, FileEntry, Setting, assemble
from vo_service.holdings.cards import refresh_cards
from vo_service.holdings.changes import Removal, insert_tables, read_texts, read_where
from vo_service.holdings.finish import did_of, dids
from vo_service.holdings.harvest_spool import Spool, spooled
from vo_service.holdings.ids import identifier
from vo_service.holdings.known_footprints import KnownFootprints
from vo_service.holdings.measured_tables import Marks, insert_measured, mark_duplicates
from vo_service.holdings.observations import PARTS, Parts, observation_batches, part_of, reduce_parts
from vo_service.holdings.observed_targets import TABLE as OBSERVATIONS
from vo_service.holdings.observed_targets import spool_observations
from vo_service.holdings.records import Repair
from vo_service.holdings.reports import Progress
from vo_service.holdings.rows import repair_rows, table_of
from vo_service.holdings.staged_footprints import TABLE as STAGED
from vo_service.holdings.staged_footprints import staged_rows
from vo_service.holdings.stored import read_entries
from vo_service.holdings.tars import TABLE as PRODUCTS
from vo_service.holdings.tars import settle_tars
from vo_service.holdings.twins import tell_twins
from vo_service.store import Ahead, Catalogue, Draft, Snapshot


def state_untold(draft: Draft, source: str, defaults: Mapping[str, Repair], setting: Setting) -> None:
    """One repair row for the whole source for what its rows do not tell, since a row for each of a million
    would tell no more: the frame of their frequencies (design 4.4) and the ``defaults`` by kind."""
    why = f"rows of {source} do not tell the frame of their wavelengths: these are published as they are"
    untold = {
        identifier("archive-frame", source): Repair("specsys", None, None, "SPEC-FRAME-UNKNOWN", why),
        **{identifier("archive-default", source, kind): each for kind, each in defaults.items()},
    }
    rows = repair_rows(untold.values())
    for row, name in zip(rows, untold, strict=True):
        row["repair_id"] = name
    former = [identifier("archive-default", source, kind) for kind in default_names()]
    draft.change("holdings.repair", delete=pa.table({"repair_id": sorted({*untold, *former})}))
    draft.change("holdings.repair", insert=table_of(rows, setting.published.storage["holdings.repair"]))


def fill_rows(
    draft: Draft,
    base: Snapshot | None,
    spool: Spool,
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
    marks = mark_duplicates(base, entries, removal.product_ids, tables)
    twins = tell_twins(base, entries, marks, removal.product_ids, catalogue, tables)
    parts = Parts(_kept_parts(base, setting, uids, removal.dids))
    removal.apply(draft)
    marks.apply(draft)
    twins.apply(draft)

    footprints = KnownFootprints(
        pa.array([], pa.int64())
        if base is None
        else base.read("_hidden.footprint", ["footprint_id"])[0].combine_chunks()
    )
    own: list[pa.Table] = []
    written = 0
    with Ahead(_made(spooled(spool), with_files, own, setting, footprints)) as batches:
        for made in batches:
            insert_tables(draft, made.tables)
            parts.add(made.parts)
            written += made.tables["holdings.archive_row"].num_rows
            del made  # the next batch is being made already
            progress("writing", written, len(spool.identifiers))
    matched = 0
    if with_files:
        assembly = _assemble(twins.entries, old_rows, own, replaced, setting, kept, others, marks)
        parts.add(assembly.parts)
        linked = assembly.tables["holdings.archive_row"]
        fresh = linked.filter(pc.is_in(linked["archive_row_id"], spool.identifiers))
        matched = fresh.num_rows - fresh["matched_dataset_id"].null_count
        _insert_assembly(draft, base, assembly, removal.product_ids, footprints, setting)
        insert_measured(draft, assembly.measured, catalogue, setting)
    observed = tables[OBSERVATIONS]
    seen = observation_batches(parts, observed)
    spool_observations(draft, base, removal.member_uids, seen, observed, spool.path.with_name("observed"))
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
    made = archive_tables(rows, setting.published, setting.authority, setting.projects)
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
    marks: Marks,
) -> Assembly:
    """The units with files, from their records, the archive rows that stay and the new ones."""
    names = old_rows.column_names
    stay = old_rows.filter(pc.invert(pc.is_in(old_rows["archive_row_id"], replaced)))
    fresh = [rows.select(names).cast(old_rows.schema) for rows in own]
    archive = pa.concat_tables([stay, *fresh])
    return assemble(entries, archive, setting, kept=kept, taken=others, duplicates=marks.duplicates)


def _insert_assembly(
    draft: Draft,
    base: Snapshot | None,
    assembly: Assembly,
    replaced: Sequence[str],
    footprints: KnownFootprints,
    setting: Setting,
) -> None:
    tables = dict(assembly.tables)
    tables[STAGED] = staged_rows(tables["ivoa.obscore"], base, setting.published.storage[STAGED])
    tables["_hidden.footprint"] = footprints.new_rows(
        tables["ivoa.obscore"], setting.published.storage["_hidden.footprint"]
    )
    tars = settle_tars(base, tables.get(PRODUCTS), replaced, setting.published.storage, setting.changed)
    tars.apply(draft)
    tables[PRODUCTS] = tars.made
    refresh_cards(draft, base, tars.made, ())
    insert_tables(draft, tables)
