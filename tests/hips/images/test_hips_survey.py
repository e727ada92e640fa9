"""What is found out of fields before tiles are made."""

from __future__ import annotations

import random
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_fields import ARCSEC, OpenFile, header_of, plane_of

from hips.images.errors import FieldFailed
from hips.images.survey import Brightness, find_linear, find_transfer, survey
from hips.tiles.grid import order_for
from hips.tiles.touched import touched_cells


@dataclass(frozen=True)
class ArrayField:
    """A field in memory that counts how many pixels are read of it."""

    values: np.ndarray
    weights: np.ndarray | None = None
    name: str = "it"
    state: str = "1"
    pixel_scale: float = 0.2 * ARCSEC
    resolution: float = 0.8 * ARCSEC
    weight: float = 1.0

    @contextmanager
    def open(self):
        size = self.values.shape[1], self.values.shape[0]
        header = header_of(10.0, 20.0, self.pixel_scale, size)
        yield OpenFile(plane_of(header, size), size, self.values, self.weights)


def test_a_field_is_surveyed():
    values = np.random.default_rng(1).normal(0.0, 2.0, (300, 400)).astype(np.float32)
    values[100, 100] = 1000.0
    field = ArrayField(values)
    found = survey(field)
    assert found.order == order_for(0.2 * ARCSEC)
    with field.open() as plane:
        np.testing.assert_array_equal(found.cells, touched_cells(plane.sky, (400, 300), found.order))
    assert found.brightness.sigma == pytest.approx(2.0, rel=0.02)  # a source does not make it noisier
    assert found.brightness.peak == 1000.0
    assert found.common == pytest.approx((-2.0 * 2.5758, 2.0 * 2.5758), rel=0.05)  # quantiles of a normal


@pytest.mark.parametrize("corner", [(0, 0), (2100, 1900), (700, 1300)])
def test_the_only_valid_pixels_of_a_large_image_are_found(corner):
    values = np.full((2200, 2000), np.nan, dtype=np.float32)
    values[corner[0] : corner[0] + 3, corner[1] : corner[1] + 3] = 7.0
    found = survey(ArrayField(values))
    assert found.brightness.peak == 7.0


@pytest.mark.parametrize("size", [(50, 60), (2200, 2000)])
def test_a_field_without_a_pixel_that_counts_is_refused(size):
    blank = np.full(size, np.nan, dtype=np.float32)
    with pytest.raises(FieldFailed, match="all are blank"):
        survey(ArrayField(blank))
    ones = np.ones(size, dtype=np.float32)
    for weights in (0.0 * ones, np.nan * ones, -ones):
        with pytest.raises(FieldFailed, match="all are blank"):
            survey(ArrayField(ones, weights))
    with pytest.raises(FieldFailed, match="all are blank"):
        survey(ArrayField(ones * np.inf))


@given(
    st.lists(
        st.builds(
            Brightness,
            sigma=st.one_of(st.just(0.0), st.floats(1e-30, 1e20)),
            peak=st.floats(-1e20, 1e20),
        ),
        min_size=1,
        max_size=30,
    ),
    st.randoms(),
)
def test_there_is_a_transfer_function_for_any_fields_whatever_their_order(fields, rng: random.Random):
    found = find_transfer(fields)
    again = list(fields)
    rng.shuffle(again)
    assert find_transfer(again) == found
    greys = found.greys(np.array([[found.low, 0.0, found.high, np.nan]], dtype=np.float32))
    assert greys[0, 0] <= greys[0, 1] <= greys[0, 2]
    assert int(greys[0, 2]) - int(greys[0, 0]) > 250
    assert greys[0, 3] == 0


def test_noise_is_seen_and_the_brightest_is_not_white_all_over():
    found = find_transfer([Brightness(1.0, 1000.0)])
    ramp = found.greys(np.array([[-3.0, -1.0, 0.0, 1.0, 3.0, 30.0, 300.0, 1000.0]], dtype=np.float32))[0]
    assert (np.diff(ramp.astype(int)) > 10).all()
    assert (ramp[0], int(ramp[-1]) >= 254) == (1, True)


@pytest.mark.parametrize(
    ("low", "high"),
    [(-101.0, -76.0), (1501.0, 1732.0), (-2.98, -1.85), (0.0, 3e-12), (-250.0, 400.0), (-4e7, -3.9e7)],
)
def test_values_far_from_zero_are_shown_in_proportion(low: float, high: float):
    found = find_linear(low, high)
    values = np.linspace(low, high, 1000, dtype=np.float32)
    greys = found.greys(values[None])[0].astype(int)
    straight = np.floor(1 + 254 * (values.astype(np.float64) - low) / (high - low))
    assert np.abs(greys - np.clip(straight, 1, 255)).max() <= 1
    assert (greys[0], greys[-1] >= 254) == (1, True)


@pytest.mark.parametrize("value", [0.0, 1.0, -5.5, 1e-30, 2e20])
def test_a_single_value_is_a_grey_in_the_middle(value: float):
    greys = find_linear(value, value).greys(np.full((2, 2), value, dtype=np.float32))
    assert (np.abs(greys.astype(int) - 128) <= 2).all()
