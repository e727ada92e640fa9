"""The VOSI capabilities document of DataLink (DataLink 1.1 sections 2.2 and 2.3).

vo-models writes interfaces without what DataLink wants told of them (how they are asked, what comes, their
parameters); those here are written for that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from pydantic import AnyUrl
from pydantic_xml import BaseXmlModel, attr, element
from vo_models.voresource.models import Capability, Interface
from vo_models.vosi.capabilities.models import VOSICapabilities

from capabilities.documents import write_document
from capabilities.endpoints import vosi_capabilities
from capabilities.security import EVERYBODY, Login, interfaces

LINKS: Final = ("ivo://ivoa.net/std/DataLink#links-1.1", "ivo://ivoa.net/std/DataLink#links-1.0")
"""The newer first; older clients look for the other (DL-068)."""
_LINKS_TYPE: Final = "application/x-votable+xml;content=datalink"
_Use = Literal["required", "optional"]
_PARAMETERS: Final[tuple[tuple[str, str, str, _Use], ...]] = (
    ("ID", "Identifier of a data set, a file or a member; may be repeated.", "meta.id;meta.main", "required"),
    ("RESPONSEFORMAT", "Format of the answer, VOTable where it is not sent.", "meta.code.mime", "optional"),
)
_NAMESPACES: Final = {
    "": "",
    "xsi": "http://www.w3.org/2001/XMLSchema-instance",
    "vosi": "http://www.ivoa.net/xml/VOSICapabilities/v1.0",
    "vs": "http://www.ivoa.net/xml/VODataService/v1.1",
}


class TextType(BaseXmlModel, tag="dataType", ns="", nsmap=_NAMESPACES):
    """Text of any length."""

    arraysize: str = attr(name="arraysize", default="*")
    value: str = "char"


class LinksParameter(BaseXmlModel, tag="param", ns="", nsmap=_NAMESPACES):
    """A parameter of {links}."""

    std: bool = attr(name="std", default=True)
    use: _Use = attr(name="use", default="optional")
    name: str = element(tag="name", ns="")
    description: str = element(tag="description", ns="")
    ucd: str = element(tag="ucd", ns="")
    data_type: TextType = element(tag="dataType", ns="", default=TextType())


class LinksInterface(Interface, tag="interface", ns="", nsmap=_NAMESPACES):
    """How {links} is asked."""

    query_type: list[Literal["GET", "POST"]] = element(tag="queryType", ns="", default=["GET", "POST"])
    result_type: str = element(tag="resultType", ns="", default=_LINKS_TYPE)
    param: list[LinksParameter] = element(tag="param", ns="", default=[])


class LinksCapability(Capability, tag="capability", ns="", nsmap=_NAMESPACES):
    """{links} by one of its identifiers."""

    interface: list[Interface | LinksInterface] | None = element(tag="interface", ns="", default=[])


class LinksCapabilities(VOSICapabilities, tag="capabilities", ns="vosi", nsmap=_NAMESPACES):
    """The document."""

    capability: list[LinksCapability | Capability] = element(tag="capability", ns="", default=[])


@dataclass(frozen=True, slots=True)
class DataLinkService:
    """Everything that DataLink declares.

    ``base_url`` is the address of the service itself, such as ``https://host/datalink``; a slash at its end
    is dropped.
    """

    base_url: str
    login: Login = EVERYBODY


def datalink_capabilities(service: DataLinkService) -> bytes:
    """The capabilities document: {links} by both of its identifiers, and the endpoints of VOSI."""
    return write_document(LinksCapabilities(capability=datalink_capability_elements(service)))


def datalink_capability_elements(service: DataLinkService) -> list[LinksCapability | Capability]:
    """The same, as elements that stand in the record of the service too (REG-083)."""
    base = service.base_url.rstrip("/")
    links = [
        LinksCapability(
            standard_id=AnyUrl(standard),
            interface=[
                LinksInterface(
                    version=each.version,
                    role=each.role,
                    type="vs:ParamHTTP",
                    access_url=each.access_url,
                    security_method=each.security_method,
                    param=_parameters(),
                )
                for each in interfaces(f"{base}/sync", "base", standard[-3:], service.login)
            ],
        )
        for standard in LINKS
    ]
    return [*links, *vosi_capabilities(base)]


def _parameters() -> list[LinksParameter]:
    return [
        LinksParameter(name=name, description=told, ucd=ucd, use=use) for name, told, ucd, use in _PARAMETERS
    ]
