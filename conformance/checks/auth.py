"""Who may ask: what a service says of tokens and passwords, and how it takes wrong ones."""

from __future__ import annotations

from collections.abc import Iterator

from lxml import etree

from conformance.evidence import is_capabilities, where_queries_work
from conformance.findings import judged, not_applicable, not_checked
from conformance.model import Check, Finding, Level, requirement
from conformance.service import Answer, Service

WRONG = "Bearer vo-service-conformance-no-such-token"
BASIC = "ivo://ivoa.net/sso#BasicAA"


def _challenges(answer: Answer) -> str:
    return answer.headers.get("WWW-Authenticate", "")


@requirement("AUTH-006", clause="TAP 1.1, 2", level=Level.MUST, service="auth")
def capabilities_are_open(service: Service) -> Iterator[Finding]:
    """Capabilities and availability are declared without a login"""
    answer = service.capabilities
    yield judged(is_capabilities(answer), "capabilities answer anybody", answer)
    for capability in answer.xml().iter("capability"):
        if str(capability.get("standardID", "")).lower().startswith("ivo://ivoa.net/std/vosi#"):
            if "tables" in str(capability.get("standardID")):
                continue
            methods = [m for m in capability.iter("securityMethod") if m.get("standardID")]
            yield judged(not methods, f"{capability.get('standardID')} names no securityMethod", answer)


@requirement("AUTH-002", clause="AuthVO 1.0, 4.1", level=Level.SHOULD, service="auth")
def head_tells_as_get(service: Service) -> Iterator[Finding]:
    """HEAD on the capabilities has the challenges of GET"""
    got = service.get(f"{service.tap_path}/capabilities")
    head = service.head(f"{service.tap_path}/capabilities")
    yield judged(is_capabilities(got), "capabilities answer GET", got)
    yield judged(head.status == got.status, f"HEAD is answered with {head.status}", head)
    yield judged(_challenges(head) == _challenges(got), "both have the same challenges", head)


@requirement("AUTH-035", clause="AuthVO 1.0, 4.3", level=Level.MUST, service="auth")
def nobody_is_not_authenticated(service: Service) -> Iterator[Finding]:
    """X-VO-Authenticated is in no answer to anybody anonymous"""
    if service.token is not None:
        yield not_checked("this run has a token")
        return
    answer = service.capabilities
    yield judged(is_capabilities(answer), "capabilities answer", answer)
    yield judged("X-VO-Authenticated" not in answer.headers, "the header is not there", answer)


@requirement("AUTH-031", clause="RFC 6750, 3.1", level=Level.PRACTICE, service="auth")
@where_queries_work
def wrong_tokens_are_refused(service: Service) -> Iterator[Finding]:
    """A wrong token is 401 with a challenge, and no quiet fall back to anonymous"""
    if service.token is not None:
        yield not_checked("this run has a token")
        return
    path = f"{service.tap_path}/sync"
    params = {"LANG": "ADQL", "QUERY": "SELECT table_name FROM TAP_SCHEMA.tables"}
    answer = service.get(path, params, Authorization=WRONG)
    yield judged(answer.status == 401, f"status {answer.status}", answer)
    yield judged(bool(_challenges(answer)), "it has a WWW-Authenticate", answer)
    yield judged("X-VO-Authenticated" not in answer.headers, "and no X-VO-Authenticated", answer)


@requirement("AUTH-027", clause="SSO 2.0, 2.4", level=Level.MUST, service="auth")
def methods_have_their_names(service: Service) -> Iterator[Finding]:
    """Security methods are named by the IVOA's identifiers, in attributes"""
    answer = service.capabilities
    if not is_capabilities(answer):
        yield judged(False, "there are capabilities", answer)
        return
    methods = [m for m in answer.xml().iter("securityMethod") if len(m.attrib) or (m.text or "").strip()]
    if not methods:
        yield not_applicable("no security methods are declared")
    for method in methods:
        name = str(method.get("standardID", ""))
        yield judged(name.startswith("ivo://ivoa.net/sso#"), f"standardID is {name!r}", answer)
        yield judged(not (method.text or "").strip(), "nothing stands in its text", answer)


@requirement("AUTH-004", clause="SSO 2.0, 2.2", level=Level.SHOULD, service="auth")
def declared_methods_are_offered(service: Service) -> Iterator[Finding]:
    """A service that declares Basic challenges with it"""
    answer = service.capabilities
    try:
        names = {str(m.get("standardID", "")) for m in answer.xml().iter("securityMethod")}
    except etree.XMLSyntaxError:
        names = set()
    if BASIC not in names:
        yield not_applicable("Basic is not declared")
        return
    yield judged("basic" in _challenges(answer).lower(), "the capabilities challenge with Basic", answer)


CHECKS: tuple[Check, ...] = (
    capabilities_are_open,
    head_tells_as_get,
    nobody_is_not_authenticated,
    wrong_tokens_are_refused,
    methods_have_their_names,
    declared_methods_are_offered,
)
