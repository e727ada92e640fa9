"""Candidate lines against noise that numpy draws beam by beam: false alarms, injected lines, names."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.random import Generator, default_rng

from vo_service.spectral import C, Line, line
from vo_service.spectral.candidates import FEWEST_CHANNELS, Candidate, find_candidates, identify

STEP = 1e6
START = 230e9


def frequencies(channels: int) -> np.ndarray:
    return START + STEP * np.arange(channels)


def noise_peaks(rng: Generator, channels: int, beams: int) -> np.ndarray:
    """The highest of ``beams`` independent normal deviates in every channel."""
    return np.array([rng.standard_normal(beams).max() for _ in range(channels)])


def with_source(rng: Generator, peaks: np.ndarray, source: np.ndarray) -> np.ndarray:
    """Peaks of the planes where one beam holds a source of that height besides its noise."""
    return np.maximum(peaks, source + rng.standard_normal(len(peaks)))


def gaussian(channels: int, height: float, centre: float, fwhm: float) -> np.ndarray:
    return height * np.exp(-4.0 * np.log(2.0) * ((np.arange(channels) - centre) / fwhm) ** 2)


@pytest.mark.parametrize(("beams", "channels"), [(30, 64), (1000, 120), (5000, 480)])
def test_noise_alone_hardly_ever_has_a_candidate(beams: int, channels: int) -> None:
    rng = default_rng(beams)
    alarms = sum(
        bool(find_candidates(frequencies(channels), noise_peaks(rng, channels, beams), np.ones(channels)))
        for _ in range(120)
    )
    # stated is 0.002 for each spectrum; two of 120 would be chance once in forty times
    assert alarms <= 2


def test_noise_that_is_correlated_between_channels_hardly_ever_has_a_candidate() -> None:
    rng = default_rng(3)
    alarms = 0
    for _ in range(60):
        raw = rng.standard_normal((130, 600))
        smooth = 0.25 * raw[:-2] + 0.5 * raw[1:-1] + 0.25 * raw[2:]  # Hanning
        peaks, rms = smooth.max(axis=1), smooth.std(axis=1)
        alarms += bool(find_candidates(frequencies(128), peaks, rms))
    assert alarms <= 2


def test_noise_that_is_badly_known_hardly_ever_has_a_candidate() -> None:
    # planes of 30 beams: their own spread is off by a fifth, and far off now and then
    rng = default_rng(13)
    alarms = 0
    for _ in range(60):
        planes = rng.standard_normal((240, 30))
        low, middle = np.percentile(planes, [15.87, 50.0], axis=1)
        alarms += bool(find_candidates(frequencies(240), planes.max(axis=1), middle - low))
    assert alarms <= 3


def test_a_channel_that_is_noisier_than_its_surroundings_is_no_line() -> None:
    rng = default_rng(14)
    peaks, rms = noise_peaks(rng, 240, 500), np.ones(240)
    peaks[100:104] *= 20.0
    rms[100:104] *= 20.0
    assert find_candidates(frequencies(240), peaks, rms) == ()


@pytest.mark.parametrize("slope", [0.0, 2.0, 10.0])
def test_continuum_left_in_the_cube_is_no_line(slope: float) -> None:
    rng = default_rng(4)
    alarms = 0
    for _ in range(40):
        continuum = 100.0 + slope * np.linspace(-0.5, 0.5, 240)
        peaks = with_source(rng, noise_peaks(rng, 240, 300), continuum)
        alarms += bool(find_candidates(frequencies(240), peaks, np.ones(240)))
    assert alarms <= 1


@pytest.mark.parametrize("fwhm", [4.0, 12.0, 40.0])
@pytest.mark.parametrize("height", [10.0, 30.0, 300.0])
def test_an_injected_line_is_found_once_where_it_is(height: float, fwhm: float) -> None:
    rng = default_rng(int(height + fwhm))
    channels = 240
    for _ in range(5):
        centre = rng.uniform(60.0, 180.0)
        source = gaussian(channels, height, centre, fwhm)
        peaks = with_source(rng, noise_peaks(rng, channels, 1000), source)
        (found,) = find_candidates(frequencies(channels), peaks, np.ones(channels))
        error = (found.centre_hz - START) / STEP - centre
        assert abs(error) < 0.25 * fwhm
        assert found.first <= centre <= found.last
        assert found.snr == pytest.approx(source.max(), abs=4.0)
        bright = np.flatnonzero(source > 8.0)
        assert found.first <= bright[0] <= bright[-1] <= found.last
        faint = np.flatnonzero(source > 0.01)
        assert faint[0] - 4 <= found.first <= found.last <= faint[-1] + 4
        assert found.false_alarm < 0.002


def test_a_faint_wide_line_is_found_that_no_single_channel_shows() -> None:
    rng = default_rng(5)
    found = 0
    for _ in range(20):
        source = gaussian(480, 5.0, 240.0, 24.0)
        peaks = with_source(rng, noise_peaks(rng, 480, 1000), source)
        found += any(
            each.first <= 240 <= each.last
            for each in find_candidates(frequencies(480), peaks, 1.0 + 0 * peaks)
        )
    assert found >= 16


@pytest.mark.parametrize("height", [20.0, 100.0, 400.0])
def test_a_bright_line_over_most_of_the_channels_is_found(height: float) -> None:
    rng = default_rng(6)
    source = gaussian(480, height, 240.0, 140.0)
    assert np.count_nonzero(source > 5.0) > 190
    peaks = with_source(rng, noise_peaks(rng, 480, 1000), source)
    (found,) = find_candidates(frequencies(480), peaks, np.ones(480))
    assert (found.centre_hz - START) / STEP == pytest.approx(240.0, abs=5.0)
    assert found.last - found.first + 1 >= 140


def test_emission_of_one_height_in_every_channel_is_taken_as_continuum() -> None:
    rng = default_rng(7)
    peaks = with_source(rng, noise_peaks(rng, 128, 300), np.full(128, 50.0))
    assert find_candidates(frequencies(128), peaks, np.ones(128)) == ()


def test_absorption_is_not_in_a_peak_spectrum() -> None:
    # The highest pixel of a plane is one beside the hole: nothing to see, and nothing is claimed.
    rng = default_rng(8)
    planes = rng.standard_normal((96, 500))
    planes[40:50, 0] -= 60.0
    assert find_candidates(frequencies(96), planes.max(axis=1), np.ones(96)) == ()


def test_two_lines_are_two_candidates_in_the_order_of_channels() -> None:
    rng = default_rng(9)
    source = gaussian(240, 40.0, 60.0, 8.0) + gaussian(240, 15.0, 170.0, 8.0)
    first, second = find_candidates(
        frequencies(240), with_source(rng, noise_peaks(rng, 240, 500), source), np.ones(240)
    )
    assert first.last < second.first
    assert first.snr > second.snr


def test_a_single_channel_is_no_line_however_high() -> None:
    rng = default_rng(10)
    taken = 0
    for _ in range(60):
        peaks = noise_peaks(rng, 128, 500)
        peaks[50] = 500.0
        taken += bool(find_candidates(frequencies(128), peaks, np.ones(128)))
    assert taken <= 3


def test_single_channels_are_given_where_they_are_asked_for() -> None:
    peaks = noise_peaks(default_rng(10), 128, 500)
    peaks[50] = 500.0
    (found,) = find_candidates(frequencies(128), peaks, np.ones(128), min_width=1)
    assert found.first <= 50 <= found.last <= found.first + 3


def test_edges_and_width_are_those_of_the_channels() -> None:
    peaks = noise_peaks(default_rng(11), 128, 500)
    peaks[50:54] = 200.0
    (found,) = find_candidates(frequencies(128), peaks, np.ones(128), gap=0)
    assert found.first <= 50 < 53 <= found.last
    assert found.low_hz == pytest.approx(START + (found.first - 0.5) * STEP, rel=1e-15)
    assert found.high_hz == pytest.approx(START + (found.last + 0.5) * STEP, rel=1e-15)
    width = (found.last - found.first + 1) * STEP
    assert found.width_kms == pytest.approx(width / found.centre_hz * C / 1e3)
    assert (found.centre_hz - START) / STEP == pytest.approx(51.5, abs=0.1)


@given(scale=st.floats(1e-9, 1e9), seed=st.integers(0, 50))
def test_the_unit_of_the_image_does_not_matter(scale: float, seed: int) -> None:
    rng = default_rng(seed)
    peaks = with_source(rng, noise_peaks(rng, 64, 50), gaussian(64, 20.0, 30.0, 6.0))
    plain = find_candidates(frequencies(64), peaks, np.ones(64))
    scaled = find_candidates(frequencies(64), peaks * scale, np.full(64, scale))
    assert [(each.first, each.last) for each in plain] == [(each.first, each.last) for each in scaled]


@given(seed=st.integers(0, 50))
def test_the_direction_of_the_axis_does_not_matter(seed: int) -> None:
    rng = default_rng(seed)
    peaks = with_source(rng, noise_peaks(rng, 64, 50), gaussian(64, 20.0, 30.0, 6.0))
    rising = find_candidates(frequencies(64), peaks, np.ones(64))
    falling = find_candidates(frequencies(64)[::-1], peaks[::-1], np.ones(64))
    assume(rising)
    assert [each.low_hz for each in rising] == [each.low_hz for each in reversed(falling)]
    assert [63 - each.first for each in rising] == [each.last for each in reversed(falling)]


@given(
    values=st.lists(
        st.floats(allow_nan=True, allow_infinity=True, width=32), min_size=FEWEST_CHANNELS, max_size=80
    ),
    noise=st.floats(allow_nan=True, allow_infinity=True, width=32),
)
def test_any_numbers_give_ranges_within_the_spectrum(values: list[float], noise: float) -> None:
    found = find_candidates(frequencies(len(values)), values, np.full(len(values), noise))
    for each in found:
        assert 0 <= each.first <= each.last < len(values)
        assert START - STEP <= each.low_hz <= each.centre_hz <= each.high_hz <= START + len(values) * STEP
        assert each.width_kms > 0.0


def test_channels_without_noise_or_peak_are_left_out() -> None:
    rng = default_rng(12)
    peaks = with_source(rng, noise_peaks(rng, 200, 500), gaussian(200, 30.0, 100.0, 8.0))
    rms = np.ones(200)
    peaks[:20], rms[180:], rms[150] = np.nan, np.nan, 0.0
    (found,) = find_candidates(frequencies(200), peaks, rms)
    assert found.first <= 100 <= found.last


def test_too_few_channels_tell_nothing() -> None:
    peaks = np.ones(FEWEST_CHANNELS - 1)
    peaks[10:14] = 100.0
    assert find_candidates(frequencies(FEWEST_CHANNELS - 1), peaks, np.ones(FEWEST_CHANNELS - 1)) == ()


@pytest.mark.parametrize(
    ("frequency", "peak", "rms", "text"),
    [
        ([1e9, 2e9], [1.0], [1.0, 1.0], "one length"),
        ([1e9, -2e9], [1.0, 1.0], [1.0, 1.0], "positive"),
        ([1e9, 3e9, 2e9], [1.0] * 3, [1.0] * 3, "neither rise nor fall"),
        ([[1e9, 2e9]], [[1.0, 1.0]], [[1.0, 1.0]], "one-dimensional"),
    ],
)
def test_senseless_spectra_are_refused(frequency, peak, rms, text) -> None:
    with pytest.raises(ValueError, match=text):
        find_candidates(frequency, peak, rms)


@pytest.mark.parametrize(
    "limits", [{"false_alarm": 0.0}, {"false_alarm": 1.0}, {"min_width": 0}, {"gap": -1}]
)
def test_senseless_limits_are_refused(limits) -> None:
    with pytest.raises(ValueError, match="false_alarm"):
        find_candidates(frequencies(40), np.ones(40), np.ones(40), **limits)


def candidate(low: float, high: float) -> Candidate:
    return Candidate(0, 3, low, high, (low + high) / 2, 1.0, 9.0, 1e-9)


@given(redshift=st.floats(0.0, 10.0), name=st.sampled_from(["CO(2-1)", "HCN(1-0)", "[CII]158um"]))
def test_a_line_is_named_at_its_redshift(redshift: float, name: str) -> None:
    sky = line(name).rest_hz / (1.0 + redshift)
    found = identify(candidate(sky * 0.9999, sky * 1.0001), redshift)
    assert found[0].line.name == line(name).name or abs(found[0].offset_kms) < 1e-6
    assert any(each.line == line(name) for each in found)


def test_offsets_count_from_the_line_and_recession_is_positive() -> None:
    rest = line("CO(2-1)").rest_hz
    lower = rest * (1.0 - 50e3 / C)
    found = identify(candidate(lower * (1 - 1e-6), lower * (1 + 1e-6)), 0.0, [line("CO(2-1)")])
    assert found[0].offset_kms == pytest.approx(50.0, rel=1e-9)


@pytest.mark.parametrize(("distance", "count"), [(99.0, 1), (101.0, 0), (-99.0, 1), (-101.0, 0)])
def test_the_tolerance_counts_from_the_edges(distance: float, count: int) -> None:
    one = candidate(100e9, 100.1e9)
    edge = one.high_hz if distance > 0 else one.low_hz
    made = Line("X", "X", "1-0", edge * (1.0 + distance * 1e3 / C), (), "test")
    assert len(identify(one, 0.0, [made])) == count


def test_without_a_redshift_no_line_is_named() -> None:
    rest = line("CO(2-1)").rest_hz
    assert identify(candidate(rest - 1e6, rest + 1e6), None) == ()
    assert identify(candidate(rest - 1e6, rest + 1e6), float("nan")) == ()


@pytest.mark.parametrize("redshift", [-1.0, -2.0, float("inf")])
def test_an_impossible_redshift_is_refused(redshift: float) -> None:
    with pytest.raises(ValueError, match="above -1"):
        identify(candidate(1e11, 1.1e11), redshift)


def test_a_negative_tolerance_is_refused() -> None:
    with pytest.raises(ValueError, match="tolerance"):
        identify(candidate(1e11, 1.1e11), 0.0, tolerance_kms=-1.0)
