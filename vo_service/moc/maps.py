"""``/moc``: the list of coverage maps, the maps, and those of answers, over HTTP."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from anyio import CapacityLimiter, to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hips.mocs.names import Dimension
from hips.mocs.writing import Form as MapForm
from vo_service.asking.constraints import MOST_VALUES, TABLE, read_constraints
from vo_service.asking.door import Door
from vo_service.asking.queries import Asker, Queries
from vo_service.asking.uploads import UPLOAD, UploadReader, check_uploads
from vo_service.dali.conditions import Verdict, judge
from vo_service.dali.errors import usage
from vo_service.dali.forms import Body, read_body
from vo_service.dali.multipart import BodyLimits, Parts
from vo_service.dali.parameters import MAXREC, RESPONSEFORMAT, RUNID, Form
from vo_service.dali.sending import KnownBytes, Sendable, disposition, send_stored
from vo_service.dali.streams import Work
from vo_service.moc.answered_maps import AnsweredMaps, AnswerRequest
from vo_service.moc.built_maps import BuiltFile, BuiltMaps
from vo_service.moc.dataset_maps import DatasetMaps
from vo_service.moc.map_forms import ENDINGS, MEDIA_TYPES
from vo_service.moc.map_names import DATASET, MapPlace, read_place
from vo_service.moc.map_page import maps_page
from vo_service.moc.map_request import FREQUENCY_ORDER, ORDER, TIME_ORDER, read_map_request
from vo_service.products.shelf import Shelf

_VALUES: Final = MOST_VALUES * len(TABLE) + 1000
"""Values of a request: the most of every constraint, and some that mean nothing here."""
_CONTROLS: Final = (RESPONSEFORMAT, ORDER, TIME_ORDER, FREQUENCY_ORDER, RUNID)
_NAMES: Final = frozenset((*(one.name for one in TABLE), *(one.name for one in _CONTROLS)))
_THREADS: Final = 4
_GATED: Final = "no-cache"
"""Any data set may be closed or withdrawn at any time, so whoever has kept a map asks whether it may still be
shown; the entity tag saves the bytes."""
_HTML: Final = "text/html; charset=utf-8"
_GONE: Final = 499  # the client left: nobody reads it


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What it shares with the other services of its process. ``authority`` is that of the identifiers of data
    sets; it may block. ``footprints``: the most that the map of an answer is made of."""

    queries: Queries
    door: Door
    shelf: Shelf
    authority: Callable[[], str]
    uploads: UploadReader
    footprints: int


