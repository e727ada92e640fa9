"""Which tiles an image touches, against its pixels one by one."""

from __future__ import annotations

import cdshealpix.nested
import numpy as np
import pytest
from astropy.coordinates import Latitude, Longitude
from astropy.io import fits
from astropy.wcs import WCS
from hypothesis import given, settings
from hypothesis import strategies as st
from made_fields import ARCSEC, header_of, plane_of

from hips.tiles.grid import order_for
from hips.tiles.touched import touched_cells


def by_brute_force(header: fits.Header, size: tuple[int, int], order: int, points: int = 3) -> set[int]:
    """Cells of points all over each pixel, edges included, by astropy and cdshealpix."""
    steps = [np.linspace(-0.5, n - 0.5, n * (points - 1) + 1) for n in size]
    x, y = (part.ravel() for part in np.meshgrid(*steps))
    with np.errstate(invalid="ignore"):
        lon, lat = WCS(header).all_pix2world(x, y, 0)
    known = np.isfinite(lon) & np.isfinite(lat)
    cells = cdshealpix.nested.lonlat_to_healpix(
        Longitude(lon[known], unit="deg"), Latitude(lat[known], unit="deg"), order
    )
    return set(cells.tolist())


def check(header: fits.Header, size: tuple[int, int], order: int, most: float) -> None:
    ours = touched_cells(plane_of(header, size), size, order)
    assert (np.diff(ours) > 0).all()
    truth = by_brute_force(header, size, order)
    assert truth <= set(ours.tolist())
    assert len(ours) <= most * len(truth) + 12


@settings(max_examples=60)
@given(
    ra=st.sampled_from([0.0, 1e-4, 45.0, 90.0, 179.9999, 180.0, 270.0, 359.9999, 123.4]),
    dec=st.sampled_from([-90.0, -89.999, -41.8103, -30.0, 0.0, 1e-5, 41.8103, 60.0, 89.9999, 90.0]),
    pixel=st.sampled_from([0.01, 0.05, 0.7, 30.0]),
    size=st.tuples(st.integers(1, 300), st.integers(1, 300)),
    turned=st.sampled_from([0.0, 30.0, 90.0]),
    projection=st.sampled_from(["TAN", "SIN", "CAR"]),
)
def test_all_tiles_of_an_image_and_few_others(ra, dec, pixel, size, turned, projection):
    if projection == "CAR" and dec != 0.0:
        dec = 0.0  # a plate carree has its reference point on the equator
    scale = pixel * ARCSEC
    header = header_of(ra, dec, scale, size, projection, turned)
    check(header, size, order_for(scale), 3.0)


@pytest.mark.parametrize("projection", ["AIT", "CAR", "TAN", "SIN", "ZEA", "MOL", "TSC", "HPX"])
def test_images_of_half_the_sky_and_all_of_it(projection):
    size, pixel = (360, 180), 1.0
    header = header_of(0.0, 0.0, pixel, size, projection)
    check(header, size, 3, 1.6)


def test_an_image_off_the_projection_touches_nothing():
    header = header_of(10.0, 10.0, 1.0, (50, 50), "SIN")
    header["CRPIX1"] = 2000.0
    assert len(touched_cells(plane_of(header, (50, 50)), (50, 50), 3)) == 0


def test_a_long_image_and_a_large_one():
    check(header_of(83.6, 22.0, 0.3 * ARCSEC, (4000, 3)), (4000, 3), order_for(0.3 * ARCSEC), 3.0)
    # 40,000 x 40,000 pixels: corners and middle are in, and no more cells than its area and edge need
    size, pixel = (40000, 40000), 0.2 * ARCSEC
    header, order = header_of(83.6, 22.0, pixel, size), order_for(pixel)
    ours = touched_cells(plane_of(header, size), size, order)
    lon, lat = WCS(header).all_pix2world([0, 39999, 39999, 0, 20000], [0, 0, 39999, 39999, 20000], 0)
    some = cdshealpix.nested.lonlat_to_healpix(Longitude(lon, unit="deg"), Latitude(lat, unit="deg"), order)
    assert set(some.tolist()) <= set(ours.tolist())
    area = (40000 * pixel) ** 2 / (58.6323 / 2**order) ** 2
    assert area <= len(ours) <= 1.1 * area
