"""The six verbs: documents valid by the schemas, arguments, errors."""

from __future__ import annotations

import pytest
from lxml import etree
from registries import AUTHORITY, BASE, OAI, Registry, headers

RI = "{http://www.ivoa.net/xml/RegistryInterface/v1.0}"
XSI = "{http://www.w3.org/2001/XMLSchema-instance}"
PATHS = ("cone/ivoa.obscore", "datalink", "moc", "obs", "obs/radio", "org", "registry", "sia2", "soda", "tap")
IDS = [f"ivo://{AUTHORITY}", *(f"ivo://{AUTHORITY}/{path}" for path in PATHS)]
EVERY_ANSWER = [
    {"verb": "Identify"},
    {"verb": "ListMetadataFormats"},
    {"verb": "ListMetadataFormats", "identifier": IDS[-1]},
    {"verb": "ListSets"},
    {"verb": "ListIdentifiers", "metadataPrefix": "ivo_vor"},
    {"verb": "ListIdentifiers", "metadataPrefix": "oai_dc", "set": "ivo_managed"},
    {"verb": "ListRecords", "metadataPrefix": "ivo_vor"},
    {"verb": "ListRecords", "metadataPrefix": "oai_dc"},
    *({"verb": "GetRecord", "metadataPrefix": "ivo_vor", "identifier": one} for one in IDS),
    {"verb": "GetRecord", "metadataPrefix": "oai_dc", "identifier": IDS[1]},
]


@pytest.mark.parametrize("arguments", EVERY_ANSWER, ids=lambda given: "-".join(given.values()))
def test_every_answer_is_valid_and_repeats_what_was_asked(still: Registry, validate, arguments) -> None:
    # REG-002, REG-003, REG-005, REG-140
    answer = still.send(params=arguments)
    assert answer.status_code == 200
    assert answer.headers["content-type"].partition(";")[0] == "text/xml"
    root = validate(answer.content)
    assert root.tag == f"{OAI}OAI-PMH"
    assert root.get(f"{XSI}schemaLocation").split()[1] == "http://www.openarchives.org/OAI/2.0/OAI-PMH.xsd"
    assert [child.tag for child in root] == [
        f"{OAI}responseDate",
        f"{OAI}request",
        OAI + arguments["verb"],
    ]
    request = root.find(f"{OAI}request")
    assert request.text == f"{BASE}/registry"
    assert dict(request.attrib) == arguments


@pytest.mark.parametrize("arguments", EVERY_ANSWER[:5], ids=lambda given: given["verb"])
def test_post_gives_what_get_gives(still: Registry, arguments) -> None:
    # REG-001
    assert still.send("POST", data=arguments).content == still.send(params=arguments).content


def test_response_date_is_now_in_whole_seconds(still: Registry) -> None:
    # REG-004
    assert still.ask("Identify").findtext(f"{OAI}responseDate") == "2025-03-01T12:00:00Z"


