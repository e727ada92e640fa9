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
        ({"MJD-OBS": "x"}, None, ["DATE-INVALID"]),
        ({"MJD-OBS": 2457394.5}, None, ["DATE-INVALID"]),
        ({"MJD-OBS": 0.0}, None, []),
        ({"DATE": "2016-01-07T11:36:21.9"}, None, []),
        ({}, None, []),
    ],
)
def test_the_time_of_observation(cards: dict[str, object], mjd: float | None, rules: list[str]) -> None:
    product = date_observation(product_at(), header_of(cards))
    assert product.date_start == (mjd if mjd is None else pytest.approx(mjd, abs=1e-9))
    assert [repair.rule for repair in product.repairs if repair.rule != "DATE-END"] == rules


def test_other_time_scales_become_utc() -> None:
    product = date_observation(product_at(), header_of({"DATE-OBS": "2017-01-07T00:00:37", "TIMESYS": "TAI"}))
    assert product.date_start == pytest.approx(57760.0, abs=1e-9)
    assert product.repairs[0].rule == "DATE-SCALE"


@pytest.mark.parametrize(
    ("cards", "seconds", "was", "confidence"),
    [
        ({"DATE-OBS": "2016-01-07", "DATE-END": "2016-01-07T00:02:00", "EXPTIME": 60.0}, 120.0, None, None),
        ({"DATE-OBS": "2016-01-07", "EXPTIME": 0.0, "EXPOSURE": 60.0}, 60.0, None, 0.7),
        ({"DATE-OBS": "2016-01-07", "DATE-END": "2016-01-06", "EXPTIME": 60.0}, 60.0, "57393.0", 0.7),
        ({"DATE-OBS": "2016-01-07", "DATE-END": "soon", "EXPTIME": 60.0}, 60.0, "soon", 0.7),
        ({"DATE-OBS": "2016-01-07", "DATE-END": "2199-01-01"}, 0.0, "2199-01-01", 0.3),
        ({"DATE-OBS": "2016-01-07"}, 0.0, None, 0.3),
    ],
)
def test_start_and_end_are_known_together_and_a_stand_in_is_on_record(
    cards: dict[str, object], seconds: float, was: str | None, confidence: float | None
) -> None:
    """OBS-089; a guessed end is a repair of the published column."""
    product = date_observation(product_at(), header_of(cards))
    assert product.date_end == pytest.approx(57394.0 + seconds / 86400.0, abs=1e-9)
    guesses = [repair for repair in product.repairs if repair.item == "t_max"]
    assert [(repair.was, repair.confidence) for repair in guesses] == (
        [] if confidence is None else [(was, confidence)]
    )
    assert all(float(repair.became or "nan") == product.date_end for repair in guesses)


def test_an_end_without_a_start_is_no_time_of_observation() -> None:
    product = date_observation(product_at(), header_of({"DATE-END": "2016-01-06"}))
    assert (product.date_start, product.date_end) == (None, None)


def test_an_unknown_scale_is_taken_as_utc_on_record() -> None:
    product = date_observation(product_at(), header_of({"DATE-OBS": "2016-01-07", "TIMESYS": "LOCAL"}))
    assert product.date_start == 57394.0
    assert [(each.item, each.was, each.became) for each in product.repairs if each.rule == "DATE-SCALE"] == [
        ("TIMESYS", "LOCAL", "UTC")
    ]
