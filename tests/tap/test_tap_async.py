"""/tap/async, in process, on a small real snapshot: what TAP makes of UWS."""

from __future__ import annotations

import io
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from astropy.io.votable import parse as parse_votable
from astropy.table import Table
from live_service import until
from lxml import etree
from tap_jobs import (
    BASE,
    ENDLESS,
    FAILING,
    Jobs,
    rows_of,
    service,
    status_of,
    timeless,
    with_column,
    with_one_that_is_no_number,
)
from xsd import Validate

from vo_service.access.tokens import make_token
from vo_service.formats import FORMATS
from vo_service.settings import Settings
from vo_service.store import Catalogue
from vo_service.store.tokens import TokenTable

Ask = Callable[..., httpx.Response]


UWS = "{http://www.ivoa.net/xml/UWS/v1.0}"
ALL = "SELECT dataset_id, target_name, s_ra, data_rights, access_url FROM ivoa.obscore ORDER BY dataset_id"


@pytest.fixture(scope="session")
def jobs(ask: Ask) -> Jobs:
    return Jobs(ask, {})


@pytest.mark.parametrize("method", ["POST", "multipart"])
def test_a_job_gives_the_answer_of_a_synchronous_query(ask: Ask, jobs: Jobs, method: str) -> None:
    # TAP-001, TAP-010, TAP-011, TAP-157, DALI-008
    sent = {"LANG": "ADQL", "QUERY": ALL}
    job = jobs.make(ALL) if method == "POST" else jobs.make(ALL, files={"x": ("n", b"")})
    answered = jobs.result(job)
    straight = ask("/tap/sync", "POST", data=sent)
    assert answered.headers["Content-Type"] == straight.headers["Content-Type"]
    assert timeless(answered.content) == timeless(straight.content)
    assert rows_of(answered) == 100
    again = jobs.result(job)
    assert again.content == answered.content  # VOT-129
    assert again.headers["ETag"] == answered.headers["ETag"]


def test_the_result_has_its_name(jobs: Jobs, validate: Validate) -> None:
    # TAP-147, UWS-069
    job = jobs.make(ALL)
    answer = jobs.result(job)
    for document in (jobs.get(job), jobs.get(f"{job}/results")):
        (result,) = validate(document.content).iter(f"{UWS}result")
        assert result.get("id") == "result"
        assert result.get("{http://www.w3.org/1999/xlink}href") == f"{BASE}{job}/results/result"
        assert result.get("mime-type") == answer.headers["Content-Type"] == "application/x-votable+xml"
        assert result.get("size") == str(len(answer.content))
    validate(answer.content)


@pytest.mark.parametrize("format", FORMATS, ids=lambda one: one.media_type)
def test_a_result_comes_in_the_format_that_was_asked_for(jobs: Jobs, validate: Validate, format: Any) -> None:
    # TAP-027, TAP-055, DALI-052, DALI-054
    job = jobs.make("SELECT TOP 3 dataset_id, s_ra FROM ivoa.obscore", RESPONSEFORMAT=format.media_type)
    answer = jobs.result(job)
    assert answer.headers["Content-Type"].startswith(format.media_type)
    assert answer.headers["Content-Disposition"] == f"inline; filename=result.{format.extension}"
    document = jobs.get(job)
    assert document.headers["Content-Type"] == "application/xml"
    validate(document.content)


def test_parameters_come_in_pieces_and_in_any_order(jobs: Jobs) -> None:
    # TAP-020, TAP-023, TAP-026, TAP-142, TAP-143, TAP-145, TAP-146
    job = jobs.make(run=False, LANG=None, REQUEST="doQuery")
    jobs.post(f"{job}/parameters", query="SELECT nonsense FROM nowhere", maxrec="7")
    jobs.post(f"{job}/parameters", lang="ADQL-2.0")
    jobs.post(f"{job}/parameters", QUERY=ALL)
    assert sorted(jobs.parameters(job)) == [
        ("LANG", "ADQL-2.0"),
        ("MAXREC", "7"),
        ("QUERY", ALL),
        ("REQUEST", "doQuery"),
    ]
    jobs.post(f"{job}/phase", PHASE="RUN")
    assert rows_of(jobs.result(job)) == 7
    refused = jobs.ask(f"/tap/async{job}/parameters", "POST", data={"MAXREC": "8"})
    assert refused.status_code == 403
    assert jobs.ask(f"/tap/async{job}", "POST", data={"QUERY": "x"}).status_code == 400  # DALI-013


