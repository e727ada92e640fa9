"""The archive's table: declarations, the rules real rows obey, matches and planted disagreements."""

from __future__ import annotations

import json
import math
import re
import warnings
from collections import Counter

import numpy as np
import pytest
from astropy.io.votable import parse_single_table

from vo_service.sample import write_sample
from vo_service.sample.columns import ARCHIVE_COLUMNS
from vo_service.sample.truth import canonical

C = 299792458.0
_SUPPORT = re.compile(
    r"\[(\d+(?:\.\d+)?)\.\.(\d+(?:\.\d+)?)GHz,(\d+(?:\.\d+)?)kHz,(\d+(?:\.\d+)?)([um]?)Jy/beam@10km/s,"
    r"(\d+(?:\.\d+)?)([um]?)Jy/beam@native,\s*([A-Z ]+)\]"
)


@pytest.fixture(scope="module")
def table(holdings):  # type: ignore[no-untyped-def]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return parse_single_table(holdings.directory / "archive.vot").to_table()


def _usable(holdings, table):  # type: ignore[no-untyped-def]
    refused = {entry["row"] for entry in holdings.truth["archive"]["rejected"]}
    planted = {entry["archive_row"] for entry in holdings.truth["disagreements"]}
    return [(i, row) for i, row in enumerate(table) if i not in refused and i not in planted]


def test_declarations_are_the_archives(table) -> None:  # type: ignore[no-untyped-def]
    assert table.colnames == [column.name for column in ARCHIVE_COLUMNS]
    assert str(table["em_resolution"].unit) == "m"  # ALMA-044: declared so, and it is not
    assert table["s_xel1"].dtype == np.int32
    assert "lastModified" in table.colnames  # ALMA-033


def test_rows_obey_the_rules_of_real_rows(holdings, table) -> None:  # type: ignore[no-untyped-def]
    for _, row in _usable(holdings, table):
        low, high = C / row["em_max"], C / row["em_min"]
        assert row["frequency"] * 1e9 == pytest.approx((low + high) / 2, rel=1e-12)  # ALMA-120
        assert row["bandwidth"] == pytest.approx(high - low, rel=0.02)  # ALMA-121
        width = row["frequency"] * 1e9 / row["em_res_power"]
        assert row["bandwidth"] / row["em_xel"] <= width * 1.02  # ALMA-122
        assert row["t_resolution"] == row["t_exptime"] <= (row["t_max"] - row["t_min"]) * 86400  # ALMA-123
        assert row["s_resolution"] / row["spatial_resolution"] == pytest.approx(1.0)  # ALMA-124
        assert row["obs_id"].startswith(row["member_ous_uid"])  # ALMA-126
        assert row["access_url"].endswith(row["member_ous_uid"])
        assert (row["data_rights"] == "Proprietary") == row["obs_release_date"].startswith("3000")  # ALMA-128
        assert row["access_format"] == "applicati"


def test_frequency_support_obeys_the_grammar(holdings, table):  # type: ignore[no-untyped-def]
    """ALMA-080, ALMA-083, ALMA-084."""
    for _, row in _usable(holdings, table):
        parts = row["frequency_support"].split(" U ")
        found = [_SUPPORT.fullmatch(part) for part in parts]
        assert all(found), row["frequency_support"]
        low, high = C / row["em_max"] / 1e9, C / row["em_min"] / 1e9
        overlaps = []
        for m in found:
            inner = min(high, float(m[2])) - max(low, float(m[1]))
            overlaps.append(inner / (max(high, float(m[2])) - min(low, float(m[1]))))
        assert max(overlaps) > 0.7


def test_regions_lie_around_the_position(holdings, table) -> None:  # type: ignore[no-untyped-def]
    shapes = Counter()
    for _, row in _usable(holdings, table):
        word = row["s_region"].split()[0]
        shapes[word] += 1
        numbers = [float(text) for text in re.findall(r"-?\d+\.\d+", row["s_region"])]
        if word == "Circle":
            assert numbers[2] == pytest.approx(row["s_fov"] / 2, abs=1e-6)  # ALMA-130
            continue
        east = (np.array(numbers[::2]) - row["s_ra"]) * math.cos(math.radians(row["s_dec"]))
        assert np.hypot(east, np.array(numbers[1::2]) - row["s_dec"]).max() < 1.11 * row["s_fov"] / 2
        if word == "Polygon":
            x, y = east, np.array(numbers[1::2])
            area = np.sum(x * np.roll(y, -1) - np.roll(x, -1) * y) / 2
            assert area < 0  # ALMA-111: from north through east, with x growing to the east
            assert (x[0], y[0]) != (x[-1], y[-1])  # not closed
    assert {"Circle", "Polygon"} <= set(shapes)


def test_matches_are_same_member_target_and_window(holdings, table) -> None:  # type: ignore[no-untyped-def]
    archive = holdings.truth["archive"]
    assert sorted(
        [*archive["matched"], *archive["unmatched"], *(r["row"] for r in archive["rejected"])]
    ) == list(range(archive["rows"]))
    for group in holdings.truth["datasets"]:
        entry = holdings.by_path[group["primary"]]
        for index in group["archive_rows"]:
            row = table[index]
            assert row["member_ous_uid"] == entry["member_ous_uid"] == group["obs_id"]
            assert canonical(row["target_name"]) == canonical(entry["target_name"])
            assert row["obs_id"].endswith(f".spw.{entry['spectral_windows']}")
            assert group["origin"] == "both"
            assert group["obscore"]["target_name"] == row["target_name"]
    assert len(archive["matched"]) == len(set(archive["matched"])) > 8


