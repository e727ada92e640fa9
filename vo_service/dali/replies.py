"""Error documents: VOTable where tables are answered, plain text elsewhere (DALI-094, TAP-121).

The last line of each is the identifier of the request, by which its operator finds it in the log.
"""

from __future__ import annotations

from collections.abc import Mapping

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from vo_service.dali.errors import ErrorKind, ServiceError
from vo_service.dali.request_log import signed
from vo_service.dali.wording import worded
from vo_service.formats import FORMATS, Format, error_votable

VOTABLE = FORMATS[0].media_type
_VOTABLES = ("application/x-votable+xml", "text/xml")
_WORDS = {
    404: "There is nothing at this address.",
    405: "This address does not take requests of this method.",
}


def text_reply(error: ServiceError) -> Response:
    """The error as plain text."""
    return _text(worded(error), error.status, error.headers)


def table_reply(error: ServiceError, format: Format | None) -> Response:
    """The error in the shape of the format that was asked for, as `error_document` chooses it, in the words
    of the service that was asked."""
    content, media_type = error_document(signed(worded(error)), format)
    return Response(content, status_code=error.status, headers={**error.headers, "Content-Type": media_type})


def error_document(text: str, format: Format | None) -> tuple[bytes, str]:
    """An error text in the shape of a format, and the media type of that.

    VOTable for VOTables and for an unknown format (None), plain text for all others (TAP-121).
    """
    if format is None:
        return error_votable(text), VOTABLE
    if format.media_type.partition(";")[0] in _VOTABLES:
        return error_votable(text), format.media_type
    return f"{text}\n".encode(), "text/plain; charset=utf-8"


async def answer_service_error(request: Request, error: Exception) -> Response:
    """Errors that a handler left to the application."""
    assert isinstance(error, ServiceError)
    return text_reply(error)


async def answer_http_error(request: Request, error: Exception) -> Response:
    """Errors of the router: no such address, no such method."""
    assert isinstance(error, HTTPException)
    told = ServiceError(ErrorKind.USAGE, _WORDS.get(error.status_code, error.detail))
    return _text(worded(told), error.status_code, error.headers)


def _text(words: str, status: int, headers: Mapping[str, str] | None) -> Response:
    return Response(
        f"{signed(words)}\n", status_code=status, headers=dict(headers or {}), media_type="text/plain"
    )
