"""Files with several images: one is the product, and every other one is told, however the file is packed."""

from __future__ import annotations

import gzip
import tarfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from ingest_homes import Home, open_home
from product_files import write_product

from vo_service.holdings.repaired_columns import columns_of
from vo_service.holdings.rules import RULES

NAMES = ("ERR", "SCI", "", "DQ")


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    opened = open_home(tmp_path / "home")
    yield opened
    opened.snapshots.close()
    opened.catalogue.close()


@pytest.fixture
def several(tmp_path: Path) -> Path:
    """A primary header without pixels, four images and a table."""
    write_product(tmp_path / "one.fits", OBJECT="M83")
    with fits.open(tmp_path / "one.fits") as hdus:
        pixels, header = hdus[0].data, hdus[0].header
    images = [fits.ImageHDU(np.ones((n, 4), np.float32), name=name) for n, name in enumerate(NAMES, 2)]
    images[1] = fits.ImageHDU(pixels, header, name="SCI")
    table = fits.BinTableHDU.from_columns([fits.Column("A", "E", array=np.ones(3))])
    path = tmp_path / "several.fits"
    fits.HDUList([fits.PrimaryHDU(), *images, table]).writeto(path)
    (tmp_path / "one.fits").unlink()
    return path


@pytest.mark.parametrize("form", ["plain", "gz", "tar", "tgz"])
def test_images_that_are_left_out_are_on_record_with_name_and_axes(
    home: Home, several: Path, tmp_path: Path, form: str
) -> None:
    tree = tmp_path / "tree"
    tree.mkdir()
    if form == "plain":
        several.rename(tree / several.name)
    elif form == "gz":
        (tree / "several.fits.gz").write_bytes(gzip.compress(several.read_bytes()))
    else:
        with tarfile.open(tree / f"x.{form}", "w:gz" if form == "tgz" else "w") as tar:
            tar.add(several, "several.fits")
    assert home.ingest(tree).failed == 0
    [product] = [row for row in home.rows("holdings.product") if "several" in row["path"]]
    assert (product["hdu"], product["axes"], product["role"]) == (2, "64 64 10 1", "cube")
    [row] = [row for row in home.rows("holdings.repair") if row["rule_id"] == "FILE-MORE-IMAGES"]
    left_out = "1 ERR (4 x 2); 3 without EXTNAME (4 x 4); 4 DQ (4 x 5)"
    assert row["product_id"] == product["product_id"]
    assert row["was"] == f"2 SCI (64 x 64 x 10 x 1); {left_out}"
    assert (row["became"], row["confidence"]) == ("2 SCI (64 x 64 x 10 x 1)", 1.0)
    assert product["evidence"].endswith(f"images left out: {left_out}")
    assert row["rule_id"] in RULES and columns_of(row["item"]) == ()


def test_a_file_of_one_image_has_no_such_row(home: Home, tmp_path: Path) -> None:
    write_product(tmp_path / "tree" / "one.fits")
    with fits.open(tmp_path / "tree" / "one.fits", mode="append") as hdus:
        hdus.append(fits.BinTableHDU.from_columns([fits.Column("A", "E", array=np.ones(3))]))
    home.ingest(tmp_path / "tree")
    assert not any(row["rule_id"] == "FILE-MORE-IMAGES" for row in home.rows("holdings.repair"))
    assert "left out" not in home.rows("holdings.product")[0]["evidence"]


def test_of_very_many_images_the_first_are_named(home: Home, tmp_path: Path) -> None:
    write_product(tmp_path / "tree" / "one.fits")
    with fits.open(tmp_path / "tree" / "one.fits", mode="append") as hdus:
        for number in range(30):
            hdus.append(fits.ImageHDU(np.ones((2, 3), np.float32), name=f"N{number}"))
    home.ingest(tmp_path / "tree")
    [row] = [row for row in home.rows("holdings.repair") if row["rule_id"] == "FILE-MORE-IMAGES"]
    assert row["became"].startswith("0 PRIMARY (")
    assert "20 N19 (3 x 2); and 10 more" in row["was"] and "N20" not in row["was"]
