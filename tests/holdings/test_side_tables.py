"""Harvested tables that describe no observations: mapped whole, kept apart, lent to rows that lack facts."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ingest_homes import Home, open_home
from product_files import write_product

CODE = "2016.1.01288.S"
OTHER = "2017.1.00001.S"
PROJECT = {
    "project_code": CODE,
    "project_title": "Gas in a far galaxy",
    "project_abstract": "We ask for gas, and more.",
    "science_category": "Active galaxies",
    "science_keyword": "Outflows, jets, feedback",
    "reviewers": "7",
}
WINDOW = {
    "project_code": CODE,
    "fs_type": "line",
    "low_freq": "137.06",
    "high_freq": "138.93",
    "med_freq": "137.995",
    "band": "4.0",
}
IMAGE = {"": "0", "Source": "543150", "OBSRA": "112.5", "OBSDEC": "-18.5", "contPEAK": "0.00059"}
MEMBERS = {
    "Obs ID": "a",
    "12m MOUS ID": "X1590_X30aa",
    "7m MOUS ID": "X1590_X30ac",
    "TP MOUS ID": "X1590_X30ae",
}
ROW = {
    "obs_publisher_did": f"ADS/JAO.ALMA#{CODE}",
    "obs_id": "uid://A001/X1/X2.source.M83.spw.17",
    "member_ous_uid": "uid://A001/X1/X2",
    "target_name": "M83",
    "proposal_id": CODE,
    "s_ra": "204.25",
    "s_dec": "-29.87",
    "obs_title": "",
}


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    opened = open_home(tmp_path / "home")
    yield opened
    opened.snapshots.close()
    opened.catalogue.close()


def written(path: Path, *rows: dict[str, str]) -> Path:
    with path.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def test_projects_have_a_table_of_their_own(home: Home, tmp_path: Path) -> None:
    table = written(tmp_path / "p.csv", PROJECT, PROJECT | {"project_code": ""}, PROJECT)
    report = home.harvest(table)
    assert (report.table, report.kept, report.new, report.duplicates) == ("holdings.project", 1, 1, 1)
    assert [entry.line for entry in report.rejects] == [2]
    assert "proposal_id is empty" in str(report.rejects[0].error_message)
    [row] = home.rows("holdings.project")
    assert (row["proposal_id"], row["obs_title"]) == (CODE, PROJECT["project_title"])
    assert (row["scientific_category"], row["science_keyword"]) == (
        "Active galaxies",
        "Outflows, jets, feedback",
    )
    assert json.loads(row["other"]) == {"reviewers": "7"}
    assert (row["source"], row["run_id"]) == ("p.csv", report.run_id)
    assert home.harvest(table).new == 0


def test_windows_of_projects_are_frequencies_in_hertz(home: Home, tmp_path: Path) -> None:
    wrong = [WINDOW | {"low_freq": "140"}, WINDOW | {"high_freq": "high"}, WINDOW | {"low_freq": ""}]
    report = home.harvest(written(tmp_path / "w.csv", WINDOW, *wrong))
    assert [entry.line for entry in report.rejects] == [2, 3, 4]
    [row] = home.rows("holdings.project_window")
    assert (row["f_min"], row["f_max"]) == pytest.approx((137.06e9, 138.93e9), rel=1e-15)
    assert (row["band_list"], row["kind"]) == ("4", "line")
    assert json.loads(row["other"]) == {"med_freq": "137.995", "band": "4.0"}


def test_a_table_that_is_harvested_again_replaces_what_it_told(home: Home, tmp_path: Path) -> None:
    home.harvest(written(tmp_path / "other.csv", WINDOW | {"project_code": OTHER}))
    home.harvest(written(tmp_path / "w.csv", WINDOW, WINDOW | {"low_freq": "138.0"}))
    report = home.harvest(written(tmp_path / "w.csv", WINDOW | {"low_freq": "138.5"}, WINDOW))
    assert report.new == 1
    found = {(row["proposal_id"], row["f_min"]) for row in home.rows("holdings.project_window")}
    assert found == {(OTHER, 137.06e9), (CODE, 137.06e9), (CODE, 138.5e9)}


def test_facts_by_source_are_kept_whole(home: Home, tmp_path: Path) -> None:
    report = home.harvest(written(tmp_path / "i.csv", IMAGE, IMAGE | {"OBSDEC": "-118.5"}))
    assert [entry.line for entry in report.rejects] == [2]
    home.harvest(written(tmp_path / "m.csv", MEMBERS))
    image, members = sorted(home.rows("holdings.supplement"), key=lambda row: str(row["kind"]))
    assert (image["kind"], image["target_name"], image["line"]) == ("image-parameters", "543150", 1)
    assert (image["s_ra"], image["s_dec"]) == (112.5, -18.5)
    assert json.loads(image["facts"]) == {key: text for key, text in IMAGE.items() if key}
    assert json.loads(members["facts"]) == MEMBERS
    assert home.snapshot.count_rows("ivoa.obscore") == 0


def facts(home: Home) -> list[tuple[Any, ...]]:
    names = ("obs_title", "proposal_abstract", "scientific_category", "science_keyword")
    return [tuple(row[name] for name in names) for row in home.rows("ivoa.obscore")]


TOLD = (
    PROJECT["project_title"],
    PROJECT["project_abstract"],
    PROJECT["science_category"],
    PROJECT["science_keyword"],
)


@pytest.mark.parametrize("order", ["pa", "ap"])
def test_rows_take_what_they_lack_in_any_order(home: Home, tmp_path: Path, order: str) -> None:
    projects = written(tmp_path / "p.csv", PROJECT)
    rows = written(tmp_path / "a.csv", ROW)
    for step in order:
        report = home.harvest(projects if step == "p" else rows)
    assert facts(home) == [TOLD]
    assert report.filled == (1 if order == "ap" else 0)
    [row] = home.rows("holdings.archive_row")
    assert row["obs_title"] is None  # verbatim as ever (design 4.1)
    repairs = {
        each["item"]: each for each in home.rows("holdings.repair") if each["rule_id"] == "PROJECT-FACT"
    }
    assert set(repairs) == {"obs_title", "proposal_abstract", "scientific_category", "science_keyword"}
    told = repairs["obs_title"]
    assert (told["archive_row_id"], told["was"], told["became"]) == (row["archive_row_id"], None, TOLD[0])
    assert "p.csv" in told["why"]
    assert [each["obs_title"] for each in home.rows("holdings.observation")] == [TOLD[0]]


def test_what_a_row_tells_itself_stands(home: Home, tmp_path: Path) -> None:
    home.harvest(written(tmp_path / "a.csv", ROW | {"obs_title": "Its own"}))
    home.harvest(written(tmp_path / "p.csv", PROJECT))
    assert facts(home) == [("Its own", *TOLD[1:])]
    assert [each["obs_title"] for each in home.rows("holdings.observation")] == ["Its own"]


def test_a_corrected_table_corrects_the_rows_that_took_from_it(home: Home, tmp_path: Path) -> None:
    home.harvest(written(tmp_path / "p.csv", PROJECT))
    home.harvest(
        written(tmp_path / "a.csv", ROW, ROW | {"proposal_id": OTHER, "obs_id": "x", "member_ous_uid": ""})
    )
    home.harvest(written(tmp_path / "p.csv", PROJECT | {"project_title": "Better", "project_abstract": ""}))
    assert sorted(facts(home), key=str) == [("Better", None, *TOLD[2:]), (None, None, None, None)]
    became = {
        row["item"]: row["became"] for row in home.rows("holdings.repair") if row["rule_id"] == "PROJECT-FACT"
    }
    assert became == {
        "obs_title": "Better",
        "scientific_category": TOLD[2],
        "science_keyword": TOLD[3],
    }
    assert [each["obs_title"] for each in home.rows("holdings.observation")] == ["Better"]


@pytest.mark.parametrize("order", ["pi", "ip"])
def test_data_sets_of_ours_take_facts_too(home: Home, tmp_path: Path, order: str) -> None:
    write_product(tmp_path / "files" / f"{CODE}" / "M83.fits")
    for step in order:
        if step == "p":
            home.harvest(written(tmp_path / "p.csv", PROJECT))
        else:
            home.ingest(tmp_path / "files")
    [row] = home.rows("ivoa.obscore")
    assert (row["proposal_id"], row["origin"]) == (CODE, "file")
    assert facts(home) == [TOLD]
    told = [each for each in home.rows("holdings.repair") if each["rule_id"] == "PROJECT-FACT"]
    assert {each["dataset_id"] for each in told} == {row["dataset_id"]}
    assert len({each["repair_id"] for each in told}) == 4
