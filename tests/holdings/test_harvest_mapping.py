"""Archive tables to rows: formats, nulls, strict values, ObsCore rules; on real rows where there are any."""

from __future__ import annotations

import gzip
import json
import math
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tap_schema import published
from vo_service.holdings.archive import Mapped, map_rows
from vo_service.holdings.archive_tables import ArchiveTables, archive_tables
from vo_service.holdings.finish import numbers
from vo_service.holdings.harvest_sources import ArchiveTable, SourceError, open_file
from vo_service.holdings.observations import observation_rows
from vo_service.spectral import C

FULL = (
    "NGC_1068_query_region.csv.gz",
    "Hen_2-10_query_region.csv.gz",
    "test_query_region_RCrA.csv.gz",
    "alma_obscore_select_star.ecsv.gz",
)
ROW = {
    "obs_publisher_did": "ADS/JAO.ALMA#2013.1.00221.S",
    "obs_id": "uid://A001/X121/X37e.source.NGC1068.spw.13",
    "target_name": "NGC1068",
    "dataproduct_type": "cube",
    "calib_level": "2",
    "obs_collection": "ALMA",
    "facility_name": "JAO",
    "instrument_name": "ALMA",
    "s_ra": "40.669624166666665",
    "s_dec": "-0.013316111111111112",
    "s_fov": "0.006424783919669974",
    "s_region": "Circle ICRS 40.669624 -0.013316 0.003212",
    "s_resolution": "0.45105599133158675",
    "em_min": "0.0011510356117809474",
    "em_max": "0.0011593795442876153",
    "em_res_power": "266712.2527035911",
    "em_xel": "3840",
    "frequency": "259.5173142910819",
    "bandwidth": "1875000000.0",
    "spatial_scale_max": "4.050363677828596",
    "is_mosaic": "F",
    "access_url": "https://almascience.org/datalink/sync?ID=uid://A001/X121/X37e",
    "access_format": "applicati",
    "pol_states": "/XX/YY/",
    "obs_release_date": "2015-10-31T10:54:42.000",
    "antenna_arrays": " ".join(f"A{n:03}:DV{n:02}" for n in range(1, 35)),
    "frequency_support": (
        "[243.06..244.93GHz,976.56kHz,527.9uJy/beam@10km/s,34.8uJy/beam@native, XX YY] U "
        "[258.58..260.45GHz,976.56kHz,498.1uJy/beam@10km/s,33.8uJy/beam@native, XX YY]"
    ),
}


def mapped(*rows: dict[str, str]) -> Mapped:
    names = {name for row in rows for name in row}
    raw = pa.table({name: pa.array([row.get(name, "") for row in rows], pa.string()) for name in names})
    return map_rows(raw, published()["holdings.archive_row"], 1, {})


def listed(*rows: dict[str, str]) -> ArchiveTables:
    return archive_tables(mapped(*rows).rows, published(), "example.test")


def obscore(**changes: str) -> dict[str, object]:
    found = listed({**ROW, **changes}).tables["ivoa.obscore"].to_pylist()
    row: dict[str, object] = found[0]
    return row


def test_a_row_keeps_the_archive_values_and_has_an_identifier_of_ours() -> None:
    row = mapped(ROW).rows.to_pylist()[0]
    assert row["archive_obs_id"] == ROW["obs_id"]
    assert row["member_ous_uid"] == "uid://A001/X121/X37e"
    assert row["archive_row_id"].startswith("uid-a001-x121-x37e-ngc1068-spw13-")
    assert row["access_format"] == "applicati"


def test_rows_of_an_old_export_lose_the_marks_of_python() -> None:  # ALMA-149
    row = mapped({**ROW, "s_region": f"b'{ROW['s_region']}'", "group_ous_uid": "--"}).rows.to_pylist()[0]
    assert row["s_region"] == ROW["s_region"]
    assert row["group_ous_uid"] is None


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"s_ra": "12:30"}, "s_ra is '12:30', not a finite number"),
        ({"s_dec": "123.4"}, "must lie in -90 to 90"),
        ({"s_dec": ""}, "both or none"),
        ({"em_min": "0.2"}, "0 < em_min <= em_max"),
        ({"calib_level": "7"}, "not 0 to 4"),
        ({"calib_level": "2.5"}, "not a whole number"),
        ({"obs_release_date": "31/10/2015"}, "not a date and time"),
        ({"obs_release_date": "2015-02-30"}, "not a date and time"),
        ({"s_region": "Circle of friends"}, "s_region is no region"),
        ({"obs_id": "", "member_ous_uid": ""}, "nothing names the observation"),
        ({"is_mosaic": "perhaps"}, "not T or F"),
        ({"t_min": "58000", "t_max": "57000"}, "after t_max"),
    ],
)
def test_a_row_that_cannot_be_mapped_is_told_with_its_line(changes: dict[str, str], reason: str) -> None:
    found = mapped(ROW, {**ROW, **changes}, ROW)
    assert found.rows.num_rows == 2
    assert [reject.line for reject in found.rejects] == [2]
    assert reason in found.rejects[0].reason


