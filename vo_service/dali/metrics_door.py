"""/metrics over HTTP, the layer that counts requests, and the watch over the event loop."""

from __future__ import annotations

import asyncio
import time

from anyio import to_thread
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vo_service.dali.errors import ErrorKind, ServiceError
from vo_service.dali.metrics import MEDIA_TYPE, Also, Metrics
from vo_service.dali.networks import is_near

_BEAT_SECONDS = 0.5
_BEATS = 20  # the longest of the last ten seconds is told


class MetricsDoor:
    """``who`` may read the figures: ``on`` all, ``off`` nobody, ``loopback`` this machine, not by a proxy."""

    def __init__(self, metrics: Metrics, who: str, also: Also) -> None:
        self._metrics = metrics
        self._who = who
        self._also = also

    def routes(self) -> list[Route]:
        """Where the figures are; nowhere where nobody may read them."""
        return [] if self._who == "off" else [Route("/metrics", self.read)]

    async def read(self, request: Request) -> Response:
        """The figures as text."""
        if self._who == "loopback" and not is_near(request.scope, request.headers):
            raise ServiceError(
                ErrorKind.FORBIDDEN,
                "The figures of this service are for its own machine only.",
                "Its operator opens them to all with the setting metrics.",
            )
        text = await to_thread.run_sync(self._text)
        return Response(text, headers={"Content-Type": MEDIA_TYPE, "Cache-Control": "no-store"})

    def _text(self) -> str:
        return self._metrics.text(self._also())


class CountedRequests:
    """A layer of the application that counts the requests which pass through it."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, status = time.perf_counter(), 0

        async def send_and_see(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, send_and_see)
        finally:
            self._metrics.request(status, time.perf_counter() - started)


async def watch_loop(metrics: Metrics) -> None:
    """Tell how late the event loop is, until cancelled."""
    late = [0.0] * _BEATS
    while True:
        before = time.perf_counter()
        await asyncio.sleep(_BEAT_SECONDS)
        late = [*late[1:], max(0.0, time.perf_counter() - before - _BEAT_SECONDS)]
        metrics.late(max(late))
