"""Uploads by real clients against a live server: pyvo and STILTS, synchronous and asynchronous."""

from __future__ import annotations

import io
import subprocess
from pathlib import Path

import astropy.units as u
import numpy as np
import pytest
import pyvo
import requests
from astropy.coordinates import SkyCoord
from astropy.io.votable import parse as parse_votable
from astropy.table import Table

ROWS = 1000
RADIUS = 5.0  # arcsec


@pytest.fixture(scope="module")
def service(live_server: str) -> pyvo.dal.TAPService:
    return pyvo.dal.TAPService(f"{live_server}/tap")


@pytest.fixture(scope="module")
def places(service: pyvo.dal.TAPService) -> Table:
    """Positions of the holdings."""
    found = service.search("SELECT obs_publisher_did, s_ra, s_dec FROM ivoa.obscore WHERE s_ra IS NOT NULL")
    return found.to_table()


@pytest.fixture(scope="module")
def mine(places: Table) -> Table:
    """ROWS positions, most of them within or near 5 arcsec of one of the holdings."""
    rng = np.random.default_rng(11)
    base = rng.integers(0, len(places), ROWS)
    ra, dec = np.array(places["s_ra"])[base], np.array(places["s_dec"])[base]
    angle, distance = rng.uniform(0, 2 * np.pi, ROWS), rng.uniform(0, 2 * RADIUS, ROWS) / 3600
    table = Table({"n": np.arange(ROWS, dtype="i4")})
    table["ra"] = (ra + distance * np.cos(angle) / np.cos(np.radians(dec))) % 360 * u.deg
    table["dec"] = np.clip(dec + distance * np.sin(angle), -90, 90) * u.deg
    return table


def truth(places: Table, mine: Table) -> set[tuple[int, str]]:
    """Pairs within RADIUS as astropy finds them."""
    ours = SkyCoord(np.array(places["s_ra"]), np.array(places["s_dec"]), unit="deg")
    theirs = SkyCoord(mine["ra"], mine["dec"])
    first, second, _, _ = ours.search_around_sky(theirs, RADIUS * u.arcsec)
    return {(int(mine["n"][i]), str(places["obs_publisher_did"][j])) for i, j in zip(first, second)}


MATCH = (
    "SELECT t.n, o.obs_publisher_did FROM ivoa.obscore AS o JOIN TAP_UPLOAD.mine AS t "
    f"ON DISTANCE(POINT(o.s_ra, o.s_dec), POINT(t.ra, t.dec)) <= {RADIUS} / 3600.0"
)


def pairs(found: Table) -> set[tuple[int, str]]:
    return {(int(row["n"]), str(row["obs_publisher_did"])) for row in found}


def test_a_match_by_distance(service: pyvo.dal.TAPService, places: Table, mine: Table) -> None:
    # TAP-036, TAP-080
    found = service.search(MATCH, uploads={"mine": mine}, maxrec=1_000_000).to_table()
    wanted = truth(places, mine)
    assert len(wanted) > 200
    assert pairs(found) == wanted


def test_the_same_match_as_a_job(service: pyvo.dal.TAPService, places: Table, mine: Table) -> None:
    # TAP-094, DALI-075: the part is kept with the job, and can be read
    job = service.submit_job(MATCH, uploads={"mine": mine}, maxrec=1_000_000)
    try:
        kept = [one for one in job.job.parameters if one.id_.upper() == "UPLOAD"]
        assert [one.content for one in kept] == ["mine,param:mine"]
        job.run().wait(timeout=60)
        job.raise_if_error()
        assert pairs(job.fetch_result().to_table()) == truth(places, mine)
        part = requests.get(f"{job.url}/parameters/mine", timeout=10)
        assert parse_votable(io.BytesIO(part.content)).get_first_table().nrows == ROWS
    finally:
        job.delete()


def test_several_tables_of_several_kinds(service: pyvo.dal.TAPService, mine: Table, tmp_path: Path) -> None:
    # TAP-087
    few = mine[:10]
    path = tmp_path / "few.vot"
    few.write(path, format="votable", tabledata_format="binary2")
    again = service.search("SELECT n FROM TAP_UPLOAD.few WHERE n < 10", uploads={"few": str(path)})
    uploads = {"a": mine, "b": str(path), "c": again}
    adql = (
        "SELECT MAX(a.n) AS a, MAX(b.n) AS b, COUNT(*) AS c FROM TAP_UPLOAD.a AS a "
        "JOIN TAP_UPLOAD.b AS b ON b.n = MOD(a.n, 10) JOIN TAP_UPLOAD.c AS c ON c.n = b.n"
    )
    (row,) = service.search(adql, uploads=uploads)
    assert (row["a"], row["b"], row["c"]) == (ROWS - 1, 9, ROWS)


