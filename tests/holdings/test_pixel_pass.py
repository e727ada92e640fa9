"""The pass over pixels: what it publishes and when, what it reads again, what it does with bad images."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from ingest_homes import Home, open_home
from pixel_products import MEMBER, harvest_row, values_of, write_cube, write_values

from vo_service.holdings import measured_rows
from vo_service.holdings.measurement import PixelLimits
from vo_service.sky import parse_region
from vo_service.store import RunLog

LIMITS = PixelLimits()
CUBE = "M83__sci.spw17.cube.I.pbcor.fits"


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    opened = open_home(tmp_path / "home")
    yield opened
    opened.snapshots.close()
    opened.catalogue.close()


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Two cubes in folders of their own."""
    top = tmp_path / "tree"
    write_cube(top / "a" / CUBE, 1)
    write_cube(top / "b" / "NGC253_sci.spw5.cube.I.fits", 2, OBJECT="NGC253")
    return top


def by_path(home: Home, table: str = "holdings.measurement") -> dict[str, dict[str, Any]]:
    paths = {row["product_id"]: row["path"] for row in home.rows("holdings.product")}
    return {paths[row["product_id"]]: row for row in home.rows(table)}


def spectrum_of(home: Home, product_id: str) -> list[dict[str, Any]]:
    return [row for row in home.rows("holdings.peak_spectrum") if row["product_id"] == product_id]


def kinds(home: Home) -> list[str]:
    return [str(run["kind"]) for run in reversed(RunLog(home.catalogue).list_runs())]


def rewrite_in_place(path: Path) -> None:
    """Other pixels in a file that looks as it did."""
    state = path.stat()
    raw = bytearray(path.read_bytes())
    raw[-2880 * 2 : -2880] = bytes(2880)
    path.write_bytes(raw)
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns))


def test_rows_are_there_before_the_pixels_are(home: Home, tree: Path) -> None:
    seen: list[tuple[int, int, int]] = []

    def look(phase: str, done: int, total: int | None) -> None:
        if phase == "measuring":
            seen.append((done, home.snapshot.number, home.snapshot.count_rows("holdings.measurement")))
            assert total == 2
            assert home.snapshot.count_rows("ivoa.obscore") == 2

    report = home.ingest(tree, pixels=LIMITS, progress=look)
    assert seen == [(1, 1, 0), (2, 1, 0)]
    assert report.snapshot == 1
    assert report.pixels is not None
    assert (report.pixels.snapshot, report.pixels.ok, report.pixels.failed) == (2, 2, 0)
    assert home.snapshot.count_rows("holdings.measurement") == 2
    assert report.exit_code == 0
    assert kinds(home) == ["ingest", "measure"]


def test_measured_values_are_those_of_the_pixels(home: Home, tree: Path) -> None:
    home.ingest(tree, pixels=LIMITS)
    row = by_path(home)[f"a/{CUBE}"]
    values = values_of(tree / "a" / CUBE)
    stored = np.asarray(fits.getdata(tree / "a" / CUBE), dtype=">f4").tobytes()
    assert row["content_hash"] == hashlib.sha256(stored).hexdigest()
    assert row["valid_fraction"] == pytest.approx(np.isfinite(values).mean(), abs=1e-12)
    assert row["peak"] == pytest.approx(40.0)
    assert row["rms_unit"] == "Jy/beam"
    assert row["rms"] == pytest.approx(1.0, rel=0.05)
    assert row["dynamic_range"] == pytest.approx(row["peak"] / row["rms"])
    wcs = WCS(fits.getheader(tree / "a" / CUBE)).celestial
    ra, dec = wcs.pixel_to_world_values(24, 20)
    assert (row["peak_ra"], row["peak_dec"]) == pytest.approx((float(ra), float(dec)), abs=1e-9)
    assert row["valid_area"] == pytest.approx(np.isfinite(values[0, 0]).sum() * 1e-8, rel=1e-3)
    assert parse_region(row["outline"]).area() == pytest.approx(row["valid_area"], rel=0.02)
    assert (row["origin"], row["obs_release_date"]) == ("file", None)


def test_the_spectrum_has_a_row_for_every_channel(home: Home, tree: Path) -> None:
    home.ingest(tree, pixels=LIMITS)
    product = by_path(home)[f"a/{CUBE}"]["product_id"]
    rows = spectrum_of(home, product)
    values = values_of(tree / "a" / CUBE)[0]
    assert [row["channel"] for row in rows] == [1, 2, 3, 4]
    assert [row["peak"] for row in rows] == pytest.approx([np.nanmax(plane) for plane in values])
    assert [row["frequency"] for row in rows] == pytest.approx(
        [2.3e11 + 1e6 * i for i in range(4)], rel=1e-12
    )
    for row, plane in zip(rows, values):
        assert row["rms"] == pytest.approx(np.nanstd(plane[plane < 10]), rel=0.1)
        y, x = np.unravel_index(np.nanargmax(plane), plane.shape)
        place = WCS(fits.getheader(tree / "a" / CUBE)).celestial.pixel_to_world_values(x, y)
        assert (row["peak_ra"], row["peak_dec"]) == pytest.approx(
            (float(place[0]), float(place[1])), abs=1e-9
        )


