"""Random texts and random typed queries on both engines: an answer, a refusal with a place, or a limit.

The run of the suite takes VO_SERVICE_FUZZ_SECONDS (60) in all, in four classes so that test processes share
them; ``make soak`` sets it to half an hour. What fails is printed with the seed that makes it again.
"""

from __future__ import annotations

import os
import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from corpus.cases import compare_rows
from corpus.mutations import Typed, mutated, scrambled
from engines_under_test import UnderTest

from vo_service.adql import AdqlError
from vo_service.engines import EngineError, Limits, QueryCancelled, QueryFailed, QueryTimeout, QueryTooLarge

SECONDS = float(os.environ.get("VO_SERVICE_FUZZ_SECONDS", "60")) / 4
SEED = int(os.environ.get("VO_SERVICE_FUZZ_SEED", "5"))
LIMITS = Limits(seconds=5.0, batch_rows=1000)
GRACE = 10.0
"""Seconds beyond its limit in which a query must have ended, on a machine that is busy."""
_LIMITED = (QueryTimeout, QueryTooLarge)
"""A limit that one engine meets and the other does not is no disagreement; a refusal knows no engine."""


def _seeds(kind: str) -> Iterator[int]:
    """Seeds until the time is up; a hundred at least."""
    ends = time.monotonic() + SECONDS
    number = 0
    while time.monotonic() < ends or number < 100:
        yield hash_of(kind, number)
        number += 1


def hash_of(kind: str, number: int) -> int:
    """A seed that is the same in every process."""
    return (SEED * 1_000_003 + sum(map(ord, kind))) * 1_000_003 + number


def _place_is_inside(error: AdqlError, text: str) -> bool:
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return 1 <= error.line <= len(lines) and 1 <= error.column <= len(lines[error.line - 1]) + 1


@contextmanager
def _watched(text: str) -> Iterator[None]:
    """A query that does not come back ends the whole process, with its text on the standard error."""

    def give_up() -> None:
        print(f"no answer and no error: {text!r}", file=sys.__stderr__, flush=True)
        os._exit(70)

    watch = threading.Timer(LIMITS.seconds + 6 * GRACE, give_up)
    watch.start()
    try:
        yield
    finally:
        watch.cancel()


def _outcome(text: str, under_test: UnderTest) -> object:
    """Rows, or the error where it is one of those that may be."""
    with _watched(text):
        return _asked(text, under_test)


def _asked(text: str, under_test: UnderTest) -> object:
    started = time.monotonic()
    try:
        outcome: object = under_test.ask(text, maxrec=500, limits=LIMITS).rows
    except AdqlError as error:
        assert _place_is_inside(error, text), f"the place {error.line}:{error.column} is outside"
        outcome = error
    except QueryFailed as error:
        assert error.reason, f"a failure without a reason: {error}"
        outcome = error
    except _LIMITED as error:
        outcome = error
    assert time.monotonic() - started < LIMITS.seconds + GRACE, "past its limit"
    return outcome


def _fuzz(make: Callable[[random.Random], str], kind: str, engines: tuple[UnderTest, UnderTest]) -> None:
    """Random texts until the time is up: some are answered, some refused, nothing else comes of them."""
    outcomes: Counter[str] = Counter()
    for number, seed in enumerate(_seeds(kind)):
        text = make(random.Random(seed))
        under_test = engines[number % 2]
        try:
            outcomes[type(_outcome(text, under_test)).__name__] += 1
        except BaseException as error:
            pytest.fail(f"{kind}, seed {seed}, {under_test.name}: {text!r}\n{type(error).__name__}: {error}")
    assert outcomes["list"] > 5 and outcomes["AdqlError"] > 20, outcomes
    assert set(outcomes) <= {"list", "AdqlError", "QueryFailed", "QueryTimeout", "QueryTooLarge"}


def _agree(engines: tuple[UnderTest, UnderTest]) -> int:
    """Random typed queries until the time is up; how many were answered."""
    answered = 0
    for seed in _seeds("typed"):
        text = Typed(random.Random(seed)).query()
        try:
            one, other = (_outcome(text, under_test) for under_test in engines)
            if isinstance(one, list) and isinstance(other, list):
                compare_rows(one, other, ordered=False, tolerance=1e-9)
                answered += 1
            elif isinstance(one, _LIMITED) or isinstance(other, _LIMITED):
                assert not isinstance(one, AdqlError) and not isinstance(other, AdqlError), (one, other)
            elif not (isinstance(one, EngineError) and isinstance(other, EngineError)):
                assert type(one) is type(other), f"{one!r:.300} against {other!r:.300}"
        except QueryCancelled:
            raise
        except BaseException as error:
            pytest.fail(f"typed, seed {seed}: {text}\n{type(error).__name__}: {error}")
    return answered


class TestTokens:
    """Tokens dropped, doubled, swapped, replaced."""

    def test_tokens(self, both_engines: tuple[UnderTest, UnderTest]) -> None:
        # ADQL-254, ADQL-257
        _fuzz(mutated, "tokens", both_engines)


class TestCharacters:
    """Characters dropped and put in."""

    def test_characters(self, both_engines: tuple[UnderTest, UnderTest]) -> None:
        # ADQL-001, ADQL-254
        _fuzz(scrambled, "characters", both_engines)


class TestTyped:
    """Valid queries: both engines give the same."""

    def test_engines_agree(self, both_engines: tuple[UnderTest, UnderTest]) -> None:
        assert _agree(both_engines) >= 60


class TestTypedAndMutated:
    """Valid typed queries with a scrap put in."""

    def test_typed_and_mutated(self, both_engines: tuple[UnderTest, UnderTest]) -> None:
        def make(chance: random.Random) -> str:
            text = Typed(chance).query()
            at = chance.randrange(len(text))
            scrap = chance.choice((" ", "(", "NULL", "1", "'", ")", " AND ", "POINT(1, 2)"))
            return text[:at] + scrap + text[at + chance.randrange(9) :]

        _fuzz(make, "typed and mutated", both_engines)
