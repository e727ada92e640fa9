"""Digests of files while the catalogue, which remembers them, does not answer."""

from __future__ import annotations

import base64
import hashlib
import os
from contextlib import closing
from pathlib import Path

from vo_service.dali.sending import LocalBytes
from vo_service.holdings.records import FoundFile
from vo_service.products.digests import Digests
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