def test_two_jobs_with_tables_of_one_name(service: pyvo.dal.TAPService, mine: Table) -> None:
    # TAP-085, DALI-076
    adql = "SELECT COUNT(*) AS n FROM TAP_UPLOAD.mine"
    jobs = [service.submit_job(adql, uploads={"mine": mine[:count]}) for count in (3, 7)]
    try:
        for job in jobs:
            job.run()
        for job in jobs:
            job.wait(timeout=60)
        assert [job.fetch_result()["n"][0] for job in jobs] == [3, 7]
    finally:
        for job in jobs:
            job.delete()


def test_a_job_fails_by_what_is_wrong_with_its_table(service: pyvo.dal.TAPService, tmp_path: Path) -> None:
    # TAP-081, TAP-093, DALI-092
    path = tmp_path / "broken.vot"
    path.write_text("<VOTABLE><RESOURCE>")
    job = service.submit_job("SELECT * FROM TAP_UPLOAD.mine", uploads={"mine": str(path)})
    try:
        job.run().wait(timeout=60)
        assert job.phase == "ERROR"
        with pytest.raises(pyvo.dal.DALQueryError, match="UPLOAD mine: line 1, character 20"):
            job.raise_if_error()
    finally:
        job.delete()


def test_what_pyvo_learns_of_uploads(service: pyvo.dal.TAPService) -> None:
    # TAP-097
    assert "ivo://ivoa.net/std/TAPRegExt#upload-inline" in {one.ivo_id for one in service.upload_methods}


def run(stilts: str, *arguments: str) -> None:
    done = subprocess.run([stilts, *arguments], capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done.stderr
    assert "WARN" not in done.stderr, done.stderr


@pytest.mark.judge
@pytest.mark.parametrize("sync", ["true", "false"])
@pytest.mark.parametrize("kind", ["TABLEDATA", "BINARY", "BINARY2"])
def test_tables_that_stilts_writes(
    stilts: str, live_server: str, places: Table, mine: Table, tmp_path: Path, kind: str, sync: str
) -> None:
    # TAP-080, TAP-081, VOT-188: chunked, with an odd boundary
    given, found = tmp_path / "mine.fits", tmp_path / "found.fits"
    mine.write(given)
    run(
        stilts,
        "tapquery",
        f"tapurl={live_server}/tap",
        f"sync={sync}",
        "nupload=1",
        f"upload1={given}",
        "upname1=mine",
        f"upvotformat={kind}",
        f"adql={MATCH}",
        f"out={found}",
    )
    assert pairs(Table.read(found)) == truth(places, mine)


@pytest.mark.judge
@pytest.mark.parametrize("sync", ["true", "false"])
def test_tapskymatch(
    stilts: str, live_server: str, places: Table, mine: Table, tmp_path: Path, sync: str
) -> None:
    # TAP-080: uploads in blocks
    given, found = tmp_path / "mine.fits", tmp_path / "found.fits"
    mine.write(given)
    run(
        stilts,
        "tapskymatch",
        f"tapurl={live_server}/tap",
        "taptable=ivoa.obscore",
        "taplon=s_ra",
        "taplat=s_dec",
        "tapcols=obs_publisher_did",
        f"in={given}",
        "inlon=ra",
        "inlat=dec",
        f"sr={RADIUS / 3600!r}",
        "find=all",
        "blocksize=300",
        f"sync={sync}",
        f"out={found}",
    )
    assert pairs(Table.read(found)) == truth(places, mine)


def test_a_table_that_the_server_fetches_is_refused_where_no_host_is_allowed(live_server: str) -> None:
    # TAP-082
    answer = requests.post(
        f"{live_server}/tap/sync",
        data={
            "LANG": "ADQL",
            "QUERY": "SELECT * FROM TAP_UPLOAD.t",
            "UPLOAD": f"t,{live_server}/tap/capabilities",
        },
        timeout=30,
    )
    assert answer.status_code == 400
    assert "tables are not fetched from" in answer.text
