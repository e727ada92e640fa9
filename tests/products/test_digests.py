"""Digests of files while the catalogue, which remembers them, does not answer."""

from __future__ import annotations

import base64
import hashlib
import os
from contextlib import closing
from pathlib import Path

import pytest

from vo_service.dali.sending import LocalBytes
from vo_service.holdings.records import FoundFile
from vo_service.products.digests import Digests, insists
from vo_service.products.stored import StoredFile
from vo_service.store import Catalogue

CONTENT = b"SIMPLE  = T" * 100


def test_a_digest_that_cannot_be_read_is_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "x.fits"
    path.write_bytes(CONTENT)
    found = FoundFile("main", path.name, len(CONTENT), path.stat().st_mtime_ns)
    file = StoredFile("p-1", found, 1, "application/fits", "file", None)
    with closing(Catalogue.open_in(tmp_path)) as catalogue:
        digests = Digests(catalogue, at_once_bytes=len(CONTENT))
        for place in tmp_path.glob("catalogue.sqlite*"):
            place.rename(tmp_path / f"away-{place.name}")
        with closing(LocalBytes(os.open(path, os.O_RDONLY), 0, len(CONTENT))) as opened:
            told = digests.header(file, opened, insisted=False)
        digests.close()
    assert told == f"sha-256=:{base64.b64encode(hashlib.sha256(CONTENT).digest()).decode()}:"


@pytest.mark.parametrize(
    ("header", "insisted"),
    [
        (None, False),
        ("sha-256=1", True),
        ("sha-512=3, sha-256 = 10", True),
        ("sha-256=0", False),
        ("sha-256=007", True),
        ("sha-256=", False),
        ("md5=1", False),
        (f"sha-256={'9' * 5000}", True),
    ],
)
def test_a_preference_above_zero_insists(header: str | None, insisted: bool) -> None:
    # RFC 9530, section 4
    assert insists(header) is insisted
