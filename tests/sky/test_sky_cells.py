"""Cells by arithmetic, against cdshealpix."""

from __future__ import annotations

import cdshealpix.nested
import numpy as np
import pytest
from astropy.coordinates import Latitude, Longitude

from vo_service.sky import unit_vectors
from vo_service.sky.cells import cell_of, edges_of, middles_of


@pytest.mark.parametrize("order", [0, 1, 2, 5, 12, 20, 29])
def test_middles(order: int) -> None:
    random = np.random.default_rng(order)
    cells = random.integers(0, 12 * 4**order, 2000).astype(np.uint64)
    lon, lat = cdshealpix.nested.healpix_to_lonlat(cells, order)
    found = middles_of(cells, order)
    assert np.abs(found - unit_vectors(lon.deg, lat.deg)).max() < 3e-15
    assert np.abs(np.linalg.norm(found, axis=1) - 1.0).max() < 1e-15
    assert [cell_of(place, order) for place in found[:300]] == cells[:300].tolist()


@pytest.mark.parametrize("order", [0, 1, 6, 18])
def test_edges(order: int) -> None:
    """Corners and places between them, whatever the order in which they come."""
    cells = np.random.default_rng(order).integers(0, 12 * 4**order, 60).astype(np.uint64)
    lon, lat = cdshealpix.nested.vertices(cells, order, step=3)
    wanted = unit_vectors(lon.deg.ravel(), lat.deg.ravel()).reshape(len(cells), -1, 3)
    found = edges_of(cells, order, 3)
    assert found.shape == wanted.shape
    apart = np.abs(found[:, :, None, :] - wanted[:, None, :, :]).max(axis=3)
    assert apart.min(axis=1).max() < 1e-14 and apart.min(axis=2).max() < 1e-14


@pytest.mark.parametrize("order", [0, 3, 10, 29])
def test_cell_of_a_place(order: int) -> None:
    random = np.random.default_rng(order)
    lon, lat = random.uniform(0, 360, 1500), np.degrees(np.arcsin(random.uniform(-1, 1, 1500)))
    lat[:300] = random.uniform(89.99, 90.0, 300)
    lat[300:600] = -lat[:300]
    wanted = cdshealpix.nested.lonlat_to_healpix(Longitude(lon, unit="deg"), Latitude(lat, unit="deg"), order)
    found = [cell_of(place, order) for place in unit_vectors(lon, lat)]
    assert found == wanted.astype(np.int64).tolist()


def test_corners_of_the_grid() -> None:
    """At corners and poles one of the cells that share them, whatever the order."""
    for lon, lat, cells in ((0, 90, range(4)), (77, -90, range(8, 12)), (0, 0, (4,)), (45, 0, (0, 4, 5, 8))):
        for order in (0, 1, 7, 29):
            assert cell_of(unit_vectors(lon, lat)[0], order) >> (2 * order) in cells
