"""Work in processes of their own: what comes back of it, however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from functools import partial
from pathlib import Path

import pytest
from live_service import until

from vo_service.pixels import FitsError, FitsFile, TruncatedFits
from vo_service.pixels.processes import GivenUp, WorkLimits, WorkLost, Workplace, forkserver

LIMITS = WorkLimits(seconds=60.0, memory_bytes=256 << 20)
CONTEXT = forkserver((__name__,))


class _Odd(Exception):
    def __init__(self, one: int, two: int) -> None:
        super().__init__(f"{one} of {two}")


def _fail(error: Exception) -> None:
    raise error


def _fail_oddly() -> None:
    raise _Odd(1, 2)


def _take(count: int) -> int:
    return len(bytearray(count))


def _die(number: int) -> None:
    os.kill(os.getpid(), number)


def _mark_and_wait(place: Path) -> None:
    place.write_text(str(os.getpid()))
    time.sleep(600)


def _is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_the_result_comes_back() -> None:
    assert Workplace(CONTEXT, partial(pow, 2, 100), LIMITS).result() == 2**100


@pytest.mark.parametrize(
    "error",
    [
        FitsError("bad_header", "no number", "CRPIX1"),
        TruncatedFits("too short", "HDU 0", FitsFile((), False, "")),
        OSError(28, "full"),
        ValueError("wrong"),
    ],
    ids=repr,
)
def test_errors_come_back_whole(error: Exception) -> None:
    with pytest.raises(type(error)) as caught:
        Workplace(CONTEXT, partial(_fail, error), LIMITS).result()
    assert str(caught.value) == str(error)
    assert vars(caught.value) == vars(error)


def test_a_result_beyond_the_memory_is_told_as_that() -> None:
    with pytest.raises(MemoryError):
        Workplace(CONTEXT, partial(bytes, 150 << 20), LIMITS).result()


def test_an_error_that_cannot_be_made_again_comes_in_words() -> None:
    with pytest.raises(RuntimeError, match="_Odd: 1 of 2"):
        Workplace(CONTEXT, _fail_oddly, LIMITS).result()


def test_memory_has_a_limit() -> None:
    assert Workplace(CONTEXT, partial(_take, 64 << 20), LIMITS).result() == 64 << 20
    with pytest.raises(MemoryError):
        Workplace(CONTEXT, partial(_take, 512 << 20), LIMITS).result()


def test_time_has_a_limit() -> None:
    with pytest.raises(WorkLost, match=r"longer than 0.1 seconds") as caught:
        Workplace(CONTEXT, partial(time.sleep, 600), WorkLimits(0.1, 1 << 28)).result()
    assert caught.value.was_late


def test_a_process_that_dies_takes_nothing_with_it() -> None:
    with pytest.raises(WorkLost, match="SIGKILL") as caught:
        Workplace(CONTEXT, partial(_die, signal.SIGKILL), LIMITS).result()
    assert not caught.value.was_late
    with pytest.raises(WorkLost, match="exit code 3"):
        Workplace(CONTEXT, partial(os._exit, 3), LIMITS).result()
    assert Workplace(CONTEXT, partial(pow, 2, 3), LIMITS).result() == 8


def test_work_that_is_given_up_ends(tmp_path: Path) -> None:
    place = tmp_path / "begun"
    work = Workplace(CONTEXT, partial(_mark_and_wait, place), LIMITS)
    assert until(lambda: place.exists() and place.read_text())
    threading.Timer(0.1, work.give_up).start()
    with pytest.raises(GivenUp):
        work.result()
    assert not _is_running(int(place.read_text()))
    work.give_up()  # once more does no harm


def test_a_process_ends_with_the_one_that_asked_for_it(tmp_path: Path) -> None:
    place = tmp_path / "begun"
    script = (
        "import sys, pathlib, time, test_processes as t; from functools import partial\n"
        "t.Workplace(t.CONTEXT, partial(t._mark_and_wait, pathlib.Path(sys.argv[1])), t.LIMITS)\n"
        "time.sleep(600)\n"
    )
    here = {**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])}
    with subprocess.Popen([sys.executable, "-c", script, str(place)], env=here) as parent:
        assert until(lambda: place.exists() and place.read_text())
        parent.kill()
    assert until(lambda: not _is_running(int(place.read_text())))
