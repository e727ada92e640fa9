"""A result as the answer to a request: made while its client waits, then sent."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace

from anyio import CapacityLimiter, to_thread
from starlette.requests import Request
from starlette.responses import Response

from vo_service.dali.leaving import client_left
from vo_service.dali.sending import KnownBytes, Sendable, disposition, send_stored
from vo_service.dali.streams import Cancellation, ClientGone
from vo_service.pixels.cutout.plan import SourceChanged
from vo_service.products.digests import insists
from vo_service.products.faults import changed, unreadable
from vo_service.products.results import Ready
from vo_service.products.workshop import Computing, ForClient, Workshop

_FAR_READERS = 16  # threads; what they read is bounded, so the next has its turn soon
_SMALL = 512 << 10
"""Bytes of a result that is read before it is sent."""
_GONE = 499  # nobody reads it; the number is for the log
_BLOCK = 1 << 20

Make = Callable[[Computing, Cancellation], Ready]
"""Makes a result in a thread, ended by the cancellation; what has to be computed is handed to the first."""


class Answers:
    """Answers requests with results: ``threads`` at a time are made or looked up, and those of up to
    ``digest_bytes`` digested for clients that insist on it."""

    def __init__(self, workshop: Workshop, threads: int, digest_bytes: int) -> None:
        self._workshop = workshop
        self._threads = CapacityLimiter(threads)
        self._far = CapacityLimiter(_FAR_READERS)
        self._digest_bytes = digest_bytes

    async def send(
        self, request: Request, client: str, make: Make, disposition_type: str = "attachment"
    ) -> Response:
        """The answer, to be saved by a browser, or (``inline``) to be shown; the work ends when the client
        leaves. The request's body must have been read before. Raises what ``make`` raises.
        """
        try:
            computing = ForClient(self._workshop, client)
            ready = await self._while_wanted(request, lambda ending: _held_if_small(make(computing, ending)))
        except ClientGone:
            return Response(status_code=_GONE)
        try:
            headers = {
                "Content-Disposition": disposition(ready.name, disposition_type),
                "Cache-Control": "no-cache",  # the gate is asked each time; the ETag saves the bytes
            }
            digest = await self._digest(ready, insists(request.headers.get("want-repr-digest")))
        except BaseException:
            ready.handle.close()
            raise
        if digest is not None:
            headers["Repr-Digest"] = f"sha-256=:{base64.b64encode(digest).decode('ascii')}:"
        threads = self._far if ready.is_far else None
        stored = Sendable(ready.handle, ready.size, ready.etag, None, ready.media_type, threads)
        return send_stored(request, stored, headers)

    async def _while_wanted(self, request: Request, work: Callable[[Cancellation], Ready]) -> Ready:
        cancellation = Cancellation()
        working = asyncio.ensure_future(to_thread.run_sync(work, cancellation, limiter=self._threads))
        leaving = asyncio.ensure_future(client_left(request.receive))
        try:
            await asyncio.wait((working, leaving), return_when=asyncio.FIRST_COMPLETED)
            if not working.done():
                cancellation.cancel()
            return await asyncio.shield(working)  # it may still have something to close
        except asyncio.CancelledError:
            cancellation.cancel()
            working.add_done_callback(_close_unsent)
            raise
        finally:
            leaving.cancel()

    async def _digest(self, ready: Ready, insisted: bool) -> bytes | None:
        """SHA-256 of a result where it is known, or asked for and quickly had (RFC 9530)."""
        is_quick = ready.size <= self._digest_bytes and not ready.is_far
        if ready.sha256 is not None or not insisted or not is_quick:
            return ready.sha256
        try:
            return await to_thread.run_sync(_digest_of, ready, limiter=self._threads)
        except SourceChanged as error:
            raise changed() from error
        except OSError as error:
            raise unreadable() from error


def _held_if_small(ready: Ready) -> Ready:
    """A small result with its bytes: the thread that made it has them sooner than another one would."""
    if ready.size > _SMALL or ready.is_far:
        return ready
    with closing(ready.handle):
        return replace(ready, handle=KnownBytes(_whole(ready)))


def _whole(ready: Ready) -> memoryview | bytes:
    try:
        content = ready.handle.read_at(0, ready.size)
    except SourceChanged as error:
        raise changed() from error
    except OSError as error:
        raise unreadable() from error
    if len(content) < ready.size:
        raise changed()
    return content


def _close_unsent(working: asyncio.Future[Ready]) -> None:
    """Close a result that nobody waits for any more."""
    if not working.cancelled() and working.exception() is None:
        working.result().handle.close()


def _digest_of(ready: Ready) -> bytes:
    digest = hashlib.sha256()
    for offset in range(0, ready.size, _BLOCK):
        digest.update(ready.handle.read_at(offset, _BLOCK))
    return digest.digest()
