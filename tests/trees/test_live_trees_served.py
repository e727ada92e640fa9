"""Trees of single data sets behind a running service: checks of the list of requirements from outside."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import requests
from address_checks import (
    Tree,
    check_children,
    check_crowd,
    check_headers,
    check_list,
    check_outside,
    check_properties,
    check_root,
    check_tiles,
)
from astropy.io import fits
from deepening_relay import deepening
from live_house import LiveHouse, disc, noise, smooth
from live_service import LiveService, until

from hips.hipsgen.lint import lint
from hips.hipsgen.tool import Tool

KINDS = ("image", "cube")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> LiveHouse:
    house = LiveHouse(tmp_path_factory.mktemp("served"))
    house.write("image", disc(smooth(300, 320) + noise(300, 320), 148.0), pixel=0.2)
    planes = np.stack([channel + smooth(90, 80) for channel in range(4)]) + noise(4, 90, 80)
    planes[2] = np.nan  # not the frame that the checks ask for, which has no number in its name
    house.write("cube", disc(planes, 38.0), (149.9, 2.1), 1.0)
    house.release()
    return house


@pytest.fixture(scope="module")
def service(house: LiveHouse) -> Iterator[LiveService]:
    service = LiveService(house.home, settings={"VO_SERVICE_UNLISTED": "closed"}).start()
    assert until(service.is_whole)
    yield service
    service.stop()  # nothing in its log looks like a bug


@pytest.fixture(params=KINDS)
def tree(request: pytest.FixtureRequest, service: LiveService, house: LiveHouse) -> Tree:
    return Tree(f"{service.url}/hips/{house.names()[request.param]}")


def test_properties(tree: Tree) -> None:
    check_properties(tree.base)  # CHK-H01, CHK-H02, CHK-H03
    depth = int(tree.properties.get("hips_cube_depth", "1"))
    assert (tree.properties["dataproduct_type"] == "cube") == (depth > 1)


def test_tiles_of_covered_cells(tree: Tree) -> None:
    check_tiles(tree)  # CHK-H05, CHK-H06, CHK-H07, CHK-H13
    stem = f"Norder{tree.order}/Dir{(cell := tree.drawn(tree.order, 1)[0]) // 10000 * 10000}/Npix{cell}"
    with fits.open(io.BytesIO(tree.get(f"{stem}.fits").content)) as hdus:
        assert np.isfinite(hdus[0].data).any()


def test_tiles_outside(tree: Tree) -> None:
    check_outside(tree)  # CHK-H08


def test_children(tree: Tree) -> None:
    check_children(tree)  # CHK-H09


def test_files_at_the_root(tree: Tree) -> None:
    check_root(tree)  # CHK-H15


def test_headers(tree: Tree) -> None:
    check_headers(tree)  # CHK-H20


def test_the_list(service: LiveService, house: LiveHouse) -> None:
    found = check_list(f"{service.url}/hips/hipslist")  # CHK-H19
    assert sorted(found) == sorted(f"{service.url}/hips/{name}" for name in house.names().values())


def test_many_at_a_time(tree: Tree, house: LiveHouse) -> None:
    """CHK-H22, of trees of which nothing is kept."""
    order, cells = tree.order, tree.moc  # asked for before
    for kept in (house.home / "cache").glob("*"):
        kept.unlink(missing_ok=True) if kept.is_file() else None
    assert order and cells
    assert check_crowd(tree) > 0.0


def test_frames_of_a_cube(service: LiveService, house: LiveHouse) -> None:
    """CHK-H17 over the network."""
    tree = Tree(f"{service.url}/hips/{house.names()['cube']}")
    for order in (0, 3, tree.order):
        cell = tree.drawn(order, 1)[0]
        stem = f"Norder{order}/Dir{cell // 10000 * 10000}/Npix{cell}"
        found = [tree.get(f"{stem}{mark}.fits").status_code for mark in ("", "_1", "_2", "_3", "_4")]
        assert found == [200, 200, 200, 200, 404]
    allskys = [tree.get(f"Norder3/Allsky{mark}.png").status_code for mark in ("", "_1", "_2", "_3", "_4")]
    assert allskys == [200, 200, 200, 200, 404]


@pytest.mark.judge
def test_lint_finds_nothing(hipsgen: Tool, service: LiveService, tree: Tree, tmp_path: Path) -> None:
    with deepening(service.url) as deep:  # CHK-H21
        verdict = lint(hipsgen, tree.base.replace(service.url, deep), tmp_path)
    assert verdict.passed, (verdict.errors, verdict.warnings)
    assert verdict.warnings == () and verdict.tile_tests > 0


def test_nobody_needs_a_query_or_a_cookie(tree: Tree) -> None:
    # HIPS-120
    answer = requests.get(f"{tree.base}/properties?x=1", timeout=60)
    assert answer.content == tree.get("properties").content
