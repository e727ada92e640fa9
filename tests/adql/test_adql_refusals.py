"""Queries that must be refused, each at its place with words that help; reserved words in every position."""

from __future__ import annotations

import pytest
from corpus.cases import Refused, parameters, refused_cases
from corpus.generate import POSITIONS, reserved_names, reserved_words

from tap_schema import published
from vo_service.adql import AdqlError, parse, plan_query, resolve, write


def _error_of(adql: str, version: str) -> AdqlError:
    with pytest.raises(AdqlError) as caught:
        write(plan_query(resolve(parse(adql, version), published()), None), "duckdb")
    return caught.value


@pytest.mark.parametrize("case", parameters(refused_cases()))
def test_refused_at_its_place(case: Refused) -> None:
    error = _error_of(case.adql, case.version)
    assert (error.line, error.column) == (case.line, case.column), str(error)
    assert case.words in str(error)


@pytest.mark.parametrize("position", POSITIONS)
def test_reserved_words_are_no_names_without_quotes(position: str) -> None:
    # ADQL-005, ADQL-018, ADQL-019, ADQL-020, ADQL-021
    for case in reserved_names(position):
        error = _error_of(case.adql, case.version)
        assert (error.line, error.column) == (case.line, case.column), f"{case.adql}: {error}"


def test_all_words_of_the_lists_are_there() -> None:
    assert len(set(reserved_words())) == 226 + 41 - 1


def test_there_are_enough_of_them() -> None:
    texts = {(case.adql, case.version) for case in refused_cases()}
    assert len(texts) >= 300
