"""The body and the query string of a request become one form (DALI-005, DALI-006).

GET, urlencoded POST and multipart POST, with or without a Content-Length, all give the same `Form`; the query
string of a POST counts too.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from urllib.parse import parse_qsl

from python_multipart.exceptions import FormParserError
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from vo_service.dali.errors import ErrorKind, ServiceError, usage
from vo_service.dali.parameters import Form

_FIELDS = 1000  # name=value pairs in one request
URLENCODED = "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"


async def read_form(request: Request, body_bytes: int) -> Form:
    """Read all parameters of a request, and its whole body.

    ``body_bytes`` is the size of the body at most. Raises ServiceError: 413 beyond it, 415 for a kind of body
    that is neither of DALI's two, 400 for one that cannot be read.
    """
    pairs = _urlencoded(request.scope["query_string"], "the query string")
    body = _within(request, body_bytes)
    if request.method in ("GET", "HEAD"):
        async for _ in body:  # a GET may carry a body; it has no meaning, but it must leave the connection
            pass
        return Form.of(pairs)
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind == MULTIPART:
        return Form.of(pairs + await _multipart(request, body, body_bytes))
    content = b"".join([chunk async for chunk in body])
    if kind == URLENCODED or not content:
        return Form.of(pairs + _urlencoded(content, "the body"))
    raise ServiceError(
        ErrorKind.BODY_TYPE,
        f"A body of type {kind or 'unknown'!r} cannot be read.",
        f"Send {URLENCODED} or {MULTIPART}.",
    )


async def _within(request: Request, body_bytes: int) -> AsyncGenerator[bytes, None]:
    """The body's chunks, as long as they stay within the limit."""
    announced = request.headers.get("content-length", "")
    seen = int(announced) if announced.isdigit() else 0
    if seen <= body_bytes:
        seen = 0
        async for chunk in request.stream():
            seen += len(chunk)
            if seen > body_bytes:
                break
            yield chunk
    if seen > body_bytes:
        raise ServiceError(
            ErrorKind.BODY_TOO_LARGE, f"The request's body is above the limit of {body_bytes} bytes."
        )


def _urlencoded(content: bytes, where: str) -> list[tuple[str, str]]:
    try:
        return parse_qsl(
            content.decode("utf-8"), keep_blank_values=True, errors="strict", max_num_fields=_FIELDS
        )
    except UnicodeDecodeError as error:
        raise usage(f"The parameters in {where} are not UTF-8 text.") from error
    except ValueError as error:
        raise usage(f"There are more than {_FIELDS} parameters in {where}.") from error


async def _multipart(
    request: Request, body: AsyncGenerator[bytes, None], body_bytes: int
) -> list[tuple[str, str]]:
    """The text parts of a multipart body. File parts are read and let go: nothing takes them yet."""
    parser = MultiPartParser(
        request.headers, body, max_files=_FIELDS, max_fields=_FIELDS, max_part_size=body_bytes
    )
    try:
        parts = await parser.parse()
    except (MultiPartException, FormParserError) as error:
        raise usage("The multipart body cannot be read.", str(getattr(error, "message", error))) from error
    try:
        return [(name, value) for name, value in parts.multi_items() if not isinstance(value, UploadFile)]
    finally:
        await parts.close()
