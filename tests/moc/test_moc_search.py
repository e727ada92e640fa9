"""What is found by a coverage map: as brute force over the made footprints finds it."""

from __future__ import annotations

import csv
import io
import json
import math
from typing import Any

import astropy.units as u
import httpx
import mocpy
import numpy as np
import pytest
from astropy.coordinates import Latitude, Longitude
from astropy.io import votable
from drawn_constraints import COMBINED_TELLING, FOUND, ROWS, Constraint, meeting
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree
from made_archive import BASE, MadeArchive, form
from sky_map_files import moc_files, told_otherwise
from xsd import Validate

from vo_service.moc.search_columns import result_columns
from vo_service.moc.search_request import NAMES

SEARCH = "/moc/search"
VOTABLE = "{http://www.ivoa.net/xml/VOTable/v1.3}"
SKY_DEG2 = 4.0 * math.pi * math.degrees(1.0) ** 2
FOOTPRINTS = [(row["obs_publisher_did"], row["s_region"]) for row in ROWS if row["s_region"] is not None]


def cone(lon: float, lat: float, radius: float, order: int) -> mocpy.MOC:
    return mocpy.MOC.from_cone(
        lon=Longitude(lon, unit="deg"), lat=Latitude(lat, unit="deg"), radius=radius * u.deg, max_depth=order
    )


def cover(region: str, order: int) -> mocpy.MOC:
    """The cells that a footprint touches, by mocpy."""
    kind, _, *numbers = region.split()
    values = [float(number) for number in numbers]
    if kind == "Circle":
        return cone(*values, order)
    lon, lat = Longitude(values[::2], unit="deg"), Latitude(values[1::2], unit="deg")
    return mocpy.MOC.from_polygon(lon, lat, max_depth=order)


def area(map: mocpy.MOC) -> float:
    return float(map.sky_fraction) * SKY_DEG2


def size_of(region: str) -> float:
    """Degrees across, about."""
    kind, _, *numbers = region.split()
    values = [float(number) for number in numbers]
    return 2.0 * values[2] if kind == "Circle" else abs(values[3] - values[5])


def rows_of(answer: httpx.Response) -> list[dict[str, str]]:
    assert answer.status_code == 200, answer.text
    return list(csv.DictReader(io.StringIO(answer.text)))


def found_by(made: MadeArchive, *pairs: tuple[str, str]) -> list[dict[str, str]]:
    return made.csv(SEARCH, pairs)


def infos(answer: httpx.Response) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for info in etree.fromstring(answer.content).iter(VOTABLE + "INFO"):
        found.setdefault(info.get("name"), []).append(info.get("value"))
    return found


@pytest.fixture(scope="module", autouse=True)
def same_rows_were_made(made: MadeArchive) -> None:
    assert made.rows == ROWS


MAPS = st.builds(
    lambda lon, lat, radius, order: cone(lon % 360.0, lat, radius, order),
    st.floats(-2.0, 22.0),
    st.floats(-14.0, 4.0),
    st.sampled_from([0.05, 0.5, 2.0, 6.0]),
    st.integers(4, 9),
)


@settings(max_examples=25, suppress_health_check=list(HealthCheck))
@given(MAPS)
def test_the_same_as_brute_force(made: MadeArchive, map: mocpy.MOC) -> None:
    """Each footprint's deep cover is held against the map: those without a common cell are not found, those
    with many are, with an area within what the covers are uncertain by."""
    rows = found_by(made, ("MOC", map.to_string()))
    found = {row["obs_publisher_did"]: row for row in rows}
    assert len(found) == len(rows)
    told = 0
    for did, region in FOOTPRINTS:
        size = size_of(region)
        if size == 0.0:
            _, _, lon, lat, _ = region.split()
            inside = bool(map.contains_lonlat(Longitude(lon, unit="deg"), Latitude(lat, unit="deg"))[0])
            assert (did in found) is inside
            if inside:
                assert (float(found[did]["overlap_area"]), found[did]["overlap_fraction"]) == (0.0, "")
            continue
        order = max(map.max_order, int(math.log2(58.6 / size)) + 6)
        deep = cover(region, order)
        common = area(deep.intersection(map))
        # the cover reaches beyond the footprint by up to the width of a cell
        spare = 6.0 * size * 58.6 / 2.0**order
        if did in found:
            told += 1
            overlap = float(found[did]["overlap_area"])
            assert overlap <= common * (1.0 + 1e-4)
            assert overlap >= common - spare
            assert float(found[did]["overlap_fraction"]) == pytest.approx(
                min(1.0, overlap / area(deep)), abs=2.0 * spare / area(deep)
            )
        else:
            assert common <= spare
    assert told == sum(float(row["overlap_area"]) > 0.0 for row in rows)
    overlaps = [float(row["overlap_area"]) for row in rows]
    assert overlaps == sorted(overlaps, reverse=True)


