"""Noise of rounded and of padded pixels, against the noise as it was drawn before."""

from __future__ import annotations

import io
import math
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given
from hypothesis import strategies as st

from vo_service.pixels.noise import Grid
from vo_service.pixels.plane_noise import PlaneSample
from vo_service.pixels.steps import find_padding, is_stepped, spread_steps


def rms_of(plane: np.ndarray) -> float:
    sample = PlaneSample(Grid.over(plane.shape[1], plane.shape[0]))
    sample.add(0, plane, np.isfinite(plane))
    return sample.finish()


def drawn(seed: int, size: int = 240) -> np.ndarray:
    """Noise of sigma 1."""
    return np.random.default_rng(seed).normal(size=(size, size))


def rounded(plane: np.ndarray, step: float) -> np.ndarray:
    return np.round(plane / step) * step


def packed(plane: np.ndarray, level: float, dither: int) -> np.ndarray:
    """As it comes back from tile compression with RICE, row by row, in steps of sigma / level."""
    hdu = fits.CompImageHDU(
        plane.astype(np.float32),
        compression_type="RICE_1",
        quantize_level=level,
        quantize_method=dither,
        dither_seed=1,
    )
    stream = io.BytesIO()
    hdu.writeto(stream)
    with fits.open(io.BytesIO(stream.getvalue())) as hdus:
        return np.array(hdus[1].data, dtype=np.float64)


@pytest.mark.parametrize("scale", [1.0, 3e-5])
@pytest.mark.parametrize("fraction", [0.001, 0.02, 0.06, 0.25, 0.49, 0.52, 0.8])
def test_padding_with_zeros_changes_no_noise(fraction: float, scale: float) -> None:
    for seed in range(3):
        rng, noise = np.random.default_rng(seed), drawn(seed)
        at_the_side, scattered, frame = noise.copy(), noise.copy(), noise.copy()
        at_the_side[:, : round(240 * fraction)] = 0.0
        scattered[rng.random(noise.shape) < fraction] = 0.0
        y, x = np.mgrid[:240, :240] - 119.5
        frame[np.maximum(abs(x), abs(y)) > 120 * math.sqrt(1 - fraction)] = 0.0
        for plane in (at_the_side, scattered, frame):
            truth = plane[plane != 0.0].std()
            assert rms_of(scale * plane) == pytest.approx(
                scale * truth, rel=0.03 if fraction < 0.6 else 0.08
            )  # few are left


def test_padding_beside_sources_an_offset_and_nan_changes_no_noise() -> None:
    noise = drawn(1)
    y, x = np.mgrid[:240, :240] - 120
    plane = noise + 40.0 * np.exp(-(x**2 + y**2) / 200.0)
    plane[:, :80] = 0.0
    plane[:20] = np.nan
    assert rms_of(plane) == pytest.approx(1.0, rel=0.03)
    high = noise + 300.0
    high[:, :80] = 0.0
    assert rms_of(high) == pytest.approx(1.0, rel=0.05)


def test_a_cube_whose_planes_are_padded_in_different_places_has_the_noise_of_each() -> None:
    sample = PlaneSample(Grid.over(240, 240))
    for seed in range(4):
        plane = drawn(seed) * (1 + seed)
        plane[:, 50 * seed : 50 * seed + 60] = 0.0
        sample.add(0, plane, np.isfinite(plane))
        assert sample.finish() == pytest.approx(1.0 + seed, rel=0.03)


def test_what_is_zero_but_for_a_few_pixels_or_for_one_side_has_no_noise() -> None:
    rng = np.random.default_rng(2)
    components = np.zeros((240, 240))
    components.ravel()[rng.choice(240 * 240, 400, replace=False)] = rng.normal(size=400)
    assert math.isnan(rms_of(components))
    model = np.zeros((240, 240))
    model[60:140, 60:140] = rng.uniform(0.1, 5.0, (80, 80))
    assert math.isnan(rms_of(model))


@pytest.mark.parametrize(("step", "within"), [
    (0.02, 0.03), (0.1, 0.05), (0.2, 0.05), (0.3, 0.05), (0.5, 0.05), (0.7, 0.05), (1.0, 0.05), (1.5, 0.05),
    (2.0, 0.10),
])  # fmt: skip
def test_rounded_noise_is_what_it_was_before(step: float, within: float) -> None:
    for seed in range(5):
        noise = drawn(seed)
        assert rms_of(rounded(noise, step)) == pytest.approx(noise.std(), rel=within)


@pytest.mark.parametrize("step", [0.1, 0.3, 1.0])
@pytest.mark.parametrize("fraction", [0.1, 0.4])
def test_rounded_noise_keeps_its_own_zeros_and_loses_the_padding(step: float, fraction: float) -> None:
    for seed in range(3):
        plane = rounded(drawn(seed), step)
        plane[:, : round(240 * fraction)] = 0.0
        assert rms_of(plane) == pytest.approx(1.0, rel=0.06)


