"""Elements of all records, and the kinds of record (VOResource 1.1, VODataService 1.2, VORegistry 1.1).

vo-models knows services, organisations, authorities and registries, but neither the resources of
VODataService nor sources that are no URL; these are written here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from pydantic import AnyUrl
from pydantic_xml import BaseXmlModel, attr, element
from vo_models.tapregext.models import TableAccess
from vo_models.voregistry.models import Authority, Harvest, Registry
from vo_models.voresource.models import (
    Capability,
    Contact,
    Content,
    Creator,
    Curation,
    Date,
    Organisation,
    Relationship,
    ResourceName,
    Rights,
    Service,
)

from capabilities.cone import ConeSearchCapability
from capabilities.parameters import AskedCapability
from capabilities.records.coverage import CoverageElement
from capabilities.vodataservice import TableSetElement

NAMESPACES = {
    "cs": "http://www.ivoa.net/xml/ConeSearch/v1.0",
    "ri": "http://www.ivoa.net/xml/RegistryInterface/v1.0",
    "tr": "http://www.ivoa.net/xml/TAPRegExt/v1.0",
    "vg": "http://www.ivoa.net/xml/VORegistry/v1.0",
    "vr": "http://www.ivoa.net/xml/VOResource/v1.0",
    "vs": "http://www.ivoa.net/xml/VODataService/v1.1",
    "xsi": "http://www.w3.org/2001/XMLSchema-instance",
}
LOCATIONS = " ".join(
    f"{NAMESPACES[prefix]} {NAMESPACES[prefix]}" for prefix in ("cs", "ri", "tr", "vg", "vr", "vs")
)
"""Namespaces are their schemas' addresses at the IVOA: each record validates alone (REG-053)."""
VERSION = "1.1"
"""Of VOResource."""

