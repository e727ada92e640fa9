"""The same holdings built elsewhere, in another order or bit by bit: the same rows under the same names."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from conftest_truth import build, rows_of_home

IDENTIFIED = {
    "holdings.product": (("path",), "product_id"),
    "holdings.dataset": (("primary_product_id",), "dataset_id"),
    "holdings.observation": (("member_ous_uid", "canonical_target"), "observation_id"),
    "holdings.spectral_window": (("dataset_id", "archive_row_id"), "window_id"),
    "holdings.archive_row": (("archive_obs_id",), "archive_row_id"),
    "ivoa.obscore": (("dataset_id", "obs_id", "em_min", "target_name"), "obs_publisher_did"),
}
"""What a row is, and the identifier that it must have in every build."""


def identifiers(home: Path) -> dict[str, dict[tuple[Any, ...], str]]:
    tables = rows_of_home(home)
    found = {
        table: {tuple(row[name] for name in names): row[key] for row in tables[table]}
        for table, (names, key) in IDENTIFIED.items()
    }
    assert all(len(found[table]) == len(tables[table]) for table in found)
    return found


def test_identifiers_are_the_same_in_three_builds_elsewhere_and_in_other_orders(tmp_path_factory) -> None:
    base = tmp_path_factory.mktemp("builds")
    one, two, three = base / "one" / "s", base / "two" / "deep" / "down" / "s", base / "three" / "s"
    build(base / "home1", one, 5, 60, order=("ingest", "harvest"))
    shutil.copytree(one, two)
    build(base / "home2", two, 5, 60, order=("harvest", "ingest"))
    shutil.copytree(one, three)
    held_back = [path for path in sorted((three / "products").rglob("*")) if path.is_file()][::2]
    away = base / "away"
    away.mkdir()
    for number, path in enumerate(held_back):  # every other file comes later
        path.rename(away / str(number))
    build(base / "home3", three, 5, 60, order=("ingest", "harvest"))
    for number, path in enumerate(held_back):
        (away / str(number)).rename(path)
    build(base / "home3", three, 5, 60, order=("ingest",))
    first = identifiers(base / "home1")
    assert identifiers(base / "home2") == first
    assert identifiers(base / "home3") == first


def test_counts_hold_in_either_order(tmp_path_factory) -> None:
    """Harvest then ingest gives what ingest then harvest gives; asking twice changes nothing."""
    base = tmp_path_factory.mktemp("order")
    home, sample = base / "home", base / "sample"
    build(home, sample, 5, 60, order=("harvest",))
    truth = json.loads((sample / "truth.json").read_text(encoding="utf-8"))["counts"]
    assert len(rows_of_home(home)["ivoa.obscore"]) == truth["obscore_archive_only"]
    build(home, sample, 5, 60, order=("ingest",))
    first = rows_of_home(home)
    assert len(first["ivoa.obscore"]) == truth["obscore_all"]
    moved = base / "moved"
    shutil.move(sample, moved)
    build(home, moved, 5, 60, order=("ingest", "harvest"))
    second = rows_of_home(home)
    key = "obs_publisher_did"
    assert sorted(r[key] for r in first["ivoa.obscore"]) == sorted(r[key] for r in second["ivoa.obscore"])
    other = base / "other"
    build(other, moved, 5, 60, order=("ingest",))
    assert len(rows_of_home(other)["ivoa.obscore"]) == truth["obscore_files_only"]
    build(other, moved, 5, 60, order=("harvest",))
    third = rows_of_home(other)
    assert sorted(r[key] for r in first["ivoa.obscore"]) == sorted(r[key] for r in third["ivoa.obscore"])