@settings(max_examples=25, suppress_health_check=list(HealthCheck))
@given(MAPS)
def test_the_same_rows_as_by_tap(made: MadeArchive, map: mocpy.MOC) -> None:
    by_tap = made.tap(f"INTERSECTS(MOC('{map.to_string()}'), s_region) = 1")
    rows = found_by(made, ("MOC", map.to_string()))
    assert sorted(row["obs_publisher_did"] for row in rows) == sorted(
        row["obs_publisher_did"] for row in by_tap
    )
    told = {
        row["obs_publisher_did"]: row
        for row in made.tap("1 = 1", "obs_publisher_did, s_region, t_min, access_url")
    }
    for row in rows:
        same = told[row["obs_publisher_did"]]
        assert [row[name] for name in ("s_region", "t_min", "access_url")] == [
            same[name] for name in ("s_region", "t_min", "access_url")
        ]


@settings(max_examples=25, suppress_health_check=list(HealthCheck))
@given(COMBINED_TELLING)
def test_constraints_of_images_are_heeded(made: MadeArchive, asked: Constraint) -> None:
    # SIA-007: all have to be met beside the map; of images and cubes as SIA finds them
    pairs = [(one.name, one.text) for values in asked for one in values]
    rows = found_by(made, ("MOC", "0/0-11"), *pairs)
    sure, open_ = meeting(asked)
    placed = {row["obs_publisher_did"] for row in FOUND if row["s_region"] is not None}
    found = {row["obs_publisher_did"] for row in rows} & {row["obs_publisher_did"] for row in FOUND}
    assert sure & placed <= found <= (sure | open_) & placed


def test_all_kinds_of_data_sets_are_found(made: MadeArchive) -> None:
    rows = found_by(made, ("MOC", "0/0-11"))
    assert sorted(row["obs_publisher_did"] for row in rows) == sorted(did for did, _ in FOOTPRINTS)
    kinds = {row["dataproduct_type"] for row in rows}
    assert {"image", "cube", "spectrum", ""} <= kinds
    whole = [float(row["overlap_fraction"]) for row in rows if row["overlap_fraction"]]
    assert np.allclose(whole, 1.0, atol=1e-12)
    only = found_by(made, ("MOC", "0/0-11"), ("DPTYPE", "spectrum"))
    assert {row["dataproduct_type"] for row in only} == {"spectrum"}


MAP = cone(10.0, -5.0, 6.0, 8)


@pytest.mark.parametrize("kind", ["ranges", "cells", "json", "ascii", "packed"])
@pytest.mark.parametrize("filename", [None, "map.bin"])
def test_every_form_of_a_map(made: MadeArchive, kind: str, filename: str | None) -> None:
    # MOC-056: what is read by TAP is read here
    inline = made.ask(SEARCH, params={"MOC": MAP.to_string(), "RESPONSEFORMAT": "csv"})
    content = moc_files(MAP)[kind]
    sent = made.ask(
        SEARCH,
        method="POST",
        files=[
            ("UPLOAD", (None, "mine,param:part")),
            ("RESPONSEFORMAT", (None, "csv")),
            ("part", (filename, content)),
        ],
    )
    assert sent.status_code == 200 and sent.text == inline.text and len(rows_of(sent)) > 20


