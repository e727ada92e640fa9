"""The image search of a live service, asked by pyvo as its users do, and judged by STILTS."""

from __future__ import annotations

import inspect
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import pyvo
import requests
from astropy import units as u
from astropy.time import Time
from pyvo.dal.exceptions import DALQueryError
from stilts_remarks import unexplained_votlint

COLUMNS = (
    "obs_publisher_did, s_ra, s_dec, em_min, em_max, t_min, s_fov, s_resolution, em_res_power, t_exptime,"
    " t_resolution, pol_states, obs_collection, facility_name, instrument_name, dataproduct_type,"
    " calib_level, target_name, access_format"
)
SEARCHES = 19
KINDS = "dataproduct_type IN ('image', 'cube')"


@pytest.fixture(scope="module")
def tap(live_server: str) -> pyvo.dal.TAPService:
    return pyvo.dal.TAPService(f"{live_server}/tap")


@pytest.fixture(scope="module")
def service(live_server: str) -> pyvo.dal.SIA2Service:
    return pyvo.dal.SIA2Service(f"{live_server}/sia2")  # found by its capabilities


@pytest.fixture(scope="module")
def row(tap: pyvo.dal.TAPService) -> dict[str, Any]:
    """A row that knows something of every column."""
    known = " AND ".join(f"{name} IS NOT NULL" for name in COLUMNS.replace(",", " ").split())
    query = f"SELECT TOP 1 {COLUMNS} FROM ivoa.obscore WHERE {KINDS} AND {known} ORDER BY obs_publisher_did"
    found = tap.search(query).to_table()
    return {name: found[name][0] for name in found.colnames}


def dids(results: Any) -> list[str]:
    return sorted(results["obs_publisher_did"])


def by_tap(tap: pyvo.dal.TAPService, condition: str) -> list[str]:
    return dids(tap.search(f"SELECT obs_publisher_did FROM ivoa.obscore WHERE {KINDS} AND {condition}"))


def searches(row: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str]]:
    lon, lat = float(row["s_ra"]), float(row["s_dec"])
    yield (
        {"pos": (lon * u.deg, lat * u.deg, 0.01 * u.deg)},
        f"INTERSECTS(CIRCLE({lon}, {lat}, 0.01), s_region) = 1",
    )
    yield (
        {"pos": (lon - 0.02, lon + 0.02, lat - 0.01, lat + 0.01)},
        f"INTERSECTS(RANGE_S2D({lon - 0.02}, {lon + 0.02}, {lat - 0.01}, {lat + 0.01}), s_region) = 1",
    )
    corners = (lon - 0.02, lat - 0.01, lon + 0.02, lat - 0.01, lon, lat + 0.02)
    yield (
        {"pos": corners},
        f"INTERSECTS(POLYGON({', '.join(map(repr, corners))}), s_region) = 1",
    )
    low, high = float(row["em_min"]), float(row["em_max"])
    yield {"band": (low * u.m, high * u.m)}, f"em_min <= {high} AND em_max >= {low}"
    start = float(row["t_min"])
    yield (
        {"time": (Time(start, format="mjd"), Time(start + 1.0, format="mjd"))},
        f"t_min <= {start + 1.0} AND t_max >= {start}",
    )
    state = str(row["pol_states"]).strip("/").split("/")[0]
    yield {"pol": state}, f"pol_states LIKE '%/{state}/%'"
    for name, column, unit in (
        ("field_of_view", "s_fov", u.deg),
        ("spatial_resolution", "s_resolution", u.arcsec),
        ("exptime", "t_exptime", u.s),
        ("spectral_resolving_power", "em_res_power", None),
        ("timeres", "t_resolution", u.s),
    ):
        value = float(row[column])
        pair = (0.9 * value, 1.1 * value)
        asked = pair if unit is None else (pair[0] * unit, pair[1] * unit)
        yield {name: asked}, f"{column} BETWEEN {pair[0]} AND {pair[1]}"
    for name, column in (
        ("publisher_did", "obs_publisher_did"),
        ("collection", "obs_collection"),
        ("facility", "facility_name"),
        ("instrument", "instrument_name"),
        ("data_type", "dataproduct_type"),
        ("target_name", "target_name"),
        ("res_format", "access_format"),
    ):
        quoted = str(row[column]).replace("'", "''")
        yield {name: str(row[column])}, f"{column} = '{quoted}'"
    yield {"calib_level": int(row["calib_level"])}, f"calib_level = {row['calib_level']}"


def test_every_parameter_is_asked(row: dict[str, Any]) -> None:
    names = set(inspect.signature(pyvo.dal.SIA2Service.search).parameters)
    assert len(list(searches(row))) == SEARCHES
    assert {name for asked, _ in searches(row) for name in asked} == names - {"self", "maxrec", "kwargs"}


