"""Sample holdings of five seeds equal their truth: rows, groups, windows, identifiers, counts, repairs."""

from __future__ import annotations

import math
import re
from datetime import datetime
from typing import Any

import numpy as np
import pytest
from conftest_truth import DERIVED

DID = "ivo://vo-service.invalid/obs?"  # of the authority that is set where none is

RELATIVE = {
    "s_ra": 1e-9, "s_dec": 1e-9, "s_resolution": 1e-6, "em_min": 1e-9, "em_max": 1e-9, "frequency": 1e-9,
    "bandwidth": 1e-6, "rest_frequency": 1e-9, "t_min": 1e-9, "t_max": 1e-9, "t_exptime": 1e-9, "pwv": 1e-7,
}  # fmt: skip
"""Relative tolerances of measured columns; every other column must be equal."""


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
    # OBS-070, OBS-076, OBS-081, OBS-083, OBS-085: targets, axes, wavelengths and labels as they were made
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


def test_identifiers_equal_truth(case) -> None:
    """Which uid, source and windows can be read in an identifier; DIDs are made of it; none comes twice."""
    products = case.by("holdings.product", "path")
    rows = {row["dataset_id"]: row for row in case.tables["ivoa.obscore"] if row["dataset_id"]}
    datasets = case.by("holdings.dataset", "dataset_id")
    copies = {true["path"] for true in case.images if "duplicate_of" in true}
    wrong = []
    for true in case.truth["datasets"]:
        name = products[true["primary"]]["dataset_id"]
        for row in (rows[name], datasets[name]):
            if row["obs_id"] != (true["obs_id"] or name) or row["obs_publisher_did"] != DID + name:
                wrong.append((true["primary"], row["obs_id"], row["obs_publisher_did"]))
        if true["id_words"] is not None and true["obs_id"] is not None:
            readable = "-".join(true["id_words"])
            # what a copy would be called is taken already: a hash of its place tells it apart
            behind = "-[0-9a-f]{12}" if true["primary"] in copies else ""
            if not re.fullmatch(rf"{re.escape(readable)}-[a-z0-9]+-[0-9a-f]{{12}}{behind}", name):
                wrong.append((name, readable))
        found = tuple(datasets[name][key] for key in ("member_ous_uid", "proposal_id", "spectral_windows"))
        if found != (true["obs_id"], true["project_code"], true["spectral_windows"]):
            wrong.append((name, found))
    assert wrong == []


def test_identifiers_are_safe_and_come_once(case) -> None:
    # OBS-065: a DID can stand in any path or query as it is
    keys = (
        ("ivoa.obscore", "obs_publisher_did"), ("holdings.dataset", "dataset_id"),
        ("holdings.product", "product_id"), ("holdings.observation", "observation_id"),
        ("holdings.spectral_window", "window_id"), ("holdings.archive_row", "archive_row_id"),
    )  # fmt: skip
    for table, key in keys:
        names = [row[key].removeprefix(DID) for row in case.tables[table]]
        assert len(names) == len(set(names)), table
        assert all(re.fullmatch("[a-z0-9-]+", name) for name in names), table


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
    """Each row of the archive's table by its own name: the data set it belongs to, and who carries it."""
    products = case.by("holdings.product", "path")
    groups = {true["group"]: products[true["primary"]]["dataset_id"] for true in case.truth["datasets"]}
    rejected = {entry["row"] for entry in case.truth["archive"]["rejected"]}
    wanted = {true["obs_id"]: true for true in case.truth["archive_rows"] if true["row"] not in rejected}
    rows = case.by("holdings.archive_row", "archive_obs_id")
    assert set(rows) == set(wanted) and len(rows) == len(case.tables["holdings.archive_row"])
    wrong = []
    for name, true in wanted.items():
        row, owner = rows[name], groups.get(true["group"])
        if (row["member_ous_uid"], row["target_name"]) != (true["member_ous_uid"], true["target_name"]):
            wrong.append((name, row["member_ous_uid"], row["target_name"]))
        if row["matched_dataset_id"] != owner:
            wrong.append((name, row["matched_dataset_id"], owner))
        if row["obs_publisher_did"] != DID + (owner or row["archive_row_id"]):
            wrong.append((name, row["obs_publisher_did"]))
    assert wrong == []
    assert sum(row["matched_dataset_id"] is not None for row in rows.values()) > 5


