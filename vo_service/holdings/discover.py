"""Finding files below a path: recursive, in a fixed order, with an entry for everything that could not be
reached.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from vo_service.holdings.records import FoundFile


@dataclass(frozen=True, slots=True)
class Unreachable:
    """A directory or file that discovery could not take. ``kind``: ``permission``, ``outside`` (a symbolic
    link that leaves the root), ``unreadable``. ``path`` is relative to the root and always encodable as
    UTF-8.
    """

    root: str
    path: str
    kind: str
    message: str


def discover(path: Path, root: str) -> Iterator[FoundFile | Unreachable]:
    """Regular files below the directory ``path``, which becomes the ingest root named ``root``; ``path``
    may be a single file, whose directory is the root then.

    Symbolic links are not followed: what they point to within the root is found at its own place, what lies
    outside is reported. So loops of links cannot hang the walk. Devices, sockets and pipes are passed over.
    """
    if not os.path.isdir(path):  # noqa: PTH112 - False, not an error, where a parent is closed to us
        yield _inspect(os.fspath(path.parent), path.name, root)
        return
    top = os.fspath(path.resolve())
    yield from _walk(top, "", root)


def _walk(top: str, folder: str, root: str) -> Iterator[FoundFile | Unreachable]:
    pending = [folder]
    while pending:
        current = pending.pop()
        try:
            with os.scandir(os.path.join(top, current)) as entries:  # noqa: PTH118 - a hot loop over many entries
                names = sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            yield _unreachable(root, current or ".", error)
            continue
        folders = []
        for entry in names:
            relative = f"{current}/{entry.name}" if current else entry.name
            found = _take(entry, relative, top, root)
            if isinstance(found, str):
                folders.append(found)
            elif found is not None:
                yield found
        pending.extend(reversed(folders))


def _take(
    entry: os.DirEntry[str], relative: str, top: str, root: str
) -> FoundFile | Unreachable | str | None:
    """What an entry is: a file, a problem, a folder to walk (its relative path) or nothing of ours."""
    if not _is_text(relative):
        message = "the name is not valid UTF-8; rename it so that it can be published"
        return Unreachable(root, _printable(relative), "unreadable", message)
    try:
        if entry.is_symlink():
            return _check_link(relative, top, root)
        if entry.is_dir(follow_symlinks=False):
            return relative
        return _found(entry.stat(follow_symlinks=False), relative, root)
    except OSError as error:
        return _unreachable(root, relative, error)


def _check_link(relative: str, top: str, root: str) -> Unreachable | None:
    """Nothing for a link to something within the root, which is found at its own place."""
    full = os.path.join(top, relative)  # noqa: PTH118
    target = os.path.realpath(full)
    if not os.path.exists(target):  # noqa: PTH110
        return Unreachable(root, relative, "unreadable", "a symbolic link that leads nowhere")
    if target == top or target.startswith(top.rstrip("/") + "/"):
        return None
    return Unreachable(
        root, relative, "outside", "a symbolic link that leads out of the ingest root is not followed"
    )


def _inspect(folder: str, name: str, root: str) -> FoundFile | Unreachable:
    if not _is_text(name):
        return Unreachable(root, _printable(name), "unreadable", "the name is not valid UTF-8")
    try:
        found = _found(os.stat(os.path.join(folder, name)), name, root)  # noqa: PTH116, PTH118
    except OSError as error:
        return _unreachable(root, name, error)
    return found or Unreachable(root, name, "unreadable", "neither a file nor a directory")


def _found(status: os.stat_result, relative: str, root: str) -> FoundFile | None:
    if not stat.S_ISREG(status.st_mode):
        return None
    return FoundFile(root, relative, status.st_size, status.st_mtime_ns)


def _unreachable(root: str, path: str, error: OSError) -> Unreachable:
    what = "the directory" if path == "." else path
    if isinstance(error, PermissionError):
        return Unreachable(root, path, "permission", f"no permission to read {what}")
    return Unreachable(root, path, "unreadable", f"{what} cannot be read: {error.strerror or error}")


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _printable(name: str) -> str:
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
