"""Where else snapshots are kept: for an engine that does not read their files."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from vo_service.store.snapshot import Snapshot


class Mirror(Protocol):
    """A copy of the snapshots elsewhere, which is ready before readers are sent to a snapshot."""

    def load(self, snapshot: Snapshot) -> None:
        """Copy a snapshot that is about to be published. Raises StoreError; then it is not published."""
        ...

    def keep(self, snapshots: Collection[Snapshot]) -> None:
        """Drop all copies but those of these snapshots, as far as that can be done now."""
        ...
