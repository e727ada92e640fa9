"""Trees of single data sets: their values and places against numpy, astropy and cdshealpix."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator

import cdshealpix.nested
import numpy as np
import pytest
from astropy.coordinates import Latitude, Longitude
from astropy.io import fits
from live_house import (
    ARCSEC,
    FIRST_HZ,
    STEP_HZ,
    Array,
    LiveDoor,
    LiveHouse,
    disc,
    noise,
    opened,
    smooth,
)
from PIL import Image
from scipy.ndimage import map_coordinates
from tree_checks import CheckedTree, tile_positions

CHANNELS = 6
BLANK = 0
"""A channel without a number, as the first ones of many cubes."""
PEAK = 4
SOURCE = (213.3, 187.6)
"""Pixels, counted from 0, in an image of 0.05 arcsec."""
FWHM = 4.0


def planted() -> Array:
    y, x = np.mgrid[:380, :400]
    sigma = FWHM / 2.354820045
    source = np.exp(-((x - SOURCE[0]) ** 2 + (y - SOURCE[1]) ** 2) / (2 * sigma**2))
    return disc(source + noise(380, 400, sigma=1e-5), 185.0)


def channels() -> Array:
    """Each channel of another level, the source of each at another place."""
    cube = np.stack([channel + smooth(60, 50) / 10.0 for channel in range(CHANNELS)])
    cube += noise(CHANNELS, 60, 50)
    for channel in range(CHANNELS):
        cube[channel, 20 + 3 * channel, 25] += 5.0
    cube[PEAK] += 10.0
    cube[BLANK] = np.nan
    cube[2, :30] = np.nan
    return disc(cube, 26.0)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> LiveHouse:
    house = LiveHouse(tmp_path_factory.mktemp("live"))
    house.write("fine", planted(), pixel=0.05)
    house.write("cube", channels())
    house.release()
    return house


@pytest.fixture(scope="module")
def door(house: LiveHouse) -> Iterator[LiveDoor]:
    with opened(house) as door:
        yield door


def checked(door: LiveDoor, name: str) -> CheckedTree:
    return CheckedTree(door.get(name), np.random.default_rng(1))


class CheckedCube(CheckedTree):
    """The same checks on one frame of a cube."""

    frame = 3

    def tile(self, order: int, cell: int, extension: str) -> bytes | None:
        return self.get(f"Norder{order}/Dir{cell // 10000 * 10000}/Npix{cell}_{self.frame}.{extension}")

    def properties(self) -> None:
        told = self.told
        assert told["dataproduct_type"] == "cube"
        try:
            self.told = told | {"dataproduct_type": "image"}
            super().properties()
        finally:
            self.told = told

    def allsky(self) -> None:
        get = self.get
        try:
            self.get = lambda path: get(path.replace("Allsky", f"Allsky_{self.frame}"))
            super().allsky()
        finally:
            self.get = get


def test_an_image_passes_all_checks(door: LiveDoor) -> None:
    # CHK-H01 to CHK-H15
    checked(door, "fine").all()


def test_a_frame_of_a_cube_passes_them(door: LiveDoor) -> None:
    CheckedCube(door.get("cube"), np.random.default_rng(2)).all()


def test_a_point_source_is_found_by_flux_and_place(house: LiveHouse, door: LiveDoor) -> None:
    """Within 1 % and 0.1 pixel, from the deepest tiles as a client reads them."""
    tree = checked(door, "fine")
    # HIPS-006: the first order whose pixels are not larger than 0.05 arcsec is 14 (0.025 arcsec)
    assert tree.order == 14
    side = np.sqrt(4.0 * np.pi / (12 << 2 * (tree.order + 9)))
    values, x, y = [], [], []
    wcs = house.wcs("fine")
    for cell in tree.moc.to_order(tree.order).flatten().tolist():
        tile = door.values("fine", f"Norder14/Dir{cell // 10000 * 10000}/Npix{cell}.fits")
        lon, lat = tile_positions(tree.order, cell, np.arange(512), np.arange(512))
        at_x, at_y = wcs.all_world2pix(lon, lat, 0)
        near = np.isfinite(tile) & (np.hypot(at_x - SOURCE[0], at_y - SOURCE[1]) < 3 * FWHM)
        values.append(tile[near])
        x.append(at_x[near])
        y.append(at_y[near])
    flux, x, y = (np.concatenate(parts).astype(np.float64) for parts in (values, x, y))
    found = flux.sum() * side**2 / np.radians(0.05 * ARCSEC) ** 2
    assert found == pytest.approx(2 * np.pi * (FWHM / 2.354820045) ** 2, rel=0.01)
    place = (flux * x).sum() / flux.sum(), (flux * y).sum() / flux.sum()
    assert np.hypot(place[0] - SOURCE[0], place[1] - SOURCE[1]) < 0.1


def test_values_are_those_of_the_channel(house: LiveHouse, door: LiveDoor) -> None:
    # HIPS-100, CHK-H10: bilinear values where cdshealpix says each pixel is, by astropy's WCS and scipy
    cube, wcs, tree = channels(), house.wcs("cube"), checked(door, "cube")
    for frame in (1, 3, 5):
        compared = 0
        for cell in tree.moc.to_order(tree.order).flatten().tolist():
            stem = f"Norder{tree.order}/Dir{cell // 10000 * 10000}/Npix{cell}_{frame}"
            tile = door.values("cube", f"{stem}.fits")
            rows, columns = (np.flatnonzero(np.isfinite(tile).any(axis=axis)) for axis in (1, 0))
            lon, lat = tile_positions(tree.order, cell, rows, columns)
            x, y = wcs.all_world2pix(lon, lat, 0)
            truth = map_coordinates(cube[frame], [y, x], order=1, cval=np.nan)
            seen = tile[np.ix_(rows, columns)]
            # blank alike, but where scipy lets a pixel beside count with a weight of nearly nothing
            assert (np.isfinite(truth) != np.isfinite(seen)).mean() < 0.01
            known = np.isfinite(truth) & np.isfinite(seen)
            compared += int(known.sum())
            np.testing.assert_allclose(seen[known], truth[known], rtol=1e-3, atol=2e-3)
        assert compared > 2000


def test_frames_are_described(door: LiveDoor) -> None:
    # HIPS-062, HIPS-101, CHK-H02
    told = door.properties("cube")
    assert (told["hips_cube_depth"], told["hips_cube_firstframe"]) == (str(CHANNELS), str(PEAK))
    for frame in range(CHANNELS):
        value = float(told["data_cube_crval3"])
        value += (frame + 1 - float(told["data_cube_crpix3"])) * float(told["data_cube_cdelt3"])
        assert value == pytest.approx(FIRST_HZ + frame * STEP_HZ, rel=1e-12)
    assert told["data_cube_bunit3"] == "Hz" and "LSRK" in told["obs_description"]
    image = door.properties("fine")
    assert image["dataproduct_type"] == "image"
    assert not [key for key in image if "cube" in key]


def cell_at(door: LiveDoor, name: str, order: int) -> int:
    return int(checked(door, name).moc.to_order(order).flatten()[0])


def test_first_last_and_no_further_frame(door: LiveDoor) -> None:
    # CHK-H17; a frame without a number has blank tiles, so that each has the same ones (HIPS-007, HIPS-100)
    order = int(door.properties("cube")["hips_order"])
    for at in (0, 3, order):
        cell = cell_at(door, "cube", at)
        stem = f"Norder{at}/Dir{cell // 10000 * 10000}/Npix{cell}"
        for ending in ("fits", "png"):
            for mark in ("", "_1", f"_{CHANNELS - 1}"):
                assert door.tree("cube", f"{stem}{mark}.{ending}").status_code == 200, (stem, mark)
            for mark in (f"_{CHANNELS}", "_0", "_99999", "_01"):
                assert door.tree("cube", f"{stem}{mark}.{ending}").status_code == 404
            assert door.tree("fine", f"{stem}_1.{ending}").status_code == 404
    assert door.tree("cube", f"Norder3/Allsky_{CHANNELS}.png").status_code == 404


def test_a_frame_without_a_number_is_blank(door: LiveDoor) -> None:
    cell = cell_at(door, "cube", 5)
    tile = door.tree("cube", f"Norder5/Dir{cell // 10000 * 10000}/Npix{cell}.fits")
    with fits.open(io.BytesIO(tile.content)) as hdus:
        assert np.isnan(hdus[0].data).all() and hdus[0].data.shape == (512, 512)
        assert (hdus[0].header["ORDER"], hdus[0].header["NPIX"]) == (5, cell)
    for path in (f"Norder5/Dir{cell // 10000 * 10000}/Npix{cell}.png", "Norder3/Allsky.png"):
        picture = Image.open(io.BytesIO(door.tree("cube", path).content))
        assert (np.asarray(picture.convert("LA"))[..., 1] == 0).all()


def test_one_transfer_function_for_all_frames(door: LiveDoor) -> None:
    # HIPS-029: as properties have it
    told = door.properties("cube")
    softening = float(re.search(r"asinh\(v / ([\d.e+-]+)\)", told["hips_processing"]).group(1))
    first, last = (np.arcsinh(float(end) / softening) for end in told["hips_pixel_cut"].split())
    order = int(told["hips_order"])
    cell = cell_at(door, "cube", order)
    for frame in (1, 2, 5):
        stem = f"Norder{order}/Dir{cell // 10000 * 10000}/Npix{cell}_{frame}"
        values = door.values("cube", f"{stem}.fits").astype(np.float64)[::-1]
        seen = np.asarray(Image.open(io.BytesIO(door.tree("cube", f"{stem}.png").content)).convert("LA"))
        known = np.isfinite(values)
        np.testing.assert_array_equal(seen[..., 1] > 0, known)
        greys = 1 + 254 * np.clip((np.arcsinh(values[known] / softening) - first) / (last - first), 0, 1)
        assert np.abs(seen[..., 0][known] - np.floor(greys)).max() <= 1


def test_greys_go_by_what_was_measured(house: LiveHouse, door: LiveDoor) -> None:
    names = door.names
    measured = {row["dataset_id"]: row for row in house.read("holdings.measurement")}
    told = door.properties("cube")
    assert "chosen by the measured noise and peak" in told["hips_processing"]
    low, high = map(float, told["hips_pixel_cut"].split())
    assert low == pytest.approx(-3.0 * measured[names["cube"]]["rms"], rel=1e-3)
    assert high == pytest.approx(measured[names["cube"]]["peak"], rel=1e-3)
    assert tuple(map(float, told["hips_data_range"].split())) == pytest.approx(
        (np.nanmin(channels()), np.nanmax(channels())), rel=1e-4
    )


def test_the_coverage_is_that_of_all_frames(door: LiveDoor) -> None:
    # HIPS-080, HIPS-081: by the places of the tile pixels that hold data in any frame
    tree = checked(door, "cube")
    deepest, found = tree.moc.max_order, set()
    assert deepest == tree.order + 3
    for frame in range(1, CHANNELS):
        for cell in tree.moc.to_order(tree.order).flatten().tolist():
            stem = f"Norder{tree.order}/Dir{cell // 10000 * 10000}/Npix{cell}_{frame}"
            rows, columns = np.nonzero(np.isfinite(door.values("cube", f"{stem}.fits")))
            lon, lat = tile_positions(tree.order, cell, np.arange(512), np.arange(512))
            place = Longitude(lon[rows, columns], "deg"), Latitude(lat[rows, columns], "deg")
            found |= set(cdshealpix.nested.lonlat_to_healpix(*place, deepest).tolist())
    assert found == set(tree.moc.flatten().tolist())


def test_where_a_client_begins(door: LiveDoor) -> None:
    # HIPS-063
    told = door.properties("cube")
    assert float(told["hips_initial_ra"]) == pytest.approx(204.25, abs=1e-4)
    assert float(told["hips_initial_dec"]) == pytest.approx(-29.87, abs=1e-4)
    assert 52 * 0.5 * ARCSEC < float(told["hips_initial_fov"]) < 100 * 0.5 * ARCSEC


def test_the_same_again_when_nothing_is_kept(house: LiveHouse, door: LiveDoor) -> None:
    cell = cell_at(door, "cube", 8)
    paths = [f"Norder8/Dir{cell // 10000 * 10000}/Npix{cell}_3.{ending}" for ending in ("fits", "png")]
    paths += ["properties", "Moc.fits", "preview.jpg", "Norder3/Allsky_3.fits", "index.html"]
    before = [door.tree("cube", path) for path in paths]
    for kept in (house.home / "cache").iterdir():
        if kept.is_file():
            kept.unlink()
    for path, first in zip(paths, before, strict=True):
        again = door.tree("cube", path)
        assert (again.content, again.headers["ETag"]) == (first.content, first.headers["ETag"]), path
