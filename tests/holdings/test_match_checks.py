"""Position and frequency as the check of a match by names: what matches, what stands, what is on record."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from hypothesis import given
from hypothesis import strategies as st
from ingest_homes import Home, open_home
from product_files import write_product

from vo_service.access import Rights
from vo_service.holdings.group import DataSet
from vo_service.holdings.match import WindowRow, match_rows, separation
from vo_service.holdings.records import FoundFile, Identity, Product, SkyCoverage, SpectralCoverage
from vo_service.sky import Circle
from vo_service.spectral import C

UID = "uid://A001/X1/X2"
RA, DEC, FIELD = 204.25, -29.87, 0.01
LOW, HIGH = C / 231e9, C / 230e9


def dataset(
    name: str,
    ra: float = RA,
    low: float = LOW,
    high: float = HIGH,
    target: str | None = "M83",
    role: str = "cube",
    intent: str | None = "sci",
) -> DataSet:
    f_min, f_max = C / high, C / low
    product = Product(
        FoundFile("r", f"{name}.fits", 1, 1),
        role=role,
        identity=Identity(member_ous_uid=UID, target_name=target, windows=("25",), intent=intent),
        sky=SkyCoverage(ra, DEC, Circle(ra, DEC, FIELD / 2), FIELD, 0.1, (64, 64)),
        spectral=SpectralCoverage(f_min, f_max, 10, (f_max - f_min) / 10, "LSRK", None, low, high),
    )
    return DataSet(name, role, (product,), None)


def row(
    name: str, dec: float = DEC, low: float | None = LOW, high: float | None = HIGH, target: str = "M83"
) -> WindowRow:
    return WindowRow(name, UID, target, "25", RA, dec, FIELD, low, high)


ELSEWHERE = DEC + 0.02
OTHER_BAND = {"low": C / 246e9, "high": C / 245e9}


def test_what_agrees_in_both_is_matched_without_a_word() -> None:
    found = match_rows([dataset("d")], [row("a")])
    assert (found.rows, found.datasets, found.refused) == ({"a": "d"}, {"d": "a"}, {})


@pytest.mark.parametrize("candidate", [row("a", ELSEWHERE), row("a", **OTHER_BAND)])
def test_names_decide_where_one_of_the_two_contradicts(candidate: WindowRow) -> None:
    assert match_rows([dataset("d")], [candidate]).datasets == {"d": "a"}


def test_where_both_contradict_the_names_are_wrong() -> None:
    found = match_rows([dataset("d")], [row("a", ELSEWHERE, **OTHER_BAND)])
    assert (found.rows, found.datasets) == ({}, {})
    refusal = found.refused["d"]
    assert (refusal.archive_row_id, refusal.elsewhere) == ("a", True)
    assert "72 arcsec apart" in refusal.why and "without a frequency in common" in refusal.why


def test_of_several_rows_the_one_that_agrees_is_taken() -> None:
    candidates = [row("a", ELSEWHERE, **OTHER_BAND), row("b", **OTHER_BAND), row("c")]
    found = match_rows([dataset("d")], candidates)
    assert found.datasets == {"d": "c"}
    assert found.refused == {}


def test_of_several_data_sets_the_row_is_listed_as_the_one_that_agrees() -> None:
    found = match_rows([dataset("d", ra=RA + 0.1), dataset("e")], [row("a")])
    assert found.rows == {"a": "e"}
    assert found.datasets == {"d": "a", "e": "a"}


def test_what_is_unknown_contradicts_nothing() -> None:
    assert match_rows([dataset("d")], [row("a", ELSEWHERE, None, None)]).datasets == {"d": "a"}
    nowhere = WindowRow("a", UID, "M83", "25", None, None, None, **{"em_min": C / 9e10, "em_max": C / 8e10})
    assert match_rows([dataset("d")], [nowhere]).datasets == {"d": "a"}


def test_a_change_of_frame_is_no_contradiction() -> None:
    """30 km/s each way move a window of 1 MHz off itself."""
    narrow = {"low": C / 230.001e9, "high": C / 230.000e9}
    moved = {"low": C / 230.024e9, "high": C / 230.023e9}
    found = match_rows([dataset("d", **narrow)], [row("a", ELSEWHERE, **moved)])
    assert found.datasets == {"d": "a"}


def test_the_last_row_and_data_set_of_a_window_are_a_pair_whatever_their_names() -> None:
    datasets = [dataset("d", target="OTHER"), dataset("e", ra=RA + 0.1, target="N253")]
    found = match_rows(datasets, [row("a"), row("b", target="N253")])
    assert found.rows == {"a": "d", "b": "e"}
    assert (found.datasets, found.refused) == ({"d": "a", "e": "b"}, {})
    assert match_rows([dataset("d", target=None)], [row("a")]).datasets == {"d": "a"}


@pytest.mark.parametrize(
    ("datasets", "rows"),
    [
        ([dataset("d", target="OTHER")], [row("a", DEC + 0.0011)]),  # more than a tenth of the field
        ([dataset("d", target="OTHER")], [row("a", **OTHER_BAND)]),
        ([dataset("d", target="OTHER")], [row("a", low=None, high=None)]),  # must be known to tell a source
        ([dataset("d", target="OTHER", intent="ph")], [row("a")]),
        ([dataset("d", target="OTHER", role="moment0")], [row("a")]),
    ],
)
def test_position_tells_no_source_where_it_is_not_decisive(
    datasets: list[DataSet], rows: list[WindowRow]
) -> None:
    found = match_rows(datasets, rows)
    assert (found.rows, found.datasets, found.refused) == ({}, {}, {})


@pytest.mark.parametrize(
    ("datasets", "rows"),
    [
        ([dataset("d", target="OTHER")], [row("a"), row("b", ELSEWHERE, target="N253")]),
        ([dataset("d", target="OTHER"), dataset("e", ra=RA + 0.1, target="N253")], [row("a")]),
    ],
)
def test_where_several_are_left_it_is_told_and_they_stay_apart(
    datasets: list[DataSet], rows: list[WindowRow]
) -> None:
    found = match_rows(datasets, rows)
    assert (found.rows, found.datasets) == ({}, {})
    assert {name: (each.archive_row_id, each.elsewhere) for name, each in found.refused.items()} == {
        "d": ("a", False)
    }
    assert "the name of the source is not ('M83')" in found.refused["d"].why


def test_the_image_of_a_window_with_a_cube_is_no_candidate() -> None:
    datasets = [dataset("d", target="OTHER"), dataset("i", target="OTHER", role="image")]
    assert match_rows(datasets, [row("a")]).datasets == {"d": "a"}


POINT = st.tuples(st.floats(0, 360), st.floats(-90, 90))


@given(POINT, POINT)
def test_separations_are_those_of_astropy(one: tuple[float, float], two: tuple[float, float]) -> None:
    places = [SkyCoord(*each, unit=u.deg) for each in (one, two)]
    assert separation(*one, *two) == pytest.approx(places[0].separation(places[1]).deg, abs=3e-6)


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    opened = open_home(tmp_path / "home")
    yield opened
    opened.snapshots.close()
    opened.catalogue.close()


NAME = "member.uid___A001_X1_X2.M83_sci.spw25.cube.I.pbcor.fits"


def archive_row(path: Path, **changes: object) -> Path:
    cells: dict[str, Any] = {
        "obs_id": f"{UID}.source.M83.spw.25",
        "member_ous_uid": UID,
        "target_name": "M83",
        "proposal_id": "2016.1.00001.S",
        "s_ra": 204.25,
        "s_dec": -29.87,
        "s_fov": 0.0075,
        "em_min": C / 230.0095e9,
        "em_max": C / 229.9995e9,
        "frequency": 230.0045,
        "em_xel": 10,
        "sensitivity_10kms": 1.5,
        "t_exptime": 60.0,
        **changes,
    }
    with path.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(cells))
        writer.writeheader()
        writer.writerow(cells)
    return path


def recorded(home: Home) -> dict[str, dict[str, Any]]:
    rules = [row for row in home.rows("holdings.repair") if str(row["rule_id"]).startswith("ARCH-")]
    return {f"{row['rule_id']} {row['item']}": row for row in rules}


@pytest.mark.parametrize("order", ["ih", "hi"])
def test_a_position_off_the_field_is_on_record_and_the_files_stands(
    home: Home, tmp_path: Path, order: str
) -> None:
    write_product(tmp_path / "files" / NAME, SPECSYS="BARYCENT")
    table = archive_row(tmp_path / "a.csv", s_dec=-29.80)
    for step in order:
        home.ingest(tmp_path / "files") if step == "i" else home.harvest(table)
    [listed] = home.rows("ivoa.obscore")
    assert listed["origin"] == "both"
    assert listed["s_dec"] == pytest.approx(-29.87, abs=1e-3)
    told = recorded(home)["ARCH-POSITION s_dec"]
    assert float(told["was"]) == -29.80
    assert float(told["became"]) == listed["s_dec"]
    assert told["confidence"] == 0.5
    assert "the file's coordinates stand" in told["why"] and "names" not in told["why"]
    assert told["archive_row_id"] == home.rows("holdings.archive_row")[0]["archive_row_id"]


def test_a_frequency_of_another_window_is_on_record(home: Home, tmp_path: Path) -> None:
    write_product(tmp_path / "files" / NAME, SPECSYS="BARYCENT")
    home.ingest(tmp_path / "files")
    home.harvest(
        archive_row(tmp_path / "a.csv", em_min=C / 246e9, em_max=C / 245e9, frequency=245.5, em_xel=10)
    )
    [listed] = home.rows("ivoa.obscore")
    assert listed["frequency"] == pytest.approx(230.0045, abs=1e-6)
    told = recorded(home)["ARCH-FREQUENCY frequency"]
    assert (float(told["was"]), float(told["became"])) == (245.5, listed["frequency"])
    assert told["confidence"] == 0.5
    assert "no frequency in common" in told["why"]


def test_a_row_that_agrees_in_neither_is_listed_apart(home: Home, tmp_path: Path) -> None:
    write_product(tmp_path / "files" / NAME, SPECSYS="BARYCENT")
    home.ingest(tmp_path / "files")
    home.harvest(
        archive_row(tmp_path / "a.csv", s_dec=-29.5, em_min=C / 246e9, em_max=C / 245e9, frequency=245.5)
    )
    listed = {row["origin"]: row for row in home.rows("ivoa.obscore")}
    assert set(listed) == {"file", "archive"}
    assert listed["file"]["sensitivity_10kms"] is None
    told = recorded(home)["ARCH-NO-MATCH archive_row_id"]
    [row_] = home.rows("holdings.archive_row")
    assert row_["matched_dataset_id"] is None
    assert (told["dataset_id"], told["was"]) == (listed["file"]["dataset_id"], row_["archive_row_id"])
    assert 0 < told["confidence"] < 1


def test_what_the_archive_knows_better_is_on_record_too(home: Home, tmp_path: Path) -> None:
    write_product(
        tmp_path / "files" / NAME, SPECSYS="BARYCENT", EXPTIME=30.0, DATE__OBS="2016-05-01T00:00:00"
    )
    home.ingest(tmp_path / "files")
    home.harvest(archive_row(tmp_path / "a.csv"))
    [listed] = home.rows("ivoa.obscore")
    assert (listed["t_exptime"], listed["sensitivity_10kms"]) == (60.0, 1.5)
    told = recorded(home)["ARCH-FACT t_exptime"]
    assert (float(told["was"]), float(told["became"])) == (30.0, 60.0)
    assert "archive's record of the observation stands" in told["why"]
    assert [key for key in recorded(home) if "ARCH-POSITION" in key or "ARCH-FREQUENCY" in key] == []


def test_a_source_of_another_name_is_told_by_its_position(home: Home, tmp_path: Path) -> None:
    """The archive knows the source under the name of the pipeline's file, the card OBJECT has another."""
    write_product(tmp_path / "files" / NAME, SPECSYS="BARYCENT", OBJECT="OTHERNAME")
    home.ingest(tmp_path / "files")
    assert [each["target_name"] for each in home.rows("ivoa.obscore")] == ["OTHERNAME"]
    home.harvest(archive_row(tmp_path / "a.csv"))
    [listed] = home.rows("ivoa.obscore")
    assert (listed["origin"], listed["target_name"], listed["sensitivity_10kms"]) == ("both", "M83", 1.5)
    found = recorded(home)["ARCH-PLACE target_name"]
    assert (found["was"], found["became"], found["confidence"]) == ("OTHERNAME", "M83", 0.8)
    [row_] = home.rows("holdings.archive_row")
    assert row_["matched_dataset_id"] == listed["dataset_id"] == found["dataset_id"]


@pytest.mark.parametrize(("offset", "is_open"), [(0.0, True), (130.0, False)])
def test_a_row_of_another_field_does_not_open_the_file(
    home: Home, tmp_path: Path, offset: float, is_open: bool
) -> None:
    write_product(tmp_path / "files" / NAME, SPECSYS="BARYCENT")
    home.ingest(tmp_path / "files")
    home.harvest(
        archive_row(tmp_path / "a.csv", s_ra=(204.25 + offset) % 360, obs_release_date="2015-01-01T00:00:00")
    )
    rows = [*home.rows("ivoa.obscore"), *home.rows("holdings.product"), *home.rows("holdings.dataset")]
    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert {row["origin"] for row in rows} <= {"both"}
    for unlisted_open in (True, False):
        rights = Rights(unlisted_open)
        assert {rights.is_open(row["origin"], row["obs_release_date"], now) for row in rows} == {is_open}
    assert ("ARCH-RELEASE obs_release_date" in recorded(home)) is not is_open
