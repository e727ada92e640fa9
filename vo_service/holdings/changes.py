"""What a run takes out of the tables and what it puts in, applied to a draft: all deletes before all
inserts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from tap_schema import Table
from vo_service.store import Draft, Snapshot

MEASURED = ("holdings.measurement", "holdings.peak_spectrum", "holdings.line_candidate", "holdings.qa2")
"""Tables of what is measured from pixels, each with ``product_id``, ``origin`` and ``obs_release_date``."""


@dataclass(slots=True)
class Removal:
    """Identifiers of what goes, or is made anew: rows of the tables that carry them are deleted."""

    dids: list[str] = field(default_factory=list)
    product_ids: list[str] = field(default_factory=list)
    card_product_ids: list[str] = field(default_factory=list)
    dataset_ids: list[str] = field(default_factory=list)
    archive_row_ids: list[str] = field(default_factory=list)
    member_uids: list[str] = field(default_factory=list)

    def apply(self, draft: Draft) -> None:
        """Delete the rows from the draft."""
        for table, column, names in (
            ("ivoa.obscore", "obs_publisher_did", self.dids),
            ("ivoa.obscore_radio", "obs_publisher_did", self.dids),
            ("holdings.spectral_window", "obs_publisher_did", self.dids),
            ("holdings.dataset", "dataset_id", self.dataset_ids),
            ("holdings.product", "product_id", self.product_ids),
            *((name, "product_id", self.product_ids) for name in MEASURED),
            ("holdings.header_card", "product_id", self.card_product_ids),
            ("holdings.archive_row", "archive_row_id", self.archive_row_ids),
            ("holdings.repair", "product_id", self.product_ids),
            ("holdings.repair", "dataset_id", self.dataset_ids),
            ("holdings.repair", "archive_row_id", self.archive_row_ids),
            ("holdings.observation", "member_ous_uid", self.member_uids),
        ):
            if names:
                draft.change(table, delete=pa.table({column: pa.array(names, pa.string())}))


def insert_tables(draft: Draft, tables: Mapping[str, pa.Table]) -> None:
    """Add rows to the draft, table by table."""
    for name, rows in tables.items():
        if rows.num_rows:
            draft.change(name, insert=rows)


def read_where(
    snapshot: Snapshot | None,
    tables: Mapping[str, Table],
    name: str,
    column: str,
    values: Iterable[str],
    columns: Sequence[str] | None = None,
) -> pa.Table:
    """Rows of a table of the snapshot whose ``column`` is one of ``values``; none before the first
    snapshot.
    """
    wanted = list(values)
    if snapshot is None or not wanted:
        schema = tables[name].arrow_schema()
        names = schema.names if columns is None else columns
        return pa.schema([schema.field(each) for each in names]).empty_table()
    return snapshot.read(name, columns, f"{column} IN (SELECT unnest(?))", [wanted])


def read_texts(snapshot: Snapshot | None, name: str, column: str) -> list[str]:
    """All values of one text column of the snapshot that are not null."""
    if snapshot is None:
        return []
    return [value for value in snapshot.read(name, [column])[column].to_pylist() if value is not None]