def test_a_map_of_many_cells_is_no_part_of_the_query(made: MadeArchive) -> None:
    """As long a text as MAX_TEXT of a query would never hold."""
    fine = cone(10.0, -5.0, 6.0, 14)
    assert len(fine.to_string()) > 100_000
    inline = made.ask(SEARCH, method="POST", data={"MOC": fine.to_string()})
    told = infos(inline)
    assert "TAP_UPLOAD.inline_moc.moc" in told["QUERY"][0] and len(told["QUERY"][0]) < 1000
    assert told["MOC"][0].endswith(f"({len(fine.to_string())} characters)")
    sent = made.ask(
        SEARCH, method="POST", data={"UPLOAD": "fine,param:f"}, files={"f": ("f", moc_files(fine)["ranges"])}
    )
    assert "TAP_UPLOAD.fine.moc" in infos(sent)["QUERY"][0]
    ids = [
        [row["obs_publisher_did"] for row in votable.parse(io.BytesIO(each.content)).get_first_table().array]
        for each in (inline, sent)
    ]
    assert ids[0] == ids[1] and len(ids[0]) > 20


@pytest.mark.parametrize(
    ("sort", "key", "back"),
    [
        ("overlap_area", "overlap_area", False),
        ("-overlap_fraction", "overlap_fraction", True),
        ("+t_min", "t_min", False),
        ("-T_MIN", "t_min", True),
        ("obs_publisher_did", "obs_publisher_did", False),
        ("-target_name", "target_name", True),
    ],
)
def test_sorted_as_asked(made: MadeArchive, sort: str, key: str, back: bool) -> None:
    rows = found_by(made, ("MOC", MAP.to_string()), ("SORT", sort))
    values = [row[key] for row in rows]
    known = [value for value in values if value]
    assert values[: len(known)] == known  # null comes last
    numbers: list[Any] = [float(v) for v in known] if key[:2] in ("ov", "t_") else known
    assert numbers == sorted(numbers, reverse=back)
    assert {row["obs_publisher_did"] for row in rows} == {
        row["obs_publisher_did"] for row in found_by(made, ("MOC", MAP.to_string()))
    }


def test_the_first_rows_are_those_of_all(made: MadeArchive) -> None:
    # DALI-061 to DALI-063
    every = found_by(made, ("MOC", MAP.to_string()))
    for most in (1, 7, len(every) - 1, len(every), 10**9):
        answer = made.ask(SEARCH, params={"MOC": MAP.to_string(), "MAXREC": str(most)})
        table = votable.parse(io.BytesIO(answer.content)).get_first_table()
        told = infos(answer)
        assert list(table.array["obs_publisher_did"]) == [row["obs_publisher_did"] for row in every[:most]]
        assert told["QUERY_STATUS"] == (["OK", "OVERFLOW"] if most < len(every) else ["OK"])
        assert told["matches"] == [str(len(every))]


def test_the_columns_alone(made: MadeArchive) -> None:
    # DALI-063, TAP-104
    answer = made.ask(SEARCH, params={"MOC": MAP.to_string(), "MAXREC": "0"})
    assert infos(answer)["QUERY_STATUS"] == ["OK", "OVERFLOW"] and "matches" not in infos(answer)
    assert len(votable.parse(io.BytesIO(answer.content)).get_first_table().array) == 0
    head = made.ask(SEARCH, method="HEAD", params={"MOC": MAP.to_string()})
    assert head.status_code == 200 and not head.content


