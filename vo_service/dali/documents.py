"""Small documents that change seldom (VOSI): with ETag and Last-Modified, so that nobody reads them twice.

VOSI-014, TAP-299: Last-Modified says when the metadata changed last. Dates have whole seconds, so a change
counts as that of the next one: what was sent in the second of the change may be the old document.
"""

from __future__ import annotations

import hashlib
import re
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime

from starlette.requests import Request
from starlette.responses import Response

XML = "text/xml"


def document_reply(request: Request, content: bytes, modified: datetime, media_type: str = XML) -> Response:
    """A document, or 304 where the client has it already.

    ``modified`` is UTC: the moment from which on nobody is sent an older one. As long as that is to come, the
    ETag alone is asked, and Last-Modified is now (RFC 9110, 8.8.2.1: it is never in the future).
    """
    etag = f'"{hashlib.blake2b(content, digest_size=12).hexdigest()}"'
    settled = _whole_second(modified.astimezone(UTC))
    headers = {
        "ETag": etag,
        "Last-Modified": format_datetime(min(settled, datetime.now(UTC)), usegmt=True),
        "Cache-Control": "no-cache",
    }
    if _is_known(request, etag, settled):
        return Response(status_code=304, headers=headers)
    return Response(content, headers={**headers, "Content-Type": media_type})


def _whole_second(moment: datetime) -> datetime:
    """The first whole second that is not before a moment."""
    whole = moment.replace(microsecond=0)
    return whole if whole == moment else whole + timedelta(seconds=1)


def _is_known(request: Request, etag: str, settled: datetime) -> bool:
    listed = request.headers.get("if-none-match")
    if listed is not None:
        return listed.strip() == "*" or etag in re.findall(r'"[^"]*"', listed)
    text = request.headers.get("if-modified-since")
    if text is None:
        return False
    try:
        return settled <= parsedate_to_datetime(text)
    except (ValueError, TypeError):  # no date, or one without a zone: as if it were not there
        return False
