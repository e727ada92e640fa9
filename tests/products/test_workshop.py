"""Work that clients wait for: in processes, in turn, within limits, and ended with those who wait."""

from __future__ import annotations

import errno
import multiprocessing.forkserver
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from live_service import until

from vo_service.dali.admission import Admission, AdmissionLimits
from vo_service.dali.errors import ErrorKind, ServiceAway, ServiceError, usage
from vo_service.dali.metrics import COUNTERS
from vo_service.dali.streams import Cancellation, ClientGone
from vo_service.pixels.processes import WorkLimits, forkserver
from vo_service.products.workshop import Workshop
from vo_service.store.board import Board


def shop(tmp_path: Path, *, seconds: float = 120.0, waiting: int = 8, patience: float = 60.0) -> Workshop:
    """A workshop of one slot."""
    admission = Admission(Board(tmp_path / "board", COUNTERS), AdmissionLimits(4, 1, waiting), kind="results")
    limits = WorkLimits(seconds, 1 << 30)
    return Workshop(forkserver(("vo_service.pixels.processes",)), 1, limits, admission, patience)


@pytest.fixture
def workshop(tmp_path: Path) -> Iterator[Workshop]:
    made = shop(tmp_path)
    yield made
    made.close()


def number() -> int:
    return os.getpid()


def refuse() -> None:
    raise usage("Not so.", "But so.")


def linger(mark: Path) -> None:
    mark.write_text(str(os.getpid()))
    time.sleep(600)


