"""A folder of products, and a server of it, for the tests of files behind URLs."""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from product_files import write_product
from web_servers import STILL, Web, serve, without_patience


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Errors come at once, and no session of an earlier test is used."""
    with without_patience(monkeypatch):
        yield


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    top = tmp_path / "served" / "data"
    write_product(top / "a" / "one.fits", (1, 40, 100, 100), OBJECT="ONE")
    write_product(tmp_path / "two.fits", OBJECT="TWO")
    (top / "a" / "two.fits.gz").write_bytes(gzip.compress((tmp_path / "two.fits").read_bytes()))
    (top / "notes.txt").write_text("some words\n")
    for path in top.rglob("*.*"):
        os.utime(path, (STILL, STILL))
    return top.parent


@pytest.fixture
def web(folder: Path) -> Iterator[Web]:
    with serve(folder) as served:
        yield served