@pytest.mark.parametrize(
    ("adql", "parameters", "words"),
    [
        (None, {}, "QUERY is missing"),
        ("SELECT 1 AS a FROM ivoa.obscore", {"LANG": None}, "LANG is missing"),
        ("SELECT 1 AS a FROM ivoa.obscore", {"LANG": "PQL"}, "unknown query language"),
        ("SELECT foo FROM ivoa.obscore", {}, "line 1, column 8: unknown column foo"),
        ("SELECT 1 AS a FROM ivoa.obscore", {"MAXREC": "-1"}, "MAXREC"),
        ("SELECT 1 AS a FROM ivoa.obscore", {"MAXREC": ["1", "1"]}, "MAXREC was given 2 times"),
        ("SELECT 1 AS a FROM ivoa.obscore", {"RUNID": "r" * 65}, "RUNID"),
        ("SELECT 1 AS a FROM ivoa.obscore", {"RESPONSEFORMAT": "papyrus"}, "papyrus"),
        ("SELECT * FROM tap_upload.t", {"UPLOAD": "t,param:missing"}, "missing"),
        ("SELECT " + "1+" * 60_000 + "1 AS a FROM ivoa.obscore", {}, "100000"),
    ],
)
def test_what_is_wrong_with_a_query_fails_its_job(
    jobs: Jobs, validate: Validate, adql: str | None, parameters: dict[str, Any], words: str
) -> None:
    # TAP-023, TAP-025, TAP-028, TAP-032, TAP-033, TAP-081, TAP-121, TAP-124, TAP-126, DALI-092, DALI-094
    job = jobs.make(adql, **parameters)
    answer = jobs.error(job)
    assert answer.headers["Content-Type"] == "application/x-votable+xml"
    validate(answer.content)
    value, text = status_of(answer)
    assert value == "ERROR"
    assert text is not None and words in text
    summary = validate(jobs.get(job).content).find(f"{UWS}errorSummary")
    assert summary is not None and summary.get("type") == "fatal"
    assert words in (summary.findtext(f"{UWS}message") or "")
    assert jobs.get(f"{job}/results/result").status_code == 404  # TAP-155


@pytest.mark.parametrize(
    ("format", "media_type"),
    [
        ("csv", "text/plain; charset=utf-8"),
        ("votable/td", "application/x-votable+xml;serialization=TABLEDATA"),
        ("text/xml", "text/xml"),
    ],
)
def test_an_error_comes_in_the_shape_of_the_format(jobs: Jobs, format: str, media_type: str) -> None:
    # TAP-121
    answer = jobs.error(jobs.make("SELECT foo FROM ivoa.obscore", RESPONSEFORMAT=format))
    assert answer.headers["Content-Type"] == media_type
    assert "unknown column foo" in answer.text
    if format == "csv":
        assert answer.text.splitlines()[0] == "line 1, column 8: unknown column foo"


def test_an_error_names_the_request_that_made_the_job(jobs: Jobs) -> None:
    # DALI-100: the log has the rest
    made = jobs.ask("/tap/async", "POST", data={"PHASE": "RUN", "RESPONSEFORMAT": "csv"})
    job = made.headers["Location"].removeprefix(BASE)
    lines = jobs.error(job).text.splitlines()
    assert lines[-1] == f"Request: {made.headers['X-Request-Id']}"


def test_rows_are_limited_as_in_synchronous_queries(jobs: Jobs) -> None:
    # TAP-070, TAP-071, TAP-074, DALI-060
    for maxrec, rows, status in ((None, 100, "OVERFLOW"), ("300", 250, "OVERFLOW"), ("0", 0, "OVERFLOW")):
        answer = jobs.result(jobs.make(ALL, MAXREC=maxrec))
        assert (rows_of(answer), status_of(answer)[0]) == (rows, status)


def test_no_rows_are_a_result_too(jobs: Jobs) -> None:
    # TAP-111
    answer = jobs.result(jobs.make("SELECT obs_id FROM ivoa.obscore WHERE s_ra < -5"))
    assert (rows_of(answer), status_of(answer)[0]) == (0, "OK")


def votable_of(*numbers: int) -> bytes:
    written = io.BytesIO()
    Table({"n": list(numbers)}).write(written, format="votable")
    return written.getvalue()


