"""UPLOAD over /tap/sync, in process: names, parts, limits, and what is left behind."""

from __future__ import annotations

import gzip
import io
import logging
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from astropy.table import Table
from starlette.applications import Starlette
from tap_uploads import ONE, Ask, error_of, numbers, rows_of, sent, table_of

from vo_service.app import create_app
from vo_service.settings import Settings


@pytest.mark.parametrize(
    "part",
    [
        ("t.xml", ONE.format(5), "application/x-votable+xml"),
        ("t.xml", ONE.format(5), "text/plain"),
        ("t.xml", ONE.format(5)),
        (None, ONE.format(5)),
        (None, ONE.format(5), "application/octet-stream"),
        ("t.xml.gz", gzip.compress(ONE.format(5).encode())),
        (None, gzip.compress(ONE.format(5).encode())),
    ],
)
def test_a_part_of_any_kind(ask: Ask, part: tuple[Any, ...]) -> None:
    # TAP-081, DALI-072, VOT-188
    answer = sent(ask, "SELECT n FROM TAP_UPLOAD.t", "t,param:p", {"p": part})
    assert numbers(answer) == [5]


@pytest.mark.parametrize("written", ["TAP_UPLOAD.mine", "tap_upload.MINE", "Tap_Upload.Mine"])
def test_the_table_is_found_in_any_case(ask: Ask, written: str) -> None:
    # TAP-084
    assert numbers(sent(ask, f"SELECT n FROM {written}", "Mine,param:p", {"p": ONE.format(1)})) == [1]


@pytest.mark.parametrize(
    "upload",
    [
        ["a,param:x", "b,param:y", "c,param:x"],
        ["a,param:x;b,param:y;c,param:x"],
        ["a,param:x;b,param:y", " c , param:x "],
        ["a,param:x;b,param:y; c,param:x;"],
    ],
)
def test_several_tables(ask: Ask, upload: list[str]) -> None:
    # TAP-087, DALI-070, DALI-071
    adql = "SELECT a.n + 10 * b.n + 100 * c.n AS n FROM TAP_UPLOAD.a, TAP_UPLOAD.b, TAP_UPLOAD.c"
    assert numbers(sent(ask, adql, upload, {"x": ONE.format(1), "y": ONE.format(2)})) == [121]


@pytest.mark.parametrize(
    ("upload", "told"),
    [
        ("1a,param:p", "'1a' cannot be the name of an uploaded table"),
        ("a.b,param:p", "'a.b' cannot be the name"),
        ('"a b",param:p', "cannot be the name"),
        ("_a,param:p", "'_a' cannot be the name"),
        (",param:p", "'' cannot be the name"),
        ("größe,param:p", "cannot be the name"),
        ("select,param:p", "'select' is a word that ADQL reserves"),
        ("Circle,param:p", "'Circle' is a word that ADQL reserves"),
        ("a" * 65 + ",param:p", "longer than 64 characters"),
        ("t", "UPLOAD='t' cannot be read"),
        ("t,", "UPLOAD='t,' cannot be read"),
        ("t,param:p q", "cannot be read"),
        ("t,param:P", "UPLOAD t: the request has no part called 'P'"),
        ("t,param:", "UPLOAD t: the request has no part called ''"),
        ("t,param:p;T,param:p", "Two uploaded tables are called 'T'"),
        ("t,vos://x/y", "UPLOAD t: tables are not fetched from 'vos://x/y'"),
        ("t,file:///etc/passwd", "UPLOAD t: tables are not fetched"),
        ("t,http://127.0.0.1/x", "UPLOAD t: tables are not fetched"),
        (";".join(f"t{n},param:p" for n in range(11)), "11 tables are uploaded; this service takes 10"),
    ],
)
def test_what_upload_may_not_say(ask: Ask, upload: str, told: str) -> None:
    # TAP-081, TAP-082, TAP-083, TAP-087, TAP-089, DALI-070, DALI-071, DALI-072, DALI-073
    answer = sent(ask, "SELECT n FROM TAP_UPLOAD.t", upload, {"p": ONE.format(5)})
    assert answer.status_code == 400
    assert told in error_of(answer)


def test_a_part_that_nobody_names_is_ignored(ask: Ask) -> None:
    # DALI-072
    assert numbers(
        sent(ask, "SELECT n FROM TAP_UPLOAD.t", "t,param:p", {"p": ONE.format(1), "q": "rubbish"})
    ) == [1]
    broken = ask("/tap/sync", "POST", data={"LANG": "ADQL", "QUERY": "SELECT 1 AS n FROM TAP_UPLOAD.t"})
    assert broken.status_code == 400


