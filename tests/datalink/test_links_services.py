"""Services that links refer to: each with its descriptor, of its own or shared, and called by pyvo."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

import pytest
from link_house import ALONE, CLOSED, CUBE, MOMENT, OPEN_UID, PB, TAR, House, Links, inputs_of, told_by
from test_links_rows import check_rows
from xsd import Validate

from vo_service.datalink import services
from vo_service.datalink.descriptions import row_services

SODA = "ivo://ivoa.net/std/SODA#"
MADE = ("cutout", "cutout-job", "moment", "spectrum", "cutout-header")


def made_by(links: Links, identifier: str) -> dict[str, str]:
    """The services of an identifier's rows by what they make."""
    return {
        str(row.local_semantics): str(row.service_def)
        for row in links.rows
        if identifier == row.ID and row.service_def is not None and row.local_semantics in MADE
    }


def check_descriptors(links: Links, house: House) -> None:
    """What holds for the descriptors of any document."""
    names, told = [], []
    fields = {one.get("ID") for one in links.fields}
    root = links.root
    ids = [one.get("ID") for one in root.iter() if one.get("ID") is not None]
    assert len(set(ids)) == len(ids)  # DL-034
    assert [one.get("type") for one in root] == ["results"] + ["meta"] * (len(root) - 1)  # DL-083
    for service in links.services.values():
        said = told_by(service)
        names.append(service.get("name"))
        told.append(service.findtext("{*}DESCRIPTION"))
        assert said["accessURL"].startswith("http://t/")
        for param in inputs_of(service).values():
            assert param.get("ref") is None or param.get("ref") in fields  # DL-092
            assert not (param.get("ref") and param.get("value"))
    assert len(set(names)) == len(names) and len(set(told)) == len(told)  # DL-081


def test_a_data_set_has_services_with_its_own_limits(house: House, validate: Validate) -> None:
    # DL-086, SODA-072, SODA-079
    links = house.links(house.did(CUBE))
    validate(links.content)
    check_rows(links)
    check_descriptors(links, house)
    made = made_by(links, house.did(CUBE))
    assert list(made) == list(MADE)
    assert list(links.services)[:2] == ["soda-sync", "soda-async"]
    assert told_by(links.services["soda-sync"])["standardID"] == f"{SODA}sync-1.0"
    assert told_by(links.services["soda-async"])["standardID"] == f"{SODA}async-1.0"
    assert "standardID" not in told_by(links.services["soda-moment"])  # SODA-097
    for name in made.values():
        inputs = inputs_of(links.services[name])
        assert inputs["ID"].get("value") == house.did(CUBE)
        assert inputs["BAND"].find("{*}VALUES/{*}MIN") is not None
    channels = inputs_of(links.services["soda-sync"])["CHANNELS"]
    assert channels.find("{*}VALUES/{*}MAX").get("value") == "4"


def test_a_file_beside_a_data_set_has_services_of_its_own(house: House) -> None:
    links = house.links(house.products[PB])
    check_descriptors(links, house)
    assert list(made_by(links, house.products[PB])) == ["cutout", "cutout-job", "cutout-header"]
    sync = inputs_of(links.services["soda-sync"])["ID"].get("value")
    assert sync == house.products[PB]
    assert house.ask("/soda/sync", params={"ID": sync, "HEADER": "1"}).status_code == 200


def test_maps_have_no_services_for_cubes(house: House) -> None:
    made = made_by(house.links(house.data_sets[MOMENT]), house.data_sets[MOMENT])
    assert list(made) == ["cutout", "cutout-job", "cutout-header"]


def test_a_few_data_sets_have_services_each(house: House) -> None:
    # DL-034, DL-081, DL-086: the principal file first
    ids = [house.data_sets[CLOSED], house.data_sets[CUBE], house.data_sets[ALONE], house.data_sets[MOMENT]]
    links = house.links(*ids)
    check_rows(links)
    check_descriptors(links, house)
    first = next(iter(links.services.values()))
    assert inputs_of(first)["ID"].get("value") == house.did(CLOSED)
    made = [made_by(links, each) for each in ids]
    assert len({name for each in made for name in each.values()}) == sum(map(len, made))
    for path, each in zip((CLOSED, CUBE, ALONE, MOMENT), made, strict=True):
        value = inputs_of(links.services[each["cutout"]])["ID"].get("value")
        assert value == house.did(path)


