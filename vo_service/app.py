"""The application of one server process: the parts of `vo_service.service` behind their addresses."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager

from anyio import to_thread
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware

from vo_service import __version__
from vo_service.dali.compression import Compression
from vo_service.dali.doorkeeper import Doorkeeper
from vo_service.dali.edge import Edge
from vo_service.dali.errors import ServiceError
from vo_service.dali.faults import fault_of, link_fault_of
from vo_service.dali.front import Front
from vo_service.dali.metrics_door import CountedRequests, watch_loop
from vo_service.dali.replies import answer_http_error, answer_service_error
from vo_service.dali.request_log import RequestLog
from vo_service.dali.wording import Wording
from vo_service.service import Service
from vo_service.settings import Settings
from vo_service.soda.errors import word_of

END_WAITS = "end_waits"
"""What the server finds in the lifespan's state: to be called when it is told to stop."""


def create_app(settings: Settings) -> Starlette:
    """The application, with its parts open; they close when its lifespan ends (or by ``app.state.close()``).

    Raises StoreError where the catalogue cannot be opened.
    """
    with ExitStack() as parts:
        service = Service(settings, parts)
        closing = parts.pop_all()

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[dict[str, object]]:
        try:
            await to_thread.run_sync(service.start)
            watching = asyncio.create_task(watch_loop(service.metrics))
            yield {END_WAITS: service.jobs.waiters.release}
            watching.cancel()
        finally:
            closing.close()

    app = Starlette(
        routes=service.routes(),
        middleware=[
            Middleware(CountedRequests, metrics=service.metrics),
            Middleware(RequestLog, trust_proxy=settings.trust_proxy),
            Middleware(Wording, services={"soda": word_of, "sia2": fault_of, "datalink": link_fault_of}),
            Middleware(Edge, software=f"vo-service/{__version__}"),
            Middleware(Front),
            Middleware(Doorkeeper, identity=service.identity, base_url=settings.base_url),
            Middleware(Compression),
        ],
        exception_handlers={ServiceError: answer_service_error, HTTPException: answer_http_error},
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False  # dali.front takes slashes off: redirects would trust the Host header
    app.state.service = service
    app.state.close = closing.close
    return app
