"""``/sia2/query`` over HTTP on made rows: ways to ask, answers, limits, errors, what it says of itself."""

from __future__ import annotations

import io
import re
import threading
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from urllib.parse import urljoin

import httpx
import pytest
from astropy.io import votable
from lxml import etree
from made_archive import AUTHORITY, BASE, MadeArchive, form, made_archive, publish_made
from xsd import Validate

from tap_schema import published
from vo_service.asking import answers
from vo_service.asking.constraints import TABLE
from vo_service.engines import QueryTimeout
from vo_service.sia import present
from vo_service.sia.request import CONTROLS

QUERY = "/sia2/query"
VOTABLE = "{http://www.ivoa.net/xml/VOTable/v1.3}"
WORDS = re.compile(r"^(UsageFault|TransientFault|FatalFault|DefaultFault)(:.*)?")


def document(answer: httpx.Response) -> etree._Element:
    assert answer.status_code == 200, answer.text
    return etree.fromstring(answer.content)


def infos(root: etree._Element) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for info in root.iter(VOTABLE + "INFO"):
        found.setdefault(info.get("name"), []).append(info.get("value"))
    return found


def this(root: etree._Element) -> etree._Element:
    [resource] = [one for one in root.iter(VOTABLE + "RESOURCE") if one.get("name") == "this"]
    return resource


def test_three_transports_give_one_table(made: MadeArchive) -> None:
    # SIA-001, SIA-003, SIA-004
    pairs = [("POS", "CIRCLE 10 -5 6"), ("pos", "CIRCLE 3 0 2"), ("Band", "0.001 0.002"), ("MAXREC", "50")]
    plain = {"RESPONSEFORMAT": ["csv"], **form(pairs)}
    parts = [(name, (None, value)) for name, values in plain.items() for value in values]
    answers = [
        made.ask(QUERY, params=plain),
        made.ask(QUERY, method="POST", data=plain),
        made.ask(QUERY, method="POST", files=parts),
        made.ask(QUERY, method="POST", files=[*parts, ("file", ("a.vot", b"<VOTABLE/>"))]),  # SIA-062
    ]
    assert {answer.text for answer in answers} == {answers[0].text}
    assert answers[0].status_code == 200 and len(answers[0].text.splitlines()) > 3


@pytest.mark.parametrize("query", ["BAND=300%20%2BInf", "BAND=300+%2BInf", "BAND=300%20+Inf"])
def test_a_plus_that_came_undone(made: MadeArchive, query: str) -> None:
    # SIA-027
    assert made.ask(f"{QUERY}?{query}&RESPONSEFORMAT=csv").text == (
        made.ask(QUERY, params={"BAND": "300 +Inf", "RESPONSEFORMAT": "csv"}).text
    )


def test_the_answer_is_one_table_of_results(made: MadeArchive, validate: Validate) -> None:
    # SIA-074, SIA-075, SIA-076, SIA-013
    answer = made.ask(QUERY, params={"EXPTIME": "600", "RUNID": "mine", "FORMAT": "application/fits"})
    root = validate(answer.content)
    assert answer.headers["Content-Type"] == "application/x-votable+xml"
    resources = list(root.iter(VOTABLE + "RESOURCE"))
    assert [one.get("type") for one in resources[:1]] == ["results"]
    assert len(list(resources[0].iter(VOTABLE + "TABLE"))) == 1
    assert resources[0][0].attrib == {"name": "QUERY_STATUS", "value": "OK"}
    told = infos(root)
    assert told["standardID"] == ["ivo://ivoa.net/std/SIA"]
    assert (told["EXPTIME"], told["RUNID"], told["FORMAT"]) == (["600"], ["mine"], ["application/fits"])
    assert told["QUERY"][0].startswith("SELECT * FROM ivoa.obscore WHERE ")
    assert made.csv("/tap/sync", (("LANG", "ADQL"), ("QUERY", told["QUERY"][0]))) == made.sia(
        ("EXPTIME", "600"), ("FORMAT", "application/fits")
    )


