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
from vo_service.trees.gate import Closures

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
    closures = Closures(Shown(), rights, standings, START)  # type: ignore[arg-type]
    for moment in (START + timedelta(hours=12 * each) for each in hours):
        closed = closures.at(moment)
        for number, some in enumerate(claims):
            is_open = bool(some) and all(
                rights.is_open(claim.origin, claim.release_date, moment) for claim in some
            )
            assert closed.meets(5, 2 * number) is not is_open
            assert not closed.meets(5, 2 * number + 1)
