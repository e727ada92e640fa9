"""Holdings of two roots with the same paths in them: cubes with a companion, tars and what is in them, odd
names, files that are closed by the clock, withdrawn ones; and an application on them whose clock can be
turned."""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
from asked_in_process import Asked, give_token, running
from product_files import write_product

from tap_schema import published
from vo_service.holdings.ingest import ingest
from vo_service.products.stored import StoredFile
from vo_service.store import Catalogue, Snapshots

AUTHORITY = "example.test"
UID = "uid://A001/X1/X2"
NOW, AFTER = datetime(2026, 3, 1, 12, tzinfo=UTC), datetime(2931, 5, 1, tzinfo=UTC)
RELEASED, EMBARGOED = datetime(2020, 1, 1), datetime(2931, 5, 1)
STEM = "2015.1.00001.S/member.uid___A001_X1_X2._M83__sci"
ODD = "2015.1.00001.S/member.uid___A001_X1_X2.odd $(touch pwned) `id` ü'\"\\s;&.txt"
WITHDRAWN = (
    {"product_id": "moved-away", "version": 2, "successor": "elsewhere-now", "reason": "moved"},
    {"product_id": "gone-for-good", "version": 3, "successor": None, "reason": "gone"},
)


@dataclass(kw_only=True)
class House(Asked):
    """``trees``: the folder of the roots."""

    home: Path
    trees: Path
    now: datetime = NOW

    @property
    def service(self) -> Any:
        return self.app.state.service

    def rows(self) -> dict[str, dict[str, Any]]:
        """Rows of ``holdings.product`` by root and path."""
        with (
            closing(Catalogue.open_in(self.home)) as catalogue,
            closing(Snapshots(self.home, catalogue)) as all_,
        ):
            snapshot = all_.current()
            assert snapshot is not None
            rows = snapshot.read("holdings.product").to_pylist()
        return {f"{row['root']}/{row['path']}": row for row in rows}

    def product(self, place: str) -> str:
        """The name of the file at ``root/path``."""
        return str(self.rows()[place]["product_id"])

    def file(self, place: str) -> StoredFile:
        return self.service.shelf.find(self.product(place), None, "http://t")


def bytes_of(seed: str, size: int) -> bytes:
    """Reproducible bytes of a file."""
    return (hashlib.sha256(seed.encode()).digest() * (size // 32 + 1))[:size]


def make_trees(place: Path) -> None:
    for number, root in enumerate(("alpha", "beta")):
        for window, kind in ((15, "pbcor"), (15, "pb"), (17, "pbcor")):
            path = place / root / f"{STEM}.spw{window}.cube.I.{kind}.fits"
            cards = {"CRVAL3": 2.3e11 + 1e9 * window, "OBSERVER": root}
            write_product(path, (1, 4 + number, 32, 32), **(cards | ({"BUNIT": ""} if kind == "pb" else {})))
    alpha = place / "alpha"
    (alpha / ODD).write_bytes(bytes_of("odd", 5000))
    (alpha / "2015.1.00001.S" / "empty.txt").write_bytes(b"")
    write_product(alpha / "NGC253.cube.image.fits", (1, 4, 32, 32), OBJECT="NGC253")
    (alpha / "large.txt").write_bytes(bytes_of("large", 5_000_001))
    for name in ("delivery.tar", "delivery.tgz"):
        with tarfile.open(alpha / name, "w:gz" if name.endswith("gz") else "w") as tar:
            for inside, size in (("z first.txt", 3000), ("b/second.txt", 700_000), ("a third.txt", 10)):
                info = tarfile.TarInfo(inside)
                info.size = size
                tar.addfile(info, io.BytesIO(bytes_of(name + inside, size)))


def make_home(home: Path, trees: Path) -> None:
    home.mkdir()
    with closing(Catalogue.open_in(home)) as catalogue, closing(Snapshots(home, catalogue)) as snapshots:
        for root in ("alpha", "beta"):
            ingest(
                [trees / root], home=home, snapshots=snapshots, catalogue=catalogue, published=published(),
                authority=AUTHORITY, workers=0,
            )  # fmt: skip
        with snapshots.writer("test", 10):
            draft = snapshots.draft()
            rows = draft.read("holdings.product").to_pylist()
            for row in rows:
                is_closed = ".spw17." in row["path"] or row["path"].endswith("a third.txt")
                row |= {"origin": "both", "obs_release_date": EMBARGOED if is_closed else RELEASED}
                if row["path"].endswith(("large.txt", "second.txt", "spw15.cube.I.pb.fits")):
                    row["_sha256"] = None  # as of larger files
            schema = published()["holdings.product"].arrow_schema()
            draft.replace("holdings.product", pa.Table.from_pylist(rows, schema=schema))
            stones = published()["holdings.tombstone"].arrow_schema()
            told = {"withdrawn": datetime(2026, 2, 3), "root": "alpha"}
            made = [{**told, "path": f"{row['product_id']}.fits", **row} for row in WITHDRAWN]
            found = [{name: row.get(name) for name in stones.names} for row in made]
            draft.change("holdings.tombstone", insert=pa.Table.from_pylist(found, stones))
            snapshots.publish(draft, snapshots.current())


@contextmanager
def open_house(place: Path, **overrides: str) -> Iterator[House]:
    """These holdings, made below a directory where they are not there yet, and the application on them."""
    house = House(home=place / "home", trees=place / "trees")
    if not house.home.exists():
        make_trees(house.trees)
        make_home(house.home, house.trees)
        house.tokens = {
            "ann": give_token(house.home, "ann", NOW, "read:all"),
            "bob": give_token(house.home, "bob", NOW),
        }
    with running(house, house.home, **overrides):
        yield house
