"""Redshift and velocity definitions, against astropy's Doppler equivalencies."""

from __future__ import annotations

import astropy.units as u
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vo_service.spectral import (
    C,
    frequency_at_redshift,
    frequency_of_optical,
    frequency_of_radio,
    frequency_of_relativistic,
    optical_velocity,
    radio_velocity,
    redshift,
    relativistic_velocity,
)

REST = 230.538e9
CASES = [
    (radio_velocity, frequency_of_radio, u.doppler_radio),
    (optical_velocity, frequency_of_optical, u.doppler_optical),
    (relativistic_velocity, frequency_of_relativistic, u.doppler_relativistic),
]
frequencies = st.floats(20e9, 400e9)


@pytest.mark.parametrize(("velocity_of", "frequency_of", "equivalency"), CASES)
@given(freq=frequencies)
def test_velocities_are_those_of_astropy(velocity_of, frequency_of, equivalency, freq):
    ours = velocity_of(freq, REST)
    theirs = (freq * u.Hz).to_value(u.m / u.s, equivalency(REST * u.Hz))
    assert ours == pytest.approx(theirs, rel=1e-12, abs=1e-3)
    assert frequency_of(ours, REST) == pytest.approx(freq, rel=1e-12)


@given(frequencies)
def test_redshift_there_and_back(freq):
    z = redshift(freq, REST)
    assert frequency_at_redshift(z, REST) == pytest.approx(freq, rel=1e-14)
    assert optical_velocity(freq, REST) == pytest.approx(C * z, rel=1e-15, abs=1e-9)


def test_line_at_rest():
    assert redshift(REST, REST) == 0.0
    for velocity_of, frequency_of, _ in CASES:
        assert velocity_of(REST, REST) == 0.0
        assert frequency_of(0.0, REST) == REST


def test_arrays_keep_their_shape():
    grid = np.linspace(200e9, 260e9, 6).reshape(2, 3)
    assert radio_velocity(grid, REST).shape == (2, 3)


def test_what_is_not_physical_is_not_a_number():
    assert np.isnan(redshift(0.0, REST))
    assert np.isnan(frequency_at_redshift(-1.0, REST))
    assert np.isnan(frequency_of_radio(2 * C, REST))
    assert np.isnan(frequency_of_relativistic(C, REST))
    assert np.isnan(radio_velocity(np.nan, REST))
