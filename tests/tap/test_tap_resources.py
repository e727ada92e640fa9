"""The resources beside sync: tables, capabilities, availability, health; and a new snapshot under them."""

from __future__ import annotations

import io
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from xml.etree import ElementTree

import anyio
import httpx
import pytest
from astropy.io.votable import parse as parse_votable
from declared_queries import RUNS
from xsd import Validate

from tap_schema import published
from vo_service.app import create_app
from vo_service.formats import FORMATS
from vo_service.settings import Settings

Ask = Callable[..., httpx.Response]
BASE = "https://vo.example.org/x"
COUNT = "SELECT COUNT(*) AS n FROM ivoa.obscore"


def query(ask: Ask, adql: str, **parameters: str) -> httpx.Response:
    return ask("/tap/sync", params={"LANG": "ADQL", "QUERY": adql, **parameters})


def texts(answer: httpx.Response, path: str) -> list[str]:
    return [one.text or "" for one in ElementTree.fromstring(answer.content).findall(path)]


def test_every_declared_address_answers(ask: Ask) -> None:
    # TAP-283, TAP-287
    answer = ask("/tap/capabilities")
    addresses = texts(answer, ".//accessURL")
    assert f"{BASE}/tap" in addresses and f"{BASE}/tap/examples" in addresses
    for address in set(addresses) - {f"{BASE}/tap"}:
        assert ask(address.removeprefix(BASE)).status_code == 200


def test_declared_formats_and_limits_are_those_that_hold(ask: Ask, small: Settings) -> None:
    # TAP-058, TAP-293, TAP-296
    answer = ask("/tap/capabilities")
    declared = set(texts(answer, ".//outputFormat/mime") + texts(answer, ".//outputFormat/alias"))
    assert declared == {name for offer in FORMATS for name in (offer.media_type, *offer.aliases)}
    assert texts(answer, ".//outputLimit/default") == [str(small.maxrec_default)]
    assert texts(answer, ".//outputLimit/hard") == [str(small.maxrec_hard)]
    methods = [one.get("ivo-id") for one in ElementTree.fromstring(answer.content).iter("uploadMethod")]
    assert [one.rpartition("#upload-")[2] for one in methods] == ["inline", "http", "https"]  # TAP-294
    assert texts(answer, ".//uploadLimit/hard") == [str(small.upload_rows)]


def test_every_declared_function_works_in_a_query(ask: Ask) -> None:
    # TAP-290, TAP-291
    answer = ask("/tap/capabilities")
    features = {
        (one.get("type") or "").rpartition("features-")[2]: [
            form.text or "" for form in one.findall("feature/form")
        ]
        for one in ElementTree.fromstring(answer.content).findall(".//languageFeatures")
    }
    declared = {form.partition("(")[0] for forms in features.values() for form in forms}
    assert declared == set(RUNS)
    for name, adql in RUNS.items():
        answer = query(ask, adql)
        if name == "source":  # these holdings have no observation of a target
            assert answer.status_code == 400 and "M83" in answer.text
        else:
            assert answer.status_code == 200, (adql, answer.text)