ERRORS = [
    ("badVerb", ""),
    ("badVerb", "verb="),
    ("badVerb", "verb=identify"),
    ("badVerb", "Verb=Identify"),
    ("badVerb", "verb=Identify&verb=Identify"),
    ("badVerb", "verb=ListRecordz&metadataPrefix=ivo_vor"),
    ("badArgument", "verb=Identify&metadataPrefix=ivo_vor"),
    ("badArgument", "verb=Identify&junk=1"),
    ("badArgument", "verb=GetRecord&metadataPrefix=ivo_vor"),
    ("badArgument", f"verb=GetRecord&identifier={IDS[0]}"),
    ("badArgument", "verb=ListRecords"),
    ("badArgument", "verb=ListIdentifiers&from=2025-01-01"),
    ("badArgument", "verb=ListRecords&metadataPrefix=ivo_vor&metadataPrefix=ivo_vor"),
    ("badArgument", "verb=ListRecords&metadataPrefix=a%20b"),
    ("badArgument", "verb=ListRecords&metadataPrefix="),
    ("badArgument", "verb=ListRecords&metadataPrefix=ivo_vor&from=%D9%A2%D9%A0%D9%A0%D9%A0-01-01"),
    ("badArgument", "verb=ListRecords&metadataPrefix=ivo_vor&set=%3C"),
    ("badArgument", "verb=ListRecords&metadataPrefix=ivo_vor&set="),
    ("badArgument", "verb=ListRecords&metadataPrefix=ivo_vor&resumptionToken=abc"),
    ("badArgument", "verb=ListRecords&metadataPrefix=ivo_vor&from=2025-13-01"),
    ("badArgument", "verb=ListRecords&metadataPrefix=ivo_vor&from=2025"),
    ("badArgument", "verb=ListRecords&metadataPrefix=ivo_vor&from=2025-01-01T00:00:00.5Z"),
    ("badArgument", "verb=ListRecords&metadataPrefix=ivo_vor&from=2025-01-01T00:00Z"),
    ("badArgument", "verb=ListRecords&metadataPrefix=ivo_vor&from=2025-02-01&until=2025-01-01"),
    ("badArgument", "verb=ListRecords&metadataPrefix=ivo_vor&from=2025-01-01&until=2025-02-01T00:00:00Z"),
    ("badArgument", "verb=ListRecords&metadataPrefix=%FF%FE"),
    ("badArgument", "verb=GetRecord&metadataPrefix=ivo_vor&identifier=%00%3Cx%3E"),
    ("badResumptionToken", "verb=ListRecords&resumptionToken=abc"),
    ("badResumptionToken", "verb=ListIdentifiers&resumptionToken=!!!"),
    ("badResumptionToken", "verb=ListSets&resumptionToken=abc"),
    ("cannotDisseminateFormat", "verb=ListRecords&metadataPrefix=marc21"),
    ("cannotDisseminateFormat", f"verb=GetRecord&metadataPrefix=marc21&identifier={IDS[0]}"),
    ("idDoesNotExist", "verb=GetRecord&metadataPrefix=ivo_vor&identifier=ivo://nobody.org/x"),
    ("idDoesNotExist", "verb=GetRecord&metadataPrefix=ivo_vor&identifier=oai:x"),
    ("idDoesNotExist", "verb=ListMetadataFormats&identifier=ivo://nobody.org/x"),
    ("noRecordsMatch", "verb=ListRecords&metadataPrefix=ivo_vor&from=2999-01-01"),
    ("noRecordsMatch", "verb=ListIdentifiers&metadataPrefix=oai_dc&until=1990-01-01"),
    ("noRecordsMatch", "verb=ListRecords&metadataPrefix=ivo_vor&set=ivo_others:x"),
]


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        ("&".join(["verb=Identify", *(f"a{number}=1" for number in range(100))]), "more than 100 parameters"),
        ("verb=Identify&a=%FF", "UTF-8"),
        ("&".join(["verb=Identify", *(f"a{number}=1" for number in range(99))]), "takes no argument"),
    ],
    ids=["many", "bytes", "few enough"],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_errors_say_what_is_wrong(still: Registry, validate, sent, told, method) -> None:
    # REG-006
    form = {"content-type": "application/x-www-form-urlencoded"}
    by_post = {"content": sent.encode(), "headers": form}
    answer = still.send("GET", path=f"/registry?{sent}") if method == "GET" else still.send("POST", **by_post)
    (error,) = validate(answer.content).iterfind(f"{OAI}error")
    assert error.get("code") == "badArgument"
    assert told in error.text


@pytest.mark.parametrize(("code", "query"), ERRORS)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_errors_are_valid_answers(still: Registry, validate, code, query, method) -> None:
    # REG-005, REG-006, REG-007, REG-008, REG-009, REG-010, REG-024, REG-028, REG-044, REG-049
    if method == "GET":
        answer = still.send(path=f"/registry?{query}")
    else:
        form = {"content-type": "application/x-www-form-urlencoded"}
        answer = still.send("POST", content=query.encode(), headers=form)
    assert answer.status_code == 200
    root = validate(answer.content)
    (error,) = root.iterfind(f"{OAI}error")
    assert error.get("code") == code
    assert error.text
    request = root.find(f"{OAI}request")
    assert request.text == f"{BASE}/registry"
    assert bool(request.attrib) is (code not in ("badVerb", "badArgument"))
    assert (request.get("resumptionToken") is not None) is (code == "badResumptionToken")


def test_an_empty_query_string_behind_the_address_does_no_harm(still: Registry) -> None:
    # REG-141: validators send the address with a question mark behind it
    assert (
        still.send(path="/registry?verb=Identify").content
        == still.send(path="/registry?&verb=Identify").content
    )


def test_bodies_that_are_no_forms_are_refused(still: Registry) -> None:
    answer = still.send("POST", content=b"<x/>", headers={"content-type": "text/xml"})
    assert answer.status_code == 415
    form = {"content-type": "application/x-www-form-urlencoded"}
    assert still.send("POST", content=b"verb=" + b"x" * 70000, headers=form).status_code == 413


def test_identify(still: Registry) -> None:
    # REG-020, REG-021, REG-022, REG-023, REG-024, REG-025
    identify = still.ask("Identify").find(f"{OAI}Identify")
    told = [(etree.QName(child).localname, child.text) for child in identify]
    assert told[:-1] == [
        ("repositoryName", "Publishing registry of Interferometer <archive> & co"),
        ("baseURL", f"{BASE}/registry"),
        ("protocolVersion", "2.0"),
        ("adminEmail", "help@example.org"),
        ("earliestDatestamp", "2025-03-01T12:00:00Z"),
        ("deletedRecord", "persistent"),
        ("granularity", "YYYY-MM-DDThh:mm:ssZ"),
    ]
    own = identify.find(f"{OAI}description/{RI}Resource")
    assert own.get(f"{XSI}type") == "vg:Registry"
    record = still.record(f"ivo://{AUTHORITY}/registry")
    assert etree.tostring(own, method="c14n2") == etree.tostring(record, method="c14n2")
    assert record.findtext("capability/interface/accessURL") == f"{BASE}/registry"


