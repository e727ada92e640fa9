"""Conditional requests against RFC 9110, section 13."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from vo_service.dali.conditions import Verdict, http_date, http_text, judge, range_applies

ETAG = '"abc"'
MODIFIED = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)
SAME = "Mon, 06 May 2024 07:08:09 GMT"
EARLIER = "Mon, 06 May 2024 07:08:08 GMT"
LATER = "Mon, 06 May 2024 07:08:10 GMT"


@pytest.mark.parametrize(
    ("headers", "verdict"),
    [
        ({}, Verdict.SEND),
        ({"if-none-match": ETAG}, Verdict.NOT_MODIFIED),
        ({"if-none-match": f"W/{ETAG}"}, Verdict.NOT_MODIFIED),
        ({"if-none-match": f'"x", {ETAG}'}, Verdict.NOT_MODIFIED),
        ({"if-none-match": "*"}, Verdict.NOT_MODIFIED),
        ({"if-none-match": '"x"'}, Verdict.SEND),
        ({"if-none-match": "abc"}, Verdict.SEND),
        ({"if-none-match": '"x"', "if-modified-since": LATER}, Verdict.SEND),
        ({"if-modified-since": SAME}, Verdict.NOT_MODIFIED),
        ({"if-modified-since": EARLIER}, Verdict.SEND),
        ({"if-modified-since": "yesterday"}, Verdict.SEND),
        ({"if-modified-since": "Mon, 06 May 99999999999999 07:08:09 GMT"}, Verdict.SEND),
        ({"if-modified-since": "Fri, 31 Dec 9999 23:59:59 -2300"}, Verdict.SEND),
        ({"if-unmodified-since": "Fri, 31 Dec 9999 23:59:59 -2300"}, Verdict.SEND),
        ({"if-match": ETAG}, Verdict.SEND),
        ({"if-match": "*"}, Verdict.SEND),
        ({"if-match": f"W/{ETAG}"}, Verdict.FAILED),
        ({"if-match": '"x"'}, Verdict.FAILED),
        ({"if-match": ETAG, "if-unmodified-since": EARLIER}, Verdict.SEND),
        ({"if-unmodified-since": EARLIER}, Verdict.FAILED),
        ({"if-unmodified-since": SAME}, Verdict.SEND),
    ],
)
def test_conditions_make_this_verdict(headers: dict[str, str], verdict: Verdict) -> None:
    assert judge(headers, ETAG, MODIFIED) is verdict


@pytest.mark.parametrize(
    ("if_range", "applies"),
    [
        (None, True),
        (ETAG, True),
        (f"W/{ETAG}", False),
        ('"x"', False),
        (SAME, True),
        (LATER, False),
        ("x", False),
        ("Mon, 06 May 99999999999 07:08:09 GMT", False),
    ],
)
def test_a_range_counts_only_for_the_same_state(if_range: str | None, applies: bool) -> None:
    assert range_applies(if_range, ETAG, MODIFIED) is applies


def test_dates_are_written_as_they_are_read() -> None:
    assert http_text(MODIFIED + timedelta(microseconds=5)) == SAME
    assert http_date(SAME) == MODIFIED
    assert http_date("Monday, 06-May-24 07:08:09 GMT") == MODIFIED
    assert http_date(None) is None


def test_whoever_does_not_read_is_refused_where_the_state_is_known() -> None:  # RFC 9110, 13.1.2
    assert judge({"if-none-match": ETAG}, ETAG, None, "POST") is Verdict.FAILED
    assert judge({"if-none-match": '"x"'}, ETAG, None, "POST") is Verdict.SEND
    assert judge({"if-none-match": ETAG}, ETAG, None, "HEAD") is Verdict.NOT_MODIFIED
