"""Noise off sources: against the standard deviation of the noise as drawn, whatever lies upon it."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vo_service.pixels.noise import Grid, estimate_mode, estimate_rms

EMISSION = {
    "none": lambda rng, n: np.zeros(n),
    "5 sigma everywhere": lambda rng, n: np.full(n, 5.0),
    "3 sigma everywhere": lambda rng, n: np.full(n, 3.0),
    "exponential, 5 sigma": lambda rng, n: rng.exponential(5.0, n),
    "exponential, 100 sigma": lambda rng, n: rng.exponential(100.0, n),
    "even from 0 to 10 sigma": lambda rng, n: rng.uniform(0.0, 10.0, n),
}


def drawn(seed: int, kind: str, cover: float, size: int = 32768) -> tuple[np.ndarray, np.ndarray]:
    """(noise, noise with emission over a fraction of it)."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=size)
    emission = np.zeros(size)
    emission[: int(cover * size)] = EMISSION[kind](rng, int(cover * size))
    return noise, noise + emission


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("cover", [0.01, 0.1, 0.3])
@pytest.mark.parametrize("kind", EMISSION)
def test_unbiased_to_two_percent(kind: str, cover: float, dtype: type) -> None:
    ratios = []
    for seed in range(12):
        noise, image = drawn(seed, kind, cover)
        ratios.append(estimate_rms((3e-4 * image).astype(dtype)) / (3e-4 * noise.std()))
    assert abs(np.mean(ratios) - 1.0) < 0.02
    assert np.std(ratios) < 0.025


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 10**6),
    st.sampled_from(sorted(EMISSION)),
    st.floats(0.0, 0.3),
    st.floats(-9.0, 9.0),
    st.floats(-50.0, 50.0),
)
def test_scale_and_offset_do_not_matter(
    seed: int, kind: str, cover: float, power: float, offset: float
) -> None:
    noise, image = drawn(seed, kind, cover, 20000)
    found = estimate_rms((image + offset) * 10.0**power)
    assert found == pytest.approx(10.0**power * noise.std(), rel=0.08)
    assert found == pytest.approx(10.0**power * estimate_rms(image), rel=1e-3)


def test_noise_of_a_wide_beam_is_found_from_few_independent_pixels() -> None:
    inside = 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        fine = np.fft.rfft2(rng.normal(size=(128, 128)))
        y, x = np.fft.fftfreq(128)[:, None], np.fft.rfftfreq(128)
        noise = np.fft.irfft2(fine * np.exp(-2 * (np.pi * 2.0) ** 2 * (x * x + y * y)))
        inside += abs(estimate_rms(noise.ravel()) / noise.std() - 1.0) < 0.1
    assert inside >= 38


def test_a_source_brighter_than_the_noise_by_nine_orders_does_no_harm() -> None:
    noise, _ = drawn(1, "none", 0.0)
    image = noise.copy()
    image[:50] += 1e9
    assert estimate_rms(image) == pytest.approx(noise.std(), rel=0.02)


@pytest.mark.parametrize(
    "values", [np.zeros(0), np.arange(15.0), np.zeros(1000), np.r_[np.zeros(600), np.arange(400.0)]]
)
def test_what_has_no_noise_has_no_rms(values: np.ndarray) -> None:
    assert math.isnan(estimate_rms(values))


def test_noise_that_rises_to_the_edge_gives_a_value_between() -> None:
    rng = np.random.default_rng(5)
    y, x = np.mgrid[-1:1:200j, -1:1:200j]
    local = np.exp(0.8 * (x * x + y * y))
    found = estimate_rms((rng.normal(size=x.shape) * local).ravel())
    assert local.min() < found < local.max()
    assert found == pytest.approx(np.median(local), rel=0.3)


@given(st.integers(1, 3000), st.integers(1, 3000), st.integers(1, 5000))
def test_the_grid_stays_within_its_limit_and_uses_it(columns: int, rows: int, limit: int) -> None:
    grid = Grid.over(columns, rows, limit)
    taken = len(range(0, rows, grid.row_step)) * len(range(0, columns, grid.column_step))
    assert 1 <= taken <= limit
    assert taken == columns * rows or taken * 9 > min(limit, columns * rows)


@pytest.mark.parametrize("offset", [-40.0, 0.0, 6.0])
def test_the_middle_of_the_noise_is_found_beside_sources(offset: float) -> None:
    image = drawn(4, "exponential, 5 sigma", 0.3)[1]
    middle, sigma = estimate_mode(image + offset)
    assert middle == pytest.approx(offset, abs=0.1)
    assert sigma == estimate_rms(image + offset)
