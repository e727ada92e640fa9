"""One reading for all pictures: planes, peaks and blocks are those of numpy, in bounded memory."""

from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pictures import InMemory, plane_of

from vo_service.pixels.compute.reader import SLAB_BYTES
from vo_service.pixels.quicklook.layers import Layers, layers_of
from vo_service.pixels.quicklook.survey import SIDE, mean_of, outstanding_of, plate_of, survey_image
from vo_service.pixels.quicklook.words import NothingToDraw


@given(st.permutations(range(4)), st.integers(0, 2**32 - 1), st.booleans())
def test_a_cube_of_any_order_of_axes_gives_its_peaks(order: list[int], seed: int, whole: bool) -> None:
    rng = np.random.default_rng(seed)
    cube = rng.normal(size=(2, 5, 4, 3))  # polarisation, channel, row, column
    if not whole:
        cube[rng.random(cube.shape) < 0.5] = np.nan
        cube[:, 2] = np.nan
        cube[0, 0, 0, 0] = np.inf
    stored = cube.transpose(order)
    place = [3 - order.index(axis) for axis in range(4)]  # of each axis of the cube, in FITS order
    across, up = sorted((place[3], place[2]))
    plane = np.where(np.isfinite(cube[1]), cube[1], np.nan)
    if across == place[2]:
        plane = plane.transpose(0, 2, 1)
    if np.isnan(plane).all():
        return
    survey = survey_image(InMemory(stored), Layers(across, up, place[1], ((place[0], 1),)))
    filled = np.where(np.isnan(plane), -np.inf, plane)
    assert np.array_equal(survey.plate.values, np.where(filled.max(0) > -np.inf, filled.max(0), np.nan), True)
    peaks = survey.peaks
    assert peaks is not None
    channels = filled.max(axis=(1, 2))
    assert np.array_equal(peaks.highest, np.where(channels > -np.inf, channels, np.nan), True)
    x, y = peaks.place
    assert filled[:, y, x].max() == filled.max() == survey.plate.highest
    assert np.array_equal(peaks.through, plane[:, y, x], True)


def test_the_plane_is_the_celestial_pair_or_else_what_is_longer_than_a_pixel() -> None:
    celestial = plane_of(6, 5).celestial
    assert layers_of((6, 5, 7, 4), celestial, 2, ((3, 1),)) == Layers(0, 1, 2, ((3, 1),))
    assert layers_of((6, 5, 1), celestial, 2) == Layers(0, 1, None)
    assert layers_of((6, 1, 7)) == Layers(0, 2)
    assert layers_of((6, 7), None, 1) == Layers(0, 1)  # position and velocity
    assert layers_of((1, 1, 9), None, 2) == Layers(0, 2)
    for axes in ((9,), ()):
        with pytest.raises(NothingToDraw, match="no plane"):
            layers_of(axes)


@pytest.mark.parametrize("shape", [(4, 5), (3, 4, 5)], ids=["image", "cube"])
def test_an_image_without_a_number_is_no_picture(shape: tuple[int, ...]) -> None:
    values = np.full(shape, np.nan, np.float32)
    with pytest.raises(NothingToDraw, match="number"):
        survey_image(InMemory(values), Layers(0, 1, 2 if len(shape) == 3 else None))
    with pytest.raises(NothingToDraw, match="number"):
        plate_of(np.where(np.isnan(values[-1]), np.inf, 0.0).reshape(-1, 1), mean_of)


@pytest.mark.parametrize("size", [(2161, 15), (17, 2900), (1441, 1000)], ids=str)
def test_blocks_are_means_of_what_is_known(size: tuple[int, int]) -> None:
    rng = np.random.default_rng(3)
    values = rng.normal(5.0, 1.0, size=size)
    values[rng.random(size) < 0.3] = np.nan
    values[:12, :12] = np.nan
    plate = plate_of(values, mean_of)
    assert max(plate.values.shape) in range(SIDE, 2 * SIDE) and plate.block == max(size) // SIDE
    for row, column in [(0, 0), (1, 0), (plate.values.shape[0] - 1, plate.values.shape[1] - 1), (-1, 0)]:
        row %= plate.values.shape[0]
        part = values[row * plate.block :, column * plate.block :][: plate.block, : plate.block]
        known = part[np.isfinite(part)]
        if known.size:
            assert plate.values[row, column] == pytest.approx(known.mean(), rel=1e-12)
        else:
            assert np.isnan(plate.values[row, column])
    assert np.isnan(plate.values[0, 0])


