"""Services that a table describes, called for its rows by the classes of STILTS, which are TOPCAT's own."""

from __future__ import annotations

import io
import subprocess
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, urlsplit

import numpy as np
import pytest
import requests
from astropy.io import fits

pytestmark = pytest.mark.judge

SCRIPT: Final = Path(__file__).with_name("stilts_descriptor.bsh")
SODA_SYNC: Final = "ivo://ivoa.net/std/SODA#sync-1.0"
ROWS: Final = (
    'SELECT TOP 3 s_ra, s_dec, obs_publisher_did AS "Which One" FROM ivoa.obscore '
    "WHERE dataproduct_type = 'cube' AND dataset_id IS NOT NULL AND data_rights = 'Public' "
    "AND em_xel > 3 ORDER BY access_estsize, obs_publisher_did"
)


def call(command: list[str], table: str, standard: str, *filled: str) -> list[str]:
    """What is asked of the user, then one address for each row of the table."""
    done = subprocess.run(
        [*command, str(SCRIPT), table, standard, *filled], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0 and "rror" not in done.stderr, done.stderr
    return done.stdout.splitlines()


def test_each_row_of_a_query_is_cut(stilts_classes: list[str], tap_url: str) -> None:
    # DL-083, DL-099, SODA-071, SODA-079: TOPCAT's way from a row to its pixels
    params = {"LANG": "ADQL", "QUERY": ROWS}
    address = requests.Request("GET", f"{tap_url}/sync", params=params).prepare().url
    rows = requests.get(f"{address}&RESPONSEFORMAT=csv", timeout=60).text.splitlines()[1:]
    assert address is not None and len(rows) == 3
    asked, *calls = call(stilts_classes, address, SODA_SYNC, "CHANNELS=2 3")
    assert {"POS", "CIRCLE", "POLYGON", "BAND", "TIME", "POL", "LINE", "CHANNELS"} <= set(asked.split())
    assert "ID" not in asked.split()
    assert [parse_qs(urlsplit(url).query)["ID"] for url in calls] == [[row.split(",")[-1]] for row in rows]
    for url in calls:
        answer = requests.get(url, timeout=60)
        assert answer.status_code == 200, answer.text
        with fits.open(io.BytesIO(answer.content)) as opened:
            pixels = opened[0].data
            assert 2 in pixels.shape and np.isfinite(pixels).any()
