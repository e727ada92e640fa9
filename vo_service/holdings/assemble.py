"""All rows of the published tables for some units of files and the archive rows of the same member sets.

A pure function of product records and archive rows: ingest calls it when files change, harvest when archive
rows do, and both come to the same rows in either order.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from tap_schema import Published
from vo_service.holdings.archive_tables import archive_tables, supports_of, with_windows
from vo_service.holdings.cards import TABLE as CARDS
from vo_service.holdings.cards import card_rows
from vo_service.holdings.facts import (
    aggregate_support,
    merge_facts,
    share_facts,
    shared_release,
    unmatched,
)
from vo_service.holdings.finish import did_of, finish_rows, numbers
from vo_service.holdings.group import SCIENCE, DataSet, Place, group_products, name_groups, place_of, unit_of
from vo_service.holdings.ids import short_hash
from vo_service.holdings.match import Matches, Refusal, WindowRow, match_rows
from vo_service.holdings.measured import Measured
from vo_service.holdings.measured_rows import measurement_row, outline_of, with_rights
from vo_service.holdings.obscore_rows import dataset_row
from vo_service.holdings.observations import part_of
from vo_service.holdings.projects import NO_PROJECTS, Projects
from vo_service.holdings.qa2 import qa2_row
from vo_service.holdings.radio_rows import Reach, radio_rows
from vo_service.holdings.records import Product, Repair
from vo_service.holdings.redshifts import Redshifts
from vo_service.holdings.requested import Requests
from vo_service.holdings.rows import (
    Listing,
    Row,
    dataset_listing,
    product_row,
    repair_rows,
    table_of,
    window_row,
)
from vo_service.holdings.shown_windows import add_windows
from vo_service.spectral import C

NO_DUPLICATES: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Stated:
    """What tables of the operator state: redshifts of targets, noise and beams that observers asked for."""

    redshifts: Redshifts = field(default_factory=Redshifts)
    requests: Requests = field(default_factory=Requests)

    @property
    def digest(self) -> str:
        """Differs where something else is stated; empty where nothing is."""
        if self == NOTHING_STATED:
            return ""
        return short_hash(repr(sorted(self.redshifts.by_key.items())), repr(self.requests.ordered))


NOTHING_STATED = Stated()


@dataclass(frozen=True, slots=True)
class Setting:
    """What all rows of a run share: the tables, the authority of identifiers, the time of the run (UTC), and
    what is known of projects and stated by the operator."""

    published: Published
    authority: str
    changed: datetime
    projects: Projects = NO_PROJECTS
    stated: Stated = NOTHING_STATED


@dataclass(frozen=True, slots=True)
class FileEntry:
    """A product with its identifier and version; ``fresh`` if it was described in this run, with its
    cards; what is known of its pixels, by which its role has been revised from what ``header_evidence``
    stands for.
    """

    product: Product
    product_id: str
    version: int
    fresh: bool
    measured: Measured | None = None
    header_evidence: str | None = None

    @property
    def public_evidence(self) -> str:
        """What the role was decided on, without what only pixels tell."""
        if self.header_evidence is None or self.header_evidence == self.product.evidence:
            return self.product.evidence
        return f"{self.header_evidence}; pixels" if self.header_evidence else "pixels"


@dataclass(frozen=True, slots=True)
class MeasuredFile:
    """A file whose pixels were read: ``listed`` is its row of ``holdings.product``, ``obscore`` the row of
    its data set in ``ivoa.obscore``."""

    product: Product
    listed: Row
    obscore: Row | None
    measured: Measured


@dataclass(frozen=True, slots=True)
class Assembly:
    """``tables``: rows by qualified table name. ``parts``: what these rows tell of observations.
    ``measured``: the files with spectra and lines, of which rows are made one file after the other."""

    tables: Mapping[str, pa.Table]
    parts: pa.Table
    measured: Sequence[MeasuredFile] = ()


def assemble(
    entries: Sequence[FileEntry],
    archive: pa.Table,
    setting: Setting,
    *,
    kept: Mapping[Place, str],
    taken: Sequence[str] = (),
    duplicates: Mapping[str, str] = NO_DUPLICATES,
) -> Assembly:
    """Rows for whole units of files and for all archive rows of their member sets.

    ``archive`` has the columns of ``holdings.archive_row``. ``kept`` and ``taken`` are as in
    :func:`~vo_service.holdings.group.name_groups`. Header cards are made for fresh entries only.
    ``duplicates`` names, for products that hold the pixels of another, that other one.
    """
    datasets = _datasets(entries, kept, taken)
    archive = with_windows(archive)
    matches = match_rows(datasets, _window_rows(archive))
    ids = {place_of(entry.product): entry.product_id for entry in entries}
    versions = {place_of(entry.product): entry.version for entry in entries}
    outlines = {place_of(entry.product): outline_of(entry.measured) for entry in entries}
    facts = _facts_by_id(archive)
    by_uid: dict[str, list[Row]] = defaultdict(list)
    for fact in facts.values():
        by_uid[fact["member_ous_uid"]].append(fact)

    rows: dict[str, list[Row]] = defaultdict(list)
    described: dict[str, Row] = {}
    for dataset in datasets:
        own_fact: Row | None = facts.get(matches.datasets.get(dataset.dataset_id, ""))
        siblings = by_uid.get(dataset.primary.identity.member_ous_uid or "", [])
        row = dataset_row(dataset, ids[place_of(dataset.primary)], setting.authority, setting.changed)
        row["_region_measured"] = outlines.get(place_of(dataset.primary))
        row, repairs = _informed(row, dataset, own_fact, siblings, matches.refused.get(dataset.dataset_id))
        described[dataset.dataset_id] = row
        rows["holdings.dataset"].append(
            dataset_listing(dataset, row, ids, versions[place_of(dataset.primary)])
        )
        rows["holdings.repair"] += repair_rows(
            repairs,
            dataset_id=dataset.dataset_id,
            archive_row_id=None if own_fact is None else own_fact["archive_row_id"],
        )
        if dataset.role in SCIENCE and row["em_min"] is not None:
            rows["holdings.spectral_window"].append(window_row(dataset, row, own_fact, setting.authority))
    listings = _listings(entries, datasets, described, by_uid, duplicates)
    measured = _add_files(rows, entries, listings, setting.stated)

    tables = {name: table_of(each, setting.published.storage[name]) for name, each in rows.items()}
    obscore, radio = _obscore_tables(datasets, described, setting)
    obscore, filled = setting.projects.fill(obscore, setting.published.storage["holdings.repair"])
    alone = archive.filter(pc.invert(pc.is_in(archive["archive_row_id"], _texts(matches.rows))))
    others = archive_tables(alone, setting.published, setting.authority, setting.projects)
    own_tables = {"ivoa.obscore": obscore, "ivoa.obscore_radio": radio, "holdings.repair": filled}
    tables = _joined(tables, own_tables, others.tables)
    tables["holdings.archive_row"] = _linked(archive, matches, setting)
    own = _parts(obscore, datasets, matches)
    return Assembly(tables, pa.concat_tables([own, others.parts]), measured)


def _informed(
    row: Row, dataset: DataSet, own_fact: Row | None, siblings: Sequence[Row], refused: Refusal | None
) -> tuple[Row, list[Repair]]:
    """The row of a data set with the facts of archive rows: the matched one's, else what all of its member
    set share; and the repairs that they made."""
    rules = {repair.rule for repair in dataset.primary.repairs}
    if own_fact is not None:
        row, repairs = merge_facts(row, own_fact, siblings, rules)
    else:
        row, repairs = share_facts(row, siblings, rules, refused)
        repairs += unmatched(refused)
        row = aggregate_support(row, dataset.primary.identity.windows, siblings)
    return add_windows(row, own_fact, siblings), repairs


def _datasets(
    entries: Sequence[FileEntry], kept: Mapping[Place, str], taken: Sequence[str]
) -> tuple[DataSet, ...]:
    units: dict[str, list[Product]] = defaultdict(list)
    for entry in entries:
        units[unit_of(entry.product)].append(entry.product)
    groups = [group for unit in sorted(units) for group in group_products(units[unit])]
    return name_groups(groups, kept, taken)


def _window_rows(archive: pa.Table) -> list[WindowRow]:
    names = "archive_row_id member_ous_uid target_name _window s_ra s_dec s_fov em_min em_max".split()
    return [WindowRow(*cells) for cells in zip(*(archive[name].to_pylist() for name in names))]


def _facts_by_id(archive: pa.Table) -> dict[str, Row]:
    """The archive rows as records, with the noise of their own window."""
    natives = supports_of(archive).noise_native
    facts = archive.to_pylist()
    for fact, native in zip(facts, natives):
        fact["_noise_native"] = None if np.isnan(native) else float(native)
        if fact["em_min"] is not None:
            fact["_f_min"], fact["_f_max"] = C / fact["em_max"], C / fact["em_min"]
    return {fact["archive_row_id"]: fact for fact in facts}


def _listings(
    entries: Sequence[FileEntry],
    datasets: Sequence[DataSet],
    described: Mapping[str, Row],
    by_uid: Mapping[str, Sequence[Row]],
    duplicates: Mapping[str, str],
) -> dict[Place, Listing]:
    """For every file its data set; a file in none has the release date of its member set, the latest there
    is."""
    owners = {place_of(member): each for each in datasets for member in each.members}
    primaries = {place_of(each.primary) for each in datasets}
    listings = {}
    for entry in entries:
        place = place_of(entry.product)
        owner = owners.get(place)
        release = None
        if owner is None:
            release = shared_release(by_uid.get(entry.product.identity.member_ous_uid or "", []))
        listings[place] = Listing(
            entry.product_id,
            entry.version,
            place in primaries,
            owner,
            None if owner is None else described[owner.dataset_id],
            release,
            duplicates.get(entry.product_id),
            entry.public_evidence,
        )
    return listings


def _add_files(
    rows: dict[str, list[Row]],
    entries: Sequence[FileEntry],
    listings: Mapping[Place, Listing],
    stated: Stated,
) -> list[MeasuredFile]:
    """Rows of files; those whose pixels were read."""
    measured: list[MeasuredFile] = []
    for entry in entries:
        product, listing = entry.product, listings[place_of(entry.product)]
        listed = product_row(product, listing)
        rows["holdings.product"].append(listed)
        if listing.obscore is not None and product.state == "ok":
            found = None if entry.measured is None else entry.measured.measurement
            judged = qa2_row(product, entry.product_id, listing.obscore, found, stated.requests)
            rows["holdings.qa2"] += with_rights([] if judged is None else [judged], listed)
        if entry.measured is not None:
            rows["holdings.measurement"].append(
                measurement_row(product, listed, entry.measured, stated.digest)
            )
            obscore = None if listing.obscore is None else dict(listing.obscore)
            measured.append(MeasuredFile(product, listed, obscore, entry.measured))
        rows["holdings.repair"] += repair_rows(product.repairs, product_id=entry.product_id, listed=listed)
        if entry.fresh:
            rows[CARDS] += card_rows(product, listed)
    return measured


def _obscore_tables(
    datasets: Sequence[DataSet], described: Mapping[str, Row], setting: Setting
) -> tuple[pa.Table, pa.Table]:
    """The rows of data sets in ``ivoa.obscore`` and in its radio extension."""
    table = setting.published.storage["ivoa.obscore"]
    rows = list(described.values())
    schema = table.arrow_schema()
    columns = {
        name: pa.array([row.get(name) for row in rows], schema.field(name).type) for name in schema.names
    }
    obscore = finish_rows(columns, table, len(rows))
    em_min, em_max = numbers(obscore["em_min"]), numbers(obscore["em_max"])
    low, high = C / em_max, C / em_min
    beams = [dataset.primary.beam for dataset in datasets]
    channels = numbers(obscore["em_xel"])
    width = numbers(obscore["bandwidth"])
    step = numbers(obscore["spectral_resolution"])
    reach = Reach(
        f_low=low,
        f_high=high,
        f_nominal=(low + high) / 2,
        beam_min=np.array([np.nan if beam is None else beam.size_min for beam in beams], dtype=np.float64),
        beam_max=np.array([np.nan if beam is None else beam.size_max for beam in beams], dtype=np.float64),
        f_resolution_khz=np.where(channels > 1, step, width / 1e3),
        fields_scale=np.zeros(len(rows), dtype=bool),
    )
    return obscore, radio_rows(obscore, reach, setting.published.storage["ivoa.obscore_radio"])


def _linked(archive: pa.Table, matches: Matches, setting: Setting) -> pa.Table:
    """The archive rows with the data set each is listed as, and the row of ``ivoa.obscore`` that carries
    it.
    """
    names = archive["archive_row_id"].to_pylist()
    owners = [matches.rows.get(name) for name in names]
    carriers = [did_of(setting.authority, owner or name) for name, owner in zip(names, owners)]
    schema = setting.published.storage["holdings.archive_row"].arrow_schema()
    for name, values in (("matched_dataset_id", owners), ("obs_publisher_did", carriers)):
        at = archive.schema.get_field_index(name)
        archive = archive.set_column(at, name, pa.array(values, pa.string()))
    return archive.select(schema.names).cast(schema)


def _parts(obscore: pa.Table, datasets: Sequence[DataSet], matches: Matches) -> pa.Table:
    counts: dict[str, int] = defaultdict(int)
    for owner in matches.rows.values():
        counts[owner] += 1
    return part_of(
        obscore,
        pa.array([counts[dataset.dataset_id] for dataset in datasets], pa.int64()),
        pa.array([dataset.primary.identity.science_goal_uid for dataset in datasets], pa.string()),
    )


def _joined(*sets: Mapping[str, pa.Table]) -> dict[str, pa.Table]:
    """Tables of the same name one after the other."""
    found: dict[str, list[pa.Table]] = defaultdict(list)
    for each in sets:
        for name, table in each.items():
            found[name].append(table)
    return {name: pa.concat_tables(tables) for name, tables in found.items()}


def _texts(values: Mapping[str, Any]) -> pa.Array:
    return pa.array(list(values), pa.string())
