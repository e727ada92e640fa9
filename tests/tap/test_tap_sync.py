"""/tap/sync, in process, on a small real snapshot."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from xml.etree import ElementTree

import httpx
import pytest
from astropy.io.votable import parse as parse_votable
from astropy.io.votable.tree import VOTableFile

from vo_service.formats import FORMATS

Ask = Callable[..., httpx.Response]

SPACE = {"v": "http://www.ivoa.net/xml/VOTable/v1.3"}
ALL = "SELECT dataset_id, target_name, s_ra, data_rights, access_url FROM ivoa.obscore"
WIDE = "SELECT * FROM ivoa.obscore"


def query(ask: Ask, adql: str, method: str = "GET", **parameters: str) -> httpx.Response:
    sent = {"LANG": "ADQL", "QUERY": adql, **parameters}
    return ask("/tap/sync", params=sent) if method == "GET" else ask("/tap/sync", "POST", data=sent)


def table_of(answer: httpx.Response) -> VOTableFile:
    assert answer.status_code == 200, answer.text
    return parse_votable(io.BytesIO(answer.content))


def statuses(answer: httpx.Response) -> list[str | None]:
    root = ElementTree.fromstring(answer.content)
    return [one.get("value") for one in root.findall(".//v:INFO[@name='QUERY_STATUS']", SPACE)]


def rows_of(answer: httpx.Response) -> int:
    return len(table_of(answer).get_first_table().array)


def error_of(answer: httpx.Response) -> str:
    assert answer.headers["Content-Type"] == "application/x-votable+xml"
    info = ElementTree.fromstring(answer.content).find(".//v:INFO[@name='QUERY_STATUS']", SPACE)
    assert info is not None and info.get("value") == "ERROR" and info.text
    return info.text


def timeless(content: bytes) -> bytes:
    """An answer without the moment that it was asked for."""
    return re.sub(rb'(?<=name="QUERY_TIMESTAMP" value=")[^"]+', b"", content)


def test_get_and_post_in_both_encodings_give_the_same_table(ask: Ask) -> None:
    # TAP-009, TAP-010, TAP-011
    adql = f"{ALL} ORDER BY dataset_id"
    got = query(ask, adql)
    posted = query(ask, adql, "POST")
    parts = {"LANG": (None, "ADQL"), "QUERY": (None, adql)}
    multipart = ask("/tap/sync", "POST", files=parts)
    assert got.status_code == 200
    assert got.headers["Content-Type"] == "application/x-votable+xml"
    same = {timeless(answer.content) for answer in (got, posted, multipart)}
    assert len(same) == 1
    assert rows_of(got) == 100


def test_the_answer_says_what_was_asked_and_of_which_snapshot(ask: Ask) -> None:
    # TAP-104, DALI-116
    root = ElementTree.fromstring(query(ask, ALL, MAXREC="3").content)
    infos = {one.get("name"): one.get("value") for one in root.findall("v:RESOURCE/v:INFO", SPACE)}
    assert infos["QUERY"] == ALL
    assert (infos["standardID"], infos["LANG"], infos["MAXREC"]) == (
        "ivo://ivoa.net/std/TAP",
        "ADQL-2.1",
        "3",
    )
    assert infos["snapshot"] == "1"


def test_columns_are_described_as_published(ask: Ask) -> None:
    # TAP-106, TAP-107
    table = table_of(query(ask, "SELECT s_ra, target_name FROM ivoa.obscore")).get_first_table()
    ra, name = table.fields
    assert (ra.name, ra.datatype, str(ra.unit), ra.ucd) == ("s_ra", "double", "deg", "pos.eq.ra")
    assert name.datatype == "unicodeChar"


def test_rights_and_links_are_made_for_the_request(ask: Ask) -> None:
    # design 4.3, 4.8
    answer = query(
        ask,
        "SELECT dataset_id, data_rights, access_url FROM ivoa.obscore WHERE dataset_id IN ('d-0', 'd-1')",
        RESPONSEFORMAT="csv",
    )
    rows = {row["dataset_id"]: row for row in csv.DictReader(io.StringIO(answer.text))}
    assert rows["d-0"]["data_rights"] == "Public" and rows["d-1"]["data_rights"] == "Proprietary"
    assert rows["d-0"]["access_url"] == "https://vo.example.org/x/files/p-0"


@pytest.mark.parametrize("name", [name for offer in FORMATS for name in (offer.media_type, *offer.aliases)])
def test_a_format_asked_by_any_name_comes_back_with_its_media_type(ask: Ask, name: str) -> None:
    # TAP-055, TAP-058, DALI-052
    answer = query(ask, ALL, RESPONSEFORMAT=name)
    asked = name.partition(";")[0]
    given = answer.headers["Content-Type"].partition(";")[0]
    assert answer.status_code == 200
    assert given == asked or "/" not in asked or asked.startswith("votable/")


def test_the_length_of_a_spooled_answer_is_told(ask: Ask) -> None:
    # DALI-117: FITS is whole before it leaves
    answer = query(ask, WIDE, RESPONSEFORMAT="fits", MAXREC="250")
    assert answer.status_code == 200 and len(answer.content) > 100_000
    assert answer.headers["content-length"] == str(len(answer.content))


def test_csv_has_a_header_and_all_text_in_utf8(ask: Ask) -> None:
    # TAP-059
    answer = query(ask, f"{ALL} WHERE dataset_id = 'd-7'", RESPONSEFORMAT="csv")
    assert answer.headers["Content-Type"] == "text/csv;header=present"
    assert answer.content.decode("utf-8").splitlines()[1].startswith("d-7,Quelle Ä7,")


def test_text_beyond_ascii_works_in_a_query_both_ways(ask: Ask) -> None:
    # TAP-035
    for method in ("GET", "POST"):
        assert rows_of(query(ask, f"{ALL} WHERE target_name = 'Quelle Ä7'", method)) == 1


@pytest.mark.parametrize(
    ("maxrec", "rows", "status"),
    [
        (None, 100, ["OK", "OVERFLOW"]),
        ("5", 5, ["OK", "OVERFLOW"]),
        ("1000", 250, ["OK", "OVERFLOW"]),
        (str(2**64), 250, ["OK", "OVERFLOW"]),
        ("", 100, ["OK", "OVERFLOW"]),
    ],
)
def test_rows_are_cut_and_marked(ask: Ask, maxrec: str | None, rows: int, status: list[str]) -> None:
    # TAP-070 to TAP-076, DALI-060 to DALI-064
    answer = query(ask, ALL) if maxrec is None else query(ask, ALL, MAXREC=maxrec)
    assert (rows_of(answer), statuses(answer)) == (rows, status)


@pytest.mark.parametrize(("maxrec", "status"), [("40", ["OK"]), ("41", ["OK"]), ("39", ["OK", "OVERFLOW"])])
def test_only_rows_that_were_really_cut_are_an_overflow(ask: Ask, maxrec: str, status: list[str]) -> None:
    # TAP-072, TAP-073, DALI-062, DALI-065
    assert statuses(query(ask, f"SELECT TOP 40 {ALL[7:]}", MAXREC=maxrec)) == status


def test_maxrec_0_gives_the_columns_and_no_rows(ask: Ask) -> None:
    # TAP-074, DALI-063
    none, one = query(ask, ALL, MAXREC="0"), query(ask, ALL, MAXREC="1")
    assert (rows_of(none), statuses(none)[-1]) == (0, "OVERFLOW")
    fields = [
        [(f.name, f.datatype, f.arraysize, f.ucd) for f in table_of(a).get_first_table().fields]
        for a in (none, one)
    ]
    assert fields[0] == fields[1]


def test_no_rows_is_an_answer(ask: Ask) -> None:
    # TAP-111
    answer = query(ask, f"{ALL} WHERE s_ra < -1")
    assert (rows_of(answer), statuses(answer)) == (0, ["OK"])
    assert len(table_of(answer).get_first_table().fields) == 5


def test_unknown_parameters_and_those_of_tap_1_0_are_ignored(ask: Ask) -> None:
    # TAP-022, TAP-026
    answer = query(ask, ALL, REQUEST="doQuery", VERSION="1.0", FOO="1")
    assert answer.status_code == 200


@pytest.mark.parametrize("lang", ["ADQL", "ADQL-2.0", "ADQL-2.1", "adql"])
def test_every_declared_language_works(ask: Ask, lang: str) -> None:
    # TAP-030, TAP-031
    assert query(ask, "SELECT TOP 1 s_ra FROM ivoa.obscore", LANG=lang).status_code == 200


def test_adql_2_0_does_not_know_what_came_later(ask: Ask) -> None:
    adql = "SELECT s_ra FROM ivoa.obscore ORDER BY s_ra OFFSET 5"
    assert query(ask, adql, LANG="ADQL-2.1").status_code == 200
    assert query(ask, adql, LANG="ADQL-2.0").status_code == 400


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({"LANG": "PQL"}, "unknown query language"),  # TAP-032
        ({"LANG": "ADQL-9.9"}, "unknown query language"),
        ({"LANG": ""}, "LANG is missing"),  # TAP-033
        ({"QUERY": ""}, "QUERY is missing"),  # TAP-035
        ({"QUERY": "SELECT\n  nothing FROM ivoa.obscore"}, "line 2, column 3"),  # TAP-128
        ({"QUERY": "SELEC s_ra FROM ivoa.obscore"}, "line 1, column 1"),
        ({"QUERY": "SELECT s_ra FROM ivoa.obscor"}, "ivoa.obscore"),
        ({"MAXREC": "-1"}, "MAXREC"),
        ({"RUNID": "x" * 65}, "RUNID"),  # TAP-028
        ({"UPLOAD": "t,http://example.org/t"}, "not fetched"),  # TAP-097
        ({"RESPONSEFORMAT": "image/gif"}, "image/gif"),  # TAP-057
        ({"RESPONSEFORMAT": "votable", "FORMAT": "csv"}, "different"),  # TAP-050
    ],
)
def test_a_wrong_parameter_is_400_with_words_in_a_votable(
    ask: Ask, parameters: dict[str, str], words: str
) -> None:
    # TAP-120 to TAP-123, DALI-093, DALI-094
    answer = ask("/tap/sync", params={"LANG": "ADQL", "QUERY": ALL, **parameters})
    assert answer.status_code == 400
    assert words in error_of(answer)


def test_a_parameter_given_twice_is_an_error(ask: Ask) -> None:
    # TAP-025, DALI-041
    answer = ask("/tap/sync?LANG=ADQL&QUERY=x&MAXREC=1&maxrec=1")
    assert answer.status_code == 400 and "MAXREC" in error_of(answer)


def test_an_empty_request_is_an_error_document(ask: Ask) -> None:
    # TAP-035
    assert ask("/tap/sync").status_code == 400
    assert ask("/tap/sync", "POST").status_code == 400


def test_an_error_is_text_where_csv_was_asked_for(ask: Ask) -> None:
    # TAP-121
    answer = query(ask, "SELECT nothing FROM ivoa.obscore", RESPONSEFORMAT="csv")
    assert answer.status_code == 400
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert answer.text.startswith("line 1, column 8")


def test_a_query_that_fails_on_rows_is_400_without_sql_of_the_engine(ask: Ask) -> None:
    # DALI-100, TAP-128
    answer = query(ask, "SELECT CAST(target_name AS INTEGER) AS n FROM ivoa.obscore")
    assert answer.status_code in (200, 400)
    if answer.status_code == 400:
        text = error_of(answer)
        assert "duckdb" not in text.lower() and '"' not in text


def test_a_value_that_cannot_be_computed_is_named(ask: Ask) -> None:
    answer = query(ask, "SELECT CAST(obs_id AS INTEGER) AS i FROM ivoa.obscore")
    text = error_of(answer)
    assert answer.status_code == 400
    assert "the text 'uid://A001/X1/X" in text and "is not an INTEGER" in text
    assert "INT32" not in text and "LINE 1" not in text and "TRIM" not in text


def test_a_power_beyond_a_double_is_null(ask: Ask) -> None:  # ADQL-119
    answer = query(ask, "SELECT TOP 2 POWER(10, 400) AS p FROM ivoa.obscore", RESPONSEFORMAT="csv")
    assert (answer.status_code, answer.text.split()[0]) == (200, "p")
    assert not answer.text.replace("p", "").strip(' \r\n"')


def test_head_checks_the_query_and_gives_no_body(ask: Ask) -> None:
    # TAP-015
    answer = ask("/tap/sync", "HEAD", params={"LANG": "ADQL", "QUERY": ALL})
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["Content-Type"] == "application/x-votable+xml"
    assert "content-length" not in answer.headers
    assert ask("/tap/sync", "HEAD", params={"LANG": "ADQL", "QUERY": "SELECT"}).status_code == 400


def test_other_methods_are_405_and_other_bodies_415(ask: Ask) -> None:
    # VOSI-002, DALI-005
    assert ask("/tap/sync", "PUT").status_code == 405
    assert ask("/tap/sync", "POST", json={"QUERY": ALL}).status_code == 415


def test_tap_schema_describes_itself_in_full_by_default(ask: Ask) -> None:
    # TAP-036, TAP-240: names in any case
    answer = query(ask, "SELECT table_name FROM TAP_SCHEMA.tables WHERE table_name = 'tap_schema.columns'")
    assert rows_of(answer) == 1