def test_an_upload_without_its_part(ask: Ask) -> None:
    # TAP-081
    form = {"LANG": "ADQL", "QUERY": "SELECT n FROM TAP_UPLOAD.t", "UPLOAD": "t,param:p"}
    for answer in (ask("/tap/sync", "POST", data=form), ask("/tap/sync", params=form)):
        assert answer.status_code == 400
        assert "no part called 'p'" in error_of(answer)


def queries_ended(ask: Ask) -> dict[str, int]:
    """How many queries have ended in each state, as /metrics tells it."""
    lines = re.findall(r'^vo_service_queries_total\{state="(\w+)"\} (\d+)', ask("/metrics").text, re.M)
    return {state: int(count) for state, count in lines}


def test_a_query_whose_table_is_wrong_is_counted_and_logged_as_failed(
    ask: Ask, caplog: pytest.LogCaptureFixture
) -> None:
    before = queries_ended(ask)
    with caplog.at_level(logging.INFO, "vo_service.asking.answers"):
        for part in ({"p": "<VOTABLE><RESOURCE>"}, {}):
            answer = sent(ask, "SELECT n FROM TAP_UPLOAD.t", "t,param:p", part, RUNID="mine")
            assert answer.status_code == 400
    after = queries_ended(ask)
    assert after == before | {"failed": before["failed"] + 2}
    told = [message for message in caplog.messages if "runid=mine" in message]
    assert len(told) == 2 and all("state=failed" in message for message in told)


def test_uploads_are_seen_by_nobody_else(ask: Ask) -> None:
    # TAP-085, DALI-076
    adql = "SELECT table_name FROM TAP_SCHEMA.tables WHERE LOWER(schema_name) = 'tap_upload'"
    assert len(table_of(sent(ask, adql, "t,param:p", {"p": ONE.format(1)}))) == 0
    assert numbers(sent(ask, "SELECT n FROM TAP_UPLOAD.t", "t,param:p", {"p": ONE.format(7)})) == [7]
    gone = ask("/tap/sync", params={"LANG": "ADQL", "QUERY": "SELECT n FROM TAP_UPLOAD.t"})
    assert gone.status_code == 400
    assert b"tap_upload" not in ask("/tap/tables").content.lower()


def test_local_and_uploaded_tables_are_joined(ask: Ask) -> None:
    # TAP-036
    given = Table({"did": [f"d-{n}" for n in range(0, 40, 2)], "w": np.arange(20) * 1.5})
    content = io.BytesIO()
    given.write(content, format="votable")
    adql = "SELECT o.dataset_id, t.w FROM ivoa.obscore AS o JOIN TAP_UPLOAD.t AS t ON o.dataset_id = t.did"
    found = table_of(sent(ask, adql, "t,param:p", {"p": content.getvalue()}))
    assert {(row["dataset_id"], row["w"]) for row in found} == {(f"d-{2 * n}", n * 1.5) for n in range(20)}


ODD_NAMES = ["my col", "select", "Flux", "FLUX", 'a"b', "a.b", "größe", "x;--", "名前"]


def test_names_that_are_no_identifiers(ask: Ask) -> None:
    # TAP-086, VOT-183
    fields = "".join(
        f'<FIELD name="{name.replace(chr(34), "&quot;")}" datatype="int"/>' for name in ODD_NAMES
    )
    cells = "".join(f"<TD>{n}</TD>" for n in range(len(ODD_NAMES)))
    rows = f"<DATA><TABLEDATA><TR>{cells}</TR></TABLEDATA></DATA>"
    document = f"<VOTABLE><RESOURCE><TABLE>{fields}{rows}</TABLE></RESOURCE></VOTABLE>"
    asked = ", ".join('"' + name.replace('"', '""') + '"' for name in reversed(ODD_NAMES))
    answer = sent(
        ask, f"SELECT {asked} FROM TAP_UPLOAD.t", "t,param:p", {"p": document}, RESPONSEFORMAT="json"
    )
    (row,) = rows_of(answer)
    assert row == {name: n for n, name in enumerate(ODD_NAMES)}
    assert len(table_of(sent(ask, "SELECT * FROM TAP_UPLOAD.t", "t,param:p", {"p": document})).colnames) == 9


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (ONE.format("x"), "UPLOAD t: row 1, column n: 'x' is not a whole number of 32 bits."),
        (
            ONE.format("5").replace("int", "string"),
            "UPLOAD t: column n: the datatype 'string' is none of VOTable's.",
        ),
        (ONE.format("5")[:-5], "UPLOAD t: line 1, character"),
        ("<html/>", "UPLOAD t: the document is no VOTable"),
        ("", "UPLOAD t: the file is empty."),
        ("<!DOCTYPE x><VOTABLE/>", "UPLOAD t: the document has a DOCTYPE"),
        ("PK\x03\x04", "UPLOAD t: the file is a ZIP archive."),
    ],
)
def test_a_table_that_cannot_be_read_is_told_with_its_name(ask: Ask, content: str, told: str) -> None:
    # TAP-093
    answer = sent(ask, "SELECT n FROM TAP_UPLOAD.t", "t,param:p", {"p": content})
    assert answer.status_code == 400
    assert error_of(answer).startswith(told)


