"""What a judgement consists of: levels, verdicts, requirements, findings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from conformance.service import Service


class Level(StrEnum):
    """How binding a requirement is, in the words of RFC 2119; ``practice`` is what clients need."""

    MUST = "must"
    SHOULD = "should"
    MAY = "may"
    PRACTICE = "practice"


class Verdict(StrEnum):
    """The outcome of a requirement. Order matters: the later one of two findings wins over the earlier."""

    NOT_CHECKED = "not_checked"
    NOT_APPLICABLE = "not_applicable"
    PASS = "pass"  # noqa: S105 - the verdict of a report, not a password
    WARN = "warn"
    FAIL = "fail"


_RANK = {verdict: rank for rank, verdict in enumerate(Verdict)}


def worst(verdicts: Iterator[Verdict]) -> Verdict:
    """The gravest of several verdicts; ``NOT_CHECKED`` where there is none."""
    return max(verdicts, key=_RANK.__getitem__, default=Verdict.NOT_CHECKED)


@dataclass(frozen=True, slots=True)
class Finding:
    """One observation about the service: what was asked, what came back, and why it counts."""

    verdict: Verdict
    message: str
    request: str | None = None
    answer: str | None = None


@dataclass(frozen=True, slots=True)
class Requirement:
    """A rule that a service promises to keep, under the id it is cited by."""

    id: str
    title: str
    clause: str
    level: Level
    service: str


CheckFunction = Callable[["Service"], Iterator[Finding]]


@dataclass(frozen=True, slots=True)
class Check:
    """A requirement and the function that judges it."""

    requirement: Requirement
    function: CheckFunction


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdict on one requirement with the findings behind it and the time it took in seconds."""

    requirement: Requirement
    verdict: Verdict
    findings: tuple[Finding, ...]
    seconds: float


def requirement(id: str, *, clause: str, level: Level, service: str) -> Callable[[CheckFunction], Check]:
    """Register a function as the check of a requirement; the first line of its docstring is the title.

    A SHOULD or practice that is not kept is reported as a warning by the runner.
    """

    def register(function: CheckFunction) -> Check:
        title = (function.__doc__ or "").strip().split("\n")[0].rstrip(".")
        if not title:
            raise ValueError(f"check {id} has no docstring to take its title from")
        return Check(Requirement(id, title, clause, level, service), function)

    return register
