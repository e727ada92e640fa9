"""What the publishing registry says of itself (Registry Interfaces 1.1, VORegistry 1.1)."""

from __future__ import annotations

from pydantic import AnyUrl
from pydantic_xml import element
from vo_models.voregistry.models import NSMAP, OAIHTTP, Harvest
from vo_models.voresource.models import AccessURL, Capability
from vo_models.vosi.capabilities.models import NSMAP as VOSI_NSMAP
from vo_models.vosi.capabilities.models import VOSICapabilities

from capabilities.documents import write_document
from capabilities.endpoints import vosi_capabilities


class _Capabilities(VOSICapabilities, tag="capabilities", ns="vosi", nsmap={**VOSI_NSMAP, "vg": NSMAP["vg"]}):
    """A capabilities document with the capability to be harvested."""

    capability: list[Harvest | Capability] = element(tag="capability", ns="", default_factory=list)


def registry_capabilities(address: str, page: int) -> bytes:
    """The capabilities document of a registry at ``address`` that gives ``page`` records at a time."""
    return write_document(_Capabilities(capability=harvest_capabilities(address, page)))


def harvest_capabilities(address: str, page: int) -> list[Capability]:
    """The same, as elements that stand in the record of the registry too (REG-061, REG-065)."""
    url = AccessURL(value=AnyUrl(address), use="base")
    harvest = Harvest(
        interface=[OAIHTTP(role="std", version="1.0", access_url=[url])],
        max_records=page,
    )
    return [harvest, *vosi_capabilities(address)]
