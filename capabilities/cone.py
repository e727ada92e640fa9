"""The VOSI capabilities document of a cone search, and the capability as records have it (ConeSearch 1.1 of
the schemas, SCS 1.03 section 3).

vo-models has no such capability; this one is written for what a cone search here declares.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from pydantic import AnyUrl
from pydantic_xml import BaseXmlModel, attr, element
from vo_models.voresource.models import Capability
from vo_models.vosi.capabilities.models import VOSICapabilities

from capabilities.documents import write_document
from capabilities.endpoints import vosi_capabilities
from capabilities.security import EVERYBODY, Login, interfaces

CONE_SEARCH = "ivo://ivoa.net/std/ConeSearch"
NAMESPACES = {
    "": "",
    "cs": "http://www.ivoa.net/xml/ConeSearch/v1.0",
    "vosi": "http://www.ivoa.net/xml/VOSICapabilities/v1.0",
    "vs": "http://www.ivoa.net/xml/VODataService/v1.1",
    "xsi": "http://www.w3.org/2001/XMLSchema-instance",
    "vr": "http://www.ivoa.net/xml/VOResource/v1.0",
}


@dataclass(frozen=True, slots=True)
class Cone:
    """A position and a radius, in degrees (ICRS), where there are rows."""

    ra: float
    dec: float
    radius: float


@dataclass(frozen=True, slots=True)
class ConeSearch:
    """Everything that the cone search in one table declares.

    ``base_url`` is its address, such as ``https://host/cone/schema.table``; a slash at its end is dropped.
    ``most_rows`` is what an answer without MAXREC has at most, ``test`` a cone that gives rows, None where
    none is known.
    """

    base_url: str
    most_rows: int
    test: Cone | None = None
    description: str | None = None
    login: Login = EVERYBODY


class TestQueryElement(BaseXmlModel, tag="testQuery", nsmap=NAMESPACES):
    """A query that gives rows."""

    ra: float = element(tag="ra", ns="")
    dec: float = element(tag="dec", ns="")
    sr: float = element(tag="sr", ns="")


class ConeSearchCapability(Capability, tag="capability", nsmap=NAMESPACES):
    """What a cone search can do."""

    standard_id: AnyUrl = attr(name="standardID", default=AnyUrl(CONE_SEARCH))
    type: Literal["cs:ConeSearch"] = attr(name="type", ns="xsi", default="cs:ConeSearch")
    max_sr: float = element(tag="maxSR", ns="", default=180.0)
    max_records: int = element(tag="maxRecords", ns="")
    verbosity: bool = element(tag="verbosity", ns="", default=True)
    test_query: TestQueryElement | None = element(tag="testQuery", ns="", default=None)


class ConeCapabilities(VOSICapabilities, tag="capabilities", ns="vosi", nsmap=NAMESPACES):
    """The document."""

    capability: list[ConeSearchCapability | Capability] = element(tag="capability", ns="", default=[])


def cone_capabilities(search: ConeSearch) -> bytes:
    """The capabilities document: the search itself and the endpoints of VOSI (SCS-025)."""
    return write_document(ConeCapabilities(capability=cone_capability_elements(search)))


def cone_capability_elements(search: ConeSearch) -> list[ConeSearchCapability | Capability]:
    """The same, as elements that stand in the record of the service too (REG-083)."""
    return [cone_capability(search), *vosi_capabilities(search.base_url.rstrip("/"))]


def cone_capability(search: ConeSearch) -> ConeSearchCapability:
    """The search alone. Clients put their parameters right behind its address, which ends with a question
    mark (SCS-001)."""
    test = search.test
    return ConeSearchCapability(
        description=search.description,
        interface=interfaces(f"{search.base_url.rstrip('/')}?", "base", "1.03", search.login),
        max_records=search.most_rows,
        test_query=None if test is None else TestQueryElement(ra=test.ra, dec=test.dec, sr=test.radius),
    )
