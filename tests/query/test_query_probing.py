"""Probes of a question: their limits, the one clock, and an end from outside."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import pyarrow as pa
import pytest

from vo_service.access import ANONYMOUS, Rights
from vo_service.adql import Probe
from vo_service.engines import DuckDBEngine, Limits, QueryCancelled, QueryTimeout, QueryTooLarge
from vo_service.query import Context, ProbeLimits, Question, ask, upload_of
from vo_service.query.probing import Asking, Deadline, settle
from vo_service.query.stopping import Stop
from vo_service.store import Catalogue, Snapshot, Snapshots

PLACES = pa.table({"n": range(200), "ra": [0.1 * n for n in range(200)], "dec": [0.0] * 200})
CONTEXT = Context(ANONYMOUS, datetime(2026, 1, 1, tzinfo=UTC), "https://x", Limits(20.0, 100), Rights())
HERE = (upload_of("a", PLACES), upload_of("b", PLACES))
ALL_PAIRS = "SELECT COUNT(*) FROM tap_upload.a AS a JOIN tap_upload.b AS b ON {0}"


@dataclass(frozen=True)
class Empty:
    """A snapshot without rows, and an engine on it."""

    snapshot: Snapshot
    engine: DuckDBEngine


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Empty]:
    home = tmp_path_factory.mktemp("probing")
    catalogue = Catalogue.open_in(home)
    snapshots = Snapshots(home, catalogue)
    with snapshots.writer("a test", 0.0):
        snapshot = snapshots.publish(snapshots.draft(), None)
    engine = DuckDBEngine(snapshot.engine_file, memory_bytes=100_000_000)
    yield Empty(snapshot, engine)
    engine.close()
    snapshots.close()
    catalogue.close()


@pytest.mark.parametrize(
    ("query", "limits", "words"),
    [
        (
            ALL_PAIRS.format("1 = INTERSECTS(CIRCLE(a.ra, a.dec, 1), CIRCLE(b.ra, b.dec, b.n))"),
            ProbeLimits(rows=199),
            "tap_upload.a has more than 199 different",
        ),
        (
            ALL_PAIRS.format("1 = CONTAINS(POINT(a.ra, a.dec), CIRCLE(b.ra, b.dec, b.n))"),
            ProbeLimits(pairs=5000),
            "more than 5000 pairs of tap_upload.a and tap_upload.b",
        ),
        (
            "SELECT COUNT(*) FROM tap_upload.a "
            "WHERE 1 = INTERSECTS(CIRCLE(ra, dec, 1), POLYGON(0,0, 1,0, 1,1))",
            ProbeLimits(rows=100),
            "add a condition on that table",
        ),
    ],
)
def test_what_is_too_much_is_refused_with_the_cure(
    empty: Empty, query: str, limits: ProbeLimits, words: str
) -> None:
    context = replace(CONTEXT, probes=limits)
    with (
        ask(Question(query, uploads=HERE), context, empty.snapshot, empty.engine) as answer,
        pytest.raises(QueryTooLarge, match=words),
    ):
        list(answer.batches)
    narrowed = query.replace(" ON", " ON a.n < 3 AND b.n < 3 AND").replace("WHERE", "WHERE n < 3 AND")
    with ask(Question(narrowed, uploads=HERE), context, empty.snapshot, empty.engine) as answer:
        assert sum(batch.num_rows for batch in answer.batches) == 1


class Slow:
    """A probe that takes its time between two looks at the clock."""

    name, sql, reads, purpose = "slow", "SELECT 1 AS x", (), "a test"

    def __init__(self, seconds: float, began: threading.Event) -> None:
        self.seconds = seconds
        self.began = began
        self.rounds = 0

    def answer(self, ask: Asking) -> pa.Table:
        self.began.set()
        for _ in range(1000):
            self.rounds += 1
            list(ask(self.sql))
            ask.check()
            time.sleep(self.seconds)
        raise AssertionError("it was never stopped")


def asking(empty: Empty, deadline: Deadline, stop: Stop | None = None) -> Asking:
    return Asking(empty.engine, deadline, stop or Stop(), {}, ProbeLimits())


def ask_anew(probe: Probe, answer: Callable[[], pa.Table]) -> pa.Table:
    return answer()


def test_one_clock_for_all_statements_of_a_question(empty: Empty) -> None:
    slow = Slow(0.02, threading.Event())
    deadline = Deadline(Limits(seconds=0.2, batch_rows=10))
    with pytest.raises(QueryTimeout):
        settle([slow, slow], asking(empty, deadline), ask_anew)
    assert 1 <= slow.rounds < 100
    with pytest.raises(QueryTimeout):
        deadline.limits()


def test_an_end_from_outside_reaches_a_probe(empty: Empty) -> None:
    began, stop = threading.Event(), Stop()
    slow = Slow(0.01, began)

    def end() -> None:
        began.wait(10.0)
        stop.ask()

    thread = threading.Thread(target=end)
    thread.start()
    deadline = Deadline(Limits(seconds=30.0, batch_rows=10))
    with pytest.raises(QueryCancelled):
        settle([slow], asking(empty, deadline, stop), ask_anew)
    thread.join()
    assert slow.rounds < 1000


def test_probes_run_in_order_and_read_former_answers(empty: Empty) -> None:
    class Counts:
        purpose = "a test"

        def __init__(self, name: str, sql: str, reads: tuple[str, ...]) -> None:
            self.name, self.sql, self.reads = name, sql, reads

        def answer(self, ask: Asking) -> pa.Table:
            return pa.Table.from_batches(list(ask(self.sql)))

    deadline = Deadline(Limits(seconds=30.0, batch_rows=10))
    probes = [
        Counts("p1", "SELECT n + 1 AS n FROM given", ("given",)),
        Counts("p2", "SELECT p1.n + given.n AS n FROM p1, given", ("p1", "given")),
    ]
    handed = replace(asking(empty, deadline), handed={"given": pa.table({"n": [41]})})
    known = settle(probes, handed, ask_anew)
    assert known["p2"].column(0).to_pylist() == [83]


def test_the_time_to_understand_a_question_counts(empty: Empty) -> None:
    """A question whose compilation takes all its time ends before anything runs."""
    long_one = "SELECT n FROM tap_upload.a WHERE " + " OR ".join(
        f"1 = CONTAINS(POINT(ra, dec), CIRCLE({n % 360}, {n % 80}, 0.1))" for n in range(800)
    )
    context = replace(CONTEXT, limits=replace(CONTEXT.limits, seconds=0.002))
    with (
        pytest.raises(QueryTimeout),
        ask(Question(long_one, uploads=HERE), context, empty.snapshot, empty.engine),
    ):
        pass
