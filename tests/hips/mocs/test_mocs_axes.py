"""Times as microseconds of TCB, wavelengths as cells of a logarithm of Hz, and orders by field and beam."""

from __future__ import annotations

import math
import warnings
from datetime import datetime, timedelta

import astropy.units as u
import mocpy
import numpy as np
import pyarrow as pa
import pytest
from astropy.coordinates import get_body_barycentric
from astropy.time import Time
from hypothesis import given, settings
from hypothesis import strategies as st

from hips.mocs.axes import FREQUENCY, SPACE, TIME, Axis, largest_cells
from hips.mocs.frequencies import PADDING, frequency_of, ranges_of_frequencies, windows_of
from hips.mocs.orders import order_of_band, order_of_field, order_of_step
from hips.mocs.times import PADDING_SECONDS, known_times, ranges_of_times, years_of

DATES = st.floats(45_000.0, 70_000.0)
LIGHT = 299_792_458.0


@given(st.lists(st.tuples(DATES, st.floats(0.0, 3.0)), min_size=1, max_size=20))
def test_times_lie_inside_and_not_far_inside(drawn: list[tuple[float, float]]) -> None:
    """# MOC-007, MOC-009, CHK-M13: against astropy's scales, to the padding"""
    begin = np.array([one for one, _ in drawn])
    end = begin + np.array([length for _, length in drawn])
    lows, highs = ranges_of_times(begin, end)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # leap seconds of the future
        wanted = [Time(each, format="mjd", scale="utc").tcb for each in (begin, end)]
    for found, exact, padding in ((lows, wanted[0], PADDING_SECONDS), (highs, wanted[1], -PADDING_SECONDS)):
        seconds = found / 1e6 - 2_400_000.5 * 86400.0 - (exact.jd1 - 2_400_000.5 + exact.jd2) * 86400.0
        # a day with a leap second counts as one without
        assert np.abs(seconds + padding).max() < 1.01


def test_the_scale_is_converted_as_the_standard_says() -> None:
    """# MOC-007: UTC to TCB is +90.22 s on 2020-01-01, +93.16 s on 2026-01-01"""
    mjd = Time(["2020-01-01", "2026-01-01"]).mjd
    lows, highs = ranges_of_times(mjd, mjd)
    plain = np.rint((mjd + 2_400_000.5) * 86400e6).astype(np.int64)
    assert (lows - plain) / 1e6 + PADDING_SECONDS == pytest.approx([90.22, 93.16], abs=0.01)
    assert (highs - lows - 1 == 2_000_000 * PADDING_SECONDS).all()


def test_the_padding_is_longer_than_any_light_time() -> None:
    """# MOC-009: of any direction, at any time of the year"""
    days = Time(np.arange(40_000.0, 70_000.0, 3.0), format="mjd", scale="tdb")
    farthest = get_body_barycentric("earth", days).norm().max()
    assert (farthest / (LIGHT * u.m / u.s)).to_value("s") + 1.1 < PADDING_SECONDS


def test_times_that_are_not_known() -> None:
    nan, inf = math.nan, math.inf
    low, high = known_times(
        np.array([1.0, 5.0, nan, 2.0, nan, inf, 1e300]), np.array([2.0, 3.0, 4.0, nan, nan, 6.0, nan])
    )
    assert low[:4].tolist() == [1.0, 3.0, 4.0, 2.0] and high[:4].tolist() == [2.0, 5.0, 4.0, 2.0]
    assert np.isnan(low[[4, 6]]).all() and (low[5], high[5]) == (6.0, 6.0)


@given(st.floats(-2_000_000.0, 2_000_000.0))
def test_any_date_has_a_place_on_the_axis(mjd: float) -> None:
    lows, highs = ranges_of_times(np.array([mjd]), np.array([mjd]))
    assert 0 <= lows[0] < highs[0] < TIME.size


@given(DATES)
def test_years_are_those_of_the_calendar(mjd: float) -> None:
    years, known = years_of(np.array([mjd, np.nan]))
    assert years[0] == (datetime(1858, 11, 17) + timedelta(days=mjd)).year
    assert known.tolist() == [True, False]


@given(st.floats(1e7, 1e16), st.floats(1.0, 1.5))
def test_frequencies_are_the_cells_of_the_library(low: float, wider: float) -> None:
    """# MOC-011, MPY-06"""
    starts, stops = ranges_of_frequencies(np.array([low]), np.array([low * wider]))
    theirs = mocpy.FrequencyMOC.from_frequency_ranges(51, low * u.Hz, low * wider * u.Hz).to_depth51_ranges
    assert 0 <= int(theirs[0, 0]) - starts[0] <= 4
    assert 0 <= stops[0] - int(theirs[-1, 1]) <= 4
    assert frequency_of(float(starts[0])) <= low * (1 + 1e-12)
    assert frequency_of(float(stops[0])) >= low * wider * (1 - 1e-12)


def test_frequencies_of_the_standard() -> None:
    """# MOC-011: its two worked examples"""
    starts, stops = ranges_of_frequencies(np.array([1.0, 230.538e9]), np.array([1.0, 230.538e9]))
    for index, start, stop in zip((1447585594511945, 2361393504945712), starts, stops):
        assert start < index < stop
        assert stop - start <= 4


