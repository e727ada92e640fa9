"""Sample holdings of three seeds equal their truth: rows, groups, windows, identifiers, counts, repairs."""

from __future__ import annotations

import json
import math
import shutil
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pytest
from conftest_truth import DERIVED, build, rows_of_home

SEEDS = (7, 11, 23)

RELATIVE = {
    "s_ra": 1e-9, "s_dec": 1e-9, "s_resolution": 1e-6, "em_min": 1e-9, "em_max": 1e-9, "frequency": 1e-9,
    "bandwidth": 1e-6, "rest_frequency": 1e-9, "t_min": 1e-9, "t_max": 1e-9, "t_exptime": 1e-9, "pwv": 1e-7,
}  # fmt: skip
"""Relative tolerances of measured columns; every other column must be equal."""


@dataclass(frozen=True)
class Case:
    """One seed: what is true, and what our tables say (lists of dictionaries by table name)."""

    truth: dict[str, Any]
    tables: dict[str, list[dict[str, Any]]]

    def by(self, table: str, key: str) -> dict[Any, dict[str, Any]]:
        return {row[key]: row for row in self.tables[table]}


@pytest.fixture(scope="module", params=SEEDS)
def case(request, tmp_path_factory) -> Case:
    if request.param == 7:
        made = request.getfixturevalue("holdings")
        home, sample = made.home, made.sample
    else:
        base = tmp_path_factory.mktemp(f"seed{request.param}")
        home, sample = base / "home", base / "sample"
        build(home, sample, request.param, 160)
    truth = json.loads((sample / "truth.json").read_text(encoding="utf-8"))
    return Case(truth, rows_of_home(home))


def agrees(column: str, wanted: Any, got: Any) -> bool:
    if wanted is None or got is None:
        return wanted is got
    if column == "obs_release_date":
        return datetime.fromisoformat(wanted) == got
    if isinstance(wanted, float):
        return math.isclose(wanted, got, rel_tol=RELATIVE.get(column, 1e-9), abs_tol=1e-12)
    return wanted == got


def test_every_file_has_a_product_with_its_role_and_state(case) -> None:
    products = case.by("holdings.product", "path")
    wrong = []
    for true in case.truth["products"]:
        got = products.get(true["path"])
        if got is None:
            wrong.append((true["path"], "no row"))
        elif (got["state"], got["error_class"]) != (true["state"], true["error_class"]):
            wrong.append((true["path"], got["state"], got["error_class"], true["error_class"]))
        elif true["state"] == "ok" and got["role"] != true["role"]:
            wrong.append((true["path"], got["role"], true["role"]))
    assert wrong == []
    assert len(products) == len(case.truth["products"]) == case.truth["counts"]["products"]


def test_groups_are_as_made(case) -> None:
    products = case.by("holdings.product", "path")
    datasets = case.by("holdings.dataset", "dataset_id")
    ids = {}
    for true in case.truth["datasets"]:
        found = {products[path]["dataset_id"] for path in true["members"]}
        assert len(found) == 1 and None not in found, f"{true['primary']}: {found}"
        dataset = datasets[found.pop()]
        ids[true["group"]] = dataset["dataset_id"]
        primary = products[true["primary"]]
        assert primary["is_primary"] == 1 and dataset["primary_product_id"] == primary["product_id"]
        assert dataset["role"] == true["role"], true["primary"]
        assert dataset["product_count"] == len(true["members"])
        assert sum(products[path]["is_primary"] for path in true["members"]) == 1
    assert len(set(ids.values())) == len(case.truth["datasets"]) == len(datasets)
    for true in case.truth["datasets"]:
        parent = datasets[ids[true["group"]]]["parent_dataset_id"]
        assert parent == (ids[true["parent"]] if true["parent"] else None), true["primary"]


