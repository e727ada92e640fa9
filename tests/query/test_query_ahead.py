"""Rows read in one thread while another uses them: order, errors, and an end that leaves nobody reading."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa
import pytest

from vo_service.engines import QueryCancelled
from vo_service.query import Answer, Question, read_ahead


class Source:
    """Batches, of which ``free`` come at once; the next one only when the query is stopped."""

    def __init__(self, count: int, fails_at: int | None = None, free: int = 1000) -> None:
        self.count = count
        self.fails_at = fails_at
        self.free = threading.Semaphore(free)
        self.read = 0
        self.asked = threading.Semaphore(0)
        self.stopped = threading.Event()
        self.answer = Answer((), self._batches(), Question("", None), 1, (), self._stop)

    def _stop(self) -> None:
        self.stopped.set()
        self.free.release()

    def _batches(self) -> Iterator[pa.RecordBatch]:
        for number in range(self.count):
            self.asked.release()
            assert self.free.acquire(timeout=20)
            if self.stopped.is_set():
                raise QueryCancelled("the query was stopped")
            if number == self.fails_at:
                raise ValueError("broken")
            self.read += 1
            yield pa.record_batch({"n": [number]})


@pytest.fixture
def readers() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as executor:
        yield executor


def numbers(batches: Iterator[pa.RecordBatch]) -> list[int]:
    return [batch["n"][0].as_py() for batch in batches]


def test_batches_come_in_order_and_all(readers: ThreadPoolExecutor) -> None:
    source = Source(50)
    assert numbers(read_ahead(source.answer, source.answer.batches, readers)) == list(range(50))
    empty = Source(0)
    assert numbers(read_ahead(empty.answer, empty.answer.batches, readers)) == []


def test_the_next_one_is_read_while_one_is_in_use_and_no_more(readers: ThreadPoolExecutor) -> None:
    source = Source(50)
    ahead = read_ahead(source.answer, source.answer.batches, readers)
    next(ahead)
    readers.submit(lambda: None).result()  # the reader has done what it was asked
    assert source.read == 2
    ahead.close()


def test_an_error_comes_after_what_was_read_before_it(readers: ThreadPoolExecutor) -> None:
    source = Source(50, fails_at=3)
    ahead = read_ahead(source.answer, source.answer.batches, readers)
    assert numbers(next(ahead) for _ in range(3)) == [0, 1, 2]
    with pytest.raises(ValueError, match="broken"):
        next(ahead)


def test_closing_stops_the_query_and_waits_for_the_reader(readers: ThreadPoolExecutor) -> None:
    source = Source(50, free=1)
    ahead = read_ahead(source.answer, source.answer.batches, readers)
    next(ahead)
    assert source.asked.acquire(timeout=20) and source.asked.acquire(timeout=20)  # the second one is awaited
    ahead.close()
    assert source.stopped.is_set() and source.read == 1
    source.answer.batches.close()  # would raise while somebody still reads


def test_closing_at_rest_stops_nothing(readers: ThreadPoolExecutor) -> None:
    source = Source(50)
    ahead = read_ahead(source.answer, source.answer.batches, readers)
    next(ahead)
    readers.submit(lambda: None).result()  # the second one has been read
    ahead.close()
    assert not source.stopped.is_set() and source.read == 2
