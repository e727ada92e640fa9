"""Whose turn it is: no client holds all threads, whatever it asks for."""

from __future__ import annotations

import gc
import threading
import time
import weakref
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vo_service.dali.streams import Turns

SLOTS = 4
SECONDS = 20.0


@dataclass
class Held:
    """Work that lasts until it is let go."""

    begun: threading.Event = field(default_factory=threading.Event)
    let_go: threading.Event = field(default_factory=threading.Event)

    def __call__(self) -> None:
        self.begun.set()
        assert self.let_go.wait(SECONDS)


@pytest.fixture
def executor() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(SLOTS) as threads:
        yield threads


def end(works: list[Held], futures: list[Future[None]]) -> None:
    for work in works:
        work.let_go.set()
    assert not wait(futures, SECONDS).not_done


def test_a_client_with_long_work_leaves_threads_to_others(executor: ThreadPoolExecutor) -> None:
    turns = Turns(executor, SLOTS)
    long = [Held() for _ in range(10)]
    futures = [turns.submit("greedy", work) for work in long]
    quick = [turns.submit("other", lambda: None) for _ in range(3)]
    assert not wait(quick, SECONDS).not_done
    assert all(work.begun.wait(SECONDS) for work in long[: SLOTS // 2])
    assert sum(work.begun.is_set() for work in long) == SLOTS // 2
    end(long, futures)
    assert all(work.begun.is_set() for work in long)


def test_who_has_the_fewest_threads_is_next_and_the_oldest_work_of_a_client(
    executor: ThreadPoolExecutor,
) -> None:
    turns = Turns(executor, SLOTS)
    first = [Held() for _ in range(SLOTS)]
    long = [turns.submit(client, work) for client, work in zip("aabb", first, strict=True)]
    order: list[str] = []
    names = ("a1", "a2", "b1", "c1", "c2")
    short = [turns.submit(name[0], partial(order.append, name)) for name in names]
    assert order == []
    first[0].let_go.set()  # one of a's: of this thread b has nothing, as it has two
    assert not wait([future for name, future in zip(names, short) if name != "b1"], SECONDS).not_done
    assert order == ["c1", "c2", "a1", "a2"]
    end(first, [*long, *short])
    assert order[4:] == ["b1"]


def test_one_thread_serves_everybody() -> None:
    with ThreadPoolExecutor(1) as executor:
        turns = Turns(executor, 1)
        futures = [turns.submit(client, lambda: None) for client in "aab"]
        assert not wait(futures, SECONDS).not_done


def test_cancelled_work_leaves_the_queue_with_what_it_holds(executor: ThreadPoolExecutor) -> None:
    turns = Turns(executor, SLOTS)
    long = [Held() for _ in range(SLOTS // 2)]
    futures = [turns.submit("a", work) for work in long]
    waiting = Held()
    seen = weakref.ref(waiting)
    withdrawn = turns.submit("a", waiting)
    assert withdrawn.cancel()
    del waiting, withdrawn
    gc.collect()
    assert seen() is None
    end(long, futures)
    assert not wait([turns.submit("a", lambda: None)], SECONDS).not_done


def test_work_that_fails_gives_its_thread_back() -> None:
    with ThreadPoolExecutor(1) as executor:
        turns = Turns(executor, 1)

        def fails() -> None:
            raise KeyError("bad")

        futures = [turns.submit("a", fails), turns.submit("a", lambda: None)]
        assert not wait(futures, SECONDS).not_done


def test_the_end_of_the_threads_is_told_and_cancels_what_waits() -> None:
    executor = ThreadPoolExecutor(SLOTS)
    turns = Turns(executor, SLOTS)
    long = [Held() for _ in range(SLOTS // 2)]
    futures = [turns.submit("a", work) for work in long]
    waiting = turns.submit("a", lambda: None)
    executor.shutdown(wait=False)
    with pytest.raises(RuntimeError):
        turns.submit("b", lambda: None)
    assert waiting.cancelled()
    end(long, futures)


@contextmanager
def no_room_for_threads() -> Iterator[None]:
    """As where the system refuses another thread."""

    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        yield


def test_work_whose_thread_cannot_be_started_is_refused_and_never_done(executor: ThreadPoolExecutor) -> None:
    turns = Turns(executor, SLOTS)
    long = Held()
    running = turns.submit("a", long)
    assert long.begun.wait(SECONDS)
    done: list[str] = []
    with no_room_for_threads(), pytest.raises(RuntimeError):
        turns.submit("b", partial(done.append, "b"))  # in the executor's queue all the same
    end([long], [running])  # its thread now takes what was queued
    after = [turns.submit(client, partial(done.append, client)) for client in "cdef"]
    assert not wait(after, SECONDS).not_done
    executor.shutdown(wait=True)
    assert sorted(done) == ["c", "d", "e", "f"]
    assert turns._free == SLOTS and not turns._running  # nothing was given back twice


def test_work_that_another_thread_has_begun_is_not_refused() -> None:
    """The executor queues the work, a thread of it takes that, and only then a start fails."""

    class Late(ThreadPoolExecutor):
        late = False

        def submit(self, *args: Any, **options: Any) -> Future[Any]:
            future = super().submit(*args, **options)
            if self.late:
                future.result(SECONDS)
                raise RuntimeError("can't start new thread")
            return future

    with Late(SLOTS) as executor:
        turns = Turns(executor, SLOTS)
        executor.late = True
        done: list[str] = []
        future = turns.submit("a", partial(done.append, "a"))
        assert future.done() and not future.cancelled() and done == ["a"]
        assert turns._free == SLOTS and not turns._running


def test_what_waits_is_cancelled_where_no_thread_can_be_started(executor: ThreadPoolExecutor) -> None:
    """All of it: none is left as work that has begun, for which its request would wait without end."""
    turns = Turns(executor, SLOTS)
    long = [Held() for _ in range(SLOTS)]
    futures = [turns.submit(client, work) for client, work in zip("aabb", long, strict=True)]
    waiting = [turns.submit(client, lambda: None) for client in "cd"]
    told = [threading.Event() for _ in waiting]
    for future, event in zip(waiting, told, strict=True):
        future.add_done_callback(lambda _, event=event: event.set())  # type: ignore[misc]
    with no_room_for_threads():
        executor._max_workers += 1  # so that it wants another thread for the next work
        long[0].let_go.set()
        assert all(event.wait(SECONDS) for event in told)
    assert all(future.cancelled() for future in waiting)
    end(long, futures)


@given(st.lists(st.sampled_from("abcd"), min_size=1, max_size=60), st.integers(1, 6))
def test_everything_is_done_within_the_limits(clients: list[str], slots: int) -> None:
    lock, running, most = threading.Lock(), Counter[str](), Counter[str]()
    together = 0

    def work(client: str) -> None:
        nonlocal together
        with lock:
            running[client] += 1
            most[client] = max(most[client], running[client])
            together = max(together, running.total())
        time.sleep(0.0005)  # so that they meet
        with lock:
            running[client] -= 1

    with ThreadPoolExecutor(slots + 4) as executor:
        turns = Turns(executor, slots)
        futures = [turns.submit(client, partial(work, client)) for client in clients]
        assert not wait(futures, SECONDS).not_done
    assert together <= slots
    assert all(number <= max(1, slots // 2) for number in most.values())
