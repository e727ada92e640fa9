"""Peak spectra: against numpy on the whole array, for blocks of any size."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vo_service.pixels.blocks import Block, Shape, cut_blocks
from vo_service.pixels.spectrum import PlaneSpectrum, SpectrumBuilder


def blocks_of(cube: np.ndarray, block_bytes: int) -> Iterator[Block]:
    planes, rows, columns = cube.shape
    for plane, row, p, r in cut_blocks(Shape(columns, rows, planes), block_bytes, cube.itemsize):
        part = cube[plane : plane + p, row : row + r]
        yield Block(plane, row, part, np.isfinite(part))


def spectrum_of(cube: np.ndarray, block_bytes: int = 1 << 20) -> PlaneSpectrum:
    planes, rows, columns = cube.shape
    builder = SpectrumBuilder(Shape(columns, rows, planes))
    for block in blocks_of(cube, block_bytes):
        for part in block.parts():
            builder.add(part)
    return builder.finish()


def noisy(shape: tuple[int, int, int], blank: float, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    cube = rng.normal(size=shape).astype(np.float32)
    cube[rng.random(shape) < blank] = np.nan
    return cube


@given(
    st.tuples(*[st.integers(1, 7)] * 3),
    st.sampled_from([0.0, 0.3, 0.95, 1.0]),
    st.integers(1, 300),
    st.integers(0, 99),
)
def test_peaks_are_those_of_the_whole_array(
    shape: tuple[int, int, int], blank: float, block_bytes: int, seed: int
) -> None:
    cube = noisy(shape, blank, seed)
    found = spectrum_of(cube, block_bytes)
    for plane, values in enumerate(cube):
        assert found.valid[plane] == np.isfinite(values).sum()
        if np.isfinite(values).any():
            y, x = np.unravel_index(np.nanargmax(values), values.shape)
            assert (found.x[plane], found.y[plane]) == (x + 1, y + 1)
            assert found.peak[plane] == values[y, x]
        else:
            assert math.isnan(found.peak[plane]) and math.isnan(found.rms[plane])
            assert (found.x[plane], found.y[plane]) == (0, 0)
    peak = found.image_peak
    if np.isfinite(cube).any():
        assert peak is not None
        place = np.unravel_index(np.nanargmax(cube), cube.shape)
        assert (peak.plane, peak.y, peak.x) == (place[0], place[1] + 1, place[2] + 1)
    else:
        assert peak is None and math.isnan(found.dynamic_range) and math.isnan(found.image_rms)


@pytest.mark.parametrize("block_bytes", [900, 1 << 14, 1 << 22])
def test_the_noise_of_every_plane_is_its_own(block_bytes: int) -> None:
    rng = np.random.default_rng(11)
    sigma = np.geomspace(1e-4, 1e2, 7)
    noise = rng.normal(size=(7, 150, 220)) * sigma[:, None, None]
    cube = noise.copy()
    cube[3, 20:60, 30:90] += 40 * sigma[3]
    cube[:, :, :20] = np.nan
    found = spectrum_of(cube, block_bytes)
    drawn = noise[:, :, 20:].std(axis=(1, 2))
    assert found.rms == pytest.approx(drawn, rel=0.04)
    assert found.image_rms == pytest.approx(drawn[3], rel=0.04)


def test_dynamic_range_is_the_peak_over_the_noise_of_the_image() -> None:
    cube = noisy((3, 120, 130), 0.0, 4)
    cube[1] *= 10
    cube[2, 50, 60] = 200.0
    found = spectrum_of(cube)
    assert found.image_peak is not None and found.image_peak.plane == 2
    assert found.image_rms == np.median(found.rms)
    assert found.dynamic_range == 200.0 / found.image_rms


def test_planes_that_nobody_wants_are_only_counted() -> None:
    cube = noisy((4, 60, 50), 0.2, 9)
    shape = Shape(50, 60, 4)
    builder = SpectrumBuilder(shape, np.array([False, True, False, True]))
    for block in blocks_of(cube, 2000):
        for part in block.parts():
            builder.add(part)
    found, whole = builder.finish(), spectrum_of(cube)
    assert list(found.valid) == list(whole.valid)
    assert np.isnan(found.peak[[0, 2]]).all() and np.isnan(found.rms[[0, 2]]).all()
    chosen = found.of_planes(np.array([3, 1]))
    assert list(chosen.peak) == [whole.peak[3], whole.peak[1]]
    assert list(chosen.rms) == [whole.rms[3], whole.rms[1]]


def test_infinite_pixels_are_no_peaks() -> None:
    cube = noisy((2, 10, 10), 0.0, 2)
    cube[0, 3, 4] = np.inf
    cube[1, 5, 6] = -np.inf
    found = spectrum_of(cube)
    assert np.isfinite(found.peak).all()
    assert list(found.valid) == [99, 99]


def test_a_plane_without_noise_or_brightness_has_no_dynamic_range() -> None:
    assert math.isnan(spectrum_of(np.zeros((1, 30, 30))).dynamic_range)
    assert math.isnan(spectrum_of(-np.abs(noisy((1, 30, 30), 0.0, 1)) - 1).dynamic_range)
