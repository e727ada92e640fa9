"""The pass over pixels by worker processes: what becomes of files at which one dies, hangs or raises."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
from ingest_homes import Home, open_home
from pixel_products import write_cube

from tap_schema import published
from vo_service.holdings.assemble import Setting
from vo_service.holdings.measure import measure_product
from vo_service.holdings.measurement import Measurement, PixelLimits
from vo_service.holdings.pixel_pass import PixelPass
from vo_service.holdings.records import Product
from vo_service.holdings.reports import PixelReport, silent
from vo_service.holdings.roots import Root
from vo_service.pixels.sources import ByteSource
from vo_service.store import RunLog


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    opened = open_home(tmp_path / "home")
    yield opened
    opened.snapshots.close()
    opened.catalogue.close()


def measure_dangerously(product: Product, source: ByteSource, limits: PixelLimits) -> Measurement:
    """As the real thing, but some names are fatal."""
    if "kill" in product.file.path:
        os.kill(os.getpid(), signal.SIGKILL)
    if "hang" in product.file.path:
        time.sleep(60)
    if "raise" in product.file.path:
        raise ZeroDivisionError("a mistake of ours")
    return measure_product(product, source, limits)


def run_pass(home: Home, tree: Path, limits: PixelLimits, workers: int) -> PixelReport:
    setting = Setting(published(), "example.test", datetime(2026, 1, 1))
    roots = (Root("tree", tree, tree),)
    each = PixelPass(
        setting, home.snapshots, home.catalogue, roots, limits, workers=workers, measure=measure_dangerously
    )
    return each.run(None, 0.0, silent)


def test_a_worker_that_dies_or_hangs_costs_only_the_image_it_was_at(home: Home, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    for name in ("fine1", "fine2", "fine3", "kill", "hang", "raise"):
        write_cube(tree / f"{name}_sci.cube.fits", sum(name.encode()), OBJECT=name)
    home.ingest(tree)
    report = run_pass(home, tree, PixelLimits(seconds=4.0), 2)
    assert (report.ok, report.failed) == (3, 3)
    rows = {row["path"]: row for row in home.rows("holdings.product")}
    paths = {row["product_id"]: path.partition("_")[0] for path, row in rows.items()}
    found = {paths[row["product_id"]]: row for row in home.rows("holdings.measurement")}
    assert {name for name, row in found.items() if row["state"] == "ok"} == {"fine1", "fine2", "fine3"}
    assert found["kill"]["error_class"] == "internal"
    assert "SIGKILL" in found["kill"]["error_message"]
    assert found["hang"]["error_class"] == "too_large"
    assert "longer than" in found["hang"]["error_message"]
    assert (found["raise"]["error_class"], "a mistake of ours" in found["raise"]["error_message"]) == (
        "internal",
        True,
    )
    assert {row["state"] for row in rows.values()} == {"ok"}
    assert next(run["failed_count"] for run in RunLog(home.catalogue).list_runs()) == 3


def test_a_file_that_has_changed_since_it_was_listed_is_not_measured_under_its_old_name(
    home: Home, tmp_path: Path
) -> None:
    tree = tmp_path / "tree"
    write_cube(tree / "a_sci.cube.fits", 1)
    home.ingest(tree)
    write_cube(tree / "a_sci.cube.fits", 2)
    report = run_pass(home, tree, PixelLimits(), 0)
    assert [failure.error_class for failure in report.failures] == ["changed"]
    [row] = home.rows("holdings.measurement")
    assert (row["state"], row["content_hash"]) == ("failed", None)
    again = home.ingest(tree, pixels=PixelLimits())
    assert again.pixels is not None and (again.pixels.ok, again.pixels.failed) == (1, 0)
    assert [row["state"] for row in home.rows("holdings.measurement")] == ["ok"]


def test_by_processes_the_same_comes_out(home: Home, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    for number in range(5):
        write_cube(tree / f"m{number}_sci.cube.fits", number, OBJECT=f"M{number}")
    home.ingest(tree, pixels=PixelLimits(), workers=2)
    other = open_home(tmp_path / "other")
    try:
        other.ingest(tree, pixels=PixelLimits())
        for table in ("holdings.measurement", "holdings.peak_spectrum", "holdings.product"):
            assert home.rows(table) == other.rows(table)
    finally:
        other.snapshots.close()
        other.catalogue.close()
