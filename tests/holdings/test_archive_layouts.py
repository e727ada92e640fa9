"""Archive tables in older layouts: each brought to the columns of today on small literal tables, and every
table of the real collection loaded whole."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from ingest_homes import Home, open_home

from tap_schema import published
from vo_service.holdings.archive import Mapped, map_rows
from vo_service.holdings.archive_layouts import lay_out
from vo_service.holdings.archive_tables import archive_tables
from vo_service.holdings.harvest_sources import open_file
from vo_service.spectral import C

FORM = {
    "Project code": "2011.0.00001.S",
    "Source name": "G1",
    "RA": "10.5",
    "Dec": "-20.5",
    "Band": "[3]",
    "Spatial resolution": "2.5",
    "Mosaic": "mosaic",
    "Integration": "188.5",
    "Release date": "2013-09-07",
    "Frequency support": "[86.26..88.14GHz,976.56kHz, XX YY] U [98.19..100.07GHz,976.56kHz, XX YY]",
    "Pol products": "XX YY",
    "Observation date": "2012-07-30 12:00:00",
    "PI name": "Doe, J",
    "Member ous id": "uid://A002/X1/X2",
    "Asdm uid": "uid://A002/X9/X1",
    "Project title": "Far away",
    "Account": "kept",
}
ALMASIM = {
    "ALMA_source_name": "S1",
    "Band": "7",
    "RA": "58.7",
    "Dec": "-33.1",
    "Obs.date": "2012-12-20",
    "Bandwidth": "1980000000.0",
    "Freq": "338.02",
    "Freq.sup.": "[337.03..339.01GHz,31250.00kHz,12.4mJy/beam@10km/s,931.6uJy/beam@native, XX YY] U "
    "[349.03..351.01GHz,31250.00kHz,12.8mJy/beam@10km/s,977.8uJy/beam@native, XX YY]",
    "Line_sens_10kms_mJybeam": "11.9",
    "Cont_sens_mJybeam": "0.48",
    "Int.Time": "90.72",
    "member_ous_uid": "",
    "proposal_id": "",
}


def laid(*rows: dict[str, str], units: dict[str, str] | None = None) -> Mapped:
    names = list(dict.fromkeys(name for row in rows for name in row))
    raw = pa.table({name: pa.array([row.get(name, "") for row in rows], pa.string()) for name in names})
    found = lay_out(raw, units or {})
    return map_rows(found.rows, published()["holdings.archive_row"], 1, found.units)


def one(*rows: dict[str, str], units: dict[str, str] | None = None) -> dict[str, Any]:
    found = laid(*rows, units=units)
    assert found.rejects == ()
    row: dict[str, Any] = found.rows.to_pylist()[0]
    return row


def test_the_form_of_before_2015() -> None:
    row = one(FORM)
    expected = {
        "proposal_id": "2011.0.00001.S",
        "target_name": "G1",
        "band_list": "3",
        "spatial_resolution": 2.5,
        "is_mosaic": "T",
        "t_exptime": 188.5,
        "t_min": 56138.5,  # 2012-07-30T12:00 by the Julian date 2456139.0
        "pol_states": "/XX/YY/",
        "member_ous_uid": "uid://A002/X1/X2",
        "obs_title": "Far away",
        "bandwidth": pytest.approx(2 * 1.88e9),
        "em_min": pytest.approx(C / 100.07e9, rel=1e-15),
        "em_max": pytest.approx(C / 86.26e9, rel=1e-15),
        "em_res_power": None,
        "t_max": None,
    }
    assert {name: row[name] for name in expected} == expected
    assert str(row["obs_release_date"]) == "2013-09-07 00:00:00"
    other = json.loads(row["other"])
    assert other["layout"] == "archive-form"
    assert (other["Account"], other["Band as given"], other["Mosaic as given"]) == ("kept", "[3]", "mosaic")


def test_a_row_of_several_windows_bridges_no_gap() -> None:
    tables = archive_tables(laid(FORM).rows, published(), "example.test").tables
    [row] = tables["ivoa.obscore"].to_pylist()
    edges = [C / 100.07e9, C / 98.19e9, C / 88.14e9, C / 86.26e9]
    assert row["em_support"] == pytest.approx(edges, rel=1e-14)
    assert row["frequency"] is None
    assert tables["holdings.spectral_window"].num_rows == 0


def test_rows_that_differ_in_execution_or_pointing_are_kept_apart() -> None:
    rows = [FORM, FORM | {"Asdm uid": "uid://A002/X9/X2"}, FORM | {"RA": "10.6"}, FORM]
    names = laid(*rows).rows["archive_row_id"].to_pylist()
    assert len(set(names)) == 3
    assert names[0] == names[3]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"Observation date": "30/07/2012"}, "t_min is '30/07/2012', not a finite number"),
        ({"RA": "10:30:00"}, "s_ra is '10:30:00', not a finite number"),
        ({"Mosaic": "perhaps"}, "is_mosaic is 'perhaps', not T or F"),
        ({"Member ous id": "", "RA": "", "Dec": ""}, "neither a member uid nor a position"),
    ],
)
def test_a_row_that_cannot_be_mapped_is_told(changes: dict[str, str], reason: str) -> None:
    found = laid(FORM, FORM | changes)
    assert found.rows.num_rows == 1
    assert [reject.line for reject in found.rejects] == [2]
    assert reason in found.rejects[0].reason


def test_a_date_that_its_declared_size_cut_is_unknown() -> None:
    assert one(FORM | {"Release date": "2"})["obs_release_date"] is None


def test_rows_of_one_window_take_their_own_of_the_support() -> None:
    row = one(ALMASIM)
    assert row["em_min"] == pytest.approx(C / 339.01e9, rel=1e-15)
    assert row["em_max"] == pytest.approx(C / 337.03e9, rel=1e-15)
    assert (row["frequency"], row["sensitivity_10kms"]) == (338.02, 11.9)
    assert row["t_exptime"] is None  # Int.Time: the table does not say which of the archive's times it is
    assert json.loads(row["other"])["Int.Time"] == "90.72"


@pytest.mark.parametrize("frequency", ["345.0", "nothing", ""])
def test_a_window_that_is_not_in_the_support_is_unknown(frequency: str) -> None:
    found = laid(ALMASIM | {"Freq": frequency})
    if frequency == "nothing":
        assert "frequency is 'nothing'" in found.rejects[0].reason
    else:
        assert found.rows["em_min"].to_pylist() == [None]


def test_a_row_without_uid_is_named_by_its_position() -> None:
    """Nothing is lost; its obs_id is then its own identifier (design 4.1)."""
    found = laid(ALMASIM, ALMASIM | {"Freq": "350.02"}, ALMASIM | {"RA": "", "Dec": ""})
    assert [reject.line for reject in found.rejects] == [3]
    rows = archive_tables(found.rows, published(), "example.test").tables["ivoa.obscore"].to_pylist()
    assert len({row["obs_id"] for row in rows}) == 2
    assert all(row["obs_publisher_did"].endswith(row["obs_id"]) for row in rows)


def test_a_selection_of_obscore_columns_is_named_by_what_it_has() -> None:
    row = {
        "obs_publisher_did": "ADS/JAO.ALMA#2016.1.00298.S",
        "s_ra": "30.5",
        "s_dec": "12.4",
        "frequency": "107.0",
        "s_region": "Polygon ICRS 30 12 31 12 31 13 30 13 Not (Polygon 30.4 12.4 30.6 12.4 30.6 12.6)",
    }
    found = one(row)
    assert found["proposal_id"] == "2016.1.00298.S"
    assert found["archive_publisher_did"] == row["obs_publisher_did"]
    assert len(set(laid(row, row | {"frequency": "108.0"}).rows["archive_row_id"].to_pylist())) == 2


def test_a_printed_table_gives_no_cut_text() -> None:
    row = {
        "project_code": "2011.0.00015.SV",
        "ALMA_source_name": "HL Tau",
        "MOUS_id": "uid://A002/X1/X2",
        "obs_id": "uid://A002/X1/X2.source.HL Tau.spw.15",
        "min_freq_GHz": "100.0",
        "max_freq_GHz": "102.0",
        "s_xel1": "<NA>",
        "obs_title": "A title that was cut somewh...",
        "...": "...",
        "Obs": "1",
    }
    found = one(row)
    assert (found["obs_title"], found["s_xel1"]) == (None, None)
    assert found["em_min"] == pytest.approx(C / 102e9, rel=1e-15)
    assert json.loads(found["other"])["obs_title (cut)"] == row["obs_title"]


def test_member_sets_in_columns_become_rows_and_keep_their_line() -> None:
    row = {
        "Source": "543150",
        "SGOUS": "uid___A001_X146c_X95",
        "GOUS": "uid___A001_X146c_X96",
        "MOUS_TM1": "uid___A001_X146c_X97",
        "MOUS_TM2": "uid___A001_X146c_X99",
        "MOUS_7M": "uid___A001_X146c_X9b",
    }
    nothing = {"MOUS_TM1": "", "MOUS_TM2": "", "MOUS_7M": ""}
    found = laid(row, row | {"Source": "543161", "MOUS_TM2": ""}, row | nothing)
    assert [reject.line for reject in found.rejects] == [3]  # no member set; one that is not there is no row
    rows = found.rows.to_pylist()
    assert [(each["target_name"], each["member_ous_uid"]) for each in rows] == [
        ("543150", "uid://A001/X146c/X97"),
        ("543161", "uid://A001/X146c/X97"),
        ("543150", "uid://A001/X146c/X99"),
        ("543150", "uid://A001/X146c/X9b"),
        ("543161", "uid://A001/X146c/X9b"),
    ]
    assert {each["group_ous_uid"] for each in rows} == {"uid://A001/X146c/X96"}


def test_declared_units_follow_a_column_to_its_new_name() -> None:
    row = one(FORM | {"Field of view": "36.0"}, units={"Field of view": "arcsec"})
    assert row["s_fov"] == pytest.approx(0.01)


@pytest.mark.parametrize("kind", ["form", "members", "projects"])
def test_a_broken_line_costs_its_row_alone_in_any_layout(tmp_path: Path, kind: str) -> None:
    tables = {
        "form": "Project code,Source name,Member ous id,Asdm uid\nP,S,uid://A002/X1/X{},uid://A002/X9/X1",
        "members": "Source,GOUS,MOUS_TM1,MOUS_TM2,MOUS_7M\nS,,uid___A001_X1_X{},,",
        "projects": "project_code,project_title,project_abstract\n2016.1.{:05}.S,T,A",
    }
    head, line = tables[kind].split("\n")
    path = tmp_path / "a.csv"
    path.write_text("\n".join([head, line.format(1), "broken", line.format(3)]) + "\n")
    opened = open_home(tmp_path / "home")
    report = opened.harvest(path)
    assert report.kept == 2
    assert (2, "1 fields where the table has") in [
        (entry.line, str(entry.error_message)[7:35]) for entry in report.rejects
    ]
    opened.snapshots.close()
    opened.catalogue.close()


# Rows of each real table, counted with zcat and by eye: file -> (table that they go to, rows there).
REAL = {
    "7MTM2_almagal_imageParameters.csv.gz": ("holdings.supplement", 1017),
    "Hen_2-10_query_region.csv.gz": ("holdings.archive_row", 4),
    "NGC_1068_query_region.csv.gz": ("holdings.archive_row", 150),
    "aces_SB_uids.csv": ("holdings.supplement", 45),
    "alma-onerow.txt": ("holdings.archive_row", 1),
    "alma-shapes.xml": ("holdings.archive_row", 5),
    "alma_alminer_allcols_display.csv.gz": ("holdings.archive_row", 238),
    "alma_obscore_select_star.ecsv.gz": ("holdings.archive_row", 149),
    "alma_project_spectral_windows.csv.gz": ("holdings.project_window", 15494),
    "alma_projects.csv.gz": ("holdings.project", 2111),
    "alma_query_2015.xml": ("holdings.archive_row", 6),
    "almagal_continuumRanges.csv.gz": ("holdings.supplement", 1017),
    "almagal_database.csv.gz": ("holdings.archive_row", 3 * 1017),
    "almasim_archive_rows.csv.gz": ("holdings.archive_row", 7072),
    "legacy_m83_March25_2015.votable.xml.gz": ("holdings.archive_row", 2720),
    "legacy_sgra_query.xml.gz": ("holdings.archive_row", 92),
    "test_query_region_RCrA.csv.gz": ("holdings.archive_row", 48),
}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    opened = open_home(tmp_path_factory.mktemp("real") / "home")
    yield opened
    opened.snapshots.close()
    opened.catalogue.close()


@pytest.mark.data
def test_the_counts_name_every_real_table(real_data: Path) -> None:
    found = {path.name for path in (real_data / "obscore").iterdir() if path.name != "MANIFEST.md"}
    assert found == set(REAL)


@pytest.mark.data
@pytest.mark.parametrize("name", REAL)
def test_every_real_table_loads_whole(real_data: Path, home: Home, name: str) -> None:
    """Issue 4: every table of ../shared/data/obscore loads."""
    table, count = REAL[name]
    report = home.harvest(real_data / "obscore" / name)
    assert (report.table, report.rejected, report.duplicates, report.kept) == (table, 0, 0, count)
    assert report.read == count == (3 * report.lines if name == "almagal_database.csv.gz" else report.lines)
    rows = home.snapshot.read(table, ["source"], "source = ?", [name])
    assert rows.num_rows == count


@pytest.mark.data
def test_real_rows_of_older_layouts_say_what_their_tables_say(real_data: Path) -> None:
    """Cells read off the files with zcat, by eye."""

    def rows_of(name: str) -> list[dict[str, Any]]:
        source = open_file(real_data / "obscore" / name)
        found = [lay_out(raw, source.units) for raw in source.tables()]
        table = published()["holdings.archive_row"]
        return [row for one in found for row in map_rows(one.rows, table, 1, one.units).rows.to_pylist()]

    first = rows_of("legacy_sgra_query.xml.gz")[0]
    assert (first["target_name"], first["asdm_uid"]) == ("G0.25+0.02", "uid://A002/X47bd4d/X4c7")
    assert first["t_min"] == pytest.approx(56138.0 + (2 * 3600 + 22 * 60 + 3) / 86400, abs=1e-9)
    assert first["spectral_resolution"] == 976.5625
    assert first["em_min"] == pytest.approx(C / 102.03e9, rel=1e-14)
    simulated = rows_of("almasim_archive_rows.csv.gz")[0]
    assert (simulated["target_name"], simulated["s_ra"]) == ("J035448.24-330827.2", 58.701)
    assert simulated["em_min"] == pytest.approx(C / 340.95e9, rel=1e-14)
    assert simulated["member_ous_uid"] is None


@pytest.mark.parametrize("name", ["layout", "Layout "])
def test_a_column_that_is_called_layout_itself_is_kept_beside_ours(name: str) -> None:
    [row] = laid(FORM | {name: "compact"}).rows.to_pylist()
    other = json.loads(row["other"])
    assert (other["layout"], other[f"{name.strip()} as given"]) == ("archive-form", "compact")
