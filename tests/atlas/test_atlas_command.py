"""``vo-service hips``: from files to trees that a client reads, as far as something has changed."""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable
from pathlib import Path

import cdshealpix
import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import Latitude, Longitude
from astropy.io import fits
from atlas_files import Array, write_image
from judges import judge, judge_missing

from hips.hipsgen.errors import HipsgenFailed, HipsgenMissing
from hips.hipsgen.lint import Compatible, Verdict
from hips.hipsgen.tool import Tool, find_tool
from hips.images.build import Report, build_tree
from hips.trees.properties import parse_properties
from hips.trees.versions import Trees
from tap_schema import published
from vo_service.atlas.opening import view_of
from vo_service.cli import main
from vo_service.commands.image_trees import make_image_trees
from vo_service.commands.tree_lint import judge as judge_tree
from vo_service.holdings.ingest import ingest
from vo_service.store import Catalogue, DiskFull, Snapshots

PIXEL = 0.5 / 3600.0
FWHM = 3.0 / 3600.0
PLACE = (204.2504, -29.8703)
JANSKYS = 0.25
NAME = "continuum-band-6"


def point_source(size: int, seed: int) -> Array:
    """A source of a known flux between pixels, in noise of a thousandth of it, Jy/beam."""
    y, x = np.mgrid[:size, :size]
    away = np.hypot((x - size / 2 + 1) - 1.3, (y - size / 2 + 1) - 0.6) * PIXEL / FWHM
    noise = np.random.default_rng(seed).normal(0.0, JANSKYS / 1e3, (size, size))
    return (JANSKYS * np.exp(-4.0 * np.log(2.0) * away**2) + noise).astype(np.float32)[None, None]


def image(tree: Path, name: str, seed: int, **cards: object) -> Path:
    data = point_source(60, seed)
    told = {"CDELT1": -PIXEL, "CDELT2": PIXEL, "BMAJ": FWHM, "BMIN": FWHM, "OBJECT": name, "TELESCOP": "ALMA"}
    told |= {
        "DATE-OBS": "2018-03-04T05:06:07",
        "EXPTIME": 600.0,
        "CRVAL1": PLACE[0],
        "CRVAL2": PLACE[1],
        "CRVAL3": 230e9,
        "CDELT3": 1e9,
    }
    return write_image(tree / f"{name}_sci.cont.image.fits", data, **{**told, **cards})


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    place = tmp_path / "files"
    place.mkdir()
    image(place, "M83", 1)
    return place


