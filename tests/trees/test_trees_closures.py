"""Where a tree is closed at a moment, by the rule for each claim of each member."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hips.trees.cell_sets import CellSet
from vo_service.access import Rights
from vo_service.products.standing import Standing
from vo_service.products.stored import Claim
from vo_service.trees.members import Withdrawn
from vo_service.trees.names import Names
from vo_service.trees.withheld import Changes, Closures, Withdrawals, Withheld

START = datetime(2026, 1, 1, tzinfo=UTC)
DATES = st.one_of(
    st.none(), st.integers(-3, 3).map(lambda days: START.replace(tzinfo=None) + timedelta(days))
)
CLAIMS = st.lists(st.builds(Claim, st.sampled_from(["file", "archive", "both"]), DATES), max_size=3)


class Shown:
    """Stands in for the tables of a build: each member is in a cell of its own."""

    def shown(self, names: Collection[str]) -> CellSet:
        cells = np.array(sorted(int(name) for name in names), dtype=np.int64)
        return CellSet.of(np.full(len(cells), 5, dtype=np.int64), 2 * cells)


@given(st.lists(CLAIMS, max_size=6), st.booleans(), st.lists(st.integers(-8, 8), min_size=1, max_size=6))
def test_a_member_is_closed_while_any_claim_is(
    claims: list[list[Claim]], unlisted_open: bool, hours: list[int]
) -> None:
    rights = Rights(unlisted_open)
    standings = [Standing(str(number), tuple(some)) for number, some in enumerate(claims)]
    closures = Closures(Shown(), rights, standings, START, START, Changes(START))
    for moment in (START + timedelta(hours=12 * each) for each in hours):
        closed = closures.at(moment).closed
        for number, some in enumerate(claims):
            is_open = bool(some) and all(
                rights.is_open(claim.origin, claim.release_date, moment) for claim in some
            )
            assert closed.meets(5, 2 * number) is not is_open
            assert not closed.meets(5, 2 * number + 1)


MINUTE = timedelta(minutes=1)


def standing(name: str, *dates: datetime) -> Standing:
    return Standing(name, tuple(Claim("both", date.replace(tzinfo=None)) for date in dates))


def test_the_date_of_a_tree_is_that_of_its_last_change() -> None:
    # HIPS-056, CHK-H23: it was built, some of it was closed on the next day, and opens later
    told = START + timedelta(days=1, seconds=59)
    dates = [START - timedelta(days=9), START + timedelta(days=3), START + timedelta(days=5)]
    standings = [standing(str(number), date) for number, date in enumerate(dates)]
    closures = Closures(Shown(), Rights(False), standings, told, told, Changes(START))
    moments = [told, dates[1] - MINUTE, dates[1], dates[2], dates[2] + timedelta(days=1)]
    changed = [told.replace(second=0), told.replace(second=0), dates[1], dates[2], dates[2]]
    # a run that follows within the same minute tells a later date
    assert [closures.at(moment).since for moment in moments] == [each - MINUTE for each in changed]
    assert [len(closures.at(moment).closed) for moment in moments] == [2, 2, 1, 0, 0]
    whole = Closures(Shown(), Rights(False), standings[:1], told, told, Changes(START))
    assert whole.at(told).since is None
    at_once = Closures(Shown(), Rights(False), [Standing("4")], START, START, Changes(START))
    assert at_once.at(START).since == START + MINUTE  # else it were that of the build


def test_the_date_changes_with_what_is_shown_alone() -> None:
    # HIPS-056: ingests that close nothing else, and those that open, leave no date that goes back
    changes = Changes(START)

    def after(days: int, *closed: str) -> Withheld:
        told = START + timedelta(days=days)
        standings = [Standing(name) for name in closed] + [standing("9", START)]
        return Closures(Shown(), Rights(False), standings, told, told, changes).at(told)

    assert after(1).since is None
    dates = [after(2, "1"), after(3, "1"), after(4, "1", "2"), after(2, "1"), after(5, "1", "2"), after(6)]
    assert [each.since for each in dates] == [START + timedelta(days) - MINUTE for days in (2, 2, 4, 4, 4, 6)]
    assert not len(dates[-1].closed)
    assert after(7).since == dates[-1].since


def withdrawals(days: int, changes: Changes, last: datetime | None, *names: str) -> Withheld:
    told = START + timedelta(days=days)
    return Withdrawals(Withdrawn(Names(names), last), told, changes).at(told)


def test_what_was_withdrawn_before_a_build_does_not_change_it() -> None:
    before, after = (START + timedelta(minutes=each) for each in (-5, 7))
    known = withdrawals(1, Changes(START), before, "a")
    assert (known.rows, known.since) == (Names(["a"]), None)
    known = withdrawals(1, Changes(START), after, "b", "a")
    assert (known.rows, known.since) == (Names(["a", "b"]), after - MINUTE)


def test_an_ingest_that_began_before_a_build_changes_it() -> None:
    changes = Changes(START)
    assert withdrawals(-1, changes, None).since is None
    began = START - timedelta(hours=2)
    dates = [
        withdrawals(1, changes, began, "a"),
        withdrawals(2, changes, began, "a"),
        withdrawals(3, changes, None),
    ]
    assert [each.since for each in dates] == [START + timedelta(days) - MINUTE for days in (1, 1, 3)]


@given(st.sets(st.text(max_size=4), max_size=9), st.text(max_size=4))
def test_names(names: set[str], other: str) -> None:
    found = Names(names)
    assert len(found) == len(names) and all(name.encode() in found for name in names)
    assert (other.encode() in found) is (other in names)
    assert found == Names(sorted(names, reverse=True))
    assert (found == Names(names | {other})) is (other in names)