def test_rounded_noise_with_sources_upon_it() -> None:
    y, x = np.mgrid[:240, :240] - 120
    plane = drawn(4) + 60.0 * np.exp(-(x**2 + y**2) / 400.0)
    for step in (0.25, 0.5, 1.0):
        assert rms_of(rounded(plane, step)) == pytest.approx(1.0, rel=0.07)


@pytest.mark.parametrize(
    ("kind", "level", "sigma"),
    [("i2", 0.0, 5.0), ("i2", -7000.0, 2.0), ("u1", 120.0, 3.0), ("u1", 120.0, 0.8), ("i4", 0.0, 1.0)],
)
def test_integers_have_the_noise_that_was_rounded(kind: str, level: float, sigma: float) -> None:
    for seed in range(4):
        plane = np.round(level + sigma * drawn(seed)).astype(kind)
        assert rms_of(plane.astype(np.float32)) == pytest.approx(sigma, rel=0.05)


@pytest.mark.parametrize("dither", [-1, 1, 2])
@pytest.mark.parametrize("level", [2.0, 4.0, 16.0])
def test_floats_compressed_in_coarse_steps_have_the_noise_of_the_original(level: float, dither: int) -> None:
    for seed in range(2):
        noise = drawn(seed)
        assert rms_of(packed(noise, level, dither)) == pytest.approx(noise.std(), rel=0.05)


@pytest.mark.parametrize("dither", [-1, 2])
def test_compressed_floats_may_be_padded_too(dither: int) -> None:
    noise = drawn(3)
    noise[:, :60] = 0.0
    assert rms_of(packed(noise, 4.0, dither)) == pytest.approx(1.0, rel=0.05)


def test_masks_have_no_noise() -> None:
    for values in ([0.0, 1.0], [1.0, 2.0, 3.0], [0.0, 5.0, 9.0, 10.0]):
        mask = np.full((90, 90), values[0])
        for number, value in enumerate(values[1:]):
            mask[10 + 12 * number : 20 + 12 * number, 20:60] = value
        assert math.isnan(rms_of(mask))


@given(st.integers(0, 1000), st.sampled_from([0.1, 0.4, 1.0, 2.0]), st.floats(-3, 3))
def test_spread_values_stay_between_their_neighbours_and_single_ones_where_they_are(
    seed: int, step: float, offset: float
) -> None:
    known = rounded(np.random.default_rng(seed).normal(offset, 1.0, 2000), step)
    found = spread_steps(known)
    assert is_stepped(known) and found is not None
    levels, place = np.unique(known, return_inverse=True)
    for number in range(len(levels) - 1):
        assert found[place == number].max() <= found[place == number + 1].min() + 1e-9
    counts = np.bincount(place)
    assert np.array_equal(found[counts[place] == 1], known[counts[place] == 1])


def test_only_what_is_rounded_counts_as_such() -> None:
    noise = drawn(0).ravel()
    assert not is_stepped(noise) and not is_stepped(noise.astype(np.float32).astype(float))
    assert is_stepped(rounded(noise, 0.05))
    assert not is_stepped(np.zeros(0))
    assert not find_padding(noise).any()
    assert find_padding(np.zeros(50)).sum() == 0  # nothing else is there that they could be padding of


def test_the_largest_numbers_do_no_harm() -> None:
    known = np.repeat([-1.7e308, -1.0, 0.0, 1.0, 1.7e308], 100)
    found = spread_steps(known)
    assert found is not None and np.isfinite(found).all()


@pytest.mark.parametrize("size", [5, 15, 40, 120])
@pytest.mark.parametrize("fraction", [0.01, 0.2, 0.45])
def test_zeros_are_left_out_as_pixels_without_a_number_are(size: int, fraction: float) -> None:
    rng = np.random.default_rng(size)
    plane = np.where(rng.random((size, size)) < fraction, 0.0, rng.normal(size=(size, size)))
    expected = rms_of(np.where(plane == 0.0, np.nan, plane))
    assert rms_of(plane) == expected or (math.isnan(expected) and size == 5)


@pytest.mark.data
def test_a_real_cube_that_is_half_padding_has_the_noise_of_the_rest(real_data: Path) -> None:
    cube = fits.getdata(real_data / "fits" / "other" / "NGC4710cube.fits")[0]
    found = [rms_of(plane) for plane in cube]
    expected = [1.4826 * np.median(np.abs(plane[plane != 0.0])) for plane in cube if plane.any()]
    assert np.nanmedian(found) == pytest.approx(np.median(expected), rel=0.05)
