"""The suite judges our own service: every MUST holds. And docs/conformance.md says what is so."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
import requests
from recording_relay import RecordingRelay, invalid_documents

from conformance.__main__ import main
from conformance.catalogue import CHECKS
from conformance.model import Verdict

REPOSITORY = Path(__file__).resolve().parents[2]
PAGE = (REPOSITORY / "docs/conformance.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^python -m conformance .*$", PAGE, re.M)


def test_ids_are_unique() -> None:
    ids = [check.requirement.id for check in CHECKS]
    assert len(ids) == len(set(ids))


def test_every_check_is_in_the_catalogue() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in REPOSITORY.glob("conformance/checks/*.py"))
    written = Counter(re.findall(r'^@requirement\("([A-Z]+-\d+)"', text, re.M))
    assert written == Counter(check.requirement.id for check in CHECKS)


def test_the_page_lists_the_requirements_that_have_a_check() -> None:
    printed = subprocess.run(
        [sys.executable, "-m", "conformance.catalogue"], capture_output=True, text=True, check=True
    ).stdout
    assert f"<!-- requirements -->\n{printed}<!-- end of requirements -->" in PAGE


def test_the_page_explains_every_verdict() -> None:
    assert [v for v in Verdict if f"| `{v}` |" not in PAGE] == []


@pytest.fixture(scope="module")
def relay(live_server):
    with RecordingRelay(live_server) as running:
        yield running


@pytest.fixture(scope="module")
def report(relay, tmp_path_factory):
    target = tmp_path_factory.mktemp("conformance") / "report.json"
    status = main([relay.url, "--json", str(target), "--parallel", "4", "--quiet"])
    return status, json.loads(target.read_text())


def test_every_must_passes(report) -> None:
    status, document = report
    broken = {
        r["id"]: [f["message"] for f in r["findings"] if f["verdict"] == r["verdict"]]
        for r in document["requirements"]
        if r["verdict"] in ("fail", "warn", "not_checked")
    }
    assert broken == {}
    assert status == 0


def test_every_check_is_reported_once(report) -> None:
    _, document = report
    assert [r["id"] for r in document["requirements"]] == [c.requirement.id for c in CHECKS]
    assert sum(document["counts"].values()) == len(CHECKS)
    assert document["counts"]["pass"] > 60


def test_every_document_of_the_run_is_valid(relay, report, validate) -> None:
    """All that the checks were sent as XML: results and errors, VOSI, jobs, records of the registry."""
    wrong, roots = invalid_documents(relay.take(), validate)
    assert wrong == []
    assert {root.partition("}")[2] for root in roots} >= {
        *("VOTABLE", "capabilities", "availability", "tableset", "table", "job", "jobs", "OAI-PMH")
    }


@pytest.mark.parametrize("line", COMMANDS)
def test_the_commands_of_the_page_run(line, live_server, tmp_path) -> None:
    words = shlex.split(line.replace("http://127.0.0.1:8000", live_server))
    done = subprocess.run([sys.executable, *words[1:]], capture_output=True, text=True, cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert re.search(r"^\d+ pass|, \d+ pass", done.stdout, re.M)
    assert {path.name for path in tmp_path.iterdir()} == set(re.findall(r"report\.\w+", line))


def test_the_page_has_commands() -> None:
    assert len(COMMANDS) >= 4


@pytest.mark.parametrize(
    ("written", "method", "path", "status"),
    [
        ("`PUT` on a parameter answers 405", "PUT", "async/none/parameters/QUERY", 405),
        ("there are no pages for people beside `/tap` and its examples", "GET", "async?ACTION=NEW", 200),
    ],
)
def test_what_the_page_calls_not_kept_is_so(live_server, written, method, path, status) -> None:
    """A line of the page that is no longer true fails here: take it out."""
    assert written in PAGE
    answer = requests.request(method, f"{live_server}/tap/{path}", timeout=30)
    assert answer.status_code == status
    assert not answer.headers["Content-Type"].startswith("text/html")


def test_results_have_a_citation_only_where_the_operator_gives_one(live_server) -> None:
    """The setting `citation` is empty by default; the page says so."""
    assert "carry a `citation` only where the setting of that name is set" in PAGE
    query = {"LANG": "ADQL", "QUERY": "SELECT TOP 1 table_name FROM TAP_SCHEMA.tables"}
    answer = requests.get(f"{live_server}/tap/sync", params=query, timeout=30)
    assert b'name="citation"' not in answer.content
