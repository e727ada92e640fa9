"""The server as processes: two workers on one port, answering, stopping, and ending with their parent."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest
from service_processes import end_process

from vo_service.cli import main

QUERY = {"LANG": "ADQL", "QUERY": "SELECT COUNT(*) AS n FROM ivoa.obscore", "RESPONSEFORMAT": "csv"}


# one row, or five, after hours of computing: a thousand cards and more, four times
PAIRS = "FROM holdings.header_card AS a, holdings.header_card AS b, holdings.header_card AS c, "
PAIRS += "holdings.header_card AS d WHERE a.card_index * b.card_index + c.card_index <> d.card_index"
HEAVY = (
    f"SELECT COUNT(*) AS n {PAIRS}",
    f"SELECT TOP 5 a.keyword {PAIRS} ORDER BY a.card_index * b.card_index - c.card_index * d.card_index",
)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("serving")
    assert main(["--quiet", "sample", str(place / "s"), "--seed", "5", "--products", "12"]) == 0
    assert main(["--home", str(place / "home"), "--quiet", "ingest", str(place / "s" / "products")]) in (0, 1)
    return place / "home"


@contextmanager
def server(home: Path, workers: int, **settings: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A running server and its address, taken from what it says on its standard output."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("VO_SERVICE_")}
    command = [sys.executable, "-m", "vo_service.cli", "--home", str(home), "--quiet"]
    log = home.with_name("server.log")
    with log.open("wb") as errors:
        process = subprocess.Popen(
            [*command, "serve", "--port", "0", "--workers", str(workers)],
            env={**environment, **settings},
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()  # it says no more than that
        assert line.startswith("serving at http://127.0.0.1:"), line
        yield process, line.split()[-1]
    finally:
        end_process(process, log)
        if process.stdout is not None:
            process.stdout.close()


def fetch(address: str, path: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection(urlsplit(address).netloc, timeout=20)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def path_of(adql: str) -> str:
    return f"/tap/sync?{urlencode({**QUERY, 'QUERY': adql})}"


def is_open(address: str) -> bool:
    parts = urlsplit(address)
    with socket.socket() as probe:
        return probe.connect_ex((parts.hostname or "", parts.port or 0)) == 0


@pytest.mark.parametrize(("workers", "number"), [(1, signal.SIGTERM), (2, signal.SIGINT)])
def test_it_answers_once_it_says_so_and_stops_when_told(
    home: Path, workers: int, number: signal.Signals
) -> None:
    with server(home, workers) as (process, address):
        assert fetch(address, "/healthz")[0] == 200
        status, text = fetch(address, f"/tap/sync?{urlencode(QUERY)}")
        assert status == 200 and int(text.splitlines()[1]) > 0
        process.send_signal(number)
        assert process.wait(20) == 0
        assert not is_open(address)


def test_workers_end_with_a_parent_that_was_killed(home: Path) -> None:
    with server(home, 2) as (process, address):
        process.kill()
        process.wait(10)
        end = time.monotonic() + 60
        while is_open(address) and time.monotonic() < end:
            time.sleep(0.2)
        assert not is_open(address)


def test_a_snapshot_published_while_it_runs_is_served(home: Path, tmp_path: Path) -> None:
    with server(home, 2) as (_, address):
        before = fetch(address, f"/tap/sync?{urlencode(QUERY)}")[1]
        assert main(["--quiet", "sample", str(tmp_path / "more"), "--seed", "6", "--products", "12"]) == 0
        products = str(tmp_path / "more" / "products")
        assert main(["--home", str(home), "--quiet", "ingest", products, "--root", "more"]) in (0, 1)
        answers = {fetch(address, f"/tap/sync?{urlencode(QUERY)}")[1] for _ in range(6)}  # by both workers
        assert len(answers) == 1 and answers != {before}


def test_a_query_ends_when_its_client_has_left(home: Path) -> None:
    # one query at a time, none of which the service ends by itself while the test lasts
    limits = {"QUERIES": "1", "QUEUE_SECONDS": "10", "QUERY_SECONDS": "600"}
    with server(home, 1, **{f"VO_SERVICE_{name}": value for name, value in limits.items()}) as (_, address):
        parts = urlsplit(address)
        for heavy in HEAVY:
            with socket.create_connection((parts.hostname, parts.port)) as client:
                client.sendall(f"GET {path_of(heavy)} HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode())
                time.sleep(0.7)  # by now it runs
                client.setblocking(False)
                with pytest.raises(BlockingIOError):  # and not a byte of its answer is there
                    client.recv(1)
            # the only place for a query is free again, or this would be 503
            status, text = fetch(address, path_of("SELECT COUNT(*) AS n FROM holdings.header_card"))
            assert status == 200, text
        # what goes wrong with the first rows has its status still (DALI-094)
        status, text = fetch(
            address, path_of("SELECT CAST(keyword AS INTEGER) AS i FROM holdings.header_card")
        )
        assert (status, text[:28]) == (400, "The query cannot be computed")
