"""The VOSI capabilities document of the cut-out service (SODA 1.0 section 2.5).

Parameters are not told here: descriptors do that, beside the data that they are of.
"""

from __future__ import annotations

from dataclasses import dataclass

from pydantic import AnyUrl
from vo_models.voresource.models import Capability
from vo_models.vosi.capabilities.models import VOSICapabilities

from capabilities.documents import write_document
from capabilities.endpoints import examples_capability, vosi_capabilities
from capabilities.security import EVERYBODY, Login, interfaces

SODA_SYNC = "ivo://ivoa.net/std/SODA#sync-1.0"
SODA_ASYNC = "ivo://ivoa.net/std/SODA#async-1.0"


@dataclass(frozen=True, slots=True)
class SodaService:
    """Everything that a cut-out service declares. Declare what works, and no more.

    ``base_url`` is the address of the service itself, such as ``https://host/soda``; a slash at its end is
    dropped. ``jobs`` and ``examples`` say whether ``async`` and ``examples`` answer there beside ``sync``.
    """

    base_url: str
    jobs: bool = True
    examples: bool = False
    login: Login = EVERYBODY


def soda_capabilities(service: SodaService) -> bytes:
    """The capabilities document: the endpoints, those of VOSI, and the examples where there are some."""
    return write_document(VOSICapabilities(capability=soda_capability_elements(service)))


def soda_capability_elements(service: SodaService) -> list[Capability]:
    """The same, as elements that stand in the record of the service too (REG-083)."""
    base = service.base_url.rstrip("/")
    found = [_endpoint(f"{base}/sync", SODA_SYNC, service.login)]
    if service.jobs:
        found.append(_endpoint(f"{base}/async", SODA_ASYNC, service.login))
    found += vosi_capabilities(base)
    if service.examples:
        found.append(examples_capability(base))
    return found


def _endpoint(address: str, standard: str, login: Login) -> Capability:
    """One endpoint (SODA-004, SODA-007)."""
    return Capability(standard_id=AnyUrl(standard), interface=interfaces(address, "full", "1.0", login))
