"""Error texts of SODA, and the names that ID may have."""

from __future__ import annotations

import pickle
import re

import pytest

from vo_service.dali.errors import ErrorKind, ServiceError, usage
from vo_service.products.identifiers import dataset_of
from vo_service.soda.errors import MultiValuedError, word_of, worded

BEGINNING = re.compile(
    r"(Error|AuthenticationError|AuthorizationError|ServiceUnavailable|UsageError"
    r"|MultiValuedParamNotSupported): \S"
)


@pytest.mark.parametrize("kind", ErrorKind, ids=lambda kind: kind.name)
def test_each_kind_has_a_word(kind: ErrorKind) -> None:
    # SODA-054
    assert BEGINNING.match(worded(ServiceError(kind, "It went wrong.", "Do it right.")))


@pytest.mark.parametrize(
    ("kind", "status", "word"),
    [
        (ErrorKind.USAGE, 400, "UsageError"),
        (ErrorKind.UNAUTHENTICATED, 401, "AuthenticationError"),
        (ErrorKind.FORBIDDEN, 403, "AuthorizationError"),
        (ErrorKind.NOT_FOUND, 404, "UsageError"),
        (ErrorKind.UNAVAILABLE, 503, "ServiceUnavailable"),
        (ErrorKind.BUSY, 503, "ServiceUnavailable"),
        (ErrorKind.INTERNAL, 500, "Error"),
    ],
    ids=str,
)
def test_words_and_statuses(kind: ErrorKind, status: int, word: str) -> None:
    # SODA-055, SODA-015
    error = ServiceError(kind, "x")
    assert (error.status, worded(error)) == (status, f"{word}: x")
    assert ("Retry-After" in error.headers) == (status == 503)


def test_a_repeated_parameter_has_its_own_word() -> None:
    # SODA-011
    error = MultiValuedError("CIRCLE was given 2 times.", "Send one.")
    assert error.status == 400
    assert worded(error) == "MultiValuedParamNotSupported: CIRCLE was given 2 times.\nSend one."
    again = pickle.loads(pickle.dumps(error))
    assert (word_of(again), worded(again)) == (word_of(error), worded(error))


def test_a_hint_stands_behind_the_reason() -> None:
    # SODA-056
    assert worded(usage("CIRCLE needs 3 numbers.", "Send three.")) == (
        "UsageError: CIRCLE needs 3 numbers.\nSend three."
    )


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("ivo://example.org/obs?a-b-0123", "a-b-0123"),
        ("IVO://Example.ORG/OBS?a-b-0123", "a-b-0123"),
        ("ivo://example.org/obs?A-b", "A-b"),  # what follows the question mark is kept to the letter
        (" ivo://example.org/obs?a-b\n", "a-b"),
        ("a-b-0123", "a-b-0123"),
        ("ivo://example.org/obs?", ""),
        ("ivo://example.org/other?a-b", "ivo://example.org/other?a-b"),
        ("ivo://example.org/obs/x?a-b", "ivo://example.org/obs/x?a-b"),
        ("ivo://example.organisation/obs?a-b", "ivo://example.organisation/obs?a-b"),
        ("ivo://elsewhere/obs?a-b", "ivo://elsewhere/obs?a-b"),
        ("https://example.org/obs?a-b", "https://example.org/obs?a-b"),
    ],
)
def test_data_sets_of_identifiers(text: str, name: str) -> None:
    assert dataset_of(text, "example.org") == name
