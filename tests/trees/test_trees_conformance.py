"""Every kind of tree of sample holdings, by both engines, as the service gives it: what a HiPS must be by the
list of requirements, and what hipsgen's LINT says of it."""

from __future__ import annotations

import io
import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cdshealpix.nested
import numpy as np
import pytest
import requests
from address_checks import (
    Tree,
    check_children,
    check_headers,
    check_list,
    check_outside,
    check_properties,
    check_root,
    check_tiles,
)
from astropy.coordinates import Latitude, Longitude
from astropy.io.votable import parse_single_table
from deepening_relay import deepening
from service_processes import run_command, running_server
from tree_checks import CheckedTree

from hips.hipsgen.lint import lint
from hips.hipsgen.tool import Tool

CHOSEN = ("2018.1.00650.T", "contributed/oddments/HD163296_co21_vopt2.image.pbcor.fits")
"""Of the sample: images and a cube of one project, and a cube whose line is known."""
IMAGES = (
    "continuum-band-6", "moment0-band-6", "peak-band-6", "moment0-co-2-1", "peak-co-2-1", "density",
    "density-band-6", "exposure", "exposure-band-6",
)  # fmt: skip
CATALOGUE = "datasets"
TREES = [
    *(pytest.param(("url", name), id=name) for name in IMAGES),
    *(
        pytest.param(("url_of_hipsgen", name), id=f"hipsgen-{name}", marks=pytest.mark.judge)
        for name in IMAGES
        if not name.startswith(("density", "exposure"))  # which no engine has a part in
    ),
]
SLIPS = (
    'Lint[4.2.1.3] Allsky format error (expecting ".tsv", found [ UNAVAIL])',
    "Lint[4.1] min order found in the tile hierarchy [0] not conform [hips_min_order=1]",
)


SETTINGS = {"VO_SERVICE_UNLISTED": "open", "VO_SERVICE_HIPS_PROCESSES": "1"}


