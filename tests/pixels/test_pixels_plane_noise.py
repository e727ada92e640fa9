"""Noise of planes: against the noise as drawn, with sources, primary beams and offsets upon it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vo_service.pixels.noise import Grid, estimate_rms
from vo_service.pixels.plane_noise import PlaneSample


def rms_of(plane: np.ndarray, limit: int = 16384) -> float:
    sample = PlaneSample(Grid.over(plane.shape[1], plane.shape[0], limit))
    sample.add(0, plane, np.isfinite(plane))
    return sample.finish()


def robust(values: np.ndarray) -> float:
    values = values[np.isfinite(values)]
    return 1.482602218505602 * float(np.median(np.abs(values - np.median(values))))


def beam_smoothed(rng: np.random.Generator, size: int, sigma: float) -> np.ndarray:
    """Noise of rms about 1 whose pixels are correlated over a Gaussian beam of ``sigma`` pixels."""
    y, x = np.fft.fftfreq(size)[:, None], np.fft.rfftfreq(size)
    fine = np.fft.rfft2(rng.normal(size=(size, size)))
    noise = np.fft.irfft2(fine * np.exp(-2 * (np.pi * sigma) ** 2 * (x * x + y * y)), s=(size, size))
    return noise / noise.std()


def radius(size: int) -> np.ndarray:
    y, x = np.mgrid[:size, :size] - size // 2
    return np.hypot(x, y) / (size // 2)


def blobs(rng: np.random.Generator, size: int, cover: float, peak: float, reach: float) -> np.ndarray:
    """Round sources near the centre that rise above half a sigma over a fraction of the plane."""
    y, x = np.mgrid[:size, :size]
    out = np.zeros((size, size))
    while (out > 0.5).mean() < cover:
        cx, cy = size / 2 + rng.normal(size=2) * reach * size
        width = rng.uniform(0.01, 0.06) * size
        out += rng.uniform(0.2, 1) * peak * np.exp(-((x - cx) ** 2 + (y - cy) ** 2) / (2 * width**2))
    return out


@pytest.mark.parametrize("sigma", [0.01, 1.0, 2.5])
def test_correlated_noise_alone_is_right_to_three_percent(sigma: float) -> None:
    for seed in range(12):
        noise = beam_smoothed(np.random.default_rng(seed), 256, sigma)
        assert rms_of(1e-4 * noise) == pytest.approx(1e-4 * noise.std(), rel=0.03)


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("peak", [8.0, 60.0, 3000.0])
def test_a_fifth_of_the_plane_under_bright_sources_does_little_harm(peak: float, sign: float) -> None:
    ratios = []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        noise = beam_smoothed(rng, 256, 2.0)
        ratios.append(rms_of(noise + sign * blobs(rng, 256, 0.2, peak, 0.2)) / noise.std())
    assert abs(np.mean(ratios) - 1.0) < 0.03
    assert np.ptp(ratios) < 0.1


@pytest.mark.parametrize("size", [72, 128, 700])
@pytest.mark.parametrize("peak", [0.0, 30.0])
def test_after_primary_beam_correction_it_is_the_robust_noise_of_all_valid_pixels(
    size: int, peak: float
) -> None:
    ratios = []
    for seed in range(10):
        rng = np.random.default_rng(seed)
        response = 0.2 ** (radius(size) / 0.95) ** 2
        noise = beam_smoothed(rng, size, 0.02 * size) / response
        source = blobs(rng, size, 0.1, peak, 0.1) if peak else 0.0
        noise[response < 0.2] = np.nan
        ratios.append(rms_of(noise + source) / robust(noise))
    assert abs(np.mean(ratios) - 1.0) < 0.04
    assert np.mean(np.abs(np.array(ratios) - 1.0) < 0.1) >= 0.9


def test_noise_on_a_high_level_is_measured_about_that_level() -> None:
    noise = beam_smoothed(np.random.default_rng(8), 200, 1.5)
    assert rms_of(noise + 6000.0) == pytest.approx(noise.std(), rel=0.05)
    assert rms_of(noise - 50.0) == pytest.approx(noise.std(), rel=0.05)


def test_planes_without_noise_have_no_rms() -> None:
    assert math.isnan(rms_of(np.zeros((90, 90))))
    assert math.isnan(rms_of(np.full((90, 90), np.nan)))
    mask = np.zeros((90, 90))
    mask[20:40, 30:60] = 1.0
    assert math.isnan(rms_of(mask))


def test_where_sources_cover_nearly_all_the_values_alone_are_asked() -> None:
    rng = np.random.default_rng(3)
    plane = rng.normal(size=(100, 100))
    plane[::6, ::6] += 50.0
    assert rms_of(plane) == estimate_rms(np.sort(plane.ravel()))
    assert rms_of(plane) == pytest.approx(1.0, rel=0.05)


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 13), st.integers(0, 5))
def test_rows_in_any_portions_give_the_same_noise(
    columns: int, rows: int, portion: int, blank_rows: int
) -> None:
    rng = np.random.default_rng(columns * rows)
    plane = np.where(rng.random((rows, columns)) < 0.1, np.nan, rng.normal(size=(rows, columns)))
    plane[:blank_rows] = np.nan
    sample = PlaneSample(Grid.over(columns, rows, 900))
    for _ in range(2):  # a sample is used for one plane after the other
        for row in range(0, rows, portion):
            part = plane[row : row + portion]
            sample.add(row, part, np.isfinite(part))
        assert np.array_equal(sample.finish(), rms_of(plane, 900), equal_nan=True)
    assert math.isnan(sample.finish())
