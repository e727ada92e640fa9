"""What was made for a client is closed, however that ends, and a small result is whole before it begins."""

from __future__ import annotations

import asyncio
import threading
from typing import Any, cast

import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Message

from vo_service.dali.errors import ErrorKind, ServiceError
from vo_service.dali.streams import Cancellation
from vo_service.pixels.cutout.plan import SourceChanged
from vo_service.products.answers import Answers
from vo_service.products.results import Ready
from vo_service.products.workshop import Computing, Workshop


class Handle:
    """Open bytes that tell when they are closed, and fail as they are told."""

    def __init__(self, content: bytes = b"", fault: OSError | None = None) -> None:
        self.closed = threading.Event()
        self.content = content
        self.fault = fault

    def read_at(self, offset: int, length: int) -> bytes:
        if self.fault is not None:
            raise self.fault
        return self.content[offset : offset + length]

    def close(self) -> None:
        self.closed.set()


@pytest.mark.parametrize("is_gone", [True, False], ids=["client-gone", "client-there"])
def test_what_nobody_waits_for_is_closed(is_gone: bool) -> None:
    handle, begun, going = Handle(), threading.Event(), threading.Event()

    def make(computing: Computing, cancellation: Cancellation) -> Ready:
        begun.set()
        assert going.wait(60)
        return Ready(handle, 0, '"a"', "text/plain", "a.txt")

    async def receive() -> dict[str, Any]:
        if not is_gone:
            await asyncio.Event().wait()
        return {"type": "http.disconnect"}

    async def ask() -> None:
        request = Request({"type": "http", "method": "GET", "headers": [], "path": "/"}, receive)
        answers = Answers(cast(Workshop, None), 1, 0)
        asking = asyncio.ensure_future(answers.send(request, "me", make))
        assert await asyncio.to_thread(begun.wait, 60)
        await asyncio.sleep(0.05)  # the client's leaving has been seen
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        going.set()
        assert await asyncio.to_thread(handle.closed.wait, 60)

    asyncio.run(ask())


async def quiet() -> dict[str, Any]:
    """The messages of a client who waits."""
    await asyncio.Event().wait()
    raise AssertionError


def send(ready: Ready) -> Response:
    request = Request({"type": "http", "method": "GET", "headers": [], "path": "/"}, quiet)
    answers = Answers(cast(Workshop, None), 1, 0)
    return asyncio.run(answers.send(request, "me", lambda computing, ending: ready))


def test_a_small_result_is_read_before_it_is_sent() -> None:
    handle = Handle(b"pixels")
    answer = send(Ready(handle, 6, '"a"', "text/plain", "a.txt"))
    assert handle.closed.is_set() and answer.status_code == 200
    sent: list[Message] = []

    async def keep(message: Message) -> None:
        sent.append(message)

    asyncio.run(answer({"type": "http"}, quiet, keep))
    assert b"".join(message.get("body", b"") for message in sent) == b"pixels"
    assert (b"content-length", b"6") in sent[0]["headers"]


@pytest.mark.parametrize(
    ("handle", "kind"),
    [
        (Handle(b"pixels", SourceChanged("replaced")), ErrorKind.CONFLICT),
        (Handle(b"pix"), ErrorKind.CONFLICT),
        (Handle(b"pixels", OSError("gone")), ErrorKind.UNAVAILABLE),
    ],
    ids=["changed", "shorter", "unreadable"],
)
def test_what_keeps_a_small_result_from_being_read_has_a_status(handle: Handle, kind: ErrorKind) -> None:
    with pytest.raises(ServiceError) as error:
        send(Ready(handle, 6, '"a"', "text/plain", "a.txt"))
    assert error.value.kind is kind and handle.closed.is_set()


def test_a_large_result_and_a_far_one_are_read_while_they_are_sent() -> None:
    for ready in (
        Ready(Handle(), 1 << 20, '"a"', "text/plain", "a.txt"),
        Ready(Handle(), 6, '"a"', "text/plain", "a.txt", is_far=True),
    ):
        send(ready)
        assert not cast(Handle, ready.handle).closed.is_set()
