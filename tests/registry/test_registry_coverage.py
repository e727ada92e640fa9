"""What holdings cover: as their rows are, read back by mocpy and by plain arithmetic."""

from __future__ import annotations

import time
import tracemalloc
import warnings

import numpy as np
import pyarrow as pa
import pytest
from astropy import units as u
from astropy.coordinates import Latitude, Longitude
from hypothesis import given, settings
from hypothesis import strategies as st
from mocpy import MOC
from registries import AUTHORITY, START, Registry, publish, sky_rows

from capabilities.records import Extent
from vo_service.access import Rights
from vo_service.engines import Limits
from vo_service.registry import coverage
from vo_service.registry.coverage import Asking, extent_of, moc_of_fields
from vo_service.sky import healpix29

PLANCK, LIGHT = 6.62607015e-34, 299792458.0


def inside(text: str, lon, lat) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        moc = MOC.from_string(text)
    return moc.contains_lonlat(Longitude(lon, u.deg), Latitude(lat, u.deg))


@pytest.mark.parametrize("path", ["tap", "obs", "obs/radio"])
def test_coverage_of_the_records(still: Registry, path: str) -> None:
    # REG-120, REG-121, REG-122, REG-123, REG-124, RAD-006
    element = still.record(f"ivo://{AUTHORITY}/{path}").find("coverage")
    assert [child.tag for child in element] == [
        "spatial",
        "temporal",
        "temporal",
        "temporal",
        "spectral",
        "waveband",
    ]
    spatial = element.find("spatial")
    assert not spatial.attrib and len(spatial.text) < 50_000
    rows = sky_rows(0, 40)
    lon, lat = (rows[name].to_numpy() for name in ("s_ra", "s_dec"))
    assert inside(spatial.text, lon, lat).all()
    wide = rows["s_fov"].to_numpy() > 1  # four degrees: their rims are covered as well
    assert inside(spatial.text, lon[wide], lat[wide] + 1.9).all()
    assert MOC.from_string(spatial.text).sky_fraction < 0.02
    times = [tuple(map(float, one.text.split())) for one in element.iterfind("temporal")]
    for (low, high), start in zip(times, (57000.0, 57100.0, 57200.0), strict=True):
        assert start - 0.05 < low < start - 0.006  # light needs eight minutes to the barycentre
        assert start + 0.506 < high < start + 0.55
    low, high = map(float, element.findtext("spectral").split())
    assert low == pytest.approx(PLANCK * 211e9, rel=1e-3) and low <= PLANCK * 211e9
    assert high == pytest.approx(PLANCK * 275e9, rel=1e-3) and high >= PLANCK * 275e9
    assert (f"{low:.2e}", f"{high:.2e}") == ("1.40e-22", "1.82e-22")
    assert element.findtext("waveband") == "Millimeter"


def test_coverage_follows_the_holdings(registry: Registry) -> None:
    before = registry.record(f"ivo://{AUTHORITY}/obs").findtext("coverage/spatial")
    publish(registry.home, sky_rows(41, 5))
    registry.later(hours=1)
    after = registry.record(f"ivo://{AUTHORITY}/obs").findtext("coverage/spatial")
    rows = sky_rows(41, 5)
    lon, lat = (rows[name].to_numpy() for name in ("s_ra", "s_dec"))
    assert not inside(before, lon, lat).all()
    assert inside(after, lon, lat).all()


def test_who_observed_is_named(still: Registry) -> None:
    for path in ("org", "tap", "obs"):
        record = still.record(f"ivo://{AUTHORITY}/{path}")
        assert (record.findtext("facility"), record.findtext("instrument")) == ("JAO", "ALMA")


