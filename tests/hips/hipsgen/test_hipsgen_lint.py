"""LINT: what its verdicts are worth, on trees of the tool itself that then lost something (CHK-H21)."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from deepening_relay import deepening
from made_fields import ARCSEC, header_of
from mocpy import MOC
from stand_ins import END, saying
from web_servers import serve

from hips.hipsgen.errors import HipsgenFailed
from hips.hipsgen.lint import Compatible, lint
from hips.hipsgen.run import run
from hips.hipsgen.tool import Tool

ORDER = 5


@pytest.fixture(scope="module")
def whole(hipsgen: Tool, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tree of a field of two degrees, with all that LINT asks for."""
    place = tmp_path_factory.mktemp("lint")
    (place / "in").mkdir()
    values = np.random.default_rng(4).normal(size=(128, 128)).astype(np.float32)
    fits.writeto(place / "in" / "field.fits", values, header_of(83.6, -5.4, 60 * ARCSEC, (128, 128)))
    parameters = {"in": "in", "out": "tree", "creator_did": "ivo://example.org/P/f", "hips_order": str(ORDER)}
    run(hipsgen, ("INDEX", "TILES", "PNG", "MOC"), parameters, place)
    with (place / "tree" / "properties").open("a") as file:
        file.write(
            "obs_description = A field\nprov_progenitor = Nobody\nobs_regime = Millimeter\n"
            "t_min = 58000\nt_max = 58001\nem_min = 1e-3\nem_max = 1.1e-3\n"
        )
    return place / "tree"


@pytest.fixture
def tree(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "tree"))


@pytest.mark.judge
def test_a_whole_tree_passes_with_its_tiles_looked_at(hipsgen: Tool, tree: Path, tmp_path: Path) -> None:
    before = sorted(path for path in tree.rglob("*"))
    verdict = lint(hipsgen, tree, tmp_path)
    assert verdict.passed and verdict.compatible is Compatible.FULLY and verdict.errors == ()
    assert verdict.tile_tests in (2, 4, 6)  # cells, each as PNG and FITS
    assert sorted(path for path in tree.rglob("*")) == before
    assert MOC.from_fits(str(tree / "Moc.fits")).max_order < 29
    assert [path.name for path in tmp_path.iterdir()] == ["tree"]


@pytest.mark.judge
def test_a_missing_tile_is_seen(hipsgen: Tool, tree: Path, tmp_path: Path) -> None:
    shutil.rmtree(tree / f"Norder{ORDER - 1}")
    verdict = lint(hipsgen, tree, tmp_path)
    assert verdict.compatible is Compatible.NOT and not verdict.passed
    assert any("tile missing" in error for error in verdict.errors)


@pytest.mark.judge
def test_no_properties_is_no_pass(hipsgen: Tool, tree: Path, tmp_path: Path) -> None:
    # LINT itself calls that fully compatible where there is a MOC
    (tree / "properties").unlink()
    verdict = lint(hipsgen, tree, tmp_path)
    assert not verdict.passed and any("properties" in error for error in verdict.errors)


@pytest.mark.judge
def test_what_it_recommends_are_warnings(hipsgen: Tool, tree: Path, tmp_path: Path) -> None:
    properties = tree / "properties"
    lines = properties.read_text().splitlines()
    properties.write_text("\n".join(line for line in lines if not line.startswith("em_m")) + "\n")
    verdict = lint(hipsgen, tree, tmp_path)
    assert verdict.compatible is Compatible.WITH_WARNINGS and not verdict.passed
    assert len(verdict.warnings) == 2 and all("em_m" in warning for warning in verdict.warnings)


@pytest.mark.judge
def test_what_is_no_tree_is_a_failure(hipsgen: Tool, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(HipsgenFailed, match=r"gave up: .*properties"):
        lint(hipsgen, tmp_path / "empty", tmp_path)
    with pytest.raises(FileNotFoundError):
        lint(hipsgen, tmp_path / "nothing", tmp_path)


@pytest.mark.judge
def test_a_tree_behind_an_address_is_judged(hipsgen: Tool, tree: Path, tmp_path: Path) -> None:
    with serve(tree) as web, deepening(web.url) as deep:
        plain, whole = (lint(hipsgen, url, tmp_path) for url in (web.url, deep))
    assert plain.passed and plain.tile_tests == 0
    assert whole.passed and whole.tile_tests > 0


SAYS = "INFO  : HiPS x is fully IVOA HiPS 1.0 compatible"


def test_a_verdict_beside_an_error_is_no_pass(tmp_path: Path) -> None:
    verdict = lint(saying(tmp_path, '*ERROR: "properties" file missing', SAYS, END), "http://x", tmp_path)
    assert verdict.compatible is Compatible.FULLY and not verdict.passed


@pytest.mark.parametrize(
    "lines",
    [[END], [SAYS, "ABORT : LINT abort"], [SAYS], ["INFO  : !!! HiPS x is quite IVOA compatible", END]],
    ids=["none", "abort", "breaks off", "other words"],
)
def test_no_verdict_is_a_failure(tmp_path: Path, lines: list[str]) -> None:
    with pytest.raises(HipsgenFailed, match="LINT"):
        lint(saying(tmp_path, *lines), "http://x", tmp_path)
