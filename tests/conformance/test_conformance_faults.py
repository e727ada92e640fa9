"""Each check of jobs, uploads, logins, registry, cut-outs, searches, links finds the fault it is for."""

from __future__ import annotations

import pytest
from faulty_proxy import Fault, proxy
from planted_faults import FAULTS as OWN_FAULTS
from planted_faults import SYNC, misheard
from planted_link_faults import LINK_FAULTS
from planted_search_faults import SEARCH_FAULTS

from conformance.catalogue import CHECKS
from conformance.model import Level, Verdict
from conformance.runner import run
from conformance.service import Service

SERVICES = ("uws", "uploads", "auth", "registry", "soda", "sia", "scs", "datalink")
FAULTS = [*OWN_FAULTS, *SEARCH_FAULTS, *LINK_FAULTS]
JUDGED = {check.requirement.id: check for check in CHECKS if check.requirement.service in SERVICES}


def test_every_check_has_a_fault_to_find() -> None:
    assert {name for name, _, _ in FAULTS} == set(JUDGED)


def test_without_a_fault_nothing_is_found(live_server: str) -> None:
    with proxy(live_server, Fault()) as url:
        judgements = run(JUDGED.values(), Service(url), parallel=4)
    bad = (Verdict.FAIL, Verdict.WARN, Verdict.NOT_CHECKED)
    found = {each.requirement.id: each.findings for each in judgements if each.verdict in bad}
    assert found == {}


def test_a_table_whose_name_is_like_that_of_an_upload_is_no_trace(live_server: str) -> None:
    # TAP-085
    minerals = misheard(SYNC, lambda asked: asked.swap(b"LOWER(table_name)", b"LOWER('public.minerals')"))
    with proxy(live_server, minerals) as url:
        (judgement,) = run([JUDGED["TAP-085"]], Service(url))
    assert judgement.verdict is Verdict.PASS, judgement.findings


@pytest.mark.parametrize(
    ("name", "fault"),
    [pytest.param(name, fault, id=f"{name} {what}") for name, what, fault in FAULTS],
)
def test_a_fault_is_found(live_server: str, name: str, fault: Fault) -> None:
    check = JUDGED[name]
    with proxy(live_server, fault) as url:
        (judgement,) = run([check], Service(url, timeout=10.0))
    wanted = Verdict.FAIL if check.requirement.level is Level.MUST else Verdict.WARN
    assert judgement.verdict is wanted, judgement.findings
    assert not any("could not be read" in finding.message for finding in judgement.findings)
