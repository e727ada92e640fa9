"""Whether jobs may begin: taken for granted, doubted, and looked after until it is so again."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from live_service import until

from vo_service.dali.errors import ErrorKind, ServiceAway, ServiceError
from vo_service.tap.readiness import Readiness


@pytest.fixture
def lookers() -> Callable[[], int]:
    """How many threads look, beside those of others before."""
    before = set(threading.enumerate())
    return lambda: sum(each.name == "readiness" for each in set(threading.enumerate()) - before)


def test_it_is_ready_until_doubted_and_again_when_queries_are_answered(lookers: Callable[[], int]) -> None:
    looks: list[str | None] = []
    troubles: list[str | None] = [None, "away", "away"]
    may = threading.Event()

    def look() -> str | None:
        assert may.wait(60)
        looks.append(troubles.pop())
        return looks[-1]

    ready = Readiness(look)
    assert ready() and looks == [], "nobody asks before there is a reason to"
    for _ in range(20):
        ready.doubt()
    assert not ready()
    assert lookers() == 1
    may.set()
    assert until(ready)
    assert looks == ["away", "away", None]
    assert until(lambda: lookers() == 0)


def test_only_what_is_away_makes_doubts(lookers: Callable[[], int]) -> None:
    ready = Readiness(lambda: "away")
    with pytest.raises(ServiceError), ready.doubted():
        raise ServiceError(ErrorKind.UNAVAILABLE, "The query is too large.")
    assert ready()
    with pytest.raises(ServiceAway), ready.doubted():
        raise ServiceAway("It is not there.")
    assert not ready()
    ready.close()
    assert until(lambda: lookers() == 0)
    assert not ready()


def test_a_look_that_fails_is_none_and_the_next_one_counts(caplog: pytest.LogCaptureFixture) -> None:
    answers = [None, KeyError("tables")]
    may = threading.Event()

    def look() -> str | None:
        assert may.wait(60)
        answer = answers.pop()
        if answer is not None:
            raise answer
        return None

    ready = Readiness(look)
    ready.doubt()
    assert not ready()
    may.set()
    assert until(ready)
    assert "looking whether queries are answered failed" in caplog.text


def test_where_nobody_can_look_it_stays_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_room(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    ready = Readiness(lambda: None)
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", no_room)
        with pytest.raises(ServiceAway), ready.doubted():
            raise ServiceAway("It is not there.")
    assert ready()
