"""VOSI: capabilities, availability and what TAPRegExt says in them."""

from __future__ import annotations

from collections.abc import Iterator

from conformance.endpoints import AVAILABILITY, local_type
from conformance.evidence import is_capabilities, is_result, sound_query
from conformance.findings import failed, judged, not_applicable, passed
from conformance.model import Check, Finding, Level, requirement
from conformance.service import VOSI_CAPABILITIES, Service


def _no_tap() -> Finding:
    return failed("the capabilities hold no capability with standardID ivo://ivoa.net/std/TAP")


@requirement("TAP-002", clause="TAP 1.1, 2", level=Level.MUST, service="tap")
def capabilities_answer_anonymously(service: Service) -> Iterator[Finding]:
    """Capabilities are served to anybody, as XML"""
    answer = service.capabilities
    yield judged(answer.status == 200, "capabilities answer with status 200", answer)
    yield judged(answer.media_type in ("text/xml", "application/xml"), "their media type is XML", answer)
    yield judged(is_capabilities(answer), "they are a VOSI document", answer)


@requirement("TAP-280", clause="VOSI 1.1, 2.1", level=Level.MUST, service="tap")
def capabilities_root(service: Service) -> Iterator[Finding]:
    """The document element is VOSI's qualified capabilities, its children are unqualified"""
    root = service.capabilities.xml()
    yield judged(root.tag == VOSI_CAPABILITIES, f"the root is {VOSI_CAPABILITIES}", service.capabilities)
    children = [c.tag for c in root if isinstance(c.tag, str)]
    yield judged(
        bool(children) and set(children) == {"capability"}, "all children are plain capability elements"
    )


@requirement("TAP-281", clause="TAP 1.1, 2.4", level=Level.MUST, service="tap")
def one_tap_capability(service: Service) -> Iterator[Finding]:
    """Exactly one capability is TAP's"""
    ids = [str(e.get("standardID", "")) for e in service.capabilities.xml()]
    count = sum(i == "ivo://ivoa.net/std/TAP" for i in ids)
    yield judged(count == 1, f"one capability has standardID ivo://ivoa.net/std/TAP (found {count})")


@requirement("TAP-282", clause="TAP 1.1, 2.4", level=Level.MUST, service="tap")
def tap_interface(service: Service) -> Iterator[Finding]:
    """The TAP interface is a ParamHTTP one of role std and version 1.1"""
    capability = service.tap_capability
    if capability is None:
        yield _no_tap()
        return
    standard = [i for i in capability.iter("interface") if i.get("role") == "std"]
    yield judged(len(standard) >= 1, "there is an interface with role std")
    for interface in standard:
        yield judged(local_type(interface) == "ParamHTTP", "its type is vs:ParamHTTP")
        yield judged(
            interface.get("version") == "1.1", f"its version is 1.1 (found {interface.get('version')})"
        )


@requirement("TAP-283", clause="TAP 1.1, 2.4", level=Level.MUST, service="tap")
def access_url_is_the_base(service: Service) -> Iterator[Finding]:
    """The accessURL of TAP is the base URL that clients append sync to"""
    capability = service.tap_capability
    if capability is None:
        yield _no_tap()
        return
    urls = list(capability.iter("accessURL"))
    if not urls:
        yield failed("the capability names no accessURL", service.capabilities)
    for url in urls:
        text = url.text or ""
        yield judged(text == text.strip() and "?" not in text, f"{text!r} has no blanks and no query part")
        answer = service.get(f"{text.strip().rstrip('/')}/capabilities")
        yield judged(is_capabilities(answer), f"{text}/capabilities are capabilities", answer)


@requirement("TAP-289", clause="TAPRegExt 1.0, 2.3", level=Level.MUST, service="tap")
def adql_is_declared(service: Service) -> Iterator[Finding]:
    """The language ADQL is declared with a version of 2.0 or later"""
    capability = service.tap_capability
    if capability is None:
        yield _no_tap()
        return
    versions = [
        (v.text or "").strip()
        for language in capability.iter("language")
        if (language.findtext("name") or "").strip() == "ADQL"
        for v in language.iter("version")
    ]
    yield judged(any(v >= "2.0" for v in versions), f"ADQL is declared, versions {versions}")


@requirement("TAP-293", clause="TAPRegExt 1.0, 2.4", level=Level.MUST, service="tap")
def votable_is_declared(service: Service) -> Iterator[Finding]:
    """An output format for VOTable is declared"""
    capability = service.tap_capability
    if capability is None:
        yield _no_tap()
        return
    mimes = [(m.text or "").strip() for m in capability.iter("mime")]
    yield judged(any(m.startswith("application/x-votable+xml") for m in mimes), f"VOTable is among {mimes}")