class CoverageMaps:
    """The handlers of ``/moc`` and of all maps below it."""

    def __init__(self, around: Surroundings, built: BuiltMaps) -> None:
        self._door = around.door
        self._body = replace(around.door.body, values=_VALUES)
        self._built = built
        self._datasets = DatasetMaps(around.queries, around.shelf, around.authority)
        self._answers = AnsweredMaps(around.queries, around.authority, around.uploads, around.footprints)
        self._threads = CapacityLimiter(_THREADS)

    def routes(self) -> list[Route]:
        """Where the handlers are mounted; what else lies below ``/moc`` comes before."""
        return [
            Route("/moc", self.overview, methods=["GET", "POST"]),
            Route("/moc/{path:path}", self.map),
        ]

    async def overview(self, request: Request) -> Response:
        """The page of all maps; with parameters of a search for images the map of what that finds. Raises
        ServiceError."""
        body = await read_body(request, self._body, self._door.place)
        try:
            wanted = _answer_request(request, body)
            if wanted is None:
                body.parts.close()
                return await self._page(request)
            uploads = self._answers.uploads
            check_uploads(body.form, body.parts, uploads.limits, uploads.fetch)
            work = self._answers.work(wanted, self._asker(request, body.parts))
            return await self._computed(request, work, wanted.map.form, "answer")
        except BaseException:
            body.parts.close()  # else whoever reads them does
            raise

    async def map(self, request: Request) -> Response:
        """A map by its name. Raises ServiceError (404) where there is none."""
        place = read_place(request.path_params["path"])
        form = (await read_body(request, BodyLimits(0, 0), self._door.place)).form
        if place.kind == DATASET:
            return await self._of_dataset(request, place, form)
        accept = request.headers.get("accept", "")

        def built() -> tuple[BuiltFile, MapForm, str]:
            found = self._built.find(place)
            wanted = read_map_request(form, place.dimension, found.ending, accept)
            return self._built.file(found, wanted), wanted.form, "-".join(found.name)

        file, wanted, name = await to_thread.run_sync(built, limiter=self._threads)
        content = file.content
        if content is None:
            verdict = judge(request.headers, file.etag, file.modified, request.method)
            # who has it already need not wait until it is made
            wanting = verdict is Verdict.SEND
            content = await self._made(request, file.work(self._door.seconds)) if wanting else b""
        if content is None:
            return Response(status_code=_GONE)
        return _sent(request, content, file.etag, file.modified, wanted, _titled(place.dimension, name))

    async def _of_dataset(self, request: Request, place: MapPlace, form: Form) -> Response:
        identifier, ending = place.dataset()
        wanted = read_map_request(form, place.dimension, ending, request.headers.get("accept", ""))
        work = self._datasets.work(identifier, place.dimension, wanted, self._asker(request, Parts({})))
        return await self._computed(
            request, work, wanted.form, _titled(place.dimension, identifier.rpartition("?")[2])
        )

    async def _computed(self, request: Request, work: Work, form: MapForm, name: str) -> Response:
        """The one piece of bytes that ``work`` makes."""
        content = await self._made(request, work)
        if content is None:
            return Response(status_code=_GONE)
        return _sent(request, content, _tag(content), None, form, name)

    async def _made(self, request: Request, work: Work) -> bytes | None:
        """The bytes, when it is the client's turn; None where it left."""
        return await self._door.lane.whole(request, self._door.identity.client(request), work)

    async def _page(self, request: Request) -> Response:
        address = self._door.addresses.of(request)

        def page() -> bytes:
            build = self._built.current()
            return maps_page(address, build, frozenset() if build is None else self._built.refused(build))

        content = await to_thread.run_sync(page, limiter=self._threads)
        stored = Sendable(KnownBytes(content), len(content), _tag(content), None, _HTML)
        return send_stored(request, stored, {"Cache-Control": _GATED})

    def _asker(self, request: Request, parts: Parts) -> Asker:
        door = self._door
        return Asker(
            viewer=door.identity.viewer(request),
            now=door.clock(),
            base_url=door.addresses.of(request),
            seconds=door.seconds,
            place=door.place,
            parts=parts,
        )


def _answer_request(request: Request, body: Body) -> AnswerRequest | None:
    """The answer whose map is wanted; None where a request has nothing to say. Raises ServiceError (400)."""
    form = body.form
    for name in body.parts:
        if name.strip().upper() in _NAMES:
            raise usage(f"{name} came as a file; it is a parameter.", "Send it as a part without filename.")
    if form.every(MAXREC):
        raise usage(
            "MAXREC is of rows; the map of an answer is that of all of them.",
            "Leave MAXREC out; ORDER makes a map coarser, constraints make it one of fewer data sets.",
        )
    constraints = read_constraints(form)
    if not constraints.given and not form.every(UPLOAD):
        said = [
            one.name for one in _CONTROLS if any(value.strip() for value in form.values.get(one.name, ()))
        ]
        if not said and request.method != "POST":
            return None
        raise usage(
            "There is no constraint: the map of an answer is that of the data sets that meet some.",
            f"{', '.join(one.name for one in TABLE)} and UPLOAD are known, as /sia2/query takes them. The map"
            " of all data sets is /moc/holdings.",
        )
    wanted = read_map_request(form, Dimension.SPACE, None, request.headers.get("accept", ""))
    return AnswerRequest(constraints, wanted, form.one(RUNID), form)


def _sent(
    request: Request, content: bytes, etag: str, modified: datetime | None, form: MapForm, name: str
) -> Response:
    stored = Sendable(KnownBytes(content), len(content), etag, modified, MEDIA_TYPES[form])
    ending = next(ending for ending, of_ending in ENDINGS.items() if of_ending is form)
    headers = {
        "Cache-Control": _GATED,
        "Vary": "Accept",
        "Content-Disposition": disposition(f"{name}.{ending}", "inline"),
    }
    return send_stored(request, stored, headers)


def _titled(dimension: Dimension, name: str) -> str:
    return f"moc-{name}" if dimension is Dimension.SPACE else f"moc-{dimension}-{name}"


def _tag(content: bytes) -> str:
    """A strong entity tag (RFC 9110, 8.8.3)."""
    return f'"{hashlib.blake2b(content, digest_size=12).hexdigest()}"'
