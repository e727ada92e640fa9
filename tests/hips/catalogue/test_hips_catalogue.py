"""The catalogue of data sets, read as clients read it."""

from __future__ import annotations

import errno
import io
import math
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.units import Unit
from catalogue_rows import (
    Row,
    Tile,
    batches_of,
    cells_of,
    columns,
    describe,
    metadata_of,
    seen_by_aladin_lite,
    tiles_of,
)
from mocpy import MOC

from hips.catalogue.sheet import SHOWN, lines_of
from hips.catalogue.trees import catalogue_tree
from hips.hipsgen.lint import Compatible, lint
from hips.hipsgen.tool import Tool
from hips.trees.properties import parse_properties
from hips.trees.versions import Trees
from hips.trees.wholes import Report
from vo_service.store.errors import DiskFull

MOMENT = datetime(2026, 3, 1, 12, 0, 30, tzinfo=UTC)
C = 299792458.0


def made_rows(count: int, seed: int) -> list[Row]:
    """Rows all over the sky, half of them within a degree, some with nothing but what is never null."""
    rng = np.random.default_rng(seed)
    near = rng.random(count) < 0.5
    ra = np.where(near, rng.uniform(150.0, 151.0, count), rng.uniform(0.0, 360.0, count))
    dec = np.where(near, rng.uniform(2.0, 3.0, count), np.degrees(np.arcsin(rng.uniform(-1.0, 1.0, count))))
    seconds = np.round(10.0 ** rng.uniform(0.0, 4.0, count), 1)
    rows: list[Row] = []
    for number in range(count):
        row: dict[str, object] = {
            "s_ra": float(ra[number]),
            "s_dec": float(dec[number]),
            "obs_publisher_did": f"ivo://example.org/obs?d-{number:05d}",
            "obs_id": f"uid://A001/X1/X{number:x}",
            "obs_collection": "ALMA",
        }
        if number % 7:
            row |= {
                "dataset_id": f"d-{number:05d}",
                "target_name": f"Source {number % 11}",
                "proposal_id": "2019.1.00001.S",
                "dataproduct_type": "cube",
                "band_list": "3 6" if number % 2 else "7",
                "em_min": C / 231e9,
                "em_max": C / 229.5e9,
                "s_resolution": 0.31,
                "s_fov": 0.007,
                "t_min": 58000.0 + number,
                "t_max": 58000.5 + number,
                "t_exptime": float(seconds[number]),
                "obs_release_date": datetime(2021, 5, 4, 3, 2, 1),
            }
        rows.append(row)
    return rows


ROWS = made_rows(4000, 1)
QUOTED = 'M 31 "the # great" \u03b1\u00d7\u00b2'
ODD = [
    {"target_name": "tab\there\nand\r\nthere\x00 \u2028", "t_exptime": float("nan"), "s_fov": math.inf},
    {"target_name": QUOTED, "t_exptime": -5.0, "em_max": 0.0, "em_min": -1.0},
    {"s_ra": None},
    {"s_dec": float("nan")},
    {"s_dec": 90.5},
    {"s_ra": -10.0, "s_dec": 90.0, "t_exptime": 1e9, "obs_release_date": datetime(3000, 1, 1)},
]  # fmt: skip
ROWS += [
    ROWS[number] | {"obs_publisher_did": f"ivo://example.org/obs?odd-{number}"} | odd
    for number, odd in enumerate(ODD, 1)
]
PLACED = [
    row
    for row in ROWS
    if row["s_ra"] is not None and row["s_dec"] is not None and abs(float(str(row["s_dec"]))) <= 90.0
]


def build(trees: Trees, rows: list[Row], size: int = 500, **options: object) -> Report:
    with trees.writing("a test"):
        return catalogue_tree(trees, batches_of(rows, size), columns(), describe, moment=MOMENT, **options)


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Report:
    report = build(Trees(tmp_path_factory.mktemp("home") / "hips"), ROWS)
    assert report.changed
    assert report.build is not None
    return report


