"""The records themselves: registry, authority, organisation, TAP, the other services, and the
collections that they serve."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from pydantic import AnyUrl
from vo_models.voresource.models import Capability, ResourceName

from capabilities.cone import ConeSearchCapability
from capabilities.documents import write_document
from capabilities.records.coverage import Extent, coverage_element
from capabilities.records.resources import (
    VERSION,
    Archive,
    AuthorityRecord,
    CatalogResource,
    CatalogService,
    Life,
    OrganisationRecord,
    RegistryRecord,
    content,
    curation,
    rights,
)
from capabilities.registry import harvest_capabilities
from capabilities.security import interfaces
from capabilities.tables import tableset_element
from capabilities.tap import TapService, capability_elements
from tap_schema import Published

RecordMaker = Callable[[Life], bytes]
"""Writes a record with the moments of its life; raises ValueError where it would be none."""

REGISTRY = "registry"
TAP = "tap"
COLLECTIONS = {"obs": "ivoa.obscore", "obs/radio": "ivoa.obscore_radio"}
"""Path of the identifier and table of each collection. Identifiers of data sets are ``ivo://AUTHORITY/obs?...``,
so that ``obs`` is there (REG-073)."""

_SUBJECTS = ("radio-astronomy", "millimeter-astronomy", "submillimeter-astronomy", "radio-interferometry")
_UNREADY = " Not fit to be harvested by others yet: authority, publisher and contact are to be set first."
_AUX = "ivo://ivoa.net/std/TAP#aux"
_SHORT = 16  # characters of a short name


@dataclass(frozen=True, slots=True)
class DataService:
    """A service beside TAP that has a record of its own.

    ``path`` is that of its identifier, ``title`` stands behind that of the archive; ``short`` has at most 16
    characters. ``tables``: the published ones that its answers are rows of.
    """

    path: str
    title: str
    short: str
    description: str
    capabilities: tuple[ConeSearchCapability | Capability, ...]
    tables: tuple[str, ...] = ()


def records_of(
    archive: Archive,
    published: Published,
    tap: TapService,
    others: tuple[DataService, ...],
    extent: Extent,
    page: int,
) -> Mapping[str, RecordMaker]:
    """All records by their identifiers. ``page``: how many of them the registry gives at a time."""
    makers: dict[str, RecordMaker] = {
        archive.ivoid(): partial(_authority, archive),
        archive.ivoid("org"): partial(_organisation, archive, extent),
        archive.ivoid(REGISTRY): partial(_registry, archive, page),
        archive.ivoid(TAP): partial(_tap, archive, published, tap, extent),
    }
    for path, table in COLLECTIONS.items():
        if table in published:
            makers[archive.ivoid(path)] = partial(_collection, archive, published, tap, extent, path)
    for one in others:
        makers[archive.ivoid(one.path)] = partial(_service, archive, published, one, extent)
    return makers


def _authority(archive: Archive, life: Life) -> bytes:
    name = f"Authority {archive.authority}"
    return write_document(
        AuthorityRecord(
            **_head(archive, life, "", name, None),
            content=content(
                archive,
                f"The identifiers that begin with ivo://{archive.authority} are given out by "
                f"{archive.publisher_name}.",
                ("virtual-observatories",),
                ("Other",),
            ),
            managing_org=_organisation_name(archive),
        )
    )


def _organisation(archive: Archive, extent: Extent, life: Life) -> bytes:
    return write_document(
        OrganisationRecord(
            **_head(archive, life, "org", archive.publisher_name, None),
            content=content(
                archive,
                f"{archive.publisher_name} run the services of {archive.title}.",
                _SUBJECTS,
                ("Organisation",),
            ),
            facility=_names(extent.facilities),
            instrument=_names(extent.instruments),
        )
    )


def _registry(archive: Archive, page: int, life: Life) -> bytes:
    return write_document(
        RegistryRecord(
            **_head(archive, life, REGISTRY, f"Publishing registry of {archive.title}", "Registry"),
            content=content(
                archive,
                f"Records of the resources that {archive.publisher_name} publish in {archive.title}."
                f"{_UNREADY if archive.is_unready else ''}",
                ("virtual-observatories",),
                ("Registry",),
            ),
            capability=harvest_capabilities(f"{archive.address}/registry", page),
            full=False,
            managed_authority=[archive.authority],
        )
    )


def _tap(archive: Archive, published: Published, tap: TapService, extent: Extent, life: Life) -> bytes:
    collections = tuple(
        ("IsServiceFor", _collection_title(archive, table), archive.ivoid(path))
        for path, table in COLLECTIONS.items()
        if table in published
    )
    return write_document(
        CatalogService(
            **_head(archive, life, TAP, _tap_title(archive), "TAP"),
            content=content(
                archive,
                f"{archive.description}\n\nQueries in ADQL over the tables of this archive, synchronous and "
                "asynchronous, with uploads of tables where the capabilities say so. ivoa.obscore has one "
                "row for each data set.",
                (*_SUBJECTS, "ObsCore"),
                ("Archive", "Catalog"),
                collections,
            ),
            rights=rights(archive),
            capability=capability_elements(tap),
            facility=_names(extent.facilities),
            instrument=_names(extent.instruments),
            coverage=coverage_element(extent),
            tableset=tableset_element(published, published, "min"),
        )
    )


def _service(
    archive: Archive, published: Published, service: DataService, extent: Extent, life: Life
) -> bytes:
    served = [path for path, table in COLLECTIONS.items() if table in service.tables]
    return write_document(
        CatalogService(
            **_head(archive, life, service.path, f"{archive.title}: {service.title}", service.short),
            content=content(
                archive,
                f"{archive.description}\n\n{service.description}",
                _SUBJECTS,
                ("Archive",),
                tuple(
                    ("IsServiceFor", _collection_title(archive, COLLECTIONS[path]), archive.ivoid(path))
                    for path in served
                ),
            ),
            rights=rights(archive),
            capability=list(service.capabilities),
            facility=_names(extent.facilities),
            instrument=_names(extent.instruments),
            coverage=coverage_element(extent),
            tableset=tableset_element(published, set(service.tables), "max") if service.tables else None,
        )
    )


def _collection(
    archive: Archive, published: Published, tap: TapService, extent: Extent, path: str, life: Life
) -> bytes:
    table = published[COLLECTIONS[path]]
    base = tap.base_url.rstrip("/")
    return write_document(
        CatalogResource(
            **_head(archive, life, path, _collection_title(archive, COLLECTIONS[path]), None),
            content=content(
                archive,
                f"{archive.description}\n\n{table.description}",
                (*_SUBJECTS, "ObsCore"),
                ("Archive", "Catalog"),
                (("IsServedBy", _tap_title(archive), archive.ivoid(TAP)),),
            ),
            rights=rights(archive),
            capability=[
                Capability(standard_id=AnyUrl(_AUX), interface=interfaces(base, "base", "1.1", tap.login))
            ],
            facility=_names(extent.facilities),
            instrument=_names(extent.instruments),
            coverage=coverage_element(extent),
            tableset=tableset_element(published, {COLLECTIONS[path]}, "max"),
        )
    )


def _head(archive: Archive, life: Life, path: str, title: str, short: str | None) -> dict[str, Any]:
    """What every record begins with (REG-070, REG-071)."""
    return {
        "created": life.created,
        "updated": life.updated,
        "status": "active",
        "version": VERSION,
        "title": title,
        "short_name": short[:_SHORT] if short else None,
        "identifier": AnyUrl(archive.ivoid(path)),
        "curation": curation(archive, life),
    }


def _tap_title(archive: Archive) -> str:
    return f"{archive.title}: TAP service"


def _collection_title(archive: Archive, table: str) -> str:
    return f"{archive.title}: {table}"


def _organisation_name(archive: Archive) -> ResourceName:
    return ResourceName(value=archive.publisher_name, ivo_id=archive.ivoid("org"))


def _names(values: tuple[str, ...]) -> list[ResourceName]:
    return [ResourceName(value=value) for value in values]
