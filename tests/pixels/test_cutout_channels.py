"""The channels that an interval touches, against a look at each of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vo_service.pixels.cutout.select_channels import touched

WIDTHS = st.lists(st.floats(1e-3, 1e3), min_size=1, max_size=30)


@given(WIDTHS, st.booleans(), st.floats(-100, 2e4), st.floats(0, 1e4))
def test_all_that_meet_the_interval_and_no_others(
    widths: list[float], falling: bool, low: float, extent: float
) -> None:
    # SODA-016, SODA-040
    edges = np.cumsum([0.0, *widths])
    edges = edges[::-1] if falling else edges
    high = low + extent
    lows, highs = np.minimum(edges[:-1], edges[1:]), np.maximum(edges[:-1], edges[1:])
    meet = np.flatnonzero((lows <= high) & (highs >= low))
    found = touched(edges, low, high)
    if low == high:
        assert found is None or (found[1] - found[0] == 1 and found[0] in meet)
        assert (found is None) == (len(meet) == 0)
    else:
        assert found == ((int(meet[0]), int(meet[-1]) + 1) if len(meet) else None)


@pytest.mark.parametrize("edges", [[0.0, 1.0, 2.0, 3.0], [3.0, 2.0, 1.0, 0.0]])
def test_edges_and_open_ends(edges: list[float]) -> None:
    # SODA-016, SODA-025
    axis = np.array(edges)
    assert touched(axis, -np.inf, np.inf) == (0, 3)
    assert touched(axis, -np.inf, 0.5) == ((0, 1) if edges[0] == 0 else (2, 3))
    assert touched(axis, 1.0, 2.0) == (0, 3)  # closed: neighbours share the border
    assert touched(axis, 1.5, 1.5) == (1, 2)
    assert touched(axis, 1.0, 1.0) == (1, 2)
    assert touched(axis, 3.0, 3.0) == ((2, 3) if edges[0] == 0 else (0, 1))
    assert touched(axis, 3.0001, 9.0) is None and touched(axis, -2.0, -0.1) is None


@pytest.mark.parametrize("edges", [[1.0], [0.0, 1.0, 0.5], [0.0, np.nan, 1.0], [1.0, 1.0]])
def test_what_is_no_axis_is_refused(edges: list[float]) -> None:
    with pytest.raises(ValueError, match="edges"):
        touched(np.array(edges), 0.0, 1.0)
