"""Files that last: flushed to the disk, linked or cloned where that is cheap; a full disk named as such."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from vo_service.store.errors import DiskFull, StoreError

_FULL = (errno.ENOSPC, errno.EDQUOT)
_FICLONE = 0x40049409  # linux/fs.h: share the blocks of another file until one of the two is written to
_NO_LINKS = (errno.EPERM, errno.EXDEV, errno.EMLINK, errno.ENOTSUP, errno.ENOSYS)


def flush_file(path: Path) -> None:
    """Return only when the content of the file is on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def flush_directory(path: Path) -> None:
    """Return only when the names in the directory are on the disk."""
    handle = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_durably(path: Path, text: str) -> None:
    """Write a small text file and flush it."""
    with path.open("w", encoding="utf-8") as handle:
        handle.write(text)
        handle.flush()
        os.fsync(handle.fileno())


def clone_file(source: Path, target: Path) -> None:
    """A copy of ``source`` that may be written to; blocks are shared where the file system can (FICLONE)."""
    with source.open("rb") as reader, target.open("xb") as writer:
        try:
            fcntl.ioctl(writer.fileno(), _FICLONE, reader.fileno())
            return
        except OSError as error:
            if is_full(error):
                raise
    shutil.copyfile(source, target)


def link_file(source: Path, target: Path) -> None:
    """The same immutable file under a second name; a copy where the file system knows no links."""
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        shutil.copyfile(source, target)
        flush_file(target)


def remove_tree(path: Path) -> None:
    """Remove a directory with all it holds; one that is gone already is fine."""
    try:
        shutil.rmtree(path)
    except FileNotFoundError:
        return


@contextmanager
def disk_errors(doing: str) -> Iterator[None]:
    """Turn a full disk into :class:`DiskFull` and other failures of files into :class:`StoreError`.

    ``doing`` completes the sentence "no space left while ...".
    """
    try:
        yield
    except OSError as error:
        if is_full(error) or says_full(str(error)):
            raise DiskFull(doing) from error
        name = Path(error.filename).name if isinstance(error.filename, str) else "a file"
        raise StoreError(f"{name}: {error.strerror or error} while {doing}") from error
    except duckdb.OutOfMemoryException as error:
        if says_full(str(error)):
            raise DiskFull(doing) from error
        raise StoreError(f"not enough memory while {doing}: {_first_line(error)}") from error
    except duckdb.Error as error:
        if says_full(str(error)):
            raise DiskFull(doing) from error
        raise StoreError(f"{_first_line(error)} while {doing}") from error


def is_full(error: OSError) -> bool:
    """Whether an error of the system is about a full disk or a spent quota."""
    return error.errno in _FULL


def says_full(text: str) -> bool:
    """Whether an error is about a full disk: libraries hand the system's words on without the number."""
    lowered = text.lower()
    return (
        "no space left" in lowered
        or "disk quota exceeded" in lowered
        or "max_temp_directory_size" in lowered
        or "errno 28" in lowered
        or "disk is full" in lowered
    )


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]