def test_rows_are_told_apart_in_truth_as_in_the_table(holdings, table) -> None:  # type: ignore[no-untyped-def]
    entries = holdings.truth["archive_rows"]
    assert [entry["row"] for entry in entries] == list(range(len(table)))
    for entry, row in zip(entries, table, strict=True):
        assert (entry["obs_id"] or "", entry["target_name"]) == (row["obs_id"], row["target_name"])
        assert (entry["member_ous_uid"] or "") == row["member_ous_uid"]
        group = holdings.by_group.get(entry["group"])
        assert (group is not None) == (entry["row"] in holdings.truth["archive"]["matched"])
        if group is not None:
            assert entry["row"] in group["archive_rows"]
            assert (group["obs_id"], group["spectral_windows"]) == (entry["member_ous_uid"], entry["window"])
    usable = {entry["row"] for entry in entries} - {r["row"] for r in holdings.truth["archive"]["rejected"]}
    names = [entries[row]["obs_id"] for row in usable]
    assert None not in names and len(names) == len(set(names))


def test_observations_are_what_the_rows_of_the_archive_say(holdings, table) -> None:  # type: ignore[no-untyped-def]
    """Truth has them from the plans; all rows of a member OUS and target repeat it."""
    refused = {entry["row"] for entry in holdings.truth["archive"]["rejected"]}
    observations = holdings.truth["observations"]
    found = 0
    for seen in observations:
        rows = [
            row
            for index, row in enumerate(table)
            if index not in refused
            and row["member_ous_uid"] == seen["member_ous_uid"]
            and row["target_name"] in seen["target_names"]
        ]
        found += len(rows)
        assert len(rows) == seen["archive_row_count"] > 0
        for row in rows:
            for column in (
                "proposal_id",
                "t_min",
                "t_max",
                "t_exptime",
                "obs_title",
                "pi_name",
                "obs_release_date",
            ):
                assert row[column] == seen[column], column
            antennas = [word.partition(":")[2] for word in row["antenna_arrays"].split()]
            assert len(set(antennas)) == seen["antenna_count"]
            assert seen["array_kinds"] == ("7m" if antennas[0].startswith("CM") else "12m")
            assert (row["group_ous_uid"] or None) == seen["group_ous_uid"]
    assert found == len(table) - len(refused)
    assert {seen["array_kinds"] for seen in observations} == {"7m", "12m"}
    counted = sum(1 for group in holdings.truth["datasets"] if group["obs_id"])
    assert sum(seen["dataset_count"] for seen in observations) == counted > 0


def test_disagreements_are_the_planted_ones_and_no_others(holdings, table) -> None:  # type: ignore[no-untyped-def]
    planted = {(d["archive_row"], d["column"]) for d in holdings.truth["disagreements"]}
    assert {"target_name", "s_resolution", "frequency", "band_list", "s_dec"} <= {
        column for _, column in planted
    }
    found = set()
    for group in holdings.truth["datasets"]:
        for index in group["archive_rows"]:
            row, own, entry = table[index], group["obscore"], holdings.by_path[group["primary"]]
            if row["target_name"] != entry["target_name"]:
                found.add((index, "target_name"))
            if abs(row["s_resolution"] / own["s_resolution"] - 1) > 0.2:
                found.add((index, "s_resolution"))
            if abs(row["frequency"] / own["frequency"] - 1) > 1e-4:
                found.add((index, "frequency"))
            if abs(row["s_dec"] - own["s_dec"]) > 1 / 3600:
                found.add((index, "s_dec"))
            if row["band_list"] != own["band_list"]:
                found.add((index, "band_list"))
            if row["em_xel"] != own["em_xel"]:
                found.add((index, "em_xel"))
    assert found == planted


def test_counts_add_up(holdings) -> None:  # type: ignore[no-untyped-def]
    counts, archive = holdings.truth["counts"], holdings.truth["archive"]
    assert counts["obscore_files_only"] == len(holdings.truth["datasets"])
    assert counts["obscore_archive_only"] == len(archive["matched"]) + len(archive["unmatched"])
    assert counts["obscore_all"] == counts["obscore_files_only"] + len(archive["unmatched"])
    windows = holdings.truth["windows"]
    assert sum(w["group"] is None for w in windows) == len(archive["unmatched"])


@pytest.mark.parametrize("seed", [1, 7])
def test_the_headline_query_has_an_answer_in_every_seed(tmp_path, seed: int) -> None:  # type: ignore[no-untyped-def]
    """Cubes that cover CO(2-1) at z < 0.1 near M83, beam under 1 arcsec, public: some, and not all of M83."""
    write_sample(tmp_path, seed, 30)
    truth = json.loads((tmp_path / "truth.json").read_text(encoding="utf-8"))
    near = [
        d for d in truth["datasets"] if d["role"] == "cube" and abs(d["obscore"]["s_dec"] + 29.865) < 0.01
    ]
    low, high = 230.538e9 / 1.1, 230.538e9
    hits = [
        d for d in near
        if d["origin"] == "both" and C / d["obscore"]["em_max"] <= high and C / d["obscore"]["em_min"] >= low
        and d["obscore"]["s_resolution"] < 1.0 and not d["obscore"]["obs_release_date"].startswith("3000")
    ]  # fmt: skip
    assert 0 < len(hits) < len(near)
    assert any(d["obscore"]["obs_release_date"].startswith("3000") for d in near)
