"""Builds of trees on the disk, and which of them is served (HIPS-129).

    HOME/hips/writer.lock
    HOME/hips/index.json              which build of which tree is served
    HOME/hips/trees/NAME/BUILD/tree/  what is served
    HOME/hips/trees/NAME/BUILD/       private tables beside it

A build is made under a name of its own and served once ``index.json`` names it, which is one rename: who is
killed, or finds the disk full, leaves the builds that were served before. The build before stays until the
next one, for readers that are at it.
"""

from __future__ import annotations

import ctypes
import json
import os
import re
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from vo_service.store.disk import disk_errors, flush_directory, remove_tree, write_durably
from vo_service.store.errors import StoreError
from vo_service.store.lock import hold_writer_lock

FOLDER = "hips"
"""Of the trees, in the home of a service."""
TREE = "tree"
_INDEX = "index.json"
_FORMAT = 1
_NAME = re.compile(r"[a-z0-9][a-z0-9-]*")


@dataclass(frozen=True, slots=True)
class Build:
    """One build of a tree; ``tree`` below its directory is what is served."""

    name: str
    build: str
    directory: Path

    @property
    def tree(self) -> Path:
        """The root of what is served."""
        return self.directory / TREE


class Trees:
    """The trees of a home: ``directory`` is HOME/hips."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._builds = directory / "trees"

    @contextmanager
    def writing(self, holder: str, wait_seconds: float = 0.0) -> Iterator[None]:
        """Hold the lock of all who write trees; ``holder`` is the command as a person would name it.

        Left-overs of builds that were killed, of whichever tree, go first. Raises WriterBusy, StoreError."""
        with disk_errors("making the directory of trees"):
            self._builds.mkdir(parents=True, exist_ok=True)
        with hold_writer_lock(self.directory / "writer.lock", holder, wait_seconds):
            with disk_errors("removing what killed builds left"):
                for place in filter(Path.is_dir, self._builds.iterdir()):
                    self._sweep(place.name)
            yield

    @property
    def index(self) -> Path:
        """The file that says what is served; it changes, as a whole, with every build."""
        return self.directory / _INDEX

    def served(self) -> dict[str, Build]:
        """The build that is served of each tree. Raises StoreError for an index that cannot be read."""
        named = self._named()
        return {name: self._build(name, builds[0]) for name, builds in sorted(named.items())}

    def current(self, name: str) -> Build | None:
        """The build that is served of one tree; None where there is none. Raises StoreError."""
        return self.served().get(name)

    @contextmanager
    def draft(self, name: str) -> Iterator[Build]:
        """A new directory for a build, gone again unless it was published. Only who holds the lock. Raises
        StoreError, DiskFull."""
        if not _NAME.fullmatch(name):
            raise StoreError(f"{name!r} is no name of a tree: small letters, digits and '-'")
        build = f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(4)}"
        found = self._build(name, build)
        with disk_errors(f"building the tree {name}"):
            found.tree.mkdir(parents=True)
            try:
                yield found
            finally:
                if build not in self._named().get(name, []):
                    remove_tree(found.directory)

    def publish(self, draft: Build) -> None:
        """Serve a build from now on. The one before stays, older ones go. Raises StoreError, DiskFull."""
        named = self._named()
        with disk_errors(f"publishing the tree {draft.name}"):
            _flush(draft.directory)
            named[draft.name] = [draft.build, *named.get(draft.name, [])[:1]]
            self._write(named)
        self._sweep(draft.name)

    def withdraw(self, name: str) -> None:
        """Serve a tree no more; its files go. Raises StoreError, DiskFull."""
        named = self._named()
        if named.pop(name, None) is not None:
            with disk_errors(f"withdrawing the tree {name}"):
                self._write(named)
        remove_tree(self._builds / name)

    def _build(self, name: str, build: str) -> Build:
        return Build(name, build, self._builds / name / build)

    def _named(self) -> dict[str, list[str]]:
        """Builds of each tree, the one that is served first."""
        try:
            index = json.loads(self.index.read_bytes())
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise StoreError(f"{_INDEX} of the trees cannot be read: {error}") from error
        if index.get("format") != _FORMAT:
            raise StoreError(f"{_INDEX} of the trees has format {index.get('format')}; this is for {_FORMAT}")
        return {name: list(builds) for name, builds in index["trees"].items()}

    def _write(self, named: Mapping[str, list[str]]) -> None:
        beside = self.index.with_name(_INDEX + ".new")
        write_durably(beside, json.dumps({"format": _FORMAT, "trees": named}, indent=1))
        beside.replace(self.index)
        flush_directory(self.directory)

    def _sweep(self, name: str) -> None:
        """Builds that the index does not name go; all of a tree that it does not."""
        kept = self._named().get(name)
        if kept is None:
            remove_tree(self._builds / name)
            return
        for directory in (self._builds / name).iterdir():
            if directory.name not in kept:
                remove_tree(directory)


def _flush(directory: Path) -> None:
    """Return only when all that was written on the file system of a directory is on the disk: one call for
    many thousands of files."""
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        library = ctypes.CDLL(None, use_errno=True)
        if library.syncfs(handle) != 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), str(directory))
    finally:
        os.close(handle)
