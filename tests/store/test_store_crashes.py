"""Killed writers, full disks and busy locks: the snapshot before stays, and nothing half-written is left."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from multiprocessing import get_context
from pathlib import Path

import pytest
from shelves import Shelf, star_rows

from vo_service.store import Catalogue, CatalogueError, StoreError, WriterBusy
from vo_service.store.disk import disk_errors
from vo_service.store.errors import DiskFull

WRITER = Path(__file__).with_name("store_writer.py")
REPOSITORY = Path(__file__).resolve().parents[2]


def start_writer(home: Path, rows: int, *before: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*before, sys.executable, str(WRITER), str(home), str(rows)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
    )


def names_in(shelf: Shelf) -> list[str]:
    snapshot = shelf.snapshots.current()
    assert snapshot is not None
    return sorted(snapshot.read("sky.star", ["name"])["name"].to_pylist())


def test_a_writer_killed_at_any_moment_leaves_a_whole_snapshot(tmp_path: Path) -> None:
    moments = random.Random(5)
    rows = 40
    for _ in range(4):
        writer = start_writer(tmp_path, rows)
        assert writer.stdout is not None
        writer.stdout.readline()  # at least one snapshot more
        time.sleep(moments.uniform(0.0, 0.4))
        writer.kill()
        writer.communicate()
        shelf = Shelf(tmp_path)
        names = names_in(shelf)
        assert names == [f"s{i:09d}" for i in range(len(names))]
        assert len(names) % rows == 0
        # the next writer finds the lock free and sweeps what was left
        with shelf.snapshots.writer("the next", 0.0):
            known = {f"{n:06d}" for n in range(1, (shelf.snapshots.current_number() or 0) + 1)}
            assert {place.name for place in (tmp_path / "snapshots").iterdir()} <= known
        shelf.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> list[str]:
    """A command that runs another with 6 MB of disk at ``tmp_path/small``, which nobody else sees."""
    small = tmp_path / "small"
    small.mkdir()
    mount = f'mount -t tmpfs -o size=6m tmpfs "{small}" && exec "$@"'
    command = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", mount, "sh"]
    if shutil.which("unshare") is None or subprocess.run([*command, "true"], capture_output=True).returncode:
        pytest.skip("this machine does not let a test mount a small disk of its own")
    return command


def test_a_full_disk_is_named_and_the_old_snapshot_stays(small_disk: list[str], tmp_path: Path) -> None:
    show = f'"$@"; echo "left: $(ls -A {tmp_path}/small/snapshots | tr "\\n" " ")"'
    writer = start_writer(tmp_path / "small", 3000, *small_disk, "sh", "-c", show, "sh")
    out, err = writer.communicate(timeout=120)
    published = [int(line) for line in out.split("left:")[0].split()]
    assert published, err
    assert "DiskFull: no space left on the disk (ENOSPC) while" in err
    assert "Traceback" not in err
    left = out.split("left:")[1].split()
    assert left == [f"{number:06d}" for number in published]


def test_a_full_disk_while_copying_leaves_nothing(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    before = shelf.publish({"insert": star_rows([{"name": "a"}])})

    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(shutil, "copyfile", full)
    monkeypatch.setattr("fcntl.ioctl", full)
    with pytest.raises(DiskFull, match="starting a new snapshot"):
        shelf.publish({"insert": star_rows([{"name": "b"}])})
    assert [place.name for place in (shelf.home / "snapshots").iterdir()] == [f"{before.number:06d}"]
    assert shelf.snapshots.current_number() == before.number


@pytest.mark.parametrize(
    "error",
    [
        OSError(28, "No space left on device"),
        OSError(122, "Disk quota exceeded"),
        OSError("[Errno 28] Error writing bytes to file"),
    ],
)
def test_errors_of_a_full_disk_are_told_from_others(error: OSError) -> None:
    with pytest.raises(DiskFull), disk_errors("testing"):
        raise error
    with pytest.raises(StoreError) as other, disk_errors("testing"):
        raise PermissionError(13, "Permission denied", "/some/where/file.parquet")
    assert not isinstance(other.value, DiskFull)
    assert str(other.value) == "file.parquet: Permission denied while testing"


def test_a_second_writer_hears_who_writes(shelf: Shelf) -> None:
    with shelf.snapshots.writer("vo-service ingest holdings", 0.0):
        started = time.monotonic()
        with pytest.raises(WriterBusy) as busy, shelf.snapshots.writer("vo-service harvest rows.vot", 0.3):
            pass
        assert time.monotonic() - started >= 0.3
    assert busy.value.command == "vo-service ingest holdings"
    assert busy.value.pid == os.getpid()
    assert f"process {os.getpid()}" in str(busy.value)
    assert busy.value.since in str(busy.value)
    with shelf.snapshots.writer("vo-service harvest rows.vot", 0.0):
        pass


def wait_in_child() -> None:
    time.sleep(60)


def test_children_of_a_killed_writer_do_not_keep_the_lock(shelf: Shelf) -> None:
    read, write = os.pipe()
    holder = os.fork()
    if holder == 0:
        with shelf.snapshots.writer("killed", 0.0):
            child = get_context("fork").Process(target=wait_in_child)
            child.start()
            os.write(write, f"{child.pid}\n".encode())
            time.sleep(60)
        os._exit(0)
    child_pid = int(os.read(read, 20))
    os.kill(holder, signal.SIGKILL)
    os.waitpid(holder, 0)
    try:
        os.kill(child_pid, 0)  # the child lives on
        with shelf.snapshots.writer("the next", 5.0):
            assert json.loads((shelf.home / "writer.lock").read_text())["command"] == "the next"
    finally:
        os.kill(child_pid, signal.SIGKILL)
        os.close(read)
        os.close(write)


def test_drafts_need_the_lock(shelf: Shelf) -> None:
    with pytest.raises(StoreError, match="holder of the writer lock"):
        shelf.snapshots.draft()


def test_a_catalogue_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    with pytest.raises(CatalogueError, match="unable to open database file"):
        Catalogue.open(f"sqlite:///{tmp_path}/missing/catalogue.sqlite")
    with pytest.raises(CatalogueError, match="catalogue URL"):
        Catalogue.open("no address")
    damaged = tmp_path / "catalogue.sqlite"
    damaged.write_bytes(b"this is no database" * 100)
    with pytest.raises(CatalogueError, match="not a database"):
        Catalogue.open_in(tmp_path)


def test_a_missing_snapshot_directory_is_named(shelf: Shelf) -> None:
    snapshot = shelf.publish({"insert": star_rows([{"name": "a"}])})
    shutil.rmtree(snapshot.directory)
    with pytest.raises(StoreError, match="snapshot 1 has no directory snapshots/000001"):
        shelf.snapshots.current()