def test_the_answer(made: MadeArchive, validate: Validate) -> None:
    answer = made.ask(
        SEARCH, params={"MOC": MAP.to_string(), "BAND": "0.001 0.002", "RUNID": "mine", "MAXREC": "5"}
    )
    root = validate(answer.content)
    told = infos(answer)
    assert "em_min <= 0.002 AND em_max >= 0.001" in told["QUERY"][0]
    assert (told["BAND"], told["RUNID"], told["MAXREC"]) == (["0.001 0.002"], ["mine"], ["5"])
    assert float(told["region_area"][0]) == pytest.approx(area(MAP), rel=1e-8)
    fields = {field.get("name"): field for field in root.iter(VOTABLE + "FIELD")}
    assert list(fields) == [column.name for column in result_columns("coverage")]
    assert fields["overlap_area"].get("unit") == "deg2"
    of_tap = made.ask(
        "/tap/sync", params={"LANG": "ADQL", "QUERY": "SELECT * FROM ivoa.obscore", "MAXREC": "0"}
    )
    for field in etree.fromstring(of_tap.content).iter(VOTABLE + "FIELD"):
        mine = fields.get(field.get("name"))
        for key in ("datatype", "arraysize", "unit", "ucd", "utype", "xtype"):
            assert mine is None or mine.get(key) == field.get(key)
    # DL-099, SODA-098: the services that take a row
    resources = list(root.iter(VOTABLE + "RESOURCE"))
    assert [one.get("name") for one in resources[1:]] == ["Links", "Cut-out"]
    for one, path in zip(resources[1:], ("datalink/sync", "soda/sync"), strict=True):
        params = {param.get("name"): param for param in one.iter(VOTABLE + "PARAM")}
        assert params["accessURL"].get("value") == f"{BASE}/{path}"
        assert params["ID"].get("ref") == fields["obs_publisher_did"].get("ID")


@pytest.mark.parametrize("asked", ["csv", "tsv", "json", "fits", "parquet", "text/xml"])
def test_formats(made: MadeArchive, asked: str) -> None:
    # FORMAT is a constraint here too (SIA-059)
    answer = made.ask(
        SEARCH, params={"MOC": MAP.to_string(), "RESPONSEFORMAT": asked, "FORMAT": "application/fits"}
    )
    assert answer.status_code == 200
    if asked == "json":
        assert json.loads(answer.text)


def test_an_empty_map_finds_nothing(made: MadeArchive) -> None:
    # MOC-028
    assert found_by(made, ("MOC", "8/")) == []
    answer = made.ask(SEARCH, params={"MOC": "8/"})
    assert infos(answer)["region_area"] == ["0"] and infos(answer)["QUERY_STATUS"] == ["OK"]


def upload(content: bytes, name: str = "mine,param:f") -> dict[str, Any]:
    return {"method": "POST", "data": {"UPLOAD": name}, "files": {"f": ("f", content)}}


GALACTIC = told_otherwise(moc_files(MAP)["cells"], COORDSYS="G")
TIME = told_otherwise(moc_files(MAP)["ranges"], MOCDIM="TIME")


