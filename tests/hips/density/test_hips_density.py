"""Maps of the number of data sets and of their exposure, against each footprint and each pixel by itself."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from density_rows import Look, batches_of, describe, pixel_at, place_of, touched
from tree_checks import CheckedTree, pairs_of, served_by

from hips.density.trees import density_trees
from hips.hipsgen.lint import lint
from hips.hipsgen.tool import Tool
from hips.tiles.files import read_tile
from hips.trees.versions import Build, Trees

TRIANGLE = ((150.0, 2.0), (150.2, 2.05), (150.05, 2.2))
QUAD = ((359.95, -0.1), (0.1, -0.08), (0.12, 0.07), (359.9, 0.1))  # over RA 0, the equator, two base cells
_WINDOW = Look(200.0, 30.0, 0.05, bands="6", seconds=400.0, observation="uid://A001/X1/X1")
_OBSERVED = [
    _WINDOW,
    *[_WINDOW] * 3,  # its other windows
    replace(_WINDOW, radius=0.06),  # the archive's row: the same time, not quite the same footprint
    replace(_WINDOW, ra=200.04, seconds=350.0),  # another target that it touches, and looked at for less
    replace(_WINDOW, dec=30.04, seconds=90.0, bands="6 7"),
    replace(_WINDOW, ra=200.02, seconds=None),  # of which no time is known
    replace(_WINDOW, radius=None, seconds=2000.0),  # one pixel in the middle
    replace(_WINDOW, observation="uid://A001/X1/X2", seconds=50.0),
    replace(_WINDOW, observation="uid://A001/X1/X2", seconds=70.0),
    replace(_WINDOW, ra=200.03, observation="uid://A001/X1/X2", seconds=60.0),
    replace(_WINDOW, observation="", seconds=1.0),
    replace(_WINDOW, observation=None, seconds=1.0),  # as the one before: it stands for itself
    replace(_WINDOW, ra=200.5, radius=0.3, bands="7", observation="uid://A001/X1/X3"),
    replace(_WINDOW, ra=200.5, radius=0.2, bands="7", observation="uid://A001/X1/X3", seconds=500.5),
    replace(_WINDOW, ra=200.6, radius=0.25, bands="7", observation="uid://A001/X1/X3", seconds=450.25),
    replace(_WINDOW, ra=30.0, bands="7", observation="uid://A001/X1/X3"),  # far away
]
_LOOKS = [
    Look(150.1, 2.1, 0.05, bands="3"),
    Look(150.1, 2.1, 0.05, bands="3", seconds=30.0),
    Look(150.1, 2.1, 0.05, bands="3 6", seconds=1000.0),
    Look(150.13, 2.1, 0.06, bands="7", seconds=None),
    Look(150.1, 2.1, corners=TRIANGLE, bands="6", seconds=7.25),
    Look(0.0, 0.0, corners=QUAD, bands="10"),
    Look(45.0, 41.8103, 0.03, bands="6", seconds=float("nan")),
    Look(266.4, -28.9, bands="6", seconds=12.5),  # no footprint: the one pixel
    Look(266.4, -28.9, bands="6", seconds=1.0, text="Blob ICRS 1 2"),  # none that can be read
    Look(266.41, -28.9, 0.004, bands=None, seconds=-5.0),
    Look(80.0, -70.0, 0.02, bands="B/C x", seconds=float("inf")),
    Look(None, None, bands="6", seconds=1e6),  # nowhere
    Look(83.8, -5.4, 2.0, bands="3", seconds=0.125),  # degrees wide, over several tiles
    *_OBSERVED,
]
LOOKS = [replace(look, day=float(day)) for day, look in enumerate(_LOOKS)]


def known(seconds: float | None) -> bool:
    return seconds is not None and np.isfinite(seconds) and seconds >= 0.0


def in_band(look: Look, band: str) -> bool:
    return not band or band in (look.bands or "").split()


class Truth:
    """What each pixel has to say, by sums over footprints that are looked at one by one."""

    def __init__(self, looks: list[Look]) -> None:
        self.looks = [look for look in looks if look.ra is not None]
        plain = [look if look.text is None else Look(look.ra, look.dec) for look in self.looks]
        plain = [replace(look, day=0.0) for look in plain]
        found = {look: touched(look) for look in set(plain)}
        self.pixels = [found[look][0] for look in plain]
        self.unsure = set().union(*(found[look][1] for look in plain))

    def density(self, band: str = "") -> dict[int, float]:
        counts: dict[int, float] = defaultdict(float)
        for look, pixels in zip(self.looks, self.pixels):
            if in_band(look, band):
                for pixel in pixels:
                    counts[pixel] += 1.0
        return counts

    def exposure(self, band: str = "") -> dict[int, float]:
        longest: dict[int, dict[object, float]] = defaultdict(dict)
        for number, (look, pixels) in enumerate(zip(self.looks, self.pixels)):
            if in_band(look, band) and known(look.seconds):
                observation = look.observation or number
                for pixel in pixels:
                    longest[pixel][observation] = max(longest[pixel].get(observation, 0.0), look.seconds)
        return {pixel: sum(by_observation.values()) for pixel, by_observation in longest.items()}


@pytest.fixture(scope="module")
def truth() -> Truth:
    return Truth(LOOKS)


@pytest.fixture(scope="module")
def builds(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Build]:
    trees = Trees(tmp_path_factory.mktemp("home") / "hips")
    with trees.writing("a test"):
        reports = density_trees(trees, batches_of(LOOKS), "seen", describe)
    assert all(report.changed and report.build is not None for report in reports)
    return trees.served()


def pixels_of(build: Build) -> dict[int, float]:
    """All pixels that have a value, in all tiles of order 3."""
    found = {}
    for path in (build.tree / "Norder3").rglob("Npix*.fits*"):
        cell = int(path.name.split(".")[0].removeprefix("Npix"))
        values = read_tile(path.with_name(path.name.removesuffix(".gz")))
        rows, columns = np.nonzero(~np.isnan(values))
        for row, column in zip(rows.tolist(), columns.tolist()):
            east, west = 511 - row, column
            within = sum(
                ((east >> bit & 1) << 2 * bit) | ((west >> bit & 1) << 2 * bit + 1) for bit in range(9)
            )
            found[(cell << 18) + within] = float(values[row, column])
    return found


def test_there_is_a_tree_of_all_and_one_of_each_band(builds):
    words = {"3", "6", "7", "10", "b-c", "x"}
    timed = {"3", "6", "7", "10"}
    names = {"density", "exposure"} | {f"density-band-{word}" for word in words}
    assert builds.keys() == names | {f"exposure-band-{word}" for word in timed}


@pytest.mark.parametrize("band", ["", "3", "6", "7", "10"])
def test_each_pixel_has_the_number_of_data_sets_that_look_at_it(builds, truth, band):
    # a pixel that no data set touches is blank, not 0 (HIPS-025, CHK-H13)
    found = pixels_of(builds[f"density-band-{band}" if band else "density"])
    wanted = truth.density(band)
    assert len(wanted) > (1000 if band in ("", "3") else 10)
    assert found.keys() - truth.unsure == wanted.keys() - truth.unsure
    assert len(truth.unsure) < 0.01 * len(truth.density())
    assert all(found[pixel] == wanted[pixel] for pixel in wanted.keys() - truth.unsure)


@pytest.mark.parametrize("band", ["", "3", "6", "7", "10"])
def test_each_pixel_has_the_sum_of_known_exposures_of_observations(builds, truth, band):
    # where no data set's time is known there is no value, though one looks there
    found = pixels_of(builds[f"exposure-band-{band}" if band else "exposure"])
    wanted = truth.exposure(band)
    assert wanted.keys() - truth.unsure == found.keys() - truth.unsure
    assert all(found[pixel] == np.float32(wanted[pixel]) for pixel in wanted.keys() - truth.unsure)
    assert truth.density(band).keys() > wanted.keys() or band in ("3", "10")


def test_a_row_without_a_footprint_is_in_the_pixel_of_its_position(builds):
    pixel = pixel_at(266.4, -28.9)
    row, column = place_of(pixel)
    tile = read_tile(builds["exposure-band-6"].tree / f"Norder3/Dir0/Npix{pixel >> 18}.fits")
    assert tile[row, column] == 13.5
    assert np.isnan(tile).sum() == tile.size - 1


@pytest.mark.parametrize("name", ["density", "density-band-7", "exposure", "exposure-band-6"])
def test_trees_pass_the_checks_of_image_trees(builds, name):
    # CHK-H01 to -H15
    CheckedTree(served_by(builds[name]), np.random.default_rng(1)).all()


def test_properties_say_what_is_shown(builds):
    # HIPS-052, -053, -063, -073
    told = dict(pairs_of((builds["exposure-band-3"].tree / "properties").read_bytes()))
    assert told["creator_did"] == "ivo://example.org/hips/exposure-band-3"
    assert told["obs_title"] == "Example: total time of exposure, band 3"
    assert told["hips_bunit"] == "s"
    assert told["hips_order"] == "3"
    assert [float(part) for part in told["hips_data_range"].split()] == [0.125, 1090.0]
    assert (float(told["t_min"]), float(told["t_max"])) == (57000.0, 57012.5)
    assert (float(told["em_min"]), float(told["em_max"])) == pytest.approx((1e-3, 1.1e-3 + 12e-5))
    said = ("t_exptime", "obs_id", "counts once", "not known do not count", "band 3", "mean", "blank")
    for word in (*said, "logarithmic"):
        assert word in told["obs_description"]
    assert "hips_bunit" not in dict(pairs_of((builds["density"].tree / "properties").read_bytes()))


def test_the_least_value_is_seen_and_the_greatest_is_nearly_white(builds):
    # HIPS-029, -068: logarithmic over the whole range
    from PIL import Image

    build = builds["density"]
    values = read_tile(build.tree / f"Norder3/Dir0/Npix{pixel_at(150.1, 2.1) >> 18}.fits")[::-1]
    with Image.open(build.tree / f"Norder3/Dir0/Npix{pixel_at(150.1, 2.1) >> 18}.png") as picture:
        greys = np.asarray(picture.convert("L")).astype(float)
    levels = {value: greys[values == value] for value in (1.0, 2.0, 5.0)}
    assert all(np.ptp(one) == 0 for one in levels.values())
    one, two, five = (levels[value][0] for value in (1.0, 2.0, 5.0))
    assert 50 < one < two < five <= 255
    assert (five - two) / (two - one) == pytest.approx(np.log(5 / 2) / np.log(2), rel=0.05)


@pytest.mark.judge
@pytest.mark.parametrize("name", ["density", "exposure-band-3"])
def test_lint_says_fully_compatible(builds, name, hipsgen: Tool, tmp_path: Path):
    # CHK-H21
    verdict = lint(hipsgen, unpacked_copy(builds[name], tmp_path / "served"), tmp_path)
    assert verdict.errors == verdict.warnings == ()
    assert verdict.passed
    assert verdict.tile_tests >= 2


def unpacked_copy(build: Build, target: Path) -> Path:
    """All files as a server hands them out: LINT on a directory knows no server."""
    get = served_by(build)
    for path in sorted(build.tree.rglob("*")):
        if path.is_file():
            name = str(path.relative_to(build.tree)).removesuffix(".gz")
            content = get(name)
            assert content is not None, name
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            (target / name).write_bytes(content)
    return target
