"""Pixels: noise of the rms asked for, beams of the width asked for, lines where the redshift puts them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vo_service.sample.images import (
    SIGMA,
    Scene,
    beam_transfer,
    correlated_noise,
    expose,
    primary_beam,
    robust_rms,
)
from vo_service.sample.lines import SPEED_OF_LIGHT


@settings(max_examples=15, deadline=None)
@given(st.floats(0.6, 1.4), st.floats(0.4, 1.0), st.floats(-90.0, 90.0), st.sampled_from([48, 49, 64]))
def test_noise_has_the_rms_and_the_beam(major: float, ratio: float, angle: float, size: int) -> None:
    shape = (size, 64)
    beam = (major, major * ratio, angle)
    transfers = np.repeat(beam_transfer(shape, 0.15, beam)[None], 60, axis=0)
    noise = correlated_noise(np.random.default_rng(5), shape, transfers, 2.5)
    assert noise.std() == pytest.approx(2.5, rel=0.05)
    # The autocorrelation of filtered white noise is the beam convolved with itself: FWHM grows by sqrt(2).
    power = np.abs(np.fft.fft2(noise)) ** 2
    correlation = np.fft.ifft2(power.mean(axis=0)).real
    correlation /= correlation[0, 0]
    turn = np.radians(angle)
    along, across = 0.15 * np.sin(turn), 0.15 * np.cos(turn)  # one pixel east (column -1)
    expected = np.exp(-0.25 * ((along / (beam[0] * SIGMA)) ** 2 + (across / (beam[1] * SIGMA)) ** 2))
    assert correlation[0, -1] == pytest.approx(expected, abs=0.04)


def test_beam_position_angle_turns_from_north_to_east() -> None:
    psf = np.fft.fftshift(np.fft.irfft2(beam_transfer((64, 64), 0.1, (1.2, 0.4, 45.0)), s=(64, 64)))
    north_east = psf[32 + 5, 32 - 5]  # east is to the left
    north_west = psf[32 + 5, 32 + 5]
    assert north_east > 10.0 * north_west


def test_primary_beam_is_half_at_half_its_width() -> None:
    response = primary_beam((101, 101), 1.0, 40.0, [(0.0, 0.0)])
    # The square root of a sum of squared Gaussians: one pointing gives the Gaussian back.
    assert response[50, 50] == pytest.approx(1.0)
    assert response[50, 70] == pytest.approx(0.5, rel=1e-6)


def test_line_peaks_at_its_frequency_and_mask_finds_it() -> None:
    frequencies = 2.300e11 + 1e7 * np.arange(60)
    beam = (0.6, 0.5, 20.0)
    scene = Scene(size=2.0, angle=30.0, line=30.0, continuum=0.0, line_frequency=2.303e11, line_width=1.2e5)
    image = expose(
        np.random.default_rng(3), scene, (48, 48), 0.2, frequencies, [beam], 1e-3,
        primary_beam((48, 48), 0.2, 27.0, [(0.0, 0.0)]),
    )  # fmt: skip
    spectrum = image.signal.sum(axis=(1, 2))
    centroid = float((spectrum * frequencies).sum() / spectrum.sum())
    assert centroid == pytest.approx(2.303e11, abs=2e6)
    assert image.mask.any() and not image.mask[0].any()
    assert image.signal.max() == pytest.approx(30e-3, rel=0.35)
    velocity = (frequencies[1] - frequencies[0]) / 2.303e11 * SPEED_OF_LIGHT
    width = (spectrum > 0.5 * spectrum.max()).sum() * velocity
    assert 0.5e5 < width < 2.0e5


def test_robust_rms_ignores_a_source() -> None:
    values = np.random.default_rng(1).normal(0.0, 3.0, 20000)
    values[:300] = 1000.0
    assert robust_rms(values) == pytest.approx(3.0, rel=0.05)