def test_the_columns_are_those_of_tap(made: MadeArchive) -> None:
    # SIA-078, SIA-080, SIA-084
    by_tap = made.ask(
        "/tap/sync", params={"LANG": "ADQL", "QUERY": "SELECT * FROM ivoa.obscore", "MAXREC": "0"}
    )
    ours = document(made.ask(QUERY, params={"MAXREC": "0"}))
    fields = [dict(field.attrib) for field in ours.iter(VOTABLE + "FIELD")]
    assert fields == [dict(field.attrib) for field in document(by_tap).iter(VOTABLE + "FIELD")]
    names = [field["name"] for field in fields]
    mandatory = [column.name for column in published()["ivoa.obscore"].columns if column.std]
    assert {name for name in mandatory if names.count(name) != 1} == set()


@pytest.mark.parametrize(
    ("asked", "media_type"),
    [
        ("votable", "application/x-votable+xml"),
        ("application/x-votable+xml", "application/x-votable+xml"),
        ("text/xml", "text/xml"),
        ("csv", "text/csv;header=present"),
        ("application/fits", "application/fits"),
    ],
)
def test_the_format_of_the_answer(made: MadeArchive, asked: str, media_type: str) -> None:
    # SIA-075; FORMAT is a constraint, and chooses nothing (SIA-059)
    answer = made.ask(QUERY, params={"RESPONSEFORMAT": asked, "FORMAT": "text/csv"})
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, media_type)


def test_overflow_is_told_exactly(made: MadeArchive) -> None:
    # SIA-070, SIA-071
    count = len(made.sia(("POL", "V")))
    assert count > 3
    for maxrec, rows, status in (
        (count - 1, count - 1, ["OK", "OVERFLOW"]),
        (count, count, ["OK"]),
        (10**9, count, ["OK"]),
    ):
        answer = made.ask(QUERY, params={"POL": "V", "MAXREC": str(maxrec)})
        table = votable.parse(io.BytesIO(answer.content)).get_first_table()
        assert (len(table.array), infos(document(answer))["QUERY_STATUS"]) == (rows, status)


def test_metadata_alone(made: MadeArchive) -> None:
    # SIA-072, SIA-073, SIA-090
    answer = made.ask(QUERY, params={"MAXREC": "0"})
    root = document(answer)
    assert infos(root)["QUERY_STATUS"] == ["OK", "OVERFLOW"]
    assert len(votable.parse(io.BytesIO(answer.content)).get_first_table().array) == 0
    assert len(this(root)) > 2
    head = made.ask(QUERY, method="HEAD", params={"POL": "V"})
    assert head.status_code == 200 and not head.content


def test_the_service_describes_itself(made: MadeArchive, validate: Validate) -> None:
    # SIA-090 to SIA-094
    root = validate(made.ask(QUERY, params={"MAXREC": "0", "RESPONSEFORMAT": "text/xml"}).content)
    resource = this(root)
    assert (resource.get("type"), resource.get("utype")) == ("meta", "adhoc:service")
    direct = {one.get("name"): one.get("value") for one in resource if one.tag == VOTABLE + "PARAM"}
    assert direct == {"standardID": "ivo://ivoa.net/std/SIA#query-2.0", "accessURL": f"{BASE}/sia2/query"}
    [group] = resource.iter(VOTABLE + "GROUP")
    assert group.get("name") == "inputParams"
    params = {one.get("name"): one for one in group}
    assert list(params) == [one.name for one in (*TABLE, *CONTROLS)]
    for name in "BAND TIME FOV SPATRES SPECRP EXPTIME TIMERES".split():
        kept = [params[name].get(key) for key in ("datatype", "arraysize", "xtype", "value")]
        assert kept == ["double", "2", "interval", ""]
    assert {name: one.get("unit") for name, one in params.items() if one.get("unit")} == {
        **{"BAND": "m", "TIME": "d", "FOV": "deg", "SPATRES": "arcsec", "EXPTIME": "s", "TIMERES": "s"}
    }


def test_the_values_that_there_are_are_listed(made: MadeArchive) -> None:
    # SIA-091, SIA-060: of images and cubes alone
    found = [row for row in made.rows if row["dataproduct_type"] in ("image", "cube")]
    resource = this(document(made.ask(QUERY, params={"MAXREC": "0"})))
    options = {
        one.get("name"): [option.get("value") for option in one.iter(VOTABLE + "OPTION")]
        for one in resource.iter(VOTABLE + "PARAM")
    }
    columns = {"COLLECTION": "obs_collection", "FACILITY": "facility_name", "INSTRUMENT": "instrument_name"}
    columns |= {"DPTYPE": "dataproduct_type", "CALIB": "calib_level", "FORMAT": "access_format"}
    for name, column in columns.items():
        values = {row[column] for row in found} - {None}
        assert options.pop(name) == [str(value) for value in sorted(values)]
    assert not any(options.values())


