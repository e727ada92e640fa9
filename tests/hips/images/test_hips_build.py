"""Trees from fields, judged by the checks of the requirement list as a client sees them."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from built_trees import TOLD, House
from made_fields import ARCSEC, FileField, header_of
from PIL import Image
from tree_checks import CheckedTree, pairs_of, served_by, tile_positions

from hips.images.build import Report
from hips.images.facts import read_facts
from hips.images.resample import Reproject
from hips.tiles.grid import order_for, pixel_side
from hips.trees.held import read_held
from hips.trees.layout import TileName


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def checked(report: Report) -> CheckedTree:
    assert report.build is not None
    return CheckedTree(served_by(report.build), np.random.default_rng(4))


def files_of(report: Report) -> dict[str, bytes]:
    assert report.build is not None
    return {
        path.relative_to(report.build.directory).as_posix(): path.read_bytes()
        for path in report.build.directory.rglob("*")
        if path.is_file()
    }


PLACES = {
    "plain": (202.5, 47.2),
    "zero": (0.0, 20.0),
    "half": (180.0, 0.0),
    "pole": (33.0, 90.0),
    "bend": (45.0, 41.8103149),
    "corner": (0.0, 0.0),
}


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES.keys())
def test_a_tree_of_one_field_passes_the_checks_wherever_it_is(house, place):
    # CHK-H01 to -H14, at RA 0 and 180, the pole, the bend of the grid, where four base cells meet
    report = house.build([house.field("one", place, 20.0, (200, 180), sources=[(100, 90, 5.0)])])
    assert (report.changed, report.order, dict(report.left_out)) == (True, order_for(20 * ARCSEC), {})
    checked(report).all()


@pytest.mark.parametrize("pixel", [0.05, 2e-3, 4e-4], ids=["order 14", "order 18", "order 20"])
def test_a_source_of_a_deep_field_is_found_in_the_deepest_tile(house, pixel):
    # flux within 1 %, position within 0.1 pixel (CHK-H10), read as a client reads it
    size, at = (80, 70), (41.3, 30.8)
    field = house.field("deep", (83.81, -5.37), pixel, size, sources=[(*at, 2.0)], noise=0.0)
    tree = checked(house.build([field]))
    assert tree.order == order_for(pixel * ARCSEC)
    scale = pixel * ARCSEC
    lon, lat = WCS(header_of(83.81, -5.37, scale, size, turned=15.0)).all_pix2world(*at, 0)
    flux, moment = 0.0, np.zeros(2)
    every = np.arange(512)
    for cell in tree.moc.degrade_to_order(tree.order).flatten().tolist():
        values = tree.values(tree.order, cell)
        ra, dec = tile_positions(tree.order, cell, every, every)
        offset = np.stack(
            [(ra.reshape(512, 512) - lon) * np.cos(np.radians(lat)), dec.reshape(512, 512) - lat]
        )
        near = (np.hypot(*offset) < 15 * scale) & ~np.isnan(values)
        flux += values[near].astype(np.float64).sum()
        moment += (values[near].astype(np.float64) * offset[:, near]).sum(axis=1)
    truth = 2.0 * np.pi * 16.0 / (4 * np.log(2.0)) * (scale / pixel_side(tree.order)) ** 2
    assert flux == pytest.approx(truth, rel=0.01)
    assert np.hypot(*(moment / flux)) < 0.1 * scale
    tree.presence()
    tree.children()


def test_a_coarse_field_with_a_fine_one_inside_has_the_depth_that_each_needs(house):
    # HIPS-007, HIPS-009: one tree; below its leaves tiles are made of their pixels, and all checks hold
    coarse = house.field("coarse", (150.0, 2.0), 8.0, (300, 300), level=1.0, beam=30 * ARCSEC)
    fine = house.field("fine", (150.02, 2.01), 0.5, (60, 60), level=5.0, noise=0.1, beam=2 * ARCSEC)
    report = house.build([coarse, fine])
    held = read_held(report.build.directory)
    orders = {tile.order for tile in held.tiles() if tile.leaf and tile.filled}
    assert max(orders) == report.order == order_for(0.5 * ARCSEC)
    assert min(orders) == order_for(8.0 * ARCSEC) < report.order
    tree = checked(report)
    tree.all()
    # deep inside the coarse field alone a tile is there, each pixel of the leaf repeated
    cells = [
        cell
        for cell in tree.covered(report.order, 40)
        if (held.leaf_over(report.order, cell) or (99,))[0] < 9
    ]
    assert cells
    values = tree.values(report.order, cells[0])
    leaf = held.leaf_over(report.order, cells[0])
    side = max(1, 2 ** (report.order - leaf[0]))
    assert len(np.unique(values[~np.isnan(values)])) <= (512 // side) ** 2
    # where both have data the fine one counts alone: its level is there, and the other's beside it
    assert np.nanmax(values) < 2.0
    inner = [t for t in held.tiles() if t.leaf and t.filled and t.order == report.order and t.members == (0,)]
    assert all(
        tree.values(tile.order, tile.cell)[~np.isnan(tree.values(tile.order, tile.cell))].min() > 3
        for tile in inner
    )


def test_fields_that_overlap_are_added_by_their_weights(house):
    one = house.field("one", (10.0, 10.0), 1.0, (100, 100), level=1.0, noise=0.0, weight=3.0)
    two = house.field("two", (10.01, 10.0), 1.0, (100, 100), level=2.0, noise=0.0, weight=1.0)
    report = house.build([two, one])
    tree = checked(report)
    tree.all()
    seen = np.concatenate(
        [
            tree.values(tree.order, cell).ravel()
            for cell in tree.moc.degrade_to_order(tree.order).flatten().tolist()
        ]
    )
    seen = seen[~np.isnan(seen)]
    kinds = [float((np.abs(seen - level) < 1e-6).mean()) for level in (1.0, 1.25, 2.0)]
    assert sum(kinds) == pytest.approx(1.0)
    # 36 pixels apart along RA: 100 x 100, with an overlap of about 64 x 64 turned by 15 degrees
    assert min(kinds) > 0.2


def test_whatever_the_order_of_fields_and_the_number_of_processes(house, tmp_path):
    fields = [
        house.field("a", (10.0, 10.0), 1.0, (150, 100), level=1.0),
        house.field("b", (10.02, 10.0), 0.7, (150, 100), level=2.0),
        house.field("c", (200.0, -40.0), 30.0, (120, 100), level=2.0),
    ]
    alone = files_of(house.build(fields))
    (tmp_path / "other").mkdir()
    other = House(tmp_path / "other")
    several = files_of(other.build(fields[::-1], processes=2))
    assert alone == several


def test_another_field_touches_its_own_tiles_only(house):
    # HIPS-124, CHK-H23: all other files stay as they are, with their times
    fields = [house.field(f"f{n}", (10.0 + 40 * n, 10.0 - 7 * n), 2.0, (120, 90), level=n) for n in range(3)]
    first = house.build(fields)
    old = {path.relative_to(first.build.tree): path for path in first.build.tree.rglob("*") if path.is_file()}
    times = {name: path.stat() for name, path in old.items()}
    contents = {name: path.read_bytes() for name, path in old.items()}
    again = house.build(fields)
    assert (again.changed, again.build, again.made) == (False, first.build, 0)

    more = [*fields, house.field("new", (10.05, 10.02), 2.0, (120, 90), level=9)]
    second = house.build(more)
    assert second.changed
    assert second.kept > second.made > 0
    now = {
        path.relative_to(second.build.tree): path for path in second.build.tree.rglob("*") if path.is_file()
    }
    same = [name for name in now if name in old and now[name].stat().st_ino == times[name].st_ino]
    assert len(same) >= 2 * second.kept
    assert all(now[name].stat().st_mtime_ns == times[name].st_mtime_ns for name in same)
    assert all(now[name].read_bytes() != contents[name] for name in now if name in old and name not in same)
    tree = checked(second)
    tree.all()
    before = dict(pairs_of((first.build.tree / "properties").read_bytes()))
    assert tree.told["hips_release_date"] == "2026-03-01T12:31Z" > before["hips_release_date"]  # HIPS-056
    assert tree.told["hips_creation_date"] == before["hips_creation_date"] == "2026-03-01T12:30Z"
    assert tree.told["hips_pixel_cut"] == before["hips_pixel_cut"]  # else all pictures would change
    assert [value for key, value in tree.pairs if key == "prov_progenitor"] == ["f0", "f1", "f2", "new"]
    # the same as if it had been built at once
    at_once = House(house.directory / "fresh") if (house.directory / "fresh").mkdir() is None else house
    fresh = files_of(at_once.build(more, transfer=read_facts(first.build.directory).transfer))
    ours = files_of(second)
    tiles = [name for name in fresh if "/Npix" in name or "Allsky" in name]
    assert tiles
    assert all(fresh[name] == ours[name] for name in tiles)
    assert {name for name in ours if "/Npix" in name} == {name for name in fresh if "/Npix" in name}


def test_a_field_that_changes_or_goes_changes_its_tiles(house):
    fields = [house.field(f"f{n}", (10.0 + 40 * n, 10.0), 2.0, (60, 50), level=n + 1.0) for n in range(2)]
    first = house.build(fields)
    fields[1] = house.field("f1", (50.0, 10.0), 2.0, (60, 50), level=7.0).changed("2")
    second = house.build(fields)
    assert second.changed
    tree = checked(second)
    tree.all()
    assert float(tree.told["hips_data_range"].split()[1]) == pytest.approx(7.0, abs=0.1)
    third = house.build(fields[1:])
    tree = checked(third)
    tree.all()
    assert read_held(third.build.directory).names == ("f1",)
    assert float(tree.told["moc_sky_fraction"]) < 0.7 * float(checked(second).told["moc_sky_fraction"])
    # the build before stays, the one before that has gone
    assert second.build.tree.exists()
    assert not first.build.tree.exists()
    gone = house.build([])
    assert (gone.build, gone.changed) == (None, True)
    assert house.trees.served() == {}
    assert not third.build.tree.exists()


def test_what_a_field_told_of_noise_and_peak_goes_with_it(house):
    faint = house.field("faint", (10.0, 10.0), 2.0, (60, 50), level=1.0)
    bright = house.field("bright", (90.0, 10.0), 2.0, (60, 50), level=4e4, noise=30.0)
    told = dict(pairs_of((house.build([faint, bright]).build.tree / "properties").read_bytes()))
    assert float(told["hips_pixel_cut"].split()[1]) > 3.9e4
    later = [faint, house.field("later", (130.0, 10.0), 2.0, (60, 50), level=7.0)]
    after = house.build(later)
    tree = checked(after)
    tree.all()
    assert float(tree.told["hips_pixel_cut"].split()[1]) < 10.0
    alone = House(house.directory / "alone") if (house.directory / "alone").mkdir() is None else house
    same = dict(pairs_of((alone.build(later).build.tree / "properties").read_bytes()))
    for key in ("hips_pixel_cut", "hips_processing"):
        assert tree.told[key] == same[key] != told[key]  # as if it had never been there
    assert read_facts(after.build.directory).transfer_from == ["faint", "later"]
    brighter = house.field("brighter", (90.0, 10.0), 2.0, (60, 50), level=40.0, noise=0.03)
    more = house.build([*later, brighter])
    assert more.kept > more.made > 0  # those that come change nothing as long as pictures show enough of them
    assert read_facts(more.build.directory).transfer_from == ["faint", "later"]
    assert not house.build([*later, brighter]).changed


def test_pictures_are_made_anew_where_the_first_fields_were_of_another_kind(house):
    sun = house.field("sun", (10.0, 10.0), 2.0, (60, 50), level=1e7, noise=1e5)
    first = house.build([sun])
    usual = [
        house.field(f"f{n}", (20.0 + 5 * n, 10.0), 2.0, (60, 50), noise=1.0, sources=[(30, 20, 100.0)])
        for n in range(12)
    ]
    report = house.build([sun, *usual])
    assert report.kept == 0
    told = dict(pairs_of((report.build.tree / "properties").read_bytes()))
    assert [float(part) for part in told["hips_pixel_cut"].split()] == pytest.approx([-3.0, 100.0], rel=0.2)
    leaf = next(
        tile for tile in read_held(report.build.directory).tiles() if tile.leaf and 50 < tile.high < 1e4
    )
    name = str(TileName(leaf.order, leaf.cell, "png"))
    greys = np.asarray(Image.open(report.build.tree / name))
    assert len(np.unique(greys)) > 50  # noise and source, where all was one grey
    again = house.build([sun, *usual])
    assert (again.changed, again.build) == (False, report.build)
    assert not (first.build.tree / name).exists()


def test_fields_that_cannot_be_had_are_told_and_left_out(house):
    good = house.field("good", (10.0, 10.0), 2.0)
    blank = house.field("blank", (20.0, 10.0), 2.0, level=np.nan)
    missing = replace(good, name="missing", path=house.directory / "nothing.fits")
    broken = replace(good, name="broken", path=house.directory / "broken.fits")
    broken.path.write_bytes(good.path.read_bytes()[:3000])
    nowhere = house.field("nowhere", (10.0, 10.0), 2.0, projection="SIN")
    fits.setval(nowhere.path, "CRPIX1", value=1e7)
    scaleless = replace(good, name="scaleless", pixel_scale=0.0)
    numberless = [
        replace(good, name="no weight", weight=np.nan),
        replace(good, name="no beam", resolution=np.nan),
    ]
    bad = [blank, missing, broken, nowhere, scaleless, *numberless]
    report = house.build([*bad, good])
    assert set(report.left_out) == {one.name for one in bad}
    assert "its resolution is nan" in report.left_out["no beam"]
    assert "all are blank" in report.left_out["blank"]
    assert "No such file" in report.left_out["missing"]
    assert "has a place on the sky" in report.left_out["nowhere"]
    assert "above 0" in report.left_out["scaleless"]
    assert str(house.directory) not in " ".join(report.left_out.values())
    checked(report).all()
    nothing = house.build([blank])
    assert nothing.build is None
    assert house.trees.served() == {}
    with pytest.raises(ValueError, match="named good"):
        house.build([good, replace(good, path=blank.path)])


@dataclass(frozen=True)
class FailsLate(FileField):
    """A field whose pixels can be sampled and, when it comes to tiles, cannot be read."""

    def open(self):
        if os.environ.get("FIELD_FAILS"):
            raise OSError(5, "Input/output error")
        return super().open()


def test_a_field_that_fails_midway_leaves_a_tree_as_if_it_had_never_been_there(house, monkeypatch):
    good = [house.field(f"f{n}", (10.0 + 0.03 * n, 10.0), 2.0, (60, 50), level=n + 1.0) for n in range(2)]
    late = FailsLate(**house.field("late", (10.01, 10.0), 0.5, (60, 50), level=5.0).__dict__)

    class Prepared(Reproject):
        def __init__(self):
            super().__init__()
            monkeypatch.delenv("FIELD_FAILS", raising=False)

        def prepare(self, wanted, scratch, told):
            monkeypatch.setenv("FIELD_FAILS", "1")
            return super().prepare(wanted, scratch, told)

    report = house.build([*good, late], engine=Prepared())
    assert dict(report.left_out) == {"late": "Input/output error"}
    again = house.build([*good, late], engine=Prepared())  # it fails again, and nothing has changed
    assert (again.changed, again.build, again.made) == (False, report.build, 0)
    assert again.left_out == report.left_out
    transfer = read_facts(report.build.directory).transfer
    (house.directory / "other").mkdir()
    without = House(house.directory / "other").build(good, transfer=transfer)
    ours, theirs = files_of(report), files_of(without)
    private = {"build.json"}
    assert {name: ours[name] for name in ours.keys() - private} == {
        name: theirs[name] for name in theirs.keys() - private
    }


def test_a_tile_that_somebody_took_away_is_made_again(house):
    fields = [house.field(f"f{n}", (10.0 + 40 * n, 10.0), 2.0, (60, 50), level=n + 1.0) for n in range(2)]
    first = house.build(fields)
    next(path for path in first.build.tree.rglob("Npix*.png") if "Norder4" in str(path)).unlink()
    for path in list(first.build.tree.rglob("Npix*.fits.gz"))[:3]:
        path.unlink()
    report = house.build([*fields, house.field("new", (90.0, 10.0), 2.0)])
    assert report.kept == 0
    checked(report).all()


def test_another_unit_is_another_tree(house):
    fields = [house.field("f", (10.0, 10.0), 2.0, level=5.0)]
    house.build(fields)
    report = house.build(fields, describe=lambda names: replace(TOLD, unit="K"))
    assert (report.changed, report.kept) == (True, 0)
    assert checked(report).told["hips_bunit"] == "K"
    report = house.build(fields, describe=lambda names: replace(TOLD, unit="K", title="Another title"))
    assert (report.changed, report.made) == (True, 0)
    assert checked(report).told["obs_title"] == "Another title"


def test_coverage_has_a_limit_and_is_never_coarser_than_the_deepest_tiles(house, monkeypatch):
    # MOC-015, HIPS-081
    field = house.field("f", (10.0, 10.0), 1.0, (300, 280))
    whole = checked(house.build([field]))
    assert whole.moc.max_order == whole.order + 3
    half = len(whole.moc.uniq_hpx) // 2
    sizes = {}
    for most in (half, 1):
        monkeypatch.setattr("hips.images.finish.COVERAGE_CELLS", most)
        tree = checked(house.build([field.changed(str(most))]))
        tree.all()
        sizes[most] = len(tree.moc.uniq_hpx)
        assert tree.moc.intersection(whole.moc) == whole.moc
    assert 1 < sizes[half] <= half
    assert tree.moc.max_order == tree.order  # of the last
    assert set(tree.moc.flatten().tolist()) == {
        int(path.name[4:].partition(".")[0])
        for path in (house.trees.current("continuum-band-6").tree / f"Norder{tree.order}").rglob("*.png")
    }


def test_progress_is_told(house):
    told = []
    house.build([house.field("f", (10.0, 10.0), 2.0)], told=lambda *words: told.append(words))
    for doing in ("fields looked at", "fields prepared", "tiles made"):
        last = [words for words in told if words[0] == doing][-1]
        assert last[1] == last[2] > 0
