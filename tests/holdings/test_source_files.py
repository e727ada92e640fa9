"""From file to row: images of every packing, in any extension, of any name; and files that change, that are
no gzip, or that have a history."""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from ingest_homes import Home, open_home
from product_files import write_product

from vo_service.holdings import contents
from vo_service.holdings.contents import Describer
from vo_service.holdings.records import FoundFile, Product
from vo_service.store import RootPlace


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    opened = open_home(tmp_path / "home")
    yield opened
    opened.snapshots.close()
    opened.catalogue.close()


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "tree").mkdir()
    return tmp_path / "tree"


def described(home: Home) -> dict[str, dict[str, Any]]:
    return {row["path"]: row for row in home.rows("holdings.product")}


def header_of_product(path: Path) -> fits.Header:
    write_product(path, (1, 3, 40, 50))
    header = fits.getheader(path)
    path.unlink()
    return header


def repacked(kind: str, top: Path) -> Path:
    """The same cube in another form."""
    header = header_of_product(top / "plain.fits")
    data = np.arange(3 * 40 * 50, dtype=np.float32).reshape(1, 3, 40, 50)
    path = top / ("0b1c2d" if kind == "nameless" else f"cube.{kind}")
    if kind in ("extension", "late extension"):
        extra = [fits.ImageHDU(np.ones((4, 4), np.float32), name="MASK")] if kind == "late extension" else []
        hdus = [fits.PrimaryHDU(), *extra, fits.ImageHDU(data, header, name="CUBE")]
        fits.HDUList(hdus).writeto(path)
    elif kind == "tiles":
        compressed = fits.CompImageHDU(data, header, compression_type="GZIP_2", tile_shape=(1, 1, 10, 50))
        fits.HDUList([fits.PrimaryHDU(), compressed]).writeto(path)
    else:
        fits.PrimaryHDU(data, header).writeto(path)
    if kind == "packed":
        path.write_bytes(gzip.compress(path.read_bytes()))
    return path


@pytest.mark.parametrize("kind", ["fits", "packed", "tiles", "extension", "late extension", "nameless"])
def test_an_image_is_found_and_becomes_a_row_however_it_is_packed(home: Home, tree: Path, kind: str) -> None:
    path = repacked(kind, tree)
    report = home.ingest(tree)
    assert (report.ok, report.failed, report.rows) == (1, 0, 1)
    row = described(home)[path.name]
    assert (row["role"], row["axes"], row["state"]) == ("cube", "50 40 3 1", "ok")
    assert row["hdu"] == {"tiles": 1, "extension": 1, "late extension": 2}.get(kind, 0)
    obscore = home.rows("ivoa.obscore")[0]
    assert obscore["target_name"] == "M83"
    assert obscore["s_xel1"] == 50 and obscore["em_xel"] == 3


def test_a_gz_that_is_none_is_an_error_of_that_file_alone(home: Home, tree: Path) -> None:
    write_product(tree / "good.fits")
    (tree / "text.fits.gz").write_text("no gzip\n")
    (tree / "plain.fits.gz").write_bytes((tree / "good.fits").read_bytes())
    (tree / "cut.fits.gz").write_bytes(gzip.compress((tree / "good.fits").read_bytes())[:200])
    report = home.ingest(tree)
    assert (report.ok, report.failed) == (1, 3)
    classes = {path: row["error_class"] for path, row in described(home).items()}
    assert classes == {
        "good.fits": None,
        "text.fits.gz": "not_gzip",
        "plain.fits.gz": "not_gzip",
        "cut.fits.gz": "truncated",
    }


def test_thousands_of_history_cards_are_read_over(home: Home, tree: Path) -> None:
    path = tree / "long.fits"
    write_product(path)
    with fits.open(path, mode="update") as opened:
        for number in range(5000):
            opened[0].header.add_history(f"task {number}: clean(vis='x.ms', imagename='y')")
    report = home.ingest(tree)
    assert (report.ok, report.failed) == (1, 0)
    assert described(home)["long.fits"]["data_offset"] > 400_000
    assert not any(card["keyword"] in ("HISTORY", "COMMENT") for card in home.rows("holdings.header_card"))


def test_a_file_that_changes_while_it_is_read_is_an_error_and_read_at_the_next_run(
    home: Home, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_product(tree / "still.fits")
    write_product(tree / "moving.fits")
    describe = contents.describe_product

    def grown_meanwhile(found: FoundFile, root: RootPlace) -> Product:
        product = describe(found, root)
        if found.path == "moving.fits":
            with (tree / "moving.fits").open("ab") as file:
                file.write(bytes(2880))
        return product

    monkeypatch.setattr(contents, "describe_product", grown_meanwhile)
    report = home.ingest(tree)
    assert (report.ok, report.failed) == (1, 1)
    row = described(home)["moving.fits"]
    assert (row["error_class"], row["_sha256"]) == ("changed", None)
    assert "changed while it was read" in row["error_message"]
    monkeypatch.undo()
    report = home.ingest(tree)
    assert (report.ok, report.skipped, report.failed) == (1, 1, 0)
    assert described(home)["moving.fits"]["state"] == "ok"


def test_a_file_in_another_state_than_it_was_found_in_is_changed_whatever_else_it_is(tree: Path) -> None:
    found = write_product(tree / "x.fits")
    os.truncate(tree / "x.fits", 6000)
    product = Describer()(found, tree)
    assert product.error_kind == "changed"
    (tree / "x.fits").unlink()
    assert Describer()(found, tree).error_kind == "changed"