@pytest.fixture(scope="module")
def strict(
    make: Callable[..., Settings],
    publish_rows: Callable[[Settings, int, int], None],
    tmp_path_factory: pytest.TempPathFactory,
) -> Any:
    """An application that takes little: 3 rows, 4,000 bytes, 2 tables. Its home is its own: DuckDB opens a
    file once in a process, unless all that opens it is set alike."""
    settings = make(
        tmp_path_factory.mktemp("strict") / "home", upload_rows="3", upload_bytes="4000", upload_tables="2"
    )
    publish_rows(settings, 1, 0)
    app = create_app(settings)
    yield app
    app.state.close()


def test_limits(strict: Starlette, asker: Callable[[Starlette], Ask]) -> None:
    # TAP-089, DALI-074, VOT-181: refused as a whole
    ask = asker(strict)
    adql = "SELECT n FROM TAP_UPLOAD.t"
    row = "<TR><TD>5</TD></TR>"
    for rows, status in ((3, 200), (4, 400)):
        answer = sent(ask, adql, "t,param:p", {"p": ONE.format(5).replace(row, row * rows)})
        assert answer.status_code == status
    assert "more than the 3 rows allowed" in error_of(answer)
    answer = sent(ask, adql, "t,param:p", {"p": ONE.format(5) + " " * 4000})
    assert answer.status_code == 413
    assert "limit of 4000 bytes" in error_of(answer)
    answer = sent(ask, adql, "t,param:p", {"p": gzip.compress(ONE.format(5).encode() + b" " * 10_000)})
    assert answer.status_code == 400
    assert "unpacked it is above the limit of 4000 bytes" in error_of(answer)
    answer = sent(ask, adql, "t,param:p;u,param:p;v,param:p", {"p": ONE.format(5)})
    assert "3 tables are uploaded; this service takes 2" in error_of(answer)


def test_a_service_without_uploads(small: Settings, asker: Callable[[Starlette], Ask]) -> None:
    # TAP-097: neither declared nor ignored
    settings = Settings.load(home=small.home, environ={}, overrides={"upload_tables": "0"})
    app = create_app(settings)
    try:
        ask = asker(app)
        answer = sent(ask, "SELECT n FROM TAP_UPLOAD.t", "t,param:p", {"p": ONE.format(5)})
        assert answer.status_code == 400
        assert "UPLOAD is not offered" in error_of(answer)
        assert b"uploadMethod" not in ask("/tap/capabilities").content
    finally:
        app.state.close()


def test_what_is_declared(ask: Ask) -> None:
    # TAP-097, TAP-294: http too, which who takes uploads has to know; the hosts are told in words
    root = ElementTree.fromstring(ask("/tap/capabilities").content)
    methods = {one.get("ivo-id", "").partition("#upload-")[2] for one in root.iter("uploadMethod")}
    assert methods == {"inline", "http", "https"}
    assert root.findtext(".//uploadLimit/hard") is not None


def test_a_table_that_does_not_stay_in_memory(ask: Ask) -> None:
    # VOT-181: rows above 16 MB are read from a mapped file
    rows = "".join(f"<TR><TD>{n}</TD><TD>{'x' * (n % 2000)}</TD></TR>" for n in range(30_000))
    document = ONE.format(5).replace("<TR><TD>5</TD></TR>", rows)
    document = document.replace("<DATA>", '<FIELD name="t" datatype="char" arraysize="*"/><DATA>')
    adql = "SELECT MAX(n) AS n, COUNT(t) AS c, MAX(t) AS m FROM TAP_UPLOAD.t"
    (row,) = rows_of(sent(ask, adql, "t,param:p", {"p": document}, RESPONSEFORMAT="json"))
    assert row == {"n": 29_999, "c": 30_000 - 15, "m": "x" * 1999}


def test_nothing_is_left_behind(ask: Ask, small: Settings) -> None:
    # TAP-085
    many = "<TR><TD>5</TD></TR>" * 100_000
    document = ONE.format(5).replace("<TR><TD>5</TD></TR>", many)
    assert len(document) > 1 << 20
    for content in (document, gzip.compress(document.encode()), document[:-10]):
        sent(ask, "SELECT COUNT(*) AS n FROM TAP_UPLOAD.t", "t,param:p", {"p": content})
    left = [path for path in Path(small.home / "spill").rglob("*") if path.is_file()]
    assert [
        path.name for path in left if path.name.startswith(("part-", "rows-", "unpacked-", "fits-"))
    ] == []