@pytest.mark.parametrize("number", range(SEARCHES))
def test_pyvo_asks_with_every_parameter(
    service: pyvo.dal.SIA2Service, tap: pyvo.dal.TAPService, row: dict[str, Any], number: int
) -> None:
    # SIA-005, SIA-022, SIA-041 to SIA-059, SIA-110
    asked, condition = list(searches(row))[number]
    found = dids(service.search(**asked))
    assert found == by_tap(tap, condition)
    assert row["obs_publisher_did"] in found and len(found) < len(by_tap(tap, "1 = 1"))


def test_parameters_are_combined(
    service: pyvo.dal.SIA2Service, tap: pyvo.dal.TAPService, row: dict[str, Any]
) -> None:
    # SIA-007
    pos = [(float(row["s_ra"]) * u.deg, float(row["s_dec"]) * u.deg, 1 * u.deg), (10, 10, 1)]
    found = service.search(
        pos=pos, band=(0.5 * u.GHz, 300 * u.GHz), data_type=["cube", "image"], calib_level=[2, 3]
    )
    lon, lat = float(row["s_ra"]), float(row["s_dec"])
    longest = (0.5 * u.GHz).to_value(u.m, equivalencies=u.spectral())
    shortest = (300 * u.GHz).to_value(u.m, equivalencies=u.spectral())
    condition = (
        f"(INTERSECTS(CIRCLE({lon}, {lat}, 1), s_region) = 1 OR INTERSECTS(CIRCLE(10, 10, 1), s_region) = 1)"
        f" AND em_min <= {longest} AND em_max >= {shortest} AND calib_level IN (2, 3)"
    )
    assert dids(found) == by_tap(tap, condition)


@pytest.mark.filterwarnings("ignore::pyvo.dal.exceptions.DALOverflowWarning")
def test_metadata_alone(service: pyvo.dal.SIA2Service) -> None:
    # SIA-072, SIA-090, SIA-092: pyvo finds the description among the services of an answer
    found = service.search(maxrec=0)
    assert len(found) == 0 and "s_region" in found.fieldnames
    assert "ivo://ivoa.net/std/SIA#query-2.0" in [
        param.value.decode() if isinstance(param.value, bytes) else param.value
        for resource in found.votable.resources
        for param in resource.params
        if param.name == "standardID"
    ]


def test_an_error_is_shown_to_the_user(service: pyvo.dal.SIA2Service) -> None:
    # SIA-101, SIA-104
    with pytest.raises(DALQueryError, match=r"UsageFault: CALIB='2 3'"):
        service.search(CALIB="2 3")


def test_what_must_be_known_is_known(service: pyvo.dal.SIA2Service) -> None:
    # SIA-079, SIA-081, SIA-085
    found = service.search(maxrec=500)
    table = found.to_table()
    for name in ("calib_level", "obs_collection", "obs_id", "obs_publisher_did"):
        values = table[name]
        assert not np.ma.is_masked(values) and "" not in set(map(str, values))
    links = "application/x-votable+xml;content=datalink"
    asked = [str(url) for url, kind in zip(table["access_url"], table["access_format"]) if kind == links]
    assert asked and all("ID=" in url for url in asked)
    assert str(table["access_estsize"].unit) == "kbyte"


def test_an_identifier_in_capitals(live_server: str, row: dict[str, Any]) -> None:
    # SIA-052
    did = str(row["obs_publisher_did"])
    text = requests.get(
        f"{live_server}/sia2/query", params={"ID": did.upper(), "RESPONSEFORMAT": "csv"}, timeout=60
    ).text
    assert did != did.upper() and len(text.splitlines()) == 2


@pytest.mark.parametrize("name", ["spatial_resolution", "field_of_view"])
def test_ends_belong_to_the_interval(service: pyvo.dal.SIA2Service, row: dict[str, Any], name: str) -> None:
    # SIA-024, SIA-046
    column, unit = {"spatial_resolution": ("s_resolution", u.arcsec), "field_of_view": ("s_fov", u.deg)}[name]
    value = float(row[column])
    did = row["obs_publisher_did"]
    for pair, inside in (
        ((value, value), True),
        ((value, np.inf), True),
        ((0.0, value), True),
        ((0.0, 0.99 * value), False),
    ):
        asked = {name: (pair[0] * unit, pair[1] * unit)}
        assert (did in dids(service.search(**asked))) is inside


@pytest.mark.judge
def test_votlint_has_nothing_to_say(stilts: str, live_server: str, tmp_path: Path) -> None:
    # SIA-074, SIA-094
    for number, asked in enumerate(({"MAXREC": "5"}, {"MAXREC": "0"}, {"BAND": "x"})):
        path = tmp_path / f"{number}.vot"
        path.write_bytes(requests.get(f"{live_server}/sia2/query", params=asked, timeout=60).content)
        done = subprocess.run([stilts, "votlint", str(path)], capture_output=True, text=True, timeout=120)
        assert unexplained_votlint(done.stdout + done.stderr) == []
