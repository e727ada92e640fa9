"""Jobs of cut-outs against a live server: each combination is a result, in the order of the values."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

import pytest
import requests
from live_archive import WORD, Archive, Sample
from live_service import FINAL, until
from lxml import etree
from pyvo.dal import AsyncTAPJob
from xsd import Validate

CUBE: Final = "M83_sci.spw16.cube.I.pbcor.fits"
OTHER: Final = "ngc2903/ngc2903_12m+7m+tp_co21.fits"
CLOSED: Final = "X914.NGC5236_sci.spw17.cube.I.pbcor.fits"
UWS: Final = "{http://www.ivoa.net/xml/UWS/v1.0}"
XLINK: Final = "{http://www.w3.org/1999/xlink}href"
Pairs = list[tuple[str, str]]


@dataclass(frozen=True)
class Result:
    """An entry of a job's results, and what it leads to."""

    name: str
    media_type: str
    size: int
    answer: requests.Response

    @property
    def content(self) -> bytes:
        return self.answer.content


class Jobs:
    """A client of ``/soda/async`` that never uses a connection twice, so that any process may answer."""

    def __init__(self, url: str) -> None:
        self.list = f"{url}/soda/async"

    def ask(self, method: str, address: str, **more: Any) -> requests.Response:
        return requests.request(method, address, headers={"Connection": "close"}, timeout=120, **more)

    def make(self, *pairs: tuple[str, str], **named: str) -> str:
        """URL of a new job."""
        answer = self.ask("POST", self.list, data=[*pairs, *named.items()], allow_redirects=False)
        assert answer.status_code == 303, answer.text
        return answer.headers["Location"]

    def phase(self, job: str) -> str:
        return self.ask("GET", f"{job}/phase").text

    def end(self, job: str) -> str:
        """The phase of a job that was started, once it is final."""
        assert until(lambda: self.phase(job) in FINAL, 120), self.phase(job)
        return self.phase(job)

    def document(self, job: str) -> Any:
        return etree.fromstring(self.ask("GET", job).content)

    def results(self, job: str) -> list[Result]:
        """Of a job that has ended well."""
        assert self.end(job) == "COMPLETED", self.ask("GET", f"{job}/error").text
        return [
            Result(one.get("id"), one.get("mime-type"), int(one.get("size")), self.ask("GET", one.get(XLINK)))
            for one in self.document(job).iter(f"{UWS}result")
        ]

    def run(self, *pairs: tuple[str, str], **named: str) -> list[Result]:
        """The results of a new job."""
        return self.results(self.make(*pairs, **named, PHASE="RUN"))


@pytest.fixture(scope="module")
def jobs(archive: Archive) -> Jobs:
    return Jobs(archive.url)


@pytest.fixture(scope="module")
def cube(archive: Archive) -> Sample:
    return archive.find(CUBE)


@pytest.fixture(scope="module")
def other(archive: Archive) -> Sample:
    return archive.find(OTHER)


def check_result(result: Result, wanted: bytes | None, media_type: str = "application/fits") -> None:
    """A result as its entry tells it (SODA-064); None: a text that says why there is none (SODA-062)."""
    assert result.answer.status_code == 200 and len(result.content) == result.size
    kind = "text/plain" if wanted is None else media_type
    assert result.media_type == kind
    assert result.answer.headers["Content-Type"].partition(";")[0] == kind
    if wanted is None:
        assert WORD.match(result.answer.text)
    else:
        assert result.content == wanted


def test_every_combination_is_a_result(
    jobs: Jobs, archive: Archive, cube: Sample, other: Sample, validate: Validate
) -> None:
    # SODA-060, SODA-061, SODA-062, SODA-064: IDs outermost, then shapes, then bands, in the order sent
    ids = [("ID", sample.did) for sample in (cube, other)]
    circles = [("CIRCLE", cube.circle(40, 40, 4)), ("CIRCLE", cube.circle(20, 25, 3))]
    bands = [("BAND", "0.0013020 0.0013035"), ("BAND", "0.00130 0.00131"), ("BAND", "1 2")]
    job = jobs.make(*circles, *ids, *bands, ("POL", "I"), ("POL", "Q"), ("PHASE", "RUN"))
    results = jobs.results(job)
    assert [result.name for result in results] == [f"cutout-{n:03}" for n in range(1, 13)]
    found = iter(results)
    overlaps = 0
    for name in ids:
        for circle in circles:
            for band in bands:
                single = archive.ask(name, circle, band, ("POL", "I"), ("POL", "Q"))
                assert single.status_code in (200, 204)
                overlaps += single.status_code == 200
                check_result(next(found), single.content if single.status_code == 200 else None)
    assert overlaps == 4  # of the other one all is far away
    assert "UsageError: " in results[-1].answer.text
    validate(jobs.ask("GET", job).content)
    validate(jobs.ask("GET", f"{job}/results").content)


