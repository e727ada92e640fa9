"""How a run ends: by itself, killed, stopped, with us; and what it leaves behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from stand_ins import END, START, saying, stand_in

from hips.hipsgen.errors import HipsgenFailed, HipsgenStopped
from hips.hipsgen.run import run
from hips.hipsgen.tool import Tool

WAITS = 'echo $$ > pid; echo "INFO  : begun"; exec sleep 600'
PATIENCE = 30.0


def wait_for(come: Callable[[], bool]) -> None:
    end = time.monotonic() + PATIENCE
    while not come():
        assert time.monotonic() < end
        time.sleep(0.02)


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"


def begun(folder: Path) -> int:
    """The process, once it has begun."""
    wait_for(lambda: (folder / "pid").exists() and (folder / "pid").read_text().strip() != "")
    return int((folder / "pid").read_text())


def left_behind(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.startswith("hipsgen-")]


@pytest.fixture
def place(tmp_path: Path) -> Path:
    folder = tmp_path / "place with a blank and an ü"
    folder.mkdir()
    return folder


def test_what_a_jvm_keeps_is_gone_with_it(tmp_path: Path, place: Path) -> None:
    tool = stand_in(tmp_path, f'echo "$@" > asked; pwd > where; cat <<.\n{START}\n{END}\n.')
    run(tool, ["INDEX", "TILES"], {"in": "in", "out": "out"}, place)
    words = (place / "asked").read_text()
    assert words.rstrip().endswith("-jar hipsgen.jar -hipsgen in=in out=out INDEX TILES")
    for option in ("-Duser.home=", "-Djava.io.tmpdir="):
        assert words.split(option)[1].startswith(f"{place}/hipsgen-")
    assert "-Djava.awt.headless=true" in words and "-XX:-UsePerfData" in words
    assert (place / "where").read_text().strip() == str(place)
    assert left_behind(place) == []


def test_memory_and_processors_are_bounded(tmp_path: Path, place: Path) -> None:
    tool = stand_in(tmp_path, f'echo "$@" > asked; echo "{END}"')
    run(Tool(tool.java, tool.jar, "0", 300 << 20, 3), ["TILES"], {}, place)
    words = (place / "asked").read_text().split()
    assert "-Xmx300m" in words and "-XX:ActiveProcessorCount=3" in words


def test_a_run_that_is_killed_is_told(tmp_path: Path, place: Path) -> None:
    failures = []

    def run_it() -> None:
        try:
            run(stand_in(tmp_path, WAITS), ["TILES"], {}, place)
        except HipsgenFailed as error:
            failures.append(str(error))

    thread = threading.Thread(target=run_it)
    thread.start()
    os.kill(begun(place), signal.SIGKILL)
    thread.join(PATIENCE)
    assert failures == ["hipsgen was ended by signal SIGKILL; its work is not done"]
    assert left_behind(place) == []


def test_a_run_is_stopped_when_it_is_no_longer_wanted(tmp_path: Path, place: Path) -> None:
    with pytest.raises(HipsgenStopped):
        run(stand_in(tmp_path, WAITS), ["TILES"], {}, place, stopped=(place / "pid").exists)
    wait_for(lambda: not is_alive(begun(place)))
    assert left_behind(place) == []


def test_a_run_that_says_nothing_is_ended(tmp_path: Path, place: Path) -> None:
    with pytest.raises(HipsgenFailed, match="without a word"):
        run(stand_in(tmp_path, WAITS), ["TILES"], {}, place, silence=0.3)
    wait_for(lambda: not is_alive(begun(place)))


def test_a_complaint_of_ours_ends_it(tmp_path: Path, place: Path) -> None:
    def told(_progress: object) -> None:
        raise KeyboardInterrupt

    tool = stand_in(tmp_path, f'echo "RUN   : ==== TILES ===="; {WAITS}')
    with pytest.raises(KeyboardInterrupt):
        run(tool, ["TILES"], {}, place, told)
    assert not (place / "pid").exists() or not is_alive(begun(place))
    assert left_behind(place) == []


CALLER = """
import sys
from pathlib import Path
from hips.hipsgen.run import run
from hips.hipsgen.tool import Tool
run(Tool(sys.argv[1], Path("hipsgen.jar"), "0"), ["TILES"], {}, Path(sys.argv[2]))
"""


def test_it_ends_when_we_are_killed(tmp_path: Path, place: Path) -> None:
    tool = stand_in(tmp_path, WAITS)
    repository = Path(__file__).resolve().parents[3]
    caller = subprocess.Popen([sys.executable, "-c", CALLER, tool.java, str(place)], cwd=repository)
    pid = begun(place)
    caller.kill()
    caller.wait()
    wait_for(lambda: not is_alive(pid))
    wait_for(lambda: left_behind(place) == [])


def test_it_ends_when_what_holds_it_is_killed(tmp_path: Path, place: Path) -> None:
    tool = stand_in(tmp_path, f"echo $PPID > leash; {WAITS}")
    failures = []

    def run_it() -> None:
        try:
            run(tool, ["TILES"], {}, place)
        except HipsgenFailed as error:
            failures.append(str(error))

    thread = threading.Thread(target=run_it)
    thread.start()
    pid = begun(place)
    os.kill(int((place / "leash").read_text()), signal.SIGKILL)
    thread.join(PATIENCE)
    assert len(failures) == 1
    wait_for(lambda: not is_alive(pid))
    assert left_behind(place) == []


def test_much_that_is_said_does_not_block(tmp_path: Path, place: Path) -> None:
    tool = saying(tmp_path, *["INFO  : " + "x" * 1000] * 5000, END)
    assert run(tool, ["TILES"], {}, place).ended
