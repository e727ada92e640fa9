"""Parents, pictures and the Allsky, against plain numpy and Pillow."""

from __future__ import annotations

import io
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from hips.tiles.allsky import blank_allsky, place_of, put
from hips.tiles.grid import quarter_of
from hips.tiles.parents import halved, parent_of
from hips.tiles.pictures import Transfer, jpeg_preview, png_greys, png_picture, png_squares, png_tile

finite = st.floats(-1e6, 1e6, width=32)


@given(hnp.arrays(np.float32, (8, 8), elements=st.one_of(finite, st.just(np.float32(np.nan)))))
def test_a_pixel_of_a_parent_is_the_mean_of_those_that_are_not_blank(values):
    # HIPS-010, CHK-H12: blank only if all four are, never an average with blanks
    found = halved(values)
    for row in range(4):
        for column in range(4):
            four = values[2 * row : 2 * row + 2, 2 * column : 2 * column + 2].astype(np.float64)
            known = four[~np.isnan(four)]
            if len(known):
                assert found[row, column] == np.float32(known.mean()) or math.isclose(
                    found[row, column], known.mean(), rel_tol=2e-7, abs_tol=1e-30
                )
            else:
                assert np.isnan(found[row, column])


def test_children_stand_in_their_quarters_and_missing_ones_are_blank():
    children = {child: np.full((512, 512), child + 1, dtype=np.float32) for child in (0, 3)}
    parent = parent_of(children)
    for child in range(4):
        quarter = parent[quarter_of(child)]
        assert quarter.shape == (256, 256)
        assert (quarter == child + 1).all() if child in children else np.isnan(quarter).all()


@given(
    low=st.floats(-1e3, 1e3),
    wide=st.floats(1e-3, 1e6),
    softening=st.floats(1e-3, 1e3),
    seed=st.integers(0, 99),
)
def test_greys_are_those_of_the_formula(low, wide, softening, seed):
    # HIPS-029: one function for the whole tree, 0 for no data alone
    transfer = Transfer(low, low + wide, softening)
    values = np.random.default_rng(seed).uniform(low - wide, low + 2 * wide, (16, 16)).astype(np.float32)
    values[3, 4], values[5, 6], values[7, 8] = np.nan, np.inf, -np.inf
    greys = transfer.greys(values)
    assert (greys == 0).sum() == 1
    assert (greys[3, 4], greys[5, 6], greys[7, 8]) == (0, 255, 1)
    known = np.isfinite(values)
    f = np.arcsinh(values[known].astype(np.float64) / softening)
    first, last = math.asinh(low / softening), math.asinh((low + wide) / softening)
    truth = np.floor(1 + 254 * np.clip((f - first) / (last - first), 0, 1))
    blur = 1 + 254 * 4e-7 * max(1.0, abs(first), abs(last)) / (
        last - first
    )  # float32 may fall on either side
    assert np.abs(greys[known] - truth).max() <= blur


@pytest.mark.parametrize("numbers", [(1, 1, 1), (2, 1, 1), (0, 1, 0), (0, math.nan, 1), (0, math.inf, 1)])
def test_what_is_no_range_is_no_transfer(numbers):
    with pytest.raises(ValueError, match="no range"):
        Transfer(*numbers)


def test_a_png_is_the_tile_turned_once_with_what_is_blank_transparent():
    # HIPS-021, HIPS-022, HIPS-025
    greys = np.random.default_rng(1).integers(0, 256, (512, 512)).astype(np.uint8)
    content = png_tile(greys)
    assert content.startswith(b"\x89PNG\r\n\x1a\n")
    seen = np.asarray(Image.open(io.BytesIO(content)).convert("RGBA"))
    for channel in range(3):
        np.testing.assert_array_equal(seen[..., channel], greys[::-1])
    np.testing.assert_array_equal(seen[..., 3], np.where(greys[::-1] == 0, 0, 255))
    np.testing.assert_array_equal(png_greys(content), greys[::-1])
    wide = png_picture(greys[:10, :37])
    assert Image.open(io.BytesIO(wide)).size == (37, 10)
    assert png_greys(wide).shape == (10, 37)


@pytest.mark.parametrize(("side", "times"), [(512, 1), (256, 2), (32, 16), (1, 512)])
def test_a_png_of_squares_is_that_of_the_pixels_one_by_one(side, times):
    # HIPS-007, HIPS-025: blanks in it, and beside each other what differs by more than half of all greys
    greys = np.random.default_rng(side).integers(0, 256, (side, side)).astype(np.uint8)
    greys[: side // 3] = 0
    content = png_squares(greys, times)
    whole = greys.repeat(times, axis=0).repeat(times, axis=1)
    np.testing.assert_array_equal(png_greys(content), whole)
    seen = np.asarray(Image.open(io.BytesIO(content)).convert("RGBA"))
    np.testing.assert_array_equal(seen[..., 1], whole)
    np.testing.assert_array_equal(seen[..., 3], np.where(whole == 0, 0, 255))


def test_pictures_of_others_are_told():
    buffer = io.BytesIO()
    Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(buffer, "PNG")
    with pytest.raises(ValueError, match="mode RGB"):
        png_greys(buffer.getvalue())
    with pytest.raises(ValueError, match="no PNG"):
        png_greys(b"something")


def test_the_preview_is_a_jpeg_of_256_pixels():
    # HIPS-086
    greys = np.zeros((512, 512), np.uint8)
    greys[:256] = 200  # the first rows of a FITS tile are below in a picture
    content = jpeg_preview(greys)
    assert content[:3] == b"\xff\xd8\xff"
    seen = np.asarray(Image.open(io.BytesIO(content)).convert("L")).astype(int)
    assert seen.shape == (256, 256)
    assert seen[140:].min() > 190 > 10 > seen[:116].max()


def test_tiles_stand_in_the_allsky_in_lines_from_the_top():
    # HIPS-041, HIPS-042, HIPS-043
    picture = blank_allsky()
    assert picture.shape == (1856, 1728)
    held = np.arange(512 * 512, dtype=np.float32).reshape(512, 512)
    held[100:, 200:] = np.nan
    truth = np.nanmean(
        np.where(np.isnan(held), np.nan, held).reshape(64, 8, 64, 8)[:12], axis=(1, 3)
    )  # rows without blanks in a block
    for cell in (0, 26, 27, 357, 767):
        put(picture, cell, held)
        line, column = cell // 27, cell % 27
        from_the_top = picture[::-1][64 * line : 64 * (line + 1), 64 * column : 64 * (column + 1)][::-1]
        np.testing.assert_allclose(from_the_top[:12], truth, rtol=1e-6)
        assert np.isnan(from_the_top[13:, 25:]).all()
        assert picture[place_of(cell)].base is not None
    assert np.isnan(picture).mean() > 0.99
    assert np.isnan(picture[:64, 12 * 64 :]).all()  # the last 15 places
