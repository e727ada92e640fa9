"""Services that a table describes, called for its rows by the classes of STILTS, which are TOPCAT's own."""

from __future__ import annotations

import csv
import io
import subprocess
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlencode, urlsplit

import numpy as np
import pytest
import requests
from astropy.io import fits

pytestmark = pytest.mark.judge

SCRIPT: Final = Path(__file__).with_name("stilts_descriptor.bsh")
SODA_SYNC: Final = "ivo://ivoa.net/std/SODA#sync-1.0"
LINKS: Final = "ivo://ivoa.net/std/DataLink#links-1.1"
CUBES: Final = (
    "SELECT TOP 3 s_ra, s_dec, obs_publisher_did{} FROM ivoa.obscore "
    "WHERE dataproduct_type = 'cube' AND dataset_id IS NOT NULL AND data_rights = 'Public' "
    "AND em_xel > 3 ORDER BY access_estsize, obs_publisher_did"
)


@pytest.fixture(scope="module")
def answers(service_url: str) -> dict[str, tuple[str, list[str]]]:
    """Addresses of tables of cubes by the service that gives them, and the identifiers of their rows."""

    def made(path: str, name: str = "obs_publisher_did", **asked: Any) -> tuple[str, list[str]]:
        address = f"{service_url}/{path}?{urlencode(asked, doseq=True)}"
        text = requests.get(f"{address}&RESPONSEFORMAT=csv", timeout=60).text
        return address, [row[name] for row in csv.DictReader(text.splitlines())]

    named = CUBES.format(' AS "Which One"')
    adql = {"LANG": "ADQL", "QUERY": CUBES.format("")}
    _, ids = made("tap/sync", **adql)
    form = {**adql, "RESPONSEFORMAT": "csv"}
    row = next(csv.DictReader(requests.get(f"{service_url}/tap/sync", form, timeout=60).text.splitlines()))
    cone = {"RA": row["s_ra"], "DEC": row["s_dec"], "SR": "0.001", "VERB": "1"}
    return {
        "tap": made("tap/sync", "Which One", LANG="ADQL", QUERY=named),
        "sia": made("sia2/query", ID=ids),
        "cone": made("cone/ivoa.obscore", **cone),
    }


def call(command: list[str], table: str, standard: str, *filled: str) -> list[str]:
    """What is asked of the user, then one address for each row of the table."""
    done = subprocess.run(
        [*command, str(SCRIPT), table, standard, *filled], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0 and "rror" not in done.stderr, done.stderr
    return done.stdout.splitlines()


@pytest.mark.parametrize("service", ["tap", "sia", "cone"])
def test_each_row_is_cut(stilts_classes: list[str], answers: Any, service: str) -> None:
    # DL-083, DL-099, SODA-071, SODA-079: TOPCAT's way from a row to its pixels
    address, ids = answers[service]
    asked, *calls = call(stilts_classes, address, SODA_SYNC, "CHANNELS=2 3")
    assert {"POS", "CIRCLE", "POLYGON", "BAND", "TIME", "POL", "LINE", "CHANNELS"} <= set(asked.split())
    assert "ID" not in asked.split()
    assert ids and [parse_qs(urlsplit(url).query)["ID"] for url in calls] == [[each] for each in ids]
    cubes = set(answers["tap"][1])  # where a cone is there are images too, and rows of the archive's
    cut = {each: url for each, url in zip(ids, calls, strict=True) if each in cubes}
    assert len(cut) == len(cubes) or (service == "cone" and cut)
    for url in cut.values():
        answer = requests.get(url, timeout=60)
        assert answer.status_code == 200, answer.text
        with fits.open(io.BytesIO(answer.content)) as opened:
            pixels = opened[0].data
            assert 2 in pixels.shape and np.isfinite(pixels).any()


@pytest.mark.parametrize("service", ["tap", "sia", "cone"])
def test_each_row_has_links(stilts_classes: list[str], answers: Any, service: str) -> None:
    # DL-083, DL-099, DL-100
    address, ids = answers[service]
    asked, *calls = call(stilts_classes, address, LINKS)
    assert asked == "" and len(calls) == len(ids) > 0
    for url, each in zip(calls, ids, strict=True):
        rows = list(csv.DictReader(requests.get(f"{url}&RESPONSEFORMAT=csv", timeout=60).text.splitlines()))
        assert {row["ID"] for row in rows} == {each}
        assert "#this" in {row["semantics"] for row in rows}
