"""The resources of jobs over HTTP: verbs, results, errors."""

from __future__ import annotations

import re

import pytest
from runners import job_to
from toy_jobs import BASE, JOBS, Toy
from uws_answers import UWS, goes_to, refused, text, told
from xsd import Validate

XLINK = "{http://www.w3.org/1999/xlink}"
CHILDREN = ("/phase", "/executionduration", "/destruction", "/quote", "/owner", "/error", "/results")
ATOMS = ("phase", "executionduration", "destruction", "quote", "owner")


def test_a_new_job_waits_to_be_run(toy: Toy, validate: Validate) -> None:
    # UWS-002, UWS-021, UWS-040, TAP-023, TAP-140, DALI-010: without any parameter
    job = toy.make()
    root = told(validate, toy.ask("GET", job))
    assert re.fullmatch(r"/[a-z0-9-]{26,}", job)
    assert text(root, "jobId") == job[1:]
    assert text(root, "phase") == toy.phase(job) == "PENDING"
    assert not list(root.iter(f"{UWS}result", f"{UWS}errorSummary"))


def test_ids_cannot_be_guessed(toy: Toy) -> None:
    # UWS-002
    ids = {toy.make() for _ in range(20)}
    assert len(ids) == 20
    assert len({job[:6] for job in ids}) == 20


def test_each_part_of_a_job_has_its_address(toy: Toy, validate: Validate) -> None:
    # UWS-001, UWS-006, TAP-141
    job = toy.make(TEXT="a")
    root = told(validate, toy.ask("GET", job))
    atoms = {}
    for name in ATOMS:
        answer = toy.ask("GET", f"{job}/{name}")
        assert answer.status_code == 200
        assert answer.headers["Content-Type"].startswith("text/plain")
        assert answer.text == answer.text.strip()
        atoms[name] = answer.text
    assert atoms == {
        "phase": "PENDING",
        "executionduration": text(root, "executionDuration"),  # UWS-065: letter by letter
        "destruction": text(root, "destruction"),
        "quote": "",  # UWS-075
        "owner": "",  # UWS-074
    }
    assert told(validate, toy.ask("GET", f"{job}/parameters")).tag == f"{UWS}parameters"
    assert told(validate, toy.ask("GET", f"{job}/results")).tag == f"{UWS}results"
    refused(toy.ask("GET", f"{job}/error"), 404)


@pytest.mark.parametrize("accept", [None, "*/*", "application/xml,text/plain", "text/html,*/*;q=0.5"])
def test_a_job_is_xml_whatever_is_accepted(toy: Toy, validate: Validate, accept: str | None) -> None:
    # UWS-007
    job = toy.make()
    told(validate, toy.ask("GET", job, headers={} if accept is None else {"Accept": accept}))


@pytest.mark.parametrize(
    "below",
    ["", *CHILDREN, "/parameters", "/parameters/TEXT", "/results/result"],
)
def test_nothing_lies_below_a_job_that_is_not_there(toy: Toy, below: str) -> None:
    # UWS-003, TAP-125, DALI-095
    refused(toy.ask("GET", f"/nosuchjob{below}"), 404)
    gone = toy.make(TEXT="a", run=True)
    toy.end(gone)
    toy.ask("DELETE", gone)
    refused(toy.ask("GET", f"{gone}{below}"), 404)


@pytest.mark.parametrize("child", ["parameters/none", "results/none", "results/result", "none"])
def test_a_child_that_a_job_does_not_have_is_not_found(toy: Toy, child: str) -> None:
    # UWS-003
    refused(toy.ask("GET", f"{toy.make()}/{child}"), 404)


def test_a_job_of_another_service_is_not_among_ours(toy: Toy) -> None:
    # UWS-003: services share the database
    other = toy.runner.jobs.create(job_to("write", text="x", service="soda"), run=False)
    for method, below in (("GET", ""), ("GET", "/parameters"), ("DELETE", ""), ("GET", "/owner")):
        refused(toy.ask(method, f"/{other.job_id}{below}"), 404)
    refused(toy.ask("POST", f"/{other.job_id}/phase", data={"PHASE": "RUN"}), 404)
    assert toy.runner.jobs.find(other.job_id) == other


@pytest.mark.parametrize(
    ("below", "allowed"),
    [
        ("", {"GET", "HEAD", "POST"}),
        ("/{job}", {"GET", "HEAD", "POST", "DELETE"}),
        ("/{job}/phase", {"GET", "HEAD", "POST"}),
        ("/{job}/executionduration", {"GET", "HEAD", "POST"}),
        ("/{job}/destruction", {"GET", "HEAD", "POST"}),
        ("/{job}/parameters", {"GET", "HEAD", "POST"}),
        ("/{job}/quote", {"GET", "HEAD"}),
        ("/{job}/owner", {"GET", "HEAD"}),
        ("/{job}/error", {"GET", "HEAD"}),
        ("/{job}/parameters/TEXT", {"GET", "HEAD"}),
        ("/{job}/results", {"GET", "HEAD"}),
        ("/{job}/results/result", {"GET", "HEAD"}),
    ],
)
def test_verbs_that_an_address_does_not_take_are_refused(toy: Toy, below: str, allowed: set[str]) -> None:
    # UWS-011, UWS-117
    path = below.replace("/{job}", toy.make(TEXT="a"))
    for method in {"PUT", "PATCH", "DELETE", "POST"} - allowed:
        answer = toy.ask(method, path)
        assert answer.status_code == 405
        assert set(re.split(r",\s*", answer.headers["Allow"])) == allowed


