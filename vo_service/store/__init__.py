"""What lasts: numbered immutable snapshots, and the catalogue database that points at the current one."""

from vo_service.store.ahead import Ahead
from vo_service.store.catalogue import Catalogue, RootPlace
from vo_service.store.draft import Draft
from vo_service.store.errors import (
    CatalogueError,
    DiskFull,
    DuplicateKey,
    SnapshotConflict,
    StoreError,
    WriterBusy,
)
from vo_service.store.mirror import Mirror
from vo_service.store.runs import RunEntry, RunLog
from vo_service.store.snapshot import Snapshot
from vo_service.store.snapshots import Snapshots
from vo_service.store.table_draft import Policy

__all__ = [
    "Ahead",
    "Catalogue",
    "CatalogueError",
    "DiskFull",
    "Draft",
    "DuplicateKey",
    "Mirror",
    "Policy",
    "RootPlace",
    "RunEntry",
    "RunLog",
    "Snapshot",
    "SnapshotConflict",
    "Snapshots",
    "StoreError",
    "WriterBusy",
]
