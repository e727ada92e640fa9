"""Where the work of synchronous answers runs in one process: a few threads, a queue before them, a spool
behind them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import partial

from starlette.requests import Request
from starlette.responses import Response

from vo_service.dali.admission import Admission
from vo_service.dali.streams.pump import ClientGone, Pump, Work
from vo_service.dali.streams.reply import PumpedResponse, first_piece
from vo_service.dali.streams.spool import SpoolRoom
from vo_service.dali.streams.turns import Turns

_GONE = 499  # nobody reads it; the number is for the log


class Lane:
    """Answers requests by work in a thread when it is the client's turn, which it awaits for as long as
    ``patience`` seconds.

    ``first_byte`` hears how long an answer's first bytes took.
    """

    def __init__(
        self,
        turns: Turns,
        room: SpoolRoom,
        admission: Admission,
        patience: float,
        first_byte: Callable[[float], None] = lambda seconds: None,
    ) -> None:
        self._turns = turns
        self._room = room
        self._admission = admission
        self._patience = patience
        self._first_byte = first_byte

    async def answer(
        self,
        request: Request,
        client: str,
        work: Work,
        headers: Mapping[str, str],
        length: Callable[[], int | None] = lambda: None,
    ) -> Response:
        """The answer that ``work`` gives, with ``headers`` (Content-Type among them); without body for HEAD.

        The request's body must have been read before. A small answer comes whole, with its length; that of a
        large one is asked of ``length`` once its first bytes are there. Raises ServiceError: what the work
        raises before its first byte, 429 and 503 where it cannot begin.
        """
        try:
            pump, first, last = await self._begun(request, client, work)
        except ClientGone:
            return Response(status_code=_GONE)
        if request.method == "HEAD":
            pump.close()
            return _without_body(headers)
        if last:
            return Response(first, headers=headers)
        size = length()
        announced = {} if size is None else {"Content-Length": str(size)}
        return PumpedResponse(pump, first, {**headers, **announced})

    async def whole(self, request: Request, client: str, work: Work) -> bytes | None:
        """All bytes that ``work`` gives, for answers that are sent as a whole; None where the client left.

        The request's body must have been read before. Raises ServiceError as the work does, 429 and 503 where
        it cannot begin.
        """
        try:
            pump, piece, last = await self._begun(request, client, work)
        except ClientGone:
            return None
        pieces = [piece]
        try:
            while not last:
                piece, last = await pump.take()
                pieces.append(piece)
        finally:
            pump.close()
        return b"".join(pieces)

    async def _begun(self, request: Request, client: str, work: Work) -> tuple[Pump, bytes, bool]:
        """The pump of an answer, what came first, and whether that is all. Raises ClientGone."""
        began = time.perf_counter()
        pump = Pump(work, self._room.spool(), self._admission.admit(client))
        pump.start(partial(self._turns.submit, client), self._patience)
        first, last = await first_piece(pump, request)
        self._first_byte(time.perf_counter() - began)
        return pump, first, last


def _without_body(headers: Mapping[str, str]) -> Response:
    """The answer to HEAD: the length of a query's answer is not known without making it."""
    response = Response(headers=headers)
    del response.headers["content-length"]
    return response
