"""One field on one tile, against cdshealpix, astropy, scipy and the exact method of reproject."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import cdshealpix.nested
import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS
from hypothesis import given, settings
from hypothesis import strategies as st
from made_fields import ARCSEC, OpenFile, header_of, plane_of, sources_of
from reproject import reproject_exact, reproject_interp
from scipy.ndimage import map_coordinates

from hips.images import resample as resampling
from hips.images.engine import Wanted
from hips.images.mapping import Mapping
from hips.images.resample import Reproject, resample
from hips.tiles.files import wcs_cards
from hips.tiles.grid import order_for, pixel_cells, pixel_side
from hips.tiles.touched import touched_cells

EVERY = np.arange(512)
PLACES = [
    (10.0, 10.0),
    (0.0, 0.0),
    (180.0, 0.0),
    (180.0, 41.8103149),
    (0.0, -41.81),
    (40.0, 89.9999),
    (7.0, -90.0),
]


def places_by_the_libraries(header: fits.Header, order: int, cell: int) -> np.ndarray:
    """x and y (2, 512, 512) in the image of all pixels of a tile."""
    cells = pixel_cells(order, cell, EVERY[:, None], EVERY[None, :])
    lon, lat = cdshealpix.nested.healpix_to_lonlat(cells.ravel(), order + 9)
    return np.array(WCS(header).all_world2pix(lon.deg, lat.deg, 0)).reshape(2, 512, 512)


def a_plane(header: fits.Header, values: np.ndarray, weights: np.ndarray | None = None) -> OpenFile:
    size = values.shape[1], values.shape[0]
    return OpenFile(plane_of(header, size), size, values, weights)


@settings(max_examples=40)
@given(
    place=st.sampled_from(PLACES),
    pixel=st.sampled_from([1e-4, 0.05, 1.0, 60.0]),
    projection=st.sampled_from(["TAN", "SIN", "ARC"]),
    turned=st.sampled_from([0.0, 37.0]),
    pick=st.integers(0, 10**6),
)
def test_places_are_those_of_the_libraries_within_a_thousandth_of_a_pixel(
    place, pixel, projection, turned, pick
):
    size = (700, 600)
    header = header_of(*place, pixel * ARCSEC, size, projection, turned)
    order = order_for(pixel * ARCSEC)
    sky = plane_of(header, size)
    cells = touched_cells(sky, size, order)
    cell = int(cells[pick % len(cells)])
    found = Mapping(sky, order, cell).places(slice(0, 512), slice(0, 512))
    truth = places_by_the_libraries(header, order, cell)
    inside = (np.abs(truth - np.array(size)[:, None, None] / 2) < 500).all(axis=0)
    assert inside.any()
    slack = 1e-3 + 1e-9 / pixel  # positions in degrees have no more digits than that
    assert np.abs(found - truth)[:, inside].max() < slack


def test_values_are_bilinear_between_pixels_and_blank_beside_them():
    rng = np.random.default_rng(5)
    size, scale = (400, 300), 0.05 * ARCSEC
    header, order = header_of(187.7, 12.4, scale, size, turned=20.0), order_for(scale)
    values = rng.normal(size=size[::-1]).astype(np.float32)
    values[100:140, 200:260] = np.nan
    plane = a_plane(header, values)
    seen = 0
    for cell in touched_cells(plane.sky, size, order):
        part = resample(plane, order, int(cell))
        x, y = places_by_the_libraries(header, order, int(cell))
        inside = (x >= -0.5) & (x <= size[0] - 0.5) & (y >= -0.5) & (y <= size[1] - 0.5)
        truth = map_coordinates(
            values.astype(np.float64), [np.clip(y, 0, size[1] - 1), np.clip(x, 0, size[0] - 1)], order=1
        )
        truth[~inside] = np.nan
        if part is None:
            assert np.isnan(truth).all()
            continue
        assert part.weights is None
        assert part.values.dtype == np.float32
        assert part.values.shape == (512, 512)
        # no average with blanks (HIPS-025): NaN where one of the four neighbours is
        rim = (
            np.minimum.reduce([abs(x + 0.5), abs(y + 0.5), abs(x - size[0] + 0.5), abs(y - size[1] + 0.5)])
            < 0.01
        )
        assert (np.isnan(part.values) == np.isnan(truth))[~rim].mean() > 0.9999
        both = ~np.isnan(part.values) & ~np.isnan(truth)
        assert np.abs(part.values - truth)[both].max() < 0.01
        seen += int(both.sum())
    assert seen > 100_000


def read_back(plane: OpenFile, order: int, near: np.ndarray, reach: float) -> tuple[float, np.ndarray]:
    """Sum of values times solid angle (sr), and the centroid, of all tiles within ``reach`` (radians)."""
    flux, moment = 0.0, np.zeros(3)
    for cell in touched_cells(plane.sky, plane.size, order):
        part = resample(plane, order, int(cell))
        if part is None:
            continue
        cells = pixel_cells(order, int(cell), EVERY[:, None], EVERY[None, :])
        lon, lat = cdshealpix.nested.healpix_to_lonlat(cells.ravel(), order + 9)
        lon, lat = lon.rad, lat.rad
        xyz = np.column_stack([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
        held = (np.linalg.norm(xyz - near, axis=1) < reach) & ~np.isnan(part.values.ravel())
        counted = part.values.ravel()[held].astype(np.float64)
        flux += counted.sum() * math.radians(pixel_side(order)) ** 2
        moment += counted @ xyz[held]
    return flux, moment / np.linalg.norm(moment)


@pytest.mark.parametrize("place", PLACES, ids=lambda place: f"{place[0]:g},{place[1]:g}")
@pytest.mark.parametrize("pixel", [0.05, 3e-3])
def test_a_planted_source_keeps_its_flux_and_its_position(place, pixel):
    # flux within 1 %, position within 0.1 pixel, of a beam of 4 pixels
    size, scale, width = (160, 140), pixel * ARCSEC, 4.0
    header, order = header_of(*place, scale, size, turned=10.0), order_for(scale)
    at = (70.3, 77.8)
    values = sources_of(size, [(*at, 3.0)], width).astype(np.float32)
    plane = a_plane(header, values)
    lon, lat = np.radians(WCS(header).all_pix2world(*at, 0))
    near = np.array([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
    flux, centre = read_back(plane, order, near, 20 * math.radians(scale))
    truth = 3.0 * math.pi * width**2 / (4.0 * math.log(2.0)) * math.radians(scale) ** 2
    assert flux == pytest.approx(truth, rel=0.01)
    assert np.linalg.norm(centre - near) < 0.1 * math.radians(scale)


def test_fluxes_are_those_of_the_exact_method_on_a_tangential_grid():
    # the tiles and reproject_exact, which keeps fluxes, say the same of two sources within 1 %
    size, scale, width = (160, 140), 0.05 * ARCSEC, 4.0
    header, order = header_of(53.1, -27.8, scale, size, turned=10.0), order_for(scale)
    places = [(50.3, 77.8), (110.9, 60.2)]
    values = sources_of(size, [(*places[0], 3.0), (*places[1], 1.0)], width).astype(np.float32)
    grid = header_of(53.1, -27.8, pixel_side(order), (260, 260))
    exact, _ = reproject_exact((values, WCS(header)), WCS(grid), shape_out=(260, 260))
    y, x = np.mgrid[0:260, 0:260]
    for at in places:
        lon, lat = WCS(header).all_pix2world(*at, 0)
        to = WCS(grid).all_world2pix(lon, lat, 0)
        held = np.hypot(x - to[0], y - to[1]) < 20 * scale / pixel_side(order)
        truth = np.nansum(exact[held]) * math.radians(pixel_side(order)) ** 2
        lon, lat = np.radians([lon, lat])
        near = np.array([np.cos(lat) * np.cos(lon), np.cos(lat) * np.sin(lon), np.sin(lat)])
        flux, _ = read_back(a_plane(header, values), order, near, 20 * math.radians(scale))
        assert flux == pytest.approx(truth, rel=0.01)


def test_weights_come_with_the_values_and_what_counts_nothing_is_blank():
    size, scale = (100, 100), 1.0 * ARCSEC
    header, order = header_of(10.0, 10.0, scale, size), order_for(scale)
    x = np.mgrid[0:100, 0:100][1].astype(np.float32)
    weights = np.exp(-((x - 50) ** 2) / 800.0)
    weights[:, :20] = 0.0
    weights[:, 90:] = np.nan
    plane = a_plane(header, x, weights)
    parts = [resample(plane, order, int(cell)) for cell in touched_cells(plane.sky, size, order)]
    held = [part for part in parts if part is not None]
    assert held
    for part in held:
        assert part.weights is not None
        assert (np.isnan(part.values) == np.isnan(part.weights)).all()
        counted = ~np.isnan(part.values)
        # the value tells the place, so the weight there is known
        at = part.values[counted].astype(np.float64)
        assert at.min() >= 20.0
        assert at.max() <= 89.0
        truth = np.interp(at, np.arange(20, 90), weights[0, 20:90])
        assert np.abs(part.weights[counted] - truth).max() < 1e-5


def test_only_what_a_tile_needs_is_read_and_never_more_than_the_limit(monkeypatch):
    size, scale = (3000, 3000), 0.2 * ARCSEC
    header, order = header_of(200.0, 41.8103, scale, size), order_for(scale)
    values = np.random.default_rng(1).normal(size=size[::-1]).astype(np.float32)
    boxes: list[int] = []

    class Watched(OpenFile):
        def values(self, x, y):
            boxes.append((x[1] - x[0]) * (y[1] - y[0]))
            return super().values(x, y)

    plane = Watched(plane_of(header, size), size, values, None)
    cells = touched_cells(plane.sky, size, order)
    whole = {int(cell): resample(plane, order, int(cell)) for cell in cells[:12]}
    assert 0 < max(boxes) < 1000 * 1000  # a tile is 512 pixels of 1/2 to 1 of the image's
    boxes.clear()
    monkeypatch.setattr(resampling, "BOX_PIXELS", 20_000)
    for cell, part in whole.items():
        again = resample(plane, order, cell)
        assert (part is None) == (again is None)
        if part is not None:
            np.testing.assert_array_equal(part.values, again.values)
    assert 0 < max(boxes) <= 20_000
    boxes.clear()
    assert resample(plane, 3, int(cells[0] >> 2 * (order - 3))) is not None  # a far too coarse tile
    assert max(boxes) <= 20_000


def test_the_whole_sky_in_one_image():
    # a plate carree of all longitudes: its edge, the poles and the other side of the sky are told right
    size = (720, 360)
    header = header_of(30.0, 0.0, 0.5, size, "CAR")
    y, x = np.mgrid[0:360, 0:720]
    lon, lat = np.radians(WCS(header).all_pix2world(x.ravel(), y.ravel(), 0))
    values = np.sin(lat) + np.cos(lat) * np.cos(lon)
    plane = a_plane(header, values.reshape(360, 720).astype(np.float32))
    filled = []
    for cell in range(0, 768, 37):
        part = resample(plane, 3, cell)
        assert part is not None
        lon, lat = cdshealpix.nested.healpix_to_lonlat(
            pixel_cells(3, cell, EVERY[:, None], EVERY[None, :]).ravel(), 12
        )
        valid = ~np.isnan(part.values).ravel()
        truth = (np.sin(lat.rad) + np.cos(lat.rad) * np.cos(lon.rad))[valid]
        assert np.abs(part.values.ravel()[valid] - truth).max() < 0.01
        filled.append(valid.mean())
    assert np.mean(filled) > 0.999


def test_a_tile_of_the_library_itself_is_the_same():
    # reproject_interp onto the WCS of a tile, which needs 3 times as long, gives the same values
    size, scale = (300, 300), 0.3 * ARCSEC
    header, order = header_of(266.4, -29.0, scale, size), order_for(scale)
    values = np.random.default_rng(3).normal(size=size[::-1]).astype(np.float32)
    plane = a_plane(header, values)
    cells = [int(cell) for cell in touched_cells(plane.sky, size, order)]
    parts = {cell: part for cell in cells if (part := resample(plane, order, cell)) is not None}
    assert parts
    cell = max(parts, key=lambda cell: int((~np.isnan(parts[cell].values)).sum()))
    truth = reproject_interp(
        (values, WCS(header)),
        WCS(fits.Header(wcs_cards(order, cell))),
        shape_out=(512, 512),
        roundtrip_coords=False,
        return_footprint=False,
    )
    both = ~np.isnan(truth) & ~np.isnan(parts[cell].values)
    assert both.sum() > 10_000
    assert np.abs(truth - parts[cell].values)[both].max() < 0.01


def test_nothing_of_a_blank_image_or_beside_one():
    header = header_of(10.0, 10.0, ARCSEC, (50, 50))
    blank = a_plane(header, np.full((50, 50), np.nan, dtype=np.float32))
    order = order_for(ARCSEC)
    assert all(
        resample(blank, order, int(cell)) is None for cell in touched_cells(blank.sky, (50, 50), order)
    )
    full = replace(blank, array=np.ones((50, 50), dtype=np.float32))
    assert resample(full, order, 0) is None


def test_what_is_infinite_is_blank():
    header, order = header_of(10.0, 10.0, ARCSEC, (50, 50)), order_for(ARCSEC)
    values = np.ones((50, 50), dtype=np.float32)
    sound = a_plane(header, values)
    cells = [int(cell) for cell in touched_cells(sound.sky, (50, 50), order)]
    whole = [part.values for cell in cells if (part := resample(sound, order, cell)) is not None]
    values[25, 25] = np.inf
    holed = [part.values for cell in cells if (part := resample(sound, order, cell)) is not None]
    assert len(holed) == len(whole)
    assert {1.0} == {float(one) for tile in holed for one in np.unique(tile[~np.isnan(tile)])}
    assert sum(np.isnan(tile).sum() for tile in holed) > sum(np.isnan(tile).sum() for tile in whole)


def test_the_engine_has_nothing_to_prepare(tmp_path: Path):
    engine, told = Reproject(), []
    sheets = engine.prepare([], tmp_path, lambda *done: told.append(done))
    assert (engine.name, told, dict(sheets.failed)) == ("reproject", [(0, 0)], {})
    assert engine.prepare([Wanted(None, {})] * 3, tmp_path, lambda *done: told.append(done))  # type: ignore[arg-type]
    assert told[-1] == (3, 3)
