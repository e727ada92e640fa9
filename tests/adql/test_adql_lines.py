"""Line coverage: the range of wavelengths in front of the exact test of windows loses no row."""

from __future__ import annotations

from typing import Any

import pytest
from corpus.small_sky import plain_values
from engines_under_test import UnderTest

from tap_schema import published
from vo_service.adql import parse, plan_query, resolve
from vo_service.adql.nodes.resolved import Either
from vo_service.adql.planning.sides import parts_of
from vo_service.spectral import line, line_covered, line_covered_all

LINES = ("CO(2-1)", "CO(3-2)")
SHIFTS = ((0.0, 0.0), (0.1, 0.6), (-0.3, 2.0), (0.5, 0.1))


@pytest.mark.parametrize("name", LINES)
@pytest.mark.parametrize("shifts", SHIFTS)
@pytest.mark.parametrize(
    ("function", "oracle"), [("line_covered", line_covered), ("line_covered_all", line_covered_all)]
)
def test_rows_are_those_of_the_windows(
    engine_under_test: UnderTest, name: str, shifts: tuple[float, float], function: str, oracle: Any
) -> None:
    supports = plain_values("ivoa.obscore")["em_support"]
    rest = line(name).rest_hz
    wanted = [n for n, support in enumerate(supports) if oracle(rest, *shifts, support)]
    call = f"{function}('{name}', {shifts[0]}, {shifts[1]}, em_support)"
    for condition in (f"1 = {call}", f"{call} > 0", f"NOT ({call} = 0 OR {call} IS NULL)"):
        found = engine_under_test.ask(f"SELECT obs_id FROM ivoa.obscore WHERE {condition}").rows
        assert sorted(int(row[0]) for row in found) == wanted


def test_the_range_is_there() -> None:
    query = "SELECT obs_id FROM ivoa.obscore WHERE 1 = line_covered('CO(2-1)', 0, 0.1, em_support)"
    plan = plan_query(resolve(parse(query), published()))
    assert any(isinstance(part, Either) for part in parts_of(plan.query))
