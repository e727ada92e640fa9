"""The VOSI capabilities document of DataLink (DataLink 1.1 sections 2.2 and 2.3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from pydantic import AnyUrl
from vo_models.voresource.models import Capability
from vo_models.vosi.capabilities.models import VOSICapabilities

from capabilities.documents import write_document
from capabilities.endpoints import vosi_capabilities
from capabilities.security import EVERYBODY, Login, interfaces

LINKS: Final = ("ivo://ivoa.net/std/DataLink#links-1.1", "ivo://ivoa.net/std/DataLink#links-1.0")
"""The newer first; older clients look for the other (DL-068)."""
_LINKS_TYPE: Final = "application/x-votable+xml;content=datalink"


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
    return write_document(VOSICapabilities(capability=datalink_capability_elements(service)))


def datalink_capability_elements(service: DataLinkService) -> list[Capability]:
    """The same, as elements that stand in the record of the service too (REG-083)."""
    base = service.base_url.rstrip("/")
    links = [
        Capability(
            standard_id=AnyUrl(standard),
            interface=[
                each.model_copy(update={"query_type": ["GET", "POST"], "result_type": _LINKS_TYPE})
                for each in interfaces(f"{base}/sync", "full", standard[-3:], service.login)
            ],
        )
        for standard in LINKS
    ]
    return [*links, *vosi_capabilities(base)]
