"""STILTS, whose library is TOPCAT's: jobs taken up again, formats, votlint (its uploads: tests/tap)."""

from __future__ import annotations

import csv
import io
import re
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests
from stilts_remarks import unexplained_votlint

pytestmark = pytest.mark.judge

Run = Callable[..., str]
SLOW = (
    "SELECT COUNT(*) AS n FROM ivoa.obscore AS a, ivoa.obscore AS b, ivoa.obscore AS c "
    "WHERE SIN(a.s_ra * b.s_dec) + SIN(c.s_ra * a.s_dec) > 1.99"
)


@pytest.fixture(scope="module")
def run(stilts: str) -> Run:
    """One task of STILTS: all that it says; it may not complain."""

    def run_task(*words: str) -> str:
        done = subprocess.run([stilts, *words], capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        assert "WARN" not in done.stderr, done.stderr
        return done.stdout + done.stderr

    return run_task


def query(tap_url: str, adql: str, **more: str) -> bytes:
    answer = requests.post(f"{tap_url}/sync", {"LANG": "ADQL", "QUERY": adql, **more}, timeout=60)
    return answer.content


def rows_of(text: str) -> list[dict[str, str]]:
    """The rows of CSV behind what STILTS says of its progress."""
    return list(csv.DictReader(io.StringIO(text)))


def test_a_job_is_taken_up_again(run: Run, tap_url: str) -> None:
    # UWS-080: the client that made the job leaves, another one waits and fetches
    made = run("tapquery", f"tapurl={tap_url}", "sync=false", "delete=never", f"adql={SLOW}", "ofmt=csv")
    job = re.search(rf"{tap_url}/async/\S+", made)
    assert job is not None and "COMPLETED" in made
    text = run("tapresume", f"joburl={job[0]}", "progress=false", "delete=finished", "ofmt=csv")
    [counted] = rows_of(query(tap_url, SLOW, RESPONSEFORMAT="csv").decode())
    assert rows_of(text) == [counted] and int(counted["n"]) > 0
    assert requests.get(job[0], timeout=30).status_code == 404


@pytest.mark.parametrize("format", ["fits", "csv"])
def test_other_formats_are_read(run: Run, tap_url: str, format: str, tmp_path) -> None:
    # TAP-053: STILTS 3.4.7 reads neither Parquet nor TSV with a header
    names = "obs_publisher_did, target_name, s_ra, s_dec, em_xel, obs_release_date, s_region"
    content = query(
        tap_url, f"SELECT {names} FROM ivoa.obscore ORDER BY obs_publisher_did", RESPONSEFORMAT=format
    )
    path, read = tmp_path / f"rows.{format}", tmp_path / "read.csv"
    path.write_bytes(content)
    run("tpipe", f"in={path}", f"ifmt={format}", f"out={read}", "ofmt=csv")
    default = query(
        tap_url, f"SELECT {names} FROM ivoa.obscore ORDER BY obs_publisher_did", RESPONSEFORMAT="csv"
    )
    rows, wanted = rows_of(read.read_text()), rows_of(default.decode())
    assert [row["obs_publisher_did"] for row in rows] == [row["obs_publisher_did"] for row in wanted]
    assert [float(row["s_ra"] or "nan") for row in rows] == pytest.approx(
        [float(row["s_ra"] or "nan") for row in wanted], rel=1e-15, nan_ok=True
    )


def documents(tap_url: str) -> dict[str, bytes]:
    """A VOTable of every kind that the service sends."""
    everything = "SELECT * FROM ivoa.obscore"
    measured = "SELECT * FROM holdings.measurement"
    made = {
        f"{name} as {format}": query(tap_url, text, RESPONSEFORMAT=format)
        for name, text in (("rows", everything), ("measured", measured))
        for format in ("votable", "votable/td", "votable/b")
    }
    named = "SELECT em_min, em_support, s_region, s_shape FROM ivoa.obscore"
    shapes = "SELECT TOP 3 POINT(1, 2) AS p, CIRCLE(1, 2, 3) AS c, POLYGON(1, 2, 3, 2, 3, 4) AS q, 1 AS n"
    return made | {
        "unlisted columns": query(tap_url, named),
        "overflow": query(tap_url, everything, MAXREC="3", RESPONSEFORMAT="votable/td"),
        "no rows": query(tap_url, everything, MAXREC="0"),
        # votlint 3.4.7 cannot read polygons in BINARY2, those that STILTS itself writes included
        "shapes": query(tap_url, f"{shapes} FROM ivoa.obscore", RESPONSEFORMAT="votable/td"),
        "shapes as BINARY": query(tap_url, f"{shapes} FROM ivoa.obscore", RESPONSEFORMAT="votable/b"),
        "error": query(tap_url, "SELECT nothing FROM nowhere"),
        "text/xml": query(tap_url, "SELECT * FROM TAP_SCHEMA.columns", RESPONSEFORMAT="text/xml"),
    }


def test_votlint_finds_nothing_in_any_votable(run: Run, tap_url: str, tmp_path) -> None:
    # VOT-001, VOT-008
    found = documents(tap_url)
    names = list(found)
    for number, name in enumerate(names):
        (tmp_path / f"{number}.vot").write_bytes(found[name])
    with ThreadPoolExecutor(2) as pool:
        told = pool.map(lambda n: run("votlint", f"votable={tmp_path / f'{n}.vot'}"), range(len(names)))
    wrong = {name: unexplained_votlint(text) for name, text in zip(names, told, strict=True)}
    assert {name: lines for name, lines in wrong.items() if lines} == {}
