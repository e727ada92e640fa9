"""What the machine refuses: a closed directory, a full disk, a busy lock, a taken port."""

from __future__ import annotations

import json
import resource
import shutil
import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
from a_user import command, environment, run, snapshot_numbers, stored, unprivileged, write_product


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """A directory with ``home``, which holds ``tree``: one product at its top, one in ``inner``."""
    work = tmp_path_factory.mktemp("system") / "work"
    write_product(work / "tree" / "a.fits", OBJECT="M83")
    write_product(work / "tree" / "inner" / "b.fits", OBJECT="NGC 253")
    assert run(work / "home", "ingest", "--no-pixels", str(work / "tree")).returncode == 0
    shutil.copytree(work, work.with_name("saved"))
    return work


@pytest.fixture
def place(made) -> Path:
    """That directory as it was at first, to be spoilt; files keep their times, so that none is new."""
    shutil.rmtree(made)
    shutil.copytree(made.with_name("saved"), made)
    return made


def paths(home: Path) -> list[str]:
    return sorted(str(row["path"]) for row in stored(home, "holdings.product"))


def assert_as_it_was(home: Path) -> None:
    """The snapshot before is current and can be read, and nothing half-written lies beside it."""
    assert snapshot_numbers(home) == (1, ["000001"])
    assert paths(home) == ["a.fits", "inner/b.fits"]
    assert len(stored(home, "ivoa.obscore")) == 2


@pytest.fixture(scope="module")
def bound() -> None:
    """Permissions bind commands that are run with ``unprivileged``."""
    try:
        subprocess.run(["true"], preexec_fn=unprivileged, check=True)
    except subprocess.SubprocessError:
        pytest.skip("nothing is closed to root, and root cannot give up its rights over files here")


@pytest.mark.usefixtures("bound")
@pytest.mark.parametrize("start", ["", "inner"], ids=["from above", "itself"])
def test_a_directory_without_permission_is_told_and_its_rows_stay(place, start) -> None:
    inner = place / "tree" / "inner"
    inner.chmod(0)
    try:
        done = run(place / "home", "ingest", "--no-pixels", str(place / "tree" / start), preexec=unprivileged)
    finally:
        inner.chmod(0o755)
    assert done.returncode == 1
    assert done.stderr.startswith("tree/inner: permission: no permission to read ")
    assert len(done.stderr.splitlines()) == 1
    assert "0 withdrawn, 1 failed" in done.stdout
    assert_as_it_was(place / "home")


@pytest.mark.usefixtures("bound")
def test_a_file_without_permission_is_told_and_the_others_are_taken(place) -> None:
    closed = write_product(place / "tree" / "closed.fits")
    closed.chmod(0)
    write_product(place / "tree" / "new.fits", OBJECT="NGC 1068")
    done = run(place / "home", "ingest", "--no-pixels", str(place / "tree"), preexec=unprivileged)
    assert done.returncode == 1
    assert done.stderr == "tree/closed.fits: permission: no permission to read closed.fits\n"
    assert len(stored(place / "home", "ivoa.obscore")) == 3


@pytest.mark.usefixtures("bound")
def test_a_home_without_permission_is_named(place) -> None:
    write_product(place / "tree" / "new.fits", OBJECT="NGC 1068")
    for directory in (place / "home" / "snapshots", place / "home"):
        directory.chmod(0o555)
    (place / "home" / "catalogue.sqlite").chmod(0o444)
    try:
        old = run(place / "home", "ingest", "--no-pixels", str(place / "tree"), preexec=unprivileged)
        new = run(place / "home" / "new", "ingest", "--no-pixels", str(place / "tree"), preexec=unprivileged)
    finally:
        for directory in (place / "home", place / "home" / "snapshots"):
            directory.chmod(0o755)
    assert (old.returncode, new.returncode) == (1, 1)
    assert old.stderr.startswith("vo-service ingest: the catalogue database (catalogue.sqlite) failed: ")
    assert new.stderr == f"vo-service ingest: Permission denied: {place / 'home' / 'new'}\n"
    assert_as_it_was(place / "home")


SMALL_DISK = """
set -e
small=$1 home=$2 out=$3 free=$4; shift 4
mount -t tmpfs -o size=20m tmpfs "$small"
cp -a "$home/." "$small/"
left=$(df -k --output=avail "$small" | tail -1)
head -c $(( (left - free) * 1024 )) /dev/zero > "$small/filler"
set +e
"$@"
code=$?
rm "$small/filler"
cp -a "$small/." "$out/"
exit $code
"""
"""Runs a command whose home is on a disk of its own with few KiB left, and copies the home out afterwards."""


