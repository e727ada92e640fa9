"""What older archive tables leave out: filled where it can be defended, on record once for a table."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from ingest_homes import Home, open_home
from service_processes import run_command

from tap_schema import published
from vo_service.holdings.archive import map_rows
from vo_service.holdings.archive_defaults import default_names, default_repairs
from vo_service.holdings.archive_layouts import lay_out
from vo_service.holdings.archive_tables import archive_tables
from vo_service.holdings.harvest_spool import stamped

FORM = {
    "Project code": "2011.0.00001.S",
    "Source name": "G1",
    "RA": "10.5",
    "Dec": "-20.5",
    "Spatial resolution": "2.5",
    "Member ous id": "uid://A002/X1/X2",
    "Asdm uid": "uid://A002/X9/X1",
}
ALMASIM = {
    "ALMA_source_name": "S1", "RA": "58.7", "Dec": "-33.1", "Obs.date": "2012-12-20", "Freq": "338.02",
    "Freq.sup.": "", "Ang.res.": "0.5",
}  # fmt: skip
PLAIN = {
    "obs_id": "x", "s_ra": "10.5", "s_dec": "-20.5", "target_name": "G1", "member_ous_uid": "",
    "obs_publisher_did": "", "obs_collection": "", "facility_name": "", "instrument_name": "",
    "calib_level": "", "s_resolution": "", "spatial_resolution": "",
}  # fmt: skip
WHOLE = PLAIN | {
    "obs_collection": "ALMA", "facility_name": "JAO", "instrument_name": "ALMA", "calib_level": "2",
    "s_resolution": "1.5", "spatial_resolution": "1.5",
}  # fmt: skip
ALMA = ("ALMA", "JAO", "ALMA")
NAMES = ("obs_collection", "facility_name", "instrument_name")


def mapped(*rows: dict[str, str]) -> pa.Table:
    raw = pa.table({name: pa.array([row[name] for row in rows], pa.string()) for name in rows[0]})
    laid = lay_out(raw, {})
    found = map_rows(laid.rows, published()["holdings.archive_row"], 1, laid.units)
    assert found.rejects == ()
    return stamped(found.rows, {"source": "a.csv"}).combine_chunks()


def listed(row: dict[str, str]) -> dict[str, Any]:
    tables = archive_tables(mapped(row), published(), "example.test").tables
    [found] = tables["ivoa.obscore"].to_pylist()
    return found


def told(*rows: dict[str, str]) -> dict[str, tuple[str | None, str]]:
    return {name: (each.became, each.rule) for name, each in default_repairs(mapped(*rows), "a.csv").items()}


@pytest.mark.parametrize(
    ("row", "names"),
    [
        (FORM, ALMA),
        (ALMASIM, ALMA),  # known by its columns alone
        (PLAIN | {"obs_publisher_did": "ADS/JAO.ALMA#2011.0.00001.S"}, ALMA),
        (PLAIN | {"member_ous_uid": "uid://A002/X1/X2"}, ALMA),
        (PLAIN | {"obs_collection": "ALMA"}, ALMA),
        (PLAIN, ("a.csv", None, None)),
        (PLAIN | {"facility_name": "VLA"}, ("a.csv", "VLA", None)),
        (PLAIN | {"member_ous_uid": "uid://A002/X1/X2", "instrument_name": "B6"}, ("a.csv", None, "B6")),
        (WHOLE | {"obs_collection": "OTHER"}, ("OTHER", "JAO", "ALMA")),
    ],
)
def test_collection_facility_and_instrument_are_filled_alike_on_evidence_alone(
    row: dict[str, str], names: tuple[str | None, ...]
) -> None:
    found = listed(row)
    assert tuple(found[name] for name in NAMES) == names
    assert found["calib_level"] == 2  # OBS-003


def test_the_resolution_is_published_under_its_standard_name() -> None:
    assert listed(FORM)["s_resolution"] == 2.5
    assert listed(ALMASIM)["s_resolution"] == 0.5
    assert listed(WHOLE | {"spatial_resolution": "9.9"})["s_resolution"] == 1.5
    assert listed(PLAIN)["s_resolution"] is None


def test_what_is_filled_in_is_told_once_and_what_is_there_not_at_all() -> None:
    assert told(FORM, FORM | {"Asdm uid": "uid://A002/X9/X2"}) == {
        "calib_level-alma": ("2", "ARCH-DEFAULT"),
        "obs_collection-alma": ("ALMA", "ARCH-DEFAULT"),
        "facility_name-alma": ("JAO", "ARCH-DEFAULT"),
        "instrument_name-alma": ("ALMA", "ARCH-DEFAULT"),
        "s_resolution-alma": (None, "ARCH-OTHER-NAME"),
    }
    assert told(PLAIN, WHOLE) == {
        "calib_level-other": ("2", "ARCH-DEFAULT"),
        "obs_collection-other": ("a.csv", "ARCH-DEFAULT"),
    }
    assert told(WHOLE) == {}
    assert set(told(FORM)) | set(told(PLAIN)) <= set(default_names())


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    opened = open_home(tmp_path / "home")
    yield opened
    opened.snapshots.close()
    opened.catalogue.close()


def write(path: Path, *rows: dict[str, str]) -> Path:
    with path.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


def recorded(home: Home) -> list[tuple[str, str | None]]:
    rules = ("ARCH-DEFAULT", "ARCH-OTHER-NAME")
    rows = [row for row in home.rows("holdings.repair") if row["rule_id"] in rules]
    assert all(row["archive_row_id"] is None and "a.csv" in row["why"] for row in rows)
    return sorted((row["item"], row["became"]) for row in rows)


def test_a_harvest_says_once_what_its_table_did_not_tell(home: Home, tmp_path: Path) -> None:
    """Harvesting again says nothing twice, and nothing any more of what the table tells now."""
    table = write(tmp_path / "a.csv", FORM, FORM | {"Asdm uid": "uid://A002/X9/X2"})
    for _ in range(2):
        home.harvest(table)
        assert recorded(home) == [
            ("calib_level", "2"), ("facility_name", "JAO"), ("instrument_name", "ALMA"),
            ("obs_collection", "ALMA"), ("s_resolution", None),
        ]  # fmt: skip
    home.harvest(write(table, WHOLE))
    assert recorded(home) == []


def test_lines_that_make_several_rows_are_counted_as_lines_and_as_rows(tmp_path: Path) -> None:
    row = {"Source": "1", "GOUS": "", "MOUS_TM1": "uid___A001_X1_X1", "MOUS_TM2": "uid___A001_X1_X2"}
    table = write(tmp_path / "a.csv", row | {"MOUS_7M": "uid___A001_X1_X3"})
    done = run_command(tmp_path / "home", "harvest", str(table))
    assert "harvested 1 lines, which make 3 rows, of a.csv: 3 kept" in done.stdout
    done = run_command(tmp_path / "home", "harvest", str(write(tmp_path / "b.csv", FORM)))
    assert "harvested 1 rows of b.csv: 1 kept" in done.stdout
