"""What becomes of records as time goes by: datestamps, changes, deletion, lists in parts."""

from __future__ import annotations

import logging
import threading
from datetime import timedelta

import anyio
import anyio.to_thread
import httpx
import pytest
from lxml import etree
from registries import AUTHORITY, OAI, START, Registry, headers, publish, sky_rows, tap_at

from vo_service.engines import QueryTimeout
from vo_service.registry import publication

TAP = f"ivo://{AUTHORITY}/tap"
SERVICES = {f"ivo://{AUTHORITY}/{path}" for path in ("sia2", "cone/ivoa.obscore", "moc", "datalink", "soda")}
"""They tell what the holdings cover, and what they offer themselves."""
OBS = f"ivo://{AUTHORITY}/obs"
ALL = 11


def stamps(registry: Registry) -> dict[str, str]:
    found = headers(registry.ask("ListIdentifiers", metadataPrefix="ivo_vor"))
    return {name: header.findtext(f"{OAI}datestamp") for name, header in found.items()}


def utc(seconds: float) -> str:
    return (START + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def test_time_alone_changes_nothing(registry: Registry) -> None:
    # REG-043: the datestamp does not move without a change of content
    first = registry.record(OBS)
    registry.later(hours=5)
    assert set(stamps(registry).values()) == {utc(0)}
    registry.open()  # and neither does a new start of the service
    assert set(stamps(registry).values()) == {utc(0)}
    assert etree.tostring(registry.record(OBS)) == etree.tostring(first)


def test_new_data_that_cover_nothing_new_change_nothing(registry: Registry) -> None:
    stamps(registry)
    registry.later(hours=1)
    rows = sky_rows(0, 1)
    again = rows.set_column(
        rows.schema.get_field_index("obs_publisher_did"), "obs_publisher_did", [["ivo://x/obs?again"]]
    )
    publish(registry.home, again.cast(rows.schema))
    assert set(stamps(registry).values()) == {utc(0)}


def test_a_change_moves_the_datestamps_of_what_it_changes(registry: Registry) -> None:
    # REG-043, REG-045: a harvest from the time of the last one sees what has changed since, and only that
    harvested = registry.ask("ListRecords", metadataPrefix="ivo_vor").findtext(f"{OAI}responseDate")
    registry.later(seconds=90)
    publish(registry.home, sky_rows(41, 60))
    changed = registry.identifiers(from_=utc(1))
    assert set(changed) == {TAP, OBS, f"{OBS}/radio"} | SERVICES
    assert set(registry.identifiers(from_=harvested)) >= set(changed)
    record = registry.record(OBS)
    assert record.get("created").startswith("2025-03-01T12:00:00")
    assert record.get("updated").startswith("2025-03-01T12:01:30")
    registry.later(seconds=90)
    assert registry.identifiers(from_=utc(91)) == []


def test_changes_of_what_tap_offers_are_changes_of_its_record(registry: Registry) -> None:
    # REG-083: the capability of the record is that of the service
    stamps(registry)
    registry.later(hours=1)
    registry.tap = lambda address: tap_at(address.replace("/tap", "/tap2"))
    registry.open()
    assert registry.record(TAP).findtext("capability/interface/accessURL").endswith("/tap2")
    assert set(registry.identifiers(from_=utc(60))) == {TAP, OBS, f"{OBS}/radio"}


def test_spans_include_both_ends(registry: Registry) -> None:
    # REG-044
    stamps(registry)
    assert len(registry.identifiers(from_=utc(0), until=utc(0))) == ALL
    assert registry.identifiers(from_=utc(1)) == []
    assert registry.identifiers(until=utc(-1)) == []
    assert len(registry.identifiers(from_="2025-03-01", until="2025-03-01")) == ALL
    assert registry.identifiers(from_="2025-03-02") == []
    assert registry.identifiers(until="2025-02-28") == []


def test_what_is_gone_stays_as_a_deleted_header(registry: Registry, validate) -> None:
    # REG-023, REG-025, REG-046, REG-047
    before = stamps(registry)
    registry.later(hours=1)
    with registry.catalogue.writing() as connection:  # as if this home had had another authority
        connection.exec_driver_sql("INSERT INTO setting VALUES ('authority', 'newer.example.org')")
    registry.open()
    answer = registry.send(params={"verb": "ListRecords", "metadataPrefix": "ivo_vor"})
    root = validate(answer.content)
    listed = headers(root)
    assert {name for name, header in listed.items() if header.get("status") == "deleted"} == set(before)
    assert all(listed[name].getnext() is None for name in before)  # no metadata
    assert {header.findtext(f"{OAI}datestamp") for header in listed.values()} == {utc(3600)}
    assert {header.findtext(f"{OAI}setSpec") for header in listed.values()} == {"ivo_managed"}
    for prefix in ("ivo_vor", "oai_dc"):
        gone = validate(
            registry.send(params={"verb": "GetRecord", "metadataPrefix": prefix, "identifier": OBS}).content
        )
        (record,) = gone.iter(f"{OAI}record")
        assert len(record) == 1 and record[0].get("status") == "deleted"
    registry.later(days=400)
    assert set(registry.identifiers()) >= set(before)
    assert set(registry.identifiers(from_=utc(3600), until=utc(3600))) >= set(before)


def test_a_record_that_comes_back_is_the_same_resource(registry: Registry) -> None:
    stamps(registry)
    registry.open()
    with registry.catalogue.writing() as connection:
        connection.exec_driver_sql("UPDATE record SET deleted = TRUE, document = '' WHERE ivoid LIKE '%/obs'")
    registry.later(hours=1).open()
    record = registry.record(OBS)
    assert record.get("created").startswith("2025-03-01T12:00:00")
    assert stamps(registry)[OBS] == utc(3600)


def walk(registry: Registry, verb: str, **arguments: str) -> list[etree._Element]:
    """All answers of a list, by their tokens."""
    answers = [registry.ask(verb, **arguments)]
    while token := answers[-1].findtext(f".//{OAI}resumptionToken"):
        answers.append(registry.ask(verb, resumptionToken=token))
    return answers


@pytest.mark.parametrize("page", [1, 2, 4, 5, 6, 7])
@pytest.mark.parametrize("verb", ["ListRecords", "ListIdentifiers"])
def test_lists_in_parts_have_everything_once(registry: Registry, validate, page: int, verb: str) -> None:
    # REG-048, REG-049, REG-050
    whole = list(headers(registry.ask(verb, metadataPrefix="oai_dc")))
    registry.page = page
    registry.open()
    answers = walk(registry, verb, metadataPrefix="oai_dc", set="ivo_managed")
    parts = [list(headers(answer)) for answer in answers]
    assert [name for part in parts for name in part] == whole
    assert all(len(part) == page for part in parts[:-1])
    tokens = [answer.find(f".//{OAI}resumptionToken") for answer in answers]
    if page >= ALL:
        assert tokens == [None]
    else:
        assert [token.get("cursor") for token in tokens] == [str(n) for n in range(0, ALL, page)]
        assert {token.get("completeListSize") for token in tokens} == {str(ALL)}
        assert not tokens[-1].text
    for answer in answers:
        validate(etree.tostring(answer))
    own = registry.record(f"ivo://{AUTHORITY}/registry")
    assert own.findtext("capability/maxRecords") == str(page)


def test_tokens_keep_what_was_asked_and_can_be_used_again(registry: Registry) -> None:
    # REG-049
    registry.page = 2
    registry.open()
    first = registry.ask("ListRecords", metadataPrefix="oai_dc", from_=utc(0), until=utc(10))
    token = first.findtext(f".//{OAI}resumptionToken")
    again = [etree.tostring(registry.ask("ListRecords", resumptionToken=token)) for _ in range(2)]
    assert again[0] == again[1]
    assert b"oai_dc:dc" in again[0]
    assert registry.error("ListIdentifiers", resumptionToken=token) == "badResumptionToken"
    assert registry.error("ListRecords", resumptionToken=token[:-3] + "abc") == "badResumptionToken"
    registry.open()  # another process of the service takes it as well
    assert headers(registry.ask("ListRecords", resumptionToken=token))
    registry.later(hours=25)
    assert registry.error("ListRecords", resumptionToken=token) == "badResumptionToken"


def test_a_change_during_a_harvest_loses_nothing(registry: Registry) -> None:
    # REG-049: all records that do not change meanwhile come exactly once
    registry.page = 2
    registry.open()
    first = registry.ask("ListIdentifiers", metadataPrefix="ivo_vor")
    seen = list(headers(first))
    publish(registry.home, sky_rows(41, 60))
    registry.later(seconds=5)
    token = first.findtext(f".//{OAI}resumptionToken")
    while token:
        part = registry.ask("ListIdentifiers", resumptionToken=token)
        seen += headers(part)
        token = part.findtext(f".//{OAI}resumptionToken")
    assert len(seen) == len(set(seen)) == ALL


def test_a_record_that_cannot_be_written_keeps_its_last_form(
    registry: Registry, caplog: pytest.LogCaptureFixture
) -> None:
    # REG-142
    before = {name: etree.tostring(registry.record(name)) for name in (OBS, TAP)}
    registry.later(hours=1)
    with caplog.at_level(logging.ERROR):
        registry.open(title="Another title", rights_uri="no address")
        changed = set(registry.identifiers(from_=utc(60)))
    assert changed == {f"ivo://{AUTHORITY}/org", f"ivo://{AUTHORITY}/registry"}
    assert f"the record of {OBS} cannot be written" in caplog.text
    assert {name: etree.tostring(registry.record(name)) for name in (OBS, TAP)} == before


def test_without_holdings_there_are_no_records_yet(tmp_path) -> None:
    empty = Registry(tmp_path).open()
    try:
        assert empty.error("ListRecords", metadataPrefix="ivo_vor") == "noRecordsMatch"
        identify = empty.ask("Identify")
        assert identify.findtext(f".//{OAI}earliestDatestamp") == "2025-03-01T12:00:00Z"
        assert identify.find(f".//{OAI}description") is None
    finally:
        empty.parts.close()


def test_without_a_base_url_every_client_gets_the_address_that_it_came_by(registry: Registry) -> None:
    # REG-021, VOSI-017
    registry.open(base_url="")
    root = registry.ask("ListRecords", metadataPrefix="ivo_vor")
    assert root.findtext(f"{OAI}request") == "http://came.example.org/registry"
    addresses = {found.text for found in root.iter("accessURL", "referenceURL")}
    assert addresses and all(one.startswith("http://came.example.org/") for one in addresses)
    stamps(registry)
    registry.later(hours=1)
    other = registry.send(params={"verb": "Identify"}, headers={"host": "other.example.org"})
    assert b"http://other.example.org/registry</oai:baseURL>" in other.content
    assert registry.identifiers(from_=utc(60)) == []


def test_the_common_case_asks_the_holdings_once(registry: Registry, caplog) -> None:
    # REG-143: nothing new since the last time, told without looking at the data again
    stamps(registry)
    kept = registry.service._publication._extent
    for _ in range(3):
        assert registry.identifiers(from_=utc(60)) == []
    assert registry.service._publication._extent is kept


def test_requests_that_wait_for_the_holdings_hold_up_nobody_else(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    # more of them than the threads that all services of a process share: none of those may be taken
    begun, go = threading.Event(), threading.Event()
    extent_of = publication.extent_of

    def slow(*given):
        begun.set()
        assert go.wait(60)
        return extent_of(*given)

    monkeypatch.setattr(publication, "extent_of", slow)
    answers: list[httpx.Response] = []

    async def crowd() -> None:
        transport = httpx.ASGITransport(app=registry.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://came.example.org") as client:

            async def ask() -> None:
                answers.append(await client.get("/registry?verb=Identify", timeout=60))

            async with anyio.create_task_group() as group:
                for _ in range(60):
                    group.start_soon(ask)
                try:
                    with anyio.fail_after(30):
                        assert await anyio.to_thread.run_sync(
                            begun.wait, 30, limiter=anyio.CapacityLimiter(1)
                        )
                        await anyio.to_thread.run_sync(lambda: None)
                        told = await client.get("/registry/availability")
                    assert etree.fromstring(told.content)[0].text == "true"
                    assert not answers
                finally:
                    go.set()

    anyio.run(crowd)
    assert [answer.status_code for answer in answers] == [200] * 60


def test_holdings_that_cannot_be_asked_are_left_alone_for_a_while(
    registry: Registry, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    before = stamps(registry)
    extent_of = publication.extent_of
    tried: list[int] = []

    def failing(snapshot, *given):
        tried.append(snapshot.number)
        raise QueryTimeout("too long")

    monkeypatch.setattr(publication, "extent_of", failing)
    publish(registry.home, sky_rows(41, 60))
    registry.later(hours=1)
    for _ in range(3):
        assert stamps(registry) == before
    assert tried == [2]
    assert caplog.text.count("the holdings cannot be asked") == 1
    publish(registry.home, sky_rows(101, 3))  # another snapshot may fare better
    assert stamps(registry) == before
    assert tried == [2, 3]
    monkeypatch.setattr(publication, "_PAUSE_SECONDS", 0.0)
    registry.open()
    assert stamps(registry) == before
    monkeypatch.setattr(publication, "extent_of", extent_of)
    assert set(registry.identifiers(from_=utc(60))) == {TAP, OBS, f"{OBS}/radio"} | SERVICES
