"""The publishing registry of one process: its parts put together from the settings."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from secrets import token_hex

from capabilities import TapService
from capabilities.records import Archive
from vo_service.access import Rights
from vo_service.dali.current import Current
from vo_service.engines import Engine, Limits
from vo_service.registry.coverage import Asking
from vo_service.registry.documents import STAND_IN
from vo_service.registry.handlers import PAGE, RegistryDoor, RegistryService
from vo_service.registry.publication import Publication, Published
from vo_service.registry.resumption import Tokens
from vo_service.settings import Settings
from vo_service.store import Catalogue
from vo_service.store.records import Records

_KEY = "registry_key"
_AUTHORITY = "authority"


@dataclass(frozen=True, slots=True)
class Holdings:
    """The data of the service, and how they may be asked."""

    current: Current[Engine]
    rights: Rights
    limits: Limits


def open_registry(
    settings: Settings,
    holdings: Holdings,
    catalogue: Catalogue,
    tap: Callable[[str], TapService],
    clock: Callable[[], datetime],
    page: int = PAGE,
) -> RegistryService:
    """The registry as the settings want it; ``tap`` tells what TAP at an address offers now.

    Raises CatalogueError.
    """
    address = settings.base_url or STAND_IN

    def describe() -> Published:
        authority = catalogue.find_setting(_AUTHORITY) or settings.authority
        return Published(_archive(settings, authority, address), tap(f"{address}/tap"))

    records = Records(catalogue)
    asking = Asking(holdings.rights, holdings.limits, clock)
    return RegistryService(
        records,
        Publication(records, holdings.current, describe, asking, page),
        Tokens(catalogue.find_setting(_KEY) or catalogue.settled(_KEY, token_hex(16))),
        RegistryDoor(settings.base_url, settings.trust_proxy),
        clock,
        page,
    )


def _archive(settings: Settings, authority: str, address: str) -> Archive:
    return Archive(
        authority=authority,
        address=address,
        title=settings.title,
        description=settings.description,
        publisher=settings.publisher,
        contact_name=settings.contact_name,
        contact_email=settings.contact_email,
        citation=settings.citation,
        rights_uri=settings.rights_uri,
    )
