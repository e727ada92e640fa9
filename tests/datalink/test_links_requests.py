"""How links are asked for: parameters, forms, formats, limits, errors of the whole request."""

from __future__ import annotations

import csv
import io
import json
import re
import subprocess
from pathlib import Path
from urllib.parse import quote

import pytest
from astropy.io.votable import parse_single_table
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from link_house import ALONE, CLOSED, CUBE, PB, House, Links, inputs_of, told_by
from test_links_rows import check_rows
from xsd import Validate

from vo_service.dali.errors import ErrorKind, ServiceAway, ServiceError
from vo_service.dali.parameters import Form
from vo_service.datalink import answering, request
from vo_service.datalink.formats import links_format
from vo_service.datalink.table import echo_of
from vo_service.products.shelf import Shelf
from vo_service.soda.examples import HoldingsExamples

LINKS = "application/x-votable+xml;content=datalink"
V = "{http://www.ivoa.net/xml/VOTable/v1.3}"
NO_PLACE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
SYNC = "/datalink/sync"


def order_of(links: Links) -> list[str]:
    """The identifiers in the order of their rows."""
    return list(dict.fromkeys(str(row.ID) for row in links.rows))


@pytest.mark.parametrize("how", ["get", "form", "multipart", "query of a post"])
def test_identifiers_come_in_any_way(house: House, how: str) -> None:
    # DL-001, DL-002, DL-003, DL-010, DL-060
    ids = [house.did(CUBE), "nothing", house.data_sets[ALONE]]
    pairs = [("iD", each) for each in ids] + [("RUNID", "x"), ("SOMETHING", "else")]
    match how:
        case "get":
            answer = house.ask(SYNC, params=pairs)
        case "form":
            answer = house.ask(SYNC, method="POST", data={"id": ids, "RUNID": "x", "SOMETHING": "else"})
        case "multipart":
            answer = house.ask(SYNC, method="POST", files=[(name, (None, value)) for name, value in pairs])
        case _:
            answer = house.ask(SYNC, method="POST", params=pairs, data={})
    assert answer.status_code == 200 and answer.headers["Content-Type"] == LINKS  # DL-061
    links = Links(answer.content)
    check_rows(links)
    assert order_of(links) == ids


def test_an_identifier_is_answered_once(house: House) -> None:
    # DL-003
    once, twice = house.links("nope", house.did(CUBE)), house.links("nope", house.did(CUBE), "nope")
    assert [row.cells for row in once.rows] == [row.cells for row in twice.rows]


@pytest.mark.parametrize("path", [SYNC, f"{SYNC}?ID=", f"{SYNC}?MAXREC=0", f"{SYNC}?MAXREC=0&ID=nothing"])
def test_without_identifiers_the_service_says_what_it_is(house: House, path: str, validate: Validate) -> None:
    # DL-004, DL-011, DL-098
    answer = house.ask(path)
    assert answer.status_code == 200 and answer.headers["Content-Type"] == LINKS
    links = Links(answer.content)
    validate(answer.content)
    assert not links.rows and len(links.fields) == 13 and links.statuses == ["OK"]
    resources = links.root.findall(f"{V}RESOURCE")[1:]
    assert [(one.get("utype"), one.get("name")) for one in resources] == [
        ("adhoc:this", "Links"),
        ("adhoc:service", "this"),
    ]
    for one in resources:
        told = told_by(one)
        assert told["accessURL"] == "http://t/datalink/sync" and told["contentType"] == LINKS
        assert told["standardID"] == "ivo://ivoa.net/std/DataLink#links-1.1"
        assert list(inputs_of(one)) == ["ID", "RESPONSEFORMAT"]


def test_identifiers_that_look_alike_in_the_answer_have_a_row_each(house: House) -> None:
    # DL-003, DL-066: what was sent counts, not what there is room for
    links = house.links("a\x00b", "a\x01b", "\U0001f600", "\U0001f601", "a\x00b")
    assert len(links.rows) == 4 and links.statuses == ["OK"]
    assert [row.ID for row in links.rows][:2] == ["a\ufffdb"] * 2


def test_more_values_than_are_answered_are_cut_and_not_refused(house: House) -> None:
    # DL-007
    ids = [f"nothing-{number}" for number in range(50_003)]
    answer = house.ask(SYNC, method="POST", data={"ID": ids})
    assert answer.status_code == 200
    links = Links(answer.content)
    assert links.statuses[-1] == "OVERFLOW" and [row.ID for row in links.rows] == ids[: request.MOST_IDS]


