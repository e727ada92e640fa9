"""Cone searches of a live service, asked by pyvo and STILTS as their users do."""

from __future__ import annotations

import csv
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import pyvo
import requests
from pyvo.dal.exceptions import DALQueryError
from stilts_remarks import unexplained_votlint

Run = Callable[..., str]
PLACES = "SELECT TOP 12 obs_publisher_did AS name, s_ra AS ra, s_dec AS dec FROM ivoa.obscore WHERE s_ra > 0"


@pytest.fixture(scope="module")
def search_url(live_server: str) -> str:
    return f"{live_server}/cone/ivoa.obscore"


@pytest.fixture(scope="module")
def places(live_server: str) -> list[dict[str, str]]:
    form = {"LANG": "ADQL", "QUERY": PLACES, "RESPONSEFORMAT": "csv"}
    return list(csv.DictReader(requests.post(f"{live_server}/tap/sync", form, timeout=60).text.splitlines()))


@pytest.fixture(scope="module")
def run(stilts: str) -> Run:
    """One task of STILTS; it may not complain."""

    def run_task(*words: str) -> str:
        done = subprocess.run([stilts, *words], capture_output=True, text=True, timeout=180)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run_task


def by_tap(live_server: str, lon: str, lat: str, radius: float) -> set[str]:
    query = (
        f"SELECT obs_publisher_did FROM ivoa.obscore WHERE DISTANCE(s_ra, s_dec, {lon}, {lat}) <= {radius}"
    )
    return set(pyvo.dal.TAPService(f"{live_server}/tap").search(query)["obs_publisher_did"])


@pytest.mark.parametrize("verbosity", [1, 2, 3])
def test_pyvo_finds_what_tap_finds(live_server: str, search_url: str, places, verbosity: int) -> None:
    # SCS-009, SCS-011, SCS-014, SCS-016
    place = places[0]
    service = pyvo.dal.SCSService(search_url)
    found = service.search((float(place["ra"]), float(place["dec"])), 5.0, verbosity=verbosity)
    assert set(found["obs_publisher_did"]) == by_tap(live_server, place["ra"], place["dec"], 5.0)
    assert place["name"] in found["obs_publisher_did"]
    ucds = {field.name: field.ucd for field in found.fielddescs}
    keys = [ucds[name] for name in ("obs_publisher_did", "s_ra", "s_dec")]
    assert keys == ["meta.id;meta.main", "pos.eq.ra;meta.main", "pos.eq.dec;meta.main"]


def test_pyvo_learns_the_columns(search_url: str) -> None:
    # SCS-006: it asks for nothing at (0, 0)
    columns = {column.name for column in pyvo.dal.SCSService(search_url).columns}
    assert {"obs_publisher_did", "s_ra", "s_dec"} <= columns


def test_an_error_is_shown_to_the_user(search_url: str) -> None:
    # SCS-020 to SCS-022
    with pytest.raises(DALQueryError, match="DEC='91' cannot be used"):
        pyvo.dal.scs.SCSQuery(f"{search_url}?", RA=1, DEC=91, SR=1).execute()


@pytest.mark.parametrize("address", ["", "?"])
@pytest.mark.judge
def test_stilts_asks_for_many_cones(
    run: Run, live_server: str, search_url: str, places, tmp_path: Path, address: str
) -> None:
    # SCS-001, SCS-011: coneskymatch puts its parameters behind the address, which may end with a mark
    table = tmp_path / "places.csv"
    table.write_text("name,ra,dec\n" + "".join(f"{p['name']},{p['ra']},{p['dec']}\n" for p in places))
    text = run(
        *("coneskymatch", f"in={table}", "ifmt=csv", "ra=ra", "dec=dec", "sr=0.5", "servicetype=cone"),
        *(f"serviceurl={search_url}{address}", "find=all", "verb=1", "ofmt=csv", "copycols=name"),
    )
    pairs = {(row["name"], row["obs_publisher_did"]) for row in csv.DictReader(text.splitlines())}
    wanted = {
        (place["name"], did)
        for place in places
        for did in by_tap(live_server, place["ra"], place["dec"], 0.5)
    }
    assert pairs == wanted and len(wanted) >= len(places)


