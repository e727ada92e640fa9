"""A home directory with what runs need, opened for the tests of ingest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tap_schema import published
from vo_service.holdings.harvest import harvest
from vo_service.holdings.harvest_sources import open_file
from vo_service.holdings.ingest import ingest
from vo_service.holdings.manifest import ManifestEntry
from vo_service.holdings.measurement import PixelLimits
from vo_service.holdings.reports import HarvestReport, IngestReport, Progress, silent
from vo_service.store import Catalogue, Snapshot, Snapshots


@dataclass
class Home:
    """A home directory with what runs need."""

    path: Path
    catalogue: Catalogue
    snapshots: Snapshots

    def ingest(
        self,
        *paths: Path | str,
        root_name: str | None = None,
        retry: Sequence[str] = (),
        withdraw: Sequence[str] = (),
        entries: Sequence[ManifestEntry] = (),
        pixels: PixelLimits | None = None,
        progress: Progress = silent,
        workers: int = 0,
    ) -> IngestReport:
        return ingest(
            paths,
            home=self.path,
            snapshots=self.snapshots,
            catalogue=self.catalogue,
            published=published(),
            authority="example.test",
            root_name=root_name,
            retry=retry,
            withdraw=withdraw,
            entries=entries,
            workers=workers,
            pixels=pixels,
            progress=progress,
        )

    def harvest(self, path: Path) -> HarvestReport:
        return harvest(
            open_file(path),
            home=self.path,
            snapshots=self.snapshots,
            catalogue=self.catalogue,
            published=published(),
            authority="example.test",
        )

    @property
    def snapshot(self) -> Snapshot:
        found = self.snapshots.current()
        assert found is not None
        return found

    def rows(self, table: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self.snapshot.read(table).to_pylist()
        return rows

    def ids(self) -> dict[str, tuple[str, str | None]]:
        return {row["path"]: (row["product_id"], row["dataset_id"]) for row in self.rows("holdings.product")}


def open_home(path: Path) -> Home:
    path.mkdir(parents=True, exist_ok=True)
    catalogue = Catalogue.open_in(path)
    return Home(path, catalogue, Snapshots(path, catalogue))


def described(home: Home) -> dict[str, dict[str, Any]]:
    """The products of a home by their paths."""
    return {row["path"]: row for row in home.rows("holdings.product")}