def test_rows_of_the_archive_alone_are_listed_under_their_own_uid(case) -> None:
    listed = case.by("ivoa.obscore", "obs_publisher_did")
    alone = [row for row in case.tables["holdings.archive_row"] if row["matched_dataset_id"] is None]
    assert len(alone) == len(case.truth["archive"]["unmatched"])
    for row in alone:
        shown = listed[DID + row["archive_row_id"]]
        assert (shown["origin"], shown["obs_id"], shown["dataset_id"], shown["target_name"]) == (
            "archive", row["member_ous_uid"], None, row["target_name"]
        )  # fmt: skip


def test_observations_equal_truth(case) -> None:
    key = ("member_ous_uid", "canonical_target")
    ours = {tuple(row[name] for name in key): row for row in case.tables["holdings.observation"]}
    wanted = {tuple(true[name] for name in key): true for true in case.truth["observations"]}
    assert len(ours) == len(case.tables["holdings.observation"])
    assert set(ours) == set(wanted)
    wrong = []
    for name, true in wanted.items():
        row = ours[name]
        if row["target_name"] not in true["target_names"]:
            wrong.append((name, "target_name", row["target_name"], true["target_names"]))
        for column in set(true) - {*key, "target_names", "s_ra", "s_dec"}:
            if not agrees(column, true[column], row[column]):
                wrong.append((name, column, row[column], true[column]))
        east = (row["s_ra"] - true["s_ra"]) * math.cos(math.radians(true["s_dec"]))
        if math.hypot(east, row["s_dec"] - true["s_dec"]) > 1.0 / 3600.0:
            wrong.append((name, "position", row["s_ra"], row["s_dec"], true["s_ra"], true["s_dec"]))
    assert wrong == []


def test_windows_equal_truth(case) -> None:
    """Every window of files and archive rows, aggregates included, and no other."""
    products = case.by("holdings.product", "path")
    primary = {true["group"]: products[true["primary"]]["dataset_id"] for true in case.truth["datasets"]}
    names = {row["archive_obs_id"]: row["archive_row_id"] for row in case.tables["holdings.archive_row"]}
    archive = {true["row"]: names.get(true["obs_id"]) for true in case.truth["archive_rows"]}
    windows = case.tables["holdings.spectral_window"]
    ours = {(row["dataset_id"], row["archive_row_id"]): row for row in windows}
    wanted = {
        (primary.get(true["group"]), archive.get(true["archive_row"])): true
        for true in case.truth["windows"]
        if true["f_min"] is not None
    }
    assert len(ours) == len(windows)
    assert set(ours) == set(wanted)
    wrong = []
    for key, true in wanted.items():
        row = ours[key]
        near = all(math.isclose(row[edge], true[edge], rel_tol=1e-9) for edge in ("f_min", "f_max"))
        found = (row["window"], row["em_xel"], row["specsys"])
        if not near or found != (true["window"], true["n_chan"], true["specsys"]):
            wrong.append((true, row["f_min"], row["f_max"], *found))
    assert wrong == []


def test_an_aggregate_is_supported_by_the_windows_it_is_made_of(case) -> None:
    """The continuum of four windows covers these windows and not what lies between them (design 4.4)."""
    products = case.by("holdings.product", "path")
    primary = {true["group"]: products[true["primary"]]["dataset_id"] for true in case.truth["datasets"]}
    rows = {row["dataset_id"]: row for row in case.tables["ivoa.obscore"] if row["dataset_id"]}
    aggregates = [true for true in case.truth["windows"] if true["aggregate"]]
    assert aggregates
    for true in aggregates:
        found = np.array(rows[primary[true["group"]]]["em_support"])
        wanted = np.sort(299792458.0 / np.array(true["constituents"]).ravel())
        # the archive writes them in its own tuning (6e-5 away at most) and to 10 MHz
        assert found == pytest.approx(wanted, rel=2e-4), true["group"]