@pytest.fixture
def run(
    tree: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Callable[..., tuple[int, str, str]]:
    """Runs a command on one home, in this process; its exit code and what it said. ``ingest`` takes in the
    files of the test, headers alone."""
    monkeypatch.setenv("VO_SERVICE_UNLISTED", "open")
    monkeypatch.setenv("VO_SERVICE_HIPS_PROCESSES", "1")

    def one(*words: str) -> tuple[int, str, str]:
        if words == ("ingest",):
            ingest_here(tmp_path / "home", tree)
            return 0, "", ""
        capsys.readouterr()
        code = main(["--home", str(tmp_path / "home"), "--quiet", *words])
        said = capsys.readouterr()
        return code, said.out, said.err

    return one


def ingest_here(home: Path, tree: Path) -> None:
    """Without processes, which take seconds to start."""
    home.mkdir(exist_ok=True)
    catalogue = Catalogue.open_in(home)
    snapshots = Snapshots(home, catalogue)
    ingest(
        [tree],
        home=home,
        snapshots=snapshots,
        catalogue=catalogue,
        published=published(),
        authority="example.test",
        workers=0,
    )
    snapshots.close()
    catalogue.close()


def served(tmp_path: Path, name: str = NAME) -> Path:
    """The root of the tree that is served."""
    build = Trees(tmp_path / "home" / "hips").current(name)
    assert build is not None
    return build.tree


def tile(tree: Path, order: int, cell: int) -> Array:
    path = tree / f"Norder{order}/Dir{cell // 10000 * 10000}/Npix{cell}.fits"
    content = path.read_bytes() if path.exists() else gzip.decompress(Path(f"{path}.gz").read_bytes())
    found: Array = fits.getdata(io.BytesIO(content))
    return found


def brightness_at(tree: Path, order: int, cells: np.ndarray) -> np.ndarray:
    """Pixels (nested indices at order + 9) of a tree, NaN where there is no tile, read as HIPS-020 says."""
    values = np.full(len(cells), np.nan)
    for cell in np.unique(cells >> 18):
        inside = cells >> 18 == cell
        bits = cells[inside] & ((1 << 18) - 1)
        ix, iy = (sum(((bits >> (2 * n + odd)) & 1) << n for n in range(9)) for odd in (0, 1))
        values[inside] = tile(tree, order, int(cell))[511 - ix, iy]
    return values


@pytest.fixture
def tool() -> Tool:
    """hipsgen, where it is there."""
    judge("java")
    try:
        return find_tool()
    except HipsgenMissing:
        judge_missing("hipsgen")


@pytest.mark.parametrize("engine", ["reproject", pytest.param("hipsgen", marks=pytest.mark.judge)])
def test_a_source_is_found_by_flux_and_place_in_the_deepest_tiles(
    run: Callable[..., tuple[int, str, str]], tmp_path: Path, engine: str, request: pytest.FixtureRequest
) -> None:
    if engine == "hipsgen":
        request.getfixturevalue("tool")
    assert run("ingest")[0] == 0
    code, out, err = run("hips", "--engine", engine)
    assert code == 0, err
    assert f"{NAME}: order 10, 1 field;" in out
    root = served(tmp_path)
    told = parse_properties((root / "properties").read_text())
    order = int(told.get("hips_order") or 0)
    assert told.get("hips_bunit") == "MJy/sr"
    lon, lat = Longitude(PLACE[0], u.deg), Latitude(PLACE[1], u.deg)
    cells, _, _ = cdshealpix.cone_search(lon, lat, 8.0 * u.arcsec, order + 9, flat=True)
    cells = np.asarray(cells).astype(np.int64)
    values = brightness_at(root, order, cells)
    area = 4.0 * np.pi / (12 << (2 * (order + 9)))
    assert np.nansum(values) * area * 1e6 == pytest.approx(JANSKYS, rel=0.01)
    ra, dec = cdshealpix.healpix_to_lonlat(cells.astype(np.uint64), order + 9)
    bright = np.where(values > 0.2 * np.nanmax(values), values, 0.0)
    place = [float(np.average(each.deg, weights=bright)) for each in (ra, dec)]
    across = (place[0] - PLACE[0]) * np.cos(np.radians(PLACE[1])) / PIXEL
    # the source lies 1.3 and 0.6 pixels from pixel (30, 30) of 60, which is CRPIX
    assert (-across, (place[1] - PLACE[1]) / PIXEL) == pytest.approx((1.3, 0.6), abs=0.1)


def test_only_what_has_changed_is_made(
    run: Callable[..., tuple[int, str, str]], tree: Path, tmp_path: Path
) -> None:
    run("ingest")
    run("hips")
    first = served(tmp_path)
    code, out, _ = run("hips")
    assert code == 0 and f"{NAME}: nothing changed" in out and served(tmp_path) == first
    image(tree, "NGC253", 2, CRVAL1=11.9, CRVAL2=-25.3)
    run("ingest")
    code, out, _ = run("hips")
    assert code == 0 and "2 fields" in out and ", 0 taken over" not in out
    kept = {path.relative_to(first): path for path in first.rglob("Npix*.png")}
    now = {name: served(tmp_path) / name for name in kept}
    same = [name for name, path in now.items() if path.stat().st_ino == kept[name].stat().st_ino]
    assert len(same) > len(kept) / 2  # other parts of the sky: links to the same files
    assert all(path.is_file() for path in now.values())


def test_what_is_closed_leaves_the_trees_and_the_last_one_takes_its_tree_along(
    run: Callable[..., tuple[int, str, str]], tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("ingest")
    run("hips")
    monkeypatch.setenv("VO_SERVICE_UNLISTED", "closed")
    code, out, _ = run("hips")
    assert code == 0 and f"{NAME}: withdrawn" in out
    assert NAME not in Trees(tmp_path / "home" / "hips").served()


def test_what_cannot_be_had_is_told_with_the_reason(
    run: Callable[..., tuple[int, str, str]], tree: Path, tmp_path: Path
) -> None:
    image(tree, "nounit", 3, BUNIT=None)
    gone = image(tree, "gone", 4, CRVAL1=11.9)
    run("ingest")
    content = gone.read_bytes()
    gone.unlink()
    code, out, err = run("hips")
    assert code == 1
    assert "left out: " in out and "the unit of this image is not known" in out
    assert "failed: " in err and "has gone since it was ingested" in err
    assert str(tree) not in out + err  # design 4.7
    listed = (tmp_path / "home/hips/left-out.tsv").read_text().splitlines()
    assert sorted(line.split("\t")[2] for line in listed) == ["failed", "left out"]
    assert [path.name for path in (tmp_path / "home/hips").iterdir() if "scratch" in path.name] == []
    gone.write_bytes(content)  # with another time: it is what was ingested no more
    assert "has changed since it was ingested" in run("hips")[2]
    assert run("ingest")[0] == 0
    assert run("hips")[0] == 0


def test_a_tree_stays_while_its_files_are_away(
    run: Callable[..., tuple[int, str, str]], tree: Path, tmp_path: Path
) -> None:
    """A disk that is not there takes no tree with it, whether headers are known or have to be read."""
    run("ingest")
    run("hips")
    root = served(tmp_path)
    tree.rename(tree.with_name("away"))
    assert run("hips")[0] == 0 and served(tmp_path) == root
    (tmp_path / "home/hips/looks.json").write_text("{}")
    view_of.cache_clear()  # as in another process
    code, _, err = run("hips")
    assert code == 1 and "is not there at present" in err and served(tmp_path) == root


def test_the_limit_of_a_map_is_a_setting(
    run: Callable[..., tuple[int, str, str]], tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("ingest")
    monkeypatch.setenv("VO_SERVICE_HIPS_MAP_BYTES", "1KB")
    code, out, _ = run("hips")
    assert code == 0 and "14400 bytes of pixels, the limit is 1000" in out


def test_calls_that_cannot_be_done(run: Callable[..., tuple[int, str, str]], tree: Path) -> None:
    code, _, err = run("hips")
    assert code == 2 and "there is no home directory" in err
    run("ingest")
    code, _, err = run("hips", "--engine", "other")
    assert code == 2 and "one of auto, reproject, hipsgen is wanted" in err


def test_an_engine_that_cannot_run_is_told(
    run: Callable[..., tuple[int, str, str]], tree: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    run("ingest")
    monkeypatch.setenv("VO_SERVICE_HIPSGEN_JAR", str(tmp_path / "none.jar"))
    code, _, err = run("hips", "--engine", "hipsgen")
    assert (code == 1 and "hipsgen" in err and "none.jar" in err) or "Java" in err
    assert not Trees(tmp_path / "home" / "hips").served()


def test_maps_are_laid_aside_for_one_family_at_a_time(
    run: Callable[..., tuple[int, str, str]], tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, frequency in enumerate((230e9, 345e9)):
        data = np.random.default_rng(number).normal(size=(1, 4, 30, 30)).astype(np.float32)
        cards = {"CDELT1": -PIXEL, "CDELT2": PIXEL, "CRVAL3": frequency, "TELESCOP": "ALMA"}
        write_image(tree / f"cube{number}_sci.cube.image.fits", data, **cards)
    run("ingest")
    kept: list[tuple[str, set[str]]] = []

    def look(
        name: str, fields: object, engine: object, trees: Trees, *rest: object, **more: object
    ) -> Report:
        report = build_tree(name, fields, engine, trees, *rest, **more)  # type: ignore[arg-type]
        planes = trees.directory.glob("scratch-*/**/*.npy")
        kept.append((name, {path.parent.name for path in planes}))
        return report

    monkeypatch.setattr("vo_service.commands.image_trees.build_tree", look)
    code, out, err = run("hips")
    assert code == 0, err
    maps = {name for name, _ in kept if not name.startswith("continuum")}
    assert maps == {f"{map}-band-{band}" for map in ("moment0", "peak") for band in (6, 7)}, out
    assert all(folders == ({name} & maps) for name, folders in kept)


def test_a_full_disk_ends_the_run_and_says_what_is_served(
    run: Callable[..., tuple[int, str, str]], tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image(tree, "other", 2, CRVAL1=11.9, CRVAL3=345e9)
    run("ingest")

    def full(name: str, *rest: object, **more: object) -> Report:
        if name != NAME:
            raise DiskFull(f"building the tree {name}")
        return build_tree(name, *rest, **more)  # type: ignore[arg-type]

    monkeypatch.setattr("vo_service.commands.image_trees.build_tree", full)
    code, _, err = run("hips")
    assert code == 1 and list(Trees(tmp_path / "home" / "hips").served()) == [NAME]
    assert "no space left on the disk (ENOSPC) while building the tree continuum-band-7" in err
    assert "trees that were done before are served" in err and "snapshot" not in err


def blank(tree: Path) -> tuple[Array, fits.Header]:
    """The image beside others, without a value."""
    data, header = fits.getdata(tree / "M83_sci.cont.image.fits", header=True)
    return np.full_like(data, np.nan), header


FULLY, WARNED, NOT = Compatible.FULLY, Compatible.WITH_WARNINGS, Compatible.NOT
VERDICTS = {
    "fully": (Verdict(FULLY, (), (), 2), True, 0),
    "with a warning": (Verdict(WARNED, (), ("a key is missing",), 2), True, 0),
    "not": (Verdict(NOT, (), ("all is wrong",), 2), False, 1),
    "an error": (Verdict(FULLY, ("no tile",), (), 2), False, 1),
    "none": (HipsgenFailed("hipsgen LINT gave up"), True, 1),
}


@pytest.mark.parametrize("said", VERDICTS)
def test_a_tree_is_judged_before_it_is_served(
    run: Callable[..., tuple[int, str, str]],
    tree: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    said: str,
) -> None:
    """What LINT calls not compatible is never served; a warning, or no verdict, keeps nothing back."""
    verdict, is_served, ends_with = VERDICTS[said]

    def judge_made(tool: object, made: Path, scratch: Path) -> Verdict:
        assert (made / "properties").is_file() and made.parent not in [
            build.directory for build in Trees(tmp_path / "home" / "hips").served().values()
        ]
        if isinstance(verdict, Exception):
            raise verdict
        return verdict

    if not is_served:
        fits.writeto(tree / "blank_sci.cont.image.fits", *blank(tree))
    run("ingest")
    monkeypatch.setattr("vo_service.commands.tree_verdict.find_tool", lambda *words: None)
    monkeypatch.setattr("vo_service.commands.tree_verdict.judge", judge_made)
    monkeypatch.setattr("vo_service.commands.hips.KINDS", (make_image_trees,))
    code, _, err = run("hips", "--lint")
    assert (code, NAME in Trees(tmp_path / "home" / "hips").served()) == (ends_with, is_served), err
    if not is_served:
        listed = (tmp_path / "home/hips/left-out.tsv").read_text().splitlines()
        assert "is not served" in err and [line.split("\t")[1:3] for line in listed] == [[NAME, "failed"]]


def test_a_judge_that_is_not_there_is_told_before_anything_is_built(
    run: Callable[..., tuple[int, str, str]], tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("ingest")
    monkeypatch.setenv("VO_SERVICE_HIPSGEN_JAR", str(tmp_path / "none.jar"))
    code, _, err = run("hips", "--lint", "--engine", "reproject")
    assert code == 1 and "--lint: " in err and ("none.jar" in err or "Java" in err)
    assert not Trees(tmp_path / "home" / "hips").served()


def test_one_run_at_a_time(
    run: Callable[..., tuple[int, str, str]], tree: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("ingest")
    monkeypatch.setenv("VO_SERVICE_WAIT_SECONDS", "0")
    trees = Trees(tmp_path / "home" / "hips")
    left = trees.directory / "scratch-of-a-killed-run"
    with trees.writing("a test"):
        left.mkdir()
        code, _, err = run("hips")
        assert code == 1 and "a test" in err and left.exists()
    assert run("hips")[0] == 0 and not left.exists()


@pytest.mark.judge
def test_lint_judges_a_tree_as_it_is_served(
    run: Callable[..., tuple[int, str, str]], tree: Path, tmp_path: Path, tool: Tool
) -> None:
    """CHK-H21: fully compatible, with tiles looked at, though a part of them is on no disk."""
    image(tree, "fine", 2, CRVAL1=11.9, CDELT1=-PIXEL / 8.0, CDELT2=PIXEL / 8.0)  # three orders deeper
    run("ingest")
    code, out, err = run("hips", "--lint")
    assert f"{NAME}: LINT says fully IVOA HiPS 1.0 compatible" in out, err
    assert code == 0
    root = served(tmp_path)
    verdict = judge_tree(tool, root, tmp_path)
    assert verdict.passed and verdict.tile_tests >= 2
    deepest = int(parse_properties((root / "properties").read_text()).get("hips_order") or 0)
    assert deepest == 13 and not list(root.glob(f"Norder{deepest}/*/Npix{0}.fits"))