def test_many_data_sets_share_services(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    # DL-035: with the same rows
    ids = [house.data_sets[CUBE], house.data_sets[CLOSED], OPEN_UID]
    own = house.links(*ids)
    monkeypatch.setattr(services, "OWN_LIMITS", 1)
    monkeypatch.setattr(services, "OWN_TARS", 0)
    links = house.links(*ids)
    check_rows(links)
    check_descriptors(links, house)
    assert len(links.services) == 6
    assert [{**row.cells, "service_def": None} for row in links.rows] == [
        {**row.cells, "service_def": None} for row in own.rows
    ]
    by_id = {(row.ID, row.local_semantics): row for row in links.rows}
    for service in links.services.values():
        assert inputs_of(service)["ID"].get("ref") == "target_id"
    assert by_id[ids[1], "cutout"].target_id == house.did(CLOSED)
    assert by_id[ids[0], "moment"].target_id == house.did(CUBE)
    assert inputs_of(links.services["soda-header"])["HEADER"].get("value") == "1"
    assert by_id[ids[2], "flags-files"].target_id == house.products[TAR]
    answer = house.ask("/datalink/sync", params={"ID": house.products[TAR]})
    assert Links(answer.content).of("#this")


def test_tars_are_opened_by_an_address(house: House) -> None:
    # DL-042, DL-101: astroquery.alma takes what stands behind ID= as it is
    links = house.links(OPEN_UID)
    (row,) = [row for row in links.rows if row.local_semantics == "flags-files"]
    service = links.services[row.service_def]
    said = told_by(service)
    assert said["standardID"] == "ivo://ivoa.net/std/DataLink#links-1.0"
    assert said["accessURL"].split("ID=")[1] == house.products[TAR]
    assert not inputs_of(service)
    assert all(param.get("ID") is None for param in service.iter("{*}PARAM"))
    assert Links(house.ask(said["accessURL"]).content).of("#this")


def test_services_can_be_called_as_they_are_told(house: House) -> None:
    # DL-084, DL-089, DL-091, SODA-078: fixed parameters alone, and with the limits
    links = house.links(house.did(CUBE))
    for name in ("soda-sync", "soda-header"):
        service = links.services[name]
        fixed = {k: p.get("value") for k, p in inputs_of(service).items() if p.get("value")}
        low = inputs_of(service)["BAND"].find("{*}VALUES/{*}MIN").get("value")
        address = told_by(service)["accessURL"]
        assert dict(parse_qsl(urlsplit(address).query)) == {}
        answer = house.ask(address, params={**fixed, "BAND": f"{low} {low}"})
        assert answer.status_code == 200, answer.text
        assert answer.headers["Content-Type"].startswith(told_by(service)["contentType"])


ROWS_OF = {
    "tap": ("/tap/sync", {"LANG": "ADQL", "QUERY": "SELECT obs_publisher_did AS d FROM ivoa.obscore"}, "d"),
    "sia": ("/sia2/query", {}, "obs_publisher_did"),
    "cone": ("/cone/ivoa.obscore", {"RA": "0", "DEC": "0", "SR": "180"}, "obs_publisher_did"),
}  # fmt: skip


@pytest.mark.parametrize("service", ROWS_OF)
def test_rows_of_tables_lead_here(house: House, validate: Validate, service: str) -> None:
    # DL-080, DL-083, DL-099, DL-100, SIA-081 to SIA-083: descriptors of links and of cut-outs, each once
    path, asked, name = ROWS_OF[service]
    table = Links(house.ask(path, params={**asked, "RESPONSEFORMAT": "votable/td"}).content)
    validate(table.content)
    ids = [str(row.cells[name]) for row in table.rows]
    assert house.did(CUBE) in ids and len(set(ids)) == len(ids) > 1
    found = {
        one.get("name"): one for one in table.root.iter("{*}RESOURCE") if one.get("utype") == "adhoc:service"
    }
    assert list(found)[:2] == ["Links", "Cut-out"] and set(list(found)[2:]) <= {"this"}
    standards = {"Links": "ivo://ivoa.net/std/DataLink#links-1.1", "Cut-out": f"{SODA}sync-1.0"}
    for each, standard in standards.items():
        reference = inputs_of(found[each])["ID"].get("ref")
        (field,) = [one for one in table.fields if one.get("ID") == reference]
        assert field.get("name") == name
        assert told_by(found[each])["standardID"] == standard
    said = told_by(found["Links"])
    assert said["contentType"] == "application/x-votable+xml;content=datalink"
    assert list(inputs_of(found["Links"])) == ["ID"]
    links = Links(house.ask(said["accessURL"], method="POST", data={"ID": ids}).content)
    assert {row.ID for row in links.rows} == set(ids)
    assert all(row.error_message is None for row in links.rows)
    cut = told_by(found["Cut-out"])
    answer = house.ask(cut["accessURL"], params={"ID": house.did(CUBE), "CHANNELS": "1 1"})
    assert answer.status_code == 200 and answer.headers["Content-Type"] == cut["contentType"]


def test_the_descriptor_of_links_is_a_resource() -> None:
    assert row_services("http://t", "d")[0].startswith(b"<RESOURCE")