def test_two_data_sets_of_which_one_is_far_away(
    jobs: Jobs, archive: Archive, cube: Sample, other: Sample
) -> None:
    # SODA-062: the check of the list
    circle = cube.circle(40, 40, 3)
    near, far = jobs.run(("ID", cube.did), ("ID", other.did), ("CIRCLE", circle))
    check_result(near, archive.cut(cube, CIRCLE=circle))
    check_result(far, None)
    assert "no pixel in the region" in far.answer.text


def test_what_cannot_be_had_is_a_text(jobs: Jobs, archive: Archive, cube: Sample) -> None:
    # SODA-062: of the unknown, and of the proprietary no byte; the job is complete all the same
    closed = archive.find(CLOSED)
    names = ("no-such-data-set", closed.did, cube.did)
    unknown, private, good = jobs.run(*(("ID", name) for name in names), ("CHANNELS", "3 3"))
    check_result(unknown, None)
    assert unknown.answer.text.startswith("UsageError: The holdings have no product of this name.")
    check_result(private, None)
    assert private.answer.text.startswith("AuthorizationError: ") and private.size < 300
    check_result(good, archive.cut(cube, CHANNELS="3 3"))
    (role,) = jobs.run(ID=cube.did, WITH="nothing")
    check_result(role, None)


@pytest.mark.parametrize(
    ("wanted", "media_type"),
    [
        ({"MOMENT": "0"}, "application/fits"),
        ({"SPECTRUM": "flux", "CIRCLE": "204.254 -29.8654 0.0005"}, "application/x-votable+xml"),
        ({"SPECTRUM": "sum", "RESPONSEFORMAT": "image/fits"}, "image/fits"),
        ({"REBIN": "3 3 3", "WITH": "mask"}, "application/fits"),
        ({"OUTSIDE": "blank", "CIRCLE": "204.254 -29.8654 0.0005"}, "application/fits"),
        ({"HEADER": "1"}, "text/plain"),
    ],
    ids=lambda value: "+".join(value) if isinstance(value, dict) else None,
)
def test_results_are_those_of_sync(
    jobs: Jobs, archive: Archive, cube: Sample, wanted: dict[str, str], media_type: str
) -> None:
    # SODA-010
    (result,) = jobs.run(ID=cube.did, **wanted)
    check_result(result, archive.cut(cube, **wanted), media_type)


@pytest.mark.parametrize(
    ("wanted", "word", "part"),
    [
        ([("CIRCLE", "1 2 3")], "UsageError", "ID"),
        ([("ID", "x"), ("CIRCLE", "1 2")], "UsageError", "CIRCLE"),
        ([("ID", "x"), ("SCALE", "2")], "UsageError", "SCALE"),
        ([("ID", "x"), ("MOMENT", "0"), ("MOMENT", "1")], "MultiValuedParamNotSupported", "MOMENT"),
        ([("ID", "x"), ("LINE", "CO(1-0)"), ("LINE", "CO(2-1)")], "MultiValuedParamNotSupported", "LINE"),
        (
            [("ID", f"x{n}") for n in range(11)] + [("FREQ", f"{n + 1}e9 9e10") for n in range(11)]
            + [("CIRCLE", f"{n} 2 3") for n in range(11)],
            "UsageError",
            "1331",
        ),
    ],
    ids=["no-id", "circle", "unknown", "repeated", "lines", "too-many"],
)  # fmt: skip
def test_a_job_that_is_wrong_altogether(jobs: Jobs, wanted: Pairs, word: str, part: str) -> None:
    # SODA-063, SODA-057: the limit is told
    job = jobs.make(*wanted, ("PHASE", "RUN"))
    assert jobs.end(job) == "ERROR"
    summary = jobs.document(job).find(f"{UWS}errorSummary")
    message = summary.findtext(f"{UWS}message")
    assert message.startswith(f"{word}: ") and part in message
    error = jobs.ask("GET", f"{job}/error")
    assert error.status_code == 200 and error.headers["Content-Type"].startswith("text/plain")
    assert error.text.startswith(f"{word}: ") and part in error.text
    assert error.text.count(word) == 1
    assert jobs.ask("GET", f"{job}/results").content.count(b"<uws:result ") == 0


