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
def report(live_server, tmp_path_factory):
    target = tmp_path_factory.mktemp("conformance") / "report.json"
    status = main([live_server, "--json", str(target), "--parallel", "4", "--quiet"])
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
    ("written", "path", "params", "status"),
    [
        ("`/tap/async` answers 404", "async", {}, 404),
        ("`/tap/examples` answers 404", "examples", {}, 404),
        ("`UPLOAD` is refused with status 400", "sync", {"UPLOAD": "t,http://127.0.0.1/t.vot"}, 400),
        ("`/tap` itself answers a few lines of plain text", "", {}, 200),
        ("TSV is not offered", "sync", {"RESPONSEFORMAT": "tsv"}, 400),
        ("serialisation BINARY is refused", "sync", {"RESPONSEFORMAT": "votable/b"}, 400),
        ("carry no `citation`", "sync", {}, 200),
    ],
)
def test_what_the_page_calls_not_kept_is_so(live_server, written, path, params, status) -> None:
    """A line of the page that is no longer true fails here: take it out."""
    assert written in PAGE
    query = {"LANG": "ADQL", "QUERY": "SELECT TOP 1 table_name FROM TAP_SCHEMA.tables", **params}
    address = f"{live_server}/tap/{path}".rstrip("/")
    answer = requests.get(address, params=query if path == "sync" else {}, timeout=30)
    assert answer.status_code == status
    assert b'name="citation"' not in answer.content
    assert not answer.headers["Content-Type"].startswith("text/html")