@pytest.mark.parametrize("path", ["/tap/capabilities", "/tap/tables", "/tap/tables/ivoa.obscore"])
def test_documents_name_their_last_change_and_need_not_be_read_twice(ask: Ask, path: str) -> None:
    # VOSI-004, VOSI-014, TAP-299
    answer = ask(path)
    assert answer.headers["Content-Type"].startswith("text/xml")
    assert answer.headers["Last-Modified"].endswith("GMT")
    again = ask(path, headers={"If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
    head = ask(path, "HEAD")
    assert head.headers["ETag"] == answer.headers["ETag"] and head.content == b""
    assert ask(path, "POST").status_code == 405


def test_tables_lists_what_is_published_in_more_or_less_detail(ask: Ask, validate: Validate) -> None:
    # TAP-260, TAP-261, TAP-266, VOSI-032
    whole, brief = ask("/tap/tables"), ask("/tap/tables?DETAIL=min")
    for answer in (whole, brief):
        validate(answer.content)
    names = {table.adql_name for table in published().values()}
    assert set(texts(whole, "schema/table/name")) == set(texts(brief, "schema/table/name")) == names
    assert texts(whole, "schema/table/column/name") and not texts(brief, "schema/table/column")
    assert ask("/tap/tables?detail=most").status_code == 400


def test_each_table_has_a_document_and_an_unknown_one_is_404(ask: Ask) -> None:
    # TAP-267, VOSI-033
    for table in published().values():
        answer = ask(f"/tap/tables/{table.adql_name}")
        assert texts(answer, "name") == [table.adql_name]
        assert len(texts(answer, "column")) == len(table.listed)
    assert ask("/tap/tables/ivoa%2Eobscore").status_code == 200
    missing = ask("/tap/tables/ivoa.nothing")
    assert missing.status_code == 404 and missing.headers["Content-Type"].startswith("text/plain")


def test_the_service_says_that_it_is_available(ask: Ask, validate: Validate) -> None:
    # TAP-003, TAP-016, VOSI-020, VOSI-021
    answer = ask("/tap/availability")
    space = "{http://www.ivoa.net/xml/VOSIAvailability/v1.0}"
    assert texts(answer, f"{space}available") == ["true"]
    assert validate(answer.content).findall(f"{space}note") == []
    health = ask("/healthz")
    assert (health.status_code, health.json()["status"], health.json()["snapshot"]) == (200, "ok", 1)


def test_a_home_without_data_is_unavailable_and_says_so(
    tmp_path: Path, make: Callable[..., Settings], asker: Callable[..., Ask]
) -> None:
    app = create_app(make(tmp_path / "home"))
    ask = asker(app)
    assert ask("/healthz").status_code == 503
    answer = ask("/tap/availability")
    assert answer.status_code == 200 and b"false" in answer.content
    refused = query(ask, COUNT)
    assert refused.status_code == 503 and "no data yet" in refused.text and "Retry-After" in refused.headers
    assert ask("/tap/capabilities").status_code == 200
    app.state.close()


def test_a_new_snapshot_serves_the_next_request_and_running_ones_end_on_theirs(
    tmp_path: Path,
    make: Callable[..., Settings],
    asker: Callable[..., Ask],
    publish_rows: Callable[[Settings, int, int], None],
) -> None:
    # design 5.1
    settings = make(tmp_path / "home")
    publish_rows(settings, 10, 0)
    app = create_app(settings)
    ask = asker(app)

    def counted() -> int:
        return int(parse_votable(io.BytesIO(query(ask, COUNT).content)).get_first_table().array["n"][0])

    assert counted() == 10
    current = app.state.service.current
    with current.use() as (old, _):
        publish_rows(settings, 5, 10)
        assert counted() == 15
        assert old.number == 1
        assert old.count_rows("ivoa.obscore") == 10
    assert ask("/healthz").json()["snapshot"] == 2
    app.state.close()


def test_many_clients_at_once_get_whole_answers(small: Settings) -> None:
    app = create_app(small)
    adql = "SELECT dataset_id FROM ivoa.obscore ORDER BY dataset_id"
    sent = {"LANG": "ADQL", "QUERY": adql, "RESPONSEFORMAT": "csv"}
    answers: list[bytes] = []

    async def ask_one(number: int) -> None:
        transport = httpx.ASGITransport(app=app, client=(f"10.0.0.{number}", 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://t") as client:
            answers.append((await client.get("/tap/sync", params=sent)).content)

    async def ask_all() -> None:
        async with anyio.create_task_group() as group:
            for number in range(20):
                group.start_soon(ask_one, number)

    anyio.run(ask_all)
    app.state.close()
    assert len(answers) == 20 and len(set(answers)) == 1 and answers[0].count(b"\n") == 101


@pytest.mark.parametrize("path", ["/tap", "/tap/", "/"])
def test_the_base_is_a_page_for_people_whose_links_work(ask: Ask, path: str) -> None:
    # TAP-007
    answer = ask(path)
    assert answer.headers["Content-Type"].startswith("text/html")
    links = [one.get("href") or "" for one in ElementTree.fromstring(answer.content).findall(".//{*}a")]
    assert f"{BASE}/tap/async" in links
    for link in links:
        is_bare = link.endswith(("/tap/sync", "/soda/sync"))  # they want parameters
        assert ask(link.removeprefix(BASE)).status_code == (400 if is_bare else 200), link


def test_what_is_wrong_beside_the_queries_is_told_in_a_note(
    tmp_path: Path,
    make: Callable[..., Settings],
    asker: Callable[..., Ask],
    publish_rows: Callable[[Settings, int, int], None],
    validate: Validate,
) -> None:
    # VOSI-021: queries go on, jobs do not
    settings = make(tmp_path / "home")
    publish_rows(settings, 3, 0)
    app = create_app(settings)
    space = "{http://www.ivoa.net/xml/VOSIAvailability/v1.0}"
    with closing(sqlite3.connect(settings.home / "catalogue.sqlite")) as other:
        other.execute("ALTER TABLE job RENAME TO gone")
    root = validate(asker(app)("/tap/availability").content)
    assert root.findtext(f"{space}available") == "true"
    assert "jobs are not taken" in (root.findtext(f"{space}note") or "")
    app.state.close()
