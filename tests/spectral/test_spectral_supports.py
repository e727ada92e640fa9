"""frequency_support: real ones, broken ones, and which component is a row's own window."""

from __future__ import annotations

import csv
import gzip

import numpy as np
import pytest
from astropy.table import Table
from hypothesis import given
from hypothesis import strategies as st

from vo_service.spectral import (
    C,
    SupportComponent,
    match_component,
    parse_frequency_support,
    write_frequency_support,
)

ONE = "[258.58..260.46GHz,976.56kHz,590.1uJy/beam@10km/s,16.1mJy/beam@native, XX YY]"


def test_one_component():
    # ALMA-080, ALMA-082
    (one,) = parse_frequency_support(ONE)
    assert one.f_min == pytest.approx(258.58e9)
    assert one.f_max == pytest.approx(260.46e9)
    assert one.resolution_khz == 976.56
    assert one.sensitivity_10kms == pytest.approx(0.5901)
    assert one.sensitivity_native == pytest.approx(16.1)
    assert one.polarisations == ("XX", "YY")


def test_units_differ_inside_one_text():
    text = ONE + " U [84..86GHz,31250kHz,2Jy/beam@10km/s,3Jy/beam@native, XX XY YX YY]"
    first, second = parse_frequency_support(text)
    assert (first.sensitivity_10kms, second.sensitivity_10kms) == (pytest.approx(0.5901), 2000.0)
    assert second.polarisations == ("XX", "XY", "YX", "YY")


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "  ",
        ONE[:-1],
        ONE[:40],
        ONE + " U ",
        ONE + " U [1..2GHz",
        ONE.replace("GHz", "MHz"),
        ONE.replace("258.58", "nan"),
        ONE.replace("..", "-"),
        ONE + ONE,
    ],
)
def test_broken_texts_give_none(text):
    # ALMA-081
    assert parse_frequency_support(text) is None


def test_narrow_window_inside_a_wide_one():
    # ALMA-084: the largest overlap alone would take the wide one
    wide = SupportComponent(100e9, 102e9, 15625.0, 1.0, 1.0, ("XX",))
    narrow = SupportComponent(101.0e9, 101.06e9, 122.0, 1.0, 1.0, ("XX",))
    assert match_component((wide, narrow), 101.001e9, 101.059e9) is narrow
    assert match_component((wide, narrow), 100.005e9, 101.995e9) is wide
    assert match_component((wide, narrow), 200e9, 202e9) is None
    assert match_component((), 200e9, 202e9) is None


components = st.builds(
    SupportComponent,
    f_min=st.integers(8400, 9000).map(lambda value: value * 1e7),
    f_max=st.integers(9001, 9500).map(lambda value: value * 1e7),
    resolution_khz=st.integers(1, 10**7).map(lambda value: value / 100),
    sensitivity_10kms=st.integers(1, 9999).map(lambda value: value / 100),
    sensitivity_native=st.integers(1, 9999).map(float),
    polarisations=st.sampled_from([("XX",), ("XX", "YY"), ("XX", "XY", "YX", "YY"), ("I",)]),
)


@given(st.lists(components, min_size=1, max_size=6))
def test_written_windows_are_read_back(windows):
    # ALMA-085, ALMA-086
    back = parse_frequency_support(write_frequency_support(windows))
    assert back is not None
    for one, other in zip(windows, back, strict=True):
        assert other.polarisations == one.polarisations
        for name in ("f_min", "f_max", "resolution_khz", "sensitivity_10kms", "sensitivity_native"):
            assert getattr(other, name) == pytest.approx(getattr(one, name), rel=1e-9)


def real_rows(real_data):
    for name in ("NGC_1068_query_region", "Hen_2-10_query_region", "test_query_region_RCrA"):
        with gzip.open(real_data / f"obscore/{name}.csv.gz", "rt", newline="") as stream:
            yield from csv.DictReader(stream)
    table = Table.read(real_data / "obscore/alma_obscore_select_star.ecsv.gz", format="ascii.ecsv")
    for row in table:
        yield {name: str(row[name]) for name in table.colnames}


@pytest.mark.data
@pytest.mark.filterwarnings("ignore::astropy.units.UnitsWarning")
def test_all_real_rows_parse_and_match_their_window(real_data):
    # ALMA-081, ALMA-084
    rows = list(real_rows(real_data))
    assert len(rows) == 351
    count = 0
    for row in rows:
        windows = parse_frequency_support(row["frequency_support"])
        assert windows is not None, row["frequency_support"]
        count += len(windows)
        own = match_component(windows, C / float(row["em_max"]), C / float(row["em_min"]))
        assert own is not None
        width = float(row["frequency"]) * 1e6 / float(row["em_res_power"])
        assert own.resolution_khz == pytest.approx(width, rel=0.011)
    assert count == 1787


@pytest.mark.data
def test_the_second_harvest_parses(real_data):
    # ALMA-081
    csv.field_size_limit(10**7)
    with gzip.open(real_data / "obscore/almasim_archive_rows.csv.gz", "rt", newline="") as stream:
        texts = [row["Freq.sup."] for row in csv.DictReader(stream)]
    parsed = [parse_frequency_support(text) for text in texts]
    assert all(windows is not None for windows in parsed)
    assert sum(len(windows) for windows in parsed if windows) == 28876
    widths = np.array([one.f_max - one.f_min for windows in parsed if windows for one in windows])
    assert (widths > 0).all()
