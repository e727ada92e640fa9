"""Real clients against a live server with two workers: pyvo, and the wire as STILTS uses it."""

from __future__ import annotations

import base64
import csv
import hashlib
import http.client
import io
from urllib.parse import urlencode, urlsplit

import pytest
import pyvo
from pyvo.dal.exceptions import DALQueryError

PUBLIC_FILE = (
    "SELECT TOP 1 product_id, access_url, size_bytes FROM holdings.product "
    "WHERE data_rights = 'Public' AND state = 'ok' AND media_type = 'application/fits'"
)


@pytest.fixture(scope="module")
def service(live_server: str) -> pyvo.dal.TAPService:
    return pyvo.dal.TAPService(f"{live_server}/tap")


def ask(
    live_server: str, method: str, path: str, headers: dict[str, str] | None = None
) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection(urlsplit(live_server).netloc, timeout=30)
    connection.request(method, path, headers=headers or {})
    return connection.getresponse()


def test_pyvo_reads_rows_with_their_units(service: pyvo.dal.TAPService) -> None:
    table = service.search(
        "SELECT TOP 5 target_name, s_ra, em_min, obs_release_date FROM ivoa.obscore"
    ).to_table()
    assert len(table) == 5
    assert str(table["s_ra"].unit) == "deg" and str(table["em_min"].unit) == "m"


def test_pyvo_finds_tables_and_their_columns(service: pyvo.dal.TAPService) -> None:
    tables = service.tables
    assert "ivoa.obscore" in tables and "tap_schema.columns" in tables
    names = [column.name for column in tables["ivoa.obscore"].columns]
    assert {"s_region", "em_min", "member_ous_uid"} <= set(names)


def test_an_unlisted_column_comes_where_it_is_named(service: pyvo.dal.TAPService) -> None:
    """Clients that make data frames of whole rows fail on columns of arrays: ``*`` has none (alminer)."""
    listed = service.search("SELECT TOP 1 * FROM ivoa.obscore").to_table()
    told = [column.name for column in service.tables["ivoa.obscore"].columns]
    assert listed.colnames == told
    assert "em_support" not in told
    named = service.search(
        "SELECT TOP 1 em_min, em_max, em_support FROM ivoa.obscore WHERE em_xel > 1 AND em_min IS NOT NULL"
    ).to_table()[0]
    assert len(named["em_support"]) % 2 == 0
    assert named["em_min"] == min(named["em_support"]) and named["em_max"] == max(named["em_support"])


def test_pyvo_knows_the_limits(service: pyvo.dal.TAPService) -> None:
    assert (service.maxrec, service.hardlimit) == (100_000, 10_000_000)


def test_pyvo_is_told_of_cut_rows(service: pyvo.dal.TAPService) -> None:
    rows = service.search("SELECT obs_id FROM ivoa.obscore", maxrec=3)
    assert (len(rows), rows.query_status) == (3, "OVERFLOW")


def test_pyvo_shows_what_is_wrong_with_a_query_and_where(service: pyvo.dal.TAPService) -> None:
    with pytest.raises(DALQueryError, match=r"line 1, column 8.*unknown column"):
        service.search("SELECT no_such_column FROM ivoa.obscore")


def test_a_file_is_fetched_by_the_link_of_its_row(service: pyvo.dal.TAPService, live_server: str) -> None:
    # OBS-066
    row = service.search(PUBLIC_FILE)[0]
    assert row["access_url"] == f"{live_server}/files/{row['product_id']}"
    path = urlsplit(str(row["access_url"])).path
    whole = ask(live_server, "GET", path)
    content = whole.read()
    assert (whole.status, len(content)) == (200, row["size_bytes"])
    assert content.startswith(b"SIMPLE  =")
    wanted = base64.b64encode(hashlib.sha256(content).digest()).decode()
    assert whole.headers["Repr-Digest"] == f"sha-256=:{wanted}:"
    head = ask(live_server, "HEAD", path)
    assert head.read() == b"" and head.headers["Content-Length"] == str(len(content))
    part = ask(live_server, "GET", path, {"Range": "bytes=100-199", "If-Range": whole.headers["ETag"]})
    assert (part.status, part.read()) == (206, content[100:200])


def test_chunked_multipart_with_an_odd_boundary_is_answered(live_server: str) -> None:
    # DALI-005, TAP-010: as STILTS sends it
    boundary = "<<<--------------MULTIPART-BOUNDARY------->>>"
    fields = {"LANG": "ADQL", "QUERY": "SELECT COUNT(*) AS n FROM ivoa.obscore", "RESPONSEFORMAT": "csv"}
    body = "".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in fields.items()
    )
    content = f"{body}--{boundary}--\r\n".encode()
    connection = http.client.HTTPConnection(urlsplit(live_server).netloc, timeout=30)
    connection.request(
        "POST",
        "/tap/sync",
        body=(content[start : start + 50] for start in range(0, len(content), 50)),
        headers={
            "Content-Type": f'multipart/form-data; boundary="{boundary}"',
            "Transfer-Encoding": "chunked",
        },
        encode_chunked=True,
    )
    answer = connection.getresponse()
    text = answer.read().decode()
    assert answer.status == 200
    assert int(next(csv.DictReader(io.StringIO(text)))["n"]) > 0


def test_a_connection_serves_one_request_after_the_other(live_server: str) -> None:
    connection = http.client.HTTPConnection(urlsplit(live_server).netloc, timeout=30)
    for method in ("GET", "HEAD", "GET", "POST", "GET"):
        sent = urlencode({"LANG": "ADQL", "QUERY": "SELECT TOP 1 obs_id FROM ivoa.obscore"})
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        if method == "POST":
            connection.request("POST", "/tap/sync", sent, form)
        else:
            connection.request(method, f"/tap/sync?{sent}")
        answer = connection.getresponse()
        assert (answer.status, bool(answer.read())) == (200, method != "HEAD")


@pytest.mark.parametrize(
    ("geometry", "expected"),
    [
        ("REGION('CIRCLE 1 2 3')", "Circle ICRS 1 2 3"),
        ("REGION('Polygon ICRS 1 2 3 2 3 4')", "Polygon ICRS 1 2 3 2 3 4"),
        ("REGION('Union ICRS (Circle 1 2 3 Circle 9 8 1)')", "Union ICRS ( Circle 1 2 3 Circle 9 8 1 )"),
        ("CIRCLE(1, 2, 3)", [1.0, 2.0, 3.0]),
        ("POLYGON(1, 2, 3, 2, 3, 4)", [1.0, 2.0, 3.0, 2.0, 3.0, 4.0]),
        ("POINT(1, 2)", [1.0, 2.0]),
    ],
)
def test_a_constant_geometry_can_be_selected(live_server: str, geometry: str, expected: object) -> None:
    """A region is text (STC-S), a shape is the numbers that DALI writes."""
    service = pyvo.dal.TAPService(f"{live_server}/tap")
    value = service.search(f"SELECT TOP 1 {geometry} AS a FROM ivoa.obscore")["a"][0]
    assert (value if isinstance(value, str) else list(value)) == expected