def test_a_point_source_outlives_large_blocks_and_noise_does_not() -> None:
    rng = np.random.default_rng(4)
    image = rng.normal(size=(600, 9000)).astype(np.float32)
    image[:, 6000:] += 7000.0  # on a bright field
    image[400:403, 1234:1237] = 50.0
    image[100:102, 7777:7779] = 6950.0  # a shadow
    reader = InMemory(image)
    plate = survey_image(reader, Layers(0, 1)).plate
    assert plate.block == 13 and plate.values.shape == (47, 693)
    assert plate.values[400 // 13, 1234 // 13] == 50.0
    assert plate.values[100 // 13, 7777 // 13] == 6950.0
    assert plate.highest == image.max()
    mean = plate_of(image, mean_of).values
    others = np.ones(mean.shape, bool)
    others[400 // 13, 1234 // 13 : 1236 // 13 + 1] = others[100 // 13, 7777 // 13 : 7778 // 13 + 1] = False
    assert np.mean(plate.values[others] == mean[others]) > 0.999
    assert np.array_equal(outstanding_of(np.full((2, 6, 3, 6), 3.3)), np.full((2, 3), 3.3))


@pytest.mark.parametrize("axes", [(400, 3000, 2), (600000, 4, 3)], ids=str)
def test_rows_of_channels_that_are_read_in_parts(axes: tuple[int, int, int]) -> None:
    stored = np.random.default_rng(6).normal(size=axes[::-1]).astype(np.float32)  # row, column, channel
    reader = InMemory(stored)
    survey = survey_image(reader, Layers(1, 2, 0))
    assert reader.largest < axes[0] * axes[1]  # not even one row at a time
    peaks = survey.peaks
    assert peaks is not None and np.array_equal(peaks.highest, stored.max(axis=(0, 1)))
    row, column, _ = np.unravel_index(stored.argmax(), stored.shape)
    assert peaks.place == (column, row) and survey.plate.highest == stored.max()
    assert np.array_equal(peaks.through, stored[row, column])
    peak, block = stored.max(axis=2), survey.plate.block
    wanted = [peak[:, first : first + block] for first in range(0, axes[1], block)]
    if block == 1:
        assert np.array_equal(survey.plate.values, peak)
    else:
        assert np.allclose(survey.plate.values[0], [part.mean() for part in wanted], rtol=1e-5)


LONG = {"column": (300, 200000, 1), "row": (300, 1, 200000), "strip": (2, 3, 200000), "wide": (300, 90000)}


@pytest.mark.parametrize("shape", LONG.values(), ids=list(LONG))
def test_long_and_narrow_images_take_no_more_memory(shape: tuple[int, ...]) -> None:
    reader = InMemory(np.broadcast_to(np.float32(1.5), shape))
    tracemalloc.start()
    plate = survey_image(reader, Layers(0, 1, 2 if len(shape) == 3 else None)).plate
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert np.nanmin(plate.values) == np.nanmax(plate.values) == 1.5
    assert plate.values.shape == tuple(-(-length // plate.block) for length in shape[-2:])
    assert most < 100e6


LARGE = {"image": (9000, 9000), "cube": (3, 6000, 6000), "mixed": (5000, 5000, 2)}


@pytest.mark.parametrize("shape", LARGE.values(), ids=list(LARGE))
def test_large_images_are_read_by_slabs_in_flat_memory(shape: tuple[int, ...]) -> None:
    image = np.broadcast_to(np.float32(1.5), shape)  # takes no memory itself
    reader = InMemory(image)
    layers = {2: Layers(0, 1), 3: Layers(0, 1, 2)}[len(shape)] if shape[-1] > 2 else Layers(1, 2, 0)
    tracemalloc.start()
    plate = survey_image(reader, layers).plate
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert np.nanmin(plate.values) == np.nanmax(plate.values) == 1.5
    assert reader.largest * 8 <= SLAB_BYTES
    assert most < 100e6 < image.size * 4
