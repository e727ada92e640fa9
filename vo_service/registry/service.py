"""The publishing registry of one process: its parts put together from the settings."""

from __future__ import annotations

from collections.abc import Callable
from secrets import token_hex

from capabilities import TapService
from capabilities.records import Archive, DataService
from vo_service.dali.addresses import Addresses
from vo_service.dali.current import Current
from vo_service.engines import Engine
from vo_service.registry.built_coverage import WholeMap, no_maps
from vo_service.registry.coverage import Asking
from vo_service.registry.documents import STAND_IN
from vo_service.registry.handlers import PAGE, RegistryService
from vo_service.registry.publication import Publication, Published
from vo_service.registry.resumption import Tokens
from vo_service.settings import Settings
from vo_service.store import Catalogue
from vo_service.store.records import Records

_KEY = "registry_key"
_AUTHORITY = "authority"


def open_registry(
    settings: Settings,
    current: Current[Engine],
    asking: Asking,
    catalogue: Catalogue,
    tap: Callable[[str], TapService],
    others: Callable[[str], tuple[DataService, ...]],
    addresses: Addresses,
    page: int = PAGE,
    maps: WholeMap = no_maps,
) -> RegistryService:
    """The registry as the settings want it, of what is ``current``, on the clock by which that is asked;
    ``tap`` tells what TAP at an address offers now, ``others`` what the other services at a base address do,
    ``maps`` gives the coverage maps.

    Raises CatalogueError.
    """
    address = settings.base_url or STAND_IN

    def describe() -> Published:
        authority = catalogue.find_setting(_AUTHORITY) or settings.authority
        archive = _archive(settings, authority, address)
        return Published(archive, tap(f"{address}/tap"), others(address))

    records = Records(catalogue)
    return RegistryService(
        records,
        Publication(records, current, describe, asking, page, maps),
        Tokens(catalogue.settled(_KEY, token_hex(16))),
        addresses,
        asking.clock,
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
