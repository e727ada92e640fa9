"""Holdings with data of every kind of right, in an application whose clock can be turned, asked by three
people: one without a token, bob whose token opens nothing, and ann who may read all.
"""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest.mock import patch

import httpx
import numpy as np
import pyarrow as pa
from asked_in_process import Asked, give_token, running
from astropy.io import fits
from product_files import write_product

from tap_schema import published
from vo_service.holdings.ingest import ingest
from vo_service.holdings.measurement import PixelLimits
from vo_service.products.derived import Derived
from vo_service.products.shelf import Shelf
from vo_service.store import Catalogue, Snapshots

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
RELEASED, EMBARGOED = datetime(2020, 1, 1), datetime(2031, 5, 1)
AFTER = datetime(2031, 5, 1, 0, 0, 0, tzinfo=UTC)
SHAPE = (1, 16, 48, 48)

_STEM = "member.uid___A001_X1_X2._M83__sci"
_FILES = {
    "open": "{}.spw15.cube.I.pbcor.fits",
    "closed": "{}.spw17.cube.I.pbcor.fits",
    "closed-pb": "{}.spw17.cube.I.pb.fits",
    "public": "{}.spw19.cube.I.pbcor.fits",
    "public-pb": "{}.spw19.cube.I.pb.fits",
    "masked": "{}.spw21.cube.I.pbcor.fits",
    "masked-mask": "{}.spw21.cube.I.mask.fits",
    "undated": "{}.spw23.cube.I.pbcor.fits",
    "packed": "{}.spw25.cube.I.pbcor.fits.gz",
    "tiled": "{}.spw27.cube.I.pbcor.fits.fz",
    "unlisted": "NGC253.cube.image.fits",
}
"""What is held, by the names that these tests have for it."""
_TAR, _WITHIN = "delivery.tar", "{}.spw29.cube.I.pbcor.fits"
_RIGHTS: Mapping[str, tuple[str, datetime | None]] = {
    "open": ("both", RELEASED),
    "closed": ("both", EMBARGOED),
    "closed-pb": ("both", EMBARGOED),
    "public": ("both", RELEASED),
    "public-pb": ("both", EMBARGOED),
    "masked": ("both", EMBARGOED),
    "masked-mask": ("both", RELEASED),
    "undated": ("archive", None),
    "packed": ("both", EMBARGOED),
    "tiled": ("both", EMBARGOED),
    "unlisted": ("file", None),
    "tar": ("both", RELEASED),
    "within": ("both", EMBARGOED),
}


@dataclass(kw_only=True)
class House(Asked):
    """``products`` and ``data_sets``: identifiers by the names above. ``touched``: what was opened, looked up
    or read of files and results since it was emptied."""

    products: Mapping[str, str]
    data_sets: Mapping[str, str]
    now: datetime = NOW
    touched: list[str] = field(default_factory=list)


@contextmanager
def open_house(place: Path, **overrides: str) -> Iterator[House]:
    """The holdings, made below a directory where they are not there yet, and an application on them."""
    home = place / "home"
    if not home.exists():
        _make_holdings(place / "tree", home)
    products, data_sets = _names(home)
    tokens = {"ann": give_token(home, "ann", NOW, "read:all"), "bob": give_token(home, "bob", NOW)}
    house = House(tokens=tokens, products=products, data_sets=data_sets)
    with ExitStack() as closing:
        for owner, names in ((Shelf, ("open", "open_source", "rows")), (Derived, ("find", "get"))):
            for name in names:
                closing.enter_context(_watched(owner, name, house.touched))
        closing.enter_context(running(house, home, **overrides))
        house.app.state.service.jobs.start()
        yield house


def _watched(owner: type, name: str, touched: list[str]) -> Any:
    original = getattr(owner, name)

    def noted(self: Any, *arguments: Any, **more: Any) -> Any:
        touched.append(f"{owner.__name__}.{name}")
        return original(self, *arguments, **more)

    return patch.object(owner, name, noted)