@requirement("TAP-287", clause="TAP 1.1, 2.4; VOSI 1.1, 4", level=Level.SHOULD, service="tap")
def declared_urls_answer(service: Service) -> Iterator[Finding]:
    """Every access URL of the capabilities answers"""
    if not is_capabilities(service.capabilities):
        yield failed("there is no capabilities document", service.capabilities)
        return
    urls = [
        (capability.get("standardID"), (url.text or "").strip())
        for capability in service.capabilities.xml().iter("capability")
        if (capability.get("standardID") or "").lower() != "ivo://ivoa.net/std/tap"
        for url in capability.iter("accessURL")
    ]
    if not urls:
        yield not_applicable("only TAP itself is declared; TAP-283 is about its address")
    for standard, url in urls:
        answer = service.get(url)
        yield judged(
            answer.status == 200 and bool(answer.body), f"{url} ({standard}) answers with 200", answer
        )


@requirement("TAP-016", clause="VOSI 1.1, 2.2", level=Level.MUST, service="tap")
def availability_document(service: Service) -> Iterator[Finding]:
    """Availability is a VOSI document that says true or false"""
    urls = [
        (u.text or "").strip()
        for c in service.capabilities.xml()
        if (c.get("standardID") or "").lower().startswith("ivo://ivoa.net/std/vosi#availability")
        for u in c.iter("accessURL")
    ]
    if not urls:
        yield failed("no availability resource is declared in the capabilities", service.capabilities)
        return
    answer = service.get(urls[0])
    root = answer.xml()
    yield judged(root.tag == AVAILABILITY + "availability", "the root is VOSI's availability", answer)
    yield judged(
        root.findtext(AVAILABILITY + "available") in ("true", "false"), "available is true or false", answer
    )


@requirement("TAP-298", clause="ObsCore 1.1, 5", level=Level.MUST, service="tap")
def obscore_is_declared(service: Service) -> Iterator[Finding]:
    """A service with ivoa.obscore declares the ObsCore data model, and only such a one"""
    capability = service.tap_capability
    if capability is None:
        yield _no_tap()
        return
    declared = [str(d.get("ivo-id", "")) for d in capability.iter("dataModel")]
    has_model = "ivo://ivoa.net/std/ObsCore#core-1.1" in declared
    has_table = bool(service.obscore_columns)
    if not has_table and not has_model:
        yield not_applicable("no ivoa.obscore here")
    else:
        yield judged(has_model == has_table, f"table present: {has_table}; data models declared: {declared}")


@requirement("TAP-058", clause="TAPRegExt 1.0, 2.4", level=Level.MUST, service="tap")
def declared_formats_work(service: Service) -> Iterator[Finding]:
    """Every declared output format and alias is accepted, and media types come back as asked"""
    capability = service.tap_capability
    if capability is None:
        yield _no_tap()
        return
    outputs = list(capability.iter("outputFormat"))
    if not outputs:
        yield failed("no output format is declared", service.capabilities)
    for output in outputs:
        mime = (output.findtext("mime") or "").strip()
        for name in [mime, *((a.text or "").strip() for a in output.iter("alias"))]:
            answer = service.query(sound_query(service), RESPONSEFORMAT=name)
            yield judged(
                answer.status == 200 and bool(answer.body), f"RESPONSEFORMAT={name} is accepted", answer
            )
            if mime.startswith("application/x-votable+xml"):
                yield judged(is_result(service, answer, 2), f"{name} holds the rows asked for", answer)
            if name.startswith(("application/", "text/", "image/")):
                wanted = name.split(";")[0].strip().lower()
                yield judged(answer.media_type == wanted, f"{name} comes back as {answer.media_type}", answer)


@requirement("TAP-290", clause="TAPRegExt 1.0, 2.3", level=Level.MUST, service="tap")
def functions_are_described(service: Service) -> Iterator[Finding]:
    """Declared functions have a readable signature"""
    capability = service.tap_capability
    if capability is None:
        yield _no_tap()
        return
    forms = [
        (form.text or "").strip()
        for features in capability.iter("languageFeatures")
        if str(features.get("type", "")).lower().endswith("#features-udf")
        for form in features.iter("form")
    ]
    if not forms:
        yield not_applicable("no user-defined functions are declared")
    for form in forms:
        yield judged("(" in form and "->" in form, f"{form!r} has the form name(arg TYPE, ...) -> TYPE")
    if forms:
        yield passed(f"{len(forms)} functions")


CHECKS: tuple[Check, ...] = (
    capabilities_answer_anonymously,
    capabilities_root,
    one_tap_capability,
    tap_interface,
    access_url_is_the_base,
    declared_urls_answer,
    availability_document,
    adql_is_declared,
    functions_are_described,
    votable_is_declared,
    declared_formats_work,
    obscore_is_declared,
)
