"""What waits between a thread and a slow client: order, memory, files, caps, a full disk."""

from __future__ import annotations

import resource
import signal
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vo_service.dali.streams import SpoolClosed, SpoolLimits, SpoolRoom


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path
    assert list(tmp_path.iterdir()) == []  # files have no name, so that nothing outlives the process


def room_in(place: Path, **limits: float) -> SpoolRoom:
    return SpoolRoom(place, SpoolLimits(**{"stall_seconds": 0.05, **limits}))  # type: ignore[arg-type]


def has_taken(room: SpoolRoom, size: int) -> bool:
    """Whether so many bytes of the disk are taken: the rest can be had, and not a byte more."""
    rest = room.limits.total_bytes - size
    if not room.take(rest):
        return False
    no_more = not room.take(1)
    room.give(rest)
    return no_more


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def emptied(spool: object) -> bytes:
    taken = b""
    while piece := spool.take():  # type: ignore[attr-defined]
        taken += piece
    return taken


def test_what_fits_into_memory_makes_no_file(place: Path) -> None:
    spool = room_in(place, memory_bytes=100).spool()
    before = open_files()
    assert spool.put(b"a" * 60) and spool.put(b"b" * 40)
    assert open_files() == before and not spool.next_on_disk and spool.waiting == 100
    assert spool.take() == b"a" * 60 + b"b" * 40
    assert spool.waiting == 0 and spool.take() == b""


def test_the_rest_goes_to_files_that_are_given_back_as_they_are_read(place: Path) -> None:
    room = room_in(place, memory_bytes=100, segment_bytes=1000)
    spool = room.spool()
    before = open_files()
    pieces = [bytes([number]) * 99 for number in range(200)]
    assert all(spool.put(piece) for piece in pieces)
    assert has_taken(room, 199 * 99) and open_files() - before >= 18
    assert emptied(spool) == b"".join(pieces)
    assert has_taken(room, 0) and open_files() <= before + 1


@given(st.lists(st.one_of(st.integers(1, 300), st.just("take")), max_size=80), st.integers(0, 120))
def test_bytes_come_out_as_they_went_in_whatever_the_reader_does(
    tmp_path_factory: pytest.TempPathFactory, steps: list[int | str], memory: int
) -> None:
    room = room_in(tmp_path_factory.getbasetemp(), memory_bytes=memory, segment_bytes=500)
    spool = room.spool()
    sent, taken, number = b"", b"", 0
    for step in steps:
        if isinstance(step, int):
            number += 1
            piece = bytes([number % 251]) * step
            assert spool.put(piece)
            sent += piece
        else:
            taken += spool.take()
        assert spool.waiting == len(sent) - len(taken)
    assert taken + emptied(spool) == sent
    assert has_taken(room, 0)


def test_a_full_spool_waits_for_its_reader_and_then_no_longer(place: Path) -> None:
    spool = room_in(place, memory_bytes=10, file_bytes=100).spool()
    assert spool.put(b"a" * 10) and spool.put(b"b" * 100)
    assert not spool.put(b"c")
    slow = room_in(place, memory_bytes=10, file_bytes=100, stall_seconds=20).spool()
    assert slow.put(b"a" * 10) and slow.put(b"b" * 100)
    threading.Timer(0.02, lambda: (slow.take(), slow.take())).start()
    assert slow.put(b"c")
    slow.close()
    spool.close()


def test_all_spools_of_a_process_share_one_cap(place: Path) -> None:
    room = room_in(place, memory_bytes=10, total_bytes=100)
    first, second = room.spool(), room.spool()
    assert first.put(b"a" * 10) and first.put(b"b" * 100)
    assert second.put(b"c" * 10) and not second.put(b"d")
    first.close()
    assert has_taken(room, 0)
    assert second.put(b"d")
    second.close()
    assert has_taken(room, 0)


def test_the_last_words_find_room_in_a_full_spool(place: Path) -> None:
    spool = room_in(place, memory_bytes=4, file_bytes=4).spool()
    assert spool.put(b"mmmm") and spool.put(b"ffff") and not spool.put(b"x")
    spool.put_last(b"why")
    assert emptied(spool) == b"mmmmffffwhy"


def test_a_closed_spool_takes_nothing_and_frees_who_waits(place: Path) -> None:
    spool = room_in(place, memory_bytes=4, file_bytes=4, stall_seconds=20).spool()
    assert spool.put(b"mmmm") and spool.put(b"ffff")
    threading.Timer(0.02, spool.close).start()
    with pytest.raises(SpoolClosed):
        spool.put(b"x")
    with pytest.raises(SpoolClosed):
        spool.put_last(b"x")
    assert spool.take() == b"" and spool.waiting == 0


def test_a_full_disk_makes_the_work_wait_for_its_reader_and_loses_nothing(place: Path) -> None:
    """A file that may not grow beyond a size fails as a full disk does, in the middle of a piece."""
    spool = room_in(place, memory_bytes=1000, stall_seconds=20).spool()
    pieces = [bytes([number]) * 999 for number in range(60)]
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    previous = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    taken: list[bytes] = []
    over = threading.Event()

    def read() -> None:
        while sum(map(len, taken)) < 60 * 999 and not over.is_set():
            taken.append(spool.take())

    reader = threading.Thread(target=read, daemon=True)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (5000, hard))
        reader.start()
        assert all(spool.put(piece) for piece in pieces)
        reader.join(20)
    finally:
        over.set()
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, previous)
    assert b"".join(taken) == b"".join(pieces)