@pytest.fixture(scope="module")
def tree(report: Report) -> Path:
    assert report.build is not None
    return report.build.tree


@pytest.fixture(scope="module")
def tiles(tree: Path) -> list[Tile]:
    return tiles_of(tree)


def seconds_of(row: Row) -> float:
    """The longest exposure comes first, what has none last."""
    value = row.get("t_exptime")
    return value if isinstance(value, float) and math.isfinite(value) and value >= 0.0 else -1.0


def test_each_row_is_once_in_the_tree_and_in_the_right_cell(tiles, tree):
    # HIPS-091, -092, -094, CHK-H16
    found = Counter(row["obs_publisher_did"] for tile in tiles for row in tile.rows)
    assert found == Counter(row["obs_publisher_did"] for row in PLACED)
    for tile in tiles:
        places = [(float(row["s_ra"]), float(row["s_dec"])) for row in tile.rows]
        assert set(cells_of(*zip(*places), tile.order)) == {tile.cell}
    told = parse_properties((tree / "properties").read_text())
    assert told.get("hips_cat_nrows") == str(len(PLACED))
    assert told.get("hips_order") == str(max(tile.order for tile in tiles))
    assert max(tile.order for tile in tiles) >= 4
    assert {tile.order for tile in tiles} == set(range(1, max(tile.order for tile in tiles) + 1))


def test_completeness_is_true(tiles):
    # HIPS-093: rows given down to the tile, of all in its cell
    ra, dec = ([float(str(row[name])) for row in PLACED] for name in ("s_ra", "s_dec"))
    names = [row["obs_publisher_did"] for row in PLACED]
    given: dict[tuple[int, int], set[str]] = {}
    for order in range(1, max(tile.order for tile in tiles) + 1):
        cells = dict(zip(names, cells_of(ra, dec, order).tolist()))
        totals = Counter(cells.values())
        for tile in (tile for tile in tiles if tile.order == order):
            above = given.get((order - 1, tile.cell >> 2), set())
            here = {row["obs_publisher_did"] for row in tile.rows}
            here |= {name for name in above if cells[name] == tile.cell}
            given[order, tile.cell] = here
            assert (tile.given, tile.total) == (len(here), totals[tile.cell])
            children = [one for one in tiles if one.order == order + 1 and one.cell >> 2 == tile.cell]
            assert bool(children) == (tile.given < tile.total)  # a branch ends where all are given


def test_longest_exposures_come_first_along_each_branch(tiles):
    # HIPS-092
    seconds = {row["obs_publisher_did"]: seconds_of(row) for row in PLACED}
    least: dict[tuple[int, int], float] = {}
    for tile in tiles:
        here = [seconds[row["obs_publisher_did"]] for row in tile.rows]
        assert here == sorted(here, reverse=True)
        assert here[0] <= least.get((tile.order - 1, tile.cell >> 2), math.inf)
        least[tile.order, tile.cell] = here[-1]


def test_values_are_those_of_the_rows(tiles):
    found = {row["obs_publisher_did"]: row for tile in tiles for row in tile.rows}
    for row in PLACED[:-3]:
        seen = found[row["obs_publisher_did"]]
        for name in SHOWN:
            value = row.get(name)
            if isinstance(value, datetime):
                assert seen[name] == value.strftime("%Y-%m-%dT%H:%M:%S.000")
            elif name in ("f_min", "f_max"):
                wavelength = row.get("em_max" if name == "f_min" else "em_min")
                frequency = None if wavelength is None else C / float(str(wavelength)) / 1e9
                assert (seen[name] == "") == (frequency is None)
                assert frequency is None or float(seen[name]) == pytest.approx(frequency, abs=2e-9)
            elif isinstance(value, float):
                assert float(seen[name]) == value
            else:
                assert seen[name] == ("" if value is None else value)


