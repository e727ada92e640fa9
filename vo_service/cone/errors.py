"""Errors of a cone search: a VOTable with an INFO ``Error``, where old clients look, and DALI's beside it
(SCS-020 to SCS-022)."""

from __future__ import annotations

from starlette.responses import Response

from vo_service.dali.errors import ServiceError
from vo_service.dali.replies import error_document
from vo_service.dali.request_log import signed
from vo_service.formats import Format
from vo_service.formats.votable import NAMESPACE
from vo_service.formats.xml_document import XMLDocument


def cone_reply(error: ServiceError, format: Format | None) -> Response:
    """The error in the shape of the format that was asked for."""
    text = signed(error.text)
    content, media_type = error_document(text, format)
    if not media_type.startswith("text/plain"):
        content = cone_votable(text)
    return Response(content, status_code=error.status, headers={**error.headers, "Content-Type": media_type})


def cone_votable(text: str) -> bytes:
    """A VOTable that says why there are no rows."""
    document = XMLDocument()
    document.declare()
    with document.element("VOTABLE", {"version": "1.4", "xmlns": NAMESPACE}):
        document.leaf("INFO", "", {"name": "Error", "value": text})
        with document.element("RESOURCE", {"type": "results"}):
            document.leaf("INFO", text, {"name": "QUERY_STATUS", "value": "ERROR"})
    return document.taken()
