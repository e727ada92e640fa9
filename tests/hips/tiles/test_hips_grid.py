"""Where the pixels of tiles lie, against cdshealpix and the formulas of the standard."""

from __future__ import annotations

import math

import cdshealpix.nested
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hips.tiles.grid import (
    WIDTH,
    order_for,
    pixel_cells,
    pixel_side,
    pixel_vectors,
    place_below,
    place_in_base_cell,
    quarter_of,
)
from vo_service.sky import unit_vectors

tiles = st.integers(0, 20).flatmap(lambda order: st.tuples(st.just(order), st.integers(0, 12 * 4**order - 1)))


def from_the_library(cells: np.ndarray, order: int) -> np.ndarray:
    lon, lat = cdshealpix.nested.healpix_to_lonlat(cells.ravel(), order)
    return unit_vectors(lon.deg, lat.deg).reshape(*cells.shape, 3)


@given(tiles, st.lists(st.integers(0, 511), min_size=1, max_size=5))
def test_pixels_are_where_the_library_has_the_cells_nine_orders_below(tile, places):
    # HIPS-002, HIPS-020
    order, cell = tile
    at = np.array(places)
    cells = pixel_cells(order, cell, at[:, None], at[None, :])
    ours = pixel_vectors(order, cell, at.astype(float), at.astype(float))
    apart = np.linalg.norm(ours - from_the_library(cells, order + 9), axis=-1)
    assert apart.max() < max(1e-6 * math.radians(pixel_side(order)), 1e-15)


def corner(tile: tuple[int, int], row: int, column: int) -> tuple[float, float]:
    """Longitude, within 180 degrees either way, and latitude."""
    x, y, z = pixel_vectors(*tile, np.array([float(row)]), np.array([float(column)]))[0, 0]
    return math.degrees(math.atan2(y, x)), math.degrees(math.asin(z))


@pytest.mark.parametrize("tile", [(3, 279), (5, 4500)])
def test_corners_of_the_array_are_east_north_south_and_west(tile):
    # HIPS-021: first stored pixel East, end of the first row North, start of the last row South, last West
    east, north = corner(tile, 0, 0), corner(tile, 0, 511)
    south, west = corner(tile, 511, 0), corner(tile, 511, 511)
    assert east[0] > max(north[0], south[0]) > west[0]
    assert north[1] > max(east[1], west[1]) > south[1]


def test_children_and_deeper_tiles_take_their_places_in_the_parent():
    # HIPS-002: pixels of a child lie within the pixels of the parent that are said to be its own
    order, cell = 4, 1234
    every = np.arange(WIDTH)
    parent = pixel_cells(order, cell, every[:, None], every[None, :])
    for child in range(4):
        rows, columns = quarter_of(child)
        assert set((parent[rows, columns] >> 16).ravel()) == {4 * cell + child}
        assert place_below(order, cell, order + 1, 4 * cell + child) == (rows, columns)
    for below in (order + 3, order + 9, order + 14):
        within = (cell << (2 * (below - order))) + 4 ** (below - order) // 3
        rows, columns = place_below(order, cell, below, within)
        held = parent[rows, columns]
        assert held.shape == (max(1, 512 >> (below - order)),) * 2
        steps = 2 * (below - order - 9)
        assert set((held << steps if steps > 0 else held >> -steps).ravel()) == {
            within >> max(0, steps) << max(0, steps)
        }
    with pytest.raises(ValueError, match="does not lie in"):
        place_below(order, cell, order + 1, 4 * cell + 4)


def test_order_is_the_first_whose_pixel_is_not_larger_than_the_data():
    # HIPS-006: 10.8" has order 6, 0.2" order 12; never a pixel larger than the data's below the limit
    assert (order_for(10.8 / 3600), order_for(0.2 / 3600)) == (6, 12)
    for scale in np.geomspace(1e-7, 1.0, 200):
        order = order_for(scale)
        assert order in (3, 20) or pixel_side(order) <= scale * (1 + 1e-8) < pixel_side(order - 1) * (
            1 + 1e-8
        )
    assert order_for(pixel_side(9)) == 9
    assert order_for(pixel_side(9) * 0.999) == 10
    assert (order_for(5.0), order_for(1e-12)) == (3, 20)
    for wrong in (0.0, -1.0, math.nan, math.inf):
        with pytest.raises(ValueError, match="above 0"):
            order_for(wrong)


@given(tiles)
def test_place_in_the_base_cell_is_that_of_the_bits(tile):
    order, cell = tile
    base, east, west = place_in_base_cell(order, cell)
    assert 0 <= base < 12
    again = sum((east >> b & 1) << 2 * b | (west >> b & 1) << 2 * b + 1 for b in range(order))
    assert (base << 2 * order) + again == cell
