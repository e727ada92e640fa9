"""SODA 1.0: cut-outs at ``/soda/sync`` of the service, judged by a data set of its own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from conformance.endpoints import availability_is_told, is_declared, where_served
from conformance.findings import judged
from conformance.model import Check, Finding, Level, requirement
from conformance.samples import Sample
from conformance.service import Answer, Service, rows_of

WORDS = re.compile(
    rb"(Error|AuthenticationError|AuthorizationError|ServiceUnavailable|UsageError"
    rb"|MultiValuedParamNotSupported)\b"
)
_STANDARD = re.compile(r"ivo://ivoa\.net/std/soda#a?sync-1\.0", re.IGNORECASE)
_ROWS = (
    "SELECT TOP 20 obs_publisher_did, s_ra, s_dec FROM ivoa.obscore "
    "WHERE s_ra IS NOT NULL AND s_dec IS NOT NULL AND access_estsize IS NOT NULL ORDER BY access_estsize"
)
_RADIUS = "0.0003"  # degrees: small at any service
_where_there_is_one = where_served("soda/capabilities", "/soda")


@dataclass(frozen=True, slots=True)
class _Place:
    """A data set that can be cut, and a circle in it."""

    did: str
    lon: float
    lat: float

    @property
    def circle(self) -> str:
        return f"{self.lon!r} {self.lat!r} {_RADIUS}"

    @property
    def elsewhere(self) -> str:
        """The other side of the sky."""
        return f"{(self.lon + 180.0) % 360.0!r} {-self.lat!r} {_RADIUS}"


def _ask(service: Service, *pairs: tuple[str, str]) -> Answer:
    return service.get("soda/sync", pairs)


def _is_cut(answer: Answer) -> bool:
    return answer.status == 200 and answer.body.startswith(b"SIMPLE ")


def _place(service: Service) -> _Place | None:
    """The first of some data sets that anybody gets pixels of."""
    for row in rows_of(service.query(_ROWS)):
        place = _Place(str(row["obs_publisher_did"]), float(str(row["s_ra"])), float(str(row["s_dec"])))
        if _is_cut(_ask(service, ("ID", place.did), ("CIRCLE", place.circle))):
            return place
    return None


_CUT = Sample("a place to cut", _place, "no data set of ivoa.obscore is cut", _where_there_is_one)


def _is_told(answer: Answer, word: bytes = b"") -> bool:
    """Whether an answer is an error in text, behind a word of the standard's."""
    return answer.status >= 400 and WORDS.match(answer.body) is not None and answer.body.startswith(word)


@requirement("SODA-004", clause="SODA 1.0, 2.5", level=Level.MUST, service="soda")
@_where_there_is_one
def endpoints_are_declared(service: Service) -> Iterator[Finding]:
    """The capabilities declare sync or async, each with a ParamHTTP interface of role std"""
    yield from is_declared(service, "soda/capabilities", _STANDARD, "SODA's sync or async")


@requirement("SODA-005", clause="SODA 1.0, 2.4", level=Level.MUST, service="soda")
@_where_there_is_one
def availability_is_a_document(service: Service) -> Iterator[Finding]:
    """Availability is a VOSI document that says true or false"""
    yield availability_is_told(service, "soda/availability")


@requirement("SODA-015", clause="SODA 1.0, 3.2.1", level=Level.PRACTICE, service="soda")
@_CUT.where_found
def an_id_is_needed(service: Service) -> Iterator[Finding]:
    """Without an ID, or with one that nobody has, the answer is a UsageError"""
    circle = ("CIRCLE", _CUT.of(service).circle)
    unknown = ("ID", f"ivo://example.invalid/nothing?{service.number}")
    for what, answer in (
        ("no ID", _ask(service, circle)),
        ("an unknown ID", _ask(service, unknown, circle)),
    ):
        yield judged(_is_told(answer, b"UsageError"), f"{what} is a UsageError", answer)
        yield judged(answer.status in (400, 404), f"{what} has status 400 or 404", answer)


@requirement("SODA-014", clause="DALI 1.1, 4.1", level=Level.MUST, service="soda")
@_CUT.where_found
def names_in_any_case(service: Service) -> Iterator[Finding]:
    """Parameter names are read in any case"""
    place = _CUT.of(service)
    answer = _ask(service, ("iD", place.did), ("cIrClE", place.circle))
    yield judged(_is_cut(answer), "iD and cIrClE give a cut-out", answer)
    answer = _ask(service, ("Id", place.did), ("circle", place.elsewhere))
    yield judged(answer.status == 204, "circle is not passed over", answer)


@requirement("SODA-011", clause="SODA 1.0, 3.1", level=Level.MUST, service="soda")
@_CUT.where_found
def repeated_values_are_not_passed_over(service: Service) -> Iterator[Finding]:
    """Two values of CIRCLE are both heeded, or refused with MultiValuedParamNotSupported"""
    place = _CUT.of(service)
    circles = ("CIRCLE", place.circle), ("CIRCLE", place.elsewhere)
    for pairs in (circles, circles[::-1]):
        answer = _ask(service, ("ID", place.did), *pairs)
        refused = _is_told(answer, b"MultiValuedParamNotSupported")
        several = answer.status == 200 and not _is_cut(answer)  # a package of several results
        yield judged(refused or several, "neither of two circles stands for both", answer)


@requirement("SODA-050", clause="SODA 1.0, 5.1", level=Level.MUST, service="soda")
@_CUT.where_found
def nothing_in_common(service: Service) -> Iterator[Finding]:
    """Where a data set has nothing of what is asked for, sync answers 204 without a body"""
    place = _CUT.of(service)
    for pair in (("CIRCLE", place.elsewhere), ("POS", f"CIRCLE {place.elsewhere}")):
        answer = _ask(service, ("ID", place.did), pair)
        yield judged(answer.status == 204 and not answer.body, f"{pair[0]} far away is 204", answer)


@requirement("SODA-054", clause="SODA 1.0, 5.2", level=Level.MUST, service="soda")
@_CUT.where_found
def errors_begin_with_a_word(service: Service) -> Iterator[Finding]:
    """Texts of errors begin with a word of the standard's"""
    did = ("ID", _CUT.of(service).did)
    for name, value in (("CIRCLE", "1 2"), ("CIRCLE", "1 91 1"), ("POS", "BOX 1 2 3 4"), ("BAND", "2 1")):
        answer = _ask(service, did, (name, value))
        yield judged(_is_told(answer), f"{name}={value} is refused with such a text", answer)


CHECKS: tuple[Check, ...] = (
    endpoints_are_declared,
    availability_is_a_document,
    an_id_is_needed,
    names_in_any_case,
    repeated_values_are_not_passed_over,
    nothing_in_common,
    errors_begin_with_a_word,
)
