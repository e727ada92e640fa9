"""Small documents that change seldom (VOSI): with ETag and Last-Modified, so that nobody reads them twice.

VOSI-014, TAP-299: Last-Modified says when the metadata changed last.
"""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime

from starlette.requests import Request
from starlette.responses import Response

XML = "text/xml"


def document_reply(request: Request, content: bytes, modified: datetime, media_type: str = XML) -> Response:
    """A document, or 304 where the client has it already. ``modified`` is UTC."""
    etag = f'"{hashlib.blake2b(content, digest_size=12).hexdigest()}"'
    since = modified.astimezone(UTC).replace(microsecond=0)
    headers = {
        "ETag": etag,
        "Last-Modified": format_datetime(since, usegmt=True),
        "Cache-Control": "no-cache",
    }
    if _is_known(request, etag, since):
        return Response(status_code=304, headers=headers)
    return Response(content, headers={**headers, "Content-Type": media_type})


def _is_known(request: Request, etag: str, modified: datetime) -> bool:
    listed = request.headers.get("if-none-match")
    if listed is not None:
        return listed.strip() == "*" or etag in re.findall(r'"[^"]*"', listed)
    text = request.headers.get("if-modified-since")
    if text is None:
        return False
    try:
        return modified <= parsedate_to_datetime(text)
    except (ValueError, TypeError):  # no date, or one without a zone: as if it were not there
        return False
