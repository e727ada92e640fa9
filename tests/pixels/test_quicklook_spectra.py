"""The picture of a peak spectrum: curves, lines and their names where they belong."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pictures import framed, lightness, pixels_of

from vo_service.pixels.quicklook.labels import spread_labels
from vo_service.pixels.quicklook.spectra import HEIGHT, WIDTH, draw_spectrum
from vo_service.pixels.quicklook.survey import Peaks
from vo_service.pixels.quicklook.words import LineMark, NothingToDraw, Words

WORDS = Words("NGC 253", "ALMA", "Peak", "Jy/beam")
PLACES = st.lists(st.floats(-50.0, 150.0), max_size=9).map(sorted)


@given(PLACES)
def test_labels_keep_apart_in_order_and_within(wanted: list[float]) -> None:
    found = spread_labels(wanted, 10.0, 0.0, 100.0)
    assert len(found) == len(wanted)
    assert all(b - a >= 10.0 - 1e-9 for a, b in pairwise(found))
    assert all(-1e-9 <= place <= 100.0 + 1e-9 for place in found)
    is_apart = all(b - a >= 10.0 for a, b in pairwise(wanted))
    if is_apart and all(0.0 <= place <= 100.0 for place in wanted):
        assert found == pytest.approx(wanted)


@given(PLACES, st.integers(0, 2**32 - 1))
def test_no_other_places_are_nearer(wanted: list[float], seed: int) -> None:
    found = np.array(spread_labels(wanted, 10.0, 0.0, 100.0))
    rng = np.random.default_rng(seed)
    for _ in range(20):
        moved = found + rng.normal(size=len(found)) * 2.0
        fits = (np.diff(moved) >= 10.0).all() and (moved >= 0.0).all() and (moved <= 100.0).all()
        if fits:
            assert np.sum((moved - wanted) ** 2) >= np.sum((found - wanted) ** 2) - 1e-6


def test_more_labels_than_there_is_room_for_are_refused() -> None:
    assert spread_labels([], 10.0, 0.0, 100.0) == []
    with pytest.raises(ValueError, match="12 labels"):
        spread_labels([5.0] * 12, 10.0, 0.0, 100.0)


def peaks_of(channels: int = 100, at: int = 70, level: float = 1.0) -> Peaks:
    """A flat peak spectrum with one high channel, which the spectrum through it shares."""
    highest, through = np.full(channels, level), np.zeros(channels)
    highest[at] = through[at] = 10.0 * level
    return Peaks(highest, through, (3, 4))


def inked(pixels: np.ndarray, ink: tuple[int, int, int]) -> np.ndarray:
    """Which pixels have about that colour."""
    return np.abs(pixels.astype(int) - ink).max(axis=-1) < 60


@pytest.mark.parametrize("channels", [100, 20000])
def test_the_peak_stands_at_its_frequency(channels: int) -> None:
    frequency = 230e9 + 1e6 * np.arange(channels)
    at = round(channels * 0.7)
    picture = draw_spectrum(peaks_of(channels, at), frequency, WORDS)
    data = framed(picture)
    assert data.shape[:2] == (HEIGHT, WIDTH)
    low, high = picture.limits
    assert low < 0.0 and high == pytest.approx(10.6)
    row = round((high - 9.0) / (high - low) * HEIGHT)  # a value of 9, above all but one channel
    columns = np.flatnonzero(inked(data[row], (11, 60, 111)))
    middle = (at + 0.5) / channels * WIDTH
    assert columns.min() - 2 <= middle <= columns.max() + 2 and np.ptp(columns) <= WIDTH / channels + 4
    assert f"{channels} channels" in picture.alt and "Frequency (GHz): 230 to" in picture.alt


def test_the_order_of_channels_does_not_matter() -> None:
    frequency = 230e9 + 1e6 * np.arange(100)
    peaks = peaks_of()
    turned = Peaks(peaks.highest[::-1], peaks.through[::-1], peaks.place)
    rising, falling = draw_spectrum(peaks, frequency, WORDS), draw_spectrum(turned, frequency[::-1], WORDS)
    assert rising == falling == draw_spectrum(peaks, frequency, WORDS)


def test_lines_are_marked_where_they_are_and_named_above() -> None:
    frequency = 230e9 + 1e6 * np.arange(100)
    lines = [
        LineMark("CO(2-1)", 230.0695e9, 230.065e9, 230.074e9),
        LineMark("", 230.0200e9),
        LineMark("beyond", 231e9),
    ]
    picture = draw_spectrum(peaks_of(), frequency, WORDS, lines, "barycentric")
    bare = draw_spectrum(peaks_of(), frequency, WORDS, (), "barycentric")
    data = framed(picture)
    red, green, blue = (data[5:20, :, part].astype(int) for part in range(3))
    violet = ((red - green > 60) & (blue - green > 20)).any(axis=0)
    columns = np.flatnonzero(violet)
    expected = [(place + 0.5) / 100 * WIDTH for place in (20.0, 69.5)]
    groups = np.split(columns, np.flatnonzero(np.diff(columns) > 5) + 1)
    assert [group.mean() for group in groups] == pytest.approx(expected, abs=1.5)
    assert "Candidate lines: unidentified, CO(2-1)" in picture.alt and "beyond" not in picture.alt
    assert "Frequency (GHz, barycentric)" in picture.alt
    assert pixels_of(picture).shape[0] > pixels_of(bare).shape[0] + 40  # room for the names
    shaded = np.abs(data[25, :].astype(int) - 255).max(axis=-1) > 10  # a row without curves
    inside = slice(round(0.655 * WIDTH) + 2, round(0.745 * WIDTH) - 2)
    assert shaded[inside].mean() > 0.95 and shaded[round(0.76 * WIDTH) : -5].mean() < 0.1


def test_of_too_many_lines_the_first_are_named_and_the_rest_counted() -> None:
    frequency = 230e9 + 1e6 * np.arange(100)
    lines = [LineMark(f"line {number}", 230.05e9 + 1e5 * number) for number in range(80)]
    picture = draw_spectrum(peaks_of(), frequency, WORDS, lines)
    named = picture.alt.count("line ")
    assert named == WIDTH // 15 and "line 0," in picture.alt and "line 79" not in picture.alt
    pixels = pixels_of(picture)
    for edge in (pixels[:4], pixels[-4:], pixels[:, :4], pixels[:, -4:]):
        assert (edge == 255).all()


def test_channels_without_frequencies_are_counted() -> None:
    picture = draw_spectrum(peaks_of(), None, WORDS, [LineMark("CO(2-1)", 50.0)])
    assert "Channel: 1 to 100" in picture.alt and "CO(2-1)" not in picture.alt


def test_a_channel_without_a_value_is_a_gap() -> None:
    peaks = peaks_of()
    peaks.highest[30:40] = peaks.through[30:40] = np.nan
    data = framed(draw_spectrum(peaks, None, WORDS))
    gap = data[3 : HEIGHT - 60, round(0.31 * WIDTH) : round(0.39 * WIDTH)]
    assert (lightness(gap) > 250).all()


@pytest.mark.parametrize(
    ("values", "frequency"),
    [([1.0], None), ([1.0, np.nan, np.nan], None), ([1.0, 2.0], [1e9, np.nan]), ([np.nan] * 4, None)],
    ids=["one", "one-known", "one-placed", "none"],
)
def test_less_than_two_channels_are_no_spectrum(values: list[float], frequency: list[float] | None) -> None:
    peaks = Peaks(np.array(values), np.array(values), (0, 0))
    with pytest.raises(NothingToDraw, match="two channels"):
        draw_spectrum(peaks, None if frequency is None else np.array(frequency), WORDS)


@pytest.mark.parametrize("level", [0.0, 1e-29, 1e29, -1.0], ids=str)
def test_any_values_have_a_picture(level: float) -> None:
    picture = draw_spectrum(peaks_of(level=level), None, WORDS)
    assert picture.limits[0] < picture.limits[1]
