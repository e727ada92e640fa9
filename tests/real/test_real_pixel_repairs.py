"""What only the pixels of real products tell of their headers: blanks that are numbers, copies at odds."""

from __future__ import annotations

import shutil
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits

from tap_schema import published
from vo_service.holdings.ingest import ingest
from vo_service.holdings.measurement import PixelLimits
from vo_service.store import Catalogue, Snapshots

BLANKED = (
    "NGC4310.fwhm.fits", "NGC4310.gausspk.fits", "NGC4310.vcen.fits", "NGC4451.gausspk.fits",
    "NGC4451.vcen.fits", "NGC4701.cgrad.vcen.fits", "NGC4701.efwhm.fits", "NGC4701.gausspk.fits",
)  # fmt: skip
STEM = "101899_cont_7MTM2TM1_jointdeconv.image.pbcor"
TWINS = (f"{STEM}.fits", f"{STEM}.tanlabel.fits")


@pytest.fixture(scope="module")
def tables(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[dict[str, Any]]]:
    base = tmp_path_factory.mktemp("pixels")
    for name in ("tree", "home"):
        (base / name).mkdir()
    for name in (*BLANKED, *TWINS):
        shutil.copy(real_data / "fits" / name, base / "tree" / name)
    catalogue = Catalogue.open_in(base / "home")
    snapshots = Snapshots(base / "home", catalogue, published())
    try:
        ingest(
            [base / "tree"],
            home=base / "home",
            snapshots=snapshots,
            catalogue=catalogue,
            published=published(),
            authority="example.test",
            pixels=PixelLimits(),
            workers=0,
        )
        snapshot = snapshots.current()
        assert snapshot is not None
        names = ("holdings.product", "holdings.measurement", "holdings.repair")
        return {name: snapshot.read(name).to_pylist() for name in names}
    finally:
        snapshots.close()
        catalogue.close()


@pytest.mark.data
def test_numbers_that_stand_for_none_are_masked(tables: dict[str, Any], real_data: Path) -> None:
    paths = {row["product_id"]: row["path"] for row in tables["holdings.product"]}
    told = {paths[row["product_id"]] for row in tables["holdings.repair"] if row["rule_id"] == "PIX-BLANK"}
    assert told == set(BLANKED)
    for row in tables["holdings.measurement"]:
        name = paths[row["product_id"]]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            data = fits.getdata(real_data / "fits" / name)
        valid = np.isfinite(data) & (data != -999.0)
        assert row["valid_fraction"] == pytest.approx(valid.mean(), rel=1e-12), name
        assert row["peak"] == pytest.approx(float(data[valid].max())), name


@pytest.mark.data
def test_the_copy_with_another_projection_is_told(tables: dict[str, Any]) -> None:
    products = {row["path"]: row for row in tables["holdings.product"]}
    [duplicate] = [name for name in TWINS if products[name]["duplicate_of"]]
    [row] = [row for row in tables["holdings.repair"] if row["rule_id"] == "SKY-TWIN"]
    [original] = set(TWINS) - {duplicate}
    assert (row["product_id"], row["item"]) == (products[duplicate]["product_id"], "CTYPE1")
    assert original in row["why"] and "TAN" in row["why"] and "SIN" in row["why"]
