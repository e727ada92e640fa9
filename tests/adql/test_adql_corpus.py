"""The corpus of queries with answers: values, NULLs and fields against numpy and astropy, on every engine."""

from __future__ import annotations

import pytest
from corpus.cases import Case, judge, parameters, valid_cases
from corpus.generate import generated_cases
from corpus.uploads import upload
from engines_under_test import ASTRONOMER, UnderTest

from vo_service.access import ANONYMOUS

VIEWERS = {"anyone": ANONYMOUS, "astronomer": ASTRONOMER}


@pytest.mark.parametrize("case", parameters(valid_cases()))
def test_queries_with_answers(case: Case, engine_under_test: UnderTest) -> None:
    answer = engine_under_test.ask(
        case.adql,
        maxrec=case.maxrec,
        version=case.version,
        uploads=[upload(name) for name in case.uploads],
        viewer=VIEWERS[case.viewer],
    )
    judge(case, answer.columns, answer.rows)
    assert answer.overflowed is case.overflows
    for words in case.warns:
        assert any(words in warning for warning in answer.warnings), answer.warnings
    if not case.warns:
        assert answer.warnings == ()


@pytest.mark.parametrize("case", parameters(generated_cases()[::3]))
def test_generated_queries(case: Case, engine_under_test: UnderTest) -> None:
    answer = engine_under_test.ask(case.adql)
    judge(case, answer.columns, answer.rows)


@pytest.mark.soak
@pytest.mark.parametrize("case", parameters(generated_cases()))
def test_all_generated_queries(case: Case, engine_under_test: UnderTest) -> None:
    answer = engine_under_test.ask(case.adql)
    judge(case, answer.columns, answer.rows)


def test_there_are_enough_of_them() -> None:
    texts = {case.adql for case in valid_cases()}
    assert len(texts) == len(valid_cases()) >= 300