def test_without_a_contact_the_address_leads_nowhere_and_the_record_says_so(registry: Registry) -> None:
    registry.open(contact_email="", contact_name="")
    identify = registry.ask("Identify")
    assert identify.findtext(f".//{OAI}adminEmail") == "unknown@contact.invalid"
    assert "Not fit to be harvested" in identify.findtext(".//content/description")


def test_formats_and_sets(still: Registry) -> None:
    # REG-026, REG-027
    root = still.ask("ListMetadataFormats")
    found = {one[0].text: (one[1].text, one[2].text) for one in root.iter(f"{OAI}metadataFormat")}
    dublin = "http://www.openarchives.org/OAI/2.0/oai_dc"
    assert found == {
        "ivo_vor": (RI[1:-1], RI[1:-1]),
        "oai_dc": (f"{dublin}.xsd", f"{dublin}/"),
    }
    (only,) = still.ask("ListSets").iter(f"{OAI}setSpec")
    assert only.text == "ivo_managed"


def test_the_managed_set_is_everything(still: Registry) -> None:
    # REG-028, REG-051
    every = still.ask("ListIdentifiers", metadataPrefix="ivo_vor")
    assert list(headers(every)) == IDS
    managed = still.ask("ListIdentifiers", metadataPrefix="ivo_vor", set="ivo_managed")
    assert list(headers(managed)) == IDS
    assert {header.findtext(f"{OAI}setSpec") for header in headers(every).values()} == {"ivo_managed"}
    own = still.record(f"ivo://{AUTHORITY}/registry")
    assert own.findtext("managedAuthority") == AUTHORITY
    assert own.findtext("full") == "false"


def test_identifiers_are_read_in_any_case_and_written_in_one(still: Registry) -> None:
    # REG-041
    for identifier in IDS:
        root = still.ask(
            "GetRecord", metadataPrefix="ivo_vor", identifier=identifier.upper().replace("IVO", "ivo")
        )
        assert root.findtext(f".//{OAI}identifier") == identifier
        assert root.findtext(f".//{RI}Resource/identifier") == identifier


def test_dublin_core_tells_what_the_record_tells(still: Registry) -> None:
    # REG-042
    dublin = "{http://purl.org/dc/elements/1.1/}"
    root = still.ask("GetRecord", metadataPrefix="oai_dc", identifier=f"ivo://{AUTHORITY}/obs")
    told: dict[str, list[str]] = {}
    for child in root.find(f".//{OAI}metadata")[0]:
        told.setdefault(child.tag.removeprefix(dublin), []).append(child.text)
    assert told["title"] == ["Interferometer <archive> & co: ivoa.obscore"]
    assert told["creator"] == told["publisher"] == ["The Observatory"]
    assert told["date"] == ["2025-03-01"]
    assert told["identifier"] == [f"ivo://{AUTHORITY}/obs", f"{BASE}/"]
    assert told["source"] == ["2020A&A...123A.456B"]
    assert told["relation"] == [f"ivo://{AUTHORITY}/tap"]
    assert "ObsCore" in told["subject"]
    assert "CC-BY-4.0" in told["rights"][0]
    assert told["description"][0].startswith("Images and cubes.\n\nOf many projects.")


def test_documents_of_the_registry_itself(still: Registry, validate) -> None:
    # REG-061, REG-065
    own = still.record(f"ivo://{AUTHORITY}/registry")
    root = validate(still.send(path="/registry/capabilities").content)
    told = [etree.tostring(one, method="c14n2", exclusive=True) for one in root]
    assert told == [etree.tostring(one, method="c14n2", exclusive=True) for one in own.iterfind("capability")]
    addresses = {one.get("standardID"): one.findtext("interface/accessURL") for one in root}
    assert addresses == {
        "ivo://ivoa.net/std/Registry": f"{BASE}/registry",
        "ivo://ivoa.net/std/VOSI#capabilities": f"{BASE}/registry/capabilities",
        "ivo://ivoa.net/std/VOSI#availability": f"{BASE}/registry/availability",
    }
    for address in addresses.values():
        assert still.send(path=address.removeprefix(BASE)).status_code == 200
    available = validate(still.send(path="/registry/availability").content)
    assert available[0].text == "true"


def test_a_registry_whose_catalogue_is_gone_says_so(registry: Registry) -> None:
    # REG-010 (503 for trouble), VOSI-020
    registry.ask("Identify")
    registry.catalogue.close()
    (registry.home / "catalogue.sqlite").rename(registry.home / "away")
    (registry.home / "catalogue.sqlite").mkdir()
    answer = registry.send(params={"verb": "Identify"})
    assert answer.status_code == 503
    assert "Retry-After" in answer.headers
    available = etree.fromstring(registry.send(path="/registry/availability").content)
    assert available[0].text == "false"
