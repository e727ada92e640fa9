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
        ({"MJD-OBS": 0.0}, None, ["DATE-INVALID"]),
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
    ("cards", "seconds", "record"),
    [
        ({"DATE-END": "2016-01-07T00:02:00", "EXPTIME": 60.0}, 120.0, []),
        ({"DATE-END": "2016-01-07", "EXPTIME": 60.0}, 0.0, []),
        ({"MJD-END": 57394.25}, 21600.0, [("DATE-END", None, "57394.25", "DATE-SPELLING", 1.0)]),
        ({"EXPTIME": 0.0, "EXPOSURE": 60.0}, 60.0, [("t_max", None, 60.0, "DATE-END", 0.7)]),
        (
            {"DATE-END": "2016-01-06", "EXPTIME": 60.0},
            60.0,
            [("t_max", "2016-01-06", 60.0, "DATE-END", 0.7)],
        ),
        ({"DATE-END": "soon", "EXPTIME": 60.0}, 60.0, [("t_max", "soon", 60.0, "DATE-END", 0.7)]),
        # an end that no card tells is unknown: nothing stands in for it
        ({"DATE-END": "2199-01-01"}, None, [("t_max", "2199-01-01", None, "DATE-END", 1.0)]),
        ({"DATE-END": "2016-01-06"}, None, [("t_max", "2016-01-06", None, "DATE-END", 1.0)]),
        ({"DATE-END": "soon"}, None, [("t_max", "soon", None, "DATE-END", 1.0)]),
        ({"MJD-END": 0.0}, None, [("t_max", "0.0", None, "DATE-END", 1.0)]),
        ({}, None, []),
    ],
)
def test_the_end_is_stated_or_follows_from_the_exposure_or_is_unknown(
    cards: dict[str, object],
    seconds: float | None,
    record: list[tuple[str, str | None, object, str, float]],
) -> None:
    """OBS-089; an end that is no card as written is a repair of the published column."""
    product = date_observation(product_at(), header_of({"DATE-OBS": "2016-01-07"} | cards))
    assert product.date_start == 57394.0
    end = None if seconds is None else pytest.approx(57394.0 + seconds / 86400.0, abs=1e-9)
    assert product.date_end == end
    found = [each for each in product.repairs if each.rule != "EXP-INVALID"]
    assert [(each.item, each.was, each.rule, each.confidence) for each in found] == [
        (item, was, rule, confidence) for item, was, _, rule, confidence in record
    ]
    for repair, (_, _, became, _, _) in zip(found, record, strict=True):
        assert repair.became == (became if became is None or isinstance(became, str) else f"{end.expected!r}")


def test_an_end_in_another_scale_becomes_utc_on_record() -> None:
    cards = {"DATE-OBS": "2017-01-07T00:00:37", "DATE-END": "2017-01-07T01:00:37", "TIMESYS": "TAI"}
    product = date_observation(product_at(), header_of(cards))
    assert product.date_end == pytest.approx(57760.0 + 1 / 24, abs=1e-9)
    assert [(each.item, each.was, each.became) for each in product.repairs] == [
        ("DATE-OBS", "2017-01-07T00:00:37", f"{product.date_start!r}"),
        ("t_max", "2017-01-07T01:00:37", f"{product.date_end!r}"),
    ]


def test_an_end_without_a_start_is_no_time_of_observation() -> None:
    product = date_observation(product_at(), header_of({"DATE-END": "2016-01-06"}))
    assert (product.date_start, product.date_end) == (None, None)
    assert [(each.item, each.was, each.became) for each in product.repairs] == [("t_max", "2016-01-06", None)]


def test_an_unknown_scale_is_taken_as_utc_on_record() -> None:
    product = date_observation(product_at(), header_of({"DATE-OBS": "2016-01-07", "TIMESYS": "LOCAL"}))
    assert product.date_start == 57394.0
    assert [(each.item, each.was, each.became) for each in product.repairs if each.rule == "DATE-SCALE"] == [
        ("TIMESYS", "LOCAL", "UTC")
    ]
