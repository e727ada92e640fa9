"""Names of targets: from the observations of a snapshot, from a resolver, or an error with near names."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from tap_schema import published
from vo_service.access import ANONYMOUS, Rights
from vo_service.adql import AdqlError, UnknownName
from vo_service.engines import DuckDBEngine, Limits, QueryCancelled, QueryTimeout
from vo_service.query import Context, Question, Resolver, Stop, Targets, ask
from vo_service.store import Catalogue, Snapshot, Snapshots

OBSERVATIONS = [
    # name, key, ra, dec
    ("M83", "m83", 204.25, -29.86),
    ("M 83", "m83", 204.25, -29.88),
    ("NGC 5236", "m83", 204.25, -29.87),
    ("edge", "edge", 359.9, 0.0),
    ("edge", "edge", 0.1, 0.0),
    ("field1", "field1", 10.0, 10.0),
    ("field1", "field1@j0532.8-0523", 83.2, -5.4),
    ("field2", "field2@j0100.0-0100", 15.0, -1.0),
    ("field2", "field2@j0200.0-0200", 30.0, -2.0),
    ("Mars", "mars", 10.0, 5.0),
    ("Mars", "mars", 100.0, 20.0),
    ("nowhere", "nowhere", None, None),
    (None, None, 1.0, 1.0),
]
CONTEXT = Context(ANONYMOUS, datetime(2026, 1, 1, tzinfo=UTC), "https://x", Limits(20.0, 100), Rights())


@pytest.fixture(scope="module")
def snapshot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Snapshot]:
    with snapshot_of(tmp_path_factory.mktemp("names"), OBSERVATIONS) as made:
        yield made


@contextmanager
def snapshot_of(home: Path, observations: Sequence[tuple[Any, ...]]) -> Iterator[Snapshot]:
    """A snapshot with so many observations: name, key, position."""
    schema = published()["holdings.observation"].arrow_schema()
    values: dict[str, Any] = {
        "observation_id": [f"o{n}" for n in range(len(observations))],
        "origin": ["archive"] * len(observations),
    }
    for index, name in enumerate(("target_name", "canonical_target", "s_ra", "s_dec")):
        values[name] = [row[index] for row in observations]
    rows = pa.table(
        [pa.array(values.get(f.name, [None] * len(observations)), f.type) for f in schema], schema=schema
    )
    catalogue = Catalogue.open_in(home)
    snapshots = Snapshots(home, catalogue)
    with snapshots.writer("a test", 0.0):
        draft = snapshots.draft()
        draft.change("holdings.observation", insert=rows)
        made = snapshots.publish(draft, None)
    yield made
    snapshots.close()
    catalogue.close()


@pytest.mark.parametrize("name", ["M83", "m 83", "M_83", "ngc5236", "NGC-5236"])
def test_a_name_in_any_spelling(snapshot: Snapshot, name: str) -> None:
    assert Targets().on(snapshot).position(name) == pytest.approx((204.25, -29.87), abs=1e-9)


def test_the_middle_is_one_of_directions(snapshot: Snapshot) -> None:
    lon, lat = Targets().on(snapshot).position("edge")
    assert min(lon, 360.0 - lon) == pytest.approx(0.0, abs=1e-9)
    assert lat == pytest.approx(0.0, abs=1e-9)


def test_the_plain_name_is_that_of_most(snapshot: Snapshot) -> None:
    assert Targets().on(snapshot).position("field1") == pytest.approx((10.0, 10.0))
    assert Targets().on(snapshot).position("field1@j0532.8-0523") == pytest.approx((83.2, -5.4))


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("M84", "M 83"),
        ("NGC5237", "M 83"),
        ("field2", "field2@j0100.0-0100"),  # one name, two sources: the keys are what tells them apart
        ("zzz", None),
        ("", None),
        ("Mars", None),  # it is in no one place
        ("nowhere", None),
    ],
)
def test_unknown_names_have_near_ones(snapshot: Snapshot, name: str, near: str | None) -> None:
    with pytest.raises(UnknownName) as caught:
        Targets().on(snapshot).position(name)
    assert near in caught.value.near if near else True


def test_a_source_of_one_position_comes_back_to_the_bit(tmp_path: Path) -> None:
    """No way through Cartesian coordinates and back: a query by it finds the position with ``=``."""
    random = np.random.default_rng(11)
    places = [
        (float(ra), float(dec)) for ra, dec in zip(random.uniform(0, 360, 50), random.uniform(-90, 90, 50))
    ]
    rows = [(f"a{n}", f"a{n}", *place) for n, place in enumerate(places)]
    with snapshot_of(tmp_path, rows) as made:
        found = Targets().on(made)
        assert [found.position(name) for name, *_ in rows] == places


def test_source_in_a_query(snapshot: Snapshot) -> None:
    with DuckDBEngine_on(snapshot) as engine:
        near = "DISTANCE(POINT(s_ra, s_dec), source('ngc 5236')) < 0.001"
        query = f"SELECT target_name FROM holdings.observation WHERE {near}"
        with ask(Question(query), CONTEXT, snapshot, engine) as answer:
            assert [v for batch in answer.batches for v in batch.column(0).to_pylist()] == ["NGC 5236"]
        with (
            pytest.raises(AdqlError, match="M84") as caught,
            ask(Question("SELECT source('M84') AS p FROM holdings.observation"), CONTEXT, snapshot, engine),
        ):
            pass
        assert "M 83" in str(caught.value)
        assert (caught.value.line, caught.value.column) != (1, 1)


class DuckDBEngine_on:
    """The engine on a snapshot, for a block."""

    def __init__(self, snapshot: Snapshot) -> None:
        self.engine = DuckDBEngine(snapshot.engine_file, memory_bytes=100_000_000)

    def __enter__(self) -> DuckDBEngine:
        return self.engine

    def __exit__(self, *args: object) -> None:
        self.engine.close()


# --- a resolver ---


class Sesame(BaseHTTPRequestHandler):
    asked: list[str]

    def do_GET(self) -> None:
        type(self).asked.append(self.path)
        known = self.path.endswith("Barnard%27s%20star")
        body = "# Barnard's star\t#Q1\n%@ 1\n%I.0 x\n"
        body += (
            "%J 269.4520769586187 +04.6933649665767 = 17:57:48.4 +04:41:36\n"
            if known
            else "#!Nothing found\n"
        )
        self.send_response(500 if self.path.endswith("broken") else 200)
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *args: object) -> None:
        """Quiet."""


@pytest.fixture
def sesame() -> Iterator[str]:
    Sesame.asked = []
    server = HTTPServer(("127.0.0.1", 0), Sesame)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/-oI?"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_resolver_knows_what_the_holdings_do_not(snapshot: Snapshot, sesame: str) -> None:
    targets = Targets(Resolver(sesame)).on(snapshot)
    for _ in range(2):
        assert targets.position("Barnard's star") == pytest.approx((269.4520769586187, 4.6933649665767))
        assert targets.position("M83") == pytest.approx((204.25, -29.87))
        with pytest.raises(UnknownName):
            targets.position("nobody")
    assert Sesame.asked == ["/-oI?Barnard%27s%20star", "/-oI?nobody"]  # each once, and none for M83


@pytest.mark.parametrize("name", ["broken", "a\nb", "../x"])
def test_a_resolver_that_fails_knows_nothing(snapshot: Snapshot, sesame: str, name: str) -> None:
    with pytest.raises(UnknownName):
        Targets(Resolver(sesame)).on(snapshot).position(name)


def test_a_resolver_that_is_away_knows_nothing(snapshot: Snapshot) -> None:
    with pytest.raises(UnknownName):
        Targets(Resolver("http://127.0.0.1:1/?")).on(snapshot).position("Barnard's star")


def test_the_resolver_comes_with_the_context(snapshot: Snapshot, sesame: str) -> None:
    context = replace(CONTEXT, targets=Targets(Resolver(sesame)))
    query = "SELECT TOP 1 COORD1(source('Barnard''s star')) AS lon FROM holdings.observation"
    with DuckDBEngine_on(snapshot) as engine, ask(Question(query), context, snapshot, engine) as answer:
        assert [b.column(0).to_pylist() for b in answer.batches] == [[pytest.approx(269.4520769586187)]]


# --- a resolver that takes its time ---


@contextmanager
def drip(piece: bytes) -> Iterator[str]:
    """A server that says a little ten times a second and never ends."""
    over = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            with suppress(OSError):
                talking, _ = listening.accept()
                with talking:
                    talking.recv(4096)
                    talking.sendall(b"HTTP/1.1 200 OK\r\n")
                    while not over.wait(0.1):
                        talking.sendall(piece)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}/?"
        finally:
            over.set()
            with suppress(OSError):
                listening.shutdown(socket.SHUT_RDWR)  # to close it wakes nobody who waits for a client
            listening.close()
            thread.join()


@pytest.mark.parametrize("piece", [b"X: y\r\n", b"\r\n#"], ids=["headers", "body"])
def test_a_resolver_has_five_seconds_for_everything(
    snapshot: Snapshot, piece: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vo_service.query.resolver._SECONDS", 0.7)
    with drip(piece) as url:
        started = time.monotonic()
        with pytest.raises(UnknownName):
            Targets(Resolver(url)).on(snapshot).position("Barnard's star")
        assert 0.6 < time.monotonic() - started < 60.0  # of itself it never ends


def test_waiting_for_a_resolver_counts_in_the_time_of_the_question(
    snapshot: Snapshot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vo_service.query.resolver._SECONDS", 120.0)
    query = "SELECT source('nobody') AS p FROM holdings.observation"
    with drip(b"X: y\r\n") as url, DuckDBEngine_on(snapshot) as engine:
        context = replace(CONTEXT, limits=Limits(0.5, 100), targets=Targets(Resolver(url)))
        started = time.monotonic()
        with pytest.raises(QueryTimeout), ask(Question(query), context, snapshot, engine):
            pass
        assert time.monotonic() - started < 60.0


def test_a_cancel_ends_the_wait_for_a_resolver(snapshot: Snapshot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vo_service.query.resolver._SECONDS", 120.0)
    query = "SELECT source('nobody') AS p FROM holdings.observation"
    with drip(b"X: y\r\n") as url, DuckDBEngine_on(snapshot) as engine:
        stop = Stop()
        threading.Timer(0.3, stop.ask).start()
        started = time.monotonic()
        context = replace(CONTEXT, targets=Targets(Resolver(url)))
        with pytest.raises(QueryCancelled), ask(Question(query), context, snapshot, engine, stop):
            pass
        assert time.monotonic() - started < 60.0


# --- what is kept ---


class Slow:
    """A snapshot whose observations take until they may be read; it counts how often that was asked for."""

    def __init__(self, snapshot: Snapshot, name: str) -> None:
        self.engine_file = snapshot.engine_file.with_name(name)
        self.may = threading.Event()
        self.begun = threading.Event()
        self.times = 0
        self._snapshot = snapshot

    def read(self, table: str, columns: list[str]) -> pa.Table:
        self.times += 1
        self.begun.set()
        assert self.may.wait(20)
        return self._snapshot.read(table, columns)


def test_names_are_read_once_and_by_nobody_else_in_the_way(snapshot: Snapshot) -> None:
    targets, slow = Targets(), Slow(snapshot, "slow")
    with ThreadPoolExecutor(2) as pool:
        asked = [pool.submit(targets.on(slow).position, "M83") for _ in range(2)]  # type: ignore[arg-type]
        assert slow.begun.wait(20)
        assert targets.on(snapshot).position("M83") == pytest.approx((204.25, -29.87))  # meanwhile
        slow.may.set()
        for one in asked:
            assert one.result() == pytest.approx((204.25, -29.87))
    assert slow.times == 1
    assert Targets().on(slow).position("M83")  # type: ignore[arg-type]
    assert slow.times == 2  # another server's are its own


def test_names_of_the_snapshots_that_were_used_last_are_kept(snapshot: Snapshot) -> None:
    targets = Targets()
    several = [Slow(snapshot, str(number)) for number in range(4)]
    for number in (0, 1, 2, 0, 3, 0, 1):
        several[number].may.set()
        targets.on(several[number]).position("M83")  # type: ignore[arg-type]
    assert [one.times for one in several] == [1, 2, 1, 1]
