"""Maps of the sky at a live service, as users send them: by pyvo to TAP and SIA, by HTTP to the search."""

from __future__ import annotations

import gzip
import io
from typing import Any

import astropy.units as u
import httpx
import mocpy
import pytest
import pyvo
from astropy.coordinates import Latitude, Longitude
from astropy.table import Table
from sky_map_files import bell, moc_files, multi_order

MAXREC = 100_000


@pytest.fixture(scope="module")
def tap(live_server: str) -> pyvo.dal.TAPService:
    return pyvo.dal.TAPService(f"{live_server}/tap")


@pytest.fixture(scope="module")
def place(tap: pyvo.dal.TAPService) -> tuple[float, float]:
    """Where several cubes are."""
    query = (
        "SELECT TOP 1 target_name, AVG(s_ra) AS lon, AVG(s_dec) AS lat, COUNT(*) AS n FROM ivoa.obscore"
        " WHERE dataproduct_type = 'cube' AND s_region IS NOT NULL GROUP BY target_name ORDER BY n DESC"
    )
    row = tap.search(query).to_table()[0]
    return float(row["lon"]), float(row["lat"])


@pytest.fixture(scope="module")
def map(place: tuple[float, float]) -> mocpy.MOC:
    lon, lat = place
    return mocpy.MOC.from_cone(
        lon=Longitude(lon, unit="deg"), lat=Latitude(lat, unit="deg"), radius=20.0 * u.arcsec, max_depth=17
    )


@pytest.fixture(scope="module")
def wanted(tap: pyvo.dal.TAPService, map: mocpy.MOC) -> list[str]:
    """What the map meets, its text in the query."""
    query = (
        f"SELECT obs_publisher_did FROM ivoa.obscore WHERE INTERSECTS(MOC('{map.to_string()}'), s_region) = 1"
    )
    found = ids(tap.search(query, maxrec=MAXREC))
    assert 3 < len(found) < len(tap.search("SELECT obs_id FROM ivoa.obscore", maxrec=MAXREC))
    return found


def ids(found: Any) -> list[str]:
    return sorted(found["obs_publisher_did"])


@pytest.mark.parametrize("kind", ["ranges", "cells", "json", "ascii", "packed"])
@pytest.mark.parametrize("mode", ["run_sync", "run_async"])
def test_tap_takes_maps_as_files(
    tap: pyvo.dal.TAPService, map: mocpy.MOC, wanted: list[str], kind: str, mode: str
) -> None:
    content = io.BytesIO(moc_files(map)[kind])  # of a file that it is told the name of, pyvo reads text
    query = (
        "SELECT o.obs_publisher_did FROM ivoa.obscore AS o, TAP_UPLOAD.mine AS m"
        " WHERE INTERSECTS(m.moc, o.s_region) = 1"
    )
    found = getattr(tap, mode)(query, uploads={"mine": content}, maxrec=MAXREC)
    assert ids(found) == wanted


def test_images_by_pyvo(
    live_server: str, map: mocpy.MOC, wanted: list[str], tap: pyvo.dal.TAPService
) -> None:
    # SIA-014: parameters of one's own are sent as they are typed
    found = pyvo.dal.SIA2Service(f"{live_server}/sia2").search(MOC=map.to_string(), maxrec=MAXREC)
    kinds = "dataproduct_type IN ('image', 'cube')"
    all_images = ids(tap.search(f"SELECT obs_publisher_did FROM ivoa.obscore WHERE {kinds}", maxrec=MAXREC))
    assert ids(found) == sorted({*wanted} & {*all_images}) != []
    cubes = pyvo.dal.SIA2Service(f"{live_server}/sia2").search(
        MOC=map.to_string(), data_type="cube", calib_level=[2, 3], maxrec=MAXREC
    )
    assert {*ids(cubes)} < {*ids(found)} and set(cubes["dataproduct_type"]) == {"cube"}


def test_images_by_a_file(live_server: str, map: mocpy.MOC) -> None:
    sent = httpx.post(
        f"{live_server}/sia2/query",
        data={"UPLOAD": "field,param:map", "MAXREC": str(MAXREC)},
        files={"map": ("field.fits", moc_files(map)["ranges"])},
        timeout=120,
    )
    by_text = pyvo.dal.SIA2Service(f"{live_server}/sia2").search(MOC=map.to_string(), maxrec=MAXREC)
    assert sorted(Table.read(io.BytesIO(sent.content), format="votable")["obs_publisher_did"]) == ids(by_text)


def test_the_search(live_server: str, map: mocpy.MOC, wanted: list[str]) -> None:
    for asked in (
        {"params": {"MOC": map.to_string(), "MAXREC": MAXREC}, "method": "GET"},
        {"data": {"MOC": map.to_string(), "MAXREC": MAXREC}, "method": "POST"},
        {
            "data": {"UPLOAD": "field,param:map", "MAXREC": MAXREC},
            "files": {"map": moc_files(map)["packed"]},
            "method": "POST",
        },
    ):
        answer = httpx.request(url=f"{live_server}/moc/search", timeout=120, **asked)
        table = Table.read(io.BytesIO(answer.content), format="votable")
        assert sorted(table["obs_publisher_did"]) == wanted
        overlaps = list(table["overlap_area"])
        assert overlaps == sorted(overlaps, reverse=True) and 0.0 < overlaps[0] < 1.0
        assert str(table["overlap_area"].unit) == "deg2"


def test_found_rows_lead_on(live_server: str, map: mocpy.MOC) -> None:
    # DL-099: pyvo finds the links behind the rows
    address = f"{live_server}/moc/search?MOC={map.to_string().replace(' ', '+')}&MAXREC={MAXREC}"
    answer = httpx.get(address.replace("\n", "+"), timeout=120)
    results = pyvo.dal.DALResults(pyvo.dal.query.votableparse(io.BytesIO(answer.content)))
    links = next(iter(pyvo.dal.adhoc.DatalinkResultsMixin.iter_datalinks(_Mixed(results.votable))))
    assert len(links) > 0


class _Mixed(pyvo.dal.adhoc.DatalinkResultsMixin, pyvo.dal.DALResults):
    """A result with links, as those of SIA and TAP are."""


def test_a_sky_map(live_server: str, place: tuple[float, float], wanted: list[str]) -> None:
    content = gzip.compress(multi_order(bell(6, *place, 2.0)))
    answer = httpx.post(
        f"{live_server}/moc/search",
        data={"UPLOAD": "event,param:skymap", "LEVEL": "0.9", "MAXREC": str(MAXREC)},
        files={"skymap": ("bayestar.multiorder.fits.gz", content)},
        timeout=120,
    )
    table = Table.read(io.BytesIO(answer.content), format="votable")
    assert {*wanted} <= {*table["obs_publisher_did"]}
    values = list(table["probability"])
    assert values == sorted(values, reverse=True) and 0.0 < values[0] < 1e-2
