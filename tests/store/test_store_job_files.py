"""The directories of jobs."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from vo_service.store.errors import DiskFull, StoreError
from vo_service.store.job import new_job_id
from vo_service.store.job_files import JobFiles


@pytest.fixture
def files(tmp_path: Path) -> JobFiles:
    return JobFiles(tmp_path / "jobs")


def age(place: Path, seconds: float) -> None:
    then = time.time() - seconds
    os.utime(place, (then, then))


def test_uploads_are_laid_down_byte_for_byte(files: JobFiles, tmp_path: Path) -> None:
    first = files.keep_upload("a", b"\0\xff table")
    source = tmp_path / "part"
    source.write_bytes(b"another")
    second = files.keep_upload("a", source)
    assert first != second
    assert (files.place("a") / first).read_bytes() == b"\0\xff table"
    assert (files.place("a") / second).read_bytes() == b"another"
    assert not source.exists()
    files.drop_uploads("a", [first, "uploads/none"])
    assert not (files.place("a") / first).exists()


def test_a_part_may_come_from_another_disk(
    files: JobFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "part"
    source.write_bytes(b"another")

    refused = []

    def elsewhere(*paths: Path) -> None:
        refused.append(paths)
        raise OSError(18, "Invalid cross-device link")

    monkeypatch.setattr(os, "rename", elsewhere)
    name = files.keep_upload("a", source)
    assert refused
    assert (files.place("a") / name).read_bytes() == b"another"
    assert not source.exists()


def test_nobody_else_may_look_into_the_jobs(files: JobFiles, tmp_path: Path) -> None:
    attempt = files.start_attempt("a")
    files.keep_upload("b", b"")
    for place in (tmp_path / "jobs", attempt, attempt.parent, files.place("b"), files.place("b") / "uploads"):
        assert place.stat().st_mode & 0o077 == 0


def test_attempts_are_apart_from_each_other(files: JobFiles) -> None:
    first, second = files.start_attempt("a"), files.start_attempt("a")
    (first / "0.vot").write_bytes(b"1")
    (second / "0.vot").write_bytes(b"2")
    files.flush_attempt(second)
    files.drop_attempt(first)
    files.drop_attempt(first)
    assert list(files.place("a").iterdir()) == [second]
    files.remove("a")
    files.remove("a")
    assert not files.place("a").exists()


def test_old_directories_are_found_with_their_attempts(files: JobFiles) -> None:
    job_id = new_job_id()
    old, fresh = files.start_attempt(job_id), files.start_attempt(new_job_id())
    files.keep_upload(job_id, b"x")
    newer = files.start_attempt(job_id)
    for place in (old, files.place(job_id), files.place(job_id) / "uploads"):
        age(place, 100)
    assert files.older_than(50) == {job_id: (old,)}
    assert fresh.exists()
    assert newer.exists()


def test_what_somebody_is_at_work_on_is_left_alone(files: JobFiles) -> None:
    """An attempt that goes on where another stopped has its files, which are older than it is."""
    job_id = new_job_id()
    earlier, gone = files.start_attempt(job_id), files.start_attempt(job_id)
    for place in (earlier, gone):
        (place / "part").write_bytes(b"x")
        (place / "journal").write_bytes(b"x")
        age(place / "part", 100)
    known = files.attempts(job_id)
    assert set(known) == {earlier, gone}
    new = files.start_attempt(job_id)
    os.link(earlier / "part", new / "part")
    for place in (earlier, gone):
        age(place, 100)
    files.drop_others(job_id, [f"{earlier.name}/journal"], 50)
    assert (new / "part").exists() and not gone.exists()
    assert [path.name for path in earlier.iterdir()] == ["journal"]
    files.drop_from(known, ())
    assert (new / "part").exists() and not earlier.exists()


def test_what_is_no_job_is_left_alone(files: JobFiles) -> None:
    """A directory that holds more than jobs may have been named for them."""
    for name in ("lost+found", "photographs", "Q" * 26, "a" * 27):
        place = files.place(name)
        place.mkdir()
        age(place, 100)
    assert files.older_than(50) == {}


def test_a_full_disk_is_told_from_other_faults(files: JobFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(DiskFull):
        files.keep_upload("a", b"x")
    monkeypatch.undo()
    (files.place("b")).write_bytes(b"not a directory")
    with pytest.raises(StoreError) as other:
        files.start_attempt("b")
    assert not isinstance(other.value, DiskFull)