def test_what_has_not_changed_is_not_read_again(home: Home, tree: Path) -> None:
    home.ingest(tree, pixels=LIMITS)
    before = home.rows("holdings.measurement")
    rewrite_in_place(tree / "a" / CUBE)  # whoever read it would find other pixels
    report = home.ingest(tree, pixels=LIMITS)
    assert report.snapshot is None
    assert report.pixels is not None and report.pixels.run_id is None
    assert home.rows("holdings.measurement") == before
    assert kinds(home) == ["ingest", "measure", "ingest"]


def test_without_pixels_a_later_ingest_measures_what_is_missing(home: Home, tree: Path) -> None:
    report = home.ingest(tree)
    assert report.pixels is None
    assert home.rows("holdings.measurement") == []
    write_cube(tree / "c" / "M87_sci.spw1.cube.I.fits", 3, OBJECT="M87")
    home.ingest(tree / "c" / "M87_sci.spw1.cube.I.fits", pixels=LIMITS)
    assert set(by_path(home)) == {"c/M87_sci.spw1.cube.I.fits"}  # the run was asked for no other
    report = home.ingest(tree, pixels=LIMITS)
    assert report.snapshot is None
    assert report.pixels is not None and report.pixels.ok == 2
    assert len(by_path(home)) == 3


