"""A pump as the body of an HTTP answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping

from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from vo_service.dali.leaving import client_left
from vo_service.dali.streams.pump import ClientGone, Pump


async def first_piece(pump: Pump, request: Request) -> tuple[bytes, bool]:
    """As `Pump.take`, but ends the work and raises `ClientGone` where the client leaves before anything came.

    The request's body must have been read before.
    """
    taking = asyncio.ensure_future(pump.take())
    leaving = asyncio.ensure_future(client_left(request.receive))
    try:
        await asyncio.wait((taking, leaving), return_when=asyncio.FIRST_COMPLETED)
        if not taking.done():
            raise ClientGone
        return taking.result()
    except BaseException:
        pump.close()
        raise
    finally:
        taking.cancel()
        leaving.cancel()


class PumpedResponse(StreamingResponse):
    """A response whose body comes out of a pump, and which stops the pump however it ends."""

    def __init__(self, pump: Pump, first: bytes, headers: Mapping[str, str]) -> None:
        super().__init__(_body(pump, first), headers=headers)
        self._pump = pump

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._pump.close()


async def _body(pump: Pump, first: bytes) -> AsyncIterator[bytes]:
    yield first
    last = False
    while not last:
        piece, last = await pump.take()
        if piece:
            yield piece
