"""A publishing registry: OAI-PMH 2.0 as the IVOA's Registry Interfaces have it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import wraps

from lxml import etree

from conformance.endpoints import named_type
from conformance.findings import failed, judged, not_applicable
from conformance.model import Check, CheckFunction, Finding, Level, requirement
from conformance.service import Answer, Service

OAI = "{http://www.openarchives.org/OAI/2.0/}"
RESOURCE = "{http://www.ivoa.net/xml/RegistryInterface/v1.0}Resource"
VG = "{http://www.ivoa.net/xml/VORegistry/v1.0}"
_UTC = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
_MANAGED = {"verb": "ListRecords", "metadataPrefix": "ivo_vor", "set": "ivo_managed"}


def _ask(service: Service, **params: str) -> Answer:
    return service.get("registry", params)


def _where_there_is_one(function: CheckFunction) -> CheckFunction:
    """Judge only where something answers at ``/registry`` of the service."""

    @wraps(function)
    def judge(service: Service) -> Iterator[Finding]:
        answer = _ask(service, verb="Identify")
        if answer.status == 404:
            yield not_applicable("there is no /registry here")
        elif answer.xml().tag != f"{OAI}OAI-PMH":
            yield failed("/registry is no OAI-PMH", answer)
        else:
            yield from function(service)

    return judge


def _records(service: Service) -> list[etree._Element]:
    """All records that the registry manages, over all parts of the list."""
    answer = _ask(service, **_MANAGED)
    found: list[etree._Element] = []
    for _ in range(1000):
        root = answer.xml()
        found.extend(root.iter(f"{OAI}record"))
        token = (root.findtext(f".//{OAI}resumptionToken") or "").strip()
        if not token:
            break
        answer = _ask(service, verb="ListRecords", resumptionToken=token)
    return found


@requirement("REG-002", clause="OAI-PMH 2.0, 4", level=Level.MUST, service="registry")
@_where_there_is_one
def all_verbs_answer(service: Service) -> Iterator[Finding]:
    """All six verbs answer"""
    one = next((r.findtext(f".//{OAI}identifier") or "" for r in _records(service)), "")
    for verb, more in (
        ("Identify", {}),
        ("ListMetadataFormats", {}),
        ("ListSets", {}),
        ("ListIdentifiers", {"metadataPrefix": "oai_dc"}),
        ("ListRecords", {"metadataPrefix": "oai_dc"}),
        ("GetRecord", {"metadataPrefix": "ivo_vor", "identifier": one}),
    ):
        answer = _ask(service, verb=verb, **more)
        named = answer.xml().find(f"{OAI}{verb}") is not None
        yield judged(answer.status == 200 and named, f"{verb} is answered by its element", answer)
        yield judged(answer.media_type == "text/xml", f"{verb} is text/xml", answer)


@requirement("REG-020", clause="OAI-PMH 2.0, 4.2", level=Level.MUST, service="registry")
@_where_there_is_one
def identify_says_all(service: Service) -> Iterator[Finding]:
    """Identify has what it must, and the registry's own record"""
    answer = _ask(service, verb="Identify")
    root = answer.xml().find(f"{OAI}Identify")
    names = [] if root is None else [etree.QName(child).localname for child in root]
    for name in ("repositoryName", "baseURL", "adminEmail", "earliestDatestamp", "deletedRecord"):
        yield judged(name in names, f"it has {name}", answer)
    if root is None:
        return
    yield judged(root.findtext(f"{OAI}protocolVersion") == "2.0", "its protocol is 2.0", answer)
    granularity = root.findtext(f"{OAI}granularity")
    yield judged(granularity == "YYYY-MM-DDThh:mm:ssZ", f"its granularity is {granularity}", answer)
    own = root.find(f"{OAI}description/{RESOURCE}")
    yield judged(
        own is not None and named_type(own) == f"{VG}Registry",
        "its description is its own vg:Registry record",
        answer,
    )


