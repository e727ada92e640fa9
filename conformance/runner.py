"""Runs checks against a service, one after the other or a few at a time, and never lets one stop the rest."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from conformance.findings import not_checked
from conformance.model import Check, Finding, Judgement, Level, Verdict, worst
from conformance.service import Service, Unreachable


def run_check(check: Check, service: Service) -> Judgement:
    """The judgement on one requirement; a service that answers rubbish gives a verdict, not an exception."""
    started = time.monotonic()
    findings: list[Finding] = []
    try:
        findings.extend(check.function(service))
    except Unreachable as error:
        findings.append(not_checked(f"no answer: {error}"))
    except Exception as error:  # the top of a check: whatever a service sends, the next one is judged too
        findings.append(
            Finding(Verdict.FAIL, f"the answer could not be read: {type(error).__name__}: {error}")
        )
    if not findings:
        findings.append(not_checked("there was nothing to judge"))
    if check.requirement.level is not Level.MUST:
        findings = [replace(f, verdict=Verdict.WARN) if f.verdict is Verdict.FAIL else f for f in findings]
    verdict = worst(f.verdict for f in findings)
    return Judgement(check.requirement, verdict, tuple(findings), time.monotonic() - started)


def run(
    checks: Iterable[Check],
    service: Service,
    *,
    parallel: int = 1,
    progress: Callable[[Judgement], None] | None = None,
) -> list[Judgement]:
    """Judgements in the order of the checks. ``parallel`` checks run at a time, each on the same service."""
    with ThreadPoolExecutor(max_workers=parallel) as pool:
        judgements: Iterator[Judgement] = pool.map(lambda check: run_check(check, service), checks)
        done = []
        for judgement in judgements:
            done.append(judgement)
            if progress:
                progress(judgement)
    return done
