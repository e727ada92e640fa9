"""The job list and its filters; times and counts as clients write them."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree
from toy_jobs import JOBS, Toy, open_toy
from xsd import Validate

from vo_service.dali.uws.documents import time_text
from vo_service.dali.uws.listing import moment, seconds

UWS = "{http://www.ivoa.net/xml/UWS/v1.0}"
XLINK = "{http://www.w3.org/1999/xlink}"
XSI = "{http://www.w3.org/2001/XMLSchema-instance}"


@dataclass
class Owned:
    """A service with five jobs of one user: two that wait, one that failed, one that is done, one aborted."""

    toy: Toy
    headers: Mapping[str, str]
    jobs: list[str]  # the newest last

    def ask(self, **filters: object) -> httpx.Response:
        return self.toy.ask("GET", params=filters, headers=self.headers)


@pytest.fixture(scope="module")
def owned(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Owned]:
    with open_toy(tmp_path_factory.mktemp("list")) as toy:
        ada, bob = toy.token("ada"), toy.token("bob")
        toy.make(TEXT="x", headers=bob)
        toy.make(TEXT="x")
        jobs = []
        for given_ in (
            {"RUNID": "one"},
            {"STEPS": "s", "PHASE": "RUN"},
            {},
            {"TEXT": "a", "PHASE": "RUN"},
            {},
        ):
            made = toy.ask("POST", data={"TEXT": [], **given_}, headers=ada)
            jobs.append(made.headers["Location"].removeprefix(JOBS))
            time.sleep(0.01)
        toy.ask("POST", f"{jobs[4]}/phase", data={"PHASE": "ABORT"}, headers=ada)
        for job in (jobs[1], jobs[3]):
            while toy.ask("GET", f"{job}/phase", headers=ada).text in ("QUEUED", "EXECUTING"):
                toy.ask("GET", job, params={"WAIT": "5"}, headers=ada)
        yield Owned(toy, ada, jobs)


def listed(owned: Owned, validate: Validate, **filters: object) -> list[int]:
    """Numbers of the jobs listed, in their order."""
    answer = owned.ask(**filters)
    assert answer.status_code == 200, answer.text
    return [owned.jobs.index(f"/{one.get('id')}") for one in validate(answer.content)]


def created(owned: Owned, number: int) -> datetime:
    text = etree.fromstring(owned.toy.ask("GET", owned.jobs[number], headers=owned.headers).content).findtext(
        f"{UWS}creationTime"
    )
    assert text is not None
    return datetime.fromisoformat(text)


def test_a_list_has_the_jobs_of_its_reader_newest_first(owned: Owned, validate: Validate) -> None:
    # UWS-061, UWS-067, UWS-090, UWS-096
    answer = owned.ask()
    assert answer.headers["Content-Type"] == "application/xml"
    root = validate(answer.content)
    assert (root.tag, root.get("version")) == (f"{UWS}jobs", "1.1")
    assert [f"/{one.get('id')}" for one in root] == owned.jobs[::-1]
    for one in root:
        assert one.get(f"{XLINK}href") == f"{JOBS}/{one.get('id')}"
        assert one.get(f"{XLINK}type") == "simple"
        assert one.findtext(f"{UWS}ownerId") == "ada"
        assert one.findtext(f"{UWS}creationTime")
    assert root[4].findtext(f"{UWS}runId") == "one"


def test_anonymous_callers_have_no_list(owned: Owned, validate: Validate) -> None:
    # UWS-090: ids are secrets
    assert len(validate(owned.toy.ask("GET").content)) == 0


@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ({"PHASE": "PENDING"}, [2, 0]),
        ({"phase": ["PENDING", "ERROR"]}, [2, 1, 0]),  # UWS-091, UWS-099
        ({"PHASE": "ARCHIVED"}, []),  # UWS-092
        ({"PHASE": "QUEUED"}, []),
        ({"LAST": 2}, [4, 3]),  # UWS-094
        ({"Last": 99}, [4, 3, 2, 1, 0]),
        ({"LAST": 0}, []),
        ({"LAST": ""}, [4, 3, 2, 1, 0]),
        ({"AFTER": "2015"}, [4, 3, 2, 1, 0]),
        ({"AFTER": "2999-01"}, []),
        ({"PHASE": "PENDING", "LAST": 1}, [2]),  # UWS-095: LAST comes last
        ({"OTHER": "x", "WAIT": "60"}, [4, 3, 2, 1, 0]),  # UWS-086, UWS-099
    ],
)
def test_filters(owned: Owned, validate: Validate, filters: dict[str, object], expected: list[int]) -> None:
    assert listed(owned, validate, **filters) == expected


def test_after_is_strictly_after(owned: Owned, validate: Validate) -> None:
    # UWS-093, UWS-095
    third = time_text(created(owned, 2))
    assert listed(owned, validate, AFTER=third) == [4, 3]
    before = time_text(created(owned, 2) - timedelta(milliseconds=1))
    assert listed(owned, validate, AFTER=before, LAST=2) == [4, 3]
    assert listed(owned, validate, AFTER=before, PHASE="PENDING") == [2]


@pytest.mark.parametrize(
    "filters",
    [
        {"PHASE": "pending"},
        {"PHASE": "FOO"},
        {"LAST": "-1"},
        {"LAST": "1.5"},
        {"LAST": "x"},
        {"LAST": ["1", "1"]},
        {"AFTER": "yesterday"},
        {"AFTER": "2015-10-26T09:00+01:00"},
        {"AFTER": ["2015", "2015"]},
    ],
)
def test_filters_that_cannot_be_read_are_refused(owned: Owned, filters: dict[str, object]) -> None:
    # UWS-097
    answer = owned.ask(**filters)
    assert answer.status_code == 400
    assert answer.headers["Content-Type"].startswith("text/plain")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2015", datetime(2015, 1, 1, tzinfo=UTC)),
        ("2015-10", datetime(2015, 10, 1, tzinfo=UTC)),
        ("2015-10-26", datetime(2015, 10, 26, tzinfo=UTC)),
        ("2015-10-26T09:00", datetime(2015, 10, 26, 9, tzinfo=UTC)),
        ("2015-10-26T09:00:01", datetime(2015, 10, 26, 9, 0, 1, tzinfo=UTC)),
        (" 2015-10-26T09:00:01.5Z ", datetime(2015, 10, 26, 9, 0, 1, 500000, tzinfo=UTC)),
        ("2015-10-26T09:00:01.123456789Z", datetime(2015, 10, 26, 9, 0, 1, 123456, tzinfo=UTC)),
    ],
)
def test_times_are_read_in_all_their_lengths(text: str, expected: datetime) -> None:
    # UWS-065, UWS-093
    assert moment(text) == expected


@pytest.mark.parametrize(
    "text",
    ["", "now", "2015-13", "2015-02-30", "2015-10-26 09:00", "2015-10-26T25:00", "2015-10-26T09:00+00:00"],
)
def test_other_texts_are_no_times(text: str) -> None:
    with pytest.raises(ValueError):
        moment(text)


@given(st.datetimes(min_value=datetime(1970, 1, 1), timezones=st.just(UTC)))
def test_times_come_back_to_the_millisecond(when: datetime) -> None:
    assert moment(time_text(when)) == when.replace(microsecond=when.microsecond // 1000 * 1000)


@given(st.integers(min_value=0, max_value=10**9))
def test_seconds_are_whole_numbers(count: int) -> None:
    assert seconds(str(count)) == seconds(f" +{count}.00 ") == count
