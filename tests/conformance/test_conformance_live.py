"""The suite judges our own service: every MUST holds."""

import json

import pytest

from conformance.__main__ import main
from conformance.catalogue import CHECKS


def test_ids_are_unique() -> None:
    ids = [check.requirement.id for check in CHECKS]
    assert len(ids) == len(set(ids))


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
    assert document["counts"]["pass"] > 40
