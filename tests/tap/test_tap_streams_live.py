"""Large answers over real connections: first bytes, slow readers, clients that leave, limits of a client.

What the engine does is read off /metrics, which sums both workers.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
import requests
from live_service import a_second, copy_home, spilled, until
from prometheus_client.parser import text_string_to_metric_families
from service_processes import running_server

PER_CLIENT = 60
READERS = 50
SLOW_ROWS = 100_000  # some 20 MB: more than waits in memory and in the system's buffers (4 MB each)
SOON = 60.0  # seconds; the machine may be busy with other tests
WIDE = "a.obs_publisher_did, a.obs_id, a.s_ra, b.s_dec, b.target_name, b.access_url"
PAIRS = f"SELECT {WIDE} FROM ivoa.obscore AS a, ivoa.obscore AS b"
TRIPLES = f"SELECT TOP 5000000 {WIDE} FROM ivoa.obscore AS a, ivoa.obscore AS b, ivoa.obscore AS c"
ENDLESS = (
    "SELECT COUNT(*) AS n FROM ivoa.obscore AS a, ivoa.obscore AS b, ivoa.obscore AS c, ivoa.obscore AS d "
    "WHERE a.s_ra + b.s_ra * c.s_ra - d.s_dec = 0.5"
)
SORTED = f"{PAIRS}, ivoa.obscore AS c, ivoa.obscore AS d ORDER BY a.s_ra * d.s_dec"


@pytest.fixture(scope="module")
def home(holdings: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_home(holdings.home, tmp_path_factory.mktemp("streams") / "home")


@pytest.fixture(scope="module")
def server(home: Path) -> Iterator[str]:
    """A service of its own, so that its figures are those of these tests alone."""
    settings = {
        "VO_SERVICE_QUERIES_PER_CLIENT": str(PER_CLIENT),
        "VO_SERVICE_QUERIES": "4",
        "VO_SERVICE_QUEUE_SECONDS": "600",  # none of fifty is given up, however long they take
    }
    with running_server(home, **settings) as address:
        yield address


def figures(server: str) -> dict[str, float]:
    """The samples without labels."""
    text = requests.get(f"{server}/metrics", timeout=SOON).text
    return {
        sample.name.removeprefix("vo_service_"): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if not sample.labels
    }


def wait_for(condition: Callable[[], bool], most: float = SOON) -> float:
    """Seconds until it holds."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < most, "it never came"
        time.sleep(0.02)
    return time.monotonic() - began


def idle(server: str) -> Callable[[], bool]:
    def is_idle() -> bool:
        now = figures(server)
        return now["engine_statements_running"] == 0 and now["queries_open"] == 0

    return is_idle


def send(server: str, adql: str, format: str = "votable", rows: int = 10**7) -> socket.socket:
    """A connection with a small window on which a query has been sent."""
    place = urlsplit(server)
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.settimeout(SOON)
    connection.connect((place.hostname, place.port))
    query = urlencode({"LANG": "ADQL", "QUERY": adql, "RESPONSEFORMAT": format, "MAXREC": rows})
    connection.sendall(f"GET /tap/sync?{query} HTTP/1.1\r\nHost: {place.netloc}\r\n\r\n".encode())
    return connection


def unchunked(body: bytes) -> bytes:
    """What was sent in chunks, without their sizes."""
    pieces, at = [], 0
    while True:
        end = body.index(b"\r\n", at)
        size = int(body[at:end], 16)
        if size == 0:
            return b"".join(pieces)
        pieces.append(body[end + 2 : end + 2 + size])
        at = end + 2 + size + 2


def small_query(server: str) -> float:
    """Seconds that a small query takes."""
    began = time.monotonic()
    answer = requests.get(
        f"{server}/tap/sync",
        params={"LANG": "ADQL", "QUERY": "SELECT TOP 1 s_ra FROM ivoa.obscore"},
        timeout=SOON,
    )
    assert answer.status_code == 200
    return time.monotonic() - began


