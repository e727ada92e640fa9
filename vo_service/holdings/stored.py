"""The files of the current snapshot as the next one needs them: their records, identifiers and versions, and
what is known of their pixels.
"""

from __future__ import annotations

from collections.abc import Sequence

from vo_service.holdings.assemble import FileEntry
from vo_service.holdings.changes import read_where
from vo_service.holdings.found_files import FOUND_COLUMNS, found_file
from vo_service.holdings.group import Place
from vo_service.holdings.measured_tables import with_measurements
from vo_service.holdings.record_store import load_records
from vo_service.store import Catalogue, Snapshot, StoreError

LISTED = [*FOUND_COLUMNS, "product_id", "dataset_id", "is_primary", "version"]


def read_entries(
    snapshot: Snapshot | None, catalogue: Catalogue, uids: Sequence[str]
) -> tuple[list[FileEntry], dict[Place, str], list[str]]:
    """Files of some member sets; the data sets they are primary of; the identifiers of all other data sets.

    Raises StoreError where the record of a file is lost.
    """
    if snapshot is None or not uids:
        return [], {}, []
    rows = read_where(
        snapshot, snapshot.tables, "holdings.product", "member_ous_uid", uids, LISTED
    ).to_pylist()
    files = [found_file(row) for row in rows]
    records = load_records(catalogue, files)
    lost = [file for file in files if file not in records]
    if lost:
        raise StoreError(
            f"the catalogue has no record of {lost[0].path} and {len(lost) - 1} other files; "
            "run `vo-service ingest` on their root first"
        )
    entries = [
        FileEntry(records[file], row["product_id"], row["version"], fresh=False)
        for file, row in zip(files, rows)
    ]
    kept = {
        (row["root"], row["path"]): row["dataset_id"]
        for row in rows
        if row["is_primary"] and row["dataset_id"] is not None
    }
    mine = set(kept.values())
    every = snapshot.read("holdings.dataset", ["dataset_id"])["dataset_id"].to_pylist()
    return with_measurements(entries, catalogue), kept, [name for name in every if name not in mine]
