"""Small documents that change seldom (VOSI): with ETag and Last-Modified, so that nobody reads them twice.

VOSI-014, TAP-299: Last-Modified says when the metadata changed last. Dates have whole seconds, so a change
counts as that of the next one: what was sent in the second of the change may be the old document.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta

from starlette.requests import Request
from starlette.responses import Response

from vo_service.dali.conditions import Verdict, http_text, judge

XML = "text/xml"


def document_reply(request: Request, content: bytes, modified: datetime, media_type: str = XML) -> Response:
    """A document, 304 where the client has it already, or 412 where it wants another one.

    ``modified`` is UTC: the moment from which on nobody is sent an older one. As long as that is to come, the
    ETag alone is asked, and Last-Modified is now (RFC 9110, 8.8.2.1: it is never in the future).
    """
    etag = f'"{hashlib.blake2b(content, digest_size=12).hexdigest()}"'
    now = datetime.now(UTC)
    settled = _whole_second(modified.astimezone(UTC))
    headers = {
        "ETag": etag,
        "Last-Modified": http_text(min(settled, now)),
        "Cache-Control": "no-cache",
    }
    match judge(request.headers, etag, settled if settled <= now else None):
        case Verdict.NOT_MODIFIED:
            return Response(status_code=304, headers=headers)
        case Verdict.FAILED:
            return Response(status_code=412, headers=headers)
        case Verdict.SEND:
            return Response(content, headers={**headers, "Content-Type": media_type})


def _whole_second(moment: datetime) -> datetime:
    """The first whole second that is not before a moment."""
    whole = moment.replace(microsecond=0)
    return whole if whole == moment else whole + timedelta(seconds=1)
