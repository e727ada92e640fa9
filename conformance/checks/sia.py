"""SIA 2.0: ``/sia2`` of the service, how it is asked and how it answers."""

from __future__ import annotations

import re
from collections.abc import Iterator

from lxml import etree

from conformance.columns import load_columns
from conformance.endpoints import availability_is_told, is_declared
from conformance.findings import judged
from conformance.images import (
    QUERY,
    SOME,
    SOUND,
    ask,
    error_text,
    found_in,
    where_images_are_sought,
)
from conformance.model import Check, Finding, Level, requirement
from conformance.service import Service

_STANDARD = re.compile(r"ivo://ivoa\.net/std/sia#query-2\.0", re.IGNORECASE)


@requirement("SIA-110", clause="SIA 2.0, 2.3", level=Level.MUST, service="sia")
@where_images_are_sought
def the_query_is_declared(service: Service) -> Iterator[Finding]:
    """The capabilities declare the query with a ParamHTTP interface of role std"""
    yield from is_declared(service, "sia2/capabilities", _STANDARD, "SIA's query")


@requirement("SIA-111", clause="SIA 2.0, 2.2", level=Level.MUST, service="sia")
@where_images_are_sought
def availability_is_declared(service: Service) -> Iterator[Finding]:
    """Availability is declared, and a VOSI document that says true or false"""
    declared = {str(one.get("standardID", "")).lower() for one in service.get("sia2/capabilities").xml()}
    for name in ("capabilities", "availability"):
        yield judged(f"ivo://ivoa.net/std/vosi#{name}" in declared, f"VOSI#{name} is declared")
    yield availability_is_told(service, "sia2/availability")


@requirement("SIA-006", clause="SIA 2.0, 2.1", level=Level.MUST, service="sia")
@SOUND.where_found
def no_constraint_is_needed(service: Service) -> Iterator[Finding]:
    """A request without a constraint is answered with rows"""
    answer = ask(service)
    yield judged(answer.status == 200 and bool(found_in(answer)), "the bare address gives rows", answer)


@requirement("SIA-003", clause="SIA 2.0, 2.1", level=Level.MUST, service="sia")
@SOUND.where_found
def three_transports(service: Service) -> Iterator[Finding]:
    """GET, POST of a form and POST of a multipart body give the same"""
    image = SOUND.of(service)
    form = {"ID": image.did}
    for what, answer in (
        ("GET", service.get(QUERY, form)),
        ("POST", service.post(QUERY, form)),
        ("multipart POST", service.post(QUERY, form, files={"unused": ("unused.txt", b"")})),
    ):
        yield judged(found_in(answer) == [image.did], f"{what} finds the row of its identifier", answer)


@requirement("SIA-004", clause="DALI 1.1, 4.1", level=Level.MUST, service="sia")
@SOUND.where_found
def names_in_any_case(service: Service) -> Iterator[Finding]:
    """Parameter names are read in any case, and their values count together"""
    image = SOUND.of(service)
    answer = ask(service, ("iD", image.did), ("Id", image.other), SOME)
    yield judged(set(found_in(answer)) == {image.did, image.other}, "iD and Id are one parameter", answer)


@requirement("SIA-071", clause="DALI 1.1, 4.4.1", level=Level.MUST, service="sia")
@SOUND.where_found
def overflow_is_told(service: Service) -> Iterator[Finding]:
    """MAXREC cuts rows, and OVERFLOW is told where it did"""
    image = SOUND.of(service)
    ids = ("ID", image.did), ("ID", image.other)
    for maxrec, cut in (("1", True), ("2", False)):
        answer = ask(service, *ids, ("MAXREC", maxrec))
        told = [value for value, _ in answer.info("QUERY_STATUS")]
        yield judged(
            len(found_in(answer)) == int(maxrec), f"MAXREC={maxrec} gives {maxrec} of 2 rows", answer
        )
        yield judged(("OVERFLOW" in told) is cut, f"OVERFLOW with MAXREC={maxrec}: {cut}", answer)


@requirement("SIA-072", clause="SIA 2.0, 2.1.18", level=Level.MUST, service="sia")
@SOUND.where_found
def metadata_alone(service: Service) -> Iterator[Finding]:
    """MAXREC=0 gives the columns and no rows"""
    answer = ask(service, ("MAXREC", "0"))
    fields = answer.table().fields if answer.status == 200 else []
    yield judged(len(fields) > 10 and not found_in(answer), "there are FIELDs and no rows", answer)


