"""Error documents: VOTable where tables are answered, plain text elsewhere (DALI-094, TAP-121)."""

from __future__ import annotations

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from vo_service.dali.errors import ServiceError
from vo_service.formats import FORMATS, Format, error_votable

VOTABLE = FORMATS[0].media_type
_WORDS = {
    404: "There is nothing at this address.",
    405: "This address does not take requests of this method.",
}


def text_reply(error: ServiceError) -> Response:
    """The error as plain text."""
    return Response(
        f"{error.text}\n", status_code=error.status, headers=dict(error.headers), media_type="text/plain"
    )


def table_reply(error: ServiceError, format: Format | None) -> Response:
    """The error in the shape of the format that was asked for.

    VOTable for VOTables and for an unknown format (None), plain text for those without a place for it.
    """
    if format is not None and not format.tells_outcome:
        return text_reply(error)
    return Response(
        error_votable(error.text),
        status_code=error.status,
        headers={**error.headers, "Content-Type": VOTABLE if format is None else format.media_type},
    )


async def answer_service_error(request: Request, error: Exception) -> Response:
    """Errors that a handler left to the application."""
    assert isinstance(error, ServiceError)
    return text_reply(error)


async def answer_http_error(request: Request, error: Exception) -> Response:
    """Errors of the router: no such address, no such method."""
    assert isinstance(error, HTTPException)
    words = _WORDS.get(error.status_code, error.detail)
    return Response(
        f"{words}\n", status_code=error.status_code, headers=error.headers, media_type="text/plain"
    )