def test_tables_come_with_a_job_at_once_or_later(jobs: Jobs) -> None:
    # TAP-081, TAP-085, TAP-087, TAP-094, DALI-071, DALI-075
    adql = "SELECT a.n AS x, b.n AS y FROM tap_upload.mine AS a, tap_upload.yours AS b ORDER BY 1, 2"
    job = jobs.make(adql, run=False, files={"one": ("n", votable_of(1, 2))}, UPLOAD="mine,param:one")
    jobs.post(f"{job}/parameters", UPLOAD="yours,param:two", files={"two": ("n", votable_of(7))})
    assert ("UPLOAD", "yours,param:two") in jobs.parameters(job)
    assert ("UPLOAD", "mine,param:one") in jobs.parameters(job)
    assert jobs.get(f"{job}/parameters/one").content == votable_of(1, 2)
    jobs.post(f"{job}/phase", PHASE="RUN")
    table = parse_votable(io.BytesIO(jobs.result(job).content)).get_first_table().to_table()
    assert [tuple(row) for row in table] == [(1, 7), (2, 7)]
    other = jobs.make(
        "SELECT n FROM tap_upload.mine", UPLOAD="mine,param:one", files={"one": ("n", votable_of(9))}
    )
    assert parse_votable(io.BytesIO(jobs.result(other).content)).get_first_table().array["n"].tolist() == [9]


def test_an_aborted_job_ends_its_query(small: Settings, ask: Ask, jobs: Jobs, caplog: Any) -> None:
    # UWS-029, UWS-031, TAP-146, TAP-155
    job = jobs.make(ENDLESS)
    with caplog.at_level(logging.INFO, logger="vo_service.asking.answers"):
        assert until(lambda: jobs.get(f"{job}/phase").text == "EXECUTING")
        jobs.post(f"{job}/phase", PHASE="ABORT")
        asked = time.monotonic()
        assert jobs.get(f"{job}/phase").text == "ABORTED"
        while not any("query state=gone" in line for line in caplog.messages):
            assert time.monotonic() - asked < 60, "the query goes on"
            time.sleep(0.02)
    assert jobs.get(f"{job}/results/result").status_code == 404
    assert "aborted" in (status_of(jobs.get(f"{job}/error"))[1] or "")


def test_a_job_over_its_time_is_aborted(jobs: Jobs, validate: Validate) -> None:
    # UWS-028, TAP-150
    job = jobs.make(ENDLESS, EXECUTIONDURATION="1")
    assert jobs.end(job) == "ABORTED"
    message = validate(jobs.get(job).content).findtext(f"{UWS}errorSummary/{UWS}message")
    assert message is not None and "1 s" in message


def test_limits_of_a_new_job_are_those_declared(jobs: Jobs, ask: Ask, small: Settings) -> None:
    # TAP-150, TAP-151, TAP-295
    declared = etree.fromstring(ask("/tap/capabilities").content)
    limits = {
        (one.tag, limit.tag): float(limit.text)
        for one in declared.iter("retentionPeriod", "executionDuration")
        for limit in one
    }
    assert limits == {
        ("executionDuration", "default"): small.job_seconds_default,
        ("executionDuration", "hard"): small.job_seconds_hard,
        ("retentionPeriod", "default"): small.job_days_default * 86400,
        ("retentionPeriod", "hard"): small.job_days_hard * 86400,
    }
    job = jobs.make(run=False)
    assert float(jobs.get(f"{job}/executionduration").text) == small.job_seconds_default


def test_a_run_id_is_in_the_document_and_in_the_log(jobs: Jobs, caplog: Any) -> None:
    # TAP-028
    with caplog.at_level(logging.INFO):
        job = jobs.make("SELECT TOP 1 obs_id FROM ivoa.obscore", RUNID="night-17")
        jobs.result(job)
    assert etree.fromstring(jobs.get(job).content).findtext(f"{UWS}runId") == "night-17"
    assert any("query state=done" in line and "runid=night-17" in line for line in caplog.messages)


def test_jobs_wait_for_a_worker_and_outlive_one(tmp_path: Path, make, publish_rows, asker) -> None:
    # UWS-022
    settings = make(tmp_path / "home")
    publish_rows(settings, 30, 0)
    with service(settings, asker, run=False) as (ask, _):
        jobs = Jobs(ask, {})
        job = jobs.make("SELECT dataset_id FROM ivoa.obscore")
        assert jobs.get(f"{job}/phase").text == "QUEUED"
        assert jobs.get(f"{job}/results/result").status_code == 404
    publish_rows(settings, 5, 30)
    with service(settings, asker) as (ask, _):
        jobs = Jobs(ask, {})
        answer = jobs.result(job)
        assert rows_of(answer) == 35  # a job runs on the snapshot of its start, and names it
        assert b'name="snapshot" value="2"' in answer.content
        document = etree.fromstring(jobs.get(job).content)
        assert document.findtext(f"{UWS}jobInfo/{{urn:vo-service:job}}snapshot") == "2"
    publish_rows(settings, 5, 35)
    with service(settings, asker) as (ask, _):
        assert Jobs(ask, {}).result(job).content == answer.content