def test_what_has_no_place_in_a_line_is_cleaned(tiles):
    # HIPS-090: an empty field is null
    found = {row["obs_publisher_did"].rpartition("?")[2]: row for tile in tiles for row in tile.rows}
    assert found["odd-1"]["target_name"] == "tab here and there   "
    assert (found["odd-1"]["t_exptime"], found["odd-1"]["s_fov"]) == ("", "")
    assert found["odd-2"]["target_name"] == QUOTED
    assert (found["odd-2"]["f_min"], found["odd-2"]["f_max"], found["odd-2"]["t_exptime"]) == ("", "", "-5")
    assert found["odd-6"]["obs_release_date"] == "3000-01-01T00:00:00.000"
    assert not found.keys() & {"odd-3", "odd-4", "odd-5"}


def test_all_tiles_have_the_columns_that_metadata_describes(tiles, tree):
    # HIPS-084, -090, -095, CHK-H15, -H16: as they are published
    assert all(tile.names == list(SHOWN) for tile in tiles)
    known = columns()
    for name in ("metadata.xml", "Metadata.xml"):
        table = metadata_of(tree, name)
        assert [field.name for field in table.fields] == list(SHOWN)
        assert len(table.array) == 0
        assert [table.fields[at].ucd for at in (0, 1)] == ["pos.eq.ra;meta.main", "pos.eq.dec;meta.main"]
        for field in table.fields:
            if field.name in ("f_min", "f_max"):
                assert (str(field.unit), field.datatype) == ("GHz", "double")
                continue
            column = known[field.name]
            assert field.datatype == column.datatype
            assert field.description == column.description
            assert (field.unit or "") == (Unit(column.unit) if column.unit else "")
            assert field.ucd == column.ucd or field.name in ("s_ra", "s_dec")


def test_a_client_of_whole_orders_has_each_row_once(tree):
    # HIPS-044, -095: no double, none lost with the two lines that are dropped unread
    found = Counter(row["obs_publisher_did"] for row in seen_by_aladin_lite(tree))
    assert found == Counter(row["obs_publisher_did"] for row in PLACED)


def test_whole_orders_are_their_tiles_one_behind_the_other(tree, tiles):
    # HIPS-044, -093
    given = 0
    for order in (1, 2):
        whole = (tree / f"Norder{order}" / "Allsky.tsv").read_text("utf-8").split("\n")
        mine = [tile for tile in tiles if tile.order == order]
        given += sum(len(tile.rows) for tile in mine)
        assert whole[0] == f"# Completeness = {given} / {len(PLACED)}"
        assert whole[1] == "\t".join(SHOWN)
        assert [line.split("\t")[2] for line in whole[2:-1]] == [
            row["obs_publisher_did"] for tile in mine for row in tile.rows
        ]
    assert not (tree / "Norder3" / "Allsky.tsv").exists()


def test_properties_and_coverage(tree):
    # CHK-H01..H05, HIPS-054, -058, -063, -066, -080, MOC-043
    told = dict(parse_properties((tree / "properties").read_text()).lines)
    assert (told["dataproduct_type"], told["hips_tile_format"], told["hips_version"]) == (
        "catalog",
        "tsv",
        "1.4",
    )
    assert told["creator_did"] == "ivo://example.org/hips/datasets"
    assert (told["hips_status"], told["hips_order_min"]) == ("public master clonableOnce", "1")
    assert "longest exposures" in told["obs_description"]
    assert told["hips_release_date"] == told["hips_creation_date"] == "2026-03-01T12:00Z"
    assert (float(told["t_min"]), float(told["t_max"])) == (58001.0, 61999.5)
    content = (tree / "Moc.fits").read_bytes()
    with fits.open(io.BytesIO(content)) as hdus:
        assert (hdus[1].header["ORDERING"], hdus[1].header["MOCTYPE"]) == ("NUNIQ", "CATALOG")
    moc = MOC.from_fits(io.BytesIO(content))
    assert float(told["moc_sky_fraction"]) == pytest.approx(moc.sky_fraction, rel=1e-6)
    ra, dec = ([float(str(row[name])) for row in PLACED] for name in ("s_ra", "s_dec"))
    cells = np.unique(cells_of(ra, dec, moc.max_order))
    assert moc == MOC.from_healpix_cells(cells, np.full(len(cells), moc.max_order), moc.max_order)
    page = (tree / "index.html").read_text()
    assert "<img" not in page
    assert "Example: data sets" in page