@pytest.mark.parametrize("free", [0, 5000])
def test_a_full_disk_leaves_the_snapshot_before(place, free) -> None:
    asked = ["unshare", "--user", "--map-root-user", "--mount"]
    if shutil.which("unshare") is None or subprocess.run([*asked, "true"], capture_output=True).returncode:
        pytest.skip("this machine does not let a test mount a small disk of its own")
    small, out = place / "small", place / "out"
    small.mkdir()
    out.mkdir()
    write_product(place / "tree" / "new.fits", OBJECT="NGC 1068")
    script = [*asked, "sh", "-c", SMALL_DISK, "sh", str(small), str(place / "home"), str(out), str(free)]
    done = run(small, "ingest", "--no-pixels", str(place / "tree"), before=script)
    assert done.returncode == 1
    assert done.stderr.startswith("vo-service ingest: no space left on the disk (ENOSPC) while ")
    assert "the snapshot before is still current: make room and run the command again" in done.stderr
    assert_as_it_was(out)


def small_files() -> None:
    """No file may grow beyond a size that the catalogue fits in and a snapshot does not."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))


def test_a_limit_on_the_size_of_files_leaves_the_snapshot_before(place) -> None:
    write_product(place / "tree" / "new.fits", OBJECT="NGC 1068")
    done = run(place / "home", "ingest", "--no-pixels", str(place / "tree"), preexec=small_files)
    assert done.returncode == 1
    assert "File too large while " in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert_as_it_was(place / "home")


HELD = """
import sys, time
from pathlib import Path
from vo_service.cli import main
from vo_service.store.snapshots import Snapshots
go, sweep = Path(sys.argv[1]), Snapshots._sweep
def wait(self):
    while not go.exists():
        time.sleep(0.01)
    sweep(self)
if __name__ == "__main__":
    Snapshots._sweep = wait
    sys.exit(main(sys.argv[2:]))
"""


def stopped_ingest(home: Path, tree: Path, go: Path) -> subprocess.Popen[str]:
    """An ingest that holds the writer lock and does not move on until the file ``go`` is there."""
    arguments = command(home, "--quiet", "ingest", "--no-pixels", str(tree))[3:]
    process = subprocess.Popen(
        [sys.executable, "-c", HELD, str(go), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(),
    )
    lock = home / "writer.lock"
    while not (lock.exists() and lock.read_bytes()):
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    return process


def wait_for_lock(process: subprocess.Popen[str], lock: Path) -> None:
    """Return when the process has opened the lock, which somebody else holds."""
    handles = Path(f"/proc/{process.pid}/fd")
    while True:
        with suppress(FileNotFoundError):  # one that was just closed
            if lock.resolve() in [handle.resolve() for handle in handles.iterdir()]:
                return
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)


@pytest.mark.parametrize("wait", ["0", "100"], ids=["says who", "waits"])
def test_the_second_of_two_ingests(place, tmp_path, wait) -> None:
    write_product(place / "tree" / "new.fits", OBJECT="NGC 1068")
    other = write_product(tmp_path / "other" / "c.fits", OBJECT="M82").parent
    go = tmp_path / "go"
    first = stopped_ingest(place / "home", place / "tree", go)
    try:
        holder = json.loads((place / "home" / "writer.lock").read_text())
        second = subprocess.Popen(
            command(place / "home", "--quiet", "ingest", "--no-pixels", str(other)),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(VO_SERVICE_WAIT_SECONDS=wait),
        )
        if wait == "0":
            _, errors = second.communicate(timeout=60)
        else:
            wait_for_lock(second, place / "home" / "writer.lock")
    finally:
        go.touch()
    _, first_errors = first.communicate(timeout=60)
    assert (first.returncode, first_errors) == (0, "")
    if wait == "0":
        assert second.returncode == 1
        assert errors.startswith(f"vo-service ingest: vo-service ingest (process {first.pid} on ")
        assert f"has been writing since {holder['since']}; wait until it has finished" in errors
        assert paths(place / "home") == ["a.fits", "inner/b.fits", "new.fits"]
    else:
        _, errors = second.communicate(timeout=60)
        assert (second.returncode, errors) == (0, "")
        assert paths(place / "home") == ["a.fits", "c.fits", "inner/b.fits", "new.fits"]
    assert not [name for name in snapshot_numbers(place / "home")[1] if name.startswith(".")]


def test_a_taken_port_is_named_with_the_way_out(made) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run(made / "home", "serve", "--port", str(port))
    assert done.returncode == 2
    assert done.stderr == (
        f"vo-service serve: port {port} on 127.0.0.1 is taken; "
        "choose another with --port (--port 0: any free one)\n"
    )