def test_examples_work(sample: House) -> None:
    # DL-087
    (this, _) = Links(sample.ask(SYNC).content).root.findall(f"{V}RESOURCE")[1:]
    examples = [one.get("value") for one in this.findall(f"{V}PARAM") if one.get("name") == "exampleURL"]
    assert examples
    for each in examples:
        answer = sample.ask(each)
        assert answer.status_code == 200
        assert Links(answer.content).of("#this")[0].error_message is None


TEXTS = st.text(
    st.characters(exclude_categories=("Cs",)) | st.sampled_from("?#&+%; \t\r\n\x00\x01<>\"']"),
    min_size=1,
    max_size=40,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.lists(TEXTS, min_size=1, max_size=4))
@example(["a?b#c&d+e%f g", " ", "\t", "+", "%2B"])
@example(["a\x00b", "a\x01b", "ä", "\U0001f600"])
@example(["]]>", "<TD>", "&amp;", "\r\n"])
def test_identifiers_come_back_as_they_were_sent(house: House, texts: list[str]) -> None:
    # DL-005, DL-025, DL-031, DL-065, DL-066: but for what XML has no place for
    path = f"{SYNC}?" + "&".join(f"ID={quote(text, safe='')}" for text in texts)
    for links in (house.links(*texts), Links(house.ask(path).content)):
        check_rows(links)
        wanted = [NO_PLACE.sub("\ufffd", text) for text in dict.fromkeys(texts)]  # one for each that was sent
        assert [row.ID for row in links.rows] == wanted
        assert [echo_of(text) for text in wanted] == wanted
        for row in links.rows:
            assert re.match("(UsageFault|NotFoundFault): ", str(row.error_message))
            assert row.semantics == "#this"
        char = all(text.isascii() for text in wanted)
        assert links.fields[0].get("datatype") == ("char" if char else "unicodeChar")


FAR = ["a\U0001f600b", "𝛼 Cen?x=\U00020bb7", "é"]


def test_clients_find_what_they_asked_for(house: House) -> None:
    # DL-031, DL-065: as astropy reads it; bytes have no place for some letters (VOT-057)
    answer = house.ask(SYNC, method="POST", data={"ID": FAR})
    assert list(parse_single_table(io.BytesIO(answer.content)).to_table()["ID"]) == FAR
    answer = house.ask(SYNC, method="POST", data={"ID": FAR, "RESPONSEFORMAT": "votable/b2"})
    found = list(parse_single_table(io.BytesIO(answer.content)).to_table()["ID"])
    assert found == ["a\ufffdb", "\ufffd Cen?x=\ufffd", "é"]
    for format in ("csv", "json"):
        told = house.ask(SYNC, method="POST", data={"ID": FAR, "RESPONSEFORMAT": format}).text
        assert all(json.dumps(text)[1:-1] in told or text in told for text in FAR), format


@pytest.mark.judge
def test_stilts_finds_what_was_asked_for(stilts: str, house: House, tmp_path: Path) -> None:
    # DL-031, DL-065
    path = tmp_path / "links.vot"
    path.write_bytes(house.ask(SYNC, method="POST", data={"ID": FAR}).content)
    command = [stilts, "tpipe", f"in={path}", "ifmt=votable", "cmd=keepcols ID", "ofmt=csv", "out=-"]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=120)
    assert done.stdout.splitlines() == ["ID", *FAR], done.stderr


def test_blanks_round_an_identifier_are_kept_and_passed_over(house: House) -> None:
    # DL-031
    links = house.links(f" {house.did(CUBE)}\t")
    assert {row.ID for row in links.rows} == {f" {house.did(CUBE)}\t"}
    assert links.rows[0].error_message is None
    shouted = house.did(CUBE).replace("ivo://links.test/obs", "IVO://Links.TEST/OBS")
    assert shouted == house.links(shouted).rows[0].ID


