"""Rows of the ``holdings`` tables that files and data sets make, as Arrow tables of the published columns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa

from tap_schema import Table
from vo_service.holdings.finish import complete, did_of
from vo_service.holdings.found_files import found_columns
from vo_service.holdings.group import DataSet, Place, place_of
from vo_service.holdings.ids import identifier
from vo_service.holdings.pixel_facts import pixel_keywords, pixel_rules
from vo_service.holdings.records import Product, Repair

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Listing:
    """What the rows of one file need beside its record: its identifier and version, the data set it is in
    (with the row of ``ivoa.obscore``), or what is known of its member set; the file whose pixels it
    repeats; what everybody may know of how its role was found."""

    product_id: str
    version: int
    is_primary: bool = False
    dataset: DataSet | None = None
    obscore: Mapping[str, Any] | None = None
    release: datetime | None = None
    duplicate_of: str | None = None
    evidence: str = ""


def table_of(rows: Sequence[Mapping[str, Any]], table: Table) -> pa.Table:
    """The rows as a table of the stored columns; a key that is no column is an error (KeyError)."""
    schema = table.arrow_schema()
    names = {name for row in rows for name in row}
    columns = {
        name: pa.array([row.get(name) for row in rows], schema.field(name).type)
        if name in schema.names
        else pa.nulls(0)
        for name in names
    }
    return complete(columns, table, len(rows))


def printable(path: str) -> str:
    """A path as it can be published: bytes that are no UTF-8 are written as ``\\xNN``."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def product_row(product: Product, listing: Listing) -> Row:
    """A row of ``holdings.product``."""
    layout, identity, obscore = product.layout, product.identity, listing.obscore
    dataset = listing.dataset
    row: Row = {
        "product_id": listing.product_id,
        "dataset_id": None if dataset is None else dataset.dataset_id,
        "root": product.file.root,
        "path": printable(product.file.path),
        "role": product.role,
        "evidence": listing.evidence or None,
        "_evidence_measured": None if listing.evidence == product.evidence else product.evidence,
        "is_primary": int(listing.is_primary),
        "state": product.state,
        "error_class": product.error_kind,
        "error_message": product.error_message,
        "version": listing.version,
        "media_type": product.media_type,
        "proposal_id": identity.project_code,
        "member_ous_uid": identity.member_ous_uid,
        "target_name": identity.target_name,
        "duplicate_of": listing.duplicate_of,
        "origin": "file",
        "obs_release_date": listing.release,
        "_access_path": f"files/{listing.product_id}",
        **found_columns(product.file),
        "_header_digest": product.header_digest,
        "_sha256": product.sha256,
    }
    if layout is not None:
        row |= {
            "hdu": layout.hdu,
            "data_offset": layout.data_offset,
            "bitpix": layout.bitpix,
            "axes": " ".join(str(length) for length in layout.axes),
        }
    if obscore is not None:
        for name in ("proposal_id", "target_name", "origin", "obs_release_date"):
            row[name] = obscore.get(name)
    return row


def dataset_listing(
    dataset: DataSet, obscore: Mapping[str, Any], ids: Mapping[Place, str], version: int
) -> Row:
    """A row of ``holdings.dataset``."""
    identity = dataset.primary.identity
    return {
        "dataset_id": dataset.dataset_id,
        "obs_publisher_did": obscore["obs_publisher_did"],
        "obs_id": obscore["obs_id"],
        "role": dataset.role,
        "processing": " ".join(identity.processing) or None,
        "member_ous_uid": identity.member_ous_uid,
        "proposal_id": obscore.get("proposal_id"),
        "target_name": obscore.get("target_name"),
        "spectral_windows": " ".join(identity.windows) or None,
        "primary_product_id": ids[place_of(dataset.primary)],
        "parent_dataset_id": dataset.parent,
        "product_count": len(dataset.members),
        "version": version,
        "origin": obscore["origin"],
        "obs_release_date": obscore.get("obs_release_date"),
    }


def window_row(
    dataset: DataSet, obscore: Mapping[str, Any], archive: Mapping[str, Any] | None, authority: str
) -> Row:
    """A row of ``holdings.spectral_window`` for a data set that has a spectral axis, or takes an archive
    row's."""
    coverage = dataset.primary.spectral
    row: Row = {
        "window_id": dataset.dataset_id,
        "obs_publisher_did": did_of(authority, dataset.dataset_id),
        "dataset_id": dataset.dataset_id,
        "archive_row_id": None if archive is None else archive["archive_row_id"],
        "window": " ".join(dataset.primary.identity.windows) or None,
        "sensitivity_native": None if archive is None else archive.get("_noise_native"),
    }
    for name in (
        "member_ous_uid target_name origin specsys em_min em_max em_xel velocity_resolution pol_states "
        "sensitivity_10kms band_list"
    ).split():
        row[name] = obscore.get(name)
    if coverage is not None:
        row |= {
            "f_min": coverage.f_min,
            "f_max": coverage.f_max,
            "f_resolution": coverage.channel_width / 1e3,
        }
    elif archive is not None:
        row |= {"f_min": archive.get("_f_min"), "f_max": archive.get("_f_max")}
    return row


def repair_rows(
    repairs: Iterable[Repair],
    *,
    product_id: str | None = None,
    dataset_id: str | None = None,
    archive_row_id: str | None = None,
    first: int = 0,
    listed: Mapping[str, Any] | None = None,
) -> list[Row]:
    """Rows of ``holdings.repair`` for one file, data set or archive row; it has ``first`` others already.

    What a rule or card tells of the pixels of a file is shown by the origin and release date of ``listed``,
    its row of ``holdings.product``; ValueError without one.
    """
    owner = product_id or dataset_id or archive_row_id or ""
    return [
        {
            "repair_id": identifier(owner, repair.item, repair.rule, str(number)),
            "product_id": product_id,
            "dataset_id": dataset_id,
            "archive_row_id": archive_row_id,
            "item": repair.item,
            "was": None if repair.was is None else printable(repair.was),
            "became": None if repair.became is None else printable(repair.became),
            "rule_id": repair.rule,
            "why": repair.why,
            "confidence": repair.confidence,
            **_claim(repair, listed),
        }
        for number, repair in enumerate(repairs, first)
    ]


def _claim(repair: Repair, listed: Mapping[str, Any] | None) -> Row:
    """What the right to see a repair goes by; nothing where everybody may see it."""
    if repair.rule not in pixel_rules() and repair.item not in pixel_keywords():
        return {}
    if listed is None:
        raise ValueError(f"{repair.rule} of {repair.item} tells of pixels: whose they are must be known")
    return {name: listed[name] for name in ("origin", "obs_release_date")}
