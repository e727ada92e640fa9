"""One small sample with its truth, made once for all tests of the room."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from vo_service.sample import write_sample


@pytest.fixture(scope="session")
def holdings(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """A sample of 120 products: its directory, summary, truth, and the entries of truth by path and group."""
    directory: Path = tmp_path_factory.mktemp("sample")
    summary = write_sample(directory, seed=11, products=120)
    truth = json.loads((directory / "truth.json").read_text(encoding="utf-8"))
    return SimpleNamespace(
        directory=directory,
        products=directory / "products",
        summary=summary,
        truth=truth,
        by_path={entry["path"]: entry for entry in truth["products"]},
        by_group={entry["group"]: entry for entry in truth["datasets"]},
    )