def test_rows_that_an_older_version_made_are_made_anew(
    home: Home, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not the pixels: what becomes of a measurement is another version's matter than the measurement."""
    home.ingest(tree, pixels=LIMITS)
    before = home.rows("holdings.measurement")
    monkeypatch.setattr(measured_rows, "ROWS", measured_rows.ROWS + 1)
    report = home.ingest(tree, pixels=LIMITS)
    assert report.pixels is not None
    assert (report.pixels.ok, report.pixels.snapshot) == (0, home.snapshot.number)
    after = home.rows("holdings.measurement")
    assert all(new["_record"] != old["_record"] for new, old in zip(after, before, strict=True))
    assert [row | {"_record": ""} for row in after] == [row | {"_record": ""} for row in before]
    again = home.ingest(tree, pixels=LIMITS)
    assert again.pixels is not None and again.pixels.snapshot is None


def test_another_header_is_measured_anew(home: Home, tree: Path) -> None:
    home.ingest(tree, pixels=LIMITS)
    path = tree / "a" / CUBE
    before = by_path(home)[f"a/{CUBE}"]
    with fits.open(path, mode="update") as file:
        file[0].header["BUNIT"] = "mJy/beam"
        file[0].header["CRVAL1"] = 180.0
    report = home.ingest(tree, pixels=LIMITS)
    assert report.pixels is not None and report.pixels.ok == 1
    after = by_path(home)[f"a/{CUBE}"]
    assert after["content_hash"] == before["content_hash"]
    assert (before["rms_unit"], after["rms_unit"]) == ("Jy/beam", "mJy/beam")
    assert after["peak_ra"] == pytest.approx(before["peak_ra"] - 24.25, abs=1e-6)
    spectrum = [
        row for row in home.rows("holdings.peak_spectrum") if row["product_id"] == after["product_id"]
    ]
    assert len(spectrum) == 4


def test_other_pixels_are_measured_anew_and_a_touched_file_keeps_its_row(home: Home, tree: Path) -> None:
    home.ingest(tree, pixels=LIMITS)
    before = by_path(home)
    os.utime(tree / "a" / CUBE, ns=(1, 1))
    write_cube(tree / "b" / "NGC253_sci.spw5.cube.I.fits", 7, OBJECT="NGC253")
    report = home.ingest(tree, pixels=LIMITS)
    assert report.pixels is not None and report.pixels.ok == 1  # the touched one has its bytes as they were
    after = by_path(home)
    assert after[f"a/{CUBE}"] == before[f"a/{CUBE}"]
    changed = "b/NGC253_sci.spw5.cube.I.fits"
    assert after[changed]["content_hash"] != before[changed]["content_hash"]


def test_withdrawn_files_lose_their_rows(home: Home, tree: Path) -> None:
    home.ingest(tree, pixels=LIMITS)
    (tree / "a" / CUBE).unlink()
    report = home.ingest(tree, pixels=LIMITS)
    assert report.pixels is not None and report.pixels.run_id is None
    left = by_path(home)
    assert set(left) == {"b/NGC253_sci.spw5.cube.I.fits"}
    assert {row["product_id"] for row in home.rows("holdings.peak_spectrum")} == {
        row["product_id"] for row in left.values()
    }


def test_an_image_beyond_the_limit_has_a_row_that_says_so(home: Home, tree: Path) -> None:
    write_cube(tree / "b" / "large_sci.spw6.cube.I.fits", 4, (1, 40, 48, 48), OBJECT="NGC253")
    tight = PixelLimits(bytes=100_000)
    report = home.ingest(tree, pixels=tight)
    assert report.pixels is not None
    assert (report.pixels.ok, report.pixels.failed, report.exit_code) == (2, 1, 1)
    [failure] = report.pixels.failures
    assert (failure.path, failure.error_class) == ("b/large_sci.spw6.cube.I.fits", "too_large")
    row = by_path(home)["b/large_sci.spw6.cube.I.fits"]
    assert (row["state"], row["error_class"], row["peak"]) == ("failed", "too_large", None)
    assert "100000" in row["error_message"]
    product = by_path(home, "holdings.product")["b/large_sci.spw6.cube.I.fits"]
    assert (product["state"], product["role"]) == ("ok", "cube")  # its row was there at once and stays
    again = home.ingest(tree, pixels=LIMITS)
    assert again.pixels is not None
    assert (again.pixels.run_id, again.pixels.broken, again.exit_code) == (None, 1, 0)
    retried = home.ingest(tree, pixels=LIMITS, retry=["too_large"])
    assert retried.pixels is not None
    assert (retried.pixels.ok, retried.pixels.failed, retried.pixels.broken) == (1, 0, 0)
    assert by_path(home)["b/large_sci.spw6.cube.I.fits"]["state"] == "ok"


def test_asking_in_vain_says_so_and_changes_nothing(home: Home, tree: Path) -> None:
    tight = PixelLimits(bytes=10)
    home.ingest(tree, pixels=tight)
    report = home.ingest(tree, pixels=tight, retry=["too_large"])
    assert report.pixels is not None
    assert (report.pixels.failed, report.pixels.snapshot, report.exit_code) == (2, None, 1)
    entries = RunLog(home.catalogue).list_products(report.pixels.run_id or "")
    assert {entry["error_class"] for entry in entries} == {"too_large"}


def test_a_harvest_brings_release_dates_and_keeps_what_was_measured(home: Home, tmp_path: Path) -> None:
    top = tmp_path / "members"
    write_cube(top / MEMBER / f"{MEMBER}._M83__sci.spw17.cube.I.pbcor.fits", 1)
    shutil.copy(top / MEMBER / f"{MEMBER}._M83__sci.spw17.cube.I.pbcor.fits", top / "copy_sci.cube.fits")
    mask = np.zeros((1, 1, 48, 48), np.float32)
    mask[..., 10:20, 10:20] = 1.0
    write_values(top / MEMBER / "odd.fits", mask, BUNIT=None, BMAJ=None, BMIN=None, BPA=None)
    home.ingest(top, pixels=LIMITS)
    before, products = by_path(home), by_path(home, "holdings.product")
    assert products[f"{MEMBER}/odd.fits"]["role"] == "mask"
    assert {row["obs_release_date"] for row in before.values()} == {None}
    harvest_row(tmp_path / "rows.csv", "2031-05-01T00:00:00.000")
    home.harvest(tmp_path / "rows.csv")
    after, harvested = by_path(home), by_path(home, "holdings.product")
    released = datetime(2031, 5, 1)
    assert after.keys() == before.keys()
    for path, row in after.items():
        inside = path.startswith(MEMBER)
        assert row["obs_release_date"] == (released if inside else None)
        assert {**row, "obs_release_date": None, "origin": "", "dataset_id": ""} == {
            **before[path], "origin": "", "dataset_id": ""
        }  # fmt: skip
        assert row["origin"] == harvested[path]["origin"]
        assert harvested[path]["role"] == products[path]["role"]
        assert harvested[path]["duplicate_of"] == products[path]["duplicate_of"]
    cube = after[f"{MEMBER}/{MEMBER}._M83__sci.spw17.cube.I.pbcor.fits"]
    spectrum = spectrum_of(home, cube["product_id"])
    assert len(spectrum) == 4
    assert {row["obs_release_date"] for row in spectrum} == {released}
    harvest_row(tmp_path / "rows.csv", "2019-05-01T00:00:00.000")
    home.harvest(tmp_path / "rows.csv")
    assert by_path(home)[f"{MEMBER}/odd.fits"]["obs_release_date"] == datetime(2019, 5, 1)


def test_what_could_not_be_measured_is_told(home: Home, tmp_path: Path) -> None:
    write_cube(tmp_path / "tree" / "good_sci.cube.fits", shape=(1, 40, 48, 48))
    write_values(tmp_path / "tree" / "tiny_sci.cube.fits", np.ones((1, 4, 2, 2), np.float32))
    home.ingest(tmp_path / "tree", pixels=LIMITS)
    rows = by_path(home)
    assert rows["good_sci.cube.fits"]["remark"] is None
    assert rows["tiny_sci.cube.fits"]["rms"] is None
    assert "no rms" in rows["tiny_sci.cube.fits"]["remark"]
