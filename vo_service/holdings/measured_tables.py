"""What was measured of whole units of files, on its way into a draft: spectra and lines file by file, so that
memory goes by the longest spectrum, and the marks of files that hold the same pixels.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import pyarrow as pa

from tap_schema import Table
from vo_service.holdings.assemble import FileEntry, MeasuredFile, Setting
from vo_service.holdings.changes import read_where
from vo_service.holdings.classify_pixels import revise_role
from vo_service.holdings.line_candidates import candidate_rows
from vo_service.holdings.measured import Measured
from vo_service.holdings.measured_rows import find_duplicates, spectrum_rows, with_rights
from vo_service.holdings.measurement import Measurement
from vo_service.holdings.measurement_store import load_measured, load_spectrum
from vo_service.holdings.records import FoundFile, Repair
from vo_service.holdings.rows import Row, table_of
from vo_service.store import Catalogue, Draft, Snapshot

_ROWS_AT_ONCE = 20_000


def with_measurements(entries: Iterable[FileEntry], catalogue: Catalogue) -> list[FileEntry]:
    """The entries with what is known of their pixels, and the roles that these tell."""
    entries = list(entries)
    images = [each.product.file for each in entries if is_image(each)]
    known = load_measured(catalogue, images)
    return [_measured(entry, known) for entry in entries]


def is_image(entry: FileEntry) -> bool:
    """Whether the file holds an image that could be described."""
    return entry.product.state == "ok" and entry.product.layout is not None


def _measured(entry: FileEntry, known: Mapping[FoundFile, Measured]) -> FileEntry:
    measured = known.get(entry.product.file)
    if measured is None:
        return entry
    found = measured.measurement
    product = entry.product
    if found is not None and found.statistics is not None:
        product = revise_role(product, found.statistics)
    if found is not None and found.blanked:
        product = product.repaired(_blank_repair(found))
    return replace(entry, product=product, measured=measured, header_evidence=entry.product.evidence)


def _blank_repair(found: Measurement) -> Repair:
    why = "BLANK has no meaning for floating-point pixels (FITS 4.0, 4.4.2.5), but some have this very value"
    return Repair("BLANK", found.blank, None, "PIX-BLANK", why, 0.9)


def insert_measured(
    draft: Draft,
    files: Sequence[MeasuredFile],
    catalogue: Catalogue,
    setting: Setting,
) -> None:
    """Add the rows of ``holdings.peak_spectrum`` and ``holdings.line_candidate`` to the draft."""
    tables = setting.published.storage
    spectra: list[pa.Table] = []
    candidates: list[Row] = []
    waiting = 0
    for each in files:
        spectrum = load_spectrum(catalogue, each.measured)
        found = each.measured.measurement
        if spectrum is None or found is None:
            continue
        spectra.append(spectrum_rows(each.listed, spectrum, tables["holdings.peak_spectrum"]))
        if each.obscore is not None:
            measurement = replace(found, spectrum=spectrum)
            name = each.listed["product_id"]
            rows = candidate_rows(each.product, name, each.obscore, measurement, setting.stated.redshifts)
            candidates += with_rights(rows, each.listed)
        waiting += spectra[-1].num_rows
        if waiting > _ROWS_AT_ONCE:
            draft.change("holdings.peak_spectrum", insert=pa.concat_tables(spectra))
            spectra, waiting = [], 0
    if spectra:
        draft.change("holdings.peak_spectrum", insert=pa.concat_tables(spectra))
    if candidates:
        rows = table_of(candidates, tables["holdings.line_candidate"])
        draft.change("holdings.line_candidate", insert=rows)


@dataclass(frozen=True, slots=True)
class Marks:
    """Which products hold the pixels of another one, over all holdings, and the rows of
    ``holdings.product`` outside the units that are made anew whose mark is another now."""

    duplicates: Mapping[str, str]
    changed: pa.Table | None = None

    def apply(self, draft: Draft) -> None:
        """Put the rows outside right."""
        if self.changed is not None:
            draft.change("holdings.product", delete=self.changed.select(["product_id"]), insert=self.changed)


def mark_duplicates(
    base: Snapshot | None, entries: Sequence[FileEntry], former: Iterable[str], tables: Mapping[str, Table]
) -> Marks:
    """The marks for a run that makes ``entries`` anew; ``former`` are the products that it takes out."""
    anew = {*former, *(entry.product_id for entry in entries)}
    pairs = [(entry.product_id, entry.measured.pixels) for entry in entries if entry.measured is not None]
    if base is None:
        return Marks(find_duplicates(pairs))
    others = _pairs(base, "holdings.measurement", "_pixels")
    duplicates = find_duplicates([*pairs, *(pair for pair in others if pair[0] not in anew)])
    marked = dict(_pairs(base, "holdings.product", "duplicate_of"))
    changed = sorted(
        name
        for name in duplicates.keys() | marked.keys()
        if name not in anew and duplicates.get(name) != marked.get(name)
    )
    if not changed:
        return Marks(duplicates)
    rows = read_where(base, tables, "holdings.product", "product_id", changed)
    marks = pa.array([duplicates.get(name) for name in rows["product_id"].to_pylist()], pa.string())
    at = rows.schema.get_field_index("duplicate_of")
    return Marks(duplicates, rows.set_column(at, rows.schema.field(at), marks))


def _pairs(base: Snapshot, table: str, column: str) -> list[tuple[str, str]]:
    """Products that have a value in a column, with it."""
    rows = base.read(table, ["product_id", column], f"{column} IS NOT NULL")
    return list(zip(*(values.to_pylist() for values in rows.columns)))