def _make_holdings(tree: Path, home: Path) -> None:
    for seed, (name, pattern) in enumerate(_FILES.items()):
        _write(tree / pattern.format(_STEM), name, seed)
    with tarfile.open(tree / _TAR, "w") as tar:
        inside = tree.with_name("inside.fits")
        _write(inside, "within", 99)
        tar.add(inside, _WITHIN.format(_STEM))
    home.mkdir()
    catalogue = Catalogue.open_in(home)
    snapshots = Snapshots(home, catalogue)
    ingest(
        [tree],
        home=home,
        snapshots=snapshots,
        catalogue=catalogue,
        published=published(),
        authority="example.test",
        workers=0,
        pixels=PixelLimits(),
    )
    _give_rights(snapshots)
    snapshots.close()
    catalogue.close()


def _write(path: Path, name: str, seed: int) -> None:
    """A cube of noise with a line in the middle; of a primary beam or a mask what that looks like."""
    values = np.random.default_rng(seed).normal(size=SHAPE).astype(np.float32)
    values[0, 6:10, 18:30, 18:30] += 25.0
    cards: dict[str, object] = {"RESTFRQ": 2.30e11, "SPECSYS": "BARYCENT", "CRVAL3": 2.3e11 + 1e8 * seed}
    if name.endswith(("-pb", "-mask")):
        cards |= {"CRVAL3": 2.3e11 + 1e8 * (seed - 1), "BUNIT": ""}
        values = (np.abs(values) > 1.0).astype(np.float32) if name.endswith("-mask") else 1.0 - 0.01 * values
    plain = path.with_name("plain.fits")
    write_product(plain, SHAPE, **cards)
    with fits.open(plain, mode="update") as file:
        file[0].data[:] = values
        image = fits.CompImageHDU(file[0].data, file[0].header, compression_type="GZIP_2", quantize_level=0.0)
        if path.suffix == ".fz":
            fits.HDUList([fits.PrimaryHDU(), image]).writeto(path)
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(plain.read_bytes(), 6, mtime=0))
    elif path.suffix != ".fz":
        path.write_bytes(plain.read_bytes())
    plain.unlink()


def _give_rights(snapshots: Snapshots) -> None:
    """Every row gets the rights that the archive would have given it."""
    with snapshots.writer("test", 10):
        draft = snapshots.draft()
        rights = {
            row["product_id"]: _RIGHTS[_own_name(row["path"])]
            for row in draft.read("holdings.product").to_pylist()
        }
        for name, table in published().items():
            columns = set(table.arrow_schema().names)
            if not {"product_id", "obs_release_date", "origin"} <= columns:
                continue
            rows = draft.read(name)
            given = [rights[one] for one in rows["product_id"].to_pylist()]
            for number, column in enumerate(("origin", "obs_release_date")):
                place = rows.schema.get_field_index(column)
                kind = rows.schema.field(place)
                rows = rows.set_column(place, kind, pa.array([each[number] for each in given], kind.type))
            draft.replace(name, rows)
        snapshots.publish(draft, snapshots.current())


def _own_name(path: str) -> str:
    """What these tests call a file."""
    if path.startswith(f"{_TAR}/") or f"/{_TAR}/" in path:
        return "within"
    if path.endswith(_TAR):
        return "tar"
    return next(name for name, pattern in _FILES.items() if path.endswith(pattern.format(_STEM)))


def _names(home: Path) -> tuple[dict[str, str], dict[str, str]]:
    catalogue = Catalogue.open_in(home)
    snapshots = Snapshots(home, catalogue)
    snapshot = snapshots.current()
    assert snapshot is not None
    rows = snapshot.read("holdings.product").to_pylist()
    snapshots.close()
    catalogue.close()
    named = {_own_name(row["path"]): row for row in rows}
    products = {name: row["product_id"] for name, row in named.items()}
    primary = {name: row for name, row in named.items() if row["is_primary"] == 1}
    return products, {name: row["dataset_id"] for name, row in primary.items()}


def image_of(answer: httpx.Response) -> Any:
    """The pixels of an answer that is a FITS file."""
    with fits.open(io.BytesIO(answer.content)) as file:
        return next(hdu.data for hdu in file if hdu.data is not None)