def test_values_are_read_once_of_each_snapshot(tmp_path, monkeypatch) -> None:
    # SIA-091: they are those of the newest snapshot, and cost one look
    asked: list[str] = []
    own = present.ask

    def counted(question, *rest, **more):
        asked.append(question.adql)
        return own(question, *rest, **more)

    monkeypatch.setattr(present, "ask", counted)
    with made_archive(tmp_path / "home") as archive:
        for _ in range(3):
            first = archive.ask(QUERY, params={"MAXREC": "0"}).text
        assert len(asked) == 6 and '"VLA"' in first and '"SMA"' not in first
        row = {**archive.rows[0], "obs_publisher_did": f"ivo://{AUTHORITY}/obs?new", "dataset_id": "new"}
        row |= {"member_ous_uid": None, "s_region": "Circle ICRS 1.0 2.0 3.0"}
        publish_made(archive.settings, [{**row, "obs_collection": "SMA", "dataproduct_type": "cube"}])
        assert '"SMA"' in archive.ask(QUERY, params={"MAXREC": "0"}).text
        assert len(asked) == 12


def test_a_list_that_would_be_too_long_is_left_out(tmp_path, monkeypatch) -> None:
    # SIA-091: a part of the values would be taken for all
    for most, shown in ((3, True), (2, False)):
        monkeypatch.setattr(present, "MOST_OPTIONS", most)
        with made_archive(tmp_path / f"home{most}") as archive:
            assert len({row["obs_collection"] for row in archive.rows}) == 3
            text = archive.ask(QUERY, params={"MAXREC": "0"}).text
        assert ('<OPTION value="alma"' in text) is shown and '<OPTION value="cube"' in text


def test_nobody_waits_for_values_that_another_reads(tmp_path, monkeypatch) -> None:
    # SIA-091: the answer is what is wanted, and the list of values can do without for once
    began, go_on = threading.Event(), threading.Event()
    own = present.ask

    def slow(*asked):
        began.set()
        assert go_on.wait(60.0)
        return own(*asked)

    monkeypatch.setattr(present, "ask", slow)
    with made_archive(tmp_path / "home") as archive, ThreadPoolExecutor(1) as threads:
        first = threads.submit(archive.ask, QUERY, params={"MAXREC": "0"})
        try:
            assert began.wait(60.0)
            second = archive.ask(QUERY, params={"MAXREC": "1"})
            assert not first.done()
        finally:
            go_on.set()
        assert second.status_code == 200 and '<OPTION value="cube"' not in second.text
        assert '<OPTION value="cube"' in first.result().text


@pytest.mark.parametrize("name", ["POS", "pos", "MAXREC"])
def test_a_constraint_that_came_as_a_file(made: MadeArchive, name: str) -> None:
    # SIA-062: passed over, it would give the whole archive
    answer = made.ask(QUERY, method="POST", files=[(name, ("pos.txt", b"CIRCLE 1 2 3"))])
    assert answer.status_code == 400 and f"UsageFault: {name} came as a file" in answer.text
    unused = made.ask(QUERY, method="POST", files=[("pos2", ("a.txt", "x"))])
    assert unused.status_code == 200


@pytest.mark.parametrize(
    ("form", "status", "media_type"),
    [
        ({"BAND": "x<&>"}, 400, "application/x-votable+xml"),
        ({"BAND": "x<&>", "RESPONSEFORMAT": "text/xml"}, 400, "text/xml"),
        ({"BAND": "x<&>", "RESPONSEFORMAT": "csv"}, 400, "text/plain; charset=utf-8"),
        ({"BAND": "x<&>", "RESPONSEFORMAT": "tsv"}, 400, "text/plain; charset=utf-8"),
        ({"RESPONSEFORMAT": "x<&>"}, 400, "application/x-votable+xml"),
        ({"MAXREC": ["1", "1"], "BAND": "x<&>"}, 400, "application/x-votable+xml"),
    ],
)
def test_errors_begin_with_a_word(made: MadeArchive, validate, form, status, media_type) -> None:
    # SIA-008, SIA-100 to SIA-104, SIA-116
    answer = made.ask(QUERY, params=form)
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, media_type)
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    text = answer.text
    if "xml" in media_type:
        [info] = validate(answer.content).iter(VOTABLE + "INFO")
        assert (info.get("name"), info.get("value")) == ("QUERY_STATUS", "ERROR")
        assert info.getparent().get("type") == "results"
        text = info.text
    assert WORDS.match(text) and text.count("Fault") == 1
    assert "x<&>" in text


