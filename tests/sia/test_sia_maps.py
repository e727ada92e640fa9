"""Coverage maps as constraints of the image search: as parameters, and as files."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence

import astropy.units as u
import httpx
import mocpy
import pytest
from astropy.coordinates import Latitude, Longitude
from astropy.table import Table
from drawn_constraints import FOUND, ROWS
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree
from made_archive import AUTHORITY, MadeArchive, made_archive

from vo_service.asking.constraints import MOST_VALUES

QUERY = "/sia2/query"
VOTABLE = "{http://www.ivoa.net/xml/VOTable/v1.3}"
KINDS = "dataproduct_type IN ('image', 'cube')"


def cone(lon: float, lat: float, radius: float, order: int) -> mocpy.MOC:
    return mocpy.MOC.from_cone(
        lon=Longitude(lon, unit="deg"), lat=Latitude(lat, unit="deg"), radius=radius * u.deg, max_depth=order
    )


def as_fits(map: mocpy.MOC) -> bytes:
    content = io.BytesIO()
    map.serialize(format="fits").writeto(content)
    return content.getvalue()


def ids(rows: Sequence[dict[str, str]]) -> list[str]:
    return sorted(row["obs_publisher_did"] for row in rows)


def sent(
    made: MadeArchive, content: bytes | str, *pairs: tuple[str, str], name: str = "mine"
) -> httpx.Response:
    parts = [(key, (None, value)) for key, value in (("UPLOAD", f"{name},param:part"), *pairs)]
    return made.ask(QUERY, method="POST", files=[*parts, ("part", ("map", content))])


def found(made: MadeArchive, content: bytes | str, *pairs: tuple[str, str]) -> list[str]:
    answer = sent(made, content, *pairs, ("RESPONSEFORMAT", "csv"))
    assert answer.status_code == 200, answer.text
    header, *lines = answer.text.splitlines()
    place = header.split(",").index("obs_publisher_did")
    return sorted(line.split(",")[place] for line in lines)


MAPS = st.builds(
    lambda lon, lat, radius, order: cone(lon % 360.0, lat, radius, order),
    st.floats(-2.0, 22.0),
    st.floats(-14.0, 4.0),
    st.sampled_from([0.5, 2.0, 6.0]),
    st.integers(4, 9),
)


@settings(max_examples=20, suppress_health_check=list(HealthCheck))
@given(MAPS, st.sampled_from([None, "XX", "I"]))
def test_the_same_rows_as_by_tap(made: MadeArchive, map: mocpy.MOC, state: str | None) -> None:
    # SIA-014, MOC-082
    pairs = [] if state is None else [("POL", state)]
    more = "" if state is None else f" AND pol_states LIKE '%/{state}/%'"
    by_tap = ids(made.tap(f"{KINDS} AND INTERSECTS(MOC('{map.to_string()}'), s_region) = 1{more}"))
    assert ids(made.sia(("MOC", map.to_string()), *pairs)) == by_tap
    assert found(made, as_fits(map), *pairs) == by_tap


def test_values_are_alternatives_and_parameters_are_not(made: MadeArchive) -> None:
    # SIA-007
    one, other = cone(8.0, -8.0, 3.0, 7), cone(15.0, 0.0, 4.0, 8)
    each = [ids(made.sia(("MOC", map.to_string()))) for map in (one, other)]
    both = ids(made.sia(("MOC", one.to_string()), ("moc", other.to_string())))
    assert both == sorted({*each[0], *each[1]}) and both != each[0]
    narrowed = found(made, as_fits(other), ("MOC", one.to_string()))
    assert narrowed == sorted({*each[0]} & {*each[1]})
    with_place = ids(made.sia(("MOC", one.to_string()), ("POS", "CIRCLE 8 -8 2"), ("POS", "CIRCLE 10 -5 1")))
    places = ids(made.sia(("POS", "CIRCLE 8 -8 2"), ("POS", "CIRCLE 10 -5 1")))
    assert with_place == sorted({*each[0]} & {*places}) and len(places) > 1


def test_rows_without_a_region_meet_no_map(made: MadeArchive) -> None:
    # SIA-011
    placed = [row["obs_publisher_did"] for row in FOUND if row["s_region"] is not None]
    assert ids(made.sia(("MOC", "0/0-11"))) == sorted(placed) != [row["obs_publisher_did"] for row in FOUND]
    assert made.sia(("MOC", "5/")) == []


@pytest.mark.parametrize("size", ["short", "long"])
@pytest.mark.parametrize("joined", [False, True])
def test_maps_of_any_size(made: MadeArchive, size: str, joined: bool) -> None:
    """A long one is no part of the query, and both are found with the constraints that have to be joined."""
    map = cone(10.0, -5.0, 6.0, 8 if size == "short" else 14)
    more = [("TARGET", "m83")] if joined else []
    by_sia = ids(made.sia(("MOC", map.to_string()), *more))
    assert by_sia == found(made, as_fits(map), *more) and len(by_sia) > 2
    whole = [row for row in by_sia if row in ids(made.sia(*more))]
    assert whole == by_sia
    root = etree.fromstring(
        made.ask(QUERY, method="POST", data={"MOC": map.to_string(), "MAXREC": "1"}).content
    )
    told = {info.get("name"): info.get("value") for info in root.iter(VOTABLE + "INFO")}
    assert ("TAP_UPLOAD.inline_moc" in told["QUERY"]) is (size == "long")
    assert (told["MOC"] == map.to_string()) is (size == "short")


def test_maps_in_other_files(made: MadeArchive) -> None:
    map = cone(10.0, -5.0, 6.0, 6)
    wanted = ids(made.sia(("MOC", map.to_string())))
    table = Table({"moc": [map.to_string().replace("\n", " ")]})
    document = io.BytesIO()
    table.write(document, format="votable")
    text = document.getvalue().replace(b'name="moc"', b'name="moc" xtype="moc"')
    for content in (json.dumps(map.serialize(format="json")), map.to_string(), text):
        assert found(made, content) == wanted
    assert found(made, map.to_string(), ("UPLOAD", "")) == wanted  # an empty one counts as none


def test_a_name_that_the_query_uses_itself(made: MadeArchive) -> None:
    fine, other = cone(10.0, -5.0, 6.0, 14), cone(12.0, -4.0, 5.0, 14)
    pairs = (("MOC", fine.to_string()), ("RESPONSEFORMAT", "csv"))
    answers = [sent(made, as_fits(other), *pairs, name=name) for name in ("Inline_MOC", "mine")]
    assert answers[0].text == answers[1].text and len(answers[0].text.splitlines()) > 3


def test_it_is_declared(made: MadeArchive) -> None:
    # SIA-014, SIA-091
    root = etree.fromstring(made.ask(QUERY, params={"MAXREC": "0"}).content)
    params = {one.get("name"): one for one in root.iter(VOTABLE + "PARAM")}
    map, files = params["MOC"], params["UPLOAD"]
    assert [map.get(key) for key in ("datatype", "arraysize", "xtype")] == ["char", "*", "moc"]
    assert [files.get(key) for key in ("datatype", "arraysize")] == ["char", "*"]
    assert "name,param:part" in files.findtext(VOTABLE + "DESCRIPTION")


def test_where_no_files_are_taken(tmp_path) -> None:
    with made_archive(tmp_path / "home", upload_tables="0") as archive:
        assert "param:part" not in archive.ask(QUERY, params={"MAXREC": "0"}).text
        answer = sent(archive, "0/0-11")
        assert answer.status_code == 400 and "UsageFault: UPLOAD is not offered" in answer.text
        assert archive.sia(("MOC", "0/0-11"))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("4/30-33 x", "cells, such as 30 or 30-33 is wanted at character 9, where 'x' stands"),
        ("12/1 30/5", "an order from 0 to 29 is wanted at character 6"),
        ("s4/3072", "cells below 3072 at order 4 is wanted at character 4, where '3072' stands"),
        ("4/9-5", "a run of cells with the lower one first is wanted at character 3"),
        ("circle", "an order and /, such as 4/30-33 is wanted at character 1"),
        ("4/30\x00", "MOC has a NUL character"),
    ],
)  # fmt: skip
def test_texts_that_are_no_map(made: MadeArchive, text: str, told: str) -> None:
    # SIA-104, MOC-002: the place of the fault
    answer = made.ask(QUERY, method="POST", data={"MOC": text})
    [info] = etree.fromstring(answer.content).iter(VOTABLE + "INFO")
    assert answer.status_code == 400 and info.text.startswith("UsageFault: MOC") and told in info.text


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "UPLOAD mine: the file is empty"),
        (b"4/3072", "UPLOAD mine: the file is no coverage map"),
        (b"a,b\n1,2\n", "UPLOAD mine: the file is a table"),
        (b"\x1f\x8b\x08\x00", "UPLOAD mine: the gzip file"),
    ],
)
def test_files_that_are_no_map(made: MadeArchive, content: bytes, told: str) -> None:
    answer = sent(made, content)
    assert answer.status_code == 400 and f"UsageFault: {told}" in answer.text


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ({"UPLOAD": "a,param:b"}, "UPLOAD a: the request has no part called 'b'"),
        ({"UPLOAD": ["a,param:b", "c,param:b"]}, "2 tables are uploaded; this service takes 1 in a request"),
        ({"UPLOAD": "a,http://127.0.0.1/x"}, "UPLOAD a: tables are not fetched from"),
        ({"UPLOAD": "select,param:b"}, "The table name 'select' is a word that ADQL reserves"),
        ({"MOC": ["4/1"] * (MOST_VALUES + 1)}, f"MOC was given {MOST_VALUES + 1} times"),
    ],
)
def test_requests_that_are_none(made: MadeArchive, form: dict[str, str], told: str) -> None:
    # SIA-063
    answer = made.ask(QUERY, method="POST", data=form)
    assert answer.status_code == 400 and f"UsageFault: {told}" in answer.text


def test_made_rows_are_those_that_maps_are_drawn_for(made: MadeArchive) -> None:
    assert made.rows == ROWS and ROWS[0]["obs_publisher_did"].startswith(f"ivo://{AUTHORITY}/")
