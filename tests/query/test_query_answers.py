"""Answers of probes: kept for the same test on the same snapshot, of footprints alone."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa
import pytest

from vo_service.adql import Ask, FootprintProbe, Probe
from vo_service.adql.probes import make_probe
from vo_service.query import ProbeAnswers
from vo_service.sky import Circle, Moc

NEAR = make_probe(Circle(10.0, 20.0, 1.0), "intersects", "duckdb")
OTHERS = (
    ("snapshots/1", make_probe(Circle(10.0, 20.0, 1.1), "intersects", "duckdb")),
    ("snapshots/1", make_probe(Circle(10.0, 20.0, 1.0), "inside", "duckdb")),
    ("snapshots/2", NEAR),
)


@dataclass(frozen=True, slots=True)
class RowProbe:
    """A probe that reads rows, as one viewer sees them."""

    name: str = "rows"
    sql: str = "SELECT 1"
    reads: tuple[str, ...] = ()
    purpose: str = "rows"

    def answer(self, ask: Ask) -> pa.Table:
        return pa.table({"n": [1]})


class Asked:
    """Answers of so many rows, counted."""

    def __init__(self, rows: int = 1) -> None:
        self.rows = rows
        self.times = 0

    def __call__(self) -> pa.Table:
        self.times += 1
        return pa.table({"footprint_id": range(self.rows)})


def test_the_same_test_is_asked_once() -> None:
    answers, asked = ProbeAnswers(), Asked()
    first = answers.answer("snapshots/1", NEAR, asked)
    assert answers.answer("snapshots/1", NEAR, asked) is first
    assert asked.times == 1


@pytest.mark.parametrize(("snapshot", "probe"), OTHERS, ids=["region", "test", "snapshot"])
def test_another_test_and_another_snapshot_are_asked(snapshot: str, probe: FootprintProbe) -> None:
    answers, asked = ProbeAnswers(), Asked()
    answers.answer("snapshots/1", NEAR, asked)
    answers.answer(snapshot, probe, asked)
    assert asked.times == 2


def test_probes_of_rows_are_asked_each_time() -> None:
    answers, asked = ProbeAnswers(), Asked()
    probe: Probe = RowProbe()
    for _ in range(2):
        answers.answer("snapshots/1", probe, asked)
    assert asked.times == 2


def test_long_answers_are_not_kept() -> None:
    answers, asked = ProbeAnswers(longest=10), Asked(rows=11)
    for _ in range(2):
        assert answers.answer("snapshots/1", NEAR, asked).num_rows == 11
    assert asked.times == 2


def test_an_error_is_passed_on_and_not_kept() -> None:
    answers = ProbeAnswers()

    def fails() -> pa.Table:
        raise TimeoutError

    with pytest.raises(TimeoutError):
        answers.answer("snapshots/1", NEAR, fails)
    assert answers.answer("snapshots/1", NEAR, Asked()).num_rows == 1


def test_nothing_is_kept_of_long_maps() -> None:
    answers, asked = ProbeAnswers(), Asked()
    moc = Moc([(4 * number, 4 * number + 1) for number in range(1001)])
    for _ in range(2):
        answers.answer("snapshots/1", make_probe(moc, "intersects", "duckdb"), asked)
    assert asked.times == 2