@settings(max_examples=40)
@given(
    lon=st.floats(0, 359.99),
    lat=st.floats(-89.9, 89.9),
    width=st.one_of(st.floats(0, 8), st.just(float("nan")), st.just(60.0)),
    angle=st.floats(0, 2 * np.pi),
)
def test_every_point_of_a_field_is_covered(lon: float, lat: float, width: float, angle: float) -> None:
    # REG-121
    cell = healpix29(np.array([lon]), np.array([lat])) >> 40
    text = moc_of_fields(cell.astype(float), np.array([width]))
    reach = np.radians(0.0 if np.isnan(width) else 0.49 * width)
    la, lo = np.radians(lat), np.radians(lon)
    rim_lat = np.arcsin(np.sin(la) * np.cos(reach) + np.cos(la) * np.sin(reach) * np.cos(angle))
    rim_lon = lo + np.arctan2(
        np.sin(angle) * np.sin(reach) * np.cos(la), np.cos(reach) - np.sin(la) * np.sin(rim_lat)
    )
    assert inside(text, [lon], [lat]).all()
    assert inside(text, np.degrees([rim_lon]) % 360, np.degrees([rim_lat])).all()


@settings(max_examples=10)
@given(seed=st.integers(0, 2**32), order=st.integers(0, 7))
def test_fields_in_the_midst_of_others_change_nothing(seed: int, order: int) -> None:
    """The coverage of many fields is that of each of them together: what is left out is there anyway."""
    dice = np.random.default_rng(seed)
    patch = int(dice.integers(0, 12 * 4**order)) << 2 * (9 - order)
    cells = np.unique(patch + dice.integers(0, 4 ** (9 - order), 300)).astype(float)
    widths = np.where(dice.random(len(cells)) < 0.1, 4.0, 0.02)
    whole = MOC.from_string(moc_of_fields(cells, widths))
    alone = [MOC.from_string(moc_of_fields(cells[i : i + 1], widths[i : i + 1])) for i in range(len(cells))]
    together = alone[0].union(*alone[1:]) if len(alone) > 1 else alone[0]
    assert whole.symmetric_difference(together).empty()  # mocpy's == also compares the deepest order named


def test_the_coverage_of_the_whole_sky_costs_little() -> None:
    # ten million rows all over the sky are millions of cells: a request waits for them, memory holds them
    cells = np.arange(0, 12 * 4**9, 3, dtype=np.float64)
    started = time.process_time()
    tracemalloc.start()
    text = moc_of_fields(cells, np.full(len(cells), 0.02))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert MOC.from_string(text).sky_fraction == 1
    assert most < 400e6 and time.process_time() - started < 10


def test_a_field_wider_than_a_cell_of_order_0_covers_the_sky() -> None:
    text = moc_of_fields(np.array([7.0]), np.array([170.0]))
    assert MOC.from_string(text).sky_fraction == 1


def test_both_engines_tell_the_same_coverage(engines) -> None:
    two = engines.on({"ivoa.obscore": sky_rows(0, 40)})
    asking = Asking(Rights(), Limits(30.0, 1000), lambda: START)
    one, other = (extent_of(two.snapshot, engine, asking) for engine in two)
    assert one == other
    assert one.moc and len(one.times) == 3 and one.facilities == ("JAO",)


def test_holdings_without_positions_and_times_have_no_coverage(engines) -> None:
    rows = sky_rows(0, 3)
    for name in ("s_ra", "s_dec", "t_min", "em_min", "facility_name"):
        at = rows.schema.get_field_index(name)
        rows = rows.set_column(at, rows.schema.field(at), pa.nulls(3, rows.schema.field(at).type))
    two = engines.on({"ivoa.obscore": rows})
    asking = Asking(Rights(), Limits(30.0, 1000), lambda: START)
    for engine in two:
        assert extent_of(two.snapshot, engine, asking) == Extent(instruments=("ALMA",))


def test_many_spans_of_time_become_few() -> None:
    spans = tuple((100.0 * n, 100.0 * n + (60.0 if n % 7 == 0 else 1.0)) for n in range(200))
    few = coverage._few(spans)
    assert len(few) <= 51
    assert all(any(low <= a and b <= high for low, high in few) for a, b in spans)
    assert few[0][0] == 0.0 and few[-1][1] == spans[-1][1]
