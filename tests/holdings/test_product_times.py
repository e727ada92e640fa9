"""Dates of observation (OBS-077), against astropy's Time."""

from __future__ import annotations

from datetime import datetime

import pytest
from astropy.time import Time
from hypothesis import given
from hypothesis import strategies as st
from product_files import header_of, product_at

from vo_service.holdings.times import date_observation, read_date


@given(st.datetimes(datetime(1960, 1, 2), datetime(2099, 12, 30)))
def test_dates_are_those_of_astropy(moment: datetime) -> None:
    assert read_date(moment.isoformat()) == pytest.approx(Time(moment.isoformat(), scale="tai").mjd, abs=1e-9)


@pytest.mark.parametrize(
    ("cards", "mjd", "rules"),
    [
        ({"DATE-OBS": "2016-01-07T11:36:21.9"}, 57394.48358680555, []),
        ({"DATE_OBS": "2016-01-07T11:36:21.9"}, 57394.48358680555, ["DATE-SPELLING"]),
        ({"MJD-OBS": 57394.5}, 57394.5, ["DATE-SPELLING"]),
        ({"DATE-OBS": "30/08/96"}, 50325.0, ["DATE-OLD-FORM"]),
        ({"DATE-OBS": "1996-08-30"}, 50325.0, []),
        ({"DATE-OBS": "2016-13-41"}, None, ["DATE-INVALID"]),
        ({"DATE-OBS": "1858-11-17"}, None, ["DATE-INVALID"]),
        ({"DATE": "2016-01-07T11:36:21.9"}, None, []),
        ({}, None, []),
    ],
)
def test_the_time_of_observation(cards: dict[str, object], mjd: float | None, rules: list[str]) -> None:
    product = date_observation(product_at(), header_of(cards))
    assert product.date_start == (mjd if mjd is None else pytest.approx(mjd, abs=1e-9))
    assert [repair.rule for repair in product.repairs] == rules


def test_other_time_scales_become_utc() -> None:
    product = date_observation(product_at(), header_of({"DATE-OBS": "2017-01-07T00:00:37", "TIMESYS": "TAI"}))
    assert product.date_start == pytest.approx(57760.0, abs=1e-9)
    assert product.repairs[0].rule == "DATE-SCALE"


def test_an_end_before_the_start_is_dropped_and_an_exposure_is_positive() -> None:
    cards = {"DATE-OBS": "2016-01-07", "DATE-END": "2016-01-06", "EXPTIME": 0.0, "EXPOSURE": 60.0}
    product = date_observation(product_at(), header_of(cards))
    assert (product.date_end, product.exposure_seconds) == (None, 60.0)
