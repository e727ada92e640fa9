"""The directories of jobs: what was uploaded with them, and what each attempt to run them has written.

    JOBS/<job_id>/uploads/<number>       parts of the requests that made the job
    JOBS/<job_id>/<attempt>/<file>       of one attempt; the one that ended well is named by the job's results

Only the database says which of these files count. So results are never renamed into place, a killed worker
leaves at most a directory that nobody names, and the sweeper takes it away.
"""

from __future__ import annotations

import os
import secrets
import shutil
import time
from collections.abc import Collection, Iterable
from pathlib import Path

from vo_service.store.disk import disk_errors, flush_directory, flush_file, remove_tree
from vo_service.store.job import is_job_id

UPLOADS = "uploads"
"""The directory of what was uploaded with a job, beside those of its attempts."""


class JobFiles:
    """The directory of all jobs. Its methods raise DiskFull where there is no room, StoreError otherwise."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        with disk_errors("preparing the directory of jobs"):
            directory.mkdir(parents=True, exist_ok=True, mode=0o700)

    def place(self, job_id: str) -> Path:
        """The directory of a job, whether it is there or not."""
        return self._directory / job_id

    def keep_upload(self, job_id: str, content: bytes | Path) -> str:
        """Lay down a part of a request: its bytes, or a file, which is moved. Its name below `place`."""
        name = f"{UPLOADS}/{secrets.token_hex(8)}"
        target = self.place(job_id) / name
        with disk_errors("keeping an upload"):
            _make(target.parent.parent)
            _make(target.parent)
            if isinstance(content, Path):
                shutil.move(content, target)
            else:
                target.write_bytes(content)
            flush_file(target)
            flush_directory(target.parent)
            flush_directory(target.parent.parent)
            flush_directory(self._directory)
        return name

    def drop_uploads(self, job_id: str, names: Collection[str]) -> None:
        """Remove uploads that the job no longer names."""
        for name in names:
            with disk_errors("removing an upload"):
                (self.place(job_id) / name).unlink(missing_ok=True)

    def start_attempt(self, job_id: str) -> Path:
        """A fresh directory for what one attempt writes."""
        place = self.place(job_id) / secrets.token_hex(8)
        with disk_errors("running a job"):
            _make(place.parent)
            _make(place)
        return place

    def flush_attempt(self, place: Path) -> None:
        """Return only when the names of an attempt's files are on the disk, and those of its directories."""
        with disk_errors("keeping results"):
            for directory in (place, place.parent, self._directory):
                flush_directory(directory)

    def drop_attempt(self, place: Path) -> None:
        """Remove what an attempt wrote."""
        with disk_errors("removing an attempt"):
            remove_tree(place)

    def attempts(self, job_id: str) -> tuple[Path, ...]:
        """The directories of all attempts at a job that are there now."""
        with disk_errors("looking through the attempts at a job"):
            return _attempts(self.place(job_id), float("inf"))

    def drop_from(self, attempts: Iterable[Path], kept: Collection[Path]) -> None:
        """Remove what these attempts wrote, but for the files that are ``kept``."""
        with disk_errors("removing attempts"):
            for attempt in attempts:
                if any(attempt in file.parents for file in kept):
                    _remove_but(attempt, kept, float("inf"))
                else:
                    remove_tree(attempt)

    def drop_others(self, job_id: str, files: Collection[str], seconds: float) -> None:
        """Remove what all attempts at a job wrote, but for these files below `place`, and for what has
        changed within so many ``seconds``: an attempt that nobody names and that has may be somebody's at
        work, with files in it that are older than it is. Uploads stay."""
        place = self.place(job_id)
        kept = {place / file for file in files}
        limit = time.time() - seconds
        with disk_errors("removing attempts"):
            for attempt in _attempts(place, float("inf")):
                if any(attempt in file.parents for file in kept):
                    _remove_but(attempt, kept, limit)
                elif _changed(attempt) < limit:
                    remove_tree(attempt)

    def remove(self, job_id: str) -> None:
        """Remove all files of a job."""
        with disk_errors("removing a job"):
            remove_tree(self.place(job_id))

    def older_than(self, seconds: float) -> dict[str, tuple[Path, ...]]:
        """Jobs whose directories have not changed for so long, with those of their attempts. What else lies
        there is not ours."""
        limit = time.time() - seconds
        found: dict[str, tuple[Path, ...]] = {}
        with disk_errors("looking through the directory of jobs"), os.scandir(self._directory) as places:
            for place in places:
                ours = is_job_id(place.name) and place.is_dir(follow_symlinks=False)
                if ours and _changed(Path(place.path)) < limit:
                    found[place.name] = _attempts(Path(place.path), limit)
        return found


def _make(place: Path) -> None:
    place.mkdir(exist_ok=True, mode=0o700)


def _remove_but(attempt: Path, kept: Collection[Path], limit: float) -> None:
    """Remove the files of an attempt that are not kept, and have not changed since a time."""
    try:
        children = list(attempt.iterdir())
    except FileNotFoundError:  # somebody else removed it just now
        return
    for child in children:
        if child in kept or _changed(child) >= limit:
            continue
        if child.is_dir():
            remove_tree(child)
        else:
            child.unlink(missing_ok=True)


def _changed(place: Path) -> float:
    try:
        return place.stat().st_mtime
    except FileNotFoundError:  # somebody else removed it just now
        return float("inf")


def _attempts(place: Path, limit: float) -> tuple[Path, ...]:
    try:
        inner = [child for child in place.iterdir() if child.is_dir() and child.name != UPLOADS]
    except FileNotFoundError:
        return ()
    return tuple(child for child in inner if _changed(child) < limit)
