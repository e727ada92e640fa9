"""The trees of one process: their parts put together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from hips.trees.versions import FOLDER, Trees
from vo_service.access import Rights
from vo_service.atlas import Publisher
from vo_service.dali.addresses import Addresses
from vo_service.dali.current import Current
from vo_service.dali.identity import Identity
from vo_service.engines import Engine
from vo_service.holdings.gzip_indexes import FOLDER as INDEXES
from vo_service.pixels.processes import forkserver
from vo_service.products.authority import Authority
from vo_service.products.desk import Desk
from vo_service.products.shelf import Shelf
from vo_service.settings import Settings
from vo_service.trees.gate import Gate
from vo_service.trees.handlers import TreeService
from vo_service.trees.listing import Listing
from vo_service.trees.live_handlers import LiveService
from vo_service.trees.live_list import LiveList
from vo_service.trees.live_making import PRELOADED
from vo_service.trees.live_trees import Limits, LiveTrees
from vo_service.trees.served import ServedTrees


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What trees need of the process: what they may show is decided by the ``current`` snapshot, whose number
    ``newest`` tells or raises StoreError, by the ``rights``, and by the ``clock``."""

    current: Current[Engine]
    newest: Callable[[], int | None]
    rights: Rights
    clock: Callable[[], datetime]
    addresses: Addresses
    shelf: Shelf
    desk: Desk
    identity: Identity
    authority: Authority


def open_trees(settings: Settings, parts: Surroundings) -> TreeService:
    """The trees below the home directory, and those of single data sets."""
    forkserver(PRELOADED)
    gate = Gate(parts.current, parts.newest, parts.rights, parts.clock)
    listed = LiveList(
        parts.current,
        parts.newest,
        parts.rights,
        parts.clock,
        lambda: _publisher(settings, parts.authority),
        settings.hips_listed,
        settings.hips_plane_pixels,
    )
    trees = ServedTrees(Trees(settings.home / FOLDER))
    listing = Listing(trees, gate, listed, parts.clock)
    return TreeService(trees, gate, parts.addresses, listing, _live(settings, parts, listed.forget))


def _live(settings: Settings, parts: Surroundings, forget: Callable[[str], None]) -> LiveService:
    trees = LiveTrees(
        parts.shelf,
        parts.desk.results,
        parts.newest,
        parts.rights,
        parts.clock,
        parts.authority,
        settings.home / INDEXES,
        Limits(settings.hips_plane_pixels, settings.cut_bytes),
    )
    return LiveService(
        trees,
        parts.desk.results,
        parts.desk.workshop,
        parts.identity,
        lambda: _publisher(settings, parts.authority),
        parts.clock,
        settings.cut_slots + settings.cuts_queued,
        min(settings.cut_slots, settings.cuts_per_client),
        forget,
    )


def _publisher(settings: Settings, authority: Authority) -> Publisher:
    return Publisher(authority.name(), settings.citation, settings.rights_uri)
