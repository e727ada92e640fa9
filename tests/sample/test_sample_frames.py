"""Doppler factors and sources against hand calculation."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest

from vo_service.sample.frames import barycentric_factor
from vo_service.sample.lines import BANDS, LINES, SPEED_OF_LIGHT, receiver_band
from vo_service.sample.observations import barycentric_redshift
from vo_service.sample.sources import CALIBRATORS, M83, SOURCES, SURVEY_SOURCES

# Solar apex of the kinematic LSR: 20 km/s towards 18h +30d (B1900), in J2000 degrees after precession.
APEX = (270.9599, 30.0046)


def _towards_apex(ra: float, dec: float) -> float:
    a, d, ra0, dec0 = (math.radians(value) for value in (ra, dec, *APEX))
    return math.sin(d) * math.sin(dec0) + math.cos(d) * math.cos(dec0) * math.cos(a - ra0)


@pytest.mark.parametrize("source", [*SOURCES, M83], ids=lambda source: source.name)
def test_lsrk_differs_by_the_solar_motion(source) -> None:  # type: ignore[no-untyped-def]
    # The Sun moves towards the apex, so a source there is seen bluer from the barycentre than from the LSRK.
    factor = barycentric_factor("LSRK", source.ra, source.dec, None)
    assert (factor - 1.0) * SPEED_OF_LIGHT == pytest.approx(
        20_000.0 * _towards_apex(source.ra, source.dec), abs=15.0
    )


def test_topocentric_shift_turns_with_the_year() -> None:
    shifts = [
        (barycentric_factor("TOPOCENT", M83.ra, M83.dec, f"2016-{month:02d}-15T06:00:00") - 1.0)
        * SPEED_OF_LIGHT
        / 1e3
        for month in range(1, 13)
    ]
    assert max(shifts) == pytest.approx(-min(shifts), abs=4.0)
    assert 25.0 < max(shifts) < 31.0


def test_frames_that_are_not_known_are_errors() -> None:
    with pytest.raises(ValueError, match="time of observation"):
        barycentric_factor("TOPOCENT", 0.0, 0.0, None)
    with pytest.raises(ValueError, match="GALACTOC"):
        barycentric_factor("GALACTOC", 0.0, 0.0, None)
    assert barycentric_factor("BARYCENT", 0.0, 0.0, None) == 1.0


@pytest.mark.parametrize("source", [*SOURCES, *SURVEY_SOURCES, M83], ids=lambda source: source.name)
def test_every_line_of_a_source_can_be_observed(source) -> None:  # type: ignore[no-untyped-def]
    redshift = barycentric_redshift(source)
    for line in source.observable():
        assert 1 <= receiver_band(line.observed(redshift)) <= 10


def test_co_ladder_is_nearly_harmonic() -> None:
    base = LINES["CO(1-0)"].rest
    for upper in range(2, 8):
        assert LINES[f"CO({upper}-{upper - 1})"].rest == pytest.approx(upper * base, rel=1e-3)


def test_bands_do_not_overlap_and_gaps_are_refused() -> None:
    assert all(high <= low for (_, _, high), (_, low, _) in pairwise(BANDS))
    with pytest.raises(ValueError, match="no receiver band"):
        receiver_band(380e9)


def test_calibrators_are_where_their_names_say() -> None:
    for source in CALIBRATORS:
        hours, minutes = int(source.name[1:3]), int(source.name[3:5])
        assert abs(source.ra / 15.0 - (hours + minutes / 60.0)) < 1.0 / 60.0
        sign = -1.0 if source.name[5] == "-" else 1.0
        degrees = sign * (int(source.name[6:8]) + int(source.name[8:10]) / 60.0)
        assert abs(source.dec - degrees) < 1.0 / 60.0
