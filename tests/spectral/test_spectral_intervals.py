"""Intervals and supports, and whether a redshifted line falls into them."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vo_service.spectral import C, line, line_covered, line_covered_all, merge_intervals, support_of

ends = st.integers(0, 60).map(float)
pair_lists = st.lists(st.tuples(ends, ends), max_size=8)
CO21 = line("CO(2-1)").rest_hz


def inside(pairs, points):
    return np.any([(min(pair) <= points) & (points <= max(pair)) for pair in pairs] or [points < -1], axis=0)


@given(pair_lists)
def test_merged_intervals_hold_the_same_points(pairs):
    points = np.arange(-1, 62, 0.5)
    merged = merge_intervals(pairs)
    np.testing.assert_array_equal(inside(merged, points), inside(pairs, points))
    flat = [end for pair in merged for end in pair]
    assert flat == sorted(flat)
    assert all(high < low for (_, high), (low, _) in itertools.pairwise(merged))
    assert merge_intervals(merged) == merged


def test_touching_intervals_become_one():
    assert merge_intervals([(2, 3), (5, 3), (8, 7)]) == ((2.0, 5.0), (7.0, 8.0))


def test_ends_that_are_no_numbers_are_refused():
    with pytest.raises(ValueError, match="not a number"):
        merge_intervals([(1.0, float("nan"))])


def test_support_is_wavelengths_in_order():
    # design 4.4: two sidebands stay two windows
    support = support_of([(100e9, 102e9), (112e9, 114e9), (113e9, 115e9)])
    assert support == (
        (C / 115e9, C / 112e9),
        (C / 102e9, C / 100e9),
    )


@pytest.mark.parametrize("window", [(0.0, 1e9), (-1e9, 1e9), (1e9, float("inf"))])
def test_support_of_impossible_windows(window):
    with pytest.raises(ValueError, match="not between 0 and infinity"):
        support_of([window])


def flat(windows):
    return [end for pair in support_of(windows) for end in pair]


def test_line_between_two_sidebands_is_not_covered():
    support = flat([(225e9, 227e9), (240e9, 242e9)])
    assert line_covered(CO21, 0.0, 0.0, support) is False
    assert line_covered(CO21, 0.015, 0.03, support) is True
    assert line_covered_all(CO21, 0.0, 0.03, support) is False
    assert line_covered_all(CO21, 0.0165, 0.0245, support) is True


@pytest.mark.parametrize("function", [line_covered, line_covered_all])
def test_null_stays_null(function):
    support = flat([(225e9, 235e9)])
    assert function(CO21, None, 0.1, support) is None
    assert function(CO21, 0.0, None, support) is None
    assert function(CO21, 0.0, 0.1, None) is None
    assert function(CO21, 0.0, 0.0, []) is False


@pytest.mark.parametrize("function", [line_covered, line_covered_all])
def test_empty_range_and_odd_support(function):
    support = flat([(225e9, 235e9)])
    assert function(CO21, 0.01, 0.0, support) is False
    with pytest.raises(ValueError, match="pairs of wavelengths, 3 numbers"):
        function(CO21, 0.0, 0.1, [*support, 1.0])


frequencies = st.floats(84e9, 400e9)


@given(
    st.lists(st.tuples(frequencies, frequencies), min_size=1, max_size=4),
    st.floats(-0.2, 2.0),
    st.floats(0.0, 0.5),
)
def test_coverage_is_that_of_a_fine_grid_of_redshifts(windows, zmin, width):
    # Independent way round: the observed frequency of many redshifts against the windows themselves.
    support = flat(windows)
    redshifts = np.linspace(zmin, zmin + width, 401)
    observed = CO21 / (1.0 + redshifts)
    slack = 1e-9 * observed
    widened = [(min(pair), max(pair)) for pair in windows]
    hit = np.any([(low - slack <= observed) & (observed <= high + slack) for low, high in widened], axis=0)
    well_inside = np.any(
        [(low + slack <= observed) & (observed <= high - slack) for low, high in widened], axis=0
    )
    if well_inside.any():
        assert line_covered(CO21, zmin, zmin + width, support)
    if line_covered_all(CO21, zmin, zmin + width, support):
        assert hit.all()
        assert line_covered(CO21, zmin, zmin + width, support)
