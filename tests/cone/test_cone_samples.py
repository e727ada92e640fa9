"""The cone that a table tells of: the same for everybody, and for as long as its rows are."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest

from tap_schema import published
from vo_service.cone import samples
from vo_service.cone.samples import SampleCones
from vo_service.cone.tables import cone_tables
from vo_service.engines import QueryTimeout

TABLES = cone_tables(published())
OBSCORE, OBSERVATIONS = TABLES["ivoa.obscore"], TABLES["holdings.observation"]


class Holdings:
    """Snapshots that tell one row each; those in ``away`` cannot be asked."""

    def __init__(self) -> None:
        self.number = 1
        self.now = 0.0
        self.away: set[str] = set()
        self.asked: list[str] = []
        self.current = self
        self.held = threading.Event()
        self.held.set()

    @contextmanager
    def use(self) -> Iterator[tuple[Any, Any]]:
        yield SimpleNamespace(engine_file=f"snapshot {self.number}"), None

    def context(self, asker: Any, seconds: float) -> None:
        return None

    @contextmanager
    def ask(self, question: Any, *rest: Any) -> Iterator[Any]:
        self.asked.append(question.adql)
        if any(name in question.adql for name in self.away):
            self.held.wait(60.0)
            raise QueryTimeout()
        rows = pa.RecordBatch.from_pylist([{"lon": float(self.number), "lat": -5.0}])
        yield SimpleNamespace(batches=iter([rows]))


@pytest.fixture
def holdings(monkeypatch: pytest.MonkeyPatch) -> Holdings:
    found = Holdings()
    monkeypatch.setattr(samples, "ask", found.ask)
    return found


@pytest.fixture
def find(holdings: Holdings) -> SampleCones:
    clock = datetime(2026, 1, 1, tzinfo=UTC)
    return SampleCones(holdings, lambda: clock, 10.0, lambda: holdings.now)  # type: ignore[arg-type]


def test_each_snapshot_is_asked_once(holdings: Holdings, find: SampleCones) -> None:
    first = [find(OBSCORE) for _ in range(3)]
    assert {cone.ra for cone in first if cone} == {1.0} and len(holdings.asked) == 1
    holdings.number = 2
    again = find(OBSCORE)
    assert again is not None and again.ra == 2.0 and len(holdings.asked) == 2


def test_a_cone_stays_where_its_table_cannot_be_asked(holdings: Holdings, find: SampleCones) -> None:
    # SCS-024: else a moment of slowness would change records of the registry
    known = find(OBSCORE)
    holdings.number, holdings.away = 2, {"obscore"}
    assert [find(OBSCORE) for _ in range(5)] == [known] * 5
    assert len(holdings.asked) == 2  # it rests after the failure
    holdings.away = set()
    assert find(OBSCORE) == known
    holdings.now = 31.0
    found = find(OBSCORE)
    assert found is not None and found.ra == 2.0


def test_one_table_does_not_wait_for_another(holdings: Holdings, find: SampleCones) -> None:
    holdings.away = {"obscore"}
    holdings.held.clear()
    with ThreadPoolExecutor(2) as threads:
        slow = threads.submit(find, OBSCORE)
        try:
            assert threads.submit(find, OBSERVATIONS).result(30.0) is not None
            assert not slow.done()
        finally:
            holdings.held.set()
        assert slow.result() is None


@pytest.mark.parametrize("name", TABLES)
def test_everybody_finds_the_same_row(name: str) -> None:
    # SCS-025: the order is that of the key, whose values are unique
    cone = TABLES[name]
    query = cone.first_place()
    assert query.endswith(" ORDER BY " + ", ".join(column.adql_name for column in cone.key))
