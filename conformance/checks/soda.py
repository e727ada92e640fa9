"""SODA 1.0: cut-outs at ``/soda/sync`` of the service, judged by a data set of its own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import wraps

from lxml import etree

from conformance.checks.vosi import AVAILABILITY, XSI_TYPE
from conformance.evidence import is_capabilities
from conformance.findings import failed, judged, not_applicable, not_checked
from conformance.model import Check, CheckFunction, Finding, Level, requirement
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
    """The first of some data sets that anybody gets pixels of; asked for once."""

    def find() -> _Place | None:
        for row in rows_of(service.query(_ROWS)):
            place = _Place(str(row["obs_publisher_did"]), float(str(row["s_ra"])), float(str(row["s_dec"])))
            if _is_cut(_ask(service, ("ID", place.did), ("CIRCLE", place.circle))):
                return place
        return None

    return service.remember("a place to cut", find)


def _where_there_is_one(function: CheckFunction) -> CheckFunction:
    """Judge only where something answers at ``/soda`` of the service."""

    @wraps(function)
    def judge(service: Service) -> Iterator[Finding]:
        if service.get("soda/capabilities").status == 404:
            yield not_applicable("there is no /soda here")
        else:
            yield from function(service)

    return judge


def _where_cuts_work(function: CheckFunction) -> CheckFunction:
    """Judge only where a sound cut-out is answered: refusals say nothing else."""

    @wraps(function)
    def judge(service: Service) -> Iterator[Finding]:
        if _place(service) is None:
            yield not_checked("no data set of ivoa.obscore is cut here, so that this says nothing")
        else:
            yield from function(service)

    return _where_there_is_one(judge)


def _sound(service: Service) -> _Place:
    place = _place(service)
    if place is None:
        raise ValueError("asked for where there is none")
    return place


def _is_told(answer: Answer, word: bytes = b"") -> bool:
    """Whether an answer is an error in text, behind a word of the standard's."""
    return answer.status >= 400 and WORDS.match(answer.body) is not None and answer.body.startswith(word)


@requirement("SODA-004", clause="SODA 1.0, 2.5", level=Level.MUST, service="soda")
@_where_there_is_one
def endpoints_are_declared(service: Service) -> Iterator[Finding]:
    """The capabilities declare sync or async, each with a ParamHTTP interface of role std"""
    answer = service.get("soda/capabilities")
    if not is_capabilities(answer):
        yield failed("/soda/capabilities are no capabilities", answer)
        return
    endpoints = [one for one in answer.xml() if _STANDARD.fullmatch(str(one.get("standardID", "")))]
    yield judged(bool(endpoints), "a capability has the standardID of SODA's sync or async", answer)
    for endpoint in endpoints:
        types = [
            str(one.get(XSI_TYPE, "")).split(":")[-1]
            for one in endpoint.iter("interface")
            if one.get("role") == "std"
        ]
        yield judged(
            bool(types) and set(types) == {"ParamHTTP"},
            f"the interface of {endpoint.get('standardID')} with role std is vs:ParamHTTP",
            answer,
        )


@requirement("SODA-005", clause="SODA 1.0, 2.4", level=Level.MUST, service="soda")
@_where_there_is_one
def availability_is_told(service: Service) -> Iterator[Finding]:
    """Availability is a VOSI document that says true or false"""
    answer = service.get("soda/availability")
    try:
        available = answer.xml().findtext(AVAILABILITY + "available")
    except etree.XMLSyntaxError:
        available = None
    yield judged(answer.status == 200 and available in ("true", "false"), "it says true or false", answer)


@requirement("SODA-015", clause="SODA 1.0, 3.2.1", level=Level.PRACTICE, service="soda")
@_where_cuts_work
def an_id_is_needed(service: Service) -> Iterator[Finding]:
    """Without an ID, or with one that nobody has, the answer is a UsageError"""
    circle = ("CIRCLE", _sound(service).circle)
    unknown = ("ID", f"ivo://example.invalid/nothing?{service.number}")
    for what, answer in (
        ("no ID", _ask(service, circle)),
        ("an unknown ID", _ask(service, unknown, circle)),
    ):
        yield judged(_is_told(answer, b"UsageError"), f"{what} is a UsageError", answer)
        yield judged(answer.status in (400, 404), f"{what} has status 400 or 404", answer)


@requirement("SODA-014", clause="DALI 1.1, 4.1", level=Level.MUST, service="soda")
@_where_cuts_work
def names_in_any_case(service: Service) -> Iterator[Finding]:
    """Parameter names are read in any case"""
    place = _sound(service)
    answer = _ask(service, ("iD", place.did), ("cIrClE", place.circle))
    yield judged(_is_cut(answer), "iD and cIrClE give a cut-out", answer)
    answer = _ask(service, ("Id", place.did), ("circle", place.elsewhere))
    yield judged(answer.status == 204, "circle is not passed over", answer)


@requirement("SODA-011", clause="SODA 1.0, 3.1", level=Level.MUST, service="soda")
@_where_cuts_work
def repeated_values_are_not_passed_over(service: Service) -> Iterator[Finding]:
    """Two values of CIRCLE are both heeded, or refused with MultiValuedParamNotSupported"""
    place = _sound(service)
    circles = ("CIRCLE", place.circle), ("CIRCLE", place.elsewhere)
    for pairs in (circles, circles[::-1]):
        answer = _ask(service, ("ID", place.did), *pairs)
        refused = _is_told(answer, b"MultiValuedParamNotSupported")
        several = answer.status == 200 and not _is_cut(answer)  # a package of several results
        yield judged(refused or several, "neither of two circles stands for both", answer)


@requirement("SODA-050", clause="SODA 1.0, 5.1", level=Level.MUST, service="soda")
@_where_cuts_work
def nothing_in_common(service: Service) -> Iterator[Finding]:
    """Where a data set has nothing of what is asked for, sync answers 204 without a body"""
    place = _sound(service)
    for pair in (("CIRCLE", place.elsewhere), ("POS", f"CIRCLE {place.elsewhere}")):
        answer = _ask(service, ("ID", place.did), pair)
        yield judged(answer.status == 204 and not answer.body, f"{pair[0]} far away is 204", answer)


@requirement("SODA-054", clause="SODA 1.0, 5.2", level=Level.MUST, service="soda")
@_where_cuts_work
def errors_begin_with_a_word(service: Service) -> Iterator[Finding]:
    """Texts of errors begin with a word of the standard's"""
    did = ("ID", _sound(service).did)
    for name, value in (("CIRCLE", "1 2"), ("CIRCLE", "1 91 1"), ("POS", "BOX 1 2 3 4"), ("BAND", "2 1")):
        answer = _ask(service, did, (name, value))
        yield judged(_is_told(answer), f"{name}={value} is refused with such a text", answer)


CHECKS: tuple[Check, ...] = (
    endpoints_are_declared,
    availability_is_told,
    an_id_is_needed,
    names_in_any_case,
    repeated_values_are_not_passed_over,
    nothing_in_common,
    errors_begin_with_a_word,
)
