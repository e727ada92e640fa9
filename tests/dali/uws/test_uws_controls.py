"""What clients ask of jobs: run, abort, delete, limits of time."""

from __future__ import annotations

import re
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from toy_jobs import JOBS, LIMITS, Toy, open_toy
from uws_answers import UWS, goes_to, parameters, refused, text, told
from xsd import Validate

from vo_service.store.jobs import new_job_id


def test_running_again_is_harmless_until_the_job_has_ended(toy: Toy) -> None:
    # UWS-033, UWS-036, UWS-037
    job = toy.make(TEXT="a", SECONDS="30", run=True)
    goes_to(toy.ask("POST", f"{job}/phase", data={"PHASE": "RUN"}), job)
    goes_to(toy.ask("POST", f"{job}/phase", data={"PHASE": "ABORT"}), job)
    assert "ABORTED" in refused(toy.ask("POST", f"{job}/phase", data={"PHASE": "RUN"}), 403)


def test_an_aborted_job_says_so_at_once_and_keeps_its_parameters(toy: Toy, validate: Validate) -> None:
    # UWS-029, UWS-031, UWS-034, UWS-066, TAP-155
    job = toy.make(TEXT="a", SECONDS="60", run=True)
    goes_to(toy.ask("POST", f"{job}/phase", data={"PHASE": "ABORT"}), job)
    assert toy.phase(job) == "ABORTED"
    goes_to(toy.ask("POST", f"{job}/phase", data={"PHASE": "ABORT"}), job)
    root = told(validate, toy.ask("GET", job))
    assert parameters(root) == [("TEXT", "a"), ("SECONDS", "60")]
    assert text(root, "endTime")
    assert root.findtext(f"{UWS}errorSummary/{UWS}message") == "The job was aborted as its user asked."
    assert "aborted" in toy.ask("GET", f"{job}/error").text
    refused(toy.ask("GET", f"{job}/results/result"), 404)


def test_a_job_that_was_never_run_can_be_aborted(toy: Toy, validate: Validate) -> None:
    # UWS-066: no start, but an end
    job = toy.make(TEXT="a")
    goes_to(toy.ask("POST", f"{job}/phase", data={"PHASE": "ABORT"}), job)
    root = told(validate, toy.ask("GET", job))
    start = root.find(f"{UWS}startTime")
    assert start is not None and start.get("{http://www.w3.org/2001/XMLSchema-instance}nil") == "true"
    assert text(root, "endTime")


def test_a_finished_job_cannot_be_aborted(toy: Toy) -> None:
    # UWS-004, UWS-034
    for parameters_, phase in (({"TEXT": "a"}, "COMPLETED"), ({}, "ERROR")):
        job = toy.make(run=True, **parameters_)
        assert toy.end(job) == phase
        assert phase in refused(toy.ask("POST", f"{job}/phase", data={"PHASE": "ABORT"}), 403)
        assert toy.phase(job) == phase


@pytest.mark.parametrize(
    ("below", "data"),
    [
        ("/phase", {}),
        ("/phase", {"PHASE": ""}),
        ("/phase", {"PHASE": "run"}),
        ("/phase", {"PHASE": "FOO"}),
        ("/phase", {"PHASE": "COMPLETED"}),
        ("/phase", {"PHASE": "SUSPEND"}),
        ("/phase", {"PHASE": ["RUN", "RUN"]}),
        ("/phase", {"EXECUTIONDURATION": "5"}),
        ("/executionduration", {}),
        ("/executionduration", {"EXECUTIONDURATION": "-1"}),
        ("/executionduration", {"EXECUTIONDURATION": "1.5"}),
        ("/executionduration", {"EXECUTIONDURATION": "soon"}),
        ("/destruction", {}),
        ("/destruction", {"DESTRUCTION": "tomorrow"}),
        ("/destruction", {"DESTRUCTION": "2030-02-30"}),
        ("/destruction", {"DESTRUCTION": "2030-01-01T00:00:00+01:00"}),
        ("", {}),
        ("", {"ACTION": "delete"}),
        ("", {"ACTION": "RUN"}),
        ("", {"TEXT": "b"}),
        ("", {"PHASE": "RUN"}),
    ],
)
def test_a_control_that_cannot_be_read_changes_nothing(toy: Toy, below: str, data: dict[str, Any]) -> None:
    # UWS-015, UWS-032, UWS-111, UWS-115, DALI-013, TAP-142
    job = toy.make(TEXT="a")
    before = toy.ask("GET", job).content
    refused(toy.ask("POST", job + below, data=data), 400)
    assert toy.ask("GET", job).content == before