@contextmanager
def tokens_of(settings: Settings) -> Iterator[Callable[[str, str], tuple[str, dict[str, str]]]]:
    """Makes tokens: gives the id of each, and the headers of its user."""
    catalogue = Catalogue.open(settings.catalogue_address)
    table = TokenTable(catalogue)

    def make(subject: str, scope: str) -> tuple[str, dict[str, str]]:

        new = make_token(subject, frozenset((scope,)), datetime.now(UTC), None)
        table.add(new.stored)
        return new.stored.token_id, {"Authorization": f"Bearer {new.text}"}

    yield make
    catalogue.close()


def test_a_job_sees_what_is_public_when_it_runs(
    tmp_path: Path, make, make_rows, publish_table, asker, monkeypatch
) -> None:
    """Data are released between its making and its run (design 4.3)."""
    settings = make(tmp_path / "home")
    release = datetime.now(UTC) + timedelta(hours=1)
    ahead = [timedelta()]
    monkeypatch.setattr("vo_service.service._now", lambda: datetime.now(UTC) + ahead[0])
    rows = with_column(make_rows(6), "obs_release_date", [release.replace(tzinfo=None)] * 6)
    publish_table(settings, rows)
    with service(settings, asker) as (ask, _):
        jobs = Jobs(ask, {})
        adql = "SELECT dataset_id FROM ivoa.obscore WHERE data_rights = 'Public'"
        before, after = jobs.make(adql), jobs.make(adql, run=False)
        assert rows_of(jobs.result(before)) == 0
        ahead[0] = timedelta(hours=2)
        jobs.post(f"{after}/phase", PHASE="RUN")
        assert rows_of(jobs.result(after)) == 6


def test_a_query_that_fails_behind_its_first_rows_fails_its_job(
    tmp_path: Path, make, make_rows, publish_table, asker
) -> None:
    # TAP-126, TAP-155: what is written already, well-formed with an error in it, is no result
    settings = make(tmp_path / "home", maxrec_default="100000", maxrec_hard="100000")
    publish_table(settings, with_one_that_is_no_number(make_rows(60_000)))
    with service(settings, asker) as (ask, running):
        jobs = Jobs(ask, {})
        for format in ("votable", "csv", "fits"):
            job = jobs.make(FAILING, RESPONSEFORMAT=format)
            assert jobs.error(job).status_code == 200
            assert jobs.get(f"{job}/results/result").status_code == 404
            place = running.jobs.files.place(job[1:])
            assert until(lambda at=place: not any(at.iterdir()))


def test_a_job_has_the_rights_of_its_owner_as_long_as_they_last(
    tmp_path: Path, make, make_rows, publish_table, asker
) -> None:
    # AUTH-030, UWS-074
    settings = make(tmp_path / "home")
    publish_table(settings, with_column(make_rows(30), "_region_measured", ["Circle ICRS 10 10 1"] * 30))
    with tokens_of(settings) as token:
        _, ada = token("ada", "read:all")
    adql = "SELECT dataset_id FROM ivoa.obscore WHERE s_region IS NOT NULL"
    with service(settings, asker) as (ask, _):
        hers, anyones = Jobs(ask, ada), Jobs(ask, {})
        assert rows_of(hers.result(hers.make(adql))) == 30
        assert rows_of(anyones.result(anyones.make(adql))) == 10  # the public ones
        job = hers.make(adql)
        assert hers.end(job) == "COMPLETED"
        assert anyones.get(f"{job}/results/result").status_code == 401
        assert anyones.get(job).status_code == 401
        later = hers.make(adql, run=False)
        hers.post(f"{later}/phase", PHASE="RUN")
        assert hers.end(later) == "COMPLETED"


def test_a_job_whose_token_was_revoked_does_not_run(tmp_path: Path, make, publish_rows, asker) -> None:
    # AUTH-031

    settings = make(tmp_path / "home")
    publish_rows(settings, 30, 0)
    with tokens_of(settings) as token:
        name, ada = token("ada", "read:all")
        _, again = token("eve", "read:all")
    with service(settings, asker, run=False) as (ask, _):
        job = Jobs(ask, ada).make("SELECT TOP 1 obs_id FROM ivoa.obscore")
    catalogue = Catalogue.open(settings.catalogue_address)
    TokenTable(catalogue).revoke(name, datetime.now(UTC))
    catalogue.close()
    with service(settings, asker) as (ask, running):
        assert until(lambda: running.jobs.jobs.find(job[1:]).error is not None)
        found = running.jobs.jobs.find(job[1:])
        assert found.phase == "ERROR"
        assert "revoked" in found.error.message
        assert Jobs(ask, again).get(job).status_code == 403
