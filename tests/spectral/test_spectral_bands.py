"""Receiver bands by frequency."""

from __future__ import annotations

import pytest

from vo_service.spectral import BANDS, band_of


@pytest.mark.parametrize(
    ("ghz", "band"),
    [
        (40, 1),
        (70, 2),
        (90, 3),
        (115.27, 3),
        (116, 3),
        (120, None),
        (140, 4),
        (163, 5),
        (211, 6),
        (230.5, 6),
        (275, 7),
        (373, 7),
        (380, None),
        (400, 8),
        (650, 9),
        (870, 10),
        (950, 10),
        (950.1, None),
        (1400, None),
        (0, None),
        (float("nan"), None),
        (float("inf"), None),
    ],
)
def test_band_of_a_frequency(ghz, band):
    # ALMA-090
    assert band_of(ghz * 1e9) == band


@pytest.mark.parametrize("number", [1, *range(3, 11)])
def test_middle_of_each_band(number):
    low, high = BANDS[number]
    assert band_of((low + high) / 2) == number
