"""Where the documents of TAP lie, who may read them, and what a strict reader finds in them."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path

import httpx
import pytest
from lxml import etree
from starlette.applications import Starlette
from xsd import Validate

from vo_service.access.tokens import make_token
from vo_service.app import create_app
from vo_service.settings import Settings
from vo_service.store import Catalogue
from vo_service.store.tokens import TokenTable

Ask = Callable[..., httpx.Response]
Asker = Callable[[Starlette], Ask]

BASE = "https://vo.example.org/x/tap"
XSI = "{http://www.w3.org/2001/XMLSchema-instance}"
VOSI = "ivo://ivoa.net/std/VOSI#"
DOCUMENTS = ("capabilities", "availability", "tables", "tables/ivoa.obscore", "examples")


def capabilities(ask: Ask) -> etree._Element:
    return etree.fromstring(ask("/tap/capabilities").content)


def address_of(root: etree._Element, standard: str) -> str | None:
    return root.findtext(f"capability[@standardID='{standard}']/interface/accessURL")


def test_all_resources_are_siblings(ask: Ask, validate: Validate) -> None:
    # TAP-004, TAP-005, TAP-006, DALI-001 to DALI-004, VOSI-012, VOSI-023
    root = validate(ask("/tap/capabilities").content)
    assert address_of(root, "ivo://ivoa.net/std/TAP") == BASE
    assert address_of(root, f"{VOSI}capabilities") == f"{BASE}/capabilities"
    assert address_of(root, f"{VOSI}availability") == f"{BASE}/availability"
    assert address_of(root, f"{VOSI}tables-1.1") == f"{BASE}/tables"
    assert address_of(root, "ivo://ivoa.net/std/DALI#examples") == f"{BASE}/examples"
    for name in (*DOCUMENTS, "async"):
        assert ask(f"/tap/{name}").status_code == 200


@pytest.mark.parametrize("name", ["capabilities", "tables", "tables?detail=min", "tables/ivoa.obscore"])
def test_a_document_is_made_once(ask: Ask, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # the event loop answers nobody while it makes one
    first = ask(f"/tap/{name}").content
    for maker in ("tables_document", "table_document", "tap_capabilities"):
        monkeypatch.delattr(f"vo_service.tap.metadata.{maker}")
    assert ask(f"/tap/{name}").content == first


@pytest.mark.parametrize("name", DOCUMENTS)
def test_reading_a_document_changes_nothing(ask: Ask, name: str) -> None:
    # VOSI-001, VOSI-002, VOSI-004, VOSI-015, VOSI-037, TAP-015
    first, second, head = ask(f"/tap/{name}"), ask(f"/tap/{name}"), ask(f"/tap/{name}", "HEAD")
    assert first.content == second.content
    assert (head.status_code, head.content) == (200, b"")
    kinds = ("text/html", "application/xhtml+xml") if name == "examples" else ("text/xml",)
    assert first.headers["Content-Type"].partition(";")[0] in kinds
    assert head.headers["Content-Type"] == first.headers["Content-Type"]
    for method in ("POST", "PUT", "DELETE"):
        answer = ask(f"/tap/{name}", method)
        assert answer.status_code == 405
        assert "GET" in answer.headers["Allow"]


def test_interfaces_are_those_that_readers_look_for(ask: Ask) -> None:
    # VOSI-015, VOSI-016, VOSI-018, TAP-282, TAP-283
    root = capabilities(ask)
    spaces = set(root.nsmap.values())
    assert "http://www.ivoa.net/xml/VOResource/v1.0" in spaces
    assert "http://www.ivoa.net/xml/VODataService/v1.1" in spaces
    for address in root.iter("accessURL"):
        assert address.text == (address.text or "").strip()
    (interface,) = root.findall("capability[@standardID='ivo://ivoa.net/std/TAP']/interface[@role='std']")
    assert interface.get("version") == "1.1"
    assert interface.get(f"{XSI}type") == "vs:ParamHTTP"
    (address,) = interface.findall("accessURL")
    assert address.get("use") == "base"


def test_documents_are_open_where_everything_else_wants_a_token(
    tmp_path: Path, make: Callable[..., Settings], asker: Asker, publish_rows: Callable[..., None]
) -> None:
    # TAP-002, TAP-127, VOSI-003, AUTH-006
    settings = make(tmp_path / "home", auth="required")
    publish_rows(settings, 3, 0)
    app = create_app(settings)
    ask = asker(app)
    for name in ("capabilities", "availability"):
        assert ask(f"/tap/{name}").status_code == 200
        capability = capabilities(ask).find(f"capability[@standardID='{VOSI}{name}']")
        assert capability is not None and not list(capability.iter("securityMethod"))
    for name in ("sync", "async", "tables"):
        refused = ask(f"/tap/{name}")
        assert refused.status_code == 401
        assert "WWW-Authenticate" in refused.headers
    app.state.close()


def test_a_token_that_comes_or_goes_changes_the_document_and_its_date(
    tmp_path: Path, make: Callable[..., Settings], asker: Asker, publish_rows: Callable[..., None]
) -> None:
    # TAP-299, VOSI-014: who asks with a date hears of it, be it the date of the answer they had
    settings = make(tmp_path / "home")
    publish_rows(settings, 3, 0)
    catalogue = Catalogue.open(settings.catalogue_address)
    tokens = TokenTable(catalogue)
    token = make_token("ada", frozenset(), datetime.now(UTC), None).stored
    app = create_app(settings)
    ask = asker(app)

    def asked_again(before: httpx.Response) -> list[httpx.Response]:
        app.state.service.tokens._read = 0.0  # as if the seconds that the list is kept had passed
        ask("/tap/availability")
        conditions = {
            "If-None-Match": before.headers["ETag"],
            "If-Modified-Since": format_datetime(datetime.now(UTC), usegmt=True),
        }
        dated = {"If-Modified-Since": before.headers["Last-Modified"]}
        answers = [ask("/tap/capabilities", headers={name: value}) for name, value in conditions.items()]
        return [*answers, ask("/tap/capabilities", headers=dated)]

    without = ask("/tap/capabilities")
    tokens.add(token)
    offered = asked_again(without)
    assert [answer.status_code for answer in offered] == [200, 200, 200]
    assert all(b"securityMethod" in answer.content for answer in offered)
    tokens.revoke(token.token_id, datetime.now(UTC))
    closed = asked_again(offered[0])
    assert [answer.status_code for answer in closed] == [200, 200, 200]
    assert all(answer.content == without.content for answer in closed)
    catalogue.close()
    app.state.close()


def test_what_changed_between_two_processes_is_told(
    tmp_path: Path, make: Callable[..., Settings], asker: Asker, publish_rows: Callable[..., None]
) -> None:
    # TAP-299: settings and tokens change while the service is down; the snapshot stays as it was
    settings = make(tmp_path / "home")
    publish_rows(settings, 3, 0)
    first = create_app(settings)
    before = asker(first)("/tap/capabilities")
    first.state.close()
    second = create_app(make(tmp_path / "home", job_seconds_default="777"))
    dated = {"If-Modified-Since": before.headers["Last-Modified"]}
    after = asker(second)("/tap/capabilities", headers=dated)
    assert after.status_code == 200 and b"777" in after.content
    second.state.close()


def test_an_unchanged_document_is_not_sent_again_to_who_has_its_date(ask: Ask) -> None:
    # VOSI-014
    for path in ("/tap/capabilities", "/tap/tables", "/tap/examples"):
        deadline = time.monotonic() + 5  # its date settles with the second in which the process began
        while time.monotonic() < deadline:
            dated = {"If-Modified-Since": ask(path).headers["Last-Modified"]}
            if ask(path, headers=dated).status_code == 304:
                break
            time.sleep(0.2)
        else:
            pytest.fail(f"{path} is sent again and again")


def test_without_detail_tables_are_told_in_full(ask: Ask) -> None:
    # VOSI-031
    assert ask("/tap/tables").content == ask("/tap/tables?detail=max").content


def query(ask: Ask, **parameters: str) -> httpx.Response:
    adql = "SELECT TOP 2 dataset_id, s_ra FROM ivoa.obscore ORDER BY dataset_id"
    return ask("/tap/sync", params={"LANG": "ADQL", "QUERY": adql, "RESPONSEFORMAT": "csv", **parameters})


def test_a_query_is_answered_at_its_address(ask: Ask) -> None:
    # DALI-007, DALI-044, DALI-045, DALI-053
    plain = query(ask)
    assert plain.status_code == 200
    assert plain.headers["Content-Type"].startswith("text/csv;header=present")
    for old in ({"REQUEST": "doQuery"}, {"VERSION": "1.0"}):
        assert query(ask, **old).content == plain.content


def test_a_plus_that_was_read_as_a_blank_is_forgiven(ask: Ask) -> None:
    # DALI-056
    adql = "SELECT+TOP+1+obs_id+FROM+ivoa.obscore"
    answer = ask(f"/tap/sync?LANG=ADQL&QUERY={adql}&RESPONSEFORMAT=application/x-votable+xml")
    assert answer.headers["Content-Type"] == "application/x-votable+xml"


@pytest.mark.parametrize(("maxrec", "expected"), [("9", ["OK"]), ("1", ["OK", "OVERFLOW"])])
def test_a_votable_says_first_and_last_how_it_went(ask: Ask, maxrec: str, expected: list[str]) -> None:
    # DALI-110, DALI-112, DALI-113
    root = etree.fromstring(query(ask, RESPONSEFORMAT="votable", MAXREC=maxrec).content)
    assert re.fullmatch(r"1\.[45]", root.get("version") or "")
    (results,) = root.findall("{*}RESOURCE[@type='results']")
    marks = [
        "TABLE" if etree.QName(one).localname == "TABLE" else one.get("value")
        for one in results
        if etree.QName(one).localname == "TABLE" or one.get("name") == "QUERY_STATUS"
    ]
    assert marks == [expected[0], "TABLE", *expected[1:]]
