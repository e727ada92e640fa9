"""Formats asked for, error documents in their shape, and documents that need not be read twice."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from xml.etree import ElementTree

import pytest
from starlette.requests import Request

from vo_service.dali.documents import document_reply
from vo_service.dali.errors import STATUS, ErrorKind, ServiceError
from vo_service.dali.formats import wanted_format
from vo_service.dali.parameters import Form
from vo_service.dali.replies import table_reply
from vo_service.formats import FORMATS, find_format

CHANGED = datetime(2024, 5, 6, 7, 8, 9, 123, tzinfo=UTC)
NAMES = [name for offer in FORMATS for name in (offer.media_type, *offer.aliases)]


@pytest.mark.parametrize("parameter", ["RESPONSEFORMAT", "format"])
@pytest.mark.parametrize("name", NAMES)
def test_every_name_of_every_format_is_accepted_under_both_names(parameter: str, name: str) -> None:
    # TAP-050, TAP-058, DALI-050
    assert wanted_format(Form.of([(parameter, name)])) == find_format(name)
    assert wanted_format(Form.of([(parameter, name.upper())])) == find_format(name)


def test_votable_is_the_default() -> None:
    # TAP-051, DALI-118
    assert wanted_format(Form()).media_type == "application/x-votable+xml"
    assert wanted_format(Form.of([("RESPONSEFORMAT", "")])).media_type == "application/x-votable+xml"


def test_the_same_format_twice_is_fine_and_two_different_ones_are_not() -> None:
    # TAP-050, DALI-055
    assert wanted_format(Form.of([("RESPONSEFORMAT", "csv"), ("FORMAT", "text/csv")])).extension == "csv"
    with pytest.raises(ServiceError, match="different"):
        wanted_format(Form.of([("RESPONSEFORMAT", "csv"), ("FORMAT", "votable")]))


def test_an_unknown_format_is_an_error_that_names_the_known_ones() -> None:
    # TAP-057, DALI-051
    with pytest.raises(ServiceError, match="image/gif") as caught:
        wanted_format(Form.of([("RESPONSEFORMAT", "image/gif")]))
    assert caught.value.status == 400
    assert "csv" in caught.value.text and "votable/td" in caught.value.text


def test_an_error_is_a_votable_where_one_was_asked_for_or_nothing_is_known() -> None:
    # TAP-121, DALI-094, DALI-100
    error = ServiceError(ErrorKind.USAGE, "Wrong <b> & worse.", "Right.")
    for format, kind in ((None, "application/x-votable+xml"), (find_format("text/xml"), "text/xml")):
        reply = table_reply(error, format)
        assert (reply.status_code, reply.headers["Content-Type"]) == (400, kind)
        root = ElementTree.fromstring(bytes(reply.body))
        space = {"v": "http://www.ivoa.net/xml/VOTable/v1.3"}
        info = root.find("v:RESOURCE[@type='results']/v:INFO[@name='QUERY_STATUS']", space)
        assert info is not None and info.get("value") == "ERROR" and info.text == error.text


def test_an_error_is_text_where_csv_was_asked_for() -> None:
    reply = table_reply(ServiceError(ErrorKind.TIMEOUT, "Slow."), find_format("csv"))
    assert (reply.status_code, bytes(reply.body)) == (503, b"Slow.\n")
    assert reply.headers["Content-Type"].startswith("text/plain")


def test_every_kind_of_error_has_one_status() -> None:
    assert set(STATUS) == set(ErrorKind)


def reply_to(**headers: str) -> tuple[int, str, bytes]:
    raw = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    reply = document_reply(Request({"type": "http", "method": "GET", "headers": raw}), b"<a/>", CHANGED)
    return reply.status_code, reply.headers["ETag"], bytes(reply.body)


def test_a_document_need_not_be_read_twice() -> None:
    # VOSI-014, TAP-299
    status, etag, body = reply_to()
    assert (status, body) == (200, b"<a/>")
    assert reply_to(if_none_match=etag) == (304, etag, b"")
    assert reply_to(if_none_match=f'"x", W/{etag}')[0] == 304
    assert reply_to(if_none_match='"x"')[0] == 200
    assert reply_to(if_modified_since="Mon, 06 May 2024 07:08:10 GMT")[0] == 304
    # it changed within this second: what the client has may be from the beginning of it
    assert reply_to(if_modified_since="Mon, 06 May 2024 07:08:09 GMT")[0] == 200
    assert reply_to(if_modified_since="some day")[0] == 200
    assert reply_to(if_match=etag)[0] == 200
    assert reply_to(if_match='"x"')[::2] == (412, b"")  # RFC 9110, 13.1.1


def test_a_change_that_is_still_going_on_is_no_304_by_date() -> None:
    # TAP-299: other processes may send the old document for some seconds more
    soon = datetime.now(UTC) + timedelta(seconds=30)
    raw = [(b"if-modified-since", format_datetime(datetime.now(UTC), usegmt=True).encode())]
    request = Request({"type": "http", "method": "GET", "headers": raw})
    reply = document_reply(request, b"<a/>", soon)
    assert reply.status_code == 200
    assert parsedate_to_datetime(reply.headers["Last-Modified"]) <= datetime.now(UTC)
