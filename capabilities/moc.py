"""The VOSI capabilities document of coverage maps: the search by one.

No standard has such a search; what a client has to know of it are its parameters.
"""

from __future__ import annotations

from dataclasses import dataclass

from vo_models.voresource.models import Capability

from capabilities.documents import write_document
from capabilities.endpoints import vosi_capabilities
from capabilities.parameters import (
    AskedCapabilities,
    AskedCapability,
    DataTypeElement,
    ParameterElement,
    asked,
)
from capabilities.security import EVERYBODY, Login, interfaces

_VOTABLE = "application/x-votable+xml"
_WORDS = (
    "Data sets whose footprints meet a coverage map (MOC) or the densest part of a map of probability"
    " (HEALPix), with the area, or the probability, that each footprint holds of it. The map is a parameter"
    " (MOC) or a file that comes with a POST (UPLOAD)."
)


@dataclass(frozen=True, slots=True)
class SearchParameter:
    """A parameter of the search, in the words of VOTable's PARAM."""

    name: str
    description: str
    datatype: str = "char"
    arraysize: str | None = "*"
    xtype: str | None = None
    unit: str | None = None
    ucd: str | None = None


@dataclass(frozen=True, slots=True)
class MocService:
    """Everything that coverage maps declare.

    ``base_url`` is their address, such as ``https://host/moc``; a slash at its end is dropped.
    """

    base_url: str
    parameters: tuple[SearchParameter, ...]
    login: Login = EVERYBODY


def moc_capabilities(service: MocService) -> bytes:
    """The capabilities document: the search and the endpoints of VOSI."""
    return write_document(AskedCapabilities(capability=moc_capability_elements(service)))


def moc_capability_elements(service: MocService) -> list[AskedCapability | Capability]:
    """The same, as elements that stand in the record of the service too (REG-083)."""
    base = service.base_url.rstrip("/")
    search = AskedCapability(
        standard_id=None,
        description=_WORDS,
        interface=asked(
            interfaces(f"{base}/search", "base", None, service.login),
            _VOTABLE,
            [_element(one) for one in service.parameters],
            std=False,
        ),
    )
    return [search, *vosi_capabilities(base)]


def _element(one: SearchParameter) -> ParameterElement:
    return ParameterElement(
        std=False,
        name=one.name,
        description=one.description,
        unit=one.unit,
        ucd=one.ucd,
        data_type=DataTypeElement(arraysize=one.arraysize, extended_type=one.xtype, value=one.datatype),
    )
