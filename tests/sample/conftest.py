"""One small sample with its truth, made once for all tests of the room."""

from __future__ import annotations

import gzip
import json
import tarfile
from pathlib import Path
from types import SimpleNamespace

import pytest

from vo_service.sample import write_sample


def _content(root: Path, path: str) -> bytes:
    """Bytes of a product, unpacked where it is gzip or the member of a tar."""
    tar, found, member = path.partition(".tar/")
    if found:
        with tarfile.open(root / f"{tar}.tar") as stream:
            held = stream.extractfile(member)
            assert held is not None
            return held.read()
    data = (root / path).read_bytes()
    return gzip.decompress(data) if path.endswith(".gz") else data


@pytest.fixture(scope="session")
def holdings(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """A sample of 160 products: its directory, summary, truth, entries of truth by path and group, and a
    reader of its files."""
    directory: Path = tmp_path_factory.mktemp("sample")
    summary = write_sample(directory, seed=11, products=160)
    truth = json.loads((directory / "truth.json").read_text(encoding="utf-8"))
    return SimpleNamespace(
        directory=directory,
        products=directory / "products",
        summary=summary,
        truth=truth,
        by_path={entry["path"]: entry for entry in truth["products"]},
        content=lambda entry: _content(directory / "products", entry["path"]),
        by_group={entry["group"]: entry for entry in truth["datasets"]},
    )
