"""The VOSI capabilities document of coverage maps: the search by one, and the maps of answers.

No standard has either; what a client has to know of them are their parameters.
"""

from __future__ import annotations

from collections.abc import Sequence
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
_FITS = "application/fits"
_MAP_WORDS = (
    "The coverage map (MOC) of all images and cubes that meet constraints, in FITS, JSON or ASCII. Without"
    " constraints it is the page that lists the maps of the holdings: of all, of bands, years, projects and"
    " data sets, in space, in space and time, and in space and frequency."
)


@dataclass(frozen=True, slots=True)
class SearchParameter:
    """A parameter, in the words of VOTable's PARAM."""

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

    ``base_url`` is their address, such as ``https://host/moc``; a slash at its end is dropped. ``parameters``
    are those of the search, ``map_parameters`` those of the maps of answers.
    """

    base_url: str
    parameters: tuple[SearchParameter, ...]
    login: Login = EVERYBODY
    map_parameters: tuple[SearchParameter, ...] = ()


def moc_capabilities(service: MocService) -> bytes:
    """The capabilities document: the search, the maps of answers, and the endpoints of VOSI."""
    return write_document(AskedCapabilities(capability=moc_capability_elements(service)))


def moc_capability_elements(service: MocService) -> list[AskedCapability | Capability]:
    """The same, as elements that stand in the record of the service too (REG-083)."""
    base = service.base_url.rstrip("/")
    found = [_asked(service, f"{base}/search", _WORDS, _VOTABLE, service.parameters)]
    if service.map_parameters:
        found.append(_asked(service, base, _MAP_WORDS, _FITS, service.map_parameters))
    return [*found, *vosi_capabilities(base)]


def _asked(
    service: MocService, address: str, words: str, result: str, parameters: Sequence[SearchParameter]
) -> AskedCapability:
    return AskedCapability(
        standard_id=None,
        description=words,
        interface=asked(
            interfaces(address, "base", None, service.login),
            result,
            [_element(one) for one in parameters],
            std=False,
        ),
    )


def _element(one: SearchParameter) -> ParameterElement:
    return ParameterElement(
        std=False,
        name=one.name,
        description=one.description,
        unit=one.unit,
        ucd=one.ucd,
        data_type=DataTypeElement(arraysize=one.arraysize, extended_type=one.xtype, value=one.datatype),
    )
