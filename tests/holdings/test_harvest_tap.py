"""Harvest of a live TAP service: paged, resumable, incremental; the service is a small one over SQLite."""

from __future__ import annotations

import re
import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

import pytest

from vo_service.holdings import harvest_tap
from vo_service.holdings.harvest_sources import ArchiveTable, SourceError
from vo_service.holdings.harvest_tap import open_tap

COLUMNS = ("obs_id", "obs_publisher_did", "lastModified", "s_ra")


@dataclass
class Archive:
    """Rows of an archive, and the queries it was sent; ``broken_after`` queries it answers no more;
    as often as ``drops`` says it closes the connection without an answer."""

    rows: list[tuple[str, str, str | None, float]]
    queries: list[str] = field(default_factory=list)
    broken_after: int | None = None
    drops: int = 0
    url: str = ""

    def answer(self, query: str) -> str:
        self.queries.append(query)
        found = re.fullmatch(r"SELECT TOP (\d+) \* FROM ivoa\.obscore(.*)", query)
        assert found is not None, query
        database = sqlite3.connect(":memory:")
        database.execute("CREATE TABLE obscore (obs_id, obs_publisher_did, lastModified, s_ra)")
        database.executemany("INSERT INTO obscore VALUES (?, ?, ?, ?)", self.rows)
        rows = database.execute(f"SELECT * FROM obscore{found[2]} LIMIT {found[1]}").fetchall()
        database.close()
        fields = "".join(
            f'<FIELD name="{name}" datatype="double" unit="deg"/>'
            if name == "s_ra"
            else f'<FIELD name="{name}" datatype="char" arraysize="*"/>'
            for name in COLUMNS
        )
        cells = "".join(
            "<TR>" + "".join(f"<TD>{'' if v is None else escape(str(v))}</TD>" for v in row) + "</TR>"
            for row in rows
        )
        return (
            '<?xml version="1.0"?><VOTABLE version="1.4" xmlns="http://www.ivoa.net/xml/VOTable/v1.3">'
            '<RESOURCE type="results"><INFO name="QUERY_STATUS" value="OK"/>'
            f"<TABLE>{fields}<DATA><TABLEDATA>{cells}</TABLEDATA></DATA></TABLE></RESOURCE></VOTABLE>"
        )


@pytest.fixture
def archive() -> Iterator[Archive]:
    served = Archive(
        [
            (f"o{n:02}", f"did{n % 3}", f"2024-01-{1 + n // 8:02}T00:00:00" if n % 5 else None, float(n))
            for n in range(40)
        ]
    )

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            sent = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            if served.drops > 0:
                served.drops -= 1
                self.close_connection = True
                return
            broken = served.broken_after is not None and len(served.queries) >= served.broken_after
            body = b"gone" if broken else served.answer(sent["QUERY"][0]).encode()
            self.send_response(503 if broken else 200)
            self.send_header("Content-Type", "text/plain" if broken else "application/x-votable+xml")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    served.url = f"http://127.0.0.1:{server.server_port}/tap"
    yield served
    server.shutdown()
    server.server_close()


@pytest.fixture(autouse=True)
def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(harvest_tap, "_WAIT_SECONDS", 0.0)


def numbers(source: ArchiveTable) -> list[float]:
    return [row["s_ra"] for table in source.tables() for row in table.to_pylist()]


def test_every_row_comes_once_whatever_the_pages(archive: Archive, tmp_path: Path) -> None:
    for rows in (1, 7, 8, 100):
        source = open_tap(archive.url, tmp_path / str(rows), page_rows=rows)
        assert sorted(numbers(source)) == [float(n) for n in range(40)]
        assert source.units == {"s_ra": "deg"}


def test_the_newest_rows_come_first(archive: Archive, tmp_path: Path) -> None:
    found = numbers(open_tap(archive.url, tmp_path, page_rows=4))
    assert max(found[:4]) == 39.0


def test_a_harvest_that_broke_off_goes_on_after_its_last_page(archive: Archive, tmp_path: Path) -> None:
    archive.broken_after = 4
    with pytest.raises(SourceError, match="does not answer"):
        numbers(open_tap(archive.url, tmp_path, page_rows=5))
    archive.broken_after = None
    before = len(archive.queries)
    assert sorted(numbers(open_tap(archive.url, tmp_path, page_rows=5))) == [float(n) for n in range(40)]
    asked = [query for query in archive.queries[before:] if "TOP 5" in query]
    assert len(asked) < 40 / 5 + 2


def test_after_publishing_only_changed_rows_are_asked_for(archive: Archive, tmp_path: Path) -> None:
    first = open_tap(archive.url, tmp_path)
    numbers(first)
    first.published()
    archive.rows.append(("o99", "did", "2025-01-01T00:00:00", 99.0))
    found = numbers(open_tap(archive.url, tmp_path))
    assert 99.0 in found
    assert 1.0 not in found  # changed before
    assert 0.0 in found  # without a time of change: always asked for


def test_a_dropped_connection_is_no_refusal(archive: Archive, tmp_path: Path) -> None:
    archive.drops = 2
    assert sorted(numbers(open_tap(archive.url, tmp_path))) == [float(n) for n in range(40)]
    archive.drops = 1000
    with pytest.raises(SourceError, match="does not answer"):
        numbers(open_tap(archive.url, tmp_path / "other"))
    with pytest.raises(SourceError, match="does not answer"):
        numbers(open_tap("http://127.0.0.1:9/tap", tmp_path / "closed"))


def test_apostrophes_in_keys_are_doubled(archive: Archive, tmp_path: Path) -> None:
    archive.rows[:] = [(f"Barnard's {n}", "d", "2024-01-01", float(n)) for n in range(6)]
    assert sorted(numbers(open_tap(archive.url, tmp_path, page_rows=2))) == [float(n) for n in range(6)]


@pytest.mark.parametrize("url", ["file:///etc/passwd", "almascience.org/tap", "http://"])
def test_what_is_no_address_is_refused(url: str, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="not an address"):
        open_tap(url, tmp_path)


@pytest.mark.parametrize(
    "url, words",
    [
        ("http://someone:word@host/tap", "user or password"),
        ("https://word@host/tap", "user or password"),
        ("https://host/tap?token=word", "not an address"),
        ("https://someone:word@host/tap?x=word", "not an address"),
    ],
)
def test_an_address_that_holds_a_secret_is_refused_and_not_echoed(
    url: str, words: str, tmp_path: Path
) -> None:
    with pytest.raises(SourceError, match=words) as caught:
        open_tap(url, tmp_path)
    assert "word@" not in str(caught.value) and "=word" not in str(caught.value)
    assert "someone" not in str(caught.value) + caught.value.name
    assert not (tmp_path / "harvest").exists()