@pytest.mark.judge
@pytest.mark.parametrize(("radius", "verbosity"), [(0.5, 1), (30.0, 2), (180.0, 3)])
def test_stilts_finds_what_tap_finds(
    run: Run, live_server: str, search_url: str, places, radius: float, verbosity: int
) -> None:
    # SCS-001, SCS-003, SCS-009, SCS-011, SCS-013, SCS-014: STILTS takes the first table of the answer
    place = places[-1]
    text = run(
        *("cone", f"serviceurl={search_url}?", f"lon={place['ra']}", f"lat={place['dec']}"),
        *(f"radius={radius}", f"verb={verbosity}", "ofmt=csv"),
    )
    rows = list(csv.DictReader(text.splitlines()))
    found = {row["obs_publisher_did"] for row in rows}
    assert found == by_tap(live_server, place["ra"], place["dec"], radius) and len(found) == len(rows)
    assert place["name"] in found
    query = "SELECT column_name FROM tap_schema.columns WHERE table_name = 'ivoa.obscore'"
    columns = set(pyvo.dal.TAPService(f"{live_server}/tap").search(query)["column_name"])
    assert set(rows[0]) <= columns and (set(rows[0]) == columns) == (verbosity == 3)


@pytest.mark.judge
def test_stilts_takes_an_empty_cone_for_no_error(run: Run, search_url: str) -> None:
    # SCS-006, SCS-023: the columns are there, of galactic positions too, which it turns itself
    for words in (("radius=0",), ("radius=1e-6", "skysys=galactic")):
        text = run("cone", f"serviceurl={search_url}?", "lon=0.1", "lat=-89.9", *words, "ofmt=csv")
        (header,) = text.splitlines()
        assert {"obs_publisher_did", "s_ra", "s_dec"} <= set(header.split(","))


@pytest.mark.judge
def test_stilts_takes_an_error_for_one(stilts: str, search_url: str) -> None:
    # SCS-004, SCS-022
    words = ("cone", f"serviceurl={search_url}?", "lon=10", "lat=91", "radius=1", "ofmt=csv")
    done = subprocess.run([stilts, *words], capture_output=True, text=True, timeout=180)
    assert done.returncode != 0 and not done.stdout
    assert "400" in done.stderr  # it does not read what the answer says


@pytest.mark.judge
def test_stilts_finds_the_same_by_cones_and_by_upload(
    run: Run, live_server: str, places, tmp_path: Path
) -> None:
    table = tmp_path / "places.csv"
    table.write_text("name,ra,dec\n" + "".join(f"{p['name']},{p['ra']},{p['dec']}\n" for p in places))
    common = (f"in={table}", "ifmt=csv", "ra=ra", "dec=dec", "find=all", "ofmt=csv")
    text = run(
        *("tapskymatch", f"tapurl={live_server}/tap", "taptable=ivoa.obscore", "taplon=s_ra", "taplat=s_dec"),
        *("inlon=ra", "inlat=dec", "tapcols=obs_publisher_did", "sr=0.5", "find=all"),
        *(f"in={table}", "ifmt=csv", "ofmt=csv"),
    )
    by_upload = {(row["name"], row["obs_publisher_did"]) for row in csv.DictReader(text.splitlines())}
    assert {(place["name"], place["name"]) for place in places} <= by_upload
    assert len(by_upload) > len(places)
    cones = run(
        *("coneskymatch", *common, "sr=0.5", "servicetype=cone", "verb=1", "copycols=name"),
        f"serviceurl={live_server}/cone/ivoa.obscore",
    )
    assert by_upload == {
        (row["name"], row["obs_publisher_did"]) for row in csv.DictReader(cones.splitlines())
    }


@pytest.mark.judge
@pytest.mark.parametrize("table", ["ivoa.obscore", "holdings.peak_spectrum", "holdings.observation"])
def test_votlint_has_nothing_to_say(stilts: str, live_server: str, table: str, tmp_path: Path) -> None:
    # SCS-014, SCS-016
    for number, asked in enumerate(({"SR": "180", "VERB": "3", "MAXREC": "5"}, {"SR": "0"}, {"SR": "x"})):
        path = tmp_path / f"{number}.vot"
        answer = requests.get(
            f"{live_server}/cone/{table}", params={"RA": "0", "DEC": "0", **asked}, timeout=60
        )
        path.write_bytes(answer.content)
        done = subprocess.run([stilts, "votlint", str(path)], capture_output=True, text=True, timeout=120)
        assert unexplained_votlint(done.stdout + done.stderr) == []
