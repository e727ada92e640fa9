"""What the archive says of a member set, for the data sets that no single row speaks for."""

from datetime import UTC, datetime
from typing import Any

import pytest

from vo_service.access import Rights
from vo_service.holdings.facts import NOT_YET, merge_facts, share_facts, shared_release
from vo_service.holdings.match import Refusal
from vo_service.holdings.records import Repair

PAST, LATER = datetime(2015, 1, 1), datetime(2017, 1, 1)
OPEN = Rights(unlisted_open=True)
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_the_latest_release_of_a_member_set_counts() -> None:
    assert shared_release([{"obs_release_date": PAST}, {"obs_release_date": LATER}]) == LATER
    assert shared_release([]) is None


def test_a_member_set_with_an_undated_row_stays_closed_where_unlisted_files_are_open() -> None:
    # design 4.3: release without a date is closed; the open setting is for files without an archive row
    row = {"target_name": "M83", "origin": "file", "obs_release_date": None}
    siblings = [
        {"target_name": "M83", "obs_release_date": PAST},
        {"target_name": "M83", "obs_release_date": None},
    ]
    shared, repairs = share_facts(row, siblings)
    assert repairs == []
    assert not OPEN.is_open(shared["origin"], shared["obs_release_date"], NOW)
    assert OPEN.is_open("file", None, NOW)


def test_what_the_archive_says_otherwise_of_the_whole_field_is_on_record() -> None:
    row = {"target_name": "M 83", "origin": "file", "t_min": 57000.25, "proposal_id": "2013.1.00001.S"}
    siblings = [{"target_name": "M83", "t_min": 57000.5, "proposal_id": "2013.1.00001.S", "t_max": 57001.0}]
    shared, repairs = share_facts(row, siblings)
    assert (shared["t_min"], shared["t_max"]) == (57000.5, 57001.0)
    assert [(each.item, each.was, each.became, each.rule) for each in repairs] == [
        ("t_min", "57000.25", "57000.5", "ARCH-FACT")
    ]


FILE: dict[str, Any] = {
    "target_name": "M83", "origin": "file", "s_ra": 204.25, "s_dec": -29.87, "s_fov": 0.01,
    "s_resolution": 1.5, "em_min": 0.0013, "em_max": 0.00131, "em_support": [0.0013, 0.00131],
    "frequency": 229.72, "em_xel": 10, "pol_states": "/I/", "pol_xel": 1, "band_list": "6",
}  # fmt: skip
ROW = {"archive_row_id": "a", "target_name": "M83", "s_ra": 204.25, "s_dec": -29.87, "s_fov": 0.01}


def told(repairs: list[Repair]) -> list[tuple[str, str | None, str | None, str]]:
    return [(each.item, each.was, each.became, each.rule) for each in repairs]


@pytest.mark.parametrize(
    ("rules", "ours", "rule"),
    [((), 57000.5, "ARCH-FACT"), (("DATE-END",), 57000.5, "DATE-END"), (("DATE-END",), None, "DATE-END")],
)
def test_another_end_is_a_disagreement_unless_ours_was_a_stand_in(
    rules: tuple[str, ...], ours: float | None, rule: str
) -> None:
    row = FILE | {"t_min": 57000.0, "t_max": ours}
    merged, repairs = merge_facts(row, ROW | {"t_min": 57000.0, "t_max": 57001.0}, [ROW], rules)
    assert merged["t_max"] == 57001.0
    assert told(repairs) == [("t_max", None if ours is None else "57000.5", "57001.0", rule)]


def test_an_end_that_the_file_never_tried_to_tell_is_only_filled() -> None:
    merged, repairs = merge_facts(FILE | {"t_max": None}, ROW | {"t_max": 57001.0}, [ROW])
    assert (merged["t_max"], repairs) == (57001.0, [])


def test_polarisations_come_from_the_archive_where_the_file_has_no_stokes_axis() -> None:
    row = FILE | {"pol_states": None, "pol_xel": None}
    merged, repairs = merge_facts(row, ROW | {"pol_states": "/XX/YY/"}, [ROW])
    assert (merged["pol_states"], merged["pol_xel"]) == ("/XX/YY/", 2)
    assert told(repairs) == [
        ("pol_states", None, "/XX/YY/", "ARCH-NO-STOKES"),
        ("pol_xel", None, "2", "ARCH-NO-STOKES"),
    ]


@pytest.mark.parametrize(("states", "rules"), [("/I/", ()), (None, ("POL-CODE",))])
def test_polarisations_of_a_stokes_axis_stay_as_the_axis_tells(
    states: str | None, rules: tuple[str, ...]
) -> None:
    merged, repairs = merge_facts(FILE | {"pol_states": states}, ROW | {"pol_states": "/XX/"}, [ROW], rules)
    assert (merged["pol_states"], repairs) == (states, [])