def test_head_is_get_without_a_body(toy: Toy) -> None:
    # UWS-011, TAP-015, DALI-016
    job = toy.make(TEXT="abc", run=True)
    toy.end(job)
    for below in ("", "/phase", "/parameters", "/results", "/results/result"):
        got, head = toy.ask("GET", job + below), toy.ask("HEAD", job + below)
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["Content-Type"] == got.headers["Content-Type"]
        assert head.headers["Content-Length"] == str(len(got.content))


def test_a_slash_at_the_end_makes_no_difference(toy: Toy) -> None:
    # UWS-012
    made = toy.ask("POST", "/", data={"TEXT": "a"})
    assert made.status_code == 303
    job = made.headers["Location"].removeprefix(JOBS)
    goes_to(toy.ask("POST", f"{job}/phase/", data={"PHASE": "RUN"}), job)
    assert toy.end(job) == "COMPLETED"


def test_a_job_runs_and_gives_its_results(toy: Toy, validate: Validate) -> None:
    # UWS-030, UWS-066, UWS-068, UWS-069, DALI-015, TAP-146, TAP-147
    job = toy.make(TEXT="some text")
    goes_to(toy.ask("POST", f"{job}/phase", data={"PHASE": "RUN"}), job)
    assert toy.phase(job) != "PENDING"
    assert toy.end(job) == "COMPLETED"
    root = told(validate, toy.ask("GET", job))
    made, began, ended = (text(root, name) for name in ("creationTime", "startTime", "endTime"))
    assert made and began and ended and made <= began <= ended
    listed = told(validate, toy.ask("GET", f"{job}/results"))
    for results in (root.find(f"{UWS}results"), listed):
        assert results is not None
        found = {one.get("id"): one for one in results}
        assert list(found) == ["result", "second result"]
        for name, one in found.items():
            address = one.get(f"{XLINK}href")
            assert one.get(f"{XLINK}type") == "simple"
            assert address == f"{JOBS}{job}/results/{name.replace(' ', '%20')}"
            answer = toy.ask("GET", address.removeprefix(JOBS))
            assert one.get("size") == answer.headers["Content-Length"] == str(len(answer.content))
            assert answer.headers["Content-Type"].startswith(one.get("mime-type"))
    assert answer.headers["Content-Disposition"] == 'inline; filename="second result.json"'
    assert toy.ask("GET", f"{job}/results/result").text == "some text"
    assert root.findtext(f"{UWS}jobInfo/{{urn:vo-service:job}}snapshot") == "7"  # UWS-073


def test_a_result_is_the_same_each_time_and_can_be_continued(toy: Toy) -> None:
    # DALI-016, VOT-129, DALI-117
    job = toy.make(TEXT="0123456789", run=True)
    toy.end(job)
    first, second = (toy.ask("GET", f"{job}/results/result") for _ in range(2))
    assert first.content == second.content == b"0123456789"
    etag = first.headers["ETag"]
    assert etag == second.headers["ETag"]
    assert first.headers["Accept-Ranges"] == "bytes"
    assert first.headers["Last-Modified"]
    assert first.headers["Content-Disposition"] == "inline; filename=result.txt"
    part = toy.ask("GET", f"{job}/results/result", headers={"Range": "bytes=4-", "If-Range": etag})
    assert (part.status_code, part.text) == (206, "456789")
    assert part.headers["Content-Range"] == "bytes 4-9/10"
    other = toy.ask("GET", f"{job}/results/result", headers={"Range": "bytes=4-", "If-Range": '"x"'})
    assert (other.status_code, other.text) == (200, "0123456789")
    known = toy.ask("GET", f"{job}/results/result", headers={"If-None-Match": etag})
    assert (known.status_code, known.content) == (304, b"")
    beyond = toy.ask("GET", f"{job}/results/result", headers={"Range": "bytes=99-"})
    assert (beyond.status_code, beyond.headers["Content-Range"]) == (416, "bytes */10")


def test_a_job_that_fails_is_served_with_its_reason(toy: Toy, validate: Validate) -> None:
    # UWS-005, UWS-070, UWS-071, UWS-072, DALI-092, DALI-097, TAP-124, TAP-126, TAP-155
    job = toy.make(STEPS="a", run=True)
    assert toy.end(job) == "ERROR"
    root = told(validate, toy.ask("GET", job))
    summary = root.find(f"{UWS}errorSummary")
    assert summary is not None
    assert (summary.get("type"), summary.get("hasDetail")) == ("fatal", "true")
    assert summary.findtext(f"{UWS}message") == "TEXT is missing. Send it."
    error = toy.ask("GET", f"{job}/error")
    assert (error.status_code, error.headers["Content-Type"]) == (200, "text/plain")
    assert error.text.splitlines()[:2] == ["TEXT is missing.", "Send it."]
    assert re.fullmatch(r"Request: [0-9a-f]{16}", error.text.splitlines()[-1])
    refused(toy.ask("GET", f"{job}/results/result"), 404)
    assert text(root, "endTime")


def test_wrong_parameters_fail_the_job_not_the_request(toy: Toy) -> None:
    # DALI-092, TAP-023, TAP-025
    job = toy.make(SECONDS="soon", TEXT="a", run=True)
    assert toy.end(job) == "ERROR"
    assert "SECONDS='soon'" in toy.ask("GET", f"{job}/error").text


def test_addresses_are_those_of_the_service_not_of_the_request(toy: Toy) -> None:
    # UWS-010, VOSI-017
    made = toy.ask("POST", headers={"Host": "evil.example"})
    assert made.headers["Location"].startswith(BASE)