@pytest.mark.parametrize(
    ("asked", "type", "inside"),
    [
        (None, LINKS, b"<TABLEDATA>"),
        ("votable", LINKS, b"<TABLEDATA>"),
        ("VOTable", LINKS, b"<TABLEDATA>"),
        ("application/x-votable+xml", "application/x-votable+xml", b"<TABLEDATA>"),
        (LINKS, LINKS, b"<TABLEDATA>"),
        ("application/x-votable+xml; content=datalink; x=y", LINKS, b"<TABLEDATA>"),
        (
            "application/x-votable+xml;serialization=tabledata",
            "application/x-votable+xml;serialization=TABLEDATA",
            b"<TABLEDATA>",
        ),
        (
            "application/x-votable+xml;version=1.5",
            "application/x-votable+xml;serialization=TABLEDATA;version=1.5",
            b"<TABLEDATA>",
        ),
        ("text/xml", "text/xml", b"<TABLEDATA>"),
        ("votable/b2", "application/x-votable+xml;serialization=BINARY2", b"<BINARY2>"),
        (
            "application/x-votable+xml;serialization=binary2",
            "application/x-votable+xml;serialization=BINARY2",
            b"<BINARY2>",
        ),
    ],
    ids=str,
)
def test_votable_by_its_names(house: House, asked: str | None, type: str, inside: bytes) -> None:
    # DL-008, DL-020, DL-061, spelt as those compare it who do not parse it (DL-062)
    form = {"ID": house.did(CUBE)} | ({} if asked is None else {"RESPONSEFORMAT": asked})
    answer = house.ask(SYNC, params=form)
    assert answer.status_code == 200 and answer.headers["Content-Type"] == type
    assert inside in answer.content and b"adhoc:service" in answer.content


def test_other_formats_hold_the_same(house: House) -> None:
    # DL-009
    form = {"ID": [house.did(CUBE), "nope"]}
    rows = house.links(*form["ID"]).rows
    for asked, type in (("csv", "text/csv"), ("tsv", "text/tab"), ("json", "application/json")):
        answer = house.ask(SYNC, params={**form, "RESPONSEFORMAT": asked})
        assert answer.headers["Content-Type"].startswith(type)
        if asked == "csv":
            read = list(csv.DictReader(io.StringIO(answer.text)))
            assert [row["access_url"] for row in read] == [row.access_url or "" for row in rows]
        if asked == "json":
            assert len(json.loads(answer.content)["data"]) == len(rows)
    for asked in ("fits", "parquet"):
        answer = house.ask(SYNC, params={**form, "RESPONSEFORMAT": asked})
        assert answer.status_code == 200 and len(answer.content) > 1000


@pytest.mark.parametrize(
    "form",
    [
        {"RESPONSEFORMAT": "application/x-nonsense"},
        {"MAXREC": "-1"},
        {"MAXREC": ["1", "2"]},
        {"RESPONSEFORMAT": ["csv", "votable"]},
        {"RUNID": "x" * 65},
    ],
    ids=str,
)
def test_mistakes_of_the_whole_request(house: House, form: dict[str, object], validate: Validate) -> None:
    # DL-009, DL-064, DL-065
    answer = house.ask(SYNC, method="POST", data={"ID": "x", **form})
    assert answer.status_code == 400
    validate(answer.content)
    links = Links(answer.content)
    assert links.statuses == ["ERROR"]
    (said,) = [one.text for one in links.infos if one.get("name") == "QUERY_STATUS"]
    assert re.match(r"UsageFault: \S", said) and said.count("Fault") == 1


def test_mistakes_in_the_format_that_was_asked_for(house: House) -> None:
    answer = house.ask(SYNC, params={"ID": "x", "MAXREC": "many", "RESPONSEFORMAT": "csv"})
    assert answer.status_code == 400 and answer.headers["Content-Type"].startswith("text/plain")
    assert re.match(r"UsageFault: MAXREC", answer.text)
    wrong = house.ask(SYNC, method="PUT")
    assert wrong.status_code == 405 and wrong.text.count("Fault") == 1
    answer = house.ask(SYNC, method="POST", files={"ID": ("ids.txt", b"x")})
    assert answer.status_code == 400 and b"UsageFault: ID came as a file" in answer.content


def test_rows_are_cut_between_identifiers(house: House) -> None:
    # DL-007, DL-011, DL-101
    first, second = house.did(CUBE), house.data_sets[CLOSED]
    counts = [len(house.links(each).rows) for each in (first, second)]
    for maxrec, wanted in (
        (1, [first]),
        (counts[0], [first]),
        (sum(counts) - 1, [first]),
        (sum(counts), [first, second]),
        (10**20, [first, second]),
    ):
        links = house.links(first, second, MAXREC=str(maxrec))
        assert order_of(links) == wanted
        assert len(links.rows) == sum(counts[: len(wanted)])
        assert links.statuses == (["OK"] if len(wanted) == 2 else ["OK", "OVERFLOW"])
    assert house.links(first, MAXREC="1").statuses == ["OK"]


