"""Densities of all pixels of an order: the same as those of cells, with few copies."""

from __future__ import annotations

import math
import tracemalloc
from unittest.mock import Mock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vo_service.sky import Density, RegionError, credible_region


@given(st.integers(0, 4), st.integers(0, 2**32), st.sampled_from([2, 5, 10**6]))
def test_pixels_are_cells(order: int, seed: int, kinds: int) -> None:
    """Of all pixels of an order there is what there is of them as cells, some of them next to equal ones."""
    random = np.random.default_rng(seed)
    per_sr = random.integers(0, kinds, 12 * 4**order) / kinds
    step = 4 ** (29 - order)
    ranges = np.arange(len(per_sr) + 1, dtype=np.int64) * step
    one, other = Density.of_pixels(per_sr), Density.of_cells(np.stack([ranges[:-1], ranges[1:]], 1), per_sr)
    assert np.array_equal(one.bounds, other.bounds) and np.allclose(one.weights, other.weights, rtol=1e-12)
    held = per_sr * 4.0 * math.pi / len(per_sr)
    assert one.total == pytest.approx(held.sum())
    assert one.amounts(ranges[:-1], ranges[1:]) == pytest.approx(held, rel=1e-6, abs=1e-12)


@pytest.mark.parametrize("wrong", [-1.0, math.nan, math.inf])
def test_pixels_that_are_no_densities(wrong: float) -> None:
    with pytest.raises(RegionError, match="densities of 0 or more"):
        Density.of_pixels(np.array([0.0] * 11 + [wrong]))


def test_pixels_take_little_more_than_what_is_kept() -> None:
    """A map of ten million pixels is a tenth of a gigabyte a copy; and whoever waits is asked meanwhile."""
    per_sr = np.random.default_rng(3).random(12 * 4**7)
    check = Mock()
    tracemalloc.start()
    try:
        density = Density.of_pixels(per_sr, check)
        peak = tracemalloc.get_traced_memory()[1]
        kept = tracemalloc.get_traced_memory()[0]
        tracemalloc.reset_peak()
        credible_region(density, 0.9, check)
        more = tracemalloc.get_traced_memory()[1] - kept
    finally:
        tracemalloc.stop()
    assert peak < 4.5 * per_sr.nbytes and more < 5.0 * per_sr.nbytes
    assert check.call_count >= 5


def test_work_on_pixels_can_be_ended() -> None:
    per_sr = np.random.default_rng(3).random(48)
    with pytest.raises(TimeoutError):
        Density.of_pixels(per_sr, Mock(side_effect=TimeoutError))
    with pytest.raises(TimeoutError):
        credible_region(Density.of_pixels(per_sr), 0.9, Mock(side_effect=TimeoutError))
