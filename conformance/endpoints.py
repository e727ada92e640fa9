"""The services beside TAP: whether they are there, and what their VOSI documents say."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import wraps

from lxml import etree

from conformance.evidence import is_capabilities
from conformance.findings import failed, judged, not_applicable
from conformance.model import CheckFunction, Finding
from conformance.service import Service

XSI_TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"
AVAILABILITY = "{http://www.ivoa.net/xml/VOSIAvailability/v1.0}"


def where_served(path: str, name: str) -> Callable[[CheckFunction], CheckFunction]:
    """Judge only where a path of the service is not answered with 404; ``name`` is what is not there else."""

    def guarded(function: CheckFunction) -> CheckFunction:
        @wraps(function)
        def judge(service: Service) -> Iterator[Finding]:
            if service.get(path).status == 404:
                yield not_applicable(f"there is no {name} here")
            else:
                yield from function(service)

        return judge

    return guarded


def local_type(element: etree._Element) -> str:
    """The xsi:type of an element without its prefix."""
    return str(element.get(XSI_TYPE, "")).split(":")[-1]


def named_type(element: etree._Element) -> str:
    """The xsi:type of an element as ``{namespace}name``, the name alone where its prefix has none."""
    prefix, _, name = str(element.get(XSI_TYPE, "")).rpartition(":")
    namespace = element.nsmap.get(prefix or None)
    return f"{{{namespace}}}{name}" if namespace else name


def is_declared(service: Service, path: str, standard: re.Pattern[str], what: str) -> Iterator[Finding]:
    """Whether the capabilities at a path have one of a standardID that fits, whose interfaces of role std are
    of ParamHTTP alone; ``what`` the standard is of."""
    answer = service.get(path)
    if not is_capabilities(answer):
        yield failed(f"/{path} are no capabilities", answer)
        return
    found = [one for one in answer.xml() if standard.fullmatch(str(one.get("standardID", "")))]
    yield judged(bool(found), f"a capability has the standardID of {what}", answer)
    for each in found:
        types = {local_type(one) for one in each.iter("interface") if one.get("role") == "std"}
        told = f"the interface of {each.get('standardID')} with role std is vs:ParamHTTP"
        yield judged(types == {"ParamHTTP"}, told, answer)


def availability_is_told(service: Service, path: str) -> Finding:
    """Whether a path answers with a VOSI document that says true or false."""
    answer = service.get(path)
    try:
        available = answer.xml().findtext(AVAILABILITY + "available")
    except etree.XMLSyntaxError:
        available = None
    return judged(answer.status == 200 and available in ("true", "false"), "it says true or false", answer)
