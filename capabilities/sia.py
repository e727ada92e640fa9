"""The VOSI capabilities document of the image discovery service (SIA 2.0 sections 2.2 and 2.3).

Parameters are not told here: answers do that, in the RESOURCE ``this`` behind their rows.
"""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import AnyUrl
from vo_models.voresource.models import Capability
from vo_models.vosi.capabilities.models import VOSICapabilities

from capabilities.documents import write_document
from capabilities.endpoints import vosi_capabilities
from capabilities.security import EVERYBODY, Login, interfaces

SIA_QUERY = "ivo://ivoa.net/std/SIA#query-2.0"


@dataclass(frozen=True, slots=True)
class SiaService:
    """Everything that an image discovery service declares.

    ``base_url`` is the address of the service itself, such as ``https://host/sia2``; a slash at its end is
    dropped.
    """

    base_url: str
    login: Login = EVERYBODY


def sia_capabilities(service: SiaService) -> bytes:
    """The capabilities document: the query endpoint and those of VOSI (SIA-110, SIA-111)."""
    return write_document(VOSICapabilities(capability=sia_capability_elements(service)))


def sia_capability_elements(service: SiaService) -> list[Capability]:
    """The same, as elements that stand in the record of the service too (REG-083)."""
    base = service.base_url.rstrip("/")
    query = Capability(
        standard_id=AnyUrl(SIA_QUERY), interface=interfaces(f"{base}/query", "full", "2.0", service.login)
    )
    return [query, *vosi_capabilities(base)]
