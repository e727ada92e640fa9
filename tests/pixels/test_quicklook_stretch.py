"""Scales of colours: what they do to noise, sources, wild pixels and velocities, and their numbers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from vo_service.pixels.quicklook.marks import mark_texts, marks_of, number_text, readable, scale_unit
from vo_service.pixels.quicklook.stretch import Stretch, stretch_of
from vo_service.pixels.quicklook.words import Kind

NUMBERS = st.floats(-1e30, 1e30) | st.sampled_from([0.0, 1.0, -1.0, 1e-300, 1e-45]) | st.just(np.nan)
MAPS = arrays(np.float64, st.tuples(st.integers(1, 9), st.integers(1, 9)), elements=NUMBERS)


def noise(*shape: int) -> np.ndarray:
    """Normal deviates, the same ones whichever test runs first."""
    return np.random.default_rng(11).normal(size=shape)


@given(MAPS, st.sampled_from(Kind))
def test_a_scale_rises_from_0_to_1_and_keeps_what_is_blank(values: np.ndarray, kind: Kind) -> None:
    if np.isnan(values).all():
        values[0, 0] = 2.0
    stretch = stretch_of(values, kind)
    places = stretch.scaled(values)
    assert np.array_equal(np.isnan(places), np.isnan(values))
    order = np.argsort(values[~np.isnan(values)])
    rising = places[~np.isnan(values)][order]
    assert (np.diff(rising) >= 0.0).all() and rising.min() >= 0.0 and rising.max() <= 1.0
    marks = marks_of(stretch)
    assert marks and list(marks) == sorted(set(marks))
    assert len(set(mark_texts(marks, 1.0))) == len(marks)
    if stretch.high - stretch.low > 1e-300:
        assert all(stretch.low <= mark <= stretch.high for mark in marks)
        assert (np.diff(stretch.scaled(np.array(marks))) > 0.08).all()


def test_noise_is_symmetric_and_linear_about_zero() -> None:
    stretch = stretch_of(noise(200, 200), Kind.BRIGHTNESS)
    assert stretch.low == -stretch.high and stretch.soft is None and 3.5 < stretch.high < 5.0
    assert stretch.scaled(np.zeros(1))[0] == 0.5


@pytest.mark.parametrize("peak", [15.0, 1e3, 1e6])
def test_a_source_has_the_top_of_the_scale_and_noise_stays_near_zero(peak: float) -> None:
    values = noise(300, 300)
    values[150:153, 150:153] = peak
    stretch = stretch_of(values, Kind.BRIGHTNESS)
    assert stretch.high == peak and -2.6 < stretch.low < -2.4 and stretch.zero == 0.0
    zero, faint = stretch.scaled(np.array([0.0, 5.0]))
    assert zero < 0.25 and faint - zero > 0.04  # five times the noise is told from it at any peak


def test_one_wild_pixel_does_not_take_the_scale_and_one_pixel_of_a_source_does() -> None:
    values = noise(100, 100)
    values[3, 3], values[50, 50] = 1e9, -1e9
    stretch = stretch_of(values, Kind.BRIGHTNESS)
    assert stretch.high < 5.0 and stretch.low > -5.0
    values[3, 3], values[50, 50] = 900.0, 0.0
    assert stretch_of(values, Kind.BRIGHTNESS).high == 900.0


def test_deep_absorption_is_shown_and_shallow_bowls_are_not() -> None:
    values = noise(100, 100)
    values[40:44, 40:44], values[60:64, 60:64] = 100.0, -80.0
    assert stretch_of(values, Kind.BRIGHTNESS).low == -80.0
    values[60:64, 60:64] = -6.0
    assert stretch_of(values, Kind.BRIGHTNESS).low > -2.6


def test_peaks_over_channels_begin_at_their_own_level() -> None:
    values = noise(50, 60, 60).max(axis=0)
    values[30:33, 30:33] = 40.0
    stretch = stretch_of(values, Kind.BRIGHTNESS)
    assert stretch.zero == pytest.approx(np.median(values)) and stretch.low >= 0.0
    assert stretch.scaled(np.array([stretch.zero]))[0] < 0.25


def test_masks_and_models_show_what_little_they_have() -> None:
    mask = (noise(50, 50) > 0.8).astype(float)
    stretch = stretch_of(mask, Kind.BRIGHTNESS)
    assert (stretch.low, stretch.high) == (0.0, 1.0)
    assert stretch_of(np.full((4, 4), 3.3), Kind.BRIGHTNESS) == Stretch(3.3, 3.3)
    assert stretch_of(np.full((4, 4), 3.3), Kind.PLAIN).scaled(np.array([3.3]))[0] == 0.5


def test_both_signs_have_the_same_room() -> None:
    values = noise(100, 100)
    values[5, 5] = -30.0
    stretch = stretch_of(values, Kind.SIGNED)
    assert (stretch.low, stretch.high) == (-30.0, 30.0)
    below, zero, above = stretch.scaled(np.array([-3.0, 0.0, 3.0]))
    assert zero == 0.5 and above - zero == pytest.approx(zero - below) and above > 0.52


def test_velocities_stand_about_their_middle_and_noise_does_not_widen_them() -> None:
    y, x = np.mgrid[-50:50, -50:50]
    disc = np.where(np.hypot(x, y) < 40, 1500.0 + 2.0 * x, np.nan)
    alone = stretch_of(disc, Kind.VELOCITY)
    assert alone.low + alone.high == pytest.approx(3000.0, abs=4.0)
    assert 70.0 < alone.high - 1500.0 < 82.0
    noisy = np.where(np.hypot(x, y) > 44, 1500.0 + 3000.0 * noise(*x.shape), disc)
    stretch = stretch_of(noisy, Kind.VELOCITY)
    assert stretch.low + stretch.high == pytest.approx(3000.0, abs=10.0)
    assert 60.0 < stretch.high - 1500.0 < 90.0


@pytest.mark.parametrize(
    ("unit", "largest", "expected"),
    [
        ("Jy/beam", 12.0, (1.0, "Jy/beam")),
        ("Jy/beam", 0.02, (1e3, "mJy/beam")),
        ("Jy/beam", 4e-4, (1e6, "µJy/beam")),
        ("Jy.km.beam**-1.s**-1", 0.1, (1e3, "mJy km beam⁻¹ s⁻¹")),
        ("K", 0.5, (1e3, "mK")),
        ("K.km/s", 7.0, (1.0, "K km/s")),
        ("km/s", 254787.0, (1.0, "km/s")),
        ("Hz", 2.3e11, (1e-11, "×10¹¹ Hz")),
        ("Kg", 0.5, (1.0, "Kg")),
        (None, 0.0, (1.0, "")),
    ],
    ids=str,
)
def test_units_are_such_that_numbers_are_short(
    unit: str | None, largest: float, expected: tuple[float, str]
) -> None:
    factor, written = scale_unit(unit, largest)
    assert (pytest.approx(factor), written) == expected


def test_numbers_are_written_with_as_few_digits_as_tell_them_apart() -> None:
    assert mark_texts((-0.5, 0.0, 0.25), 1.0) == ("\N{MINUS SIGN}0.5", "0", "0.25")
    assert mark_texts((7000.01, 7000.02), 1.0) == ("7000.01", "7000.02")
    assert mark_texts((0.001, 0.02), 1e3) == ("1", "20")
    assert number_text(46.6789) == "46.7"
    assert readable("Jy.km.beam**-1.s**-1") == "Jy km beam⁻¹ s⁻¹" and readable("Jy/beam") == "Jy/beam"


def test_marks_of_an_asinh_scale_are_round_and_spread() -> None:
    marks = marks_of(Stretch(-2.5, 1000.0, 0.0, 5.0))
    assert {0.0, 10.0, 100.0, 1000.0} <= set(marks)