def test_windows_are_pairs_of_wavelengths_or_the_hull() -> None:
    """# CHK-M14"""
    support = pa.array(
        [[0.001, 0.0011, 0.0013, 0.0012], None, [], [0.001, 0.002, 0.003], [0.0, 0.001], [math.nan, 0.001]],
        pa.list_(pa.float64()),
    )
    em_min = np.array([9.0, 0.001, 0.002, 0.0015, 1.0, 1.0])
    em_max = np.array([9.0, 0.0011, math.nan, 0.0014, 1.0, 1.0])
    found = windows_of(support, em_min, em_max, np.array([True, False, True, True, True, True]))
    assert found.row.tolist() == [0, 0, 1, 2, 3, 5]
    wanted = LIGHT / np.array([0.0011, 0.0013, 0.0011 / (1 - PADDING), 0.002, 0.0015, 0.001])
    assert found.low == pytest.approx(wanted, rel=1e-12)
    wanted = LIGHT / np.array([0.001, 0.0012, 0.001 / (1 + PADDING), 0.002, 0.0014, 0.001])
    assert found.high == pytest.approx(wanted, rel=1e-12)


def test_wavelengths_that_are_none_are_left_out() -> None:
    """# MPY-07: nothing outside of the axis"""
    strange = np.array([0.0, -1.0, math.inf, 1e300, 1e-300, math.nan])
    none = pa.nulls(len(strange), pa.list_(pa.float64()))
    found = windows_of(none, strange, strange, np.zeros(len(strange), dtype=bool))
    assert len(found.row) == 0


@given(st.floats(1e9, 1e12), st.floats(1e-7, 0.1))
def test_cells_of_a_step_are_no_wider(frequency: float, share: float) -> None:
    """# MOC-013, MPY-09"""

    def width(order: int) -> float:
        return 10.0 ** (56.0 / 2.0 ** (order + 1)) - 1.0

    order = order_of_step(frequency, share * frequency)
    assert width(order) <= share * 1.06
    assert width(order - 1) > share


@given(st.floats(1e-5, 60.0), st.one_of(st.none(), st.floats(1e-4, 1e5)))
def test_cells_of_a_field(width: float, beam: float | None) -> None:
    order = order_of_field(width, beam)
    cell = math.degrees(math.sqrt(math.pi / 3.0)) / 2.0**order
    if beam is not None and order > 0:
        assert cell >= beam / 3600.0
    finest = beam is not None and cell / 2.0 < beam / 3600.0
    assert cell <= width / 64.0 * (1 + 1e-9) or finest or order == 29
    assert cell > width / 128.0 * (1 - 1e-9) or order == 0


def test_orders_of_what_is_not_known() -> None:
    assert order_of_field(None, 1.0) == order_of_field(math.nan, None) == order_of_field(0.0, None) == 14
    assert order_of_field(1.0, None, unknown=7) == order_of_field(1.0, math.inf)
    assert order_of_band(1e11, 1e11, None, True) == 19
    assert order_of_band(2.3e11, 2.3e11 + 1e5, None, False) == 19  # MOC-014
    assert order_of_band(2.3e11, 2.32e11, None, True) == order_of_step(2.31e11, 2e9 / 64)
    assert order_of_band(2.3e11, 2.32e11, 100.0, True) == math.floor(math.log2(64.47 * 100.0))


AXIS_RANGES = st.lists(
    st.tuples(st.integers(0, 3), st.integers(0, 3000), st.integers(1, 900)), min_size=0, max_size=12
)


@settings(max_examples=50)
@given(st.sampled_from([SPACE, TIME, FREQUENCY]), AXIS_RANGES, st.integers(0, 20))
def test_runs_are_the_largest_cells(axis: Axis, drawn: list[tuple[int, int, int]], coarser: int) -> None:
    """# MOC-020: no cell inside another, siblings merged, nothing lost"""
    shift = axis.bits * coarser
    flags = np.zeros((4, 4000), dtype=bool)
    for owner, start, length in drawn:
        flags[owner, start : start + length] = True
    edges = np.diff(np.pad(flags, ((0, 0), (1, 1))).astype(int), axis=1)
    owner, starts = np.nonzero(edges == 1)
    stops = np.nonzero(edges == -1)[1]
    runs = largest_cells(axis, owner, starts.astype(np.int64) << shift, stops.astype(np.int64) << shift)
    found = np.zeros_like(flags)
    wide = 2**axis.bits
    for one, order, first, last in zip(runs.owner, runs.order, runs.first, runs.last):
        size = axis.shift(int(order)) - shift
        assert size >= 0
        found[one, first << size : last << size] ^= True
        siblings = [(cell // wide, cell) for cell in range(first, last)]
        groups = [group for group, _ in siblings]
        assert order == 0 or all(groups.count(group) < wide for group in groups)
    assert np.array_equal(found, flags)
    assert (np.diff(runs.owner) >= 0).all()
