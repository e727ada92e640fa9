"""``/cone/{schema.table}`` over HTTP on made rows: ways to ask, answers, errors, documents."""

from __future__ import annotations

import io
from typing import Any

import httpx
import numpy as np
import pytest
from astropy.coordinates import angular_separation
from astropy.io import votable
from lxml import etree
from made_archive import BASE, MadeArchive, Row
from xsd import Validate

from tap_schema import published
from vo_service.cone.tables import cone_tables

SEARCH = "/cone/ivoa.obscore"
NEAR = {"RA": "10", "DEC": "-5", "SR": "8"}
VOTABLE = "{http://www.ivoa.net/xml/VOTable/v1.3}"
XSI = "{http://www.w3.org/2001/XMLSchema-instance}"
TABLES = list(cone_tables(published()))


def table_of(answer: httpx.Response) -> Any:
    assert answer.status_code == 200, answer.text
    return votable.parse(io.BytesIO(answer.content)).get_first_table()


def placed(made: MadeArchive) -> list[Row]:
    """The rows that have a position: no cone holds any other, be it the whole sky."""
    return [row for row in made.rows if row["s_ra"] is not None and row["s_dec"] is not None]


def test_ways_to_ask(made: MadeArchive) -> None:
    # SCS-001, SCS-003, SCS-007, SCS-008
    more = {"RESPONSEFORMAT": "csv", "MAXREC": "20", "unknown": "1", "CATALOG": "x"}
    query = "&".join(f"{name}={value}" for name, value in {**NEAR, **more}.items())
    texts = {
        made.ask(f"{SEARCH}?{query}").text,
        made.ask(f"{SEARCH}?&{query}").text,
        made.ask(f"{SEARCH}?CATALOG=y&{query}").text,
        made.ask(f"{SEARCH}?sr=8&dec=-5&ra=10&responseformat=csv&maxrec=20").text,
        made.ask("/cone/IVOA.ObsCore", params={**NEAR, **more}).text,
        made.ask(SEARCH, method="POST", data={**NEAR, **more}).text,
        made.ask(SEARCH, method="POST", files=[(k, (None, v)) for k, v in {**NEAR, **more}.items()]).text,
    }
    assert len(texts) == 1 and len(texts.pop().splitlines()) == 21


def test_the_answer_is_one_table_of_results(made: MadeArchive, validate: Validate) -> None:
    # SCS-012, SCS-014, SCS-028
    answer = made.ask(SEARCH, params=NEAR)
    root = validate(answer.content)
    assert answer.headers["Content-Type"] == "application/x-votable+xml"
    resources = list(root.iter(VOTABLE + "RESOURCE"))
    assert [one.get("type") for one in resources][:1] == ["results"]
    assert [(one.get("type"), one.get("name")) for one in resources[1:]] == [
        ("meta", "Links"),
        ("meta", "Cut-out"),
    ]
    assert len(list(root.iter(VOTABLE + "TABLE"))) == 1
    told = {one.get("name"): one.get("value") for one in root.iter(VOTABLE + "INFO")}
    assert told["QUERY_STATUS"] == "OK" and {name: told[name] for name in NEAR} == NEAR
    assert told["standardID"] == "ivo://ivoa.net/std/ConeSearch"


@pytest.mark.parametrize("name", TABLES)
@pytest.mark.parametrize("verbosity", ["1", "2", "3", ""])
def test_key_and_position_have_their_ucds(made: MadeArchive, name: str, verbosity: str) -> None:
    # SCS-009, SCS-016, SCS-017, SCS-018, SCS-023
    answer = made.ask(f"/cone/{name}", params={**NEAR, "VERB": verbosity, "RESPONSEFORMAT": "votable/td"})
    fields = list(etree.fromstring(answer.content).iter(VOTABLE + "FIELD"))
    found = {
        ucd: [field for field in fields if field.get("ucd") == f"{ucd};meta.main"]
        for ucd in ("meta.id", "pos.eq.ra", "pos.eq.dec")
    }
    assert [len(each) for each in found.values()] == [1, 1, 1]
    assert [each[0].get("datatype") for each in found.values()] == ["char", "double", "double"]
    assert all(field.findtext(VOTABLE + "DESCRIPTION") for field in fields)


def test_other_services_keep_the_ucds_of_the_standard(made: MadeArchive) -> None:
    made.ask(SEARCH, params=NEAR)
    query = {"LANG": "ADQL", "QUERY": "SELECT TOP 1 s_ra, obs_publisher_did FROM ivoa.obscore"}
    root = etree.fromstring(made.ask("/tap/sync", params=query).content)
    assert [f.get("ucd") for f in root.iter(VOTABLE + "FIELD")] == ["pos.eq.ra", "meta.ref.ivoid"]


@pytest.mark.parametrize(
    ("lon", "lat", "radius"),
    [(0.0, 0.0, 9.0), (360.0, 0.0, 9.0), (10.0, 90.0, 93.0), (10.0, -90.0, 85.0), (190.0, 5.0, 171.0)],
)
def test_cones_over_the_edges_of_the_coordinates(made: MadeArchive, lon, lat, radius) -> None:
    # SCS-011: across longitude 0, at the poles, beyond a hemisphere
    asked = [("RA", str(lon)), ("DEC", str(lat)), ("SR", str(radius))]
    found = {row["obs_publisher_did"] for row in made.csv(SEARCH, asked)}
    away = [
        np.degrees(angular_separation(*np.radians([lon, lat, row["s_ra"], row["s_dec"]])))
        for row in placed(made)
    ]
    assert np.abs(np.array(away) - radius).min() > 1e-9
    known = {row["obs_publisher_did"] for row, far in zip(placed(made), away) if far <= radius}
    assert found == known and 0 < len(found) < len(placed(made))