def test_five_million_rows_begin_before_the_engine_is_done(server: str) -> None:
    wait_for(idle(server))
    before = figures(server)
    with send(server, TRIPLES) as connection:
        taken = 0
        while taken < 65536:
            piece = connection.recv(65536)
            assert piece
            taken += len(piece)
        now = figures(server)
        assert now["engine_statements_running"] == 1
        assert now["engine_rows_total"] - before["engine_rows_total"] < 5_000_000
    wait_for(idle(server))  # the client has gone
    wait_for(lambda: figures(server)["spool_bytes"] == 0)


@pytest.mark.parametrize("adql", [ENDLESS, SORTED])
def test_a_client_that_leaves_before_the_first_byte_ends_its_query_within_a_second(
    server: str, adql: str
) -> None:
    """A busy machine may be late now and then."""
    wait_for(idle(server))
    taken = []
    for _ in range(5):
        with send(server, adql):
            wait_for(lambda: figures(server)["engine_statements_running"] == 1)
        taken.append(wait_for(idle(server)))
    assert min(taken) < a_second(), taken


def test_readers_who_take_nothing_leave_the_service_to_others(server: str) -> None:
    wait_for(idle(server))
    begun = figures(server)["first_byte_seconds_count"]
    with ExitStack() as readers:
        sockets = [readers.enter_context(send(server, PAIRS, "csv", SLOW_ROWS)) for _ in range(READERS)]
        wait_for(lambda: figures(server)["first_byte_seconds_count"] - begun == READERS, 2 * SOON)
        wait_for(idle(server), 2 * SOON)  # all queries have ended, and no place is taken
        assert figures(server)["spool_bytes"] > 0
        assert min(small_query(server) for _ in range(5)) < 2
        whole = [b""] * 2
        for number in range(2):  # whoever reads at last gets all of it
            sockets[number].setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
            while not whole[number].endswith(b"\r\n0\r\n\r\n"):
                piece = sockets[number].recv(1 << 20)
                assert piece
                whole[number] += piece
        head, _, body = whole[0].partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200") and unchunked(body).count(b"ivo://") >= SLOW_ROWS
    wait_for(lambda: figures(server)["spool_bytes"] == 0)


def test_a_client_with_too_many_queries_is_told_to_wait_in_all_workers(server: str) -> None:
    # DALI-099; counted over both workers, each of which runs four at a time
    wait_for(idle(server))
    with ExitStack() as open_now:
        for _ in range(PER_CLIENT):
            open_now.enter_context(send(server, ENDLESS))
        wait_for(lambda: figures(server)["queries_open"] == PER_CLIENT)
        for _ in range(4):  # new connections: either worker may get one
            answer = requests.get(
                f"{server}/tap/sync",
                params={"LANG": "ADQL", "QUERY": ENDLESS},
                headers={"Connection": "close"},
                timeout=SOON,
            )
            assert answer.status_code == 429 and answer.headers["Retry-After"].isdigit()
            assert f"{PER_CLIENT} queries" in answer.text and "QUERY_STATUS" in answer.text
        assert figures(server)["queries_open"] == PER_CLIENT
    wait_for(idle(server))
    small_query(server)


def test_many_answers_at_a_time_are_all_whole(server: str) -> None:
    wait_for(idle(server))
    counts: list[int] = []

    def ask() -> None:
        answer = requests.get(
            f"{server}/tap/sync",
            params={"LANG": "ADQL", "QUERY": PAIRS, "RESPONSEFORMAT": "csv", "MAXREC": "1000000"},
            timeout=120,
        )
        counts.append(answer.text.count("\n") - 1)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(counts) == 8 and len(set(counts)) == 1 and counts[0] > 100_000


def test_nothing_is_left_on_disk(server: str, home: Path) -> None:
    wait_for(idle(server))
    assert until(lambda: not spilled(home)), spilled(home)