def test_an_error_behind_the_first_rows_has_a_word(made: MadeArchive, validate, monkeypatch) -> None:
    # SIA-105
    own = answers.ask

    @contextmanager
    def breaking(*asked: Any) -> Iterator[Any]:
        def broken(batches: Iterator[Any]) -> Iterator[Any]:
            yield next(batches)
            raise QueryTimeout()

        with own(*asked) as answer:
            answer.batches, answer.batch_rows = broken(answer.batches), 1
            yield answer

    monkeypatch.setattr(answers, "ask", breaking)
    answer = made.ask(QUERY)
    assert answer.status_code == 200
    found = [
        one for one in validate(answer.content).iter(VOTABLE + "INFO") if one.get("name") == "QUERY_STATUS"
    ]
    assert [one.get("value") for one in found] == ["OK", "ERROR"]
    assert found[1].text.startswith("TransientFault: ") and found[1].text.count("Fault") == 1
    assert found[1].getprevious().tag == VOTABLE + "TABLE"


@pytest.mark.parametrize("path", ["/sia2/nothing", "/sia2/query/more"])
def test_what_is_not_there_has_a_word_too(made: MadeArchive, path: str) -> None:
    # SIA-100
    answer = made.ask(path)
    assert answer.status_code == 404 and answer.text.startswith("UsageFault: ")
    assert made.ask(QUERY, method="DELETE").text.startswith("UsageFault: ")


def test_capabilities_and_availability_are_siblings(made: MadeArchive, validate: Validate) -> None:
    # SIA-002, SIA-110, SIA-111
    root = validate(made.ask(urljoin(QUERY, "capabilities")).content)
    addresses = {one.get("standardID"): one.findtext("interface/accessURL") for one in root}
    assert addresses == {
        "ivo://ivoa.net/std/SIA#query-2.0": f"{BASE}/sia2/query",
        "ivo://ivoa.net/std/VOSI#capabilities": f"{BASE}/sia2/capabilities",
        "ivo://ivoa.net/std/VOSI#availability": f"{BASE}/sia2/availability",
    }
    assert b"true" in made.ask("/sia2/availability").content


@pytest.mark.parametrize("asked", [{"MAXREC": "1"}, {"MAXREC": "0"}, {"BAND": "1", "MAXREC": "5"}])
def test_rows_lead_on(made: MadeArchive, asked: dict[str, str]) -> None:
    # SIA-081 to SIA-083: the services that take a row stand behind the table, before that of the search
    root = document(made.ask(QUERY, params=asked))
    resources = list(root.iter(VOTABLE + "RESOURCE"))
    assert [one.get("name") for one in resources[1:]] == ["Links", "Cut-out", "this"]
    for one, path in zip(resources[1:-1], ("datalink/sync", "soda/sync"), strict=True):
        told = {param.get("name"): param for param in one.iter(VOTABLE + "PARAM")}
        assert told["accessURL"].get("value") == f"{BASE}/{path}"
        (field,) = [one for one in root.iter(VOTABLE + "FIELD") if one.get("ID") == told["ID"].get("ref")]
        assert (field.get("name"), told["ID"].get("value")) == ("obs_publisher_did", "")


def test_the_document_is_clean_by_astropy(made: MadeArchive) -> None:
    # SIA-094: PARAMs with empty values are read without complaint
    answer = made.ask(QUERY, params={"MAXREC": "3"})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warnings.filterwarnings("ignore", ".*(W27|W50|E02|interval|timesys).*")
        parsed = votable.parse(io.BytesIO(answer.content))
    assert len(parsed.get_first_table().array) == 3
