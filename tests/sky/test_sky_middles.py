"""Middles of positions."""

from __future__ import annotations

import math

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from hypothesis import given, settings
from hypothesis import strategies as st

from vo_service.sky import mean_position, mean_positions


@settings(max_examples=80, deadline=None)
@given(st.floats(0, 359.999999), st.floats(-90, 90), st.integers(1, 9))
def test_equal_positions_give_exactly_themselves(lon: float, lat: float, count: int) -> None:
    assert mean_position([lon] * count, [lat] * count) == (lon, lat)
    lons, lats = mean_positions([lon, 7.0] * count, [lat, 8.0] * count, np.array([1, 0] * count), 3)
    assert (lons[:2].tolist(), lats[:2].tolist()) == ([7.0, lon], [8.0, lat])
    assert math.isnan(lons[2]) and math.isnan(lats[2])


@settings(max_examples=40, deadline=None)
@given(st.floats(0, 359.9), st.floats(-89, 89), st.integers(0, 999))
def test_middles_against_astropy(lon: float, lat: float, seed: int) -> None:
    random = np.random.default_rng(seed)
    lons, lats = lon + random.normal(size=7), np.clip(lat + random.normal(size=7), -90, 90)
    theirs = SkyCoord(lons, lats, unit="deg").cartesian.mean()
    middle = SkyCoord(theirs, representation_type="cartesian").spherical
    found = mean_position(lons, lats)
    assert found is not None
    assert found == pytest.approx((float(middle.lon.deg), float(middle.lat.deg)), abs=1e-11)


def test_positions_without_a_middle() -> None:
    assert mean_position([], []) is None
    assert mean_position([np.nan, 10.0], [0.0, 95.0]) is None
    assert mean_position([0.0, 180.0], [0.0, 0.0]) is None
    assert mean_position([np.nan, 361.0], [0.0, 2.0]) == (1.0, 2.0)
    assert mean_position([359.0, 1.0], [0.0, 0.0]) == pytest.approx((0.0, 0.0))
