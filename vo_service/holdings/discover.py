"""Finding files below a path: recursive, in a fixed order, with an entry for everything that could not be
reached.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from heapq import merge
from itertools import islice
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO

from vo_service.holdings.records import FoundFile
from vo_service.shown_names import holds_controls, shown_name


@dataclass(frozen=True, slots=True)
class Unreachable:
    """A directory or file that discovery could not take. ``kind``: ``permission``, ``outside`` (a symbolic
    link that leaves the root), ``unreadable``. ``path`` is relative to the root, as it can be shown: without
    control characters, and always encodable as UTF-8.
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
        folders = []
        try:
            for name in sorted_names(os.path.join(top, current)):  # noqa: PTH118 - a hot loop
                found = _take(f"{current}/{name}" if current else name, top, root)
                if isinstance(found, str):
                    folders.append(found)
                elif found is not None:
                    yield found
        except OSError as error:
            yield _unreachable(root, current or ".", error)
        pending.extend(reversed(folders))


def sorted_names(folder: str, at_once: int = 50_000) -> Iterator[str]:
    """The names in a folder, sorted, in memory that does not grow with their number: more than ``at_once``
    are sorted in parts, which lie in a temporary file until they are merged. Raises OSError.
    """
    with os.scandir(folder) as entries, ExitStack() as open_files:
        parts: list[Iterator[str]] = []
        while names := sorted(entry.name for entry in islice(entries, at_once)):
            if len(names) < at_once:
                parts.append(iter(names))
                break
            spill = open_files.enter_context(TemporaryFile())
            spill.write(b"\0".join(map(os.fsencode, names)) + b"\0")
            parts.append(_read_names(spill))
        yield from merge(*parts)


def _read_names(spill: BinaryIO) -> Iterator[str]:
    spill.seek(0)
    rest = b""
    while block := spill.read(1 << 14):
        *whole, rest = (rest + block).split(b"\0")
        yield from map(os.fsdecode, whole)


def _take(relative: str, top: str, root: str) -> FoundFile | Unreachable | str | None:
    """What an entry is: a file, a problem, a folder to walk (its relative path) or nothing of ours."""
    problem = _name_problem(relative)
    if problem is not None:
        message = f"{problem}; rename it so that it can be published"
        return Unreachable(root, shown_name(relative), "unreadable", message)
    try:
        status = os.lstat(os.path.join(top, relative))  # noqa: PTH118
        if stat.S_ISLNK(status.st_mode):
            return _check_link(relative, top, root)
        if stat.S_ISDIR(status.st_mode):
            return relative
        return _found(status, relative, root)
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
    problem = _name_problem(name)
    if problem is not None:
        return Unreachable(root, shown_name(name), "unreadable", problem)
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


def _name_problem(name: str) -> str | None:
    """Why a name cannot be published."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return "the name is not valid UTF-8"
    return "the name has control characters in it" if holds_controls(name) else None
