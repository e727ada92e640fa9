"""MOCs of valid pixels: against mocpy and cells of every pixel by astropy's places."""

from __future__ import annotations

import mocpy
import numpy as np
import pytest
from astropy.coordinates import Latitude, Longitude
from astropy.wcs import WCS
from hypothesis import given
from hypothesis import strategies as st
from sky_images import astropy_area, mask_of, plane_of, sky_header

from vo_service.pixels.coverage import cover_valid, write_moc


def shapes() -> dict[str, np.ndarray]:
    rows, columns = np.mgrid[:150, :200]
    return {
        "disc": np.hypot(columns - 90, rows - 80) <= 60,
        "all": np.ones((150, 200), np.bool_),
        "islands": (np.hypot(columns - 40, rows - 40) <= 30) | (np.hypot(columns - 150, rows - 100) <= 35),
        "speck": (columns == 3) & (rows == 149),
    }


@pytest.mark.parametrize("name", shapes())
@pytest.mark.parametrize("dec", [-89.99, 40.0])
def test_every_valid_pixel_lies_in_the_cover_and_little_else(name: str, dec: float) -> None:
    valid, header = shapes()[name], sky_header(200, 150, dec=dec, ra=0.0)
    order, text = cover_valid(mask_of(valid), plane_of(200, 150, header)) or (-1, "")
    moc = mocpy.MOC.from_string(text)
    assert moc.max_order == order
    rows, columns = np.nonzero(valid)
    lon, lat = WCS(header).wcs_pix2world(columns, rows, 0)
    assert moc.contains_lonlat(Longitude(lon, unit="deg"), Latitude(lat, unit="deg")).all()
    cell = 4 * np.pi / (12 * 4.0**order) * np.degrees(1) ** 2
    area = astropy_area(header, valid)
    assert moc.sky_fraction * 4 * np.pi * np.degrees(1) ** 2 < area + 9 * cell + 8 * np.sqrt(area * cell)
    assert len(moc.flatten()) < 8000


@pytest.mark.parametrize("size", [30, 300, 3000])
def test_the_order_follows_the_pixels_until_the_image_is_large(size: int) -> None:
    order, text = cover_valid(
        mask_of(np.ones((size, size), np.bool_)), plane_of(size, size, sky_header(size, size))
    ) or (-1, "")
    width = max(1.0, size / 64.0)  # arcsec
    side = np.degrees(0.6 / 2.0**order) * 3600
    assert width <= side < 4.5 * width
    assert len(mocpy.MOC.from_string(text).flatten()) < 8000


def test_none_valid_has_no_cover() -> None:
    sky = plane_of(30, 20, sky_header(30, 20))
    assert cover_valid(mask_of(np.zeros((20, 30), np.bool_)), sky) is None


@given(st.integers(0, 9), st.data())
def test_the_text_reads_back_as_the_same_cells(order: int, data: st.DataObject) -> None:
    cells = np.array(
        sorted(data.draw(st.sets(st.integers(0, 12 * 4**order - 1), min_size=1, max_size=60))), np.int64
    )
    family = np.unique(np.concatenate([cells, (cells[:1] >> 2 << 2) + np.arange(4)]))
    family = family[family < 12 * 4**order]
    moc = mocpy.MOC.from_string(write_moc(order, family))
    depths = np.full(len(family), order, np.uint8)
    assert moc == mocpy.MOC.from_healpix_cells(family.astype(np.uint64), depths, max_depth=order)
