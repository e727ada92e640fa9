"""The packages of one process: their parts put together from the settings."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from starlette.routing import Route

from vo_service.access import Rights
from vo_service.asking.door import Door
from vo_service.asking.queries import Queries
from vo_service.packages.contents import Packer
from vo_service.packages.far_looks import FarLooks
from vo_service.packages.handlers import PackageHandlers
from vo_service.packages.limits import PackageLimits
from vo_service.packages.listing import Listing
from vo_service.packages.scripts import Scripts
from vo_service.packages.tars import Tars
from vo_service.products.authority import Authority
from vo_service.products.digests import Digests
from vo_service.products.reading import FileReader
from vo_service.products.shelf import Shelf
from vo_service.settings import Settings


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What they share with the other services of their process."""

    queries: Queries
    shelf: Shelf
    digests: Digests
    rights: Rights
    door: Door
    authority: Authority


class Packages:
    """Packages as the settings want them."""

    def __init__(self, settings: Settings, around: Surroundings) -> None:
        limits = PackageLimits(
            files=settings.package_files,
            bytes=settings.package_bytes,
            query_characters=settings.query_characters,
        )
        packer = Packer(around.queries, around.shelf, around.authority.name, limits)
        self._looks = FarLooks()
        self._handlers = PackageHandlers(
            around.door,
            Listing(packer, around.digests, around.rights),
            Scripts(packer, around.digests),
            Tars(packer, self._looks, around.digests),
            partial(FileReader, around.shelf, around.digests),
        )

    def routes(self) -> list[Route]:
        """All addresses of them."""
        return self._handlers.routes()

    def close(self) -> None:
        """Ask no other server any more."""
        self._looks.close()
