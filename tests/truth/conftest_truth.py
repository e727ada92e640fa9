"""Sample holdings built by the commands, their tables as plain rows, and their truth."""

from __future__ import annotations

import csv
import fcntl
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from tap_schema import published
from vo_service.store import Catalogue, Snapshots

DERIVED = {"moment0", "moment1", "moment2", "peak", "width", "alpha", "error", "derived"}


@dataclass(frozen=True)
class Case:
    """One seed: what is true, and what our tables say (lists of dictionaries by table name)."""

    truth: dict[str, Any]
    tables: dict[str, list[dict[str, Any]]]
    has_redshifts: bool
    """Whether the operator has handed in a table of redshifts."""

    def by(self, table: str, key: str) -> dict[Any, dict[str, Any]]:
        return {row[key]: row for row in self.tables[table]}

    @cached_property
    def images(self) -> list[dict[str, Any]]:
        """Truth of all files that hold an image and can be read."""
        return [true for true in self.truth["products"] if true["state"] == "ok" and not true["side"]]

    @cached_property
    def science(self) -> list[dict[str, Any]]:
        """Of these the images and cubes of the sky."""
        return [true for true in self.images if true["role"] in ("image", "cube")]

    @cached_property
    def product_ids(self) -> dict[str, str]:
        """Identifiers of products by path."""
        return {row["path"]: row["product_id"] for row in self.tables["holdings.product"]}


def command(home: Path, *arguments: str, settings: Mapping[str, str] = {}) -> None:
    """Run ``vo-service``; exit status 1 (some items failed and are logged) is expected with broken files."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("VO_SERVICE_")} | dict(settings)
    line = [sys.executable, "-m", "vo_service.cli", "--home", str(home), "--quiet", *arguments]
    done = subprocess.run(line, capture_output=True, text=True, env=clean, timeout=600)
    told = f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
    assert done.returncode in (0, 1) and "Traceback" not in done.stderr, told


def build(
    home: Path,
    sample: Path,
    seed: int,
    products: int,
    order: tuple[str, ...] = ("ingest", "harvest"),
    *,
    redshifts: bool = False,
) -> None:
    """The sample where it is not there yet, then ingest and harvest in the order given; with the redshifts
    of all sources as a table of the operator, if wanted."""
    if not sample.exists():
        command(home, "sample", str(sample), "--seed", str(seed), "--products", str(products))
    table = sample / "redshifts.csv"
    if redshifts:
        write_redshifts(sample, table)
    for step in order:
        path = sample / ("products" if step == "ingest" else "archive.vot")
        command(home, step, str(path), settings={"VO_SERVICE_REDSHIFTS": str(table)} if redshifts else {})


def write_redshifts(sample: Path, table: Path) -> None:
    """The redshifts of the sample's sources, one row a target."""
    truth = read_truth(sample)
    known = {
        true["target_name"]: true["redshift"]
        for true in truth["products"]
        if true["redshift"] is not None and true["target_name"]
    }
    with table.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["target", "redshift", "reference"])
        writer.writerows([name, repr(number), "truth"] for name, number in known.items())


def read_truth(sample: Path) -> dict[str, Any]:
    """truth.json of a sample."""
    truth: dict[str, Any] = json.loads((sample / "truth.json").read_text(encoding="utf-8"))
    return truth


def build_shared(base: Path, seed: int, products: int) -> tuple[Path, Path]:
    """Home and sample of a seed, made once for all test processes below ``base``; with redshifts."""
    home, sample, done = (base / f"seed{seed}-{what}" for what in ("home", "sample", "done"))
    with (base / f"seed{seed}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            build(home, sample, seed, products, redshifts=True)
            done.touch()
    return home, sample


@cache
def load_case(home: Path, sample: Path) -> Case:
    """Truth and tables of a sample that was built."""
    return Case(read_truth(sample), rows_of_home(home), (sample / "redshifts.csv").exists())


def rows_of_home(home: Path) -> dict[str, list[dict[str, Any]]]:
    """All published tables of the current snapshot but the header cards."""
    catalogue = Catalogue.open(f"sqlite:///{home / 'catalogue.sqlite'}")
    snapshot = Snapshots(home, catalogue).current()
    assert snapshot is not None
    names = [n for n in published() if not n.startswith("tap_schema") and n != "holdings.header_card"]
    return {name: snapshot.read(name).to_pylist() for name in names}
