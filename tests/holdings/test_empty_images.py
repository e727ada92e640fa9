"""Images without a number in them, and those whose blanks are numbers: told, and not tried again."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from ingest_homes import Home, open_home
from pixel_products import SHAPE, write_cube, write_values

from vo_service.holdings.measurement import PixelLimits

LIMITS = PixelLimits()


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    opened = open_home(tmp_path / "home")
    yield opened
    opened.snapshots.close()
    opened.catalogue.close()


def by_path(home: Home, table: str = "holdings.measurement") -> dict[str, dict[str, Any]]:
    paths = {row["product_id"]: row["path"] for row in home.rows("holdings.product")}
    return {paths[row["product_id"]]: row for row in home.rows(table)}


def write_blanks(path: Path, *, everywhere: bool = False) -> np.ndarray:
    """A cube in which -999 stands for no value, with the BLANK card that says so."""
    write_cube(path)
    with fits.open(path, mode="update", output_verify="ignore") as hdus:
        values = hdus[0].data
        values[np.isnan(values)] = -999.0
        values[..., 40:, :] = -999.0
        if everywhere:
            values[:] = -999.0
        hdus[0].header["BLANK"] = -999
        return np.array(values, np.float32)


def test_an_empty_image_has_failed_with_a_reason_and_keeps_its_row(home: Home, tmp_path: Path) -> None:
    top = tmp_path / "tree"
    write_cube(top / "good_sci.cube.fits")
    write_values(top / "empty_sci.cube.fits", np.full(SHAPE, np.nan, np.float32))
    report = home.ingest(top, pixels=LIMITS)
    assert (report.ok, report.failed) == (2, 0)
    assert report.pixels is not None
    assert (report.pixels.ok, report.pixels.failed) == (1, 1)
    assert report.exit_code != 0
    [entry] = report.pixels.failures
    assert (entry.path, entry.error_class) == ("empty_sci.cube.fits", "no_valid_pixels")
    row = by_path(home)["empty_sci.cube.fits"]
    assert (row["state"], row["error_class"]) == ("failed", "no_valid_pixels")
    assert row["error_message"] == f"empty_sci.cube.fits: none of its {np.prod(SHAPE)} pixels is a number"
    stored = np.full(SHAPE, np.nan, ">f4").tobytes()
    assert row["content_hash"] == hashlib.sha256(stored).hexdigest()
    assert (row["valid_fraction"], row["valid_area"], row["rms"], row["peak"]) == (0.0, 0.0, None, None)
    product = by_path(home, "holdings.product")["empty_sci.cube.fits"]
    assert (product["state"], product["error_class"], product["role"]) == ("ok", None, "cube")
    assert home.snapshot.count_rows("ivoa.obscore") == 2


def test_it_is_not_tried_again_unless_it_is_asked_for(home: Home, tmp_path: Path) -> None:
    top = tmp_path / "tree"
    write_values(top / "empty_sci.cube.fits", np.full(SHAPE, np.nan, np.float32))
    home.ingest(top, pixels=LIMITS)
    shown = home.snapshot.number
    again = home.ingest(top, pixels=LIMITS)
    assert again.pixels is not None
    assert (again.pixels.run_id, again.pixels.failed, again.pixels.broken) == (None, 0, 1)
    assert home.snapshot.number == shown
    asked = home.ingest(top, pixels=LIMITS, retry=["no_valid_pixels"])
    assert asked.pixels is not None and (asked.pixels.failed, asked.pixels.broken) == (1, 0)
    shutil.copy(top / "empty_sci.cube.fits", top / "copied_sci.cube.fits")
    home.ingest(top, pixels=LIMITS)
    rows = by_path(home)
    assert {row["error_class"] for row in rows.values()} == {"no_valid_pixels"} and len(rows) == 2
    for path, row in rows.items():  # each names itself, never the file that had the same bytes before
        assert row["error_message"].startswith(f"{path}: ")
    logged = [row for row in home.rows("holdings.run_product") if row["path"] == "copied_sci.cube.fits"]
    assert [row["error_class"] for row in logged if row["state"] == "failed"] == ["no_valid_pixels"]
    assert all(row["duplicate_of"] is None for row in home.rows("holdings.product"))
    write_cube(top / "empty_sci.cube.fits")
    home.ingest(top, pixels=LIMITS)
    assert by_path(home)["empty_sci.cube.fits"]["state"] == "ok"


def test_numbers_that_stand_for_none_are_masked_and_told(home: Home, tmp_path: Path) -> None:
    top = tmp_path / "tree"
    values = write_blanks(top / "b_sci.cube.fits")
    write_cube(top / "a_sci.cube.fits", seed=2)
    with fits.open(top / "a_sci.cube.fits", mode="update", output_verify="ignore") as hdus:
        hdus[0].header["BLANK"] = -999  # a card alone means nothing
    home.ingest(top, pixels=LIMITS)
    row = by_path(home)["b_sci.cube.fits"]
    assert row["content_hash"] == hashlib.sha256(values.astype(">f4").tobytes()).hexdigest()
    assert row["valid_fraction"] == np.mean(values != -999.0)
    assert row["rms"] == pytest.approx(1.0, rel=0.1)
    told = [each for each in home.rows("holdings.repair") if each["rule_id"] == "PIX-BLANK"]
    assert [(each["product_id"], each["item"], each["was"], each["became"]) for each in told] == [
        (row["product_id"], "BLANK", "-999", None)
    ]


def test_an_image_of_nothing_but_such_numbers_is_empty(home: Home, tmp_path: Path) -> None:
    write_blanks(tmp_path / "tree" / "b_sci.cube.fits", everywhere=True)
    home.ingest(tmp_path / "tree", pixels=LIMITS)
    [row] = home.rows("holdings.measurement")
    assert row["error_class"] == "no_valid_pixels"
    assert "have the value that BLANK says is none" in row["error_message"]