@pytest.mark.parametrize("at_a_time", [1, 2, 100])
def test_more_identifiers_than_are_answered(
    house: House, monkeypatch: pytest.MonkeyPatch, at_a_time: int
) -> None:
    # DL-006, DL-007: and who asks again for the others gets them
    monkeypatch.setattr(request, "MOST_IDS", 3)
    monkeypatch.setattr(answering, "_AT_A_TIME", at_a_time)
    ids = [house.did(CUBE), "a", "a", house.data_sets[CLOSED], house.products[PB], "b"]
    links = house.links(*ids)
    assert order_of(links) == [ids[0], "a", ids[3]] and links.statuses == ["OK", "OVERFLOW"]
    check_rows(links)
    assert order_of(house.links(*ids[4:])) == ids[4:]


def test_head_answers_without_work(house: House) -> None:
    answer = house.ask(f"{SYNC}?ID={house.data_sets[CUBE]}", method="HEAD")
    assert answer.status_code == 200 and not answer.content and answer.headers["Content-Type"] == LINKS


@pytest.mark.parametrize("format", ["votable", "csv"])
def test_what_fails_in_the_middle_is_told_behind_the_rows(
    house: House, monkeypatch: pytest.MonkeyPatch, format: str
) -> None:
    # DL-064, DALI-114: or the answer breaks off
    monkeypatch.setattr(answering, "_AT_A_TIME", 1)
    find = Shelf.find_named

    def fail(self, texts, *more):
        if "later" in texts:
            raise ServiceAway("The database of this service does not answer at present.")
        return find(self, texts, *more)

    monkeypatch.setattr(Shelf, "find_named", fail)
    form = {"ID": ["first", "later"], "RESPONSEFORMAT": format}
    if format == "csv":
        with pytest.raises(AssertionError):  # by which the transport says that the end is missing
            house.ask(SYNC, params=form)
        return
    links = Links(house.ask(SYNC, params=form).content)
    assert order_of(links) == ["first"] and links.statuses == ["OK", "ERROR"]
    said = [one.text for one in links.infos if one.get("value") == "ERROR"]
    assert said[0].startswith("TransientFault: The database")


def test_what_fails_at_once_has_a_status(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self, *more):
        raise ServiceError(ErrorKind.UNAVAILABLE, "Away.")

    monkeypatch.setattr(Shelf, "find_named", fail)
    answer = house.ask(SYNC, params={"ID": "x"})
    assert answer.status_code == 503 and answer.headers["Retry-After"]
    assert Links(answer.content).statuses == ["ERROR"] and b"TransientFault: Away." in answer.content


def test_the_service_says_what_it_is_without_examples(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    # DL-004
    def fail(self):
        raise ServiceAway("The database of this service does not answer at present.")

    monkeypatch.setattr(HoldingsExamples, "__call__", fail)
    answer = house.ask(SYNC)
    assert (
        answer.status_code == 200 and b"exampleURL" not in answer.content and b"adhoc:this" in answer.content
    )


def test_an_answer_ends_when_its_time_is_over(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answering, "_AT_A_TIME", 1)
    ticks = iter(range(0, 10**6, 10))
    monkeypatch.setattr(answering.time, "perf_counter", lambda: float(next(ticks)))
    links = house.links(*(f"n-{number}" for number in range(30)))
    assert links.statuses == ["OK", "ERROR"] and 0 < len(links.rows) < 30


def test_formats_are_found_without_a_service() -> None:
    # DL-008
    assert links_format(Form()).media_type == LINKS
    assert links_format(Form.of([("responseformat", "application/x-votable xml")])).media_type.startswith(
        "application/x-votable+xml"
    )


def test_the_documents_beside(house: House, validate: Validate) -> None:
    # DL-068, DL-069
    answer = house.ask("/datalink/capabilities")
    root = validate(answer.content)
    found = {one.get("standardID"): one.find("interface") for one in root}
    for version in ("1.1", "1.0"):
        interface = found[f"ivo://ivoa.net/std/DataLink#links-{version}"]
        assert interface.get("role") == "std"
        assert interface.get("{http://www.w3.org/2001/XMLSchema-instance}type") == "vs:ParamHTTP"
        assert interface.findtext("accessURL") == "http://t/datalink/sync"
        assert [one.text for one in interface.findall("queryType")] == ["GET", "POST"]
        assert interface.findtext("resultType") == LINKS
    available = validate(house.ask("/datalink/availability").content)
    assert available.findtext("{*}available") == "true"
