"""DataLink 1.1: {links} at ``/datalink/sync`` of the service, judged by identifiers of its own rows."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import wraps
from urllib.parse import urlsplit

from lxml import etree

from conformance.endpoints import local_type, where_served
from conformance.evidence import is_capabilities, is_error_document
from conformance.findings import failed, judged, not_applicable, not_checked, passed
from conformance.model import Check, CheckFunction, Finding, Level, requirement
from conformance.service import Answer, Service, rows_of

FAULT = re.compile(r"(NotFoundFault|UsageFault|TransientFault|FatalFault|DefaultFault)\b")
CORE = frozenset(
    "this progenitor derivation auxiliary weight error noise calibration bias dark flat preview "
    "preview-image preview-plot thumbnail proc cutout documentation detached-header coderived "
    "counterpart package".split()
)
_SYNC = "datalink/sync"
_STANDARD = re.compile(r"ivo://ivoa\.net/std/datalink#links-1\.\d", re.IGNORECASE)
_WAYS = ("access_url", "service_def", "error_message")
_FIELDS = {  # name: datatype, unit (DataLink 1.1, 3.2)
    "ID": ("char", None),
    "access_url": ("char", None),
    "service_def": ("char", None),
    "error_message": ("char", None),
    "description": ("char", None),
    "semantics": ("char", None),
    "content_type": ("char", None),
    "content_length": ("long", "byte"),
}
_VOTABLES = ("application/x-votable+xml", "text/xml")
_ROWS = (
    "SELECT TOP 3 obs_publisher_did FROM ivoa.obscore "
    "WHERE access_estsize IS NOT NULL AND obs_publisher_did IS NOT NULL ORDER BY access_estsize"
)
_FETCHED = 5  # of the smallest files, to see how large they are
_LARGEST = 2_000_000  # bytes of one
_where_there_is_one = where_served(_SYNC, "/datalink")

Cells = Mapping[str, str]


def _ids(service: Service) -> list[str]:
    """Identifiers of some rows; asked for once."""
    found = service.remember(
        "identifiers for links",
        lambda: [str(row["obs_publisher_did"]) for row in rows_of(service.query(_ROWS))],
    )
    return list(found)


def _nobody(service: Service) -> str:
    return f"ivo://example.invalid/nothing?{service.number}"


def _links(service: Service) -> Answer:
    """Links of some identifiers and of one that nobody has; asked for once."""
    pairs = [("ID", each) for each in (*_ids(service), _nobody(service))]
    return service.remember("links", lambda: service.post(_SYNC, pairs))


def _cells(answer: Answer) -> list[Cells]:
    """The rows of a table in TABLEDATA; empty cells are empty texts. Raises ValueError for no such table."""
    try:
        root = answer.xml()
    except etree.XMLSyntaxError as error:
        raise ValueError("no XML") from error
    names = [str(one.get("name")) for one in root.iter("{*}FIELD")]
    rows = [["".join(map(str, cell.itertext())) for cell in row] for row in root.iter("{*}TR")]
    return [dict(zip(names, row, strict=True)) for row in rows]


def _descriptors(answer: Answer) -> list[etree._Element]:
    return [one for one in answer.xml().iter("{*}RESOURCE") if one.get("utype") == "adhoc:service"]


def _group(descriptor: etree._Element) -> etree._Element | None:
    found = (one for one in descriptor.iter("{*}GROUP") if one.get("name") == "inputParams")
    return next(found, None)


def _where_there_are_rows(function: CheckFunction) -> CheckFunction:
    """Judge only where there are links of data sets: an empty table breaks no rule."""

    @wraps(function)
    def judge(service: Service) -> Iterator[Finding]:
        answer = _links(service)
        try:
            rows = _cells(answer)
        except ValueError:
            yield failed("links of several identifiers are no table in TABLEDATA", answer)
            return
        if not _ids(service) or not any(row.get("access_url") for row in rows):
            yield not_checked("no row of ivoa.obscore has links here, so that this says nothing")
        else:
            yield from function(service)

    return _where_there_is_one(judge)


@requirement("DL-001", clause="DataLink 1.1, 2", level=Level.MUST, service="datalink")
@_where_there_are_rows
def both_methods_are_answered(service: Service) -> Iterator[Finding]:
    """GET and POST are answered alike"""
    first = _ids(service)[0]
    answers = service.get(_SYNC, {"ID": first}), service.post(_SYNC, {"ID": first})
    rows = [_cells(answer) for answer in answers]
    for answer, found in zip(answers, rows, strict=True):
        yield judged(answer.status == 200 and bool(found), "an identifier has links", answer)
    yield judged(rows[0] == rows[1], "both methods give the same links", answers[1])


@requirement("DL-003", clause="DataLink 1.1, 2.1.1", level=Level.MUST, service="datalink")
@_where_there_are_rows
def each_identifier_is_answered(service: Service) -> Iterator[Finding]:
    """ID may be repeated, and each of its values has a row at least"""
    answer = _links(service)
    told = {row["ID"] for row in _cells(answer)}
    for name in (*_ids(service), _nobody(service)):
        yield judged(name in told, f"{name} has a row", answer)


@requirement("DL-004", clause="DataLink 1.1, 2.1.1", level=Level.MUST, service="datalink")
@_where_there_is_one
def nothing_asked_nothing_told(service: Service) -> Iterator[Finding]:
    """Without an ID the answer is a table without rows"""
    answer = service.get(_SYNC)
    try:
        fields = len(list(answer.xml().iter("{*}FIELD")))
        is_empty = answer.status == 200 and fields >= len(_FIELDS) and not _cells(answer)
    except (etree.XMLSyntaxError, ValueError):
        is_empty = False
    yield judged(is_empty, "no ID gives all fields and no rows", answer)


@requirement("DL-008", clause="DataLink 1.1, 2.1.2", level=Level.MUST, service="datalink")
@_where_there_are_rows
def votable_by_all_its_names(service: Service) -> Iterator[Finding]:
    """votable and the media types of VOTable are formats of RESPONSEFORMAT"""
    first = _ids(service)[0]
    names = ("votable", "application/x-votable+xml", "application/x-votable+xml;content=datalink", "text/xml")
    for name in names:
        answer = service.get(_SYNC, {"ID": first, "RESPONSEFORMAT": name})
        try:
            works = answer.status == 200 and bool(_cells(answer))
        except ValueError:
            works = False
        yield judged(works, f"{name} is answered with rows in TABLEDATA", answer)
        if name == "text/xml":
            yield judged(answer.media_type == name, f"{name} is answered as {name}", answer)


@requirement("DL-010", clause="DALI 1.1, 4.1", level=Level.MUST, service="datalink")
@_where_there_are_rows
def names_in_any_case(service: Service) -> Iterator[Finding]:
    """Parameter names are read in any case"""
    first = _ids(service)[0]
    for name in ("id", "iD"):
        answer = service.get(_SYNC, {name: first})
        yield judged(any(row["ID"] == first for row in _cells(answer)), f"{name} is heard", answer)


@requirement("DL-021", clause="DataLink 1.1, 3.3.1", level=Level.MUST, service="datalink")
@_where_there_are_rows
def the_standard_is_named(service: Service) -> Iterator[Finding]:
    """The results say by an INFO that they are links of version 1.1"""
    answer = _links(service)
    told = [value for value, _ in answer.info("standardID")]
    yield judged(any(map(_STANDARD.fullmatch, told)), "INFO standardID is that of links", answer)


@requirement("DL-022", clause="DALI 1.1, 4.4", level=Level.MUST, service="datalink")
@_where_there_are_rows
def the_status_is_told(service: Service) -> Iterator[Finding]:
    """QUERY_STATUS stands in front of the table"""
    answer = _links(service)
    told = [
        one.get("value")
        for table in answer.xml().iter("{*}TABLE")
        for one in table.itersiblings("{*}INFO", preceding=True)
        if one.get("name") == "QUERY_STATUS"
    ]
    yield judged(told == ["OK"], "QUERY_STATUS is OK before the table", answer)


@requirement("DL-023", clause="DataLink 1.1, 3.2", level=Level.MUST, service="datalink")
@_where_there_are_rows
def the_columns_are_there(service: Service) -> Iterator[Finding]:
    """All required columns are there, with their types and units"""
    answer = _links(service)
    found = {one.get("name"): one for one in answer.xml().iter("{*}FIELD")}
    for name, (datatype, unit) in _FIELDS.items():
        one = found.get(name)
        holds = (
            one is not None and one.get("datatype") == datatype and (unit is None or one.get("unit") == unit)
        )
        yield judged(holds, f"column {name} is {datatype}{f' in {unit}' if unit else ''}", answer)


@requirement("DL-024", clause="DataLink 1.1, 3.2", level=Level.MUST, service="datalink")
@_where_there_are_rows
def one_of_three(service: Service) -> Iterator[Finding]:
    """Each row has exactly one of access_url, service_def and error_message"""
    answer = _links(service)
    for row in _cells(answer):
        if sum(bool(row.get(name)) for name in _WAYS) != 1:
            yield failed(f"a row of {row.get('ID')} with {row.get('semantics')} has another number", answer)
            return
    yield passed("each row has one", answer)


@requirement("DL-025", clause="DataLink 1.1, 3.2", level=Level.MUST, service="datalink")
@_where_there_are_rows
def rows_stay_together(service: Service) -> Iterator[Finding]:
    """The rows of one identifier are consecutive"""
    answer = _links(service)
    order: list[str] = []
    for row in _cells(answer):
        if not order or order[-1] != row["ID"]:
            order.append(row["ID"])
    yield judged(len(set(order)) == len(order), "no identifier comes twice", answer)


@requirement("DL-031", clause="DataLink 1.1, 3.2.1", level=Level.MUST, service="datalink")
@_where_there_is_one
def identifiers_come_back(service: Service) -> Iterator[Finding]:
    """Column ID is what was sent, to the letter"""
    for text in (f"A+b%c&d?e#f {service.number}", f"IVO://Example.invalid/X?{service.number}"):
        answer = service.post(_SYNC, {"ID": text})
        try:
            told = {row.get("ID") for row in _cells(answer)}
        except ValueError:
            told = set()
        yield judged(told == {text}, f"{text!r} comes back as it is", answer)


@requirement("DL-032", clause="DataLink 1.1, 3.2.2", level=Level.MUST, service="datalink")
@_where_there_are_rows
def addresses_are_complete(service: Service) -> Iterator[Finding]:
    """Each access_url is an absolute and encoded address"""
    answer = _links(service)
    for row in _cells(answer):
        url = row["access_url"]
        if url and (not urlsplit(url).scheme or re.search(r"[\s<>\"{}|\\^`]", url)):
            yield failed(f"{url!r} is none", answer)
            return
    yield passed("each address is one", answer)


@requirement("DL-034", clause="DataLink 1.1, 3.2.3", level=Level.MUST, service="datalink")
@_where_there_are_rows
def services_are_described(service: Service) -> Iterator[Finding]:
    """Each service_def is the ID of one RESOURCE of the document"""
    answer = _links(service)
    described = [one.get("ID") for one in _descriptors(answer)]
    named = {row["service_def"] for row in _cells(answer)} - {""}
    if not named:
        yield not_checked("no row has a service_def, so that this says nothing")
    for name in sorted(named):
        yield judged(described.count(name) == 1, f"{name} is described once", answer)


@requirement("DL-036", clause="DataLink 1.1, 3.2.4, 3.4", level=Level.MUST, service="datalink")
@_where_there_are_rows
def unknown_identifiers_are_told(service: Service) -> Iterator[Finding]:
    """An identifier that nobody has gets a row with its error and semantics, among good ones"""
    answer = _links(service)
    rows = [row for row in _cells(answer) if row["ID"] == _nobody(service)]
    yield judged(answer.status == 200, "the others are answered with status 200", answer)
    yield judged(bool(rows), "it has a row", answer)
    for row in rows:
        yield judged(FAULT.match(row["error_message"]) is not None, "its error begins with a fault", answer)
        yield judged(bool(row["semantics"]), "it has semantics", answer)


@requirement("DL-038", clause="DataLink 1.1, 3.2.6", level=Level.MUST, service="datalink")
@_where_there_are_rows
def terms_are_of_the_vocabulary(service: Service) -> Iterator[Finding]:
    """Semantics are terms of datalink/core with their hash, or whole addresses"""
    answer = _links(service)
    for term in sorted({row["semantics"] for row in _cells(answer)}):
        own = term.startswith("#") and term[1:] in CORE
        elsewhere = bool(urlsplit(term).scheme) and "rdf/datalink/core#" not in term
        yield judged(own or elsewhere, f"{term!r} is a term", answer)


@requirement("DL-043", clause="DataLink 1.1, 3.2.8", level=Level.MUST, service="datalink")
@_where_there_are_rows
def sizes_are_right(service: Service) -> Iterator[Finding]:
    """content_length is the size of what comes"""
    sizes = {
        row["access_url"]: int(row["content_length"])
        for row in _cells(_links(service))
        if row["access_url"] and row["content_length"].isdigit()
    }
    seen = 0
    for url, size in sorted(sizes.items(), key=lambda each: each[1])[:_FETCHED]:
        if size > _LARGEST:
            break
        answer = service.get(url)
        if answer.status == 200:
            seen += 1
            yield judged(len(answer.body) == size, f"there are {size} bytes at {url}", answer)
    if not seen:
        yield not_checked("no size could be compared, so that this says nothing")


@requirement("DL-064", clause="DataLink 1.1, 3.4", level=Level.MUST, service="datalink")
@_where_there_are_rows
def failures_are_told(service: Service) -> Iterator[Finding]:
    """The failure of a whole request is an error document that begins with a fault"""
    answer = service.get(_SYNC, {"ID": _ids(service)[0], "RESPONSEFORMAT": "application/x-nonsense"})
    yield judged(is_error_document(answer), "an unknown format is an error document", answer)
    if answer.media_type in _VOTABLES:
        texts = [text for value, text in answer.info("QUERY_STATUS") if value == "ERROR"]
    else:
        texts = [answer.excerpt]
    holds = bool(texts) and FAULT.match(texts[0].strip()) is not None
    yield judged(holds, "its text begins with one of the words for faults", answer)


@requirement("DL-068", clause="DataLink 1.1, 2.2", level=Level.MUST, service="datalink")
@_where_there_is_one
def links_are_declared(service: Service) -> Iterator[Finding]:
    """Where links are declared, their interface is a ParamHTTP one"""
    answer = service.get("datalink/capabilities")
    if not is_capabilities(answer):
        yield not_applicable("there are no /datalink/capabilities")
        return
    found = [one for one in answer.xml() if _STANDARD.fullmatch(str(one.get("standardID", "")))]
    yield judged(bool(found), "a capability has the standardID of links", answer)
    for one in found:
        types = {local_type(each) for each in one.iter("interface")}
        yield judged(types == {"ParamHTTP"}, f"{one.get('standardID')} is a vs:ParamHTTP", answer)


@requirement("DL-090", clause="DataLink 1.1, 4", level=Level.MUST, service="datalink")
@_where_there_are_rows
def descriptors_can_be_called(service: Service) -> Iterator[Finding]:
    """Each descriptor has an accessURL and a group of inputs, whose references lead to columns"""
    answer = _links(service)
    fields = {one.get("ID") for one in answer.xml().iter("{*}FIELD")}
    descriptors = _descriptors(answer)
    if not descriptors:
        yield not_checked("no service is described, so that this says nothing")
    for one in descriptors:
        name = one.get("ID") or one.get("name")
        told = [each.get("value") for each in one.findall("{*}PARAM") if each.get("name") == "accessURL"]
        yield judged(len(told) == 1 and bool(told[0]), f"{name} has an accessURL", answer)
        group = _group(one)
        yield judged(group is not None, f"{name} has a group inputParams", answer)
        inputs = [] if group is None else group.findall("{*}PARAM")
        refs = {each.get("ref") for each in inputs} - {None}
        yield judged(refs <= fields, f"the references of {name} lead to columns", answer)
        names = [each.get("name") for each in inputs]
        yield judged(len(set(names)) == len(names), f"{name} has each input once", answer)


CHECKS: tuple[Check, ...] = (
    both_methods_are_answered,
    each_identifier_is_answered,
    nothing_asked_nothing_told,
    votable_by_all_its_names,
    names_in_any_case,
    the_standard_is_named,
    the_status_is_told,
    the_columns_are_there,
    one_of_three,
    rows_stay_together,
    identifiers_come_back,
    addresses_are_complete,
    services_are_described,
    unknown_identifiers_are_told,
    terms_are_of_the_vocabulary,
    sizes_are_right,
    failures_are_told,
    links_are_declared,
    descriptors_can_be_called,
)