def test_account_names_are_dropped_and_unknown_columns_kept_as_json() -> None:  # ALMA-061
    row = mapped(
        {**ROW, "pi_userid": "someone", "": "0", "extra": 'a "b"', "other_null": ""}
    ).rows.to_pylist()[0]
    assert json.loads(row["other"]) == {"extra": 'a "b"'}


def test_declared_units_are_converted_where_they_are_of_one_kind() -> None:
    raw = pa.table({"obs_id": ["x"], "bandwidth": [1.875], "em_resolution": [3.0]})
    rows = map_rows(
        raw, published()["holdings.archive_row"], 1, {"bandwidth": "GHz", "em_resolution": "m"}
    ).rows
    assert rows["bandwidth"][0].as_py() == pytest.approx(1.875e9)
    assert rows["em_resolution"][0].as_py() == 3.0


def test_an_archive_only_row_is_described_by_the_standard() -> None:
    row = obscore()
    assert row["obs_id"] == "uid://A001/X121/X37e"  # OBS-064
    assert str(row["obs_publisher_did"]).startswith("ivo://example.test/obs?uid-a001-")  # OBS-065
    assert row["origin"] == "archive"
    assert row["_access_path"] == ROW["access_url"]
    assert row["access_format"] == "application/x-votable+xml;content=datalink"  # OBS-067, TAP-337
    assert row["archive_publisher_did"] == ROW["obs_publisher_did"]
    assert row["science_observation"] == "T"  # ALMA-145
    assert row["pol_xel"] == 2  # OBS-087
    assert row["spectral_resolution"] == pytest.approx(973.02, rel=1e-5)  # RAD-054, kHz
    assert row["em_resolution"] == pytest.approx(4.33e-9, rel=1e-2)  # ALMA-044, metres
    assert row["em_support"] == [row["em_min"], row["em_max"]]
    assert row["s_shape"] == "circle 40.669624 -0.013316 0.003212"


@pytest.mark.parametrize(
    ("changes", "column", "value"),
    [
        ({"dataproduct_type": "image"}, "dataproduct_type", "cube"),  # OBS-061
        ({"dataproduct_type": "image", "em_xel": "1"}, "dataproduct_type", "image"),
        ({"dataproduct_type": "visibility"}, "dataproduct_type", "visibility"),
        ({"calib_level": ""}, "calib_level", 2),  # OBS-003
        ({"scan_intent": "PHASE WVR"}, "science_observation", "F"),
        ({"scan_intent": "TARGET WVR"}, "science_observation", "T"),
        ({"access_url": "not a link"}, "access_format", None),  # OBS-089
        ({"obs_creator_name": "Koda, Jin"}, "pi_name", "Koda, Jin"),  # ALMA-060
        ({"band_list": ""}, "band_list", "6"),  # ALMA-090
        ({"s_region": "Union ICRS (Circle 1 2 0.1 Circle 3 4 0.1)"}, "s_shape", None),  # design 4.5
    ],
)
def test_value_rules_of_archive_rows(changes: dict[str, str], column: str, value: object) -> None:
    assert obscore(**changes)[column] == value


def test_worked_example_of_the_radio_extension() -> None:
    # RAD-034, RAD-040 to RAD-043, RAD-046 to RAD-048, RAD-050, RAD-051, RAD-054: the row that only the
    # archive has
    row = listed(ROW).tables["ivoa.obscore_radio"].to_pylist()[0]
    expected = {
        "s_resolution_min": 0.4360,
        "s_resolution_max": 0.4672,
        "s_largest_angular_scale": 4.0504,
        "s_largest_angular_scale_min": 3.9151,
        "s_largest_angular_scale_max": 4.1953,
        "s_fov_min": 0.006210,
        "s_fov_max": 0.006655,
        "f_resolution": 973.02,
        "instr_tel_number": 34,
        "instr_tel_diameter": 12.0,
    }
    for name, value in expected.items():
        assert row[name] == pytest.approx(value, rel=2e-4), name
    assert row["scan_mode"] == "on-source"
    assert row["tracking_type"] == "sidereal"
    assert 15.0 <= row["instr_tel_min_dist"] < 15.1  # as close as antennas may stand


def test_the_window_takes_the_noise_of_its_own_component() -> None:  # ALMA-084
    window = listed(ROW).tables["holdings.spectral_window"].to_pylist()[0]
    assert window["window"] == "13"
    assert window["sensitivity_native"] == pytest.approx(0.0338)
    assert window["f_max"] == pytest.approx(C / float(ROW["em_min"]))


