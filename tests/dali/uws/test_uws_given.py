"""What comes with jobs: parameters, files, owners; and how much of it is taken."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from toy_jobs import JOBS, Toy, open_toy
from uws_answers import goes_to, parameters, refused, text, told
from xsd import Validate


def test_bodies_that_cannot_be_read_make_no_job(toy: Toy) -> None:
    # UWS-041
    before = toy.runner.jobs.counts()
    refused(toy.ask("POST", content=b"{}", headers={"Content-Type": "application/json"}), 415)
    refused(toy.ask("POST", data={"TEXT": "x" * 20_000}), 413)
    assert toy.runner.jobs.counts() == before


def test_a_run_id_that_is_too_long_or_not_alone_fails_the_job(toy: Toy, validate: Validate) -> None:
    # TAP-028
    for labels, reason in (("r" * 65, "at most 64 characters"), (["a", "b"], "RUNID was given 2 times")):
        job = toy.make(TEXT="a", RUNID=labels)
        assert text(told(validate, toy.ask("GET", job)), "runId") is None
        toy.ask("POST", f"{job}/phase", data={"PHASE": "RUN"})
        assert toy.end(job) == "ERROR"
        assert reason in toy.ask("GET", f"{job}/error").text


def test_parameters_are_replaced_or_added_to_until_the_job_runs(toy: Toy, validate: Validate) -> None:
    # UWS-045, UWS-047, DALI-014, TAP-025, TAP-142, TAP-143, TAP-145
    job = toy.make(TEXT="a", STEPS=["one", "two"], REQUEST="doQuery")
    goes_to(toy.ask("POST", f"{job}/parameters", data={"text": "b", "steps": "three"}), job)
    expected = [
        ("STEPS", "one"),
        ("STEPS", "two"),
        ("REQUEST", "doQuery"),
        ("TEXT", "b"),
        ("STEPS", "three"),
    ]
    assert parameters(told(validate, toy.ask("GET", job))) == expected
    assert parameters(told(validate, toy.ask("GET", f"{job}/parameters"))) == expected
    assert toy.ask("GET", f"{job}/parameters/text").text == "b"
    assert toy.ask("GET", f"{job}/parameters/STEPS").text == "one\ntwo\nthree"
    goes_to(toy.ask("POST", f"{job}/parameters", data={"RUNID": "late"}), job)
    assert text(told(validate, toy.ask("GET", job)), "runId") == "late"
    toy.ask("POST", f"{job}/phase", data={"PHASE": "RUN"})
    toy.end(job)
    refused(toy.ask("POST", f"{job}/parameters", data={"TEXT": "c"}), 403)
    assert toy.ask("GET", f"{job}/parameters/TEXT").text == "b"


def test_a_request_that_is_repeated_adds_nothing(toy: Toy, validate: Validate) -> None:
    # DALI-014: a client that got no answer sends the same once more; two equal uploads would be an error
    job = toy.make(TEXT="a", STEPS=["one", "one"])
    for _ in range(2):
        sent = {"STEPS": ["two", "one"]}
        goes_to(toy.ask("POST", f"{job}/parameters", data=sent, files={"f": ("n", b"x")}), job)
    listed = parameters(told(validate, toy.ask("GET", job)))
    assert [value for name, value in listed if name == "STEPS"] == ["one", "one", "two"]


def test_two_values_in_one_request_are_a_mistake_of_the_job(toy: Toy) -> None:
    # TAP-025: replacing is for later requests
    job = toy.make(TEXT="a")
    toy.ask("POST", f"{job}/parameters", data={"TEXT": ["b", "c"]})
    toy.ask("POST", f"{job}/phase", data={"PHASE": "RUN"})
    assert toy.end(job) == "ERROR"
    assert "TEXT was given 2 times" in toy.ask("GET", f"{job}/error").text


@given(value=st.text(st.characters(exclude_categories=("Cs",)), max_size=60))
def test_values_keep_every_character(toy: Toy, validate: Validate, value: str) -> None:
    # UWS-048, UWS-050
    job = toy.make(TEXT=value)
    (one,) = told(validate, toy.ask("GET", f"{job}/parameters"))
    if one.get("byReference") == "true":
        assert one.text == f"{JOBS}{job}/parameters/TEXT"
    else:
        assert (one.text or "") == value
    assert toy.ask("GET", f"{job}/parameters/TEXT").content.decode() == value


def test_a_value_that_xml_cannot_hold_is_given_by_reference(toy: Toy, validate: Validate) -> None:
    # UWS-048
    job = toy.make(TEXT="a\x01b")
    (one,) = told(validate, toy.ask("GET", f"{job}/parameters"))
    assert (one.get("byReference"), one.text) == ("true", f"{JOBS}{job}/parameters/TEXT")
    assert toy.ask("GET", f"{job}/parameters/TEXT").text == "a\x01b"


def test_files_come_with_a_job_and_come_back(toy: Toy, validate: Validate) -> None:
    # UWS-046, DALI-075, TAP-094
    small, large = bytes(range(256)), b"\xff\x00" * 40_000
    job = toy.make(TEXT="a", files={"first": ("n", small, "application/x-votable+xml")})
    later = {"Second part": ("m", large), "first": ("n", small[:9], "text/html; charset=utf-8")}
    goes_to(toy.ask("POST", f"{job}/parameters", data={"STEPS": "s"}, files=later), job)
    listed = told(validate, toy.ask("GET", f"{job}/parameters"))
    references = {one.get("id"): one.text for one in listed if one.get("byReference") == "true"}
    assert references == {
        "first": f"{JOBS}{job}/parameters/first",
        "Second part": f"{JOBS}{job}/parameters/Second%20part",
    }
    first = toy.ask("GET", f"{job}/parameters/first")
    assert (first.content, first.headers["Content-Type"]) == (small[:9], "text/html")
    assert first.headers["Content-Disposition"].startswith("attachment")
    assert toy.ask("GET", f"{job}/parameters/Second%20part").content == large
    refused(toy.ask("GET", f"{job}/parameters/FIRST"), 404)
    assert (
        len(list((toy.runner.files.place(job[1:]) / "uploads").iterdir())) == 2
    )  # what was replaced is gone


def test_parts_may_have_any_name(toy: Toy, validate: Validate) -> None:
    # UWS-046, UWS-048: each is read at the address that the job gives for it
    names = ("a/b", "text", "\u00e9 &<>'x", "?#%2F")
    job = toy.make(TEXT="a", files={name: ("n", name.encode()) for name in names})
    listed = told(validate, toy.ask("GET", f"{job}/parameters"))
    references = {one.get("id"): one.text for one in listed if one.get("byReference") == "true"}
    assert set(references) == set(names)
    for name, address in references.items():
        answer = toy.ask("GET", address.removeprefix(JOBS))
        assert (answer.status_code, answer.content) == (200, name.encode()), name


def test_what_a_job_holds_is_limited_however_it_comes(home: Path) -> None:
    # TAP-089, UWS-041
    with open_toy(home, upload_bytes=1000) as toy:
        job = toy.make(TEXT="a", files={"one": ("n", b"x" * 600)})
        refused(toy.ask("POST", f"{job}/parameters", files={"two": ("n", b"x" * 600)}), 413)
        goes_to(toy.ask("POST", f"{job}/parameters", files={"one": ("n", b"x" * 900)}), job)
        goes_to(toy.ask("POST", f"{job}/parameters", data={"STEPS": ["x" * 4000, "y" * 4000]}), job)
        refused(toy.ask("POST", f"{job}/parameters", data={"STEPS": ["z" * 4000]}), 413)
        assert len(list((toy.runner.files.place(job[1:]) / "uploads").iterdir())) == 1
        refused(toy.ask("POST", files={"big": ("n", b"x" * 1001)}), 413)
        assert len(list((home / "jobs").iterdir())) == 1


def test_a_refused_job_leaves_no_files(home: Path) -> None:
    # UWS-041
    with open_toy(home, slots=0, per_client=1) as toy:
        toy.make(run=True, TEXT="a")
        files = {"one": ("n", b"x" * 70_000)}
        refused(toy.ask("POST", data={"PHASE": "RUN"}, files=files), 429)
        assert list((home / "jobs").iterdir()) == []
        assert list((home / "spill").iterdir()) == []


def test_jobs_belong_to_whoever_made_them(home: Path, validate: Validate) -> None:
    # UWS-074, UWS-090, UWS-118, UWS-119, DALI-096, TAP-127, AUTH-030
    with open_toy(home) as toy:
        ada, bob = toy.token("ada"), toy.token("bob")
        anonymous = toy.make(TEXT="a")
        job = toy.make(TEXT="mine", headers=ada)
        root = told(validate, toy.ask("GET", job, headers=ada))
        assert text(root, "ownerId") == toy.ask("GET", f"{job}/owner", headers=ada).text == "ada"
        below = ("", "/phase", "/parameters", "/parameters/TEXT", "/results", "/results/result", "/error")
        for path in below:
            refused(toy.ask("GET", job + path, headers=bob), 403)
            stranger = toy.ask("GET", job + path)
            refused(stranger, 401)
            assert "WWW-Authenticate" in stranger.headers
        for change in (
            ("DELETE", job, {}),
            ("POST", f"{job}/phase", {"PHASE": "RUN"}),
            ("POST", f"{job}/parameters", {"TEXT": "b"}),
            ("POST", f"{job}/destruction", {"DESTRUCTION": "2001-01-01"}),
            ("POST", f"{job}/executionduration", {"EXECUTIONDURATION": "1"}),
            ("POST", job, {"ACTION": "DELETE"}),
        ):
            method, path, data = change
            refused(toy.ask(method, path, data=data, headers=bob), 403)
        assert toy.ask("GET", anonymous, headers=bob).status_code == 200  # who has the id may
        assert toy.ask("GET", f"{job}/parameters/TEXT", headers=ada).text == "mine"


def test_too_many_jobs_of_one_client_are_refused_for_a_while(home: Path) -> None:
    # UWS-041, DALI-099
    with open_toy(home, slots=0, per_client=2) as toy:
        jobs = [toy.make(TEXT="a", run=True) for _ in range(2)]
        third = toy.ask("POST", data={"TEXT": "a", "PHASE": "RUN"})
        assert "2 jobs waiting or running" in refused(third, 429)
        assert int(third.headers["Retry-After"]) > 0
        waiting = toy.make(TEXT="a")
        refused(toy.ask("POST", f"{waiting}/phase", data={"PHASE": "RUN"}), 429)
        assert toy.phase(waiting) == "PENDING"
        toy.ask("DELETE", jobs[0])
        goes_to(toy.ask("POST", f"{waiting}/phase", data={"PHASE": "RUN"}), waiting)


def test_a_locked_database_is_told_with_when_to_come_back(home: Path) -> None:
    # DALI-099, UWS-005
    with open_toy(home, busy_seconds=1) as toy:
        job = toy.make(TEXT="a")
        with closing(sqlite3.connect(home / "catalogue.sqlite", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            made = toy.ask("POST", data={"TEXT": "a"})
            assert toy.phase(job) == "PENDING"  # reading goes on
            other.execute("ROLLBACK")
        refused(made, 503)
        assert int(made.headers["Retry-After"]) > 0
        assert list((home / "jobs").iterdir()) == []
        assert toy.make(TEXT="a")