_BIBCODE = re.compile(r"[0-9]{4}[A-Za-z0-9.&]{14}[A-Z.]")
_DOI = re.compile(r"(?:doi:|https?://(?:dx\.)?doi\.org/)?(10\.[0-9]{4,9}/\S+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Archive:
    """What an operator says of the archive: the authority of its identifiers, and texts as in the settings.

    ``address`` is the public base address of all services, without a slash at its end.
    """

    authority: str
    address: str
    title: str
    description: str
    publisher: str | None = None
    contact_name: str | None = None
    contact_email: str | None = None
    citation: str | None = None
    rights_uri: str | None = None

    def ivoid(self, path: str = "") -> str:
        """The identifier of a resource of this archive, that of the authority itself by default."""
        return f"ivo://{self.authority}/{path}" if path else f"ivo://{self.authority}"

    @property
    def is_unready(self) -> bool:
        """Whether something is not set that other registries need."""
        nameless = self.authority.endswith(".invalid")
        return nameless or not (self.publisher and self.contact_name and self.contact_email)

    @property
    def publisher_name(self) -> str:
        """Who runs the service, as far as is known."""
        return self.publisher or f"Operators of {self.authority}"


@dataclass(frozen=True, slots=True)
class Life:
    """Since when a record has been there, and since when it has been as it is (UTC)."""

    created: datetime
    updated: datetime


class SourceElement(BaseXmlModel):
    """A reference in the literature; ``format`` is bibcode or doi (REG-078)."""

    format: str = attr(name="format")
    value: str


class RecordContent(Content):
    """The content of a resource, with a source that may be a bibcode."""

    source: SourceElement | None = element(tag="source", default=None)  # type: ignore[assignment]


class RegistryRecord(Registry, tag="Resource", nsmap=NAMESPACES, ns="ri"):
    """A registry."""

    schema_location: str = attr(name="schemaLocation", ns="xsi", default=LOCATIONS)
    content: RecordContent = element(tag="content", ns="")
    capability: list[Harvest | Capability] = element(tag="capability", ns="", default_factory=list)


class AuthorityRecord(Authority, tag="Resource", nsmap=NAMESPACES, ns="ri"):
    """A naming authority."""

    schema_location: str = attr(name="schemaLocation", ns="xsi", default=LOCATIONS)
    content: RecordContent = element(tag="content", ns="")


class OrganisationRecord(Organisation, tag="Resource", nsmap=NAMESPACES, ns="ri"):
    """An organisation."""

    type: Literal["vr:Organisation"] = attr(name="type", ns="xsi", default="vr:Organisation")
    schema_location: str = attr(name="schemaLocation", ns="xsi", default=LOCATIONS)
    content: RecordContent = element(tag="content", ns="")
    facility: list[ResourceName] = element(tag="facility", ns="", default_factory=list)
    instrument: list[ResourceName] = element(tag="instrument", ns="", default_factory=list)


class CatalogResource(Service, tag="Resource", nsmap=NAMESPACES, ns="ri"):
    """A collection of data with tables; its capabilities are those of the services that it is in."""

    type: Literal["vs:CatalogResource", "vs:CatalogService"] = attr(
        name="type", ns="xsi", default="vs:CatalogResource"
    )
    schema_location: str = attr(name="schemaLocation", ns="xsi", default=LOCATIONS)
    content: RecordContent = element(tag="content", ns="")
    rights: list[Rights] = element(tag="rights", ns="", default_factory=list)
    capability: list[TableAccess | ConeSearchCapability | AskedCapability | Capability] = element(
        tag="capability", ns="", default_factory=list
    )
    facility: list[ResourceName] = element(tag="facility", ns="", default_factory=list)
    instrument: list[ResourceName] = element(tag="instrument", ns="", default_factory=list)
    coverage: CoverageElement | None = element(tag="coverage", ns="", default=None)
    tableset: TableSetElement | None = element(tag="tableset", ns="", default=None)


class CatalogService(CatalogResource, tag="Resource", nsmap=NAMESPACES, ns="ri"):
    """A service that answers with tables."""

    type: Literal["vs:CatalogService"] = attr(name="type", ns="xsi", default="vs:CatalogService")


def curation(archive: Archive, life: Life) -> Curation:
    """Who is responsible, and whom to ask (REG-075)."""
    organisation = archive.ivoid("org")
    contact = archive.contact_name or archive.publisher_name
    return Curation(
        publisher=ResourceName(value=archive.publisher_name, ivo_id=organisation),
        creator=[Creator(name=ResourceName(value=archive.publisher_name), ivo_id=organisation)],
        date=[Date(value=life.created, role="Created"), Date(value=life.updated, role="Updated")],
        contact=[Contact(name=ResourceName(value=contact), email=archive.contact_email)],
    )


def content(
    archive: Archive,
    description: str,
    subjects: tuple[str, ...],
    kinds: tuple[str, ...],
    relationships: tuple[tuple[str, str, str], ...] = (),
) -> RecordContent:
    """What a resource is about (REG-077 to REG-079).

    ``subjects`` are fragments of the Unified Astronomy Thesaurus and other keywords, ``kinds`` terms of the
    vocabulary of content types, ``relationships`` kind, name and identifier of related resources.
    """
    return RecordContent(
        subject=list(subjects),
        description=description,
        source=source_of(archive.citation),
        reference_url=AnyUrl(f"{archive.address}/"),
        type=list(kinds),
        content_level=["Research"],
        relationship=[
            Relationship(relationship_type=kind, related_resource=[ResourceName(value=name, ivo_id=ivoid)])
            for kind, name, ivoid in relationships
        ],
    )


def source_of(citation: str | None) -> SourceElement | None:
    """A citation that is a bibcode or a DOI; others stand among the rights (REG-080)."""
    text = (citation or "").strip()
    if _BIBCODE.fullmatch(text):
        return SourceElement(format="bibcode", value=text)
    found = _DOI.fullmatch(text)
    return SourceElement(format="doi", value=found.group(1)) if found else None


def rights(archive: Archive) -> list[Rights]:
    """Licence, embargo and wanted acknowledgement, all in one element (REG-080)."""
    words = [
        "Metadata are public. Data, and what is measured from their pixels, are open to everybody from the "
        "release date of each data set on, and before it to those with a right to them."
    ]
    if archive.rights_uri:
        words.append(f"Data that are open may be used under the licence {archive.rights_uri}.")
    if archive.citation:
        words.append(f"Wanted acknowledgement: {archive.citation}")
    uri = AnyUrl(archive.rights_uri) if archive.rights_uri else None
    return [Rights(value=" ".join(words), rights_uri=uri)]