def test_all_of_the_sky(made: MadeArchive) -> None:
    # SCS-024: a radius of 180 degrees is no limit
    row = placed(made)[0]
    there = [("RA", repr((row["s_ra"] + 180.0) % 360.0)), ("DEC", repr(-row["s_dec"])), ("SR", "180")]
    assert len(made.csv(SEARCH, there)) == len(placed(made)) < len(made.rows)


def test_no_radius_asks_for_the_columns(made: MadeArchive) -> None:
    # SCS-006: what is at the very position comes, too
    empty = table_of(made.ask(SEARCH, params={"RA": "0", "DEC": "0", "SR": "0"}))
    assert (len(empty.array), len(empty.fields)) == (0, len(table_of(made.ask(SEARCH, params=NEAR)).fields))
    row = placed(made)[0]
    here = [("RA", repr(row["s_ra"])), ("DEC", repr(row["s_dec"])), ("SR", "0")]
    assert [one["obs_publisher_did"] for one in made.csv(SEARCH, here)] == [row["obs_publisher_did"]]


@pytest.mark.parametrize("rows", [0, 3])
def test_overflow(made: MadeArchive, rows: int) -> None:
    # SCS-007, SCS-027
    answer = made.ask(SEARCH, params={**NEAR, "MAXREC": str(rows)})
    assert len(table_of(answer).array) == rows
    told = [one.get("value") for one in etree.fromstring(answer.content).iter(VOTABLE + "INFO")
            if one.get("name") == "QUERY_STATUS"]  # fmt: skip
    assert told == ["OK", "OVERFLOW"]
    assert not made.ask(SEARCH, method="HEAD", params=NEAR).content


@pytest.mark.parametrize(
    ("path", "changes", "status"),
    [
        (SEARCH, {"RA": None}, 400),
        (SEARCH, {"DEC": ""}, 400),
        (SEARCH, {"SR": None}, 400),
        (SEARCH, {"RA": "12h"}, 400),
        (SEARCH, {"RA": "361"}, 400),
        (SEARCH, {"RA": "-1"}, 400),
        (SEARCH, {"DEC": "91"}, 400),
        (SEARCH, {"DEC": "NaN"}, 400),
        (SEARCH, {"SR": "-1"}, 400),
        (SEARCH, {"SR": "Inf"}, 400),
        (SEARCH, {"SR": "181"}, 400),
        (SEARCH, {"VERB": "4"}, 400),
        (SEARCH, {"MAXREC": "-1"}, 400),
        (SEARCH, {"RESPONSEFORMAT": "<&>"}, 400),
        (SEARCH, {"RA": ["1", "1"]}, 400),
        ("/cone/ivoa.nothing", {}, 404),
        ("/cone/holdings.dataset", {}, 404),
    ],
)
def test_errors_stand_where_clients_look(
    made: MadeArchive, validate: Validate, path, changes, status
) -> None:
    # SCS-004, SCS-020 to SCS-022
    asked = {name: value for name, value in {**NEAR, **changes}.items() if value is not None}
    answer = made.ask(path, params=asked)
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, "application/x-votable+xml")
    root = validate(answer.content)
    [error] = [one for one in root.iter(VOTABLE + "INFO") if one.get("name") == "Error"]
    assert error.getparent() is root
    [told] = [one for one in root.iter(VOTABLE + "INFO") if one.get("name") == "QUERY_STATUS"]
    assert (told.get("value"), told.text) == ("ERROR", error.get("value"))
    assert told.getparent().get("type") == "results"
    assert not list(root.iter(VOTABLE + "TABLE"))


def test_an_error_in_plain_text(made: MadeArchive) -> None:
    answer = made.ask(SEARCH, params={"RA": "1", "RESPONSEFORMAT": "csv"})
    assert (answer.status_code, answer.headers["Content-Type"]) == (400, "text/plain; charset=utf-8")
    assert answer.text.startswith("DEC is missing")


def test_no_such_table_in_plain_text(made: MadeArchive) -> None:
    for form in ({"RESPONSEFORMAT": "csv"}, {**NEAR, "RESPONSEFORMAT": "csv"}):
        answer = made.ask("/cone/ivoa.nothing", params=form)
        assert (answer.status_code, answer.headers["Content-Type"]) == (404, "text/plain; charset=utf-8")
        assert answer.text.startswith("There is no table of this name")
    assert made.ask("/cone/ivoa.nothing", params={"RESPONSEFORMAT": "<&>"}).status_code == 404


@pytest.mark.parametrize("name", TABLES)
def test_capabilities_of_each_table(made: MadeArchive, validate: Validate, name: str) -> None:
    # SCS-024, SCS-025
    root = validate(made.ask(f"/cone/{name}/capabilities").content)
    search = root[0]
    assert search.get("standardID") == "ivo://ivoa.net/std/ConeSearch"
    assert search.get(XSI + "type") == "cs:ConeSearch"
    facts = {one.tag: one.text for one in search if not len(one)}
    assert (facts["maxSR"], facts["maxRecords"], facts["verbosity"]) == (
        "180.0",
        "500",
        "true",
    )  # without MAXREC
    interface = search.find("interface")
    assert (interface.get("role"), interface.get(XSI + "type")) == ("std", "vs:ParamHTTP")
    assert interface.findtext("accessURL") == f"{BASE}/cone/{name}?"
    test = search.find("testQuery")
    filled = name in ("ivoa.obscore", "holdings.observation", "holdings.supplement")
    assert (test is not None) == filled
    if test is not None:
        asked = [(one.tag.upper(), one.text) for one in test]
        assert made.csv(f"/cone/{name}", asked)
    assert b"true" in made.ask(f"/cone/{name}/availability").content
