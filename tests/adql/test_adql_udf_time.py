"""Julian dates against astropy, and intervals against their ends."""

from __future__ import annotations

import itertools
from datetime import datetime

import pytest
from astropy.time import Time
from udf_rows import INF, NAN, Given, number, text, time

from vo_service.adql import AdqlError

TIMES = [
    datetime(2000, 1, 2, 12),
    datetime(1910, 12, 31, 6),
    datetime(1858, 11, 17),
    datetime(1970, 1, 1),
    datetime(1999, 12, 31, 23, 59, 59, 999999),
    datetime(2024, 2, 29, 1, 2, 3, 456789),
    datetime(1, 1, 1),
    datetime(9999, 12, 31, 23, 59, 59),
    None,
]


def test_julian_dates(given: Given) -> None:
    # ADQL-179, ADQL-180
    table = given.rows({time("t"): TIMES})
    known = Time(TIMES[:-1], format="datetime", scale="tai")  # a scale without leap seconds: no work is done
    jd, mjd = given.column("ivo_to_jd(t)", table), given.column("ivo_to_mjd(t)", table)
    assert jd[-1] is mjd[-1] is None
    assert jd[:-1] == pytest.approx(known.jd.tolist(), rel=1e-15)
    # to the microsecond, for as long as it is later than 1800
    assert mjd[:-1] == pytest.approx(known.mjd.tolist(), rel=1e-15, abs=1e-11)
    for name in ("jd", "mjd"):
        column = given.facts(f"ivo_to_{name}(t)", table)
        assert (column.datatype, column.unit, column.ucd) == ("double", "d", "time.epoch")


def test_examples_of_the_catalogue_for_dates(given: Given) -> None:
    # ADQL-179, ADQL-180
    table = given.rows({number("x"): [1.0]})
    for call, expected in {
        "ivo_to_jd(CAST('2000-01-02T12:00:00' AS TIMESTAMP))": 2451546.0,
        "ivo_to_jd('1910-12-31T06:00:00')": 2419036.75,
        "ivo_to_jd(NULL)": None,
        "ivo_to_mjd(CAST('2000-01-02T12:00:00' AS TIMESTAMP))": 51545.5,
        "ivo_to_mjd('1910-12-31T06:00:00')": 19036.25,
        "ivo_to_mjd('1910-12-31T06:00:00.000Z')": 19036.25,
        "ivo_to_mjd(NULL)": None,
    }.items():
        assert given.column(call, table) == [expected], call


def test_dates_select_rows(engine_under_test) -> None:
    # ADQL-180: what an astronomer writes for "from that day on"
    found = engine_under_test.ask(
        "SELECT t_min FROM ivoa.obscore WHERE t_min >= ivo_to_mjd('2010-01-01T00:00:00') AND "
        "t_min < ivo_to_mjd('2011-01-01')"
    ).rows
    everything = engine_under_test.ask("SELECT t_min FROM ivoa.obscore").rows
    expected = [t for (t,) in everything if t is not None and 55197 <= t < 55562]
    assert len(expected) > 30
    assert sorted(t for (t,) in found) == sorted(expected)


ENDS = (-3.0, -2.0, 0.0, 2.0, 55.3, -INF, INF, NAN, None)


def test_intervals_overlap(given: Given) -> None:
    # ADQL-187
    quadruples = list(itertools.product(ENDS, repeat=4))
    columns = {number(name): [q[i] for q in quadruples] for i, name in enumerate(("a", "b", "c", "d"))}
    table = given.rows(columns)
    found = given.column("ivo_interval_overlaps(a, b, c, d)", table)
    expected = [
        None
        if any(end is None or end != end for end in (a, b, c, d))
        else int(a <= b and c <= d and max(a, c) <= min(b, d))
        for a, b, c, d in quadruples
    ]
    assert found == expected
    column = given.facts("ivo_interval_overlaps(a, b, c, d)", table)
    assert (column.datatype, column.unit) == ("int", None)


def test_examples_of_the_catalogue_for_intervals(given: Given) -> None:
    # ADQL-187; whole numbers beyond 2**53 are told apart
    table = given.rows({number("big", "long"): [2**53 + 1]})
    for call, expected in {
        "(-3, -2, 2, 3)": 0,
        "(-2, 55.3, 2, 3)": 1,
        "(2, 3, -2, 55.3)": 1,
        "(-2, 55.3, 3, 2)": 0,
        "(-2, 2, 2, 3)": 1,
        "(0, 9007199254740992, big, big)": 0,
        "(0, 9007199254740993, big, big)": 1,
        "(0, NULL, 1, 2)": None,
    }.items():
        assert given.column(f"ivo_interval_overlaps{call}", table) == [expected], call


def test_wrong_arguments_are_refused(given: Given) -> None:
    # ADQL-172, ADQL-179, ADQL-187
    table = given.rows({number("x"): [1.0], text("c"): ["a"]})
    for call, column in {
        "ivo_to_jd(x)": 18,
        "ivo_to_mjd('yesterday')": 19,
        "ivo_to_mjd(c)": 19,
        "ivo_to_mjd()": 8,
        "ivo_interval_overlaps(1, 2, 3)": 8,
        "ivo_interval_overlaps(1, 2, 3, c)": 8,
    }.items():
        with pytest.raises(AdqlError) as caught:
            given.resolved(f"SELECT {call} FROM {table}")
        assert caught.value.column == column, call
