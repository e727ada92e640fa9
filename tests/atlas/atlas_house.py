"""Snapshots of made rows for the tests of families: each data set with a file of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
from atlas_files import RELEASED, bench_at, random_values, write_image
from two_engines import publish

from tap_schema import published
from vo_service.access import Rights
from vo_service.atlas import Families, Looks, Means, families_of
from vo_service.store import Snapshot

Row = dict[str, Any]
NOW = datetime(2026, 6, 1, tzinfo=UTC)
MAP_BYTES = 1 << 30
_DEFAULTS: dict[pa.DataType, Any] = {pa.int64(): 0, pa.int32(): 0, pa.int16(): 0, pa.float64(): 0.0}


@dataclass
class House:
    """Data sets below ``root``, as rows by table."""

    root: Path
    rows: dict[str, list[Row]] = field(default_factory=dict)

    def add(self, table: str, **row: Any) -> None:
        self.rows.setdefault(table, []).append(row)

    def image(self, name: str, *shape: int, role: str = "image", **facts: Any) -> None:
        """An image with its file: ``facts`` of its row, of its file after ``file__``, of its cards after
        ``card__``; released long ago."""
        cards = {
            key.removeprefix("card__"): facts.pop(key) for key in list(facts) if key.startswith("card__")
        }
        of_file = {
            key.removeprefix("file__"): facts.pop(key) for key in list(facts) if key.startswith("file__")
        }
        seed = cards.pop("seed", abs(hash(name)) % 1000)
        path = write_image(self.root / f"{name}.fits", random_values(*(shape or (8, 10)), seed=seed), **cards)
        row = {
            "dataset_id": name,
            "obs_publisher_did": f"ivo://x/obs?{name}",
            "origin": "both",
            "obs_release_date": RELEASED,
            "band_list": "6",
            "obs_collection": "ALMA",
            **facts,
        }
        self.add("ivoa.obscore", **row)
        self.file(path, name, role, {"is_primary": 1, **_rights(row), **of_file})

    def file(self, path: Path, dataset: str, role: str, facts: Row) -> None:
        """A file of a data set."""
        state = path.stat()
        known = {
            "product_id": f"p-{path.stem}",
            "dataset_id": dataset,
            "root": "r",
            "path": path.name,
            "role": role,
            "is_primary": 0,
            "state": "ok",
            "version": 1,
            "media_type": "application/fits",
            "size_bytes": state.st_size,
            "_modified_ns": state.st_mtime_ns,
            "origin": "both",
            "obs_release_date": RELEASED,
        }
        self.add("holdings.product", **{**known, **facts})

    def line(self, name: str, first: int, last: int, lines: str | None, **facts: Any) -> None:
        """A candidate of a cube, channels from 1."""
        number = len(self.rows.get("holdings.line_candidate", ())) + 1
        known = {"f_low": 230.4e9, "f_high": 230.5e9, "redshift": 0.0, "origin": "both"}
        known |= {"obs_release_date": RELEASED, "channel_first": first, "channel_last": last, "lines": lines}
        known |= {
            "candidate_id": f"c{number}",
            "product_id": f"p-{name}",
            "dataset_id": name,
            "hint": "candidate",
            "specsys": "BARYCENT",
        }
        self.add("holdings.line_candidate", **{**known, **facts})

    @contextmanager
    def published(self, home: Path) -> Iterator[Snapshot]:
        """All of it as a snapshot."""
        with publish(home, {name: table_of(name, rows) for name, rows in self.rows.items()}) as snapshot:
            yield snapshot

    def families(
        self, folder: Path, now: datetime = NOW, unlisted_open: bool = False, **means: Any
    ) -> Families:
        """What a build would see at a moment."""
        home = folder / f"home{len(list(folder.iterdir()))}"
        home.mkdir()
        made = Means({"r": self.root}, bench_at(folder), **{"map_bytes": MAP_BYTES, **means})
        with self.published(home) as snapshot:
            looks = Looks(folder / "looks.json")
            found = families_of(snapshot, made, looks, Rights(unlisted_open), now, lambda done, total: None)
            looks.save()
        return found


def _taken(facts: Row, start: str) -> Row:
    """Those whose names begin so, without that, taken away."""
    return {key.removeprefix(start): facts.pop(key) for key in list(facts) if key.startswith(start)}


def _rights(row: Row) -> Row:
    return {key: row[key] for key in ("origin", "obs_release_date")}


def table_of(name: str, rows: Sequence[Row]) -> pa.Table:
    """Rows with all columns of a stored table; what must be there and is not given is nothing much."""
    schema = published().storage[name].arrow_schema()
    columns = {}
    for each in schema:
        default = None if each.nullable else _DEFAULTS.get(each.type, "x")
        columns[each.name] = pa.array([row.get(each.name, default) for row in rows], each.type)
    return pa.table(columns, schema=schema)


def members(found: Families) -> dict[str, list[str]]:
    """The data sets in each tree."""
    return {family.name: [field.name for field in family.fields] for family in found.families}
