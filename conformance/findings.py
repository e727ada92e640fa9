"""Short words for findings, so that a check reads as what it says."""

from __future__ import annotations

from conformance.model import Finding, Verdict
from conformance.service import Answer


def passed(message: str, answer: Answer | None = None) -> Finding:
    """The requirement holds in this case."""
    return Finding(Verdict.PASS, message, answer.request if answer else None)


def failed(message: str, answer: Answer | None = None) -> Finding:
    """The requirement does not hold: says what was wrong and shows the answer."""
    return Finding(Verdict.FAIL, message, answer.request if answer else None, shown(answer))


def warned(message: str, answer: Answer | None = None) -> Finding:
    """Something that an operator should look at, though the requirement is not broken."""
    return Finding(Verdict.WARN, message, answer.request if answer else None, shown(answer))


def not_applicable(why: str) -> Finding:
    """The requirement does not concern this service."""
    return Finding(Verdict.NOT_APPLICABLE, why)


def not_checked(why: str) -> Finding:
    """Nothing could be said: a condition of the check was not met."""
    return Finding(Verdict.NOT_CHECKED, why)


def judged(holds: bool, message: str, answer: Answer | None = None) -> Finding:
    """``passed`` or ``failed`` with the same sentence, which states the requirement's case."""
    return passed(message, answer) if holds else failed(f"not so: {message}", answer)


def shown(answer: Answer | None) -> str | None:
    """Status, type and the beginning of the body."""
    return f"{answer.status} {answer.media_type}: {answer.excerpt}" if answer else None