def test_obscore_rows_equal_truth(case) -> None:
    products = case.by("holdings.product", "path")
    rows = {row["dataset_id"]: row for row in case.tables["ivoa.obscore"] if row["dataset_id"]}
    wrong = []
    for true in case.truth["datasets"]:
        row = rows[products[true["primary"]]["dataset_id"]]
        obs_id = true["obs_id"] or row["dataset_id"]
        if row["obs_id"] != obs_id or row["origin"] != true["origin"]:
            wrong.append((true["primary"], row["obs_id"], row["origin"], true["origin"]))
        # what the archive says of the whole field holds for data sets without a row of their own, too
        told = {**true["obscore"], **{k: v for k, v in (true["member_facts"] or {}).items() if v is not None}}
        for column, wanted in told.items():
            if column != "obs_id" and not agrees(column, wanted, row[column]):
                wrong.append((true["primary"].rsplit("/", 1)[-1], column, wanted, row[column]))
    assert wrong == []


def test_units_and_beams_equal_truth(case) -> None:
    products = case.by("holdings.product", "path")
    rows = {row["dataset_id"]: row for row in case.tables["ivoa.obscore"] if row["dataset_id"]}
    radio = case.by("ivoa.obscore_radio", "obs_publisher_did")
    by_path = {true["path"]: true for true in case.truth["products"]}
    wrong = []
    for group in case.truth["datasets"]:
        true = by_path[group["primary"]]
        row = rows[products[true["path"]]["dataset_id"]]
        beams = radio[row["obs_publisher_did"]]
        if row["o_unit"] != true["unit"]:
            wrong.append((true["path"], "o_unit", true["unit"], row["o_unit"]))
        if true["beam_min"] is None:
            continue
        for column, key in (("s_resolution_min", "beam_min"), ("s_resolution_max", "beam_max")):
            if not math.isclose(beams[column] or 0.0, true[key], rel_tol=1e-6):
                wrong.append((true["path"], column, true[key], beams[column]))
    assert wrong == []


def test_footprints_have_the_true_area(case) -> None:
    products = case.by("holdings.product", "path")
    rows = {row["dataset_id"]: row for row in case.tables["ivoa.obscore"] if row["dataset_id"]}
    by_path = {true["path"]: true for true in case.truth["products"]}
    for group in case.truth["datasets"]:
        true = by_path[group["primary"]]
        row = rows[products[true["path"]]["dataset_id"]]
        if true["footprint_area"] is not None:
            assert flat_area(row["s_region"]) == pytest.approx(true["footprint_area"], rel=1e-3), true["path"]


def flat_area(stcs: str) -> float:
    """Square degrees of a small polygon, by the shoelace rule in the tangent plane of its first vertex."""
    numbers = np.radians([float(x) for x in stcs.split()[2:]])
    lon, lat = numbers[0::2], numbers[1::2]
    cosine = np.sin(lat[0]) * np.sin(lat) + np.cos(lat[0]) * np.cos(lat) * np.cos(lon - lon[0])
    x = np.cos(lat) * np.sin(lon - lon[0]) / cosine
    y = (np.cos(lat[0]) * np.sin(lat) - np.sin(lat[0]) * np.cos(lat) * np.cos(lon - lon[0])) / cosine
    return float(abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))) / 2 * np.degrees(1) ** 2)


def test_identifiers_are_unique_and_well_formed(case) -> None:
    dids = [row["obs_publisher_did"] for row in case.tables["ivoa.obscore"]]
    assert len(dids) == len(set(dids))
    for did in dids:
        local = did.split("?", 1)[1]
        assert (
            did.startswith("ivo://") and local and set(local) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
        )
    for row in case.tables["ivoa.obscore"]:
        if row["dataset_id"] is not None:
            assert row["obs_publisher_did"].endswith("?" + row["dataset_id"])


def test_identity_of_products_equals_truth(case) -> None:
    products = case.by("holdings.product", "path")
    wrong = []
    for true in case.truth["products"]:
        got = products[true["path"]]
        pairs = (("proposal_id", "project_code"), ("member_ous_uid", "member_ous_uid"))
        if true["state"] == "ok":
            wrong += [
                (true["path"], ours, got[ours], true[key]) for ours, key in pairs if got[ours] != true[key]
            ]
    assert wrong == []


