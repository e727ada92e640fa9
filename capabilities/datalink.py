"""The VOSI capabilities document of DataLink (DataLink 1.1 sections 2.2 and 2.3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from pydantic import AnyUrl
from vo_models.voresource.models import Capability

from capabilities.documents import write_document
from capabilities.endpoints import vosi_capabilities
from capabilities.parameters import AskedCapabilities, AskedCapability, ParameterElement, Use, asked
from capabilities.security import EVERYBODY, Login, interfaces

LINKS: Final = ("ivo://ivoa.net/std/DataLink#links-1.1", "ivo://ivoa.net/std/DataLink#links-1.0")
"""The newer first; older clients look for the other (DL-068)."""
_LINKS_TYPE: Final = "application/x-votable+xml;content=datalink"
_PARAMETERS: Final[tuple[tuple[str, str, str, Use], ...]] = (
    ("ID", "Identifier of a data set, a file or a member; may be repeated.", "meta.id;meta.main", "required"),
    ("RESPONSEFORMAT", "Format of the answer, VOTable where it is not sent.", "meta.code.mime", "optional"),
)


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
    return write_document(AskedCapabilities(capability=datalink_capability_elements(service)))


def datalink_capability_elements(service: DataLinkService) -> list[AskedCapability | Capability]:
    """The same, as elements that stand in the record of the service too (REG-083)."""
    base = service.base_url.rstrip("/")
    links = [
        AskedCapability(
            standard_id=AnyUrl(standard),
            interface=asked(
                interfaces(f"{base}/sync", "base", standard[-3:], service.login), _LINKS_TYPE, _parameters()
            ),
        )
        for standard in LINKS
    ]
    return [*links, *vosi_capabilities(base)]


def _parameters() -> list[ParameterElement]:
    return [
        ParameterElement(name=name, description=told, ucd=ucd, use=use)
        for name, told, ucd, use in _PARAMETERS
    ]
