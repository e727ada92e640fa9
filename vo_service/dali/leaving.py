"""Whether the client of a request is still there."""

from __future__ import annotations

from starlette.types import Receive


async def client_left(receive: Receive) -> None:
    """Returns once the client has left. The body of the request must have been read before."""
    while (await receive())["type"] != "http.disconnect":
        pass