@requirement("SIA-074", clause="SIA 2.0, 3.1", level=Level.MUST, service="sia")
@SOUND.where_found
def the_results_are_one_table(service: Service) -> Iterator[Finding]:
    """The answer has one RESOURCE of results, with QUERY_STATUS in front of its one TABLE"""
    answer = ask(service, ("ID", SOUND.of(service).did))
    results = [one for one in answer.xml().iter("{*}RESOURCE") if one.get("type") == "results"]
    yield judged(len(results) == 1, "one RESOURCE is of type results", answer)
    for resource in results:
        names = [etree.QName(one).localname for one in resource]
        yield judged(names.count("TABLE") == 1, "it has one TABLE", answer)
        front = list(resource)[: names.index("TABLE")] if "TABLE" in names else []
        told = [one.get("value") for one in front if one.get("name") == "QUERY_STATUS"]
        yield judged(told[:1] in (["OK"], ["OVERFLOW"]), "QUERY_STATUS stands in front of it", answer)


@requirement("SIA-078", clause="SIA 2.0, 3.1", level=Level.MUST, service="sia")
@SOUND.where_found
def columns_are_those_of_obscore(service: Service) -> Iterator[Finding]:
    """The mandatory columns of ObsCore are there once each, with their units and utypes"""
    answer = ask(service, ("ID", SOUND.of(service).did))
    fields = list(answer.table().fields)
    for column in load_columns("obscore_columns"):
        if column.mandatory:
            found = [field for field in fields if field.name == column.name]
            told = [
                ((str(one.unit) if one.unit is not None else ""), str(one.utype or "").lower().split(":")[-1])
                for one in found
            ]
            wanted = [(column.unit, column.utype.lower())]
            yield judged(told == wanted, f"{column.name} has unit and utype {wanted}: {told}", answer)


@requirement("SIA-093", clause="SIA 2.0, 3.1.2", level=Level.SHOULD, service="sia")
@SOUND.where_found
def the_service_describes_itself(service: Service) -> Iterator[Finding]:
    """An answer describes the query: its standardID, its address and its parameters"""
    answer = ask(service, ("MAXREC", "0"))
    found = [one for one in answer.xml().iter("{*}RESOURCE") if one.get("name") == "this"]
    yield judged(len(found) == 1, "one RESOURCE is called this", answer)
    for resource in found:
        direct = {one.get("name"): str(one.get("value")) for one in resource.findall("{*}PARAM")}
        yield judged(
            _STANDARD.fullmatch(direct.get("standardID", "")) is not None, "it has the standardID", answer
        )
        address = direct.get("accessURL", "")
        again = service.get(address, [("ID", SOUND.of(service).did)]) if address else answer
        yield judged(found_in(again) == [SOUND.of(service).did], "its accessURL is that of the query", again)
        names = {one.get("name") for one in resource.iterfind("{*}GROUP[@name='inputParams']/{*}PARAM")}
        yield judged(
            {"POS", "BAND", "TIME", "POL", "ID", "MAXREC"} <= names, "its parameters are told", answer
        )


@requirement("SIA-100", clause="SIA 2.0, 3.2", level=Level.MUST, service="sia")
@SOUND.where_found
def errors_begin_with_a_word(service: Service) -> Iterator[Finding]:
    """An error is a VOTable whose QUERY_STATUS is ERROR, its text behind a word of the standard's"""
    for name, value in (
        ("POS", "BOX 1 2 3 4"),
        ("POS", "CIRCLE 1 91 1"),
        ("CALIB", "2 3"),
        ("MAXREC", "-1"),
        ("TIME", "2020-01-01"),
    ):
        answer = ask(service, (name, value))
        try:
            told = [value for value, _ in answer.info("QUERY_STATUS")]
        except etree.XMLSyntaxError:
            told = []
        yield judged(told == ["ERROR"], f"{name}={value} gives an error document", answer)
        yield judged(error_text(answer).startswith("UsageFault"), f"{name}={value} is a UsageFault", answer)


@requirement("SIA-103", clause="DALI 1.1, 5.2", level=Level.SHOULD, service="sia")
@SOUND.where_found
def errors_have_a_status(service: Service) -> Iterator[Finding]:
    """A mistake in a request has status 400, and is plain text where csv was asked for"""
    yield judged((answer := ask(service, ("BAND", "x"))).status == 400, "BAND=x has status 400", answer)
    answer = ask(service, ("BAND", "x"), ("RESPONSEFORMAT", "csv"))
    yield judged(answer.media_type == "text/plain", "with RESPONSEFORMAT=csv it is plain text", answer)


CHECKS: tuple[Check, ...] = (
    the_query_is_declared,
    availability_is_declared,
    no_constraint_is_needed,
    three_transports,
    names_in_any_case,
    overflow_is_told,
    metadata_alone,
    the_results_are_one_table,
    columns_are_those_of_obscore,
    the_service_describes_itself,
    errors_begin_with_a_word,
    errors_have_a_status,
)