@pytest.mark.parametrize("data", [{"PHASE": "run"}, {"PHASE": "ABORT"}, {"DESTRUCTION": "x"}])
def test_a_creation_with_a_wrong_control_makes_no_job(toy: Toy, data: dict[str, str]) -> None:
    # UWS-042
    before = toy.runner.jobs.counts()
    refused(toy.ask("POST", data=data), 400)
    assert toy.runner.jobs.counts() == before


@pytest.mark.parametrize("run", [True, False])
def test_no_job_is_made_with_a_destruction_in_the_past(toy: Toy, run: bool) -> None:
    # UWS-043: its client would be sent to a job that is gone; one that is there goes at once (UWS-112)
    place = toy.runner.files.place(new_job_id()).parent
    before = toy.runner.jobs.counts(), sorted(place.iterdir())
    wishes = {"TEXT": "a", "DESTRUCTION": "2001-01-01", **({"PHASE": "RUN"} if run else {})}
    answer = toy.ask("POST", data=wishes, files={"part": ("part.txt", b"x")})
    refused(answer, 400)
    assert "DESTRUCTION=2001-01-01T00:00:00.000Z has passed" in answer.text
    assert (toy.runner.jobs.counts(), sorted(place.iterdir())) == before


def test_names_of_controls_are_read_in_any_case_and_as_any_form(toy: Toy) -> None:
    # UWS-014, UWS-042, TAP-010, TAP-020
    job = toy.make(TEXT="a")
    goes_to(toy.ask("POST", f"{job}/executionDuration".lower(), data={"executionDuration": "9"}), job)
    goes_to(toy.ask("POST", f"{job}/executionduration", files={"ExecutionDuration": (None, "8")}), job)
    assert toy.ask("GET", f"{job}/executionduration").text == "8"
    goes_to(toy.ask("POST", f"{job}/phase?phase=RUN"), job)
    assert toy.end(job) == "COMPLETED"
    made = toy.ask("POST", "?PHASE=RUN", data={"text": "b"})
    assert toy.end(made.headers["Location"].removeprefix(JOBS)) == "COMPLETED"


def test_controls_of_a_creation_are_granted_and_are_no_parameters(toy: Toy, validate: Validate) -> None:
    # UWS-043, UWS-044, TAP-028, TAP-151
    until = (datetime.now(UTC) + timedelta(days=2)).replace(microsecond=123000)
    job = toy.make(
        TEXT="a", RUNID="run 7", EXECUTIONDURATION="30", DESTRUCTION=until.isoformat().replace("+00:00", "Z")
    )
    root = told(validate, toy.ask("GET", job))
    assert text(root, "runId") == "run 7"
    assert text(root, "executionDuration") == "30"
    destruction = text(root, "destruction")
    assert destruction
    assert abs(datetime.fromisoformat(destruction) - until) < timedelta(seconds=1)
    assert parameters(root) == [("TEXT", "a"), ("RUNID", "run 7")]


def test_defaults_are_those_of_the_service(toy: Toy, validate: Validate) -> None:
    # UWS-110, TAP-150, TAP-151
    root = told(validate, toy.ask("GET", toy.make()))
    made, gone = (datetime.fromisoformat(text(root, name) or "") for name in ("creationTime", "destruction"))
    assert gone - made == timedelta(days=LIMITS.days_default)
    assert text(root, "executionDuration") == str(LIMITS.seconds_default)


@pytest.mark.parametrize(
    ("asked", "granted"),
    [("90", "90"), ("60.0", "60"), ("0", "600"), ("601", "600"), ("9" * 30, "600")],
)
def test_execution_duration_is_granted_up_to_the_hard_limit(toy: Toy, asked: str, granted: str) -> None:
    # UWS-064, UWS-114, UWS-115, TAP-150
    job = toy.make(TEXT="a")
    goes_to(toy.ask("POST", f"{job}/executionduration", data={"EXECUTIONDURATION": asked}), job)
    assert toy.ask("GET", f"{job}/executionduration").text == granted


def test_a_finished_job_keeps_its_execution_duration(toy: Toy) -> None:
    # UWS-115
    job = toy.make(TEXT="a", run=True)
    toy.end(job)
    before = toy.ask("GET", f"{job}/executionduration").text
    refused(toy.ask("POST", f"{job}/executionduration", data={"EXECUTIONDURATION": "5"}), 403)
    assert toy.ask("GET", f"{job}/executionduration").text == before


