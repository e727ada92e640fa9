"""What the capabilities declare runs: every function, feature and function of our own has a query."""

from __future__ import annotations

import pytest
from declared_queries import RUNS
from engines_under_test import UnderTest

from vo_service.adql import declared
from vo_service.adql.meaning.shapes import GEOMETRY as COMPILED


def test_every_declaration_has_a_query_here() -> None:
    # ADQL-167, ADQL-172
    names = {feature.name for features in declared().values() for feature in features}
    assert names == set(RUNS)
    assert names >= COMPILED


@pytest.mark.parametrize("name", RUNS)
def test_what_is_declared_runs(engine_under_test: UnderTest, name: str) -> None:
    # TAP-292, ADQL-160, ADQL-169
    found = [row[0] for row in engine_under_test.ask(RUNS[name]).rows]
    assert found and any(value not in (None, 0) for value in found)
