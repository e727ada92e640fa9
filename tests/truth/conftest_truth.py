"""Sample holdings built by the commands, and their tables as plain rows."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tap_schema import published
from vo_service.store import Catalogue, Snapshots

DERIVED = {"moment0", "moment1", "moment2", "peak", "width", "alpha", "error", "derived"}


def command(home: Path, *arguments: str) -> None:
    """Run ``vo-service``; exit status 1 (some items failed and are logged) is expected with broken files."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("VO_SERVICE_")}
    line = [sys.executable, "-m", "vo_service.cli", "--home", str(home), "--quiet", *arguments]
    done = subprocess.run(line, capture_output=True, text=True, env=clean, timeout=600)
    assert done.returncode in (0, 1), f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"


def build(
    home: Path, sample: Path, seed: int, products: int, order: tuple[str, ...] = ("ingest", "harvest")
) -> None:
    """The sample where it is not there yet, then ingest and harvest in the order given."""
    if not sample.exists():
        command(home, "sample", str(sample), "--seed", str(seed), "--products", str(products))
    for step in order:
        path = sample / ("products" if step == "ingest" else "archive.vot")
        command(home, step, str(path))


def rows_of_home(home: Path) -> dict[str, list[dict[str, Any]]]:
    """All published tables of the current snapshot but the header cards."""
    catalogue = Catalogue.open(f"sqlite:///{home / 'catalogue.sqlite'}")
    snapshot = Snapshots(home, catalogue).current()
    assert snapshot is not None
    names = [n for n in published() if not n.startswith("tap_schema") and n != "holdings.header_card"]
    return {name: snapshot.read(name).to_pylist() for name in names}