@pytest.mark.judge
def test_lint_says_fully_compatible(tree, hipsgen: Tool, tmp_path):
    # CHK-H21
    verdict = lint(hipsgen, tree, tmp_path)
    # of two tiles with one parent, when it draws such, it finds the second time that there is one
    untrue = "min order found in the tile hierarchy [0] not conform [hips_min_order=1]"
    assert not (tree / "Norder0").exists()
    assert [line for line in verdict.errors if untrue not in line] == []
    assert verdict.warnings == () and verdict.compatible is Compatible.FULLY and verdict.tile_tests == 3


def test_the_same_rows_make_no_new_build_and_others_do(tmp_path):
    trees = Trees(tmp_path / "hips")
    rows = ROWS[:1500]
    first = build(trees, rows)
    before = trees.index.read_bytes()
    again = build(trees, rows[::-1], 64)
    assert (again.changed, again.tiles, again.build) == (False, first.tiles, first.build)
    assert trees.index.read_bytes() == before
    assert [path.name for path in (trees.directory / "trees" / "datasets").iterdir()] == [first.build.build]
    other = build(trees, [rows[0] | {"target_name": "another"}, *rows[1:]])
    assert other.changed
    told = parse_properties((other.build.tree / "properties").read_text())
    assert told.get("hips_release_date") == "2026-03-01T12:01Z"
    # HIPS-124: the tiles that stay the same are the same files, with their times
    inodes = {
        path.relative_to(first.build.tree): path.stat().st_ino for path in first.build.tree.rglob("Npix*.tsv")
    }
    kept = [name for name, inode in inodes.items() if (other.build.tree / name).stat().st_ino == inode]
    assert len(kept) == len(inodes) - 1
    assert sorted(path.name for path in other.build.directory.iterdir()) == ["contents.json", "tree"]


def test_few_rows_have_both_tables_of_whole_orders(tmp_path):
    # HIPS-095: a client waits for both
    built = build(Trees(tmp_path / "hips"), ROWS[:3]).build
    assert built is not None
    assert {path.name for path in built.tree.glob("Norder*")} == {"Norder1", "Norder2"}
    assert (built.tree / "Norder2" / "Allsky.tsv").read_text().startswith("# Completeness = 3 / 3\n")
    assert len(list(seen_by_aladin_lite(built.tree))) == 3


def test_without_a_position_there_is_no_tree(tmp_path):
    trees = Trees(tmp_path / "hips")
    build(trees, ROWS[:3])
    report = build(trees, [ROWS[0] | {"s_ra": None}])
    assert (report.build, report.changed) == (None, True)
    assert trees.served() == {}
    assert not build(trees, []).changed


@pytest.mark.parametrize(
    "failure", [OSError(errno.ENOSPC, "no space left"), KeyboardInterrupt()], ids=["full", "ended"]
)
def test_what_was_served_is_served_still_when_a_build_breaks_off(tmp_path, failure):
    trees = Trees(tmp_path / "hips")
    before = build(trees, ROWS[:50])

    def breaks(doing: str, done: int, of: int) -> None:
        if doing == "tiles of data sets" and done == of:
            raise failure

    with pytest.raises(DiskFull if isinstance(failure, OSError) else KeyboardInterrupt):
        build(trees, ROWS[:60], told=breaks)
    assert trees.served() == {"datasets": before.build}
    assert [path.name for path in (trees.directory / "trees" / "datasets").iterdir()] == [before.build.build]


def test_a_column_that_is_not_there_is_named(tmp_path):
    batch = batches_of(ROWS[:2])[0]
    with pytest.raises(KeyError, match="t_exptime"):
        lines_of(batch.drop_columns(["t_exptime"]))
    trees = Trees(tmp_path / "hips")
    with trees.writing("a test"), pytest.raises(KeyError, match="s_fov"):
        catalogue_tree(trees, [batch.drop_columns(["s_fov"])], columns(), describe)