@pytest.fixture(scope="module")
def taken_in(holdings: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home with a part of the sample holdings, and no trees."""
    place = tmp_path_factory.mktemp("conformance")
    for name in CHOSEN:
        source, target = holdings.sample / "products" / name, place / "products" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if source.is_dir() else shutil.copyfile)(source, target)
    archive = holdings.sample / "archive.vot"
    for words in (("ingest", str(place / "products")), ("harvest", str(archive))):
        run_command(place / "home", *words, **SETTINGS)
    return place / "home"


@contextmanager
def with_trees(taken_in: Path, engine: str) -> Iterator[str]:
    """The service on such a home with trees made by an engine."""
    home = shutil.copytree(taken_in, taken_in.with_name(engine))
    done = run_command(home, "hips", "--engine", engine, **SETTINGS)
    assert done.returncode == 0, done.stderr
    with running_server(home) as address:
        yield address


@pytest.fixture(scope="module")
def url(taken_in: Path) -> Iterator[str]:
    with with_trees(taken_in, "reproject") as address:
        yield address


@pytest.fixture(scope="module")
def url_of_hipsgen(taken_in: Path, hipsgen: Tool) -> Iterator[str]:
    with with_trees(taken_in, "hipsgen") as address:
        yield address


def test_the_list_has_a_tree_of_each_kind(url: str) -> None:
    # CHK-H19, with CHK-H01 to -H03 of each
    names = {address.rpartition("/")[2] for address in check_list(f"{url}/hips/hipslist")}
    assert names >= {*IMAGES, CATALOGUE}


@pytest.fixture(scope="module", params=TREES)
def tree(request: pytest.FixtureRequest) -> Tree:
    service, name = request.param
    return Tree(f"{request.getfixturevalue(service)}/hips/{name}")


def test_what_every_image_tree_must_be(tree: Tree) -> None:
    check_properties(tree.base)  # CHK-H01, CHK-H02, CHK-H03
    check_tiles(tree)  # CHK-H05, CHK-H06, CHK-H07, CHK-H13
    check_outside(tree)  # CHK-H08
    check_children(tree)  # CHK-H09
    check_root(tree)  # CHK-H15
    check_headers(tree)  # CHK-H20


def test_pixels_of_every_image_tree(tree: Tree) -> None:
    # CHK-H04, and of values and pictures CHK-H10 to -H14
    def get(path: str) -> bytes | None:
        answer = tree.get(path)
        assert answer.status_code in (200, 404)
        return answer.content if answer.status_code == 200 else None

    checked = CheckedTree(get, np.random.default_rng(3))
    checked.properties()
    checked.coverage()
    checked.tiles()
    checked.pictures()
    checked.wcs()
    checked.parents()
    checked.allsky()


@pytest.mark.judge
def test_lint_says_fully_compatible(tree: Tree, hipsgen: Tool, tmp_path: Path) -> None:
    # CHK-H21: without any warning, and with tiles looked at in both formats
    service, _, name = tree.base.rpartition("/hips/")
    with deepening(service) as address:
        verdict = lint(hipsgen, f"{address}/hips/{name}", tmp_path)
    assert verdict.errors == verdict.warnings == ()
    assert verdict.passed
    assert verdict.tile_tests >= 2


@pytest.mark.judge
def test_lint_has_nothing_else_against_the_catalogue(url: str, hipsgen: Tool, tmp_path: Path) -> None:
    """CHK-H21, but for what it takes for an error: a table of whole orders without a row, which Aladin Lite
    waits for though all rows are in the order above, and (at random) one parent of two tiles that it drew:
    where there is none, it finds the second time that there is."""
    with deepening(url) as address:
        verdict = lint(hipsgen, f"{address}/hips/{CATALOGUE}", tmp_path)
    assert verdict.warnings == ()
    assert [error for error in verdict.errors if not error.startswith(SLIPS)] == []
    assert verdict.tile_tests >= 2


def tables_of(tree: Tree) -> Iterator[tuple[int, int, list[dict[str, str]]]]:
    """Order, cell and rows of each tile of a catalogue, from the lowest order down (HIPS-092)."""
    pending = [(1, int(cell)) for cell in tree.cells(1)]
    while pending:
        order, cell = pending.pop()
        answer = tree.get(f"Norder{order}/Dir{cell // 10000 * 10000}/Npix{cell}.tsv")
        if answer.status_code == 404:
            continue
        comment, names, *lines = answer.content.decode("utf-8").splitlines()
        assert comment.startswith("# Completeness = ")  # HIPS-093
        columns = names.split("\t")
        yield order, cell, [dict(zip(columns, line.split("\t"), strict=True)) for line in lines]
        pending += [(order + 1, 4 * cell + child) for child in range(4)]


def test_what_the_catalogue_must_be(url: str) -> None:
    tree = Tree(f"{url}/hips/{CATALOGUE}")
    check_properties(tree.base)  # CHK-H01, CHK-H02, CHK-H03
    check_outside(tree)  # CHK-H08
    check_headers(tree)  # CHK-H20
    # CHK-H16
    metadata = tree.get("metadata.xml")
    assert metadata.content == tree.get("Metadata.xml").content  # HIPS-095
    fields = {field.name: field.ucd for field in parse_single_table(io.BytesIO(metadata.content)).fields}
    assert [fields[name] for name in ("s_ra", "s_dec")] == ["pos.eq.ra;meta.main", "pos.eq.dec;meta.main"]
    found: Counter[str] = Counter()
    for order, cell, rows in tables_of(tree):
        lon, lat = (np.array([float(row[name]) for row in rows]) for name in ("s_ra", "s_dec"))
        cells = cdshealpix.nested.lonlat_to_healpix(Longitude(lon, "deg"), Latitude(lat, "deg"), order)
        assert rows and set(cells.tolist()) == {cell}
        assert all(list(row) == list(fields) for row in rows)
        found.update(row["obs_publisher_did"] for row in rows)
    assert set(found.values()) == {1}
    assert len(found) == int(tree.properties["hips_cat_nrows"])
    query = {"LANG": "ADQL", "QUERY": "SELECT obs_publisher_did FROM ivoa.obscore WHERE s_ra IS NOT NULL"}
    told = requests.post(f"{url}/tap/sync", query | {"RESPONSEFORMAT": "csv", "MAXREC": "10000"}, timeout=60)
    assert set(told.text.split()[1:]) == set(found)
