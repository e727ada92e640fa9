"""The availability document."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from capabilities import availability

NAMESPACE = "{http://www.ivoa.net/xml/VOSIAvailability/v1.0}"


@pytest.mark.parametrize("available", [True, False])
def test_smallest_document(validate, available):
    # VOSI-020, VOSI-021
    root = validate(availability(available))
    assert root.tag == NAMESPACE + "availability"
    assert [(one.tag, one.text) for one in root] == [(NAMESPACE + "available", str(available).lower())]


def test_times_are_utc_and_notes_are_kept(validate):
    # VOSI-022
    root = validate(
        availability(
            False,
            datetime(2026, 3, 1, 12, 30, tzinfo=UTC),
            ["disk & database", "back <soon>"],
            down_at=datetime(2026, 4, 1, 2, 0, tzinfo=timezone(timedelta(hours=2))),
            back_at=datetime(2026, 4, 1, 3, 0),
        )
    )
    assert [one.tag.removeprefix(NAMESPACE) for one in root] == [
        "available",
        "upSince",
        "downAt",
        "backAt",
        "note",
        "note",
    ]
    assert root[1].text.startswith("2026-03-01T12:30:00")
    assert root[2].text.startswith("2026-04-01T00:00:00")
    assert root[3].text.startswith("2026-04-01T03:00:00")
    assert {one.text[-1] for one in root[1:4]} == {"Z"}
    assert [one.text for one in root[4:]] == ["disk & database", "back <soon>"]


def test_one_note(validate):
    assert validate(availability(True, note="all is well"))[-1].text == "all is well"
