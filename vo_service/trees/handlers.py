"""``/hips``: the trees for people, their list, and what is below the address of each.

A request is answered out of one build, whatever is published meanwhile. The gate is asked first.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from typing import Final

from anyio import CapacityLimiter, to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from capabilities.records import DataService, tree_node
from capabilities.security import Login
from hips.trees.layout import COVERAGE, PAGE, PREVIEW, PROPERTIES, AllskyName, TileName, parse_name
from vo_service.dali.addresses import Addresses
from vo_service.dali.errors import ErrorKind, ServiceAway, ServiceError
from vo_service.dali.sending import send_stored
from vo_service.pixels import FitsError
from vo_service.trees.documents import PAGE_POLICY, coverage_left, page, properties_text
from vo_service.trees.files import Asked, Content, as_it_is, entity_tag, made_here, open_below
from vo_service.trees.gate import Gate
from vo_service.trees.listing import HTML, TEXT, Listing
from vo_service.trees.live_handlers import LiveService
from vo_service.trees.row_tables import table_without
from vo_service.trees.served import ServedTree, ServedTrees
from vo_service.trees.tiles import MEDIA_TYPES, allsky_content, tile_content
from vo_service.trees.withheld import Withheld

_log = logging.getLogger(__name__)

METADATA: Final = "metadata.xml"
_FILES: Final = {
    COVERAGE: (COVERAGE, "application/fits"),
    PREVIEW: (PREVIEW, MEDIA_TYPES["jpg"]),
    METADATA: (METADATA, "application/x-votable+xml"),
    "Metadata.xml": (METADATA, "application/x-votable+xml"),  # as Aladin Lite spells it (HIPS-095)
}
"""What a tree may have at its root besides properties and page: the file, and its media type."""

_GATED: Final = "no-cache"
"""Of what shows pixels or rows of data sets: any of them may be closed or withdrawn at any time, so whoever
has kept something asks whether it may still be shown; the entity tag saves the bytes."""
_MINUTES: Final = "public, max-age=300"
_HOUR: Final = "public, max-age=3600"
"""Of tiles that show nothing that could be closed: they change with a build."""

_DATA_SET: Final = re.compile(r"[a-z0-9-]{1,300}")
"""What a data set can be called."""
_THREADS: Final = 16
_LISTING: Final = 4
"""Threads that name trees: asking for all of them may take long, and tiles are not to wait for that."""
_TRIES: Final = 10
"""Builds that may be replaced, one after the other, under one request."""


class TreeService:
    """The handlers of ``/hips``, with what they need."""

    def __init__(
        self,
        trees: ServedTrees,
        gate: Gate,
        addresses: Addresses,
        listing: Listing,
        live: LiveService | None = None,
    ) -> None:
        """``live`` answers for names of data sets, some of which are in the ``listing`` beside the trees."""
        self._trees = trees
        self._gate = gate
        self._addresses = addresses
        self._live = live
        self._named = listing
        self._threads = CapacityLimiter(_THREADS)
        self._listing_threads = CapacityLimiter(_LISTING)

    def routes(self) -> list[Route]:
        """Where the handlers are mounted."""
        return [
            Route("/hips", self.overview),
            Route("/hips/hipslist", self.hipslist),
            Route("/hips/{name}", self.file),
            Route("/hips/{name}/{path:path}", self.file),
        ]

    def described(self, address: str, login: Login) -> tuple[DataService, ...]:
        """What a node at a base address says of itself; nothing where there is no tree. May block."""
        try:
            there_are = self._named.any()
        except ServiceError:
            return ()
        return (tree_node(address, login),) if there_are else ()

    async def overview(self, request: Request) -> Response:
        """All trees for people."""
        address = self._addresses.of(request)
        return await self._listing(request, lambda: self._named.page(address))

    async def hipslist(self, request: Request) -> Response:
        """The list of this node (HIPS-110)."""
        address, asked = self._addresses.of(request), Asked.of(request)
        return await self._listing(request, lambda: self._named.list(address, asked))

    async def _listing(self, request: Request, make: Callable[[], Content]) -> Response:
        content = await to_thread.run_sync(make, limiter=self._listing_threads)
        return send_stored(request, content.sendable, {"Cache-Control": _MINUTES, **content.headers})

    async def file(self, request: Request) -> Response:
        """A file of a tree, its page where none is named. Raises ServiceError (404) where there is none, or
        it shows what is closed, and (503) where that cannot be told."""
        name, path = request.path_params["name"], request.path_params.get("path", PAGE)
        if b"%" in request.scope.get("raw_path", b""):
            raise _nothing("No name of a file here needs an escape.")
        address = self._addresses.of(request)
        content = await to_thread.run_sync(
            self._content, name, path, Asked.of(request), address, limiter=self._threads
        )
        if content is not None:
            return send_stored(request, content.sendable, content.headers)
        if self._live is not None and _DATA_SET.fullmatch(name):
            return await self._live.send(request, name, path, address)
        raise _nothing("There is no tree of this name; /hips/hipslist names all.")

    def _content(self, name: str, path: str, asked: Asked, address: str) -> Content | None:
        """What is sent, out of one build; None where there is no tree of that name. A build that is replaced
        meanwhile may lose its files."""
        for _ in range(_TRIES):
            tree = self._trees.find(name)
            if tree is None:
                return None
            try:
                content = self._of_tree(tree, path, asked, address)
            except FileNotFoundError:
                content = None
            except (OSError, FitsError, ValueError) as error:
                _log.error("%s of the tree %s cannot be read: %s", path, name, error)
                raise ServiceAway("This file cannot be read at present.") from error
            if content is not None:
                return content
            if self._trees.find(name) is tree:
                raise _nothing("This tree has no such file.")
        raise ServiceAway("This tree is being replaced, again and again.")

    def _of_tree(self, tree: ServedTree, path: str, asked: Asked, address: str) -> Content | None:
        wanted = parse_name(path)
        if wanted is None and path not in (PROPERTIES, PAGE, *_FILES):
            return None
        withheld = self._gate.withheld(tree)
        if isinstance(wanted, TileName):
            if len(withheld.closed) and withheld.closed.meets(wanted.order, wanted.cell):
                raise _made_anew()
        elif isinstance(wanted, AllskyName):
            _require_all(withheld)
        else:
            return _with(_of_root(tree, path, asked, address, withheld), _caching(tree, _MINUTES))
        return _with(_tiles(tree, wanted, asked, withheld), _caching(tree, _HOUR))


def _tiles(
    tree: ServedTree, wanted: TileName | AllskyName, asked: Asked, withheld: Withheld
) -> Content | None:
    """A tile, or all of an order; None where there is none. Raises OSError, FitsError, ValueError."""
    if withheld.rows:
        changed = table_without(tree, str(wanted), MEDIA_TYPES[wanted.extension], withheld.rows)
        if changed is not None:
            return changed
    if isinstance(wanted, TileName):
        return tile_content(tree, wanted, asked)
    return allsky_content(tree, wanted, asked)


def _of_root(tree: ServedTree, path: str, asked: Asked, address: str, withheld: Withheld) -> Content:
    """What is at the root of a tree. Raises OSError where there is none."""
    if path == PREVIEW:
        _require_all(withheld)
    if path == COVERAGE and len(withheld.closed):
        return Content(made_here(coverage_left(tree, withheld), "application/fits", None))
    if path in _FILES:
        name, media_type = _FILES[path]
        file = open_below(tree.root, tree.root / name)
        return Content(as_it_is(asked, file, media_type, entity_tag(file.mark)))
    file = open_below(tree.root, tree.root / path)
    modified = file.modified if withheld.since is None else None
    if path == PROPERTIES:
        file.close()
        return Content(made_here(properties_text(tree, address, withheld), TEXT, modified))
    content = page(file.read(), tree, address, withheld)
    return Content(made_here(content, HTML, modified), {"Content-Security-Policy": PAGE_POLICY})


def _with(content: Content | None, headers: Mapping[str, str]) -> Content | None:
    return None if content is None else Content(content.sendable, {**content.headers, **headers})


def _caching(tree: ServedTree, otherwise: str) -> dict[str, str]:
    return {"Cache-Control": _GATED if tree.has_members or tree.is_catalogue else otherwise}


def _require_all(withheld: Withheld) -> None:
    """Raises ServiceError where what shows all of a tree would show something that is closed."""
    if len(withheld.closed):
        raise _made_anew()


def _made_anew() -> ServiceError:
    return ServiceError(
        ErrorKind.NOT_FOUND,
        "This is being made anew: it showed data that are not public at present.",
        headers={"Cache-Control": _GATED},
    )


def _nothing(words: str) -> ServiceError:
    return ServiceError(ErrorKind.NOT_FOUND, words, headers={"Cache-Control": _MINUTES})
