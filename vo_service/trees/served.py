"""The trees that are served now: the index is read again when it changes, and each build is opened once."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from hips.trees.held import MEMBERS, TILES, Held, read_held
from hips.trees.layout import PROPERTIES
from hips.trees.properties import Properties, PropertiesError, parse_properties
from hips.trees.versions import Build, Trees
from vo_service.dali.errors import ServiceAway
from vo_service.store import StoreError

_log = logging.getLogger(__name__)

_DEEPEST: Final = 29
_Mark = tuple[int, int, int] | None
"""Of a file that is only ever replaced: another one, another mark. None where there is none."""


@dataclass(frozen=True, eq=False)
class ServedTree:
    """One build, open. ``root`` is what is served of it, all links in its own path resolved. ``held``: what
    its builder knows of its tiles; None of a tree whose files are all that there is to know."""

    build: Build
    root: Path
    properties: Properties
    held: Held | None

    @property
    def name(self) -> str:
        """The name in its address."""
        return self.build.name

    @property
    def order(self) -> int:
        """hips_order."""
        return int(self.properties.get("hips_order") or 0)

    @property
    def has_members(self) -> bool:
        """Whether it shows pixels of data sets."""
        return self.held is not None and bool(self.held.names)

    @property
    def is_catalogue(self) -> bool:
        """Whether it shows rows of data sets."""
        return self.properties.get("dataproduct_type") == "catalog"

    @property
    def released(self) -> datetime:
        """When it was built (UTC, to the minute)."""
        found = datetime.fromisoformat(self.properties.get("hips_release_date") or "")
        return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Index:
    """What is served: builds by the names of their trees, those that are open, and when another build was
    served last (UTC; None where none ever was)."""

    mark: _Mark
    builds: Mapping[str, Build]
    changed: datetime | None
    opened: dict[str, ServedTree] = field(default_factory=dict)


_NOTHING = Index(None, {}, None)


class ServedTrees:
    """Finds trees by their names. Safe to use from many threads; its methods may block."""

    def __init__(self, trees: Trees, open_build: Callable[[Build], ServedTree] | None = None) -> None:
        self._trees = trees
        self._open = open_build or open_tree
        self._lock = threading.Lock()
        self._index = _NOTHING

    def find(self, name: str) -> ServedTree | None:
        """The build that is served of a tree; None where there is no tree of that name. Raises ServiceAway
        for one that cannot be read."""
        index = self.listed()
        build = index.builds.get(name)
        if build is None:
            return None
        known = index.opened.get(name)
        if known is None:
            with self._lock:
                known = index.opened.get(name) or self._opened(build)
                index.opened[name] = known
        return known

    def all(self) -> list[ServedTree]:
        """All trees that can be read, by name. Raises ServiceAway where nothing is known of any."""
        found = []
        for name in sorted(self.listed().builds):
            try:
                tree = self.find(name)
            except ServiceAway:  # it is in the log
                continue
            if tree is not None:
                found.append(tree)
        return found

    def listed(self) -> Index:
        """The index as it is now. Raises ServiceAway where it cannot be read."""
        mark, changed = _mark_of(self._trees.index)
        index = self._index
        if mark == index.mark:
            return index
        with self._lock:
            if mark == self._index.mark:
                return self._index
            try:
                builds = self._trees.served()
            except StoreError as error:
                raise _away(error) from error
            kept = {
                name: tree
                for name, tree in self._index.opened.items()
                if (build := builds.get(name)) is not None and build.build == tree.build.build
            }
            self._index = Index(mark, builds, changed, kept)
            return self._index

    def _opened(self, build: Build) -> ServedTree:
        try:
            return self._open(build)
        except (StoreError, OSError) as error:
            raise _away(error) from error


def open_tree(build: Build) -> ServedTree:
    """A build, open. Raises OSError and StoreError where it is not whole."""
    root = Path(os.path.realpath(build.tree, strict=True))
    try:
        properties = parse_properties((root / PROPERTIES).read_text(encoding="utf-8"))
        order = int(properties.get("hips_order") or "")
        datetime.fromisoformat(properties.get("hips_release_date") or "")
    except (PropertiesError, ValueError) as error:
        raise StoreError(f"the properties of the tree {build.name} cannot be read: {error}") from error
    if not 0 <= order <= _DEEPEST:
        raise StoreError(f"the tree {build.name} has order {order}")
    held = None
    if any((build.directory / name).exists() for name in (TILES, MEMBERS)):
        held = read_held(build.directory)
        held.covered.meets(0, 0)  # worked out here, so that no request has to
    return ServedTree(build, root, properties, held)


def _mark_of(path: Path) -> tuple[_Mark, datetime | None]:
    try:
        state = path.stat()
    except FileNotFoundError:
        return None, None
    except OSError as error:
        raise _away(error) from error
    changed = datetime.fromtimestamp(state.st_mtime_ns // 10**9, UTC)
    return (state.st_ino, state.st_mtime_ns, state.st_size), changed


def _away(error: Exception) -> ServiceAway:
    _log.error("a tree cannot be read: %s", str(error).partition("\n")[0])
    return ServiceAway("The trees of this service cannot be read at present.")