def grab() -> int:
    return int(np.ones(2**31 // 8, np.float64).sum())


def test_work_is_done_in_another_process(workshop: Workshop) -> None:
    assert workshop.run("a", number, Cancellation()) != os.getpid()


def test_what_the_work_says_is_told(workshop: Workshop) -> None:
    with pytest.raises(ServiceError) as error:
        workshop.run("a", refuse, Cancellation())
    assert (error.value.kind, error.value.message, error.value.hint) == (
        ErrorKind.USAGE,
        "Not so.",
        "But so.",
    )


def test_too_much_memory_is_the_request(workshop: Workshop) -> None:
    with pytest.raises(ServiceError, match="more memory") as error:
        workshop.run("a", grab, Cancellation())
    assert error.value.status == 400


def test_a_process_that_dies_is_told_and_the_next_is_made(workshop: Workshop, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    with ThreadPoolExecutor(1) as threads:
        asked = threads.submit(workshop.run, "a", partial(linger, mark), Cancellation())
        assert until(lambda: mark.exists() and mark.read_text())
        os.kill(int(mark.read_text()), signal.SIGKILL)
        with pytest.raises(ServiceError, match="was ended by signal SIGKILL") as error:
            asked.result(60)
    assert error.value.status == 503
    assert workshop.run("a", number, Cancellation())


def test_the_process_that_forks_the_others_may_die_too(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    forker = workshop.run("a", os.getppid, Cancellation())
    asked, ask = threading.Event(), multiprocessing.forkserver.connect_to_new_process

    def tell(fds: list[int]) -> tuple[int, int]:
        try:
            return ask(fds)
        finally:
            asked.set()

    monkeypatch.setattr(multiprocessing.forkserver, "connect_to_new_process", tell)
    os.kill(forker, signal.SIGSTOP)  # so that it is asked, and does not answer
    with ThreadPoolExecutor(1) as threads:
        begun = threads.submit(workshop.run, "a", number, Cancellation())
        assert asked.wait(60)
        os.kill(forker, signal.SIGKILL)
        with pytest.raises(ServiceAway, match="could not be started") as error:
            begun.result(60)
    assert error.value.status == 503
    assert workshop.run("a", os.getppid, Cancellation()) not in (forker, os.getpid())


def test_a_system_that_has_no_more_is_told(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(duplex: bool) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    assert workshop.run("a", number, Cancellation())
    with monkeypatch.context() as patched:
        patched.setattr(workshop._context, "Pipe", refuse)
        with pytest.raises(ServiceAway, match="could not be started"):
            workshop.run("a", number, Cancellation())
    assert workshop.run("a", number, Cancellation())


def test_work_has_its_time(tmp_path: Path) -> None:
    workshop = shop(tmp_path, seconds=1.0)
    with pytest.raises(ServiceError, match="longer to compute than the 1 seconds") as error:
        workshop.run("a", partial(linger, tmp_path / "mark"), Cancellation())
    assert error.value.status == 503
    workshop.close()


def test_who_leaves_ends_the_work(workshop: Workshop, tmp_path: Path) -> None:
    mark, leaving = tmp_path / "mark", Cancellation()
    with ThreadPoolExecutor(1) as threads:
        asked = threads.submit(workshop.run, "a", partial(linger, mark), leaving)
        assert until(lambda: mark.exists() and mark.read_text())
        leaving.cancel()
        with pytest.raises(ClientGone):
            asked.result(60)
    assert until(lambda: not Path(f"/proc/{mark.read_text()}").exists())
    assert workshop.run("a", number, Cancellation())


def test_who_waits_for_a_turn_may_leave_or_is_sent_away(tmp_path: Path) -> None:
    workshop = shop(tmp_path, patience=1.0)
    mark, ending, leaving = tmp_path / "mark", Cancellation(), Cancellation()
    with ThreadPoolExecutor(3) as threads:
        first = threads.submit(workshop.run, "a", partial(linger, mark), ending)
        assert until(lambda: mark.exists() and mark.read_text())
        waits = threads.submit(workshop.run, "b", number, Cancellation())
        leaving.cancel()
        with pytest.raises(ClientGone):
            threads.submit(workshop.run, "c", number, leaving).result(60)
        with pytest.raises(ServiceError, match="no room") as error:
            waits.result(60)
        assert error.value.status == 503
        ending.cancel()
        with pytest.raises(ClientGone):
            first.result(60)
    workshop.close()


def test_beyond_the_queue_is_too_many(tmp_path: Path) -> None:
    workshop = shop(tmp_path, waiting=0)
    mark, ending = tmp_path / "mark", Cancellation()
    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(workshop.run, "a", partial(linger, mark), ending)
        assert until(lambda: mark.exists() and mark.read_text())
        with (
            workshop.admitted("a"),
            pytest.raises(ServiceError, match="Too many results wait") as error,
            workshop.admitted("b"),
        ):
            pass
        assert error.value.status == 429
        ending.cancel()
        with pytest.raises(ClientGone):
            first.result(60)
    workshop.close()


def test_jobs_need_no_turn(workshop: Workshop, tmp_path: Path) -> None:
    mark, ending = tmp_path / "mark", Cancellation()
    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(workshop.run, "a", partial(linger, mark), ending)
        assert until(lambda: mark.exists() and mark.read_text())
        assert workshop.run_now(number, Cancellation(), WorkLimits(60.0, 1 << 30)) != os.getpid()
        ending.cancel()
        with pytest.raises(ClientGone):
            first.result(60)


def test_a_late_word_to_leave_harms_nobody(workshop: Workshop) -> None:
    leaving = Cancellation()
    workshop.run("a", number, leaving)
    leaving.cancel()
    assert workshop.run("a", number, Cancellation())


def test_one_client_waits_for_so_many_results_at_most(tmp_path: Path) -> None:
    workshop = shop(tmp_path)
    with workshop.admitted("a"), workshop.admitted("a"), workshop.admitted("a"), workshop.admitted("a"):
        with pytest.raises(ServiceError, match="You have 4 results") as error, workshop.admitted("a"):
            pass
        assert error.value.status == 429
        with workshop.admitted("b"):  # others find room beside it
            pass
    with workshop.admitted("a"):
        pass
    workshop.close()


def test_who_leaves_while_the_work_begins_ends_it_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workshop, mark, leaving = shop(tmp_path), tmp_path / "mark", Cancellation()
    submit = workshop._turns.submit

    def slowly(client: str, work: Callable[[], None]) -> Future[None]:
        turn = submit(client, work)
        assert until(lambda: mark.exists() and mark.read_text())  # the process is there before this returns
        return turn

    monkeypatch.setattr(workshop._turns, "submit", slowly)
    with ThreadPoolExecutor(1) as threads:
        asked = threads.submit(workshop.run, "a", partial(linger, mark), leaving)
        assert until(lambda: mark.exists() and mark.read_text())
        leaving.cancel()
        with pytest.raises(ClientGone):
            asked.result(60)
    workshop.close()
