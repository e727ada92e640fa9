"""``/hips/{dataset_id}/...``: the trees of single data sets. The gate first, then what is wanted of the tree,
which is made where it is not kept."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final

from anyio import CapacityLimiter, to_thread
from starlette.requests import Request
from starlette.responses import Response

from hips.frames.packed import NoFrame
from hips.trees.layout import COVERAGE, PAGE, PREVIEW, PROPERTIES, AllskyName, TileName, parse_name
from hips.trees.page import tree_page
from vo_service.access import READ_ALL, Viewer
from vo_service.atlas import Publisher
from vo_service.dali.errors import ErrorKind, ServiceAway, ServiceError
from vo_service.dali.identity import Identity
from vo_service.dali.sending import send_stored
from vo_service.dali.streams import Cancellation, ClientGone
from vo_service.products.results import Results
from vo_service.products.shelf import Closed
from vo_service.products.workshop import ForClient, Workshop
from vo_service.trees.documents import PAGE_POLICY, with_base
from vo_service.trees.files import Asked, Content, made_here
from vo_service.trees.live_documents import coverage_of, properties_of
from vo_service.trees.live_flights import Flights
from vo_service.trees.live_making import FrameMaking, TreeMaking
from vo_service.trees.live_tiles import allsky_content, preview_content, tile_content
from vo_service.trees.live_trees import (
    GATED,
    LiveSet,
    LiveTrees,
    OpenFrame,
    OpenTree,
    Pending,
    TreeMissing,
)

_log = logging.getLogger(__name__)

_TEXT: Final = "text/plain; charset=utf-8"
_HTML: Final = "text/html; charset=utf-8"
_ROOT: Final = (PROPERTIES, PAGE, COVERAGE, PREVIEW)
_THREADS: Final = 16
_TRIES: Final = 5
"""Times that something is looked for: what is known of a tree, its frame with others, that frame alone, and
again where one of them was removed meanwhile to make room."""
_QUEUED: Final = 256
"""Results that wait to be made for one client: a cube of larger planes may have a frame in each."""
_PATIENCE: Final = 60.0
"""Seconds that a result waits to be let in: servers in front of this one do not wait much longer."""
_GONE: Final = 499
_EXTENSIONS: Final = ("png", "fits")


@dataclass(frozen=True, slots=True)
class Wish:
    """What a request is for: a file below the root of a tree, at an address of the service."""

    name: str
    path: str
    asked: Asked
    viewer: Viewer
    address: str


class LiveService:
    """Answers requests for trees of single data sets."""

    def __init__(
        self,
        trees: LiveTrees,
        results: Results,
        workshop: Workshop,
        identity: Identity,
        publisher: Callable[[], Publisher],
        clock: Callable[[], datetime],
        waiting: int,
        abreast: int,
        forget: Callable[[str], None],
    ) -> None:
        """``waiting``: results of this process that are waited for at a time; ``abreast`` those of them that
        are made for one client. ``forget`` hears of data sets that turn out to have no tree; it may block."""
        self._trees = trees
        self._results = results
        self._workshop = workshop
        self._identity = identity
        self._publisher = publisher
        self._clock = clock
        self._threads = CapacityLimiter(_THREADS)
        self._forget = forget
        self._flights = Flights(waiting, abreast, _QUEUED, _PATIENCE)

    async def send(self, request: Request, name: str, path: str, address: str) -> Response:
        """The answer. Raises ServiceError: 404 where there is no such data set, tree or file, 401 and 403
        where it is closed, 410 where it was withdrawn, and what making it raises."""
        wish = Wish(name, path, Asked.of(request), self._identity.viewer(request), address)
        try:
            content = await self._content(request, wish)
        except Closed as closed:
            raise self._identity.refusal(request, closed.why, scope=READ_ALL) from closed
        except ClientGone:
            return Response(status_code=_GONE)
        return send_stored(request, content.sendable, {**GATED, **content.headers})

    async def _content(self, request: Request, wish: Wish) -> Content:
        client = self._identity.client(request)
        for _ in range(_TRIES):
            found = await to_thread.run_sync(self._look, wish, limiter=self._threads)
            if isinstance(found, Content):
                return found
            making = partial(self._maker(wish.name, found), found, ForClient(self._workshop, client))
            await self._flights.join(client, found.etag, making, request.receive)
        raise ServiceError(ErrorKind.UNAVAILABLE, "The service has no room to keep this tree at present.")

    def _maker(self, name: str, pending: Pending) -> Callable[[Pending, ForClient, Cancellation], None]:
        match pending.making:
            case TreeMaking():
                return partial(self._make_tree, name)
            case FrameMaking(frames=frames) if len(frames) > 1:
                return self._make_run
        return self._make

    def _make(self, pending: Pending, computing: ForClient, cancellation: Cancellation) -> None:
        made = self._results.computed(pending.etag, pending.making, computing, cancellation)
        with closing(made.handle):
            pass

    def _make_tree(
        self, name: str, pending: Pending, computing: ForClient, cancellation: Cancellation
    ) -> None:
        """The same of what is known of a tree: without it there is none."""
        try:
            self._make(pending, computing, cancellation)
        except ServiceError as error:
            if error.kind in (ErrorKind.CONFLICT, ErrorKind.GONE):
                self._forget(name)
            raise

    def _make_run(self, pending: Pending, computing: ForClient, cancellation: Cancellation) -> None:
        """The same of several frames. Where one of them cannot be had, none is made: whoever waits for any
        looks again, and has it made alone."""
        try:
            self._make(pending, computing, cancellation)
        except ServiceError as error:
            if error.kind is not ErrorKind.NOT_FOUND:
                raise
            self._trees.take_apart(pending)

    def _look(self, wish: Wish) -> Content | Pending:
        """What is wanted, or what has to be made first."""
        live = self._trees.find(wish.name, wish.viewer, wish.address)
        name = parse_name(wish.path)
        if name is None and wish.path not in _ROOT:
            raise _nothing()
        try:
            with self._trees.open(live) as tree:
                if isinstance(tree, Pending):
                    return tree
                if name is not None:
                    return self._of_frame(wish, live, tree, name)
                return self._of_root(wish, live, tree)
        except TreeMissing:
            self._forget(wish.name)
            raise
        except (OSError, NoFrame) as error:
            _log.error("what is kept of the tree %s cannot be read: %s", wish.name, error)
            raise ServiceAway("This file cannot be read at present.") from error

    def _of_frame(
        self, wish: Wish, live: LiveSet, tree: OpenTree, name: TileName | AllskyName
    ) -> Content | Pending:
        facts = tree.facts
        if name.extension not in _EXTENSIONS or name.frame >= facts.frames:
            raise _nothing()
        if isinstance(name, TileName):
            if name.order > facts.order or not facts.covered.meets(name.order, name.cell):
                raise _nothing()
        elif name.order != 3:
            raise _nothing()
        if name.frame in facts.blank:
            return _made(wish, tree, name, None)
        with self._trees.open_frame(live, tree, name.frame) as frame:
            return frame if isinstance(frame, Pending) else _made(wish, tree, name, frame)

    def _of_root(self, wish: Wish, live: LiveSet, tree: OpenTree) -> Content:
        if wish.path == PREVIEW:
            return preview_content(wish.asked, tree.facts, tree.frame)
        publisher, now = self._publisher(), self._clock()
        if wish.path == COVERAGE:
            content = coverage_of(live.subject, tree.facts, publisher, now)
            return Content(made_here(content, "application/fits", None))
        properties = properties_of(live.subject, tree.facts, publisher, now, wish.address)
        if wish.path == PROPERTIES:
            return Content(made_here(properties.text().encode(), _TEXT, None))
        page = with_base(tree_page(properties).encode(), wish.address, wish.name)
        return Content(made_here(page, _HTML, None), {"Content-Security-Policy": PAGE_POLICY})


def _made(wish: Wish, tree: OpenTree, name: TileName | AllskyName, frame: OpenFrame | None) -> Content:
    if isinstance(name, TileName):
        return tile_content(wish.asked, tree.facts, frame, name)
    return allsky_content(wish.asked, tree.facts, frame, name)


def _nothing() -> ServiceError:
    return ServiceError(ErrorKind.NOT_FOUND, "This tree has no such file.", headers=GATED)
