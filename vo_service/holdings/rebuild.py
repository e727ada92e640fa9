"""Whole units of files made anew in a draft: what they had is taken out, what they have now is put in.

A unit is the files of a member set, or of a folder without one. Ingest makes units anew when a file of theirs
is new, changed or gone, the pixel pass when the pixels of one have been read.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import pyarrow as pa

from tap_schema import Table
from vo_service.holdings.assemble import Assembly, FileEntry, Setting, assemble
from vo_service.holdings.cards import refresh_cards
from vo_service.holdings.changes import Removal, insert_tables, read_where
from vo_service.holdings.comparison import Known
from vo_service.holdings.finish import did_of, footprint_rows
from vo_service.holdings.group import Place
from vo_service.holdings.measured_tables import insert_measured, mark_duplicates, with_measurements
from vo_service.holdings.observations import observation_rows
from vo_service.holdings.observed_targets import TABLE as OBSERVATIONS
from vo_service.holdings.observed_targets import insert_observations
from vo_service.holdings.record_store import load_records
from vo_service.holdings.staged_footprints import TABLE as STAGED
from vo_service.holdings.staged_footprints import regions_of, staged_rows
from vo_service.holdings.tars import TABLE as PRODUCTS
from vo_service.holdings.tars import settle_tars
from vo_service.holdings.twins import tell_twins
from vo_service.store import Catalogue, Draft, Snapshot, StoreError

FOOTPRINTS = "_hidden.footprint"


def listed_entries(files: Sequence[Known], catalogue: Catalogue) -> list[FileEntry]:
    """Files as they are listed, from their records. Raises StoreError where one is lost."""
    records = load_records(catalogue, [each.file for each in files])
    lost = [each.file.path for each in files if each.file not in records]
    if lost:
        raise StoreError(f"the catalogue has lost the record of {lost[0]} and {len(lost) - 1} other files")
    return [FileEntry(records[each.file], each.product_id, each.version, fresh=False) for each in files]


def rebuild_units(
    draft: Draft,
    base: Snapshot | None,
    setting: Setting,
    catalogue: Catalogue,
    known: Mapping[Place, Known],
    entries: Sequence[FileEntry],
    former: Sequence[Known],
    gone: Collection[Known] = (),
) -> Assembly:
    """Take out what some units had and put in what they have now.

    ``entries`` are all files of the units, ``former`` all that the snapshot lists of them, ``gone`` those of
    these that are no more; ``known`` are the files of all units in the snapshot.
    """
    tables = setting.published.storage
    uids = _members(entries, former)
    archive = read_where(base, tables, "holdings.archive_row", "member_ous_uid", uids)
    old_sets = sorted({each.dataset_id for each in former if each.dataset_id is not None})
    rows = archive["archive_row_id"].to_pylist()
    entries = with_measurements(entries, catalogue)
    replaced = [each.product_id for each in former]
    marks = mark_duplicates(base, entries, replaced, tables)
    twins = tell_twins(base, entries, marks, replaced, catalogue, tables)
    Removal(
        dids=[did_of(setting.authority, name) for name in (*old_sets, *rows)],
        product_ids=replaced,
        card_product_ids=_changed_cards(known, entries, gone),
        dataset_ids=old_sets,
        archive_row_ids=rows,
        member_uids=uids,
    ).apply(draft)
    marks.apply(draft)
    twins.apply(draft)
    every = [] if base is None else base.read("holdings.dataset", ["dataset_id"])[0].to_pylist()
    mine = set(old_sets)
    assembly = assemble(
        twins.entries,
        archive,
        setting,
        kept={
            place: each.dataset_id
            for place, each in known.items()
            if each.is_primary and each.dataset_id in mine
        },
        taken=[name for name in every if name not in mine],
        duplicates=marks.duplicates,
    )
    made = dict(assembly.tables)
    tars = settle_tars(base, made.get(PRODUCTS), replaced, tables, setting.changed)
    tars.apply(draft)
    made[PRODUCTS] = tars.made
    made |= _footprint_tables(made["ivoa.obscore"], base, tables)
    fresh = {entry.product_id for entry in entries if entry.fresh}
    refresh_cards(draft, base, made[PRODUCTS], fresh)
    insert_tables(draft, made)
    observed = tables[OBSERVATIONS]
    insert_observations(draft, base, uids, observation_rows([assembly.parts], observed), observed)
    insert_measured(draft, assembly.measured, catalogue, setting)
    return assembly


def _members(entries: Sequence[FileEntry], former: Sequence[Known]) -> list[str]:
    """The member sets that the files were or are of."""
    now = (entry.product.identity.member_ous_uid for entry in entries)
    before = (each.unit for each in former if each.unit.startswith("uid://"))
    return sorted({*before, *(uid for uid in now if uid is not None)})


def _footprint_tables(
    obscore: pa.Table, base: Snapshot | None, tables: Mapping[str, Table]
) -> dict[str, pa.Table]:
    """What the snapshot does not know yet of the footprints that rows of ``ivoa.obscore`` name."""
    known: set[int] = set()
    if base is not None:
        known.update(base.read(FOOTPRINTS, ["footprint_id"])[0].to_pylist())
    return {
        FOOTPRINTS: footprint_rows(regions_of(obscore), tables[FOOTPRINTS], known),
        STAGED: staged_rows(obscore, base, tables[STAGED]),
    }


def _changed_cards(
    known: Mapping[Place, Known], entries: Sequence[FileEntry], gone: Collection[Known]
) -> list[str]:
    listed = {each.product_id for each in known.values()}
    return [each.product_id for each in gone] + [
        entry.product_id for entry in entries if entry.fresh and entry.product_id in listed
    ]
