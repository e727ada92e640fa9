"""Plans of earlier queries: kept for the same question on the same snapshot, and for no other."""

from __future__ import annotations

import threading

import pytest

from tap_schema import published
from vo_service.adql import AdqlError, Plan, parse, plan_query, resolve
from vo_service.query import PlanKey, Plans


def plan_of(adql: str) -> Plan:
    return plan_query(resolve(parse(adql), published()), 10)


class Maker:
    """Makes plans and counts them."""

    def __init__(self) -> None:
        self.made: list[str] = []

    def ask(self, plans: Plans, key: PlanKey) -> Plan:
        def make() -> Plan:
            self.made.append(key.adql)
            return plan_of(key.adql)

        return plans.plan(key, make)


FIRST = PlanKey("SELECT s_ra FROM ivoa.obscore", "2.1", 10, "snapshots/1")
OTHERS = (
    PlanKey("SELECT s_dec FROM ivoa.obscore", "2.1", 10, "snapshots/1"),
    PlanKey("SELECT s_ra FROM ivoa.obscore", "2.0", 10, "snapshots/1"),
    PlanKey("SELECT s_ra FROM ivoa.obscore", "2.1", 11, "snapshots/1"),
    PlanKey("SELECT s_ra FROM ivoa.obscore", "2.1", None, "snapshots/1"),
    PlanKey("SELECT s_ra FROM ivoa.obscore", "2.1", 10, "snapshots/2"),
)


def test_the_same_question_is_planned_once() -> None:
    plans, maker = Plans(), Maker()
    first = maker.ask(plans, FIRST)
    assert maker.ask(plans, FIRST) is first
    assert len(maker.made) == 1


@pytest.mark.parametrize("other", OTHERS)
def test_another_question_has_a_plan_of_its_own(other: PlanKey) -> None:
    plans, maker = Plans(), Maker()
    maker.ask(plans, FIRST)
    maker.ask(plans, other)
    assert len(maker.made) == 2


def test_the_plan_that_was_asked_for_longest_ago_goes() -> None:
    plans, maker = Plans(most=2), Maker()
    for key in (FIRST, OTHERS[0], FIRST, OTHERS[1], FIRST, OTHERS[0]):
        maker.ask(plans, key)
    assert maker.made == [FIRST.adql, OTHERS[0].adql, OTHERS[1].adql, OTHERS[0].adql]


def test_long_texts_are_not_kept() -> None:
    plans, maker = Plans(longest=len(FIRST.adql) - 1), Maker()
    maker.ask(plans, FIRST)
    maker.ask(plans, FIRST)
    assert len(maker.made) == 2


def test_large_plans_of_short_texts_are_not_kept() -> None:
    plans, maker = Plans(), Maker()
    usual = "SELECT o.*, o.*, o.* FROM ivoa.obscore AS o"
    large = " UNION ALL ".join(["SELECT o.*, o.*, o.*, o.* FROM ivoa.obscore AS o"] * 5)
    for adql in (usual, large, usual, large):
        maker.ask(plans, PlanKey(adql, "2.1", 10, "snapshots/1"))
    assert maker.made == [usual, large, large]


def test_a_plan_has_more_parts_than_any_smaller_number() -> None:
    plan = plan_of("SELECT o.* FROM ivoa.obscore AS o")
    told = [plan.has_more_parts(count) for count in range(1000)]
    assert told == sorted(told, reverse=True)
    assert told[0] and not told[-1]


def test_a_mistake_is_told_each_time() -> None:
    plans, maker = Plans(), Maker()
    wrong = PlanKey("SELECT nothing FROM ivoa.obscore", "2.1", 10, "snapshots/1")
    for _ in range(2):
        with pytest.raises(AdqlError, match="nothing"):
            maker.ask(plans, wrong)
    assert len(maker.made) == 2


def test_many_threads_get_the_right_plans() -> None:
    plans = Plans(most=3)
    keys = [PlanKey(f"SELECT TOP {n} s_ra FROM ivoa.obscore", "2.1", 10, "s") for n in range(1, 7)]
    wrong: list[PlanKey] = []

    def work(turn: int) -> None:
        for step in range(60):
            key = keys[(turn + step) % len(keys)]
            if plans.plan(key, lambda: plan_of(key.adql)) != plan_of(key.adql):  # noqa: B023  (called at once)
                wrong.append(key)

    threads = [threading.Thread(target=work, args=(turn,)) for turn in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