def test_counts_are_what_truth_says(case) -> None:
    counts = case.truth["counts"]
    assert len(case.tables["ivoa.obscore"]) == counts["obscore_all"]
    assert len(case.tables["holdings.dataset"]) == counts["datasets"]
    assert sum(row["state"] == "failed" for row in case.tables["holdings.product"]) == counts["failed"]
    assert len(case.tables["ivoa.obscore_radio"]) == counts["obscore_all"]


def test_archive_rows_are_matched_as_planted(case) -> None:
    archive = case.truth["archive"]
    rows = case.tables["holdings.archive_row"]
    assert len(rows) == archive["rows"] - len(archive["rejected"])
    assert sum(row["matched_dataset_id"] is not None for row in rows) == len(archive["matched"])
    products = case.by("holdings.product", "path")
    by_dataset = {}
    for row in rows:
        if row["matched_dataset_id"]:
            by_dataset.setdefault(row["matched_dataset_id"], []).append(row)
    for true in case.truth["datasets"]:
        got = by_dataset.get(products[true["primary"]]["dataset_id"], [])
        assert len(got) == len(true["archive_rows"]), true["primary"]


def test_windows_equal_truth(case) -> None:
    products = case.by("holdings.product", "path")
    primary = {true["group"]: products[true["primary"]]["dataset_id"] for true in case.truth["datasets"]}
    ours = {}
    for row in case.tables["holdings.spectral_window"]:
        ours.setdefault(row["dataset_id"], []).append(row)
    wrong = []
    for true in case.truth["windows"]:
        if true.get("group") is None or true["f_min"] is None or true.get("aggregate"):
            continue
        found = ours.get(primary[true["group"]], [])
        near = [
            row
            for row in found
            if math.isclose(row["f_min"], true["f_min"], rel_tol=1e-9)
            and math.isclose(row["f_max"], true["f_max"], rel_tol=1e-9)
            and row["em_xel"] == true["n_chan"]
        ]
        if len(near) != 1:
            wrong.append((true, [(r["f_min"], r["f_max"], r["em_xel"]) for r in found]))
    assert wrong == []


def test_planted_corrections_have_repair_rows(case) -> None:
    products = case.by("holdings.product", "path")
    repairs = {}
    for row in case.tables["holdings.repair"]:
        repairs.setdefault(row["product_id"], []).append((row["item"], row["was"], row["became"]))
    wrong = []
    for true in case.truth["products"]:
        got = repairs.get(products[true["path"]]["product_id"], [])
        for planted in true.get("corrections") or []:
            if true["state"] == "ok" and not any(item == planted["item"] for item, _, _ in got):
                wrong.append((true["path"].rsplit("/", 1)[-1], planted, got))
    assert wrong == []


def test_disagreements_are_on_record_and_none_is_invented(case) -> None:
    products = case.by("holdings.product", "path")
    primary = {true["group"]: products[true["primary"]]["dataset_id"] for true in case.truth["datasets"]}
    recorded = {
        (row["dataset_id"], row["item"])
        for row in case.tables["holdings.repair"]
        if row["rule_id"].startswith("ARCH-")
    }
    planted = {(primary[d["group"]], d["column"]) for d in case.truth["disagreements"]}
    assert planted - recorded == set()
    assert recorded - planted == set()
    matched = {
        row["archive_row_id"]: row["matched_dataset_id"] for row in case.tables["holdings.archive_row"]
    }
    for row in case.tables["holdings.repair"]:
        if row["rule_id"].startswith("ARCH-") and row["dataset_id"] is not None:
            assert matched[row["archive_row_id"]] == row["dataset_id"]


def test_a_derived_map_is_a_row_of_its_own(case) -> None:
    roles = {row["role"] for row in case.tables["holdings.dataset"]}
    assert roles & DERIVED
    assert not roles & {"pb", "mask", "psf", "model", "residual", "weight"}


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
