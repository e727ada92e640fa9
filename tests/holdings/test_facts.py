"""What the archive says of a member set, for the data sets that no single row speaks for."""

from datetime import UTC, datetime

from vo_service.access import Rights
from vo_service.holdings.facts import share_facts, shared_release

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
    shared = share_facts(row, siblings)
    assert not OPEN.is_open(shared["origin"], shared["obs_release_date"], NOW)
    assert OPEN.is_open("file", None, NOW)