UNPLANTED: dict[str, frozenset[str]] = {
    "BEAM-HISTORY": frozenset({"beam_in_history"}),
    "BEAM-TABLE": frozenset({"beams_table"}),
    "NAME-STAND-IN": frozenset({"bare_wcs", "no_telescope"}),
    "REST-SPELLING": frozenset({"restfreq"}),
    "SKY-FK5": frozenset({"fk5", "no_radesys"}),
    "SKY-FRAME-DEFAULT": frozenset({"no_equinox", "miriad"}),
    "SKY-TWIN": frozenset({"wrong_projection"}),
    "SPEC-AIPS-VELOCITY": frozenset({"velo_lsr", "felo_lsr"}),
    "SPEC-AIR": frozenset({"awav"}),
    "SPEC-VELOCITY": frozenset({"velocity_axis", "vopt"}),
    "TEXT-ENCODING": frozenset({"non_ascii_object"}),
}
"""Rules whose repairs are not planted one by one, and the quirks of the files that they may be of."""
FRAMES = {"SPEC-LSRK-BARY": "LSRK", "SPEC-TOPO-BARY": "TOPOCENT"}
ALMA_NAMES = {"facility_name": "JAO", "instrument_name": "ALMA", "obs_collection": "ALMA"}


def may_be_of(repair: dict[str, Any], true: dict[str, Any]) -> bool:
    """Whether a repair that was not planted is one that a file of this kind has to have."""
    rule, item = repair["rule_id"], repair["item"]
    if rule in FRAMES:
        return item in ("em_min", "em_max") and true["specsys"] == FRAMES[rule]
    if rule == "NAME-ARCHIVE":
        return repair["became"] == ALMA_NAMES[item] and "bare_wcs" not in true["quirks"]
    return not UNPLANTED.get(rule, frozenset()).isdisjoint(true["quirks"])


def test_planted_corrections_have_repair_rows_and_none_is_invented(case) -> None:
    products = case.by("holdings.product", "path")
    repairs: dict[str, list[dict[str, Any]]] = {}
    for row in case.tables["holdings.repair"]:
        repairs.setdefault(row["product_id"], []).append(row)
    missing, invented = [], []
    for true in case.truth["products"]:
        if true["state"] != "ok":
            continue
        got = repairs.get(products[true["path"]]["product_id"], [])
        planted = {tuple(each[key] for key in ("item", "was", "became")) for each in true["corrections"]}
        told = {(row["item"], row["was"], row["became"]) for row in got}
        missing += [(true["path"], each) for each in planted - told]
        invented += [
            (true["path"], row["rule_id"], row["item"], row["was"], row["became"])
            for row in got
            if (row["item"], row["was"], row["became"]) not in planted and not may_be_of(row, true)
        ]
    assert missing == []
    assert invented == []
    assert any(true["corrections"] for true in case.truth["products"])


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
    values = {
        (row["dataset_id"], row["item"]): (row["was"], row["became"])
        for row in case.tables["holdings.repair"]
        if row["rule_id"].startswith("ARCH-")
    }
    for true in case.truth["disagreements"]:
        order = ("archive", "file") if true["winner"] == "file" else ("file", "archive")
        found = values[primary[true["group"]], true["column"]]
        for text, side in zip(found, order, strict=True):
            assert says(text, true["column"], true[side]), (true, found)
    matched = {
        row["archive_row_id"]: row["matched_dataset_id"] for row in case.tables["holdings.archive_row"]
    }
    # a copy that still tells its observation takes the facts of the row that is listed with the original
    originals = {
        products[true["path"]]["dataset_id"]: products[true["duplicate_of"]]["dataset_id"]
        for true in case.images
        if "duplicate_of" in true
    }
    for row in case.tables["holdings.repair"]:
        if row["rule_id"].startswith("ARCH-") and row["dataset_id"] is not None:
            told = row["dataset_id"]
            assert matched[row["archive_row_id"]] == originals.get(told, told)


def says(text: str, column: str, value: Any) -> bool:
    """Whether the text of a repair gives a value."""
    if column == "s_dec":  # a position is given whole
        return any(math.isclose(float(word), value, abs_tol=2e-6) for word in re.findall(r"-?[\d.]+", text))
    return math.isclose(float(text), value, rel_tol=1e-6) if isinstance(value, float) else text == str(value)


def test_a_derived_map_is_a_row_of_its_own(case) -> None:
    roles = {row["role"] for row in case.tables["holdings.dataset"]}
    assert roles & DERIVED
    assert not roles & {"pb", "mask", "psf", "model", "residual", "weight"}
