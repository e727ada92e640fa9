"""Trees of real products, against astropy and scipy."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.io import fits
from astropy.wcs import WCS
from astropy.wcs.utils import skycoord_to_pixel
from live_house import LiveDoor, LiveHouse, opened
from scipy.ndimage import map_coordinates
from tree_checks import CheckedTree, tile_positions

pytestmark = pytest.mark.data

FILES = {
    "124103_cont_7MTM2_jointdeconv.image.pbcor.fits": 0,
    "ngc4321_subset.fits": 20,
    "Orion.methanol.cbc.contsub.image.fits": 30,
    "tclean_HD135344Bbriggs2.0_self.fits": 0,
    "B5IRS1_C18O_robust05_multi_cut_K_contcorrected_blue.fits": 12,
    "other/n2h+10_37.fits": 504,
}
"""Products, and a frame of each."""


class RealHouse(LiveHouse):
    """Some real products."""

    def names(self) -> dict[str, str]:
        return {row["path"]: row["dataset_id"] for row in self.read("holdings.product")}


@pytest.fixture(scope="module")
def house(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> LiveHouse:
    house = RealHouse(tmp_path_factory.mktemp("real-trees"))
    for name in FILES:
        place = house.place / "products" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes((real_data / "fits" / name).read_bytes())
    house.ingest()
    return house


@pytest.fixture(scope="module")
def door(house: LiveHouse) -> Iterator[LiveDoor]:
    with opened(house, unlisted="open") as door:
        yield door


@pytest.mark.parametrize("name", FILES)
def test_tiles_hold_the_values_of_the_product(house: LiveHouse, door: LiveDoor, name: str) -> None:
    data, header = fits.getdata(house.place / "products" / name, header=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wcs = WCS(header).celestial
    plane = data.reshape(-1, *data.shape[-2:])[FILES[name]].astype(np.float64)
    tree = CheckedTree(door.get(name), np.random.default_rng(1))
    assert int(tree.told.get("hips_cube_depth", "1")) == data.size // plane.size
    mark = f"_{FILES[name]}" if FILES[name] else ""
    compared, scale = 0, np.nanmax(np.abs(plane))
    for cell in tree.moc.to_order(tree.order).flatten().tolist():
        path = f"Norder{tree.order}/Dir{cell // 10000 * 10000}/Npix{cell}{mark}.fits"
        tile = door.values(name, path)
        rows, columns = (np.flatnonzero(np.isfinite(tile).any(axis=axis)) for axis in (1, 0))
        lon, lat = tile_positions(tree.order, cell, rows, columns)
        x, y = skycoord_to_pixel(SkyCoord(lon, lat, unit="deg", frame="icrs"), wcs)
        truth = map_coordinates(plane, [y, x], order=1, cval=np.nan)
        seen = tile[np.ix_(rows, columns)]
        known = np.isfinite(truth) & np.isfinite(seen)
        compared += int(known.sum())
        np.testing.assert_allclose(seen[known], truth[known], atol=2e-3 * scale)
    assert compared > 50


def test_orders_above_are_means(door: LiveDoor) -> None:
    CheckedTree(door.get(next(iter(FILES))), np.random.default_rng(3)).parents()  # CHK-H12