def test_a_type_that_is_not_the_archives_is_a_repair() -> None:
    repairs = listed(ROW, {**ROW, "obs_id": "x", "dataproduct_type": "image"}).tables["holdings.repair"]
    assert [(each["was"], each["became"]) for each in repairs.to_pylist()] == [("image", "cube")]


def test_rows_of_one_field_are_one_observation() -> None:
    other = {**ROW, "obs_id": ROW["obs_id"].replace("spw.13", "spw.15"), "target_name": "NGC_1068"}
    made = observation_rows([listed(ROW).parts, listed(other).parts], published()["holdings.observation"])
    row = made.to_pylist()[0]
    assert made.num_rows == 1
    assert (row["archive_row_count"], row["dataset_count"], row["antenna_count"]) == (2, 0, 34)
    assert (row["origin"], row["array_kinds"], row["canonical_target"]) == ("archive", "12m", "ngc1068")


def write_csv(path: Path, text: str, *, packed: bool = False) -> Path:
    data = text.encode()
    path.write_bytes(gzip.compress(data) if packed else data)
    return path


def rows_of(source: ArchiveTable) -> list[dict[str, object]]:
    return [row for table in source.tables() for row in table.to_pylist()]


@pytest.mark.parametrize("packed", [False, True])
def test_csv_keeps_line_breaks_and_quotes(tmp_path: Path, packed: bool) -> None:
    path = write_csv(tmp_path / "a.csv", ',obs_id,obs_title\n0,x,"two\nlines, ""quoted"""\n', packed=packed)
    assert rows_of(open_file(path)) == [{"": "0", "obs_id": "x", "obs_title": 'two\nlines, "quoted"'}]


def test_ecsv_tells_units_and_delimiter(tmp_path: Path) -> None:
    header = "# %ECSV 1.0\n# ---\n# datatype:\n# - {name: s_ra, unit: deg, datatype: float64}\n"
    path = write_csv(tmp_path / "a.ecsv", header + '# - {name: t, datatype: string}\ns_ra t\n1.5 "a b"\n')
    source = open_file(path)
    assert source.units == {"s_ra": "deg"}
    assert rows_of(source) == [{"s_ra": "1.5", "t": "a b"}]


def test_parquet_comes_in_batches(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"obs_id": [str(n) for n in range(25_000)]}), path)
    assert [table.num_rows for table in open_file(path).tables()] == [8_000, 8_000, 8_000, 1_000]


@pytest.mark.parametrize("content", [b"", b"\x00\x01\x02", b"<VOTABLE><broken", b"# %ECSV 1.0\n# {\n"])
def test_a_file_that_is_no_table_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.dat"
    path.write_bytes(content)
    with pytest.raises(SourceError, match=r"a\.dat"):
        rows_of(open_file(path))


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no such file"):
        open_file(tmp_path / "nothing.csv")


@pytest.mark.data
@pytest.mark.parametrize("name", FULL)
def test_real_rows_hold_to_the_rules(real_data: Path, name: str) -> None:
    source = open_file(real_data / "obscore" / name)
    raw = next(source.tables())
    found = map_rows(raw, published()["holdings.archive_row"], 1, source.units)
    assert found.rejects == ()
    tables = archive_tables(found.rows, published(), "example.test").tables
    rows, radio = tables["ivoa.obscore"], tables["ivoa.obscore_radio"]
    assert rows.num_rows == radio.num_rows == raw.num_rows
    frequency, em_min, em_max = (numbers(rows[each]) for each in ("frequency", "em_min", "em_max"))
    assert np.allclose(frequency * 1e9, (C / em_min + C / em_max) / 2, rtol=1e-12)  # ALMA-120
    assert np.all((numbers(rows["em_resolution"]) > 1e-10) & (numbers(rows["em_resolution"]) < 1e-6))
    for name_ in ("obs_id", "obs_publisher_did", "obs_collection", "calib_level", "science_observation"):
        assert rows[name_].null_count == 0  # OBS-003, ALMA-145
    low, high = numbers(radio["s_resolution_min"]), numbers(radio["s_resolution_max"])
    assert np.all((low <= numbers(rows["s_resolution"])) & (numbers(rows["s_resolution"]) <= high))  # RAD-052
    assert np.all(numbers(radio["s_fov_min"]) <= numbers(rows["s_fov"]) * 1.01)
    assert np.all(np.isfinite(numbers(tables["holdings.spectral_window"]["sensitivity_native"])))  # ALMA-084
    assert len(set(rows["obs_publisher_did"].to_pylist())) == raw.num_rows  # OBS-065


@pytest.mark.data
def test_all_full_rows_are_351(real_data: Path) -> None:
    counts = [sum(t.num_rows for t in open_file(real_data / "obscore" / name).tables()) for name in FULL]
    assert math.fsum(counts) == 351
