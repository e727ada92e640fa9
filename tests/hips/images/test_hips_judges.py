"""Trees before an outside judge: hipsgen's LINT, and hipsgen's own tree of the same image."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from built_trees import House
from judges import judge_missing
from made_fields import ARCSEC, FileField
from tree_checks import CheckedTree, served_by

from hips.hipsgen.errors import HipsgenMissing
from hips.hipsgen.lint import lint
from hips.hipsgen.run import run
from hips.hipsgen.tool import Tool, find_tool
from hips.images.build import Report
from hips.images.hipsgen.engine import HipsgenEngine
from hips.images.resample import Reproject
from hips.tiles.grid import order_for
from hips.trees.held import read_held

pytestmark = pytest.mark.judge


@pytest.fixture(scope="module")
def tool() -> Tool:
    try:
        return find_tool()
    except HipsgenMissing:
        judge_missing("hipsgen (aladin.jar and Java)")


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def as_served(report: Report, target: Path) -> Path:
    """All files of a tree as a client gets them, in a directory: LINT on a directory knows no server."""
    assert report.build is not None
    get, held = served_by(report.build), read_held(report.build.directory)
    names = {
        "properties",
        "Moc.fits",
        "index.html",
        "preview.jpg",
        "Norder3/Allsky.fits",
        "Norder3/Allsky.png",
    }
    pending = [(0, base) for base in range(12)]
    while pending:
        order, cell = pending.pop()
        if order <= report.order and held.covered.meets(order, cell):
            for extension in ("fits", "png"):
                names.add(f"Norder{order}/Dir{cell // 10000 * 10000}/Npix{cell}.{extension}")
            pending += [(order + 1, 4 * cell + child) for child in range(4)]
    for name in names:
        content = get(name)
        assert content is not None, name
        path = target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return target


def fields_of(house: House, kind: str) -> list[FileField]:
    if kind == "one":
        return [house.field("one", (202.5, 47.2), 3.0, (200, 180), sources=[(100, 90, 5.0)])]
    if kind == "overlapping":
        return [house.field(f"f{n}", (10.0 + 0.02 * n, 10.0), 1.0, (100, 100), level=n) for n in range(3)]
    if kind == "of two depths":
        return [
            house.field("coarse", (180.0, 2.0), 8.0, (80, 80), level=1.0),
            house.field("fine", (180.01, 2.01), 1.5, (60, 60), level=5.0),
        ]
    return [house.field("deep", (83.8, -5.4), 0.05, (70, 60), sources=[(30, 30, 1.0)])]


@pytest.mark.parametrize(
    ("engine", "kind"),
    [
        ("reproject", "one"),
        ("reproject", "overlapping"),
        ("reproject", "of two depths"),
        ("reproject", "deep"),
        ("hipsgen", "overlapping"),
        ("hipsgen", "of two depths"),
    ],
)
def test_lint_says_fully_compatible_and_has_looked_at_tiles(house, tool, tmp_path, engine, kind):
    # CHK-H21: the verdict, no error line, and tiles of three cells walked in both formats
    made_by = HipsgenEngine(tool) if engine == "hipsgen" else Reproject()
    report = house.build(fields_of(house, kind), engine=made_by)
    assert report.left_out == {}
    tree = as_served(report, tmp_path / "served")
    verdict = lint(tool, tree, tmp_path)
    assert verdict.errors == ()
    assert verdict.warnings == ()
    assert verdict.passed
    assert verdict.tile_tests >= 2


def test_our_tiles_are_those_of_hipsgen(house, tool, tmp_path):
    # the same order, the same tiles, values at the deepest order equal up to interpolation
    pixel = 4.0
    field = house.field(
        "m", (150.1, 2.2), pixel, (300, 280), sources=[(100, 90, 50.0), (200, 150, 20.0)], noise=0.1
    )
    report = house.build([field])
    source = tmp_path / "in"
    source.mkdir()
    os.link(field.path, source / "m.fits")
    run(tool, ["INDEX", "TILES"], {"in": "in", "out": "out", "creator_did": "ivo://example.org/m"}, tmp_path)
    order = order_for(pixel * ARCSEC)
    assert report.order == order
    theirs = {int(path.stem[4:]): path for path in (tmp_path / "out" / f"Norder{order}").rglob("Npix*.fits")}
    get, held = served_by(report.build), read_held(report.build.directory)
    ours = {tile.cell for tile in held.tiles() if tile.leaf and tile.filled}
    assert ours <= set(theirs)
    differences, scale = [], 0.0
    for cell in ours:
        content = get(f"Norder{order}/Dir{cell // 10000 * 10000}/Npix{cell}.fits")
        other = np.asarray(fits.getdata(theirs[cell]), dtype=np.float64)
        mine = np.asarray(fits.HDUList.fromstring(content)[0].data, dtype=np.float64)
        both = ~np.isnan(mine) & ~np.isnan(other)
        # they fill up to half a pixel more, and no pixel of ours is without one of theirs
        assert (~np.isnan(mine) & np.isnan(other)).mean() < 0.002
        differences.append((mine - other)[both])
        scale = max(scale, float(np.abs(other[both]).max(initial=0.0)))
    difference = np.concatenate(differences)
    assert len(difference) > 100_000
    assert np.median(np.abs(difference)) < 0.01 * 0.1
    assert np.abs(difference).max() < 0.02 * scale


def test_a_tree_by_the_other_engine_passes_the_same_checks(house, tool, tmp_path):
    # everything but the pixels of the parts is the same code
    report = house.build(fields_of(house, "of two depths"), engine=HipsgenEngine(tool))
    CheckedTree(served_by(report.build), np.random.default_rng(2)).all()
    (tmp_path / "ours").mkdir()
    ours = House(tmp_path / "ours").build(fields_of(House(tmp_path / "again"), "of two depths"))
    mine, theirs = (read_held(one.build.directory).covered.sky_fraction for one in (ours, report))
    assert report.order == ours.order
    assert theirs == pytest.approx(mine, rel=0.1)


def test_a_missing_tile_is_found_by_the_judge(house, tool, tmp_path):
    # that the first test can fail
    tree = as_served(house.build(fields_of(house, "deep")), tmp_path / "served")
    for path in (tree / "Norder7").rglob("Npix*.fits"):
        path.unlink()
    verdict = lint(tool, tree, tmp_path)
    assert not verdict.passed
    assert verdict.errors
