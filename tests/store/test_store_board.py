"""Numbers shared by processes through one file: sums, what stays of the dead, what goes."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from vo_service.store.board import Board

COUNTERS = 4
DYING = (
    "import sys, os; from pathlib import Path; from vo_service.store.board import Board;"
    "b = Board(Path(sys.argv[1]), 4); b.add(1, 7.0); b.add(5, 3.0); b.claim('anna'); os._exit(9)"
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "board"


def test_cells_are_summed_over_processes(path: Path) -> None:
    first, second = Board(path, COUNTERS), Board(path, COUNTERS)
    first.add(0)
    first.add(0, 2.5)
    second.add(0, 4)
    second.put(5, 9)
    assert (first.totals()[0], second.totals()[0]) == (7.5, 7.5)
    assert (first.greatest(5), first.totals()[5]) == (9, 9)


def test_counts_outlast_their_process_and_the_rest_does_not(path: Path) -> None:
    board = Board(path, COUNTERS)
    board.add(1)
    subprocess.run([sys.executable, "-c", DYING, str(path)], check=False, timeout=60)
    assert board.claims("anna") == 1 and len(board.processes()) == 2
    board.sweep()
    board.sweep()
    assert (board.totals()[1], board.totals()[5]) == (8, 0)
    assert board.claims("anna") == 0 and len(board.processes()) == 1


def test_counts_outlast_an_orderly_end(path: Path) -> None:
    first, second = Board(path, COUNTERS), Board(path, COUNTERS)
    second.add(2, 5)
    second.add(5, 5)
    second.close()
    second.close()
    assert (first.totals()[2], first.totals()[5]) == (5, 0)
    third = Board(path, COUNTERS)
    assert third.totals()[2] == 5


def test_many_threads_lose_no_count(path: Path) -> None:
    board = Board(path, COUNTERS)

    def work() -> None:
        for number in range(500):
            board.add(0)
            board.claim(f"client {number % 7}")
            board.release(f"client {number % 7}")

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert board.totals()[0] == 2000
    assert all(board.claims(f"client {number}") == 0 for number in range(7))


@pytest.mark.parametrize("content", [b"", b"x" * 1000, b"\xff" * 64])
def test_a_file_of_another_kind_becomes_a_board(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    board = Board(path, COUNTERS)
    assert not board.totals().any()
    board.add(0)
    assert Board(path, COUNTERS).totals()[0] == 1


def test_the_file_is_nobody_elses(path: Path) -> None:
    Board(path, COUNTERS)
    assert path.stat().st_mode & 0o077 == 0


def test_the_file_has_all_its_room_on_the_disk(path: Path) -> None:
    # where the disk is full later, a page without room would end the process that counts on it
    Board(path, COUNTERS)
    assert path.stat().st_blocks * 512 >= path.stat().st_size