def test_parameters_come_while_the_job_is_pending(jobs: Jobs, archive: Archive, cube: Sample) -> None:
    # SODA-065, SODA-002
    job = jobs.make(id=cube.did, channels="2 2")
    assert jobs.phase(job) == "PENDING"
    circles = [cube.circle(20, 20, 3), cube.circle(50, 50, 3)]
    for circle in circles:
        jobs.ask("POST", f"{job}/parameters", data={"Circle": circle})
    jobs.ask("POST", f"{job}/parameters", data={"CHANNELS": "4 4"})  # takes one value, which is replaced
    told = [(one.get("id"), one.text) for one in jobs.document(job).iter(f"{UWS}parameter")]
    assert sorted(told) == sorted(
        [("ID", cube.did), ("CHANNELS", "4 4"), *(("CIRCLE", circle) for circle in circles)]
    )
    jobs.ask("POST", f"{job}/phase", data={"PHASE": "RUN"})
    for result, circle in zip(jobs.results(job), circles, strict=True):
        check_result(result, archive.cut(cube, CIRCLE=circle, CHANNELS="4 4"))
    refused = jobs.ask("POST", f"{job}/parameters", data={"CIRCLE": circles[0]})
    assert refused.status_code == 403 and WORD.match(refused.text)  # SODA-054


def test_results_live_until_the_job_is_destroyed(jobs: Jobs, cube: Sample) -> None:
    # SODA-067
    job = jobs.make(ID=cube.did, CHANNELS="1 1", PHASE="RUN")
    (result,) = jobs.results(job)
    address = result.answer.url
    assert re.fullmatch(r"[0-9TZ:.-]+", jobs.ask("GET", f"{job}/destruction").text)
    jobs.ask("POST", f"{job}/destruction", data={"DESTRUCTION": "2001-01-01T00:00:00Z"})
    for gone in (job, address, f"{job}/results"):
        answer = jobs.ask("GET", gone)
        assert answer.status_code == 404 and answer.text.startswith("UsageError: ")


def test_jobs_of_soda_are_none_of_tap(jobs: Jobs, archive: Archive, cube: Sample) -> None:
    job = jobs.make(ID=cube.did)
    there = job.replace("/soda/async", "/tap/async")
    assert jobs.ask("GET", there).status_code == 404
    assert jobs.ask("DELETE", job).status_code == 200  # the list, to which it redirects
    assert jobs.ask("GET", job).status_code == 404


def test_a_result_can_be_fetched_in_parts(jobs: Jobs, cube: Sample) -> None:
    (result,) = jobs.run(ID=cube.did, CHANNELS="1 2")
    part = requests.get(result.answer.url, headers={"Range": "bytes=100-199"}, timeout=60)
    assert part.status_code == 206 and part.content == result.content[100:200]


def test_pyvo_leads_a_job(jobs: Jobs, archive: Archive, cube: Sample) -> None:
    # SODA-002: as a UWS client that knows nothing of SODA
    address = jobs.make(("ID", cube.did), ("CIRCLE", cube.circle(20, 20, 3)), ("CHANNELS", "4 5"))
    job = AsyncTAPJob(address)
    assert job.phase == "PENDING"
    job.run().wait(timeout=120)
    assert job.phase == "COMPLETED"
    job.raise_if_error()
    assert [result.id_ for result in job.results] == ["cutout-001"]
    assert job.result_uris[0].startswith(address)
    content = requests.get(job.result_uris[0], timeout=60).content
    assert content == archive.cut(cube, CIRCLE=cube.circle(20, 20, 3), CHANNELS="4 5")
    job.delete()