@pytest.mark.parametrize(
    ("request_", "told"),
    [
        ({}, "There is neither MOC nor UPLOAD"),
        ({"params": {"MOC": " "}}, "There is neither MOC nor UPLOAD"),
        ({"params": {"MOC": "4/1", "UPLOAD": "m,param:f"}}, "There are MOC and UPLOAD; one map is searched"),
        ({"params": {"MOC": ["4/1", "4/2"]}}, "MOC was given 2 times"),
        ({"params": {"UPLOAD": ["a,param:f", "b,param:f"]}}, "There are 2 maps by UPLOAD"),
        ({"params": {"UPLOAD": "a,param:f"}}, "the request has no part called 'f'"),
        ({"params": {"UPLOAD": "a"}}, "UPLOAD='a' cannot be read"),
        ({"params": {"MOC": "4/30-33 x"}}, "at character 9, where 'x' stands"),
        ({"params": {"MOC": "4/30-33 30/1"}}, "an order from 0 to 29 is wanted at character 9"),
        ({"params": {"MOC": "0/12"}}, "cells below 12 at order 0 is wanted at character 3"),
        ({"params": {"MOC": "4"}}, "an order and /, such as 4/30-33 is wanted at character 1"),
        ({"params": {"MOC": '{"4": [1]}'}}, "a JSON map must be written as ASCII"),
        ({"params": {"MOC": "t61/1"}}, "maps of time or frequency are no region"),
        ({"params": {"MOC": "4/1", "SORT": "peak"}}, "a column of the result is wanted"),
        ({"params": {"MOC": "4/1", "SORT": "probability"}}, "SORT='probability' cannot be used"),
        ({"params": {"MOC": "4/1", "LEVEL": "0.5"}}, "LEVEL is of maps of probability"),
        ({"params": {"MOC": "4/1", "LEVEL": "1.5"}}, "a share above 0, at most 1"),
        ({"params": {"MOC": "4/1", "BAND": "x"}}, "BAND='x' cannot be used"),
        ({"params": {"MOC": "4/1", "MAXREC": "-1"}}, "MAXREC='-1' cannot be used"),
        (upload(GALACTIC), "not in ICRS"),
        (upload(TIME), "one of the sky is wanted"),
        (upload(b""), "UPLOAD mine: the file is empty"),
        (upload(b"ra,dec\n1,2\n"), "UPLOAD mine: the file is a table"),
        (upload(b"4/30-33 999999"), "UPLOAD mine: the file is no coverage map"),
        (upload(b"\x89PNG\r\n\x00\x00"), "UPLOAD mine: the file is of no known kind"),
        (upload(moc_files(MAP)["ranges"][:4000]), "UPLOAD mine"),
        (upload(moc_files(MAP)["packed"][:100]), "UPLOAD mine: the gzip file ends too early"),
        (upload(moc_files(MAP)["ascii"], "mine,http://example.org/x.fits"), "not fetched from"),
        ({"method": "POST", "files": {"MOC": ("m.fits", b"4/1")}}, "MOC came as a file; it is a parameter"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told(made: MadeArchive, request_: dict[str, Any], told: str) -> None:
    answer = made.ask(SEARCH, **request_)
    assert answer.status_code == 400, answer.text
    [info] = etree.fromstring(answer.content).iter(VOTABLE + "INFO")
    assert (info.get("name"), info.get("value")) == ("QUERY_STATUS", "ERROR")
    assert told in info.text


def test_errors_in_the_wanted_format(made: MadeArchive) -> None:
    answer = made.ask(SEARCH, params={"MOC": "0/12", "RESPONSEFORMAT": "csv"})
    assert (answer.status_code, answer.headers["Content-Type"]) == (400, "text/plain; charset=utf-8")
    wrong = made.ask(SEARCH, params={"MOC": "0/1", "RESPONSEFORMAT": "png"})
    assert wrong.status_code == 400 and "The format 'png' is not offered" in wrong.text
    assert made.ask(SEARCH, method="DELETE").status_code == 405


def test_the_same_by_get_and_by_post(made: MadeArchive) -> None:
    pairs = (("moc", MAP.to_string()), ("Pol", "XX"), ("pol", "V"), ("RESPONSEFORMAT", "csv"))
    answers = [
        made.ask(SEARCH, params=form(pairs)),
        made.ask(SEARCH, method="POST", data=form(pairs)),
        made.ask(SEARCH, method="POST", files=[(name, (None, value)) for name, value in pairs]),
    ]
    assert {answer.text for answer in answers} == {answers[0].text} and len(rows_of(answers[0])) > 3


def test_capabilities_and_availability(made: MadeArchive, validate: Validate) -> None:
    # VOSI-001, VOSI-020, MOC-082
    root = validate(made.ask("/moc/capabilities").content)
    addresses = {one.findtext("interface/accessURL"): one.get("standardID") for one in root}
    assert addresses == {
        f"{BASE}/moc/search": None,
        f"{BASE}/moc": None,
        f"{BASE}/moc/capabilities": "ivo://ivoa.net/std/VOSI#capabilities",
        f"{BASE}/moc/availability": "ivo://ivoa.net/std/VOSI#availability",
    }
    declared = {one.findtext("name"): one for one in root[0].iter("param")}
    assert list(declared) == list(NAMES)
    assert declared["MOC"].find("dataType").get("extendedType") == "moc"
    assert declared["BAND"].findtext("unit") == "m"
    assert b"true" in made.ask("/moc/availability").content