@pytest.mark.parametrize("style", ["%Y-%m-%dT%H:%M:%S.%fZ", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S"])
def test_destruction_is_granted_up_to_the_hard_limit(toy: Toy, style: str) -> None:
    # UWS-065, UWS-111, UWS-112, TAP-151
    job = toy.make(TEXT="a")
    wanted = datetime.now(UTC) + timedelta(days=5)
    goes_to(toy.ask("POST", f"{job}/destruction", data={"DESTRUCTION": wanted.strftime(style)}), job)
    written = toy.ask("GET", f"{job}/destruction").text
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", written)
    assert abs(datetime.fromisoformat(written) - wanted) < timedelta(seconds=1)
    toy.ask("POST", f"{job}/destruction", data={"DESTRUCTION": "2999-01-01"})
    most = datetime.fromisoformat(toy.ask("GET", f"{job}/destruction").text)
    assert abs(most - datetime.now(UTC) - timedelta(days=LIMITS.days_hard)) < timedelta(minutes=5)


def test_a_destruction_in_the_past_destroys_at_once(toy: Toy) -> None:
    # UWS-112, UWS-113
    job = toy.make(TEXT="a", run=True)
    toy.end(job)
    place = toy.runner.files.place(job[1:])
    assert place.is_dir()
    goes_to(toy.ask("POST", f"{job}/destruction", data={"DESTRUCTION": "2001-01-01T00:00:00Z"}), job)
    refused(toy.ask("GET", job), 404)
    assert not place.exists()


@pytest.mark.parametrize("how", [("DELETE", {}), ("POST", {"data": {"ACTION": "DELETE"}})])
@pytest.mark.parametrize("state", ["PENDING", "EXECUTING", "COMPLETED", "ERROR", "ABORTED"])
def test_a_job_can_be_deleted_in_any_phase(toy: Toy, state: str, how: tuple[str, dict[str, Any]]) -> None:
    # UWS-009, UWS-098, UWS-116, TAP-152
    job = {
        "PENDING": lambda: toy.make(TEXT="a"),
        "EXECUTING": lambda: toy.make(TEXT="a", SECONDS="60", run=True),
        "COMPLETED": lambda: toy.make(TEXT="a", run=True),
        "ERROR": lambda: toy.make(run=True),
        "ABORTED": lambda: toy.make(TEXT="a"),
    }[state]()
    if state == "ABORTED":
        toy.ask("POST", f"{job}/phase", data={"PHASE": "ABORT"})
    if state in ("COMPLETED", "ERROR"):
        assert toy.end(job) == state
    answer = toy.ask(how[0], job, **how[1])
    assert (answer.status_code, answer.headers["Location"]) == (303, f"{JOBS}?LAST=100")
    for again in (toy.ask("GET", job), toy.ask("DELETE", job), toy.ask("GET", f"{job}/phase")):
        refused(again, 404)
    place, until = toy.runner.files.place(job[1:]), time.monotonic() + 10
    while place.exists() and time.monotonic() < until:  # its thread may be about to write
        time.sleep(0.02)
    assert not place.exists()


def test_twenty_runs_at_once_run_the_job_once(toy: Toy) -> None:
    # UWS-035
    job = toy.make(TEXT="once")
    answers: list[httpx.Response] = []

    async def run() -> None:
        answers.append(await toy.ask_async("POST", f"{job}/phase", data={"PHASE": "RUN"}))

    async def run_all() -> None:
        async with anyio.create_task_group() as group:
            for _ in range(20):
                group.start_soon(run)

    anyio.run(run_all)
    assert {answer.status_code for answer in answers} <= {303, 403}
    assert any(answer.status_code == 303 for answer in answers)
    assert toy.end(job) == "COMPLETED"
    found = toy.runner.jobs.find(job[1:])
    assert found is not None and found.attempt == 1


def test_a_job_over_its_time_is_aborted_with_the_reason(home: Path, validate: Validate) -> None:
    # UWS-028
    with open_toy(home, replace(LIMITS, seconds_default=1)) as toy:
        job = toy.make(TEXT="a", SECONDS="60", run=True)
        assert toy.end(job) == "ABORTED"
        summary = told(validate, toy.ask("GET", job)).findtext(f"{UWS}errorSummary/{UWS}message")
        assert summary is not None and "1 s" in summary
