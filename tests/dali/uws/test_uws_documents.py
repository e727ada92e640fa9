"""UWS documents against the official schema, for jobs in every state."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from vo_models.uws import JobSummary
from vo_models.uws.models import Parameter, Parameters
from xsd import Validate

from vo_service.dali.uws.documents import (
    job_document,
    jobs_document,
    parameters_document,
    results_document,
    time_text,
)
from vo_service.store.jobs import Job, JobError, ListedJob, Phase, StoredResult, StoredUpload

UWS = "{http://www.ivoa.net/xml/UWS/v1.0}"
XSI = "{http://www.w3.org/2001/XMLSchema-instance}"
PLACE = "https://vo.example.org/tap/async/id-1"
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


texts = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
times = st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))
names = st.text("ABCDEFGH_1", min_size=1, max_size=8)


@st.composite
def jobs(draw: st.DrawFn) -> Job:
    return Job(
        job_id="id-1",
        service="toy",
        owner=draw(st.none() | texts),
        scopes=frozenset(),
        client="c",
        run_id=draw(st.none() | texts),
        phase=draw(st.sampled_from(Phase)),
        created=draw(times),
        started=draw(st.none() | times),
        ended=draw(st.none() | times),
        destruction=draw(times),
        duration=draw(st.integers(0, 2**31 - 1)),
        quote=draw(st.none() | times),
        snapshot=draw(st.none() | st.integers(1, 10**9)),
        attempt=1,
        version=1,
        error=draw(st.none() | st.builds(JobError, texts, st.booleans(), st.just(400))),
        request_id="00ff",
        base_url="https://vo.example.org",
        parameters=tuple(draw(st.lists(st.tuples(names, texts), max_size=4))),
        uploads=tuple(StoredUpload(part, "uploads/1", None, 1) for part in draw(st.lists(texts, max_size=2))),
        results=tuple(
            StoredResult(name, "1/0.vot", "text/xml", draw(st.integers(0, 2**62)), '"e"')
            for name in draw(st.lists(names, max_size=3, unique=True))
        ),
    )


def plain_job(**facts: object) -> Job:
    job = {
        "job_id": "id-1", "service": "toy", "owner": None, "scopes": frozenset(), "client": "c",
        "run_id": None, "phase": Phase.PENDING, "created": NOON, "started": None, "ended": None,
        "destruction": NOON + timedelta(days=1), "duration": 60, "quote": None, "snapshot": None,
        "attempt": 0, "version": 1, "error": None, "request_id": None, "base_url": "https://vo.example.org",
        "parameters": (), "uploads": (), "results": (),
    }  # fmt: skip
    return Job(**{**job, **facts})  # type: ignore[arg-type]


@given(jobs())
def test_every_job_is_valid(validate: Validate, job: Job) -> None:
    # UWS-020, UWS-060, UWS-061, UWS-062, UWS-064
    root = validate(job_document(PLACE, job))
    assert (root.tag, root.get("version")) == (f"{UWS}job", "1.1")
    assert root.findtext(f"{UWS}jobId") == "id-1"
    assert root.findtext(f"{UWS}phase") == job.phase
    assert root.findtext(f"{UWS}executionDuration") == str(job.duration)
    for document in (parameters_document(PLACE, job), results_document(PLACE, job)):
        assert validate(document).get("version") is None


@given(
    st.lists(st.builds(ListedJob, names, st.none() | texts, st.none() | texts, st.sampled_from(Phase), times))
)
def test_every_list_is_valid(validate: Validate, listed: list[ListedJob]) -> None:
    # UWS-060, UWS-067
    root = validate(jobs_document("https://vo.example.org/tap/async", listed))
    assert [one.findtext(f"{UWS}phase") for one in root] == [job.phase for job in listed]
    assert [one.findtext(f"{UWS}creationTime") for one in root] == [time_text(job.created) for job in listed]


def test_what_is_not_known_is_nil_and_never_left_out(validate: Validate) -> None:
    # UWS-063, UWS-064
    root = validate(job_document(PLACE, plain_job()))
    for name in ("ownerId", "quote", "startTime", "endTime"):
        found = root.find(f"{UWS}{name}")
        assert found is not None and found.get(f"{XSI}nil") == "true" and not found.text
    for name in ("creationTime", "executionDuration", "destruction"):
        assert root.findtext(f"{UWS}{name}")
    assert root.find(f"{UWS}runId") is None
    assert root.find(f"{UWS}errorSummary") is None
    assert not any("schemaLocation" in name for name in root.attrib)  # UWS-076


def test_times_are_utc_with_at_most_three_decimals() -> None:
    # UWS-065
    assert time_text(NOON + timedelta(microseconds=123999)) == "2026-03-01T12:00:00.123Z"
    assert time_text(None) == ""


@pytest.mark.parametrize(
    ("error", "kind"),
    [(JobError("No\ndisk", True, 503), "transient"), (JobError("No table", False, 400), "fatal")],
)
def test_an_error_is_one_line_with_its_kind(validate: Validate, error: JobError, kind: str) -> None:
    # UWS-070, UWS-071
    summary = validate(job_document(PLACE, plain_job(phase=Phase.ERROR, error=error))).find(
        f"{UWS}errorSummary"
    )
    assert summary is not None
    assert (summary.get("type"), summary.get("hasDetail")) == (kind, "true")
    assert summary.findtext(f"{UWS}message") == " ".join(error.message.split())


def test_blanks_and_line_ends_of_values_are_kept(validate: Validate) -> None:
    # UWS-050
    value = " SELECT 'a<b&c' -- ü\r\n\tFROM t "
    (one,) = validate(parameters_document(PLACE, plain_job(parameters=(("QUERY", value),))))
    assert one.text == value


class _Given(Parameters):
    """What vo-models wants to be told of the parameters."""

    QUERY: Parameter


def test_a_strict_reader_reads_them(validate: Validate) -> None:
    # UWS-076
    job = plain_job(
        phase=Phase.COMPLETED,
        started=NOON,
        ended=NOON,
        parameters=(("QUERY", "SELECT 1"),),
        results=(StoredResult("result", "1/0.vot", "text/xml", 12, '"e"'),),
    )
    read = JobSummary[_Given].from_xml(job_document(PLACE, job))
    assert read.job_id == "id-1"
    assert read.phase == "COMPLETED"
    assert read.results is not None
    assert read.parameters is not None and read.parameters.QUERY.value == "SELECT 1"
