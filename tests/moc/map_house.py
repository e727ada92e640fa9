"""Made holdings with coverage maps: some rows have an outline that pixels told, beside their public one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pyarrow as pa
from made_archive import AUTHORITY, Row, made_rows, publish_made

from hips.mocs.build import build_maps
from hips.mocs.drafts import Source
from hips.mocs.rows import TABLE, parts_of
from tap_schema import published
from vo_service.access import Rights
from vo_service.holdings.finish import finish_rows, footprint_rows
from vo_service.holdings.staged_footprints import regions_of, staged_rows
from vo_service.settings import Settings
from vo_service.store import Catalogue, Snapshots

NOW: Final = datetime(2026, 1, 1, 12, tzinfo=UTC)
OPENING: Final = datetime(2030, 1, 1)
"""When the data of `HIDDEN` are released."""
LATER: Final = datetime(2031, 1, 1, tzinfo=UTC)
SETTINGS: Final = {"authority": AUTHORITY, "maxrec_default": "1000"}


def rows_with_pixels() -> list[Row]:
    """Rows of three projects, two bands, some years. Of each third row the pixels lie beside its public
    footprint; the first half of these are public since 2020, the others will be."""
    rows = made_rows()
    for number, row in enumerate(rows):
        row["proposal_id"] = f"2019.1.0000{number % 3}.S"
        row["band_list"] = ("3", "6", "3 6", None)[number % 4]
        if number % 3 == 1 and row["s_region"] is not None:
            row["_region_measured"] = beside(row["s_region"])
            row["obs_release_date"] = OPENING if number % 2 else datetime(2020, 1, 1)
    return rows


def beside(region: str) -> str:
    """A smaller circle, some degrees off."""
    kind, _, lon, lat, *_ = region.split()
    size = 0.25 if kind == "Circle" else 0.5
    return f"Circle ICRS {(float(lon) + 4.0) % 360.0!r} {float(lat) + 3.0!r} {size}"


def is_hidden(row: Row) -> bool:
    """Whether its pixels are not public yet."""
    return bool(row.get("_region_measured")) and row["obs_release_date"] == OPENING


def region_seen(row: Row, sees_pixels: bool) -> str | None:
    """The footprint of a row as somebody sees it."""
    measured: str | None = row.get("_region_measured")
    found: str | None = measured if measured and sees_pixels else row["s_region"]
    return found


@dataclass(frozen=True)
class MapHouse:
    """A home with made rows."""

    home: Path

    def publish(self, rows: Sequence[Row]) -> None:
        """The first snapshot."""
        self.home.mkdir()
        publish_made(Settings.load(home=self.home, environ={}, overrides=SETTINGS), rows)

    def publish_again(self, rows: Sequence[Row]) -> None:
        """Another snapshot, with these rows in place of all."""
        schema = published()["ivoa.obscore"].arrow_schema()
        columns = {
            name: pa.array([row.get(name) for row in rows], schema.field(name).type)
            for name in schema.names
            if any(name in row for row in rows)
        }
        table = finish_rows(columns, published()["ivoa.obscore"], len(rows))
        hidden = published().hidden
        with self._snapshots() as snapshots, snapshots.writer("test", 10):
            draft = snapshots.draft()
            draft.replace("ivoa.obscore", table)
            draft.replace(
                "_hidden.footprint", footprint_rows(regions_of(table), hidden["_hidden.footprint"], set())
            )
            draft.replace(
                "_hidden.staged_footprint", staged_rows(table, None, hidden["_hidden.staged_footprint"])
            )
            snapshots.publish(draft, snapshots.current())

    def build(self, now: datetime) -> None:
        """Maps of the newest snapshot, as a run at that moment makes them."""
        with self._snapshots() as snapshots, snapshots.lease() as snapshot:
            assert snapshot is not None
            rows = snapshot.count_rows(TABLE)
            source = Source(parts_of(snapshot), snapshot.number, rows, Rights(), now)
            build_maps(self.home, source, "a test", 10.0)

    @contextmanager
    def _snapshots(self) -> Iterator[Snapshots]:
        with (
            closing(Catalogue.open_in(self.home)) as catalogue,
            closing(Snapshots(self.home, catalogue)) as snapshots,
        ):
            yield snapshots