def test_every_column_that_a_file_without_a_spectral_axis_takes_is_on_record() -> None:
    none = dict.fromkeys(("em_min", "em_max", "em_support", "frequency", "bandwidth", "band_list"))
    window = {"em_min": 0.25, "em_max": 0.5, "frequency": 0.9, "bandwidth": 6e8, "band_list": "6"}
    merged, repairs = merge_facts(FILE | none, ROW | window, [ROW])
    assert {name: merged[name] for name in none} == window | {"em_support": [0.25, 0.5]}
    assert sorted(told(repairs)) == [
        ("band_list", None, "6", "ARCH-NO-SPECTRUM"),
        ("bandwidth", None, "600000000.0", "ARCH-NO-SPECTRUM"),
        ("em_max", None, "0.5", "ARCH-NO-SPECTRUM"),
        ("em_min", None, "0.25", "ARCH-NO-SPECTRUM"),
        ("em_support", None, "0.25 0.5", "ARCH-NO-SPECTRUM"),
        ("frequency", None, "0.9", "ARCH-NO-SPECTRUM"),
    ]


def test_the_resolution_of_older_layouts_serves_files_without_a_beam() -> None:
    row = FILE | {"s_resolution": None, "spatial_resolution": None}
    merged, repairs = merge_facts(row, ROW | {"s_resolution": None, "spatial_resolution": 2.5}, [ROW])
    assert (merged["s_resolution"], merged["spatial_resolution"]) == (2.5, 2.5)
    assert {(each.item, each.became, each.rule) for each in repairs} == {
        ("s_resolution", "2.5", "ARCH-NO-BEAM"), ("spatial_resolution", "2.5", "ARCH-NO-BEAM")
    }  # fmt: skip


def test_another_telescope_in_the_archive_is_on_record() -> None:
    merged, repairs = merge_facts(FILE | {"facility_name": "EVLA"}, ROW | {"facility_name": "JAO"}, [ROW])
    assert merged["facility_name"] == "JAO"
    assert told(repairs) == [("facility_name", "EVLA", "JAO", "ARCH-FACT")]


@pytest.mark.parametrize(
    ("ours", "theirs", "rule"),
    [("M 83", "M83", "ARCH-TARGET"), ("OTHER", "M83", "ARCH-PLACE"), (None, "M83", "ARCH-PLACE")],
)
def test_the_archives_name_is_published_with_the_reason(ours: str | None, theirs: str, rule: str) -> None:
    merged, repairs = merge_facts(FILE | {"target_name": ours}, ROW | {"target_name": theirs}, [ROW])
    assert merged["target_name"] == "M83"
    assert told(repairs) == [("target_name", ours, "M83", rule)]
    assert (repairs[0].confidence < 1.0) is (rule == "ARCH-PLACE")


FAR = ROW | {"s_dec": 60.0, "obs_release_date": PAST}


@pytest.mark.parametrize(
    ("others", "released"),
    [
        ([{"archive_row_id": "b", "obs_release_date": LATER}], LATER),
        ([{"archive_row_id": "b", "obs_release_date": None}], NOT_YET),
        ([], None),
    ],
)
def test_a_row_of_another_field_opens_nothing_by_itself(
    others: list[dict[str, Any]], released: datetime | None
) -> None:
    """Design 4.3: in doubt whose date it is, closed."""
    merged, repairs = merge_facts(FILE, FAR, [FAR, *others])
    assert merged["obs_release_date"] == released
    assert OPEN.is_open(merged["origin"], released, NOW) is (released == LATER)
    became = None if released is None else released.isoformat()
    assert ("obs_release_date", "2015-01-01T00:00:00", became, "ARCH-RELEASE") in told(repairs)


def test_a_date_that_the_whole_member_set_tells_holds_for_a_row_of_another_field() -> None:
    merged, repairs = merge_facts(FILE, FAR, [FAR, {"archive_row_id": "b", "obs_release_date": PAST}])
    assert merged["obs_release_date"] == PAST
    assert {each.rule for each in repairs} == {"ARCH-POSITION"}


def test_a_position_within_the_field_leaves_the_date_alone() -> None:
    merged, _repairs = merge_facts(FILE, ROW | {"s_dec": -29.875, "obs_release_date": PAST}, [ROW])
    assert merged["obs_release_date"] == PAST


@pytest.mark.parametrize(("elsewhere", "released"), [(True, NOT_YET), (False, PAST)])
def test_the_only_row_of_a_member_set_opens_nothing_where_it_lies_elsewhere(
    elsewhere: bool, released: datetime
) -> None:
    shared, _repairs = share_facts(FILE, [FAR], (), Refusal("a", "why", elsewhere))
    assert shared["obs_release_date"] == released