@requirement("REG-006", clause="OAI-PMH 2.0, 3.6", level=Level.MUST, service="registry")
@_where_there_is_one
def errors_have_their_codes(service: Service) -> Iterator[Finding]:
    """Mistakes are answered with 200 and the code that OAI-PMH has for them"""
    for code, params in (
        ("badVerb", {}),
        ("badVerb", {"verb": "Nonsense"}),
        ("badArgument", {"verb": "Identify", "more": "1"}),
        ("badArgument", {"verb": "ListRecords"}),
        ("cannotDisseminateFormat", {"verb": "ListRecords", "metadataPrefix": "nonsense"}),
        (
            "idDoesNotExist",
            {"verb": "GetRecord", "metadataPrefix": "ivo_vor", "identifier": "ivo://x.y/none"},
        ),
        ("badResumptionToken", {"verb": "ListRecords", "resumptionToken": "nonsense"}),
        ("noRecordsMatch", {"verb": "ListRecords", "metadataPrefix": "ivo_vor", "from": "2999-01-01"}),
    ):
        answer = _ask(service, **params)
        codes = [error.get("code") for error in answer.xml().iter(f"{OAI}error")]
        yield judged(answer.status == 200 and codes == [code], f"{params}: {code} (found {codes})", answer)


@requirement("REG-026", clause="Registry Interfaces 1.1, 3.1.2", level=Level.MUST, service="registry")
@_where_there_is_one
def both_prefixes_are_there(service: Service) -> Iterator[Finding]:
    """Records come as oai_dc and as ivo_vor"""
    answer = _ask(service, verb="ListMetadataFormats")
    named = {e.text for e in answer.xml().iter(f"{OAI}metadataPrefix")}
    yield judged({"oai_dc", "ivo_vor"} <= named, f"formats are {named}", answer)


@requirement("REG-027", clause="Registry Interfaces 1.1, 3.1.6", level=Level.MUST, service="registry")
@_where_there_is_one
def the_managed_set_is_there(service: Service) -> Iterator[Finding]:
    """There is the set ivo_managed, and its records say so"""
    answer = _ask(service, verb="ListSets")
    named = [e.text for e in answer.xml().iter(f"{OAI}setSpec")]
    yield judged("ivo_managed" in named, f"sets are {named}", answer)
    for record in _records(service):
        sets = [e.text for e in record.iter(f"{OAI}setSpec")]
        yield judged("ivo_managed" in sets, f"{record.findtext(f'.//{OAI}identifier')} is in {sets}")


@requirement("REG-041", clause="Registry Interfaces 1.1, 3.1.3", level=Level.MUST, service="registry")
@_where_there_is_one
def headers_fit_their_records(service: Service) -> Iterator[Finding]:
    """The identifier of a record is that of its header; datestamps are UTC to the second"""
    records = _records(service)
    yield judged(bool(records), f"there are records ({len(records)})")
    for record in records:
        header = record.find(f"{OAI}header")
        stamp = "" if header is None else header.findtext(f"{OAI}datestamp") or ""
        name = "" if header is None else header.findtext(f"{OAI}identifier") or ""
        yield judged(bool(_UTC.fullmatch(stamp)), f"{name} has the datestamp {stamp}")
        if header is not None and header.get("status") == "deleted":
            continue
        resource = record.find(f"{OAI}metadata/{RESOURCE}")
        inner = "" if resource is None else resource.findtext("identifier") or ""
        yield judged(inner == name != "", f"{name} holds the record of {inner}")


@requirement("REG-051", clause="Registry Interfaces 1.1, 3.1.4", level=Level.MUST, service="registry")
@_where_there_is_one
def the_registry_knows_itself(service: Service) -> Iterator[Finding]:
    """The registry's own record and that of each authority are among those it manages"""
    resources = [r for record in _records(service) for r in record.iter(RESOURCE)]
    kinds = {(r.findtext("identifier") or ""): named_type(r) for r in resources}
    yield judged(f"{VG}Registry" in kinds.values(), f"kinds of records are {sorted(set(kinds.values()))}")
    for authority in {name.removeprefix("ivo://").partition("/")[0] for name in kinds}:
        yield judged(
            kinds.get(f"ivo://{authority}") == f"{VG}Authority", f"ivo://{authority} is an Authority record"
        )


CHECKS: tuple[Check, ...] = (
    all_verbs_answer,
    identify_says_all,
    errors_have_their_codes,
    both_prefixes_are_there,
    the_managed_set_is_there,
    headers_fit_their_records,
    the_registry_knows_itself,
)
